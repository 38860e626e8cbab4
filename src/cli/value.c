#include "cli/value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

bool cli_kind_is_number(enum row_kind kind)
{
  return row_kind_is_numeric(kind);
}

// The shortest text that reads back as the same float: 0.1, not 0.10000000149011612.
static const char *real_text(float value, char *out)
{
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(out, 40, "%.*g", digits, (double)value);
    if (strtof(out, NULL) == value) {
      break;
    }
  }
  if (isfinite(value) && !strpbrk(out, ".e")) {
    strcat(out, ".0");
  }
  return out;
}

static void print_time(struct chn_buf *out, int64_t micros)
{
  char ds[CHN_DS_SIZE];
  int64_t seconds = micros / 1000000;
  int64_t rest = micros % 1000000;
  if (rest < 0) {
    rest += 1000000;
    seconds--;
  }
  const int32_t day = chn_day_of_ms(seconds * 1000);
  const int64_t of_day = seconds - chn_ms_of_day(day) / 1000;
  chn_buf_addf(out, "%s %02d:%02d:%02d", chn_ds_of_day(day, ds), (int)(of_day / 3600),
               (int)(of_day / 60 % 60), (int)(of_day % 60));
  if (rest % 1000) {
    chn_buf_addf(out, ".%06d", (int)rest);
  } else if (rest) {
    chn_buf_addf(out, ".%03d", (int)(rest / 1000));
  }
}

static void print_binary(struct chn_buf *out, const struct row_str *s)
{
  const unsigned char *bytes = (const unsigned char *)row_str_bytes(s);
  for (uint32_t i = 0; i < s->len; i++) {
    chn_buf_addf(out, "%02x", bytes[i]);
  }
}

static int64_t integer_at(const struct row_col *c, size_t row)
{
  switch (c->type->kind) {
  case ROW_BYTE: return ((const int8_t *)c->data)[row];
  case ROW_SHORT: return ((const int16_t *)c->data)[row];
  case ROW_INT: return ((const int32_t *)c->data)[row];
  default: return ((const int64_t *)c->data)[row];
  }
}

static void print_list(struct chn_buf *out, const struct row_col *c, size_t row)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  chn_buf_addc(out, '[');
  for (uint64_t i = 0; i < span.length; i++) {
    chn_buf_adds(out, i ? ", " : "");
    cli_value_print(out, &c->child[0], span.offset + i);
  }
  chn_buf_addc(out, ']');
}

static void print_map(struct chn_buf *out, const struct row_col *c, size_t row)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  chn_buf_addc(out, '{');
  for (uint64_t i = 0; i < span.length; i++) {
    chn_buf_adds(out, i ? ", " : "");
    cli_value_print(out, &c->child[0].child[0], span.offset + i);
    chn_buf_adds(out, ": ");
    cli_value_print(out, &c->child[0].child[1], span.offset + i);
  }
  chn_buf_addc(out, '}');
}

static void print_struct(struct chn_buf *out, const struct row_col *c, size_t row)
{
  chn_buf_addc(out, '{');
  for (int32_t i = 0; i < c->n_child; i++) {
    chn_buf_addf(out, "%s%s: ", i ? ", " : "", c->type->fields[i].name);
    cli_value_print(out, &c->child[i], row);
  }
  chn_buf_addc(out, '}');
}

