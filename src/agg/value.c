#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agg/value_int.h"

bool agg_is_float(const struct row_type *t)
{
  return t->kind == ROW_FLOAT || t->kind == ROW_DOUBLE;
}

bool agg_is_bytes(const struct row_type *t)
{
  return t->kind == ROW_STRING || t->kind == ROW_BINARY;
}

static bool is_nested(const struct row_type *t)
{
  return t->kind == ROW_LIST || t->kind == ROW_MAP || t->kind == ROW_STRUCT;
}

int64_t agg_read_int(const struct row_col *c, size_t row)
{
  switch (c->type->kind) {
  case ROW_BOOLEAN: return ((const uint8_t *)c->data)[row] != 0;
  case ROW_BYTE: return ((const int8_t *)c->data)[row];
  case ROW_SHORT: return ((const int16_t *)c->data)[row];
  case ROW_INT: return ((const int32_t *)c->data)[row];
  default: return ((const int64_t *)c->data)[row];
  }
}

double agg_read_double(const struct row_col *c, size_t row)
{
  return c->type->kind == ROW_FLOAT ? (double)((const float *)c->data)[row]
                                    : ((const double *)c->data)[row];
}

double agg_read_number(const struct row_col *c, size_t row)
{
  return agg_is_float(c->type) ? agg_read_double(c, row) : (double)agg_read_int(c, row);
}

static void set_bytes(struct agg_value *v, const char *bytes, size_t len)
{
  if (len + 1 > v->as.s.room) {
    v->as.s.room = len + 1;
    v->as.s.bytes = chn_realloc(v->as.s.bytes, v->as.s.room);
  }
  if (len > 0) {
    memcpy(v->as.s.bytes, bytes, len);
  }
  v->as.s.len = len;
}

static void set_nested(struct agg_value *v, const struct row_col *c, size_t row)
{
  row_builder_free(v->as.nested);
  v->as.nested = row_builder_new(c->type);
  row_builder_append(v->as.nested, c, row, 1);
}

void agg_value_read(struct agg_value *v, const struct row_col *c, size_t row)
{
  if (agg_is_bytes(c->type)) {
    const struct row_str *s = (const struct row_str *)c->data + row;
    set_bytes(v, row_str_bytes(s), s->len);
  } else if (is_nested(c->type)) {
    set_nested(v, c, row);
  } else if (agg_is_float(c->type)) {
    v->as.f = agg_read_double(c, row);
  } else {
    v->as.i = agg_read_int(c, row);
  }
}

void agg_value_copy(struct agg_value *v, const struct row_type *t, const struct agg_value *from)
{
  if (agg_is_bytes(t)) {
    set_bytes(v, from->as.s.bytes, from->as.s.len);
  } else if (is_nested(t)) {
    set_nested(v, row_builder_col(from->as.nested), 0);
  } else {
    v->as = from->as;
  }
}

void agg_value_free(struct agg_value *v, const struct row_type *t)
{
  if (agg_is_bytes(t)) {
    free(v->as.s.bytes);
  } else if (is_nested(t)) {
    row_builder_free(v->as.nested);
  }
  *v = (struct agg_value){ 0 };
}

void agg_value_emit(const struct agg_value *v, const struct row_type *t, struct row_builder *out)
{
  if (agg_is_bytes(t)) {
    row_builder_string(out, v->as.s.bytes, v->as.s.len);
  } else if (is_nested(t)) {
    row_builder_append(out, row_builder_col(v->as.nested), 0, 1);
  } else if (agg_is_float(t)) {
    agg_emit_double(out, t, v->as.f);
  } else {
    agg_emit_int(out, t, v->as.i);
  }
}

int agg_utf16_compare(const char *x, size_t nx, const char *y, size_t ny)
{
  const size_t n = nx < ny ? nx : ny;
  for (size_t i = 0; i < n; i++) {
    const unsigned char a = (unsigned char)x[i];
    const unsigned char b = (unsigned char)y[i];
    if (a != b) {
      // Lead bytes 0xEE and 0xEF begin U+E000..U+FFFF, 0xF0 and above begin surrogates.
      const bool swapped = a >= 0xee && b >= 0xee && (a >= 0xf0) != (b >= 0xf0);
      return (a < b) != swapped ? -1 : 1;
    }
  }
  return (nx > ny) - (nx < ny);
}

static int compare_doubles(double x, double y)
{
  if (isnan(x) || isnan(y)) {
    return !!isnan(x) - !!isnan(y);
  }
  if (x == 0.0 && y == 0.0) {
    return !!signbit(y) - !!signbit(x);
  }
  return (x > y) - (x < y);
}

int agg_value_compare(const struct row_type *t, const struct agg_value *x,
                      const struct agg_value *y)
{
  if (agg_is_bytes(t)) {
    return agg_utf16_compare(x->as.s.bytes, x->as.s.len, y->as.s.bytes, y->as.s.len);
  }
  if (agg_is_float(t)) {
    return compare_doubles(x->as.f, y->as.f);
  }
  return (x->as.i > y->as.i) - (x->as.i < y->as.i);
}

void agg_emit_int(struct row_builder *out, const struct row_type *t, int64_t value)
{
  switch (t->kind) {
  case ROW_BOOLEAN:
  case ROW_BYTE: row_builder_value(out, &(int8_t){ (int8_t)value }); break;
  case ROW_SHORT: row_builder_value(out, &(int16_t){ (int16_t)value }); break;
  case ROW_INT: row_builder_value(out, &(int32_t){ (int32_t)value }); break;
  default: row_builder_value(out, &value);
  }
}

void agg_emit_double(struct row_builder *out, const struct row_type *t, double value)
{
  if (t->kind == ROW_FLOAT) {
    row_builder_value(out, &(float){ (float)value });
  } else {
    row_builder_value(out, &value);
  }
}

bool agg_part_is_plain(const struct agg_part *p)
{
  return p->bucket < 0 && (p->shape == AGG_SHAPE_DIRECT || p->shape == AGG_SHAPE_EXPLODE);
}

void agg_emit_final(const struct agg_part *p, struct row_builder *out, const struct row_type *t,
                    double value)
{
  if (agg_part_is_plain(p) && !isfinite(value)) {
    row_builder_null(out);
  } else {
    agg_emit_double(out, t, value);
  }
}
