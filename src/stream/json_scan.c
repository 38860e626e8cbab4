#include "stream/json_scan.h"

#include <string.h>

#include "base/real.h"
#include "codec/json.h"
#include "codec/utf8.h"

void json_scan_init(struct json_scan *s, const void *bytes, size_t len)
{
  *s = (struct json_scan){ .at = bytes, .begin = bytes, .end = (const char *)bytes + len };
}

static bool fail(struct json_scan *s, const char *why)
{
  if (s->failure == NULL) {
    s->failure = why;
  }
  return false;
}

static void skip_blanks(struct json_scan *s)
{
  while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r')) {
    s->at++;
  }
}

// ---- strings ----------------------------------------------------------------------------------

static int hex4(const char *p, const char *end)
{
  int v = 0;
  for (int i = 0; i < 4; i++) {
    if (p + i >= end) {
      return -1;
    }
    const char c = p[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) {
      return -1;
    }
    v = v * 16 + digit;
  }
  return v;
}

/// Behind a \u escape, whose halves of a pair must both be there; NULL: it is none.
static const char *behind_unicode(const char *p, const char *end)
{
  const int high = hex4(p + 2, end);
  if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF)) {
    return NULL;
  }
  p += 6;
  if (high < 0xD800 || high > 0xDBFF) {
    return p;
  }
  const int low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
  return low >= 0xDC00 && low <= 0xDFFF ? p + 6 : NULL;
}

static const char *behind_escape(const char *p, const char *end)
{
  if (p + 1 >= end) {
    return NULL;
  }
  if (p[1] == 'u') {
    return behind_unicode(p, end);
  }
  return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL ? p + 2 : NULL;
}

/// How many of the eight bytes at p come before a quote, a backslash, a control or what is beyond
/// ASCII. The lowest mark is exact: borrows of the subtractions only go upwards.
static size_t plain_of_8(const char *p)
{
  uint64_t w;
  memcpy(&w, p, sizeof w);
  const uint64_t ones = 0x0101010101010101u;
  const uint64_t quote = w ^ (ones * '"');
  const uint64_t slash = w ^ (ones * '\\');
  const uint64_t found =
      (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w) | w) &
      (ones * 0x80);
  return found == 0 ? sizeof w : (size_t)__builtin_ctzll(found) / 8;
}

/// The string whose opening quote is at s->at.
static bool scan_string(struct json_scan *s, struct json_value *out)
{
  const char *p = s->at + 1;
  bool beyond_ascii = false;
  *out = (struct json_value){ .kind = JSON_STRING, .text = p };
  for (;;) {
    size_t plain = 8;
    while (plain == 8 && s->end - p >= 8) {
      plain = plain_of_8(p);
      p += plain;
    }
    if (p >= s->end) {
      return fail(s, "a string does not end");
    }
    const unsigned char c = (unsigned char)*p;
    if (c == '"') {
      break;
    }
    if (c < 0x20) {
      return fail(s, "a control character in a string");
    }
    if (c == '\\') {
      out->escaped = true;
      const char *behind = behind_escape(p, s->end);
      if (behind == NULL) {
        s->at = p;
        return fail(s, "an escape that means nothing");
      }
      p = behind;
      continue;
    }
    beyond_ascii |= c >= 0x80;
    p++;
  }
  out->len = (size_t)(p - out->text);
  if (beyond_ascii && !codec_utf8_valid(out->text, out->len)) {
    s->at = out->text;
    return fail(s, "a string that is not UTF-8");
  }
  s->at = p + 1;
  return true;
}

static void add_code_point(struct chn_buf *out, uint32_t c)
{
  char b[4];
  size_t n = 0;
  if (c < 0x80) {
    b[n++] = (char)c;
  } else if (c < 0x800) {
    b[n++] = (char)(0xC0 | c >> 6);
  } else if (c < 0x10000) {
    b[n++] = (char)(0xE0 | c >> 12);
    b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
  } else {
    b[n++] = (char)(0xF0 | c >> 18);
    b[n++] = (char)(0x80 | (c >> 12 & 0x3F));
    b[n++] = (char)(0x80 | (c >> 6 & 0x3F));
  }
  if (c >= 0x80) {
    b[n++] = (char)(0x80 | (c & 0x3F));
  }
  chn_buf_add(out, b, n);
}

