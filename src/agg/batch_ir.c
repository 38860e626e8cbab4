#include "agg/batch_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/time.h"

static const int64_t hop_sizes[AGG_HOP_SIZES] = { CHN_DAY_MS, CHN_HOUR_MS, 5 * CHN_MINUTE_MS };

struct hop {
  int64_t start;
  struct agg_ir *ir; ///< of the bases
};

/// Hops of one size, sorted by start. Those beyond n keep their IRs, empty, for the next key.
struct hops {
  struct hop *hop;
  int32_t n;
  int32_t room;
};

struct agg_batch_ir {
  const struct agg_plan *plan;
  enum agg_batch_rule rule;
  int64_t end;
  struct agg_edges *edges; ///< of the parts
  struct agg_ir *collapsed;
  struct hops hops[AGG_HOP_SIZES];
  bool *in_hop;   ///< scratch: hop size x base
  int64_t *tails; ///< of the answer that agg_serve_begin began, each part's first instant
};

static int64_t floor_to(int64_t t, int64_t hop)
{
  const int64_t rest = t % hop;
  return t - (rest < 0 ? rest + hop : rest);
}

static int32_t size_index(int64_t hop_ms)
{
  int32_t i = 0;
  while (i < AGG_HOP_SIZES - 1 && hop_sizes[i] != hop_ms) {
    i++;
  }
  return i;
}

struct agg_edges agg_edges_of(const struct agg_part *p, enum agg_batch_rule rule, int64_t end)
{
  const int32_t size = size_index(p->hop_ms);
  if (p->window_ms == 0) {
    return (struct agg_edges){ size, INT64_MIN, INT64_MIN };
  }
  const int64_t tail = end - p->window_ms;
  const int64_t until = tail + AGG_TAIL_BUFFER_MS;
  if (rule == AGG_BATCH_EVENTS) {
    return (struct agg_edges){ size, floor_to(tail, p->hop_ms),
                               floor_to(until + p->hop_ms - 1, p->hop_ms) };
  }
  return (struct agg_edges){ size, tail + 1, until };
}

static void set_edges(struct agg_batch_ir *b)
{
  for (int32_t i = 0; i < b->plan->n_parts; i++) {
    b->edges[i] = agg_edges_of(&b->plan->parts[i], b->rule, b->end);
  }
}

struct agg_batch_ir *agg_batch_ir_new(const struct agg_plan *plan, enum agg_batch_rule rule)
{
  struct agg_batch_ir *b = chn_calloc(1, sizeof *b);
  b->plan = plan;
  b->rule = rule;
  b->edges = chn_calloc((size_t)plan->n_parts, sizeof *b->edges);
  b->collapsed = agg_ir_new(plan->parts, plan->n_parts);
  b->in_hop = chn_calloc((size_t)AGG_HOP_SIZES * (size_t)plan->n_bases, sizeof *b->in_hop);
  b->tails = chn_calloc((size_t)plan->n_parts + 1, sizeof *b->tails);
  set_edges(b);
  return b;
}

void agg_batch_ir_free(struct agg_batch_ir *b)
{
  if (b == NULL) {
    return;
  }
  for (int32_t s = 0; s < AGG_HOP_SIZES; s++) {
    for (int32_t i = 0; i < b->hops[s].room; i++) {
      agg_ir_free(b->hops[s].hop[i].ir);
    }
    free(b->hops[s].hop);
  }
  agg_ir_free(b->collapsed);
  free(b->edges);
  free(b->in_hop);
  free(b->tails);
  free(b);
}

static void clear(struct agg_batch_ir *b)
{
  agg_ir_clear(b->collapsed);
  for (int32_t s = 0; s < AGG_HOP_SIZES; s++) {
    for (int32_t i = 0; i < b->hops[s].n; i++) {
      agg_ir_clear(b->hops[s].hop[i].ir);
    }
    b->hops[s].n = 0;
  }
}

void agg_batch_ir_reset(struct agg_batch_ir *b, int64_t end)
{
  clear(b);
  b->end = end;
  set_edges(b);
}

// ---- rows -------------------------------------------------------------------------------------

