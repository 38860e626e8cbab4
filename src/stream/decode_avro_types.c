// Values of one type as another: integers to wider ones, or to narrower ones that hold them, and
// numbers to reals (Avro's resolution of schemas), at any depth; fields of structs by name.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stream/decode_avro_int.h"

static bool is_integer(enum row_kind kind)
{
  return kind == ROW_BYTE || kind == ROW_SHORT || kind == ROW_INT || kind == ROW_LONG;
}

static int32_t field_named(const struct row_field *fields, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(fields[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}

static bool becomes(const struct row_type *from, const struct row_type *to)
{
  if (is_integer(from->kind) && row_kind_is_numeric(to->kind)) {
    return true;
  }
  if (from->kind == ROW_FLOAT && to->kind == ROW_DOUBLE) {
    return true;
  }
  if (from->kind != to->kind) {
    return false;
  }
  bool can = true;
  for (int32_t i = 0; can && i < to->n_fields; i++) {
    const int32_t at =
        to->kind == ROW_STRUCT ? field_named(from->fields, from->n_fields, to->fields[i].name) : i;
    can = at < 0 || becomes(from->fields[at].type, to->fields[i].type);
  }
  return can;
}

chn_status avro_image_of(struct arena *a, const struct row_schema *columns,
                         const struct row_schema *fields, struct avro_image *out,
                         struct chn_err *err)
{
  out->field = arena_calloc(a, (size_t)columns->n_fields + 1, sizeof *out->field);
  bool any = columns->n_fields == 0;
  for (int32_t i = 0; i < columns->n_fields; i++) {
    const struct row_field *column = &columns->fields[i];
    const int32_t at = field_named(fields->fields, fields->n_fields, column->name);
    out->field[i] = at;
    any = any || at >= 0;
    if (at < 0 || becomes(fields->fields[at].type, column->type)) {
      continue;
    }
    struct chn_buf is = { 0 };
    struct chn_buf wanted = { 0 };
    row_type_print(&is, fields->fields[at].type);
    row_type_print(&wanted, column->type);
    const chn_status s =
        chn_fail(err, CHN_E_ARGUMENT, "field \"%s\" is %s, and the source's column is %s",
                 column->name, chn_buf_str(&is), chn_buf_str(&wanted));
    chn_buf_deinit(&is);
    chn_buf_deinit(&wanted);
    return s;
  }
  return any ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT, "none of the source's columns, such as \"%s\"",
                        columns->fields[0].name);
}

bool avro_integer(const struct row_col *c, size_t row, int64_t *out)
{
  if (row_is_null(c, row)) {
    return false;
  }
  switch (c->type->kind) {
  case ROW_BYTE: *out = ((const int8_t *)c->data)[row]; break;
  case ROW_SHORT: *out = ((const int16_t *)c->data)[row]; break;
  case ROW_INT: *out = ((const int32_t *)c->data)[row]; break;
  default: *out = ((const int64_t *)c->data)[row]; break;
  }
  return true;
}

// ---- whether values fit -----------------------------------------------------------------------

static bool fits(const struct row_col *c, size_t row, const struct row_type *to);

static bool fits_all(const struct row_col *c, size_t row, const struct row_type *to)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  const bool map = to->kind == ROW_MAP;
  const struct row_col *items = map ? &c->child[0].child[1] : &c->child[0];
  bool fit = true;
  for (size_t i = 0; fit && i < span.length; i++) {
    fit = fits(items, span.offset + i, to->fields[map].type);
  }
  return fit;
}

static bool fits(const struct row_col *c, size_t row, const struct row_type *to)
{
  int64_t x = 0;
  if (row_is_null(c, row)) {
    return true;
  }
  if (is_integer(to->kind)) {
    return avro_integer(c, row, &x) && decode_fits(to->kind, x);
  }
  if (to->kind == ROW_LIST || to->kind == ROW_MAP) {
    return fits_all(c, row, to);
  }
  bool fit = true;
  for (int32_t i = 0; fit && to->kind == ROW_STRUCT && i < to->n_fields; i++) {
    const int32_t at = field_named(c->type->fields, c->type->n_fields, to->fields[i].name);
    fit = at < 0 || fits(&c->child[at], row, to->fields[i].type);
  }
  return fit;
}

