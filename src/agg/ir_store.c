// The way out of an IR: final values, the stored form, and the stored form read back.
#include <stdlib.h>
#include <string.h>

#include "agg/ir_int.h"

typedef void (*emit_cell)(const struct agg_part *p, const void *state, struct row_builder *out);

chn_status agg_corrupt(const struct agg_part *p, struct chn_err *err, const char *why)
{
  return chn_fail(err, CHN_E_CORRUPT, "stored %s: %s", p->name, why);
}

chn_status agg_check_no_nulls(const struct agg_part *p, const struct agg_list *l,
                              struct chn_err *err)
{
  for (size_t i = l->from; i < l->from + l->n; i++) {
    if (row_is_null(l->col, i)) {
      return agg_corrupt(p, err, "an element is null");
    }
  }
  return CHN_OK;
}

struct keyed {
  const char *key;
  size_t len;
  int32_t cell;
};

static int by_key(const void *x, const void *y)
{
  const struct keyed *a = x;
  const struct keyed *b = y;
  const int order = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);
  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

int32_t *agg_slot_sorted(const struct agg_slot *s)
{
  struct keyed *all = chn_calloc((size_t)s->n + 1, sizeof *all);
  for (int32_t i = 0; i < s->n; i++) {
    all[i].key = chn_dict_bytes(s->keys, i, &all[i].len);
    all[i].cell = i;
  }
  qsort(all, (size_t)s->n, sizeof *all, by_key);
  int32_t *cells = chn_calloc((size_t)s->n + 1, sizeof *cells);
  for (int32_t i = 0; i < s->n; i++) {
    cells[i] = all[i].cell;
  }
  free(all);
  return cells;
}

static void emit_by_key(const struct agg_slot *s, emit_cell emit, struct row_builder *out)
{
  struct row_builder *entry = row_builder_child(out, 0);
  int32_t *cells = agg_slot_sorted(s);
  for (int32_t i = 0; i < s->n; i++) {
    size_t len = 0;
    const char *key = chn_dict_bytes(s->keys, cells[i], &len);
    row_builder_string(row_builder_child(entry, 0), key, len);
    emit(s->part, agg_slot_state(s, cells[i]), row_builder_child(entry, 1));
    row_builder_close_struct(entry);
  }
  row_builder_close_list(out);
  free(cells);
}

static void emit_slot(const struct agg_slot *s, emit_cell emit, struct row_builder *out)
{
  if (!s->set) {
    row_builder_null(out);
  } else if (s->layout == AGG_ONE) {
    emit(s->part, agg_slot_state(s, 0), out);
  } else if (s->layout == AGG_BY_KEY) {
    emit_by_key(s, emit, out);
  } else {
    for (int32_t i = 0; i < s->n; i++) {
      emit(s->part, agg_slot_state(s, i), row_builder_child(out, 0));
    }
    row_builder_close_list(out);
  }
}

void agg_ir_finish(const struct agg_ir *ir, struct row_builder *const *outs)
{
  for (int32_t i = 0; i < ir->n; i++) {
    emit_slot(&ir->slots[i], ir->slots[i].kind->finish, outs[i]);
  }
}

void agg_ir_store(const struct agg_ir *ir, int32_t part, struct row_builder *out)
{
  emit_slot(&ir->slots[part], ir->slots[part].kind->store, out);
}

static chn_status load_cell(struct agg_slot *s, int32_t cell, const struct row_col *c, size_t row,
                            struct chn_err *err)
{
  *agg_slot_flag(s, cell) = true;
  return s->kind->load(s->part, agg_slot_state(s, cell), c, row, err);
}

static chn_status load_by_key(struct agg_slot *s, const struct row_col *c, size_t row,
                              struct chn_err *err)
{
  const struct agg_list l = agg_list_at(c, row);
  const struct row_col *keys = &l.col->child[0];
  const struct row_col *values = &l.col->child[1];
  chn_status status = CHN_OK;
  for (size_t i = l.from; status == CHN_OK && i < l.from + l.n; i++) {
    if (row_is_null(keys, i) || row_is_null(values, i)) {
      return agg_corrupt(s->part, err, "a key or a value of its map is null");
    }
    const struct row_str *key = (const struct row_str *)keys->data + i;
    const int32_t before = s->n;
    const int32_t cell = agg_slot_at_key(s, row_str_bytes(key), key->len);
    if (s->n == before) {
      return agg_corrupt(s->part, err, "a key of its map comes twice");
    }
    status = load_cell(s, cell, values, i, err);
  }
  return status;
}

static chn_status load_slot(struct agg_slot *s, const struct row_col *c, size_t row,
                            struct chn_err *err)
{
  if (s->layout == AGG_BY_KEY) {
    return load_by_key(s, c, row, err);
  }
  if (s->layout == AGG_ONE) {
    agg_slot_grow(s, 1);
    return load_cell(s, 0, c, row, err);
  }
  const struct agg_list l = agg_list_at(c, row);
  chn_status status = agg_check_no_nulls(s->part, &l, err);
  if (status == CHN_OK && l.n > INT32_MAX) {
    status = agg_corrupt(s->part, err, "too many elements");
  }
  for (size_t i = 0; status == CHN_OK && i < l.n; i++) {
    agg_slot_grow(s, (int32_t)i + 1);
    status = load_cell(s, (int32_t)i, l.col, l.from + i, err);
  }
  return status;
}

chn_status agg_ir_load(struct agg_ir *ir, int32_t part, const struct row_col *stored, size_t row,
                       struct chn_err *err)
{
  struct agg_slot *s = &ir->slots[part];
  agg_slot_clear(s);
  if (row_is_null(stored, row)) {
    return CHN_OK;
  }
  const chn_status status = load_slot(s, stored, row, err);
  s->set = s->layout != AGG_BY_INDEX || s->n > 0;
  if (status != CHN_OK) {
    agg_slot_clear(s);
  }
  return status;
}
