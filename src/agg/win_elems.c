// Streams: which values of an input reach an operation, and from which row each comes.
#include <stdlib.h>
#include <string.h>

#include "agg/win_int.h"

/// A column over the rows of a task.
struct view {
  const struct frame_col *col;
  size_t first_row;
};

/// Row of `nested`, or FRAME_NO_ROW.
static int32_t ref_of(const struct view *v, size_t row)
{
  return ((const int32_t *)(const void *)v->col->data.sorted)[v->first_row + row];
}

static bool has_value(const struct view *v, size_t row)
{
  if (!v->col->has_null) {
    return true;
  }
  if (v->col->form == FRAME_FIXED) {
    return v->col->valid.sorted[v->first_row + row] != 0;
  }
  return ref_of(v, row) >= 0; // a code or a reference
}

/// The elements of a row of a LIST or MAP; none of a null.
static struct row_span span_of(const struct view *v, size_t row)
{
  const int32_t ref = ref_of(v, row);
  const struct row_span none = { 0, 0 };
  return ref < 0 ? none : ((const struct row_span *)v->col->nested->data)[ref];
}

/// Elements while they are collected.
struct gather {
  struct win_task *task;
  struct view input;
  struct view bucket; ///< col NULL: none
  enum agg_shape shape;
  uint32_t *row;
  uint32_t *elem;
  int32_t *group; ///< NULL when not split
  size_t n;
};

/// How many elements there may be.
static size_t bound(const struct gather *g)
{
  if (g->shape == AGG_SHAPE_DIRECT) {
    return g->task->rows;
  }
  size_t n = 0;
  for (size_t row = 0; row < g->task->rows; row++) {
    n += span_of(&g->input, row).length;
  }
  return n;
}

static void add(struct gather *g, size_t row, size_t elem, int32_t group)
{
  g->row[g->n] = (uint32_t)row;
  g->elem[g->n] = (uint32_t)elem;
  if (g->group != NULL) {
    g->group[g->n] = group;
  }
  g->n++;
}

/// Adds the elements of one row; `bucket` is its group unless the shape has its own.
static void add_row(struct gather *g, size_t row, int32_t bucket)
{
  if (g->shape == AGG_SHAPE_DIRECT) {
    if (has_value(&g->input, row)) {
      add(g, row, g->input.first_row + row, bucket);
    }
    return;
  }
  const struct row_span span = span_of(&g->input, row);
  const struct frame_col *col = g->input.col;
  for (size_t i = 0; i < span.length; i++) {
    const size_t elem = span.offset + i;
    int32_t group = bucket;
    if (g->shape == AGG_SHAPE_MAP) {
      group = col->key_code[elem];
    } else if (g->shape == AGG_SHAPE_ELEMENTS) {
      group = (int32_t)i;
    }
    if (!row_is_null(col->leaf, elem) && group != FRAME_NO_CODE) {
      add(g, row, elem, group);
    }
  }
}

static void collect(struct gather *g)
{
  const size_t most = bound(g);
  struct arena *a = &g->task->arena;
  g->row = arena_alloc(a, most * sizeof *g->row);
  g->elem = arena_alloc(a, most * sizeof *g->elem);
  for (size_t row = 0; row < g->task->rows; row++) {
    int32_t bucket = 0;
    if (g->bucket.col != NULL) {
      bucket = ref_of(&g->bucket, row);
      if (bucket < 0) {
        continue;
      }
    }
    add_row(g, row, bucket);
  }
}

static void build_plain(struct win_elems *e, struct gather *g)
{
  struct win_task *t = g->task;
  if (e->shape == AGG_SHAPE_DIRECT && !g->input.col->has_null) {
    e->n = t->rows;
    return;
  }
  collect(g);
  uint32_t *off = arena_alloc(&t->arena, (t->rows + 1) * sizeof *off);
  size_t k = 0;
  for (size_t row = 0; row <= t->rows; row++) {
    while (k < g->n && g->row[k] < row) {
      k++;
    }
    off[row] = (uint32_t)k;
  }
  e->n = g->n;
  e->row = g->row;
  e->elem = g->elem;
  e->off = off;
}

