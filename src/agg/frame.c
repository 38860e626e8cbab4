// Birth, growth and death of a frame: rows are copied column by column into chunks.
#include <stdlib.h>
#include <string.h>

#include "agg/frame_int.h"

static enum frame_form form_of(const struct row_type *t)
{
  switch (t->kind) {
  case ROW_STRING:
  case ROW_BINARY: return FRAME_CODED;
  case ROW_LIST:
  case ROW_MAP:
  case ROW_STRUCT: return FRAME_NESTED;
  default: return FRAME_FIXED;
  }
}

static void col_init(struct frame_col *c, const struct row_type *t)
{
  c->type = t;
  c->form = form_of(t);
  c->data.width = c->form == FRAME_FIXED ? (uint32_t)row_kind_width(t->kind) : 4;
  c->valid.width = 1;
  if (c->form == FRAME_CODED) {
    c->dict = frame_dict_new();
  } else if (c->form == FRAME_NESTED) {
    c->rows = row_builder_new(t);
  }
}

static void col_deinit(struct frame_col *c)
{
  frame_cells_free(&c->data);
  frame_cells_free(&c->valid);
  frame_dict_unref(c->dict);
  frame_dict_unref(c->key_dict);
  row_builder_free(c->rows);
  free(c->leaf_code);
  free(c->key_code);
}

struct agg_frame *agg_frame_new(const struct agg_plan *plan)
{
  struct agg_frame *f = chn_calloc(1, sizeof *f);
  f->plan = plan;
  f->max_key = -1;
  f->key.width = 4;
  f->ts.width = 8;
  f->cols = chn_calloc((size_t)plan->inputs.n_fields, sizeof *f->cols);
  for (int32_t i = 0; i < plan->inputs.n_fields; i++) {
    col_init(&f->cols[i], plan->inputs.fields[i].type);
  }
  return f;
}

void agg_frame_free(struct agg_frame *f)
{
  if (f == NULL) {
    return;
  }
  for (int32_t i = 0; i < f->plan->inputs.n_fields; i++) {
    col_deinit(&f->cols[i]);
  }
  frame_cells_free(&f->key);
  frame_cells_free(&f->ts);
  free(f->cols);
  free(f->count);
  free(f->start);
  free(f->kept);
  free(f);
}

void agg_frame_set_task_cost(struct agg_frame *f, size_t cost)
{
  f->task_cost = cost;
}

static size_t col_memory(const struct frame_col *c, size_t n)
{
  size_t bytes = frame_cells_memory(&c->data, n) + frame_cells_memory(&c->valid, n);
  bytes += frame_dict_memory(c->dict) + frame_dict_memory(c->key_dict);
  if (c->rows != NULL) {
    bytes += row_builder_memory(c->rows);
  }
  bytes += c->leaf_code != NULL ? c->leaf->count * sizeof *c->leaf_code : 0;
  bytes += c->key_code != NULL ? c->leaf->count * sizeof *c->key_code : 0;
  return bytes;
}

size_t agg_frame_memory(const struct agg_frame *f)
{
  size_t bytes = sizeof *f + frame_cells_memory(&f->key, f->n) + frame_cells_memory(&f->ts, f->n);
  for (int32_t i = 0; i < f->plan->inputs.n_fields; i++) {
    bytes += col_memory(&f->cols[i], f->n);
  }
  bytes += f->count != NULL ? (size_t)f->count_room * sizeof *f->count : 0;
  bytes += f->start != NULL ? ((size_t)f->n_keys + 1) * sizeof *f->start : 0;
  return bytes + f->kept_room * sizeof *f->kept;
}

size_t agg_frame_rows(const struct agg_frame *f)
{
  return f->n;
}

size_t agg_frame_key_rows(const struct agg_frame *f, int32_t key, const int64_t **ts)
{
  const bool known = key >= 0 && key < f->n_keys;
  const size_t from = known ? f->start[key] : 0;
  if (ts != NULL) {
    *ts = f->timed ? (const int64_t *)f->ts.sorted + from : NULL;
  }
  return known ? f->start[key + 1] - from : 0;
}

// ---- append ----------------------------------------------------------------------------------

/// Counts rows by key, so that sealing knows every key's place without reading the keys again.
static void count_keys(struct agg_frame *f, const int32_t *keys, const int64_t *kept, size_t m,
                       int32_t max)
{
  if (max >= f->count_room) {
    const int32_t before = f->count_room;
    const int64_t doubled = 2 * (int64_t)before;
    f->count_room = doubled > INT32_MAX - 1 ? INT32_MAX : (int32_t)doubled;
    f->count_room = f->count_room > max ? f->count_room : max + 1;
    f->count = chn_realloc(f->count, (size_t)f->count_room * sizeof *f->count);
    memset(f->count + before, 0, (size_t)(f->count_room - before) * sizeof *f->count);
  }
  f->max_key = max > f->max_key ? max : f->max_key;
  for (size_t i = 0; i < m; i++) {
    f->count[keys[kept != NULL ? (size_t)kept[i] : i]]++;
  }
}

