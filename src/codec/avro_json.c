// Avro's JSON encoding: a value of a union is an object that names the branch.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/avro_int.h"
#include "codec/json.h"

static void show(struct codec_json_writer *w, const struct avro_schema *s,
                 const struct row_col *col, size_t row);

/// Shortest text that reads back as the same float.
static void show_float(struct codec_json_writer *w, float value)
{
  char text[40];
  if (isnan(value) || isinf(value)) {
    codec_json_real_text((double)value, text);
    codec_json_string(w, text, strlen(text));
    return;
  }
  for (int digits = 1; digits <= 9; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    if (strtof(text, NULL) == value) {
      break;
    }
  }
  codec_json_real(w, strtod(text, NULL));
}

static void show_double(struct codec_json_writer *w, double value)
{
  char text[40];
  if (isnan(value) || isinf(value)) {
    codec_json_real_text(value, text);
    codec_json_string(w, text, strlen(text));
  } else {
    codec_json_real(w, value);
  }
}

/// One character a byte, U+0000 to U+00FF.
static void show_bytes(struct codec_json_writer *w, const struct row_str *s)
{
  const unsigned char *bytes = (const unsigned char *)row_str_bytes(s);
  struct chn_buf text = { 0 };
  for (uint32_t i = 0; i < s->len; i++) {
    if (bytes[i] >= 0x80) {
      chn_buf_addc(&text, (char)(0xc0 | (bytes[i] >> 6)));
      chn_buf_addc(&text, (char)(0x80 | (bytes[i] & 0x3f)));
    } else {
      chn_buf_addc(&text, (char)bytes[i]);
    }
  }
  codec_json_string(w, chn_buf_str(&text), text.len);
  chn_buf_deinit(&text);
}

/// A map's key, which may hold any character but is written as a member's name.
static void show_key(struct codec_json_writer *w, const struct row_str *s)
{
  char *key = chn_malloc((size_t)s->len + 1);
  memcpy(key, row_str_bytes(s), s->len);
  key[s->len] = '\0';
  codec_json_key(w, key);
  free(key);
}

static void show_items(struct codec_json_writer *w, const struct avro_schema *s,
                       const struct row_col *col, size_t row)
{
  const struct row_span span = ((const struct row_span *)col->data)[row];
  const struct row_col *items = &col->child[0];
  const bool map = s->kind == AVRO_MAP;
  codec_json_begin(w, map ? '{' : '[');
  for (size_t i = span.offset; i < span.offset + span.length; i++) {
    if (map) {
      show_key(w, (const struct row_str *)items->child[0].data + i);
    }
    show(w, s->fields[0].schema, map ? &items->child[1] : items, i);
  }
  codec_json_end(w, map ? '}' : ']');
}

static void show_fields(struct codec_json_writer *w, const struct avro_schema *s,
                        const struct row_col *cols, size_t row)
{
  codec_json_begin(w, '{');
  for (int32_t i = 0; i < s->n_fields; i++) {
    codec_json_key(w, s->fields[i].name);
    show(w, s->fields[i].schema, &cols[i], row);
  }
  codec_json_end(w, '}');
}

static void show_number(struct codec_json_writer *w, const struct row_col *col, size_t row)
{
  switch (col->type->kind) {
  case ROW_BYTE: codec_json_int(w, ((const int8_t *)col->data)[row]); break;
  case ROW_SHORT: codec_json_int(w, ((const int16_t *)col->data)[row]); break;
  case ROW_INT: codec_json_int(w, ((const int32_t *)col->data)[row]); break;
  case ROW_FLOAT: show_float(w, ((const float *)col->data)[row]); break;
  case ROW_DOUBLE: show_double(w, ((const double *)col->data)[row]); break;
  default: codec_json_int(w, ((const int64_t *)col->data)[row]); break;
  }
}

static void show_plain(struct codec_json_writer *w, const struct avro_schema *s,
                       const struct row_col *col, size_t row)
{
  switch (s->kind) {
  case AVRO_BOOLEAN: codec_json_bool(w, ((const bool *)col->data)[row]); break;
  case AVRO_BYTES:
  case AVRO_FIXED: show_bytes(w, (const struct row_str *)col->data + row); break;
  case AVRO_STRING:
  case AVRO_ENUM: {
    const struct row_str *text = (const struct row_str *)col->data + row;
    codec_json_string(w, row_str_bytes(text), text->len);
    break;
  }
  case AVRO_ARRAY:
  case AVRO_MAP: show_items(w, s, col, row); break;
  case AVRO_RECORD: show_fields(w, s, col->child, row); break;
  default: show_number(w, col, row); break;
  }
}

static void show(struct codec_json_writer *w, const struct avro_schema *s,
                 const struct row_col *col, size_t row)
{
  if (row_is_null(col, row)) {
    codec_json_null(w);
  } else if (s->in == AVRO_PLAIN) {
    show_plain(w, s, col, row);
  } else {
    char name[512];
    codec_json_begin(w, '{');
    codec_json_key(w, avro_branch_name(s, name, sizeof name));
    show_plain(w, s, col, row);
    codec_json_end(w, '}');
  }
}

void avro_json(const struct avro_schema *record, const struct row_col *cols, size_t row,
               struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_COMPACT);
  show_fields(&w, record, cols, row);
}
