// Parts that answer per bucket, per map key or per index: one stream a group, each evaluated over
// the queries that see at least one of its rows, and the results put together query by query.
#include <stdlib.h>
#include <string.h>

#include "agg/win_int.h"

/// The first place from `from` on whose value is above x, or n.
static size_t first_above(const uint32_t *v, size_t from, size_t n, uint32_t x)
{
  size_t step = 1;
  size_t low = from;
  while (low + step <= n && v[low + step - 1] <= x) {
    low += step;
    step *= 2;
  }
  size_t high = low + step - 1 < n ? low + step - 1 : n;
  while (low < high) {
    const size_t mid = low + (high - low) / 2;
    if (v[mid] <= x) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

static size_t first_not_below(const uint32_t *v, size_t from, size_t n, uint32_t x)
{
  return x == 0 ? from : first_above(v, from, n, x - 1);
}

/// The work of one part.
struct split {
  struct win_task *task;
  const struct agg_part *part;
  struct win_elems *elems;
  const uint32_t *lo; ///< rows, by query
  const uint32_t *hi;
  uint32_t *active; ///< queries that see a row of the group
  uint32_t *glo;    ///< positions in the group's stream, by active query
  uint32_t *ghi;
  size_t n_active;
  struct win_vals vals; ///< results, group by group
  struct win_buf query; ///< uint32: of each result
  struct win_buf group; ///< int32: code or index of each result
};

/// Fills active, glo and ghi for a stream that consists of these rows.
static void find_active(struct split *s, const uint32_t *rows, size_t m)
{
  const size_t n = s->task->n;
  size_t from = 0;
  size_t to = 0;
  size_t next = 0;
  s->n_active = 0;
  for (size_t p = 0; p < m && next < n; p++) {
    from = first_above(s->hi, from, n, rows[p]);
    to = first_above(s->lo, to, n, rows[p]);
    for (size_t i = from > next ? from : next; i < to; i++) {
      s->active[s->n_active++] = (uint32_t)i;
    }
    next = to > next ? to : next;
  }
  size_t low = 0;
  size_t high = 0;
  for (size_t k = 0; k < s->n_active; k++) {
    low = first_not_below(rows, low, m, s->lo[s->active[k]]);
    high = first_not_below(rows, high, m, s->hi[s->active[k]]);
    s->glo[k] = (uint32_t)low;
    s->ghi[k] = (uint32_t)high;
  }
}

static void eval_group(struct split *s, size_t g)
{
  struct win_elems *e = s->elems;
  const size_t from = e->group_at[g];
  const size_t m = e->group_at[g + 1] - from;
  find_active(s, e->row + from, m);
  if (s->n_active == 0) {
    return;
  }
  memcpy(win_buf_add(&s->query, s->n_active), s->active, s->n_active * sizeof *s->active);
  int32_t *group = win_buf_add(&s->group, s->n_active);
  for (size_t k = 0; k < s->n_active; k++) {
    group[k] = e->group[g];
  }
  arena_reset(&s->task->scratch);
  struct win_call call = { .task = s->task, .part = s->part, .elems = e, .from = from };
  call.n_elems = m;
  call.lo = s->glo;
  call.hi = s->ghi;
  call.n = s->n_active;
  call.slot = -1;
  call.out = &s->vals;
  win_eval_of(s->part->op)(&call);
}

// ---- putting together ------------------------------------------------------------------------

/// Results in the order of queries, within one in the order of groups. Writes the spans.
static uint32_t *order_results(struct split *s, struct row_span *span)
{
  const size_t n = s->task->n;
  const uint32_t *query = (const uint32_t *)(const void *)s->query.data;
  uint32_t *at = arena_calloc(&s->task->arena, n + 1, sizeof *at);
  for (size_t r = 0; r < s->query.n; r++) {
    at[query[r]]++;
  }
  uint32_t sum = 0;
  for (size_t i = 0; i < n; i++) {
    const uint32_t count = at[i];
    span[i] = (struct row_span){ sum, count };
    at[i] = sum;
    sum += count;
  }
  uint32_t *order = arena_alloc(&s->task->arena, sum * sizeof *order);
  for (size_t r = 0; r < s->query.n; r++) {
    order[at[query[r]]++] = (uint32_t)r;
  }
  return order;
}

static void copy_cells(struct win_buf *to, const struct win_buf *from, const uint32_t *order,
                       size_t n)
{
  uint8_t *cells = win_buf_add(to, n);
  for (size_t i = 0; i < n; i++) {
    memcpy(cells + i * to->width, from->data + (size_t)order[i] * to->width, to->width);
  }
}

/// The same for values that are lists or maps: their children follow.
static void copy_spans(struct win_vals *to, const struct win_vals *from, const uint32_t *order,
                       size_t n)
{
  struct row_span *spans = win_buf_add(&to->cell, n);
  const struct row_span *old = (const struct row_span *)(const void *)from->cell.data;
  for (size_t i = 0; i < n; i++) {
    const struct row_span span = old[order[i]];
    spans[i] = (struct row_span){ to->child.n, span.length };
    memcpy(win_buf_add(&to->child, span.length), from->child.data + span.offset * to->child.width,
           span.length * to->child.width);
    if (from->key.n > 0) {
      memcpy(win_buf_add(&to->key, span.length), from->key.data + span.offset * to->key.width,
             span.length * to->key.width);
    }
  }
}

static void write_keys(const struct split *s, const uint32_t *order, size_t n, struct win_buf *out)
{
  const struct frame_col *cols = s->task->frame->cols;
  const struct frame_dict *dict =
      s->part->bucket >= 0 ? cols[s->part->bucket].dict : cols[s->part->input].key_dict;
  const int32_t *group = (const int32_t *)(const void *)s->group.data;
  struct row_str *keys = win_buf_add(out, n);
  for (size_t i = 0; i < n; i++) {
    keys[i] = dict->strings[group[order[i]]];
  }
}

static void put_together(struct split *s, struct win_part_out *out, struct row_span *span)
{
  struct win_form form;
  win_form_of(s->part, &form);
  const size_t n = s->query.n;
  const uint32_t *order = order_results(s, span);
  if (s->part->shape != AGG_SHAPE_ELEMENTS) {
    write_keys(s, order, n, &out->key);
  }
  copy_cells(&out->vals.valid, &s->vals.valid, order, n);
  if (form.nest == WIN_LEAF) {
    copy_cells(&out->vals.cell, &s->vals.cell, order, n);
  } else {
    copy_spans(&out->vals, &s->vals, order, n);
  }
}

// ---- lists and maps as such ------------------------------------------------------------------

/// The non-null maps of the task's rows, or the non-empty lists.
struct containers {
  const uint32_t *before; ///< their number before each row; rows + 1
  uint32_t *length;
  uint32_t *other_length; ///< the next one of another length
  uint32_t *with_null;    ///< this or the next one with a null element
  uint32_t n;
};

static void find_containers(const struct split *s, struct containers *k, bool lengths)
{
  const struct win_task *t = s->task;
  const struct frame_col *col = &t->frame->cols[s->part->input];
  const int32_t *ref = (const int32_t *)(const void *)col->data.sorted + t->first_row;
  const struct row_span *spans = col->nested->data;
  uint32_t *before = arena_alloc(&s->task->arena, (t->rows + 1) * sizeof *before);
  for (size_t row = 0; row < t->rows; row++) {
    before[row] = k->n;
    k->n += ref[row] >= 0 && (!lengths || spans[ref[row]].length > 0);
  }
  before[t->rows] = k->n;
  k->before = before;
  if (!lengths) {
    return;
  }
  k->length = arena_alloc(&s->task->arena, k->n * sizeof *k->length);
  k->other_length = arena_alloc(&s->task->arena, k->n * sizeof *k->other_length);
  k->with_null = arena_alloc(&s->task->arena, k->n * sizeof *k->with_null);
  uint32_t i = k->n;
  for (size_t row = t->rows; row-- > 0;) {
    if (before[row + 1] == before[row]) {
      continue;
    }
    i--;
    const struct row_span span = spans[ref[row]];
    bool null = false;
    for (size_t j = 0; j < span.length; j++) {
      null = null || row_is_null(col->leaf, span.offset + j);
    }
    const bool last = i + 1 == k->n;
    k->length[i] = (uint32_t)span.length;
    k->with_null[i] = null ? i : last ? UINT32_MAX : k->with_null[i + 1];
    const bool same = !last && k->length[i + 1] == k->length[i];
    k->other_length[i] = last ? UINT32_MAX : same ? k->other_length[i + 1] : i + 1;
  }
}

static chn_status check_tensors(const struct split *s, const struct containers *k,
                                struct chn_err *err)
{
  const char *name = s->task->frame->plan->inputs.fields[s->part->input].name;
  for (size_t i = 0; i < s->task->n; i++) {
    const uint32_t first = k->before[s->lo[i]];
    const uint32_t end = k->before[s->hi[i]];
    if (first >= end) {
      continue;
    }
    const uint32_t other = k->other_length[first];
    if (other < end) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "column \"%s\": Tensor dimensions must match: existing=%u, input=%u", name,
                      k->length[first], k->length[other]);
    }
    if (k->with_null[first] < end) {
      return chn_fail(
          err, CHN_E_ARGUMENT,
          "column \"%s\": an element-wise list has a null element; fill it in the select", name);
    }
  }
  return CHN_OK;
}