/// Makes an empty hop at position i.
static struct agg_ir *insert_hop(struct agg_batch_ir *b, struct hops *h, int32_t i, int64_t start)
{
  if (h->n == h->room) {
    const int32_t room = h->room > 0 ? 2 * h->room : 8;
    h->hop = chn_realloc(h->hop, (size_t)room * sizeof *h->hop);
    memset(h->hop + h->room, 0, (size_t)(room - h->room) * sizeof *h->hop);
    h->room = room;
  }
  struct agg_ir *ir = h->hop[h->n].ir;
  if (ir == NULL) {
    ir = agg_ir_new(b->plan->bases, b->plan->n_bases);
  }
  memmove(h->hop + i + 1, h->hop + i, (size_t)(h->n - i) * sizeof *h->hop);
  h->hop[i] = (struct hop){ start, ir };
  h->n++;
  return ir;
}

/// The IR of a hop, made when it is new. Rows mostly come in order: look from the end.
static struct agg_ir *hop_at(struct agg_batch_ir *b, int32_t size, int64_t start)
{
  struct hops *h = &b->hops[size];
  if (h->n == 0 || h->hop[h->n - 1].start < start) {
    return insert_hop(b, h, h->n, start);
  }
  int32_t low = 0;
  int32_t high = h->n - 1;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (h->hop[middle].start < start) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return h->hop[low].start == start ? h->hop[low].ir : insert_hop(b, h, low, start);
}

/// Adds a row to the hops that in_hop asks for, and takes the marks back.
static chn_status add_to_hops(struct agg_batch_ir *b, const struct row_col *inputs, size_t row,
                              int64_t ts, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t s = 0; s < AGG_HOP_SIZES; s++) {
    struct agg_ir *ir = NULL;
    for (int32_t i = 0; i < b->plan->n_bases; i++) {
      bool *mark = &b->in_hop[s * b->plan->n_bases + i];
      if (*mark && status == CHN_OK) {
        ir = ir != NULL ? ir : hop_at(b, s, floor_to(ts, hop_sizes[s]));
        status = agg_ir_update_part(ir, i, inputs, row, ts, err);
      }
      *mark = false;
    }
  }
  return status;
}

chn_status agg_batch_ir_add(struct agg_batch_ir *b, const struct row_col *inputs, size_t row,
                            int64_t ts, struct chn_err *err)
{
  const struct agg_plan *plan = b->plan;
  bool any = false;
  if (ts >= b->end) {
    return CHN_OK;
  }
  for (int32_t i = 0; i < plan->n_parts; i++) {
    const struct agg_edges *e = &b->edges[i];
    if (ts >= e->tail_until) {
      const chn_status status = agg_ir_update_part(b->collapsed, i, inputs, row, ts, err);
      if (status != CHN_OK) {
        return status;
      }
    } else if (ts >= e->tail_from) {
      // A row without a value makes a hop too, an empty one, as upstream.
      b->in_hop[e->size * plan->n_bases + plan->parts[i].base] = true;
      any = true;
    }
  }
  return any ? add_to_hops(b, inputs, row, ts, err) : CHN_OK;
}

// ---- the stored form --------------------------------------------------------------------------

struct row_schema agg_batch_ir_columns(struct arena *a, const struct agg_plan *plan)
{
  struct row_field *parts = arena_calloc(a, (size_t)plan->n_parts, sizeof *parts);
  struct row_field *bases = arena_calloc(a, (size_t)plan->n_bases + 1, sizeof *bases);
  struct row_field *columns = arena_calloc(a, 2, sizeof *columns);
  for (int32_t i = 0; i < plan->n_parts; i++) {
    parts[i] = (struct row_field){ plan->parts[i].name, plan->parts[i].ir };
  }
  for (int32_t i = 0; i < plan->n_bases; i++) {
    bases[i] = (struct row_field){ plan->bases[i].base_name, plan->bases[i].ir };
  }
  bases[plan->n_bases] = (struct row_field){ "ts", row_scalar(ROW_LONG) };
  const struct row_type *hop = row_struct_of(a, "HopIr", bases, plan->n_bases + 1);
  columns[0] =
      (struct row_field){ "collapsedIr", row_struct_of(a, "WindowedIr", parts, plan->n_parts) };
  columns[1] = (struct row_field){ "tailHopIrs", row_list_of(a, row_list_of(a, hop)) };
  return (struct row_schema){ columns, 2 };
}

