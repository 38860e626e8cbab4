// Values of one type as another, as upstream's ColumnAggregator.castTo does for keys, and numbers
// as Java prints them.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/real.h"
#include "codec/json.h"
#include "fetcher/fetcher_int.h"

// ---- Java's numbers ---------------------------------------------------------------------------

enum { REAL_SIZE = 32 };

static char *put(char *to, const char *bytes, int32_t n)
{
  memcpy(to, bytes, (size_t)n);
  return to + n;
}

/// Lays digits (no point, no sign) with a decimal exponent out as Java does: 0.001 to 9999999
/// plain, others as 1.0E10; always with a fraction. Returns the end.
static char *java_layout(const char *digits, int32_t n, int32_t exponent, char *to)
{
  if (exponent < -3 || exponent >= 7) {
    to = put(to, digits, 1);
    to = put(to, ".", 1);
    to = n > 1 ? put(to, digits + 1, n - 1) : put(to, "0", 1);
    return to + sprintf(to, "E%d", (int)exponent);
  }
  if (exponent < 0) {
    to = put(to, "0.00", 1 - exponent);
    return put(to, digits, n);
  }
  if (n <= exponent + 1) {
    to = put(to, digits, n);
    to = put(to, "000000", exponent + 1 - n);
    return put(to, ".0", 2);
  }
  to = put(to, digits, exponent + 1);
  to = put(to, ".", 1);
  return put(to, digits + exponent + 1, n - exponent - 1);
}

/// What is no finite number other than 0.
static bool special(double v, struct chn_buf *out)
{
  if (isfinite(v) && v != 0) {
    return false;
  }
  if (isnan(v)) {
    chn_buf_adds(out, "NaN");
  } else {
    chn_buf_adds(out, signbit(v) ? "-" : "");
    chn_buf_adds(out, isinf(v) ? "Infinity" : "0.0");
  }
  return true;
}

void fetch_java_double(double v, struct chn_buf *out)
{
  if (special(v, out)) {
    return;
  }
  char digits[CHN_DIGITS_SIZE];
  char text[REAL_SIZE] = "-";
  int32_t exponent = 0;
  const int32_t n = chn_digits_of_double(fabs(v), digits, &exponent);
  const char *end = java_layout(digits, n, exponent, text + (signbit(v) ? 1 : 0));
  chn_buf_add(out, text, (size_t)(end - text));
}

void fetch_java_float(float v, struct chn_buf *out)
{
  if (special((double)v, out)) {
    return;
  }
  char digits[CHN_DIGITS_SIZE];
  char text[REAL_SIZE] = "-";
  int32_t exponent = 0;
  const int32_t n = chn_digits_of_float(fabsf(v), digits, &exponent);
  const char *end = java_layout(digits, n, exponent, text + (signbit(v) ? 1 : 0));
  chn_buf_add(out, text, (size_t)(end - text));
}

// ---- casting ----------------------------------------------------------------------------------

static const char *not_a_number(struct arena *a, const struct cast_from *v)
{
  return arena_printf(a, "For input string: \"%.*s\"", (int)v->len, v->text);
}

static bool to_long(const struct cast_from *v, int64_t *out, struct arena *a, const char **why)
{
  switch (v->kind) {
  case CAST_INT: *out = v->whole; return true;
  case CAST_REAL: // Java's (long): NaN is 0, beyond the range the nearest
    *out = isnan(v->real)                      ? 0
           : v->real >= 9223372036854775807.0  ? INT64_MAX
           : v->real <= -9223372036854775808.0 ? INT64_MIN
                                               : (int64_t)v->real;
    return true;
  case CAST_TEXT: {
    char *end = NULL;
    const char *text = arena_strndup(a, v->text, v->len);
    const char *digits = text + (*text == '-' || *text == '+' ? 1 : 0);
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (*digits < '0' || *digits > '9' || end != text + v->len || errno != 0) {
      *why = not_a_number(a, v);
      return false;
    }
    return true;
  }
  default: *why = "true or false is no number"; return false;
  }
}

static bool to_double(const struct cast_from *v, double *out, struct arena *a, const char **why)
{
  switch (v->kind) {
  case CAST_INT: *out = (double)v->whole; return true;
  case CAST_REAL: *out = v->real; return true;
  case CAST_TEXT: {
    char *end = NULL;
    const char *text = arena_strndup(a, v->text, v->len);
    *out = strtod(text, &end);
    if (v->len == 0 || end != text + v->len || strpbrk(text, "xX") != NULL) {
      *why = not_a_number(a, v);
      return false;
    }
    return true;
  }
  default: *why = "true or false is no number"; return false;
  }
}

static void as_text(const struct cast_from *v, struct chn_buf *out)
{
  switch (v->kind) {
  case CAST_INT: chn_buf_addf(out, "%lld", (long long)v->whole); break;
  case CAST_REAL: fetch_java_double(v->real, out); break;
  case CAST_TEXT: chn_buf_add(out, v->text, v->len); break;
  case CAST_BOOL: chn_buf_adds(out, v->whole != 0 ? "true" : "false"); break;
  }
}

static bool put_string(struct row_builder *to, const struct cast_from *v)
{
  if (v->kind == CAST_TEXT) {
    row_builder_string(to, v->text, v->len);
    return true;
  }
  struct chn_buf text = { 0 };
  as_text(v, &text);
  row_builder_string(to, chn_buf_str(&text), text.len);
  chn_buf_deinit(&text);
  return true;
}

