// Composes operations over shapes: brings each value of a row to the cells that it belongs to.
// Storing and reading back is in ir_store.c.
#include "agg/ir.h"

#include <stdlib.h>
#include <string.h>

#include "agg/ir_int.h"

static const struct agg_kind *const kinds[AGG_OP_COUNT] = {
  [AGG_MIN] = &agg_op_min,
  [AGG_MAX] = &agg_op_max,
  [AGG_FIRST] = &agg_op_first,
  [AGG_LAST] = &agg_op_last,
  [AGG_UNIQUE_COUNT] = &agg_op_unique_count,
  [AGG_APPROX_UNIQUE_COUNT] = &agg_op_approx_unique_count,
  [AGG_COUNT] = &agg_op_count,
  [AGG_SUM] = &agg_op_sum,
  [AGG_AVERAGE] = &agg_op_average,
  [AGG_VARIANCE] = &agg_op_variance,
  [AGG_SKEW] = &agg_op_skew,
  [AGG_KURTOSIS] = &agg_op_kurtosis,
  [AGG_APPROX_PERCENTILE] = &agg_op_approx_percentile,
  [AGG_LAST_K] = &agg_op_last_k,
  [AGG_FIRST_K] = &agg_op_first_k,
  [AGG_TOP_K] = &agg_op_top_k,
  [AGG_BOTTOM_K] = &agg_op_bottom_k,
  [AGG_HISTOGRAM] = &agg_op_histogram,
  [AGG_APPROX_HISTOGRAM_K] = &agg_op_approx_histogram_k,
  [AGG_BOUNDED_UNIQUE_COUNT] = &agg_op_bounded_unique_count,
};

enum { FLAG_SIZE = 8 }; // keeps the state behind it aligned

struct agg_list agg_list_at(const struct row_col *c, size_t row)
{
  const struct row_span span = ((const struct row_span *)c->data)[row];
  return (struct agg_list){ &c->child[0], span.offset, span.length };
}

// ---- cells ----------------------------------------------------------------------------------

bool *agg_slot_flag(const struct agg_slot *s, int32_t i)
{
  return (bool *)(s->cells + (size_t)i * s->stride);
}

void *agg_slot_state(const struct agg_slot *s, int32_t i)
{
  return s->cells + (size_t)i * s->stride + FLAG_SIZE;
}

void agg_slot_grow(struct agg_slot *s, int32_t n)
{
  if (n > s->room) {
    const int32_t room = n > 2 * s->room ? n : 2 * s->room;
    s->cells = chn_realloc(s->cells, (size_t)room * s->stride);
    memset(s->cells + (size_t)s->room * s->stride, 0, (size_t)(room - s->room) * s->stride);
    s->room = room;
  }
  if (n > s->n) {
    s->n = n;
  }
}

int32_t agg_slot_at_key(struct agg_slot *s, const char *key, size_t len)
{
  if (s->keys == NULL) {
    s->keys = chn_dict_new(0);
  }
  const int32_t i = chn_dict_intern(s->keys, key, len);
  agg_slot_grow(s, i + 1);
  return i;
}

void agg_slot_clear(struct agg_slot *s)
{
  for (int32_t i = 0; i < s->n; i++) {
    if (s->kind->free != NULL) {
      s->kind->free(s->part, agg_slot_state(s, i));
    }
  }
  if (s->n > 0) {
    memset(s->cells, 0, (size_t)s->n * s->stride);
  }
  s->n = 0;
  s->set = false;
  chn_dict_free(s->keys);
  s->keys = NULL;
}

chn_status agg_slot_fit(struct agg_slot *s, size_t n, struct chn_err *err)
{
  if (n > INT32_MAX || (s->set && n != (size_t)s->n)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "%s: Tensor dimensions must match: a list of %zu elements after one of %d",
                    s->part->name, n, (int)s->n);
  }
  agg_slot_grow(s, (int32_t)n);
  s->set = true;
  return CHN_OK;
}

// ---- IRs ------------------------------------------------------------------------------------

struct agg_ir *agg_ir_new(const struct agg_part *parts, int32_t n)
{
  struct agg_ir *ir = chn_calloc(1, sizeof *ir);
  ir->n = n;
  ir->slots = chn_calloc((size_t)n + 1, sizeof *ir->slots);
  for (int32_t i = 0; i < n; i++) {
    struct agg_slot *s = &ir->slots[i];
    s->part = &parts[i];
    s->kind = kinds[parts[i].op];
    s->stride = FLAG_SIZE + (s->kind->size + 7) / 8 * 8;
    if (parts[i].shape == AGG_SHAPE_ELEMENTS) {
      s->layout = AGG_BY_INDEX;
    } else {
      s->layout = parts[i].shape == AGG_SHAPE_MAP || parts[i].bucket >= 0 ? AGG_BY_KEY : AGG_ONE;
    }
  }
  return ir;
}

void agg_ir_clear(struct agg_ir *ir)
{
  for (int32_t i = 0; i < ir->n; i++) {
    agg_slot_clear(&ir->slots[i]);
  }
}

void agg_ir_free(struct agg_ir *ir)
{
  if (ir == NULL) {
    return;
  }
  agg_ir_clear(ir);
  for (int32_t i = 0; i < ir->n; i++) {
    free(ir->slots[i].cells);
  }
  free(ir->slots);
  free(ir);
}

// ---- feeding --------------------------------------------------------------------------------

/// One row on its way into one part, or out of it.
struct feed {
  struct agg_slot *slot;
  const struct row_col *inputs;
  size_t row;
  int64_t ts;
  bool takes_back;
};