void agg_batch_ir_store(const struct agg_batch_ir *b, struct row_builder *const outs[2])
{
  for (int32_t i = 0; i < b->plan->n_parts; i++) {
    agg_ir_store(b->collapsed, i, row_builder_child(outs[0], i));
  }
  row_builder_close_struct(outs[0]);
  struct row_builder *list = row_builder_child(outs[1], 0);
  struct row_builder *hop = row_builder_child(list, 0);
  for (int32_t s = 0; s < AGG_HOP_SIZES; s++) {
    const struct hops *h = &b->hops[s];
    for (int32_t k = 0; k < h->n; k++) {
      for (int32_t i = 0; i < b->plan->n_bases; i++) {
        agg_ir_store(h->hop[k].ir, i, row_builder_child(hop, i));
      }
      row_builder_value(row_builder_child(hop, b->plan->n_bases), &h->hop[k].start);
      row_builder_close_struct(hop);
    }
    row_builder_close_list(list);
  }
  row_builder_close_list(outs[1]);
}

static chn_status load_hop(struct agg_batch_ir *b, int32_t size, const struct row_col *col,
                           size_t row, struct chn_err *err)
{
  const int32_t n = b->plan->n_bases;
  if (row_is_null(col, row) || row_is_null(&col->child[n], row)) {
    return chn_fail(err, CHN_E_CORRUPT, "a tail hop without its time");
  }
  const int64_t start = ((const int64_t *)col->child[n].data)[row];
  struct hops *h = &b->hops[size];
  if (h->n > 0 && h->hop[h->n - 1].start >= start) {
    return chn_fail(err, CHN_E_CORRUPT, "tail hops that are not in the order of time");
  }
  struct agg_ir *ir = insert_hop(b, h, h->n, start);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    status = agg_ir_load(ir, i, &col->child[i], row, err);
  }
  return status;
}

static chn_status load_hops(struct agg_batch_ir *b, const struct row_col *col, size_t row,
                            struct chn_err *err)
{
  if (row_is_null(col, row)) {
    return CHN_OK;
  }
  const struct row_span sizes = ((const struct row_span *)col->data)[row];
  if (sizes.length != AGG_HOP_SIZES) {
    return chn_fail(err, CHN_E_CORRUPT, "tail hops of %zu sizes, want %d", (size_t)sizes.length,
                    (int)AGG_HOP_SIZES);
  }
  const struct row_col *lists = &col->child[0];
  for (int32_t s = 0; s < AGG_HOP_SIZES; s++) {
    const size_t list = sizes.offset + (size_t)s;
    if (row_is_null(lists, list)) {
      continue;
    }
    const struct row_span span = ((const struct row_span *)lists->data)[list];
    for (size_t i = span.offset; i < span.offset + span.length; i++) {
      const chn_status status = load_hop(b, s, &lists->child[0], i, err);
      if (status != CHN_OK) {
        return status;
      }
    }
  }
  return CHN_OK;
}

chn_status agg_batch_ir_load(struct agg_batch_ir *b, const struct row_col cols[2], size_t row,
                             struct chn_err *err)
{
  clear(b);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < b->plan->n_parts && !row_is_null(&cols[0], row) && status == CHN_OK;
       i++) {
    status = agg_ir_load(b->collapsed, i, &cols[0].child[i], row, err);
  }
  if (status == CHN_OK) {
    status = load_hops(b, &cols[1], row, err);
  }
  if (status != CHN_OK) {
    clear(b);
  }
  return status;
}

// ---- serving ----------------------------------------------------------------------------------

int64_t agg_tail_at(const struct agg_part *p, int64_t q)
{
  return p->window_ms != 0 ? floor_to(q - p->window_ms, p->hop_ms) : INT64_MIN;
}

