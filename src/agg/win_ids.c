// Values as small integers, for structures that count how often each is in the window.
#include <string.h>

#include "agg/sketch.h"
#include "agg/win_int.h"

enum {
  MOST_DIRECT = 1 << 17, ///< counters that are used without bringing ids close together
  NO_ENTRY = 0,
};

uint32_t *win_densify(struct arena *a, const int64_t *v, size_t n, struct win_ids *out)
{
  uint32_t bits = 3;
  while (((size_t)1 << bits) < n * 2) {
    bits++;
  }
  const size_t mask = ((size_t)1 << bits) - 1;
  uint32_t *slots = arena_calloc(a, mask + 1, sizeof *slots); // id + 1
  uint32_t *id = arena_alloc(a, n * sizeof *id);
  uint32_t *first = arena_alloc(a, n * sizeof *first);
  uint32_t n_ids = 0;
  for (size_t i = 0; i < n; i++) {
    size_t s = (size_t)((uint64_t)v[i] * 0x9e3779b97f4a7c15u >> (64 - bits));
    while (slots[s] != NO_ENTRY && v[first[slots[s] - 1]] != v[i]) {
      s = (s + 1) & mask;
    }
    if (slots[s] == NO_ENTRY) {
      first[n_ids] = (uint32_t)i;
      slots[s] = ++n_ids;
    }
    id[i] = slots[s] - 1;
  }
  *out = (struct win_ids){ .id = id, .n_ids = n_ids, .first = first };
  return id;
}

const int64_t *win_keys(const struct win_call *c)
{
  if (win_leaf_of(c->task->frame, c->elems->input, c->elems->shape).code == NULL) {
    return win_i64(c, WIN_ORD);
  }
  const int32_t *codes = win_codes(c);
  int64_t *keys = arena_alloc(&c->task->scratch, c->n_elems * sizeof *keys);
  for (size_t i = 0; i < c->n_elems; i++) {
    keys[i] = codes[i];
  }
  return keys;
}

/// Coupons of the stream's values; -1 for the empty string.
static const int64_t *coupons(const struct win_call *c)
{
  const struct win_leaf leaf = win_leaf_of(c->task->frame, c->elems->input, c->elems->shape);
  const int lg_k = c->part->k;
  int64_t *out = arena_alloc(&c->task->scratch, c->n_elems * sizeof *out);
  if (leaf.code != NULL) {
    const int64_t *by_code = frame_dict_coupons(leaf.dict, lg_k);
    const int32_t *codes = win_codes(c);
    for (size_t i = 0; i < c->n_elems; i++) {
      out[i] = by_code[codes[i]];
    }
  } else if (leaf.kind == ROW_FLOAT || leaf.kind == ROW_DOUBLE) {
    const double *x = win_f64(c);
    for (size_t i = 0; i < c->n_elems; i++) {
      out[i] = agg_cpc_coupon_double(lg_k, x[i]);
    }
  } else {
    const int64_t *x = win_i64(c, WIN_I64);
    for (size_t i = 0; i < c->n_elems; i++) {
      out[i] = agg_cpc_coupon_long(lg_k, x[i]);
    }
  }
  return out;
}

static void make_ids(const struct win_call *c, struct arena *a, struct win_ids *out)
{
  const bool approximate = c->part->op == AGG_APPROX_UNIQUE_COUNT;
  const struct win_leaf leaf = win_leaf_of(c->task->frame, c->elems->input, c->elems->shape);
  const size_t n_coupons = (size_t)64 << c->part->k;
  if (!approximate) {
    const size_t n_codes = leaf.code != NULL ? (size_t)chn_dict_size(leaf.dict->dict) : SIZE_MAX;
    if (n_codes <= MOST_DIRECT) {
      *out = (struct win_ids){ .id = (const uint32_t *)win_codes(c), .n_ids = n_codes };
    } else {
      win_densify(a, win_keys(c), c->n_elems, out);
    }
    return;
  }
  const int64_t *coupon = coupons(c);
  uint32_t *id = NULL;
  if (n_coupons > MOST_DIRECT) {
    id = win_densify(a, coupon, c->n_elems, out);
  } else {
    id = arena_alloc(a, c->n_elems * sizeof *id);
    *out = (struct win_ids){ .id = id, .n_ids = n_coupons };
  }
  for (size_t i = 0; i < c->n_elems; i++) {
    if (coupon[i] < 0) {
      id[i] = (uint32_t)WIN_NO_ID;
    } else if (n_coupons <= MOST_DIRECT) {
      id[i] = (uint32_t)coupon[i];
    }
  }
}

const struct win_ids *win_ids_of(const struct win_call *c)
{
  const int32_t kind = c->part->op == AGG_APPROX_UNIQUE_COUNT ? c->part->k : -1;
  const bool whole = c->slot >= 0; // else the stream is a part of the elements, seen only once
  for (struct win_ids *i = c->elems->ids; whole && i != NULL; i = i->next) {
    if (i->kind == kind) {
      return i;
    }
  }
  struct arena *a = whole ? &c->task->arena : &c->task->scratch;
  struct win_ids *ids = arena_alloc(a, sizeof *ids);
  make_ids(c, a, ids);
  ids->kind = kind;
  if (whole) {
    ids->next = c->elems->ids;
    c->elems->ids = ids;
  }
  return ids;
}
