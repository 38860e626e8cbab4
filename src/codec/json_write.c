#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/real.h"
#include "codec/json.h"

void codec_json_writer_init(struct codec_json_writer *w, struct chn_buf *out,
                            enum codec_json_style style)
{
  *w = (struct codec_json_writer){ .out = out, .style = style, .empty = true };
}

static void new_line(struct codec_json_writer *w)
{
  chn_buf_addc(w->out, '\n');
  for (int32_t i = 0; i < w->depth; i++) {
    chn_buf_adds(w->out, "  ");
  }
}

/// What stands before a member: a comma unless it is the first, and the place to write it.
static void separate(struct codec_json_writer *w, bool key)
{
  if (w->after_key) {
    w->after_key = false;
    return;
  }
  if (!w->empty) {
    const bool spaced = w->style == CODEC_JSON_SPACED || (w->style == CODEC_JSON_JACKSON && !key);
    chn_buf_adds(w->out, spaced ? ", " : ",");
  } else if (w->style == CODEC_JSON_JACKSON && w->out->len > 0 &&
             w->out->data[w->out->len - 1] == '[') {
    chn_buf_addc(w->out, ' ');
  }
  w->empty = false;
  if (w->depth > 0 && (w->style == CODEC_JSON_INDENT || (w->style == CODEC_JSON_JACKSON && key))) {
    new_line(w);
  }
}

void codec_json_begin(struct codec_json_writer *w, char bracket)
{
  separate(w, false);
  chn_buf_addc(w->out, bracket);
  w->depth += w->style != CODEC_JSON_JACKSON || bracket == '{';
  w->empty = true;
}

void codec_json_end(struct codec_json_writer *w, char bracket)
{
  w->depth -= w->style != CODEC_JSON_JACKSON || bracket == '}';
  if (w->style == CODEC_JSON_JACKSON && (w->empty || bracket == ']')) {
    chn_buf_addc(w->out, ' ');
  } else if ((w->style == CODEC_JSON_INDENT || w->style == CODEC_JSON_JACKSON) && !w->empty) {
    new_line(w);
  }
  chn_buf_addc(w->out, bracket);
  w->empty = false;
}

/// The code point at s, which is valid UTF-8; *n gets its bytes.
static unsigned code_point(const unsigned char *s, size_t left, size_t *n)
{
  *n = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
  if (*n > left) { // not UTF-8 after all: a single byte, so that nothing beyond is read
    *n = 1;
    return *s;
  }
  unsigned code = *n == 1 ? *s : *s & (0x7fU >> *n);
  for (size_t i = 1; i < *n; i++) {
    code = (code << 6) | (s[i] & 0x3fU);
  }
  return code;
}

static void add_escaped(struct chn_buf *out, unsigned code)
{
  if (code >= 0x10000) {
    chn_buf_addf(out, "\\u%04x", 0xd800 + ((code - 0x10000) >> 10));
    code = 0xdc00 + ((code - 0x10000) & 0x3ff);
  }
  chn_buf_addf(out, "\\u%04x", code);
}

static void quote(struct codec_json_writer *w, const char *bytes, size_t len)
{
  static const char named[] = "\"\\\b\f\n\r\t";
  static const char names[] = "\"\\bfnrt";
  const bool ascii = w->style != CODEC_JSON_COMPACT && w->style != CODEC_JSON_JACKSON;
  const unsigned char *s = (const unsigned char *)bytes;
  chn_buf_addc(w->out, '"');
  for (size_t i = 0, n = 1; i < len; i += n) {
    const char *name = s[i] != '\0' ? strchr(named, s[i]) : NULL;
    n = 1;
    if (name != NULL) {
      chn_buf_addc(w->out, '\\');
      chn_buf_addc(w->out, names[name - named]);
    } else if (s[i] < 0x20 || (ascii && s[i] >= 0x7f)) {
      add_escaped(w->out, code_point(s + i, len - i, &n));
    } else {
      chn_buf_addc(w->out, (char)s[i]);
    }
  }
  chn_buf_addc(w->out, '"');
}