int64_t agg_serve_until(const struct agg_plan *plan, int64_t q)
{
  int64_t until = INT64_MAX;
  for (int32_t i = 0; i < plan->n_parts; i++) {
    const struct agg_part *p = &plan->parts[i];
    int64_t next = 0;
    if (p->window_ms == 0) {
      continue;
    }
    if (__builtin_add_overflow(agg_tail_at(p, q), p->hop_ms + p->window_ms, &next)) {
      continue;
    }
    until = next < until ? next : until;
  }
  return until;
}

chn_status agg_serve_begin(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                           struct chn_err *err)
{
  if (q < b->end) {
    return chn_fail(err, CHN_E_ARGUMENT, "Request time of %lld is less than batch time %lld",
                    (long long)q, (long long)b->end);
  }
  agg_ir_clear(out);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < b->plan->n_parts && status == CHN_OK; i++) {
    b->tails[i] = agg_tail_at(&b->plan->parts[i], q);
    status = agg_ir_merge_part(out, i, b->collapsed, i, err);
  }
  return status;
}

chn_status agg_serve_row(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                         const struct row_col *inputs, size_t row, int64_t ts, struct chn_err *err)
{
  if (ts < b->end || ts >= q) {
    return CHN_OK;
  }
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < b->plan->n_parts && status == CHN_OK; i++) {
    if (ts >= b->tails[i]) {
      status = agg_ir_update_part(out, i, inputs, row, ts, err);
    }
  }
  return status;
}

chn_status agg_serve_mutation(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                              const struct row_col *inputs, size_t row, int64_t ts,
                              int64_t mutation_ts, bool is_before, struct chn_err *err)
{
  if (mutation_ts < b->end || mutation_ts >= q || ts >= q) {
    return CHN_OK;
  }
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < b->plan->n_parts && status == CHN_OK; i++) {
    if (ts < b->tails[i]) {
      continue;
    }
    status = is_before ? agg_ir_delete_part(out, i, inputs, row, ts, err)
                       : agg_ir_update_part(out, i, inputs, row, ts, err);
  }
  return status;
}

chn_status agg_serve_tile(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                          const struct agg_ir *tile, int64_t ts, struct chn_err *err)
{
  if (ts < b->end || ts >= q) {
    return CHN_OK;
  }
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < b->plan->n_parts && status == CHN_OK; i++) {
    if (ts >= b->tails[i]) {
      status = agg_ir_merge_part(out, i, tile, b->plan->parts[i].base, err);
    }
  }
  return status;
}

chn_status agg_serve_end(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                         struct chn_err *err)
{
  for (int32_t i = 0; i < b->plan->n_parts; i++) {
    const struct agg_part *p = &b->plan->parts[i];
    const struct agg_edges *e = &b->edges[i];
    const struct hops *h = &b->hops[e->size];
    const int64_t from = agg_tail_at(p, q);
    for (int32_t k = 0; k < h->n && p->window_ms != 0; k++) {
      if (h->hop[k].start < from || h->hop[k].start >= e->tail_until) {
        continue;
      }
      const chn_status status = agg_ir_merge_part(out, i, h->hop[k].ir, p->base, err);
      if (status != CHN_OK) {
        return status;
      }
    }
  }
  return CHN_OK;
}

// ---- looking inside ---------------------------------------------------------------------------

int64_t agg_batch_end(const struct agg_batch_ir *b)
{
  return b->end;
}

int64_t agg_batch_from(const struct agg_batch_ir *b, int32_t part, int64_t q)
{
  return agg_tail_at(&b->plan->parts[part], q);
}

int64_t agg_batch_until(const struct agg_batch_ir *b, int32_t part)
{
  return b->edges[part].tail_until;
}

const struct agg_ir *agg_batch_collapsed(const struct agg_batch_ir *b)
{
  return b->collapsed;
}

int32_t agg_batch_hops(const struct agg_batch_ir *b, int32_t part)
{
  return b->plan->parts[part].window_ms != 0 ? b->hops[b->edges[part].size].n : 0;
}

const struct agg_ir *agg_batch_hop(const struct agg_batch_ir *b, int32_t part, int32_t i,
                                   int64_t *start)
{
  const struct hop *hop = &b->hops[b->edges[part].size].hop[i];
  *start = hop->start;
  return hop->ir;
}