/// The rows with a key: NULL when all have one, else their indexes, *m of them.
static const int64_t *rows_with_key(struct agg_frame *f, const int32_t *keys, size_t n, size_t *m,
                                    int32_t *max)
{
  int32_t low = 0;
  int32_t high = -1;
  for (size_t i = 0; i < n; i++) {
    low = keys[i] < low ? keys[i] : low;
    high = keys[i] > high ? keys[i] : high;
  }
  *max = high;
  *m = n;
  if (low >= 0) {
    return NULL;
  }
  if (f->kept_room < n) {
    f->kept_room = n;
    free(f->kept);
    f->kept = chn_malloc(n * sizeof *f->kept);
  }
  size_t k = 0;
  for (size_t i = 0; i < n; i++) {
    f->kept[k] = (int64_t)i;
    k += keys[i] >= 0;
  }
  *m = k;
  return f->kept;
}

/// A stretch of one append that stays inside one chunk.
struct piece {
  size_t at;   ///< row of the frame it begins at
  size_t from; ///< its first row of the input, or of `idx`
  size_t n;
  const int64_t *idx; ///< rows of the input, or NULL: from, from + 1, ...
};

static void put_fixed(struct frame_cells *c, const void *src, const struct piece *p)
{
  const uint8_t *bytes = src;
  frame_cells_put(c, p->at, p->idx != NULL ? bytes : bytes + p->from * c->width,
                  p->idx != NULL ? p->idx + p->from : NULL, p->n);
}

static void put_valid(struct frame_col *c, const struct row_col *src, const struct piece *p)
{
  if (src->valid == NULL && !c->has_null) {
    return;
  }
  uint8_t flags[1024];
  for (size_t done = 0; done < p->n;) {
    const size_t some = p->n - done < sizeof flags ? p->n - done : sizeof flags;
    uint8_t all = 1;
    for (size_t i = 0; i < some; i++) {
      const size_t row = p->from + done + i;
      flags[i] = !row_is_null(src, p->idx != NULL ? (size_t)p->idx[row] : row);
      all &= flags[i];
    }
    if (all == 0 && !c->has_null) {
      c->has_null = true;
      frame_cells_fill(&c->valid, p->at + done);
    }
    if (c->has_null) {
      frame_cells_put(&c->valid, p->at + done, flags, NULL, some);
    }
    done += some;
  }
}

static void put_nested(struct frame_col *c, const struct row_col *src, const struct piece *p)
{
  int32_t *refs =
      (int32_t *)(void *)frame_cells_chunk(&c->data, p->at) + (p->at & (FRAME_CHUNK - 1));
  for (size_t i = 0; i < p->n; i++) {
    const size_t row = p->idx != NULL ? (size_t)p->idx[p->from + i] : p->from + i;
    if (row_is_null(src, row)) {
      refs[i] = FRAME_NO_ROW;
      c->has_null = true;
    } else {
      refs[i] = (int32_t)row_builder_count(c->rows);
      row_builder_append(c->rows, src, row, 1);
    }
  }
}

static void put_col(struct frame_col *c, const struct row_col *src, const struct piece *p)
{
  if (c->form == FRAME_NESTED) {
    put_nested(c, src, p);
  } else if (c->form == FRAME_CODED) {
    uint8_t *chunk = frame_cells_chunk(&c->data, p->at);
    int32_t *codes = (int32_t *)(void *)chunk + (p->at & (FRAME_CHUNK - 1));
    c->has_null |= frame_dict_encode(c->dict, src, p->idx, p->from, p->n, codes);
  } else {
    if (c->data.width > 0) {
      put_fixed(&c->data, src->data, p);
    }
    put_valid(c, src, p);
  }
}

static chn_status check_append(const struct agg_frame *f, const int64_t *ts, size_t n,
                               struct chn_err *err)
{
  if (f->sealed) {
    return chn_fail(err, CHN_E_INTERNAL, "rows are appended to a frame that is already sealed");
  }
  if (ts == NULL && f->plan->needs_time) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "a window, FIRST or LAST needs the time of each row, and the rows have none");
  }
  if (f->n > 0 && f->timed != (ts != NULL)) {
    return chn_fail(err, CHN_E_INTERNAL, "some rows of a frame have a time and some have none");
  }
  // Positions and references to nested rows are 31 and 32 bits wide.
  if (f->n + n > INT32_MAX) {
    return chn_fail(err, CHN_E_MEMORY, "a frame holds at most %d rows: split the input by key",
                    INT32_MAX);
  }
  return CHN_OK;
}

chn_status agg_frame_append(struct agg_frame *f, const int32_t *keys, const int64_t *ts,
                            const struct row_col *inputs, size_t n, struct chn_err *err)
{
  const chn_status status = check_append(f, ts, n, err);
  if (status != CHN_OK || n == 0) {
    return status;
  }
  size_t m;
  int32_t max;
  const int64_t *kept = rows_with_key(f, keys, n, &m, &max);
  if (m == 0) {
    return CHN_OK;
  }
  f->timed = ts != NULL;
  count_keys(f, keys, kept, m, max);
  for (int32_t j = 0; j < f->plan->inputs.n_fields; j++) {
    if (f->cols[j].dict != NULL) {
      frame_dict_next_era(f->cols[j].dict);
    }
  }
  for (size_t done = 0; done < m;) {
    struct piece p = { .at = f->n, .from = done, .n = m - done, .idx = kept };
    const size_t left = FRAME_CHUNK - (f->n & (FRAME_CHUNK - 1));
    p.n = p.n < left ? p.n : left;
    put_fixed(&f->key, keys, &p);
    if (f->timed) {
      put_fixed(&f->ts, ts, &p);
    }
    for (int32_t j = 0; j < f->plan->inputs.n_fields; j++) {
      put_col(&f->cols[j], &inputs[j], &p);
    }
    f->n += p.n;
    done += p.n;
  }
  return CHN_OK;
}
