// Strings by characters (code points), one-based, with Spark's rules for positions outside.
#include "warehouse/sql_exec_int.h"
#include <stdlib.h>
#include <string.h>

static bool starts_char(char c)
{
  return ((unsigned char)c & 0xC0) != 0x80;
}

static int64_t count_chars(const char *s, size_t len)
{
  int64_t n = 0;
  for (size_t i = 0; i < len; i++) {
    n += starts_char(s[i]);
  }
  return n;
}

// Bytes before character `n` (0 is the first); len where there are fewer.
static size_t offset_of(const char *s, size_t len, int64_t n)
{
  size_t i = 0;
  while (i < len && n > 0) {
    i++;
    while (i < len && !starts_char(s[i])) {
      i++;
    }
    n--;
  }
  return i;
}

// memmem with Java's answer for the empty needle: found at once.
static const char *find(const char *s, size_t len, const char *what, size_t what_len)
{
  return what_len == 0 ? s : memmem(s, len, what, what_len);
}

// sp_substring(s, position, length)
static void run_substring(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[3];
  sp_open_all(r, in, 3);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value s = sp_get(&r[0], i);
    const struct sp_value position = sp_get(&r[1], i);
    const struct sp_value length = sp_get(&r[2], i);
    if (s.kind == SP_NULL || position.kind == SP_NULL || length.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    int64_t start = position.i > 0 ? position.i - 1 : 0;
    if (position.i < 0) {
      start = count_chars(s.s, s.len) + position.i; // may lie before the text, and eats length
    }
    const int64_t end = start + length.i;
    start = start < 0 ? 0 : start;
    const size_t from = offset_of(s.s, s.len, start);
    const size_t take = end > start ? offset_of(s.s + from, s.len - from, end - start) : 0;
    sp_set_text(out, i, s.s + from, take);
  }
}

// sp_substring_index(s, delimiter, count)
static size_t index_from_left(const struct sp_value *s, const struct sp_value *d, int64_t count)
{
  const char *at = s->s;
  const char *end = s->s + s->len;
  while (count > 0) {
    const char *hit = memmem(at, (size_t)(end - at), d->s, d->len);
    if (!hit) {
      return s->len;
    }
    if (--count == 0) {
      return (size_t)(hit - s->s);
    }
    at = hit + 1; // Spark steps by one character, not by the delimiter
  }
  return 0;
}

static size_t index_from_right(const struct sp_value *s, const struct sp_value *d, int64_t count)
{
  int64_t at = (int64_t)s->len - (int64_t)d->len;
  while (at >= 0) {
    if (memcmp(s->s + at, d->s, d->len) == 0 && --count == 0) {
      return (size_t)at + d->len;
    }
    at--;
  }
  return 0;
}

static void run_substring_index(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[3];
  sp_open_all(r, in, 3);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value s = sp_get(&r[0], i);
    const struct sp_value d = sp_get(&r[1], i);
    const struct sp_value count = sp_get(&r[2], i);
    if (s.kind == SP_NULL || d.kind == SP_NULL || count.kind == SP_NULL) {
      sp_set_null(out, i);
    } else if (d.len == 0 || count.i == 0) {
      sp_set_text(out, i, "", 0);
    } else if (count.i > 0) {
      sp_set_text(out, i, s.s, index_from_left(&s, &d, count.i));
    } else {
      const size_t from = index_from_right(&s, &d, -count.i);
      sp_set_text(out, i, s.s + from, s.len - from);
    }
  }
}

// sp_locate(needle, s, position): 0 where there is none, where the position is not positive and,
// unlike everything else, where the position is NULL.
static void run_locate(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[3];
  sp_open_all(r, in, 3);
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value what = sp_get(&r[0], i);
    const struct sp_value s = sp_get(&r[1], i);
    const struct sp_value position = sp_get(&r[2], i);
    z[i] = 0;
    if (position.kind == SP_NULL) {
      continue;
    }
    if (what.kind == SP_NULL || s.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    if (position.i < 1 || position.i > count_chars(s.s, s.len) + 1) {
      continue;
    }
    const size_t from = offset_of(s.s, s.len, position.i - 1);
    const char *hit = find(s.s + from, s.len - from, what.s, what.len);
    z[i] = hit ? (int32_t)count_chars(s.s, (size_t)(hit - s.s)) + 1 : 0;
  }
}