void cli_value_print(struct chn_buf *out, const struct row_col *c, size_t row)
{
  char text[40], ds[CHN_DS_SIZE];
  if (c->type->kind != ROW_OTHER && row_is_null(c, row)) {
    chn_buf_adds(out, "NULL");
    return;
  }
  switch (c->type->kind) {
  case ROW_BOOLEAN: chn_buf_adds(out, ((const bool *)c->data)[row] ? "true" : "false"); break;
  case ROW_BYTE:
  case ROW_SHORT:
  case ROW_INT:
  case ROW_LONG: chn_buf_addf(out, "%" PRId64, integer_at(c, row)); break;
  case ROW_FLOAT: chn_buf_adds(out, real_text(((const float *)c->data)[row], text)); break;
  case ROW_DOUBLE:
    chn_buf_adds(out, codec_json_real_text(((const double *)c->data)[row], text));
    break;
  case ROW_STRING: {
    const struct row_str *s = &((const struct row_str *)c->data)[row];
    chn_buf_add(out, row_str_bytes(s), s->len);
    break;
  }
  case ROW_BINARY: print_binary(out, &((const struct row_str *)c->data)[row]); break;
  case ROW_DATE: chn_buf_adds(out, chn_ds_of_day(((const int32_t *)c->data)[row], ds)); break;
  case ROW_TIMESTAMP: print_time(out, ((const int64_t *)c->data)[row]); break;
  case ROW_MAP: print_map(out, c, row); break;
  case ROW_LIST: print_list(out, c, row); break;
  case ROW_STRUCT: print_struct(out, c, row); break;
  case ROW_OTHER: chn_buf_addf(out, "(%s)", c->type->name); break;
  }
}

// What has no form of its own in JSON is the text that people see.
static void json_text(struct codec_json_writer *w, const struct row_col *c, size_t row)
{
  struct chn_buf text = { 0 };
  cli_value_print(&text, c, row);
  codec_json_string(w, chn_buf_str(&text), text.len);
  chn_buf_deinit(&text);
}

static void json_real(struct codec_json_writer *w, double value)
{
  if (isfinite(value)) {
    codec_json_real(w, value);
    return;
  }
  const char *name = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  codec_json_string(w, name, strlen(name));
}

static void json_list(struct codec_json_writer *w, const struct row_col *c, size_t row)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  codec_json_begin(w, '[');
  for (uint64_t i = 0; i < span.length; i++) {
    cli_value_json(w, &c->child[0], span.offset + i);
  }
  codec_json_end(w, ']');
}

static void json_map(struct codec_json_writer *w, const struct row_col *c, size_t row)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  struct chn_buf key = { 0 };
  codec_json_begin(w, '{');
  for (uint64_t i = 0; i < span.length; i++) {
    chn_buf_clear(&key);
    cli_value_print(&key, &c->child[0].child[0], span.offset + i);
    codec_json_key_bytes(w, chn_buf_str(&key), key.len);
    cli_value_json(w, &c->child[0].child[1], span.offset + i);
  }
  codec_json_end(w, '}');
  chn_buf_deinit(&key);
}

static void json_struct(struct codec_json_writer *w, const struct row_col *c, size_t row)
{
  codec_json_begin(w, '{');
  for (int32_t i = 0; i < c->n_child; i++) {
    codec_json_key(w, c->type->fields[i].name);
    cli_value_json(w, &c->child[i], row);
  }
  codec_json_end(w, '}');
}

void cli_value_json(struct codec_json_writer *w, const struct row_col *c, size_t row)
{
  char text[40];
  if (c->type->kind != ROW_OTHER && row_is_null(c, row)) {
    codec_json_null(w);
    return;
  }
  switch (c->type->kind) {
  case ROW_BOOLEAN: codec_json_bool(w, ((const bool *)c->data)[row]); break;
  case ROW_BYTE:
  case ROW_SHORT:
  case ROW_INT:
  case ROW_LONG: codec_json_int(w, integer_at(c, row)); break;
  case ROW_FLOAT: json_real(w, strtod(real_text(((const float *)c->data)[row], text), NULL)); break;
  case ROW_DOUBLE: json_real(w, ((const double *)c->data)[row]); break;
  case ROW_LIST: json_list(w, c, row); break;
  case ROW_MAP: json_map(w, c, row); break;
  case ROW_STRUCT: json_struct(w, c, row); break;
  default: json_text(w, c, row); break;
  }
}

const char *cli_instant_text(int64_t ms, char out[CLI_INSTANT_SIZE])
{
  char ds[CHN_DS_SIZE];
  const int32_t day = chn_day_of_ms(ms);
  const int64_t rest = ms - chn_ms_of_day(day);
  snprintf(out, CLI_INSTANT_SIZE, "%s %02d:%02d:%02d.%03d", chn_ds_of_day(day, ds),
           (int)(rest / 3600000), (int)(rest / 60000 % 60), (int)(rest / 1000 % 60),
           (int)(rest % 1000));
  return out;
}