void json_scan_unescape(const struct json_value *string, struct chn_buf *out)
{
  static const char from[] = "\"\\/bfnrt";
  static const char to[] = "\"\\/\b\f\n\r\t";
  const char *p = string->text;
  const char *end = p + string->len;
  while (p < end) {
    const char *slash = memchr(p, '\\', (size_t)(end - p));
    const char *stop = slash != NULL ? slash : end;
    chn_buf_add(out, p, (size_t)(stop - p));
    p = stop;
    if (p == end) {
      return;
    }
    if (p[1] != 'u') {
      chn_buf_add(out, &to[strchr(from, p[1]) - from], 1);
      p += 2;
      continue;
    }
    uint32_t c = (uint32_t)hex4(p + 2, end);
    p += 6;
    if (c >= 0xD800 && c <= 0xDBFF) {
      c = 0x10000 + ((c - 0xD800) << 10) + ((uint32_t)hex4(p + 2, end) - 0xDC00);
      p += 6;
    }
    add_code_point(out, c);
  }
}

bool json_scan_is(const struct json_value *string, const char *bytes, size_t len)
{
  if (!string->escaped) {
    return string->len == len && memcmp(string->text, bytes, len) == 0;
  }
  struct chn_buf text = { 0 };
  json_scan_unescape(string, &text);
  const bool is = text.len == len && memcmp(chn_buf_str(&text), bytes, len) == 0;
  chn_buf_deinit(&text);
  return is;
}

// ---- numbers ----------------------------------------------------------------------------------

static size_t digits(const char *p, const char *end)
{
  size_t n = 0;
  while (p + n < end && p[n] >= '0' && p[n] <= '9') {
    n++;
  }
  return n;
}

/// Behind the exponent, whose e or E is at p; NULL: it has no digits.
static const char *behind_exponent(const char *p, const char *end)
{
  p++;
  p += p < end && (*p == '-' || *p == '+');
  const size_t n = digits(p, end);
  return n > 0 ? p + n : NULL;
}

/// Behind a number's digits; NULL and a failure where it is none.
static const char *behind_number(struct json_scan *s, const char *p, bool *integer)
{
  const size_t whole = digits(p, s->end);
  if (whole == 0 || (whole > 1 && *p == '0')) {
    fail(s, "a number that is none");
    return NULL;
  }
  p += whole;
  *integer = whole <= 19;
  if (p < s->end && *p == '.') {
    const size_t fraction = digits(p + 1, s->end);
    *integer = false;
    if (fraction == 0) {
      fail(s, "a number without digits behind its point");
      return NULL;
    }
    p += 1 + fraction;
  }
  if (p < s->end && (*p == 'e' || *p == 'E')) {
    *integer = false;
    p = behind_exponent(p, s->end);
    if (p == NULL) {
      fail(s, "a number without digits in its exponent");
    }
  }
  return p;
}

static bool scan_number(struct json_scan *s, struct json_value *out)
{
  const char *from = s->at;
  const bool negative = *from == '-';
  bool integer = false;
  const char *p = behind_number(s, from + negative, &integer);
  if (p == NULL) {
    return false;
  }
  const size_t len = (size_t)(p - from);
  *out = (struct json_value){ .kind = JSON_REAL, .text = from, .len = len };
  s->at = p;
  uint64_t value = 0; // 19 digits fit
  for (const char *c = from + negative; integer && c < p; c++) {
    value = value * 10 + (uint64_t)(*c - '0');
  }
  if (integer && value <= (uint64_t)INT64_MAX + negative) {
    out->kind = JSON_INT;
    out->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
  }
  return true;
}

double json_scan_real(const struct json_value *number)
{
  return chn_double_of_text(number->text, number->len);
}

/// digits x 10^scale, where digits ends in no zero.
struct decimal {
  uint64_t digits;
  int64_t scale;
  bool fits;
};

/// `zeros` have been seen since the last digit that is none.
static void add_digit(struct decimal *d, int64_t zeros, unsigned digit)
{
  for (int64_t i = 0; i <= zeros && d->digits > 0 && d->fits; i++) {
    d->fits = d->digits <= UINT64_MAX / 10;
    d->digits *= 10;
  }
  d->fits = d->fits && d->digits <= UINT64_MAX - digit;
  d->digits += digit;
}

/// The exponent's value, cut off where it no longer matters; p is behind the e.
static int64_t exponent_of(const char *p, const char *end)
{
  const bool negative = p < end && *p == '-';
  int64_t value = 0;
  for (p += p < end && (*p == '-' || *p == '+'); p < end; p++) {
    value = value < INT32_MAX ? value * 10 + (*p - '0') : value;
  }
  return negative ? -value : value;
}

static struct decimal decimal_of(const char *p, const char *end)
{
  struct decimal d = { .fits = true };
  int64_t zeros = 0;
  int64_t fraction = 0;
  bool behind_point = false;
  for (; p < end && *p != 'e' && *p != 'E'; p++) {
    if (*p == '.') {
      behind_point = true;
      continue;
    }
    fraction += behind_point;
    if (*p == '0') {
      zeros++;
    } else {
      add_digit(&d, zeros, (unsigned)(*p - '0'));
      zeros = 0;
    }
  }
  d.scale = zeros - fraction + (p < end ? exponent_of(p + 1, end) : 0);
  return d;
}