// sp_lpad(s, length, pad), sp_rpad: the extra info tells the left one
static void run_pad(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[3];
  sp_open_all(r, in, 3);
  struct chn_buf b = { .max = SP_MAX_TEXT };
  const bool left = duckdb_scalar_function_get_extra_info(info) != NULL;
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value s = sp_get(&r[0], i);
    const struct sp_value want = sp_get(&r[1], i);
    const struct sp_value pad = sp_get(&r[2], i);
    if (s.kind == SP_NULL || want.kind == SP_NULL || pad.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    const int64_t have = count_chars(s.s, s.len);
    int64_t missing = pad.len ? want.i - have : 0;
    if (missing > 100000000) {
      duckdb_scalar_function_set_error(info, "lpad, rpad: longer than 100,000,000 characters");
      break;
    }
    chn_buf_clear(&b);
    if (!left || missing <= 0) {
      chn_buf_add(&b, s.s, offset_of(s.s, s.len, want.i < have ? want.i : have));
    }
    const int64_t width = count_chars(pad.s, pad.len);
    for (; missing > 0; missing -= width) {
      chn_buf_add(&b, pad.s, missing >= width ? pad.len : offset_of(pad.s, pad.len, missing));
    }
    if (left && pad.len && want.i > have) {
      chn_buf_add(&b, s.s, s.len);
    }
    if (!sp_set_buf(info, out, i, &b)) {
      break;
    }
  }
  chn_buf_deinit(&b);
}

// ---- concat_ws --------------------------------------------------------------------------------

static void join_one(struct chn_buf *b, const struct sp_reader *r, idx_t i,
                     const struct sp_value *separator, bool *first)
{
  if (sp_is_null(r, i)) {
    return;
  }
  if (r->type == DUCKDB_TYPE_LIST) {
    struct sp_reader kid;
    const duckdb_list_entry e = ((const duckdb_list_entry *)r->data)[i];
    sp_open(&kid, duckdb_list_vector_get_child(r->vector));
    for (idx_t k = 0; k < e.length; k++) {
      join_one(b, &kid, e.offset + k, separator, first);
    }
    return;
  }
  if (!*first) {
    chn_buf_add(b, separator->s, separator->len);
  }
  *first = false;
  sp_print(b, r, i);
}

// sp_concat_ws(separator, values and lists of values ...): NULLs are left out
static void run_concat_ws(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader separator;
  const idx_t columns = duckdb_data_chunk_get_column_count(in);
  const idx_t n = duckdb_data_chunk_get_size(in);
  struct chn_buf b = { .max = SP_MAX_TEXT };
  struct sp_reader *r = calloc(columns, sizeof *r);
  if (!r) {
    duckdb_scalar_function_set_error(info, "out of memory");
    return;
  }
  sp_open_all(r, in, columns);
  separator = r[0];
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value s = sp_get(&separator, i);
    if (s.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    chn_buf_clear(&b);
    bool first = true;
    for (idx_t c = 1; c < columns; c++) {
      join_one(&b, &r[c], i, &s, &first);
    }
    if (!sp_set_buf(info, out, i, &b)) {
      break;
    }
  }
  chn_buf_deinit(&b);
  free(r);
}

// ---- numbers as text --------------------------------------------------------------------------

static size_t radix_text(uint64_t v, uint32_t radix, char *out)
{
  char digits[65];
  size_t n = 0;
  do {
    digits[n++] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[v % radix];
    v /= radix;
  } while (v);
  for (size_t i = 0; i < n; i++) {
    out[i] = digits[n - 1 - i];
  }
  return n;
}

struct radix {
  uint32_t of;
};

static const struct radix binary = { 2 };
static const struct radix hexadecimal = { 16 };

static void run_radix(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct radix *radix = duckdb_scalar_function_get_extra_info(info);
  struct sp_reader r;
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    char text[65];
    if (v.kind == SP_NULL) {
      sp_set_null(out, i);
    } else {
      sp_set_text(out, i, text, radix_text((uint64_t)v.i, radix->of, text));
    }
  }
}

static void run_hex_bytes(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  struct chn_buf b = { .max = SP_MAX_TEXT };
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    if (v.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    chn_buf_clear(&b);
    for (uint32_t k = 0; k < v.len; k++) {
      chn_buf_addf(&b, "%02X", (uint8_t)v.s[k]);
    }
    if (!sp_set_buf(info, out, i, &b)) {
      break;
    }
  }
  chn_buf_deinit(&b);
}

static int digit_of(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'A' && c <= 'Z' ? c - 'A' + 10
         : c >= 'a' && c <= 'z' ? c - 'a' + 10
                                : 99;
}

// unhex: an odd number of digits has a zero in front; NULL where one is not a digit
static void run_unhex(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  struct chn_buf b = { .max = SP_MAX_TEXT };
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    bool ok = v.kind == SP_STRING;
    chn_buf_clear(&b);
    for (uint32_t k = 0; ok && k < v.len;) {
      const int high = (v.len - k) % 2 ? 0 : digit_of(v.s[k++]);
      const int low = digit_of(v.s[k++]);
      ok = high < 16 && low < 16;
      chn_buf_addc(&b, (char)(high * 16 + low));
    }
    if (!ok) {
      sp_set_null(out, i);
    } else if (!sp_set_buf(info, out, i, &b)) {
      break;
    }
  }
  chn_buf_deinit(&b);
}

