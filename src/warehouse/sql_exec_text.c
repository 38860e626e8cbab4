// Numbers and texts as Java has them: what CAST(s AS INT) accepts, how a double prints.
#include "warehouse/sql_exec_int.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void sp_trim(const char **s, size_t *len)
{
  while (*len && ((unsigned char)**s <= 0x20 || (unsigned char)**s == 0x7F)) {
    ++*s;
    --*len;
  }
  while (*len && ((unsigned char)(*s)[*len - 1] <= 0x20 || (unsigned char)(*s)[*len - 1] == 0x7F)) {
    --*len;
  }
}

bool sp_text_to_int(const char *s, size_t len, int64_t min, int64_t max, int64_t *out)
{
  sp_trim(&s, &len);
  const bool minus = len && *s == '-';
  size_t i = len && (*s == '-' || *s == '+');
  if (i == len) {
    return false;
  }
  __int128 v = 0;
  for (; i < len && isdigit((unsigned char)s[i]); i++) {
    v = v * 10 + (s[i] - '0');
    if (v > (__int128)INT64_MAX + 1) {
      return false;
    }
  }
  if (i < len && s[i] == '.') { // digits behind the point are dropped
    i++;
    while (i < len && isdigit((unsigned char)s[i])) {
      i++;
    }
  }
  v = minus ? -v : v;
  *out = (int64_t)v;
  return i == len && v >= min && v <= max;
}

// Infinity and NaN by name, in any case.
static bool special_double(const char *s, size_t len, double *out)
{
  static const struct {
    const char *word;
    double value;
  } words[] = {
    { "inf", INFINITY },      { "+inf", INFINITY },
    { "infinity", INFINITY }, { "+infinity", INFINITY },
    { "-inf", -INFINITY },    { "-infinity", -INFINITY },
    { "nan", NAN },
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strlen(words[i].word) == len && strncasecmp(s, words[i].word, len) == 0) {
      *out = words[i].value;
      return true;
    }
  }
  return false;
}

bool sp_text_to_double(const char *s, size_t len, double *out)
{
  sp_trim(&s, &len);
  if (len && strchr("dDfF", s[len - 1]) && len > 1 &&
      (isdigit((unsigned char)s[len - 2]) || s[len - 2] == '.')) {
    len--; // Java's type suffixes
  }
  char text[512];
  if (len == 0 || len >= sizeof text) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    if (!strchr("+-.0123456789eE", s[i])) {
      return special_double(s, len, out);
    }
  }
  memcpy(text, s, len);
  text[len] = 0;
  char *end = NULL;
  *out = strtod(text, &end);
  return end == text + len;
}

bool sp_text_to_bool(const char *s, size_t len, bool *out)
{
  static const char *const words[] = { "t", "true", "y", "yes", "1", "f", "false", "n", "no", "0" };
  sp_trim(&s, &len);
  for (size_t i = 0; i < 10; i++) {
    if (strlen(words[i]) == len && strncasecmp(s, words[i], len) == 0) {
      *out = i < 5;
      return true;
    }
  }
  return false;
}

// ---- printing ---------------------------------------------------------------------------------

// The fewest digits that read back as the same number: 0.ddd x 10^exponent.
static size_t shortest(double d, bool is_float, char *digits, int *exponent)
{
  char text[40];
  for (int precision = is_float ? 5 : 14; precision <= 16; precision++) {
    snprintf(text, sizeof text, "%.*e", precision, d);
    if (is_float ? strtof(text, NULL) == (float)d : strtod(text, NULL) == d) {
      break;
    }
  }
  char *e = strchr(text, 'e');
  *exponent = (int)strtol(e + 1, NULL, 10) + 1;
  size_t n = 0;
  for (const char *c = text; c < e; c++) {
    if (isdigit((unsigned char)*c)) {
      digits[n++] = *c;
    }
  }
  while (n > 1 && digits[n - 1] == '0') {
    n--;
  }
  return n;
}

static size_t plain_text(char *out, const char *digits, size_t n, int exponent)
{
  size_t at = 0;
  if (exponent <= 0) {
    at = (size_t)sprintf(out, "0.%.*s", -exponent, "00000000");
    memcpy(out + at, digits, n);
    return at + n;
  }
  for (size_t i = 0; i < n || i < (size_t)exponent + 1; i++) {
    if (i == (size_t)exponent) {
      out[at++] = '.';
    }
    out[at++] = i < n ? digits[i] : '0';
  }
  return at;
}