bool json_scan_integer(const struct json_value *number, int64_t *out)
{
  if (number->kind == JSON_INT) {
    *out = number->integer;
    return true;
  }
  const bool negative = number->text[0] == '-';
  struct decimal d = decimal_of(number->text + negative, number->text + number->len);
  if (!d.fits || (d.scale < 0 && d.digits > 0)) {
    return false;
  }
  for (; d.scale > 0 && d.digits > 0; d.scale--) {
    if (d.digits > UINT64_MAX / 10) {
      return false;
    }
    d.digits *= 10;
  }
  if (d.digits > (uint64_t)INT64_MAX + negative) {
    return false;
  }
  *out = negative ? (int64_t)(0 - d.digits) : (int64_t)d.digits;
  return true;
}

// ---- values -----------------------------------------------------------------------------------

static bool scan_word(struct json_scan *s, const char *word, struct json_value *out,
                      enum json_kind kind, bool boolean)
{
  const size_t n = strlen(word);
  if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0) {
    return fail(s, "neither a value nor true, false, null");
  }
  *out = (struct json_value){ .kind = kind, .boolean = boolean, .text = s->at, .len = n };
  s->at += n;
  return true;
}

static bool scan_any(struct json_scan *s, struct json_value *out, int depth);

/// What stands between the members of a container; false at its end or with a failure.
static bool next_of(struct json_scan *s, char close, bool first)
{
  skip_blanks(s);
  if (s->at >= s->end) {
    return fail(s, "it ends too early");
  }
  if (*s->at == close) {
    s->at++;
    return false;
  }
  if (first) {
    return true;
  }
  if (*s->at != ',') {
    return fail(s, "a comma is missing");
  }
  s->at++;
  skip_blanks(s);
  return s->at < s->end ? true : fail(s, "it ends too early");
}

static bool scan_key(struct json_scan *s, struct json_value *key)
{
  if (*s->at != '"') {
    return fail(s, "a key is no string");
  }
  if (!scan_string(s, key)) {
    return false;
  }
  skip_blanks(s);
  if (s->at >= s->end || *s->at != ':') {
    return fail(s, "a colon is missing");
  }
  s->at++;
  return true;
}

static bool scan_container(struct json_scan *s, struct json_value *out, int depth)
{
  const char *from = s->at;
  const bool object = *from == '{';
  struct json_value key;
  struct json_value value;
  if (depth == CODEC_JSON_MAX_DEPTH) {
    return fail(s, "nested more than 200 deep");
  }
  s->at++;
  for (bool first = true; next_of(s, object ? '}' : ']', first); first = false) {
    if ((object && !scan_key(s, &key)) || !scan_any(s, &value, depth + 1)) {
      return false;
    }
  }
  *out = (struct json_value){ .kind = object ? JSON_OBJECT : JSON_ARRAY,
                              .text = from,
                              .len = (size_t)(s->at - from) };
  return s->failure == NULL;
}

static bool scan_any(struct json_scan *s, struct json_value *out, int depth)
{
  skip_blanks(s);
  if (s->at >= s->end) {
    return fail(s, "it ends too early");
  }
  switch (*s->at) {
  case '"': return scan_string(s, out);
  case '{':
  case '[': return scan_container(s, out, depth);
  case 't': return scan_word(s, "true", out, JSON_BOOL, true);
  case 'f': return scan_word(s, "false", out, JSON_BOOL, false);
  case 'n': return scan_word(s, "null", out, JSON_NULL, false);
  default:
    return *s->at == '-' || (*s->at >= '0' && *s->at <= '9')
               ? scan_number(s, out)
               : fail(s, "neither a value nor true, false, null");
  }
}

bool json_scan_value(struct json_scan *s, struct json_value *out)
{
  return scan_any(s, out, 0);
}

void json_scan_enter(struct json_scan *s, const struct json_value *container)
{
  json_scan_init(s, container->text, container->len);
}

bool json_scan_member(struct json_scan *s, struct json_value *key, struct json_value *value)
{
  const bool first = s->at == s->begin;
  s->at += first;
  return next_of(s, '}', first) && scan_key(s, key) && scan_any(s, value, 0);
}

bool json_scan_element(struct json_scan *s, struct json_value *value)
{
  const bool first = s->at == s->begin;
  s->at += first;
  return next_of(s, ']', first) && scan_any(s, value, 0);
}

bool json_scan_at_end(struct json_scan *s)
{
  skip_blanks(s);
  return s->at == s->end;
}