// conv(text, from, to): 64-bit two's complement, saturating; a negative `to` prints a sign
static bool convert(const struct sp_value *s, int64_t from, int64_t to, char *text, size_t *len)
{
  const int64_t base = to < 0 ? -to : to;
  if (from < 2 || from > 36 || base < 2 || base > 36 || s->len == 0) {
    return false;
  }
  const bool minus = s->s[0] == '-';
  unsigned __int128 v = 0;
  for (uint32_t i = minus; i < s->len && digit_of(s->s[i]) < from; i++) {
    v = v * (unsigned)from + (unsigned)digit_of(s->s[i]);
    v = v > UINT64_MAX ? UINT64_MAX : v;
  }
  uint64_t u = (uint64_t)v;
  if (minus && to > 0) {
    u = (int64_t)u < 0 ? UINT64_MAX : (uint64_t) - (int64_t)u;
  }
  const bool sign = to < 0 && (minus || (int64_t)u < 0);
  if (to < 0 && !minus && (int64_t)u < 0) {
    u = (uint64_t) - (int64_t)u;
  }
  text[0] = '-';
  *len = sign + radix_text(u, (uint32_t)base, text + sign);
  return true;
}

static void run_conv(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[3];
  sp_open_all(r, in, 3);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value s = sp_get(&r[0], i);
    const struct sp_value from = sp_get(&r[1], i);
    const struct sp_value to = sp_get(&r[2], i);
    char text[66];
    size_t len = 0;
    if (s.kind == SP_STRING && from.kind == SP_INT && to.kind == SP_INT &&
        convert(&s, from.i, to.i, text, &len)) {
      sp_set_text(out, i, text, len);
    } else {
      sp_set_null(out, i);
    }
  }
}

// soundex: the first letter and the codes of the following ones; vowels separate, H and W do not
static size_t soundex_of(const char *s, size_t len, char out[4])
{
  static const char codes[] = "01230127022455012623017202"; // 7: H, W
  size_t n = 1;
  memcpy(out, "0000", 4);
  out[0] = (char)(s[0] >= 'a' && s[0] <= 'z' ? s[0] - 32 : s[0]);
  if (out[0] < 'A' || out[0] > 'Z') {
    return 0; // not a word: the text itself
  }
  char last = codes[out[0] - 'A'];
  for (size_t i = 1; i < len && n < 4; i++) {
    const int c = (s[i] >= 'a' && s[i] <= 'z' ? s[i] - 32 : s[i]) - 'A';
    if (c < 0 || c > 25) {
      last = '0';
    } else if (codes[c] != '7') {
      if (codes[c] != '0' && codes[c] != last) {
        out[n++] = codes[c];
      }
      last = codes[c];
    }
  }
  return 4;
}

static void run_soundex(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    char text[4];
    if (v.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    const size_t len = v.len ? soundex_of(v.s, v.len, text) : 0;
    sp_set_text(out, i, len ? text : v.s, len ? len : v.len);
  }
}

#define I32 DUCKDB_TYPE_INTEGER
#define I64 DUCKDB_TYPE_BIGINT
#define TEXT DUCKDB_TYPE_VARCHAR

static const struct sp_overload overloads[] = {
  { "sp_substring", run_substring, TEXT, { TEXT, I32, I32 }, false, NULL },
  { "sp_substring_index", run_substring_index, TEXT, { TEXT, TEXT, I32 }, false, NULL },
  { "sp_locate", run_locate, I32, { TEXT, TEXT, I32 }, false, NULL },
  { "sp_lpad", run_pad, TEXT, { TEXT, I32, TEXT }, false, &binary },
  { "sp_rpad", run_pad, TEXT, { TEXT, I32, TEXT }, false, NULL },
  { "sp_concat_ws", run_concat_ws, TEXT, { DUCKDB_TYPE_ANY }, true, NULL },
  { "sp_bin", run_radix, TEXT, { I64 }, false, &binary },
  { "sp_hex", run_radix, TEXT, { I64 }, false, &hexadecimal },
  { "sp_hex", run_hex_bytes, TEXT, { TEXT }, false, NULL },
  { "sp_hex", run_hex_bytes, TEXT, { DUCKDB_TYPE_BLOB }, false, NULL },
  { "sp_unhex", run_unhex, DUCKDB_TYPE_BLOB, { TEXT }, false, NULL },
  { "sp_conv", run_conv, TEXT, { TEXT, I32, I32 }, false, NULL },
  { "sp_soundex", run_soundex, TEXT, { TEXT }, false, NULL },
};

chn_status sp_install_string(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