// ---- values that were found good --------------------------------------------------------------

static void add(struct row_builder *out, const struct row_type *to, const struct row_col *c,
                size_t row);

static void add_real(struct row_builder *out, enum row_kind to, const struct row_col *c, size_t row)
{
  int64_t x = 0;
  if (is_integer(c->type->kind) && avro_integer(c, row, &x)) {
    const double d = (double)x;
    const float f = (float)x;
    row_builder_value(out, to == ROW_DOUBLE ? (const void *)&d : (const void *)&f);
    return;
  }
  const double d = (double)((const float *)c->data)[row];
  row_builder_value(out, &d);
}

static void add_items(struct row_builder *out, const struct row_type *to, const struct row_col *c,
                      size_t row)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  const struct row_col *items = &c->child[0];
  struct row_builder *child = row_builder_child(out, 0);
  for (size_t i = span.offset; i < span.offset + span.length; i++) {
    if (to->kind == ROW_LIST) {
      add(child, to->fields[0].type, items, i);
      continue;
    }
    add(row_builder_child(child, 0), to->fields[0].type, &items->child[0], i);
    add(row_builder_child(child, 1), to->fields[1].type, &items->child[1], i);
    row_builder_close_struct(child);
  }
  row_builder_close_list(out);
}

static void add_struct(struct row_builder *out, const struct row_type *to, const struct row_col *c,
                       size_t row)
{
  for (int32_t i = 0; i < to->n_fields; i++) {
    const int32_t at = field_named(c->type->fields, c->type->n_fields, to->fields[i].name);
    if (at < 0) {
      row_builder_null(row_builder_child(out, i));
    } else {
      add(row_builder_child(out, i), to->fields[i].type, &c->child[at], row);
    }
  }
  row_builder_close_struct(out);
}

static void add(struct row_builder *out, const struct row_type *to, const struct row_col *c,
                size_t row)
{
  int64_t x = 0;
  if (row_is_null(c, row)) {
    row_builder_null(out);
  } else if (row_type_equal(c->type, to)) {
    row_builder_append(out, c, row, 1);
  } else if (is_integer(to->kind)) {
    avro_integer(c, row, &x);
    decode_add_integer(out, to->kind, x);
  } else if (to->kind == ROW_LIST || to->kind == ROW_MAP) {
    add_items(out, to, c, row);
  } else if (to->kind == ROW_STRUCT) {
    add_struct(out, to, c, row);
  } else {
    add_real(out, to->kind, c, row);
  }
}

static chn_status refuse(const struct row_field *column, const struct row_col *c,
                         struct chn_err *err)
{
  int64_t x = 0;
  char text[40] = "one of its integers";
  if (is_integer(c->type->kind) && avro_integer(c, 0, &x)) {
    snprintf(text, sizeof text, "%" PRId64, x);
  }
  return decode_refuse(err, column->name, column->type, text, strlen(text));
}

chn_status avro_image_take(const struct avro_image *image, const struct row_schema *columns,
                           const struct avro_from *from, struct row_builder **outs,
                           struct chn_err *err)
{
  for (int32_t i = 0; i < columns->n_fields; i++) {
    if (image->field[i] < 0) {
      continue;
    }
    const struct row_col *c = from->column(from->self, image->field[i]);
    if (!fits(c, 0, columns->fields[i].type)) {
      return refuse(&columns->fields[i], c, err);
    }
  }
  for (int32_t i = 0; i < columns->n_fields; i++) {
    if (image->field[i] < 0) {
      row_builder_null(outs[i]);
    } else {
      add(outs[i], columns->fields[i].type, from->column(from->self, image->field[i]), 0);
    }
  }
  return CHN_OK;
}