uint32_t *win_counters(struct win_task *t, size_t n)
{
  if (t->n_counters < n) {
    free(t->counters);
    t->n_counters = n * 2;
    t->counters = chn_calloc(t->n_counters, sizeof *t->counters);
  }
  return t->counters;
}

static int by_value(const void *x, const void *y)
{
  const uint32_t a = *(const uint32_t *)x;
  const uint32_t b = *(const uint32_t *)y;
  return (a > b) - (a < b);
}

/// Orders the elements by group, stably. Groups go by the bytes of their strings, or by index.
static void build_split(struct win_elems *e, struct gather *g, const struct frame_dict *dict)
{
  struct arena *a = &g->task->arena;
  g->group = arena_alloc(a, bound(g) * sizeof *g->group);
  collect(g);
  size_t n_ids = dict != NULL ? (size_t)chn_dict_size(dict->dict) : 0;
  for (size_t i = 0; i < g->n; i++) {
    g->group[i] = dict != NULL ? dict->rank[g->group[i]] : g->group[i];
    n_ids = n_ids > (size_t)g->group[i] + 1 ? n_ids : (size_t)g->group[i] + 1;
  }
  uint32_t *count = win_counters(g->task, n_ids);
  uint32_t *ids = arena_alloc(a, (n_ids < g->n ? n_ids : g->n) * sizeof *ids);
  size_t n_groups = 0;
  for (size_t i = 0; i < g->n; i++) {
    if (count[g->group[i]]++ == 0) {
      ids[n_groups++] = (uint32_t)g->group[i];
    }
  }
  qsort(ids, n_groups, sizeof *ids, by_value);
  int32_t *group = arena_alloc(a, (n_groups + 1) * sizeof *group);
  size_t *group_at = arena_alloc(a, (n_groups + 1) * sizeof *group_at);
  size_t at = 0;
  for (size_t k = 0; k < n_groups; k++) {
    const uint32_t n = count[ids[k]];
    group[k] = dict != NULL ? dict->by_rank[ids[k]] : (int32_t)ids[k];
    group_at[k] = at;
    count[ids[k]] = (uint32_t)at;
    at += n;
  }
  group_at[n_groups] = at;
  uint32_t *row = arena_alloc(a, g->n * sizeof *row);
  uint32_t *elem = arena_alloc(a, g->n * sizeof *elem);
  for (size_t i = 0; i < g->n; i++) {
    const uint32_t to = count[g->group[i]]++;
    row[to] = g->row[i];
    elem[to] = g->elem[i];
  }
  for (size_t k = 0; k < n_groups; k++) {
    count[ids[k]] = 0;
  }
  e->n = g->n;
  e->row = row;
  e->elem = elem;
  e->split = true;
  e->n_groups = n_groups;
  e->group = group;
  e->group_at = group_at;
}

struct win_elems *win_elems_of(struct win_task *t, const struct agg_part *part)
{
  for (struct win_elems *e = t->elems; e != NULL; e = e->next) {
    if (e->input == part->input && e->bucket == part->bucket && e->shape == part->shape) {
      return e;
    }
  }
  struct win_elems *e = arena_calloc(&t->arena, 1, sizeof *e);
  e->input = part->input;
  e->bucket = part->bucket;
  e->shape = part->shape;
  e->next = t->elems;
  t->elems = e;
  const struct frame_col *cols = t->frame->cols;
  struct gather g = { .task = t, .shape = part->shape };
  g.input = (struct view){ &cols[part->input], t->first_row };
  if (part->bucket >= 0) {
    g.bucket = (struct view){ &cols[part->bucket], t->first_row };
    build_split(e, &g, cols[part->bucket].dict);
  } else if (part->shape == AGG_SHAPE_MAP) {
    build_split(e, &g, cols[part->input].key_dict);
  } else if (part->shape == AGG_SHAPE_ELEMENTS) {
    build_split(e, &g, NULL);
  } else {
    build_plain(e, &g);
  }
  return e;
}