size_t sp_double_text(double d, bool is_float, char *out)
{
  if (isnan(d)) {
    return (size_t)sprintf(out, "NaN");
  }
  size_t at = 0;
  if (signbit(d)) {
    out[at++] = '-';
    d = -d;
  }
  if (isinf(d)) {
    return at + (size_t)sprintf(out + at, "Infinity");
  }
  if (d == 0) {
    return at + (size_t)sprintf(out + at, "0.0");
  }
  char digits[40];
  int exponent = 0;
  const size_t n = shortest(d, is_float, digits, &exponent);
  if (d >= 1e-3 && d < 1e7) {
    return at + plain_text(out + at, digits, n, exponent);
  }
  at += (size_t)sprintf(out + at, "%c.%.*sE%d", digits[0], n > 1 ? (int)n - 1 : 1,
                        n > 1 ? digits + 1 : "0", exponent - 1);
  return at;
}

size_t sp_huge_text(__int128 v, uint8_t scale, char *out)
{
  char digits[64];
  size_t n = 0;
  const bool minus = v < 0;
  unsigned __int128 u = minus ? -(unsigned __int128)v : (unsigned __int128)v;
  do {
    digits[n++] = (char)('0' + (int)(u % 10));
    u /= 10;
  } while (u || n <= scale);
  size_t at = 0;
  if (minus) {
    out[at++] = '-';
  }
  while (n) {
    if (n == scale) {
      out[at++] = '.';
    }
    out[at++] = digits[--n];
  }
  return at;
}

static void print_list(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  struct sp_reader kid;
  const duckdb_list_entry e = ((const duckdb_list_entry *)r->data)[i];
  sp_open(&kid, duckdb_list_vector_get_child(r->vector));
  chn_buf_addc(b, '[');
  for (idx_t k = 0; k < e.length; k++) {
    chn_buf_adds(b, k ? ", " : "");
    sp_print(b, &kid, e.offset + k);
  }
  chn_buf_addc(b, ']');
}

static void print_map(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  struct sp_reader key;
  struct sp_reader value;
  const duckdb_list_entry e = ((const duckdb_list_entry *)r->data)[i];
  const duckdb_vector entries = duckdb_list_vector_get_child(r->vector);
  sp_open(&key, duckdb_struct_vector_get_child(entries, 0));
  sp_open(&value, duckdb_struct_vector_get_child(entries, 1));
  chn_buf_addc(b, '{');
  for (idx_t k = 0; k < e.length; k++) {
    chn_buf_adds(b, k ? ", " : "");
    sp_print(b, &key, e.offset + k);
    chn_buf_adds(b, " -> ");
    sp_print(b, &value, e.offset + k);
  }
  chn_buf_addc(b, '}');
}

static void print_struct(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  duckdb_logical_type t = duckdb_vector_get_column_type(r->vector);
  const idx_t n = duckdb_struct_type_child_count(t);
  duckdb_destroy_logical_type(&t);
  chn_buf_addc(b, '{');
  for (idx_t k = 0; k < n; k++) {
    struct sp_reader kid;
    sp_open(&kid, duckdb_struct_vector_get_child(r->vector, k));
    chn_buf_adds(b, k ? ", " : "");
    sp_print(b, &kid, i);
  }
  chn_buf_addc(b, '}');
}

static void print_nested(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  if (r->type == DUCKDB_TYPE_LIST) {
    print_list(b, r, i);
  } else if (r->type == DUCKDB_TYPE_MAP) {
    print_map(b, r, i);
  } else {
    print_struct(b, r, i);
  }
}

static void print_int(struct chn_buf *b, int64_t v)
{
  char text[SP_MAX_NUMBER];
  size_t at = sizeof text;
  uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
  do {
    text[--at] = (char)('0' + u % 10);
    u /= 10;
  } while (u);
  if (v < 0) {
    text[--at] = '-';
  }
  chn_buf_add(b, text + at, sizeof text - at);
}

void sp_print(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  char text[SP_MAX_NUMBER];
  const struct sp_value v = sp_get(r, i);
  switch (v.kind) {
  case SP_NULL: chn_buf_adds(b, "null"); break;
  case SP_BOOL: chn_buf_adds(b, v.i ? "true" : "false"); break;
  case SP_INT: print_int(b, v.i); break;
  case SP_HUGE: chn_buf_add(b, text, sp_huge_text(v.h, 0, text)); break;
  case SP_DECIMAL: chn_buf_add(b, text, sp_huge_text(v.h, v.scale, text)); break;
  case SP_FLOAT:
  case SP_DOUBLE: chn_buf_add(b, text, sp_double_text(v.d, v.kind == SP_FLOAT, text)); break;
  case SP_STRING:
  case SP_BLOB: chn_buf_add(b, v.s, v.len); break;
  case SP_DATE: chn_buf_add(b, text, sp_date_text(v.i, text)); break;
  case SP_TIME: chn_buf_add(b, text, sp_time_text(v.i, text)); break;
  case SP_NESTED: print_nested(b, r, i); break;
  case SP_OTHER: chn_buf_adds(b, "?"); break;
  }
}