/// Flags a query NULL that sees no map at all (one that sees only empty ones is empty), or nothing
/// but null and empty lists.
static chn_status flag_containers(const struct split *s, uint8_t *valid, struct chn_err *err)
{
  struct containers k = { 0 };
  const bool elements = s->part->shape == AGG_SHAPE_ELEMENTS;
  find_containers(s, &k, elements);
  for (size_t i = 0; i < s->task->n; i++) {
    valid[i] = k.before[s->hi[i]] > k.before[s->lo[i]];
  }
  return elements ? check_tensors(s, &k, err) : CHN_OK;
}

chn_status win_eval_split(struct win_task *t, const struct agg_part *part, int32_t slot,
                          struct win_part_out *out, struct row_span *span, uint8_t *valid,
                          struct chn_err *err)
{
  struct split s = { .task = t, .part = part, .lo = t->lo[slot], .hi = t->hi };
  if (part->bucket < 0) {
    const chn_status status = flag_containers(&s, valid, err);
    if (status != CHN_OK) {
      return status;
    }
  }
  s.elems = win_elems_of(t, part);
  s.active = arena_alloc(&t->arena, t->n * sizeof *s.active);
  s.glo = arena_alloc(&t->arena, t->n * sizeof *s.glo);
  s.ghi = arena_alloc(&t->arena, t->n * sizeof *s.ghi);
  s.query.width = s.group.width = 4;
  struct win_form form;
  win_form_of(part, &form);
  win_vals_init(&s.vals, &form);
  for (size_t g = 0; g < s.elems->n_groups; g++) {
    eval_group(&s, g);
  }
  put_together(&s, out, span);
  for (size_t i = 0; part->bucket >= 0 && i < t->n; i++) {
    valid[i] = span[i].length > 0;
  }
  win_vals_free(&s.vals);
  win_buf_free(&s.query);
  win_buf_free(&s.group);
  return CHN_OK;
}