/// Feeds a non-null value to a cell.
static void feed_cell(const struct feed *f, int32_t cell, const struct row_col *c, size_t row)
{
  struct agg_slot *s = f->slot;
  *agg_slot_flag(s, cell) = true;
  s->set = true;
  if (f->takes_back) {
    s->kind->remove(s->part, agg_slot_state(s, cell), c, row);
  } else {
    s->kind->update(s->part, agg_slot_state(s, cell), c, row, f->ts);
  }
}

/// The cell of this row: the only one, or its bucket's; -1 when the row has no bucket.
static int32_t cell_of_row(const struct feed *f)
{
  struct agg_slot *s = f->slot;
  if (s->layout == AGG_ONE) {
    agg_slot_grow(s, 1);
    return 0;
  }
  const struct row_col *bucket = &f->inputs[s->part->bucket];
  if (row_is_null(bucket, f->row)) {
    return -1;
  }
  const struct row_str *key = (const struct row_str *)bucket->data + f->row;
  return agg_slot_at_key(s, row_str_bytes(key), key->len);
}

/// Elements of a list that are not null; the first of them makes the row's cell.
static void feed_exploded(const struct feed *f, const struct row_col *c)
{
  const struct agg_list l = agg_list_at(c, f->row);
  int32_t cell = -1;
  for (size_t i = l.from; i < l.from + l.n; i++) {
    if (row_is_null(l.col, i)) {
      continue;
    }
    cell = cell >= 0 ? cell : cell_of_row(f);
    if (cell < 0) {
      return;
    }
    feed_cell(f, cell, l.col, i);
  }
}

static void feed_map(const struct feed *f, const struct row_col *c)
{
  const struct agg_list l = agg_list_at(c, f->row);
  const struct row_col *keys = &l.col->child[0];
  const struct row_col *values = &l.col->child[1];
  f->slot->set = true;
  for (size_t i = l.from; i < l.from + l.n; i++) {
    if (!row_is_null(keys, i) && !row_is_null(values, i)) {
      const struct row_str *key = (const struct row_str *)keys->data + i;
      feed_cell(f, agg_slot_at_key(f->slot, row_str_bytes(key), key->len), values, i);
    }
  }
}

static chn_status feed_elements(const struct feed *f, const struct row_col *c, struct chn_err *err)
{
  const struct agg_list l = agg_list_at(c, f->row);
  if (l.n == 0) {
    return CHN_OK;
  }
  for (size_t i = 0; i < l.n; i++) {
    if (row_is_null(l.col, l.from + i)) {
      return chn_fail(err, CHN_E_ARGUMENT, "%s: element %zu of an element-wise list is null",
                      f->slot->part->name, i);
    }
  }
  const chn_status status = agg_slot_fit(f->slot, l.n, err);
  for (size_t i = 0; status == CHN_OK && i < l.n; i++) {
    feed_cell(f, (int32_t)i, l.col, l.from + i);
  }
  return status;
}

static chn_status feed(const struct feed *f, struct chn_err *err)
{
  const struct agg_part *p = f->slot->part;
  const struct row_col *c = &f->inputs[p->input];
  if (row_is_null(c, f->row)) {
    return CHN_OK;
  }
  switch (p->shape) {
  case AGG_SHAPE_ELEMENTS: return feed_elements(f, c, err);
  case AGG_SHAPE_MAP: feed_map(f, c); return CHN_OK;
  case AGG_SHAPE_EXPLODE: feed_exploded(f, c); return CHN_OK;
  case AGG_SHAPE_DIRECT: break;
  }
  const int32_t cell = cell_of_row(f);
  if (cell >= 0) {
    feed_cell(f, cell, c, f->row);
  }
  return CHN_OK;
}

chn_status agg_ir_update_part(struct agg_ir *ir, int32_t part, const struct row_col *inputs,
                              size_t row, int64_t ts, struct chn_err *err)
{
  return feed(&(struct feed){ &ir->slots[part], inputs, row, ts, false }, err);
}

chn_status agg_ir_update(struct agg_ir *ir, const struct row_col *inputs, size_t row, int64_t ts,
                         struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; status == CHN_OK && i < ir->n; i++) {
    status = agg_ir_update_part(ir, i, inputs, row, ts, err);
  }
  return status;
}

chn_status agg_ir_delete_part(struct agg_ir *ir, int32_t part, const struct row_col *inputs,
                              size_t row, int64_t ts, struct chn_err *err)
{
  if (ir->slots[part].kind->remove == NULL) {
    return CHN_OK;
  }
  return feed(&(struct feed){ &ir->slots[part], inputs, row, ts, true }, err);
}

// ---- merging --------------------------------------------------------------------------------

chn_status agg_ir_merge_part(struct agg_ir *into, int32_t part, const struct agg_ir *from,
                             int32_t from_part, struct chn_err *err)
{
  struct agg_slot *s = &into->slots[part];
  const struct agg_slot *other = &from->slots[from_part];
  if (!other->set) {
    return CHN_OK;
  }
  if (s->layout == AGG_BY_INDEX) {
    const chn_status status = agg_slot_fit(s, (size_t)other->n, err);
    if (status != CHN_OK) {
      return status;
    }
  }
  s->set = true;
  for (int32_t i = 0; i < other->n; i++) {
    if (!*agg_slot_flag(other, i)) {
      continue;
    }
    int32_t cell = i;
    if (s->layout == AGG_BY_KEY) {
      size_t len = 0;
      const char *key = chn_dict_bytes(other->keys, i, &len);
      cell = agg_slot_at_key(s, key, len);
    }
    agg_slot_grow(s, cell + 1);
    *agg_slot_flag(s, cell) = true;
    s->kind->merge(s->part, agg_slot_state(s, cell), agg_slot_state(other, i));
  }
  return CHN_OK;
}
