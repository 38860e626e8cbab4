// Values as Chronon's service writes them: Jackson's compact JSON with Java's numbers.
#include <math.h>
#include <string.h>

#include "base/time.h"
#include "codec/base64.h"
#include "fetcher/fetch_json.h"
#include "fetcher/json_int.h"

static bool is_plain(const char *s, size_t len)
{
  bool plain = true;
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)s[i];
    plain &= c >= 0x20 && c != '"' && c != '\\';
  }
  return plain;
}

void fj_string(const char *s, size_t len, struct chn_buf *out)
{
  static const char short_escapes[] = "\bb\tt\nn\ff\rr\"\"\\\\";
  size_t from = 0;
  if (is_plain(s, len)) {
    char *to = chn_buf_extend(out, len + 2);
    if (to != NULL) {
      to[0] = '"';
      memcpy(to + 1, s, len);
      to[len + 1] = '"';
    }
    return;
  }
  chn_buf_addc(out, '"');
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)s[i];
    if (c >= 0x20 && c != '"' && c != '\\') {
      continue;
    }
    chn_buf_add(out, s + from, i - from);
    from = i + 1;
    const char *e = c != '\0' ? short_escapes : "";
    while (*e != '\0' && (unsigned char)*e != c) {
      e += 2;
    }
    if (*e != '\0') {
      const char pair[2] = { '\\', e[1] };
      chn_buf_add(out, pair, 2);
    } else {
      chn_buf_addf(out, "\\u%04X", c);
    }
  }
  chn_buf_add(out, s + from, len - from);
  chn_buf_addc(out, '"');
}

void fj_long(int64_t v, struct chn_buf *out)
{
  char text[24];
  char *at = text + sizeof text;
  uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
  do {
    *--at = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (v < 0) {
    *--at = '-';
  }
  chn_buf_add(out, at, (size_t)(text + sizeof text - at));
}

/// Numbers that JSON does not have are texts, as Jackson has it.
void fj_real(double v, bool is_float, struct chn_buf *out)
{
  const bool quoted = !isfinite(v);
  if (quoted) {
    chn_buf_addc(out, '"');
  }
  if (is_float) {
    fetch_java_float((float)v, out);
  } else {
    fetch_java_double(v, out);
  }
  if (quoted) {
    chn_buf_addc(out, '"');
  }
}

static void add_list(const struct row_col *c, size_t row, enum fetch_json_form form,
                     struct chn_buf *out)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  chn_buf_addc(out, '[');
  for (size_t i = span.offset; i < span.offset + span.length; i++) {
    if (i > span.offset) {
      chn_buf_addc(out, ',');
    }
    fetch_json_value(&c->child[0], i, form, out);
  }
  chn_buf_addc(out, ']');
}

static void add_map(const struct row_col *c, size_t row, enum fetch_json_form form,
                    struct chn_buf *out)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  const struct row_col *keys = &c->child[0].child[0];
  chn_buf_addc(out, '{');
  for (size_t i = span.offset; i < span.offset + span.length; i++) {
    if (i > span.offset) {
      chn_buf_addc(out, ',');
    }
    if (keys->type->kind == ROW_STRING) {
      fetch_json_value(keys, i, form, out);
    } else {
      chn_buf_addc(out, '"');
      fetch_cast_text(keys, i, out);
      chn_buf_addc(out, '"');
    }
    chn_buf_addc(out, ':');
    fetch_json_value(&c->child[0].child[1], i, form, out);
  }
  chn_buf_addc(out, '}');
}

/// Chronon's plain answer has a struct by position, the detailed one by name.
static void add_struct(const struct row_col *c, size_t row, enum fetch_json_form form,
                       struct chn_buf *out)
{
  const bool named = form == FETCH_JSON_DETAILED;
  chn_buf_addc(out, named ? '{' : '[');
  for (int32_t i = 0; i < c->n_child; i++) {
    if (i > 0) {
      chn_buf_addc(out, ',');
    }
    if (named) {
      fj_string(c->type->fields[i].name, strlen(c->type->fields[i].name), out);
      chn_buf_addc(out, ':');
    }
    fetch_json_value(&c->child[i], row, form, out);
  }
  chn_buf_addc(out, named ? '}' : ']');
}

static void add_day(int32_t day, struct chn_buf *out)
{
  char ds[CHN_DS_SIZE];
  chn_buf_addf(out, "\"%s\"", chn_ds_of_day(day, ds));
}

void fetch_json_value(const struct row_col *c, size_t row, enum fetch_json_form form,
                      struct chn_buf *out)
{
  if (row_is_null(c, row)) {
    chn_buf_add(out, "null", 4);
    return;
  }
  switch (c->type->kind) {
  case ROW_BOOLEAN: chn_buf_adds(out, ((const bool *)c->data)[row] ? "true" : "false"); break;
  case ROW_BYTE: fj_long(((const int8_t *)c->data)[row], out); break;
  case ROW_SHORT: fj_long(((const int16_t *)c->data)[row], out); break;
  case ROW_INT: fj_long(((const int32_t *)c->data)[row], out); break;
  case ROW_TIMESTAMP:
  case ROW_LONG: fj_long(((const int64_t *)c->data)[row], out); break;
  case ROW_FLOAT: fj_real((double)((const float *)c->data)[row], true, out); break;
  case ROW_DOUBLE: fj_real(((const double *)c->data)[row], false, out); break;
  case ROW_DATE: add_day(((const int32_t *)c->data)[row], out); break;
  case ROW_STRING: {
    const struct row_str *s = (const struct row_str *)c->data + row;
    fj_string(row_str_bytes(s), s->len, out);
    break;
  }
  case ROW_BINARY: {
    const struct row_str *s = (const struct row_str *)c->data + row;
    chn_buf_addc(out, '"');
    codec_base64_encode(row_str_bytes(s), s->len, out);
    chn_buf_addc(out, '"');
    break;
  }
  case ROW_LIST: add_list(c, row, form, out); break;
  case ROW_MAP: add_map(c, row, form, out); break;
  case ROW_STRUCT: add_struct(c, row, form, out); break;
  case ROW_OTHER: chn_buf_add(out, "null", 4); break;
  }
}
