// Rows to bytes. The columns are trusted to have the schema's types.
#include <string.h>

#include "codec/avro_int.h"

struct writer {
  struct chn_buf *out;
  struct chn_err *err;
};

static chn_status put(struct writer *w, const struct avro_schema *s, const struct row_col *col,
                      size_t row);

static void put_long(struct chn_buf *out, int64_t value)
{
  uint64_t left = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  unsigned char bytes[10];
  size_t n = 0;
  while (left >= 0x80) {
    bytes[n++] = (unsigned char)(left | 0x80);
    left >>= 7;
  }
  bytes[n++] = (unsigned char)left;
  chn_buf_add(out, bytes, n);
}

static void put_int(struct writer *w, const struct row_col *col, size_t row)
{
  switch (col->type->kind) {
  case ROW_BYTE: put_long(w->out, ((const int8_t *)col->data)[row]); break;
  case ROW_SHORT: put_long(w->out, ((const int16_t *)col->data)[row]); break;
  default: put_long(w->out, ((const int32_t *)col->data)[row]); break;
  }
}

/// Hosts are little-endian, as the format is.
static void put_fixed(struct writer *w, const struct row_col *col, size_t row, size_t width)
{
  chn_buf_add(w->out, (const char *)col->data + row * width, width);
}

static chn_status put_bytes(struct writer *w, const struct avro_schema *s,
                            const struct row_col *col, size_t row)
{
  const struct row_str *text = (const struct row_str *)col->data + row;
  const char *bytes = row_str_bytes(text);
  if (s->kind == AVRO_ENUM) {
    for (int32_t i = 0; i < s->n_symbols; i++) {
      if (strlen(s->symbols[i]) == text->len && memcmp(s->symbols[i], bytes, text->len) == 0) {
        put_long(w->out, i);
        return CHN_OK;
      }
    }
    return chn_fail(w->err, CHN_E_ARGUMENT, "\"%.*s\" is no symbol of %s", (int)text->len, bytes,
                    s->name);
  }
  if (s->kind == AVRO_FIXED && (int64_t)text->len != s->size) {
    return chn_fail(w->err, CHN_E_ARGUMENT, "%u bytes, %s has %d", text->len, s->name,
                    (int)s->size);
  }
  if (s->kind != AVRO_FIXED) {
    put_long(w->out, text->len);
  }
  chn_buf_add(w->out, bytes, text->len);
  return CHN_OK;
}

static chn_status put_items(struct writer *w, const struct avro_schema *s,
                            const struct row_col *col, size_t row)
{
  const struct row_span span = ((const struct row_span *)col->data)[row];
  const struct row_col *items = &col->child[0];
  if (span.length > 0) {
    put_long(w->out, (int64_t)span.length);
  }
  for (size_t i = span.offset; i < span.offset + span.length; i++) {
    chn_status status = CHN_OK;
    if (s->kind == AVRO_MAP) {
      const struct row_str *key = (const struct row_str *)items->child[0].data + i;
      put_long(w->out, key->len);
      chn_buf_add(w->out, row_str_bytes(key), key->len);
      status = put(w, s->fields[0].schema, &items->child[1], i);
    } else {
      status = put(w, s->fields[0].schema, items, i);
    }
    if (status != CHN_OK) {
      return status;
    }
  }
  put_long(w->out, 0);
  return CHN_OK;
}

static chn_status put_fields(struct writer *w, const struct avro_schema *s,
                             const struct row_col *cols, size_t row)
{
  for (int32_t i = 0; i < s->n_fields; i++) {
    const chn_status status = put(w, s->fields[i].schema, &cols[i], row);
    if (status != CHN_OK) {
      return chn_wrap(w->err, "%s", s->fields[i].name);
    }
  }
  return CHN_OK;
}

static chn_status put_plain(struct writer *w, const struct avro_schema *s,
                            const struct row_col *col, size_t row)
{
  switch (s->kind) {
  case AVRO_BOOLEAN: put_fixed(w, col, row, 1); return CHN_OK;
  case AVRO_INT: put_int(w, col, row); return CHN_OK;
  case AVRO_LONG: put_long(w->out, ((const int64_t *)col->data)[row]); return CHN_OK;
  case AVRO_FLOAT: put_fixed(w, col, row, 4); return CHN_OK;
  case AVRO_DOUBLE: put_fixed(w, col, row, 8); return CHN_OK;
  case AVRO_ARRAY:
  case AVRO_MAP: return put_items(w, s, col, row);
  case AVRO_RECORD: return put_fields(w, s, col->child, row);
  default: return put_bytes(w, s, col, row);
  }
}

static chn_status put(struct writer *w, const struct avro_schema *s, const struct row_col *col,
                      size_t row)
{
  const bool null = row_is_null(col, row);
  const bool nullable = s->in == AVRO_NULL_FIRST || s->in == AVRO_NULL_LAST;
  if (null && !nullable) {
    return chn_fail(w->err, CHN_E_ARGUMENT,
                    "a null inside a list or map, where Avro has none; filter it in the select");
  }
  if (s->in != AVRO_PLAIN) {
    put_long(w->out, nullable && null == (s->in == AVRO_NULL_LAST));
  }
  return null ? CHN_OK : put_plain(w, s, col, row);
}

chn_status avro_encode(const struct avro_schema *record, const struct row_col *cols, size_t row,
                       struct chn_buf *out, struct chn_err *err)
{
  struct writer w = { .out = out, .err = err };
  const size_t before = out->len;
  const bool full = out->truncated;
  chn_status status = put_fields(&w, record, cols, row);
  if (status == CHN_OK && out->truncated) {
    status = chn_fail(err, CHN_E_MEMORY,
                      "the encoded row goes over %zu bytes, with those before it", out->max);
  }
  if (status != CHN_OK && out->data != NULL) {
    out->len = before;
    out->data[before] = '\0';
    out->truncated = full;
  }
  return status;
}