/// What JSON has no number for, as the answers write it.
static bool is_no_number(const struct cast_from *v, float *out)
{
  static const struct {
    const char *text;
    float value;
  } known[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };
  for (size_t i = 0; v->kind == CAST_TEXT && i < sizeof known / sizeof known[0]; i++) {
    if (v->len == strlen(known[i].text) && memcmp(v->text, known[i].text, v->len) == 0) {
      *out = known[i].value;
      return true;
    }
  }
  return false;
}

/// Kinds that upstream does not cast: the value must be of the kind.
static bool put_exact(struct row_builder *to, enum row_kind kind, const struct cast_from *v,
                      const char **why)
{
  const int64_t max = kind == ROW_BYTE ? INT8_MAX : kind == ROW_SHORT ? INT16_MAX : INT32_MAX;
  float real = 0;
  if (kind == ROW_BOOLEAN && v->kind == CAST_BOOL) {
    row_builder_value(to, &(bool){ v->whole != 0 });
  } else if (kind == ROW_FLOAT && (v->kind == CAST_REAL || v->kind == CAST_INT)) {
    row_builder_value(to, &(float){ v->kind == CAST_REAL ? (float)v->real : (float)v->whole });
  } else if (kind == ROW_FLOAT && is_no_number(v, &real)) {
    row_builder_value(to, &real);
  } else if (v->kind == CAST_INT && v->whole <= max && v->whole >= -max - 1 && kind == ROW_INT) {
    row_builder_value(to, &(int32_t){ (int32_t)v->whole });
  } else if (v->kind == CAST_INT && v->whole <= max && v->whole >= -max - 1 && kind == ROW_SHORT) {
    row_builder_value(to, &(int16_t){ (int16_t)v->whole });
  } else if (v->kind == CAST_INT && v->whole <= max && v->whole >= -max - 1 && kind == ROW_BYTE) {
    row_builder_value(to, &(int8_t){ (int8_t)v->whole });
  } else {
    *why = "Couldn't encode request keys or casted keys";
    return false;
  }
  return true;
}

bool fetch_cast_put(struct row_builder *to, const struct row_type *type, const struct cast_from *v,
                    struct arena *a, const char **why)
{
  int64_t whole = 0;
  double real = 0;
  switch (type->kind) {
  case ROW_LONG:
    if (!to_long(v, &whole, a, why)) {
      return false;
    }
    row_builder_value(to, &whole);
    return true;
  case ROW_DOUBLE:
    if (!to_double(v, &real, a, why)) {
      return false;
    }
    row_builder_value(to, &real);
    return true;
  case ROW_STRING: return put_string(to, v);
  case ROW_BINARY:
    if (v->kind == CAST_TEXT) {
      return put_string(to, v);
    }
    *why = "Couldn't encode request keys or casted keys";
    return false;
  default: return put_exact(to, type->kind, v, why);
  }
}

/// A scalar cell; false for what is none.
static bool read_scalar(const struct row_col *c, size_t row, struct cast_from *v)
{
  switch (c->type->kind) {
  case ROW_BOOLEAN:
    *v = (struct cast_from){ .kind = CAST_BOOL, .whole = ((const bool *)c->data)[row] };
    return true;
  case ROW_BYTE:
    *v = (struct cast_from){ .kind = CAST_INT, .whole = ((const int8_t *)c->data)[row] };
    return true;
  case ROW_SHORT:
    *v = (struct cast_from){ .kind = CAST_INT, .whole = ((const int16_t *)c->data)[row] };
    return true;
  case ROW_INT:
    *v = (struct cast_from){ .kind = CAST_INT, .whole = ((const int32_t *)c->data)[row] };
    return true;
  case ROW_LONG:
    *v = (struct cast_from){ .kind = CAST_INT, .whole = ((const int64_t *)c->data)[row] };
    return true;
  case ROW_FLOAT:
    *v = (struct cast_from){ .kind = CAST_REAL, .real = (double)((const float *)c->data)[row] };
    return true;
  case ROW_DOUBLE:
    *v = (struct cast_from){ .kind = CAST_REAL, .real = ((const double *)c->data)[row] };
    return true;
  case ROW_STRING:
  case ROW_BINARY: {
    const struct row_str *s = (const struct row_str *)c->data + row;
    *v = (struct cast_from){ .kind = CAST_TEXT, .text = row_str_bytes(s), .len = s->len };
    return true;
  }
  default: return false;
  }
}

bool fetch_cast_value(struct row_builder *to, const struct row_type *type,
                      const struct row_col *from, size_t row, struct arena *a, const char **why)
{
  struct cast_from v;
  if (row_is_null(from, row)) {
    row_builder_null(to);
    return true;
  }
  if (!read_scalar(from, row, &v)) {
    *why = "Couldn't encode request keys or casted keys";
    return false;
  }
  return fetch_cast_put(to, type, &v, a, why);
}

void fetch_cast_text(const struct row_col *c, size_t row, struct chn_buf *out)
{
  struct cast_from v;
  if (row_is_null(c, row) || !read_scalar(c, row, &v)) {
    chn_buf_adds(out, "null");
  } else {
    as_text(&v, out);
  }
}