void codec_json_key(struct codec_json_writer *w, const char *key)
{
  codec_json_key_bytes(w, key, strlen(key));
}

void codec_json_key_bytes(struct codec_json_writer *w, const char *key, size_t len)
{
  separate(w, true);
  quote(w, key, len);
  chn_buf_adds(w->out, w->style == CODEC_JSON_COMPACT   ? ":"
                       : w->style == CODEC_JSON_JACKSON ? " : "
                                                        : ": ");
  w->after_key = true;
}

void codec_json_string(struct codec_json_writer *w, const char *bytes, size_t len)
{
  separate(w, false);
  quote(w, bytes, len);
}

static void add_plain(struct codec_json_writer *w, const char *text)
{
  separate(w, false);
  chn_buf_adds(w->out, text);
}

void codec_json_int(struct codec_json_writer *w, int64_t value)
{
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)value);
  add_plain(w, text);
}

static char *put(char *to, const char *bytes, int32_t n)
{
  memcpy(to, bytes, (size_t)n);
  return to + n;
}

char *codec_json_real_text(double value, char *out)
{
  if (isnan(value)) {
    return strcpy(out, "NaN");
  }
  if (isinf(value)) {
    return strcpy(out, value > 0 ? "Infinity" : "-Infinity");
  }
  char digits[CHN_DIGITS_SIZE];
  int32_t exponent = 0;
  const int32_t n = chn_digits_of_double(fabs(value), digits, &exponent);
  char *o = out;
  if (signbit(value)) {
    *o++ = '-';
  }
  if (exponent < -4 || exponent >= 16) {
    o = put(o, digits, 1);
    o = put(o, ".", n > 1);
    o = put(o, digits + 1, n - 1);
    sprintf(o, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    return out;
  }
  if (exponent < 0) {
    o = put(o, "0.000", 1 - exponent);
    o = put(o, digits, n);
  } else if (n <= exponent + 1) {
    o = put(o, digits, n);
    o = put(o, "0000000000000000", exponent + 1 - n);
    o = put(o, ".0", 2);
  } else {
    o = put(o, digits, exponent + 1);
    *o++ = '.';
    o = put(o, digits + exponent + 1, n - exponent - 1);
  }
  *o = '\0';
  return out;
}

void codec_json_real(struct codec_json_writer *w, double value)
{
  char text[40];
  add_plain(w, codec_json_real_text(value, text));
}

void codec_json_bool(struct codec_json_writer *w, bool value)
{
  add_plain(w, value ? "true" : "false");
}

void codec_json_null(struct codec_json_writer *w)
{
  add_plain(w, "null");
}

// Depth is bounded by the reader that made the document.
void codec_json_value(struct codec_json_writer *w, const struct codec_json *v)
{
  switch (v->kind) {
  case CODEC_JSON_NULL: codec_json_null(w); break;
  case CODEC_JSON_BOOL: codec_json_bool(w, v->as.boolean); break;
  case CODEC_JSON_INT:
  case CODEC_JSON_REAL: add_plain(w, v->text); break;
  case CODEC_JSON_STRING: codec_json_string(w, v->text, v->text_len); break;
  case CODEC_JSON_ARRAY:
  case CODEC_JSON_OBJECT: {
    const bool object = v->kind == CODEC_JSON_OBJECT;
    codec_json_begin(w, object ? '{' : '[');
    for (int32_t i = 0; i < v->n; i++) {
      if (object) {
        codec_json_key(w, v->members[i].key);
      }
      codec_json_value(w, &v->members[i].value);
    }
    codec_json_end(w, object ? '}' : ']');
    break;
  }
  }
}

void codec_json_write(const struct codec_json *v, enum codec_json_style style, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, style);
  codec_json_value(&w, v);
}
