// Evaluation: queries are cut into tasks, threads take tasks, each task answers every part for its
// queries into its own stretch of the answers.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agg/answers_int.h"
#include "agg/win_int.h"

enum {
  TASK_COST = 48 * 1024, ///< rows + queries: a few columns of them fit in a second-level cache
  QUERY_COST = 4,        ///< a query costs about as much as so many rows
  GAP = 4096,            ///< rows without queries that a task rather does not carry along
};

struct cut {
  size_t from; ///< queries
  size_t n;
  size_t cost;
};

struct eval {
  const struct agg_frame *f;
  const struct agg_queries *q;
  enum agg_tail tail;
  struct win_slots slots;
  struct cut *cuts;
  size_t n_cuts;
  size_t room;
  size_t *order; ///< cuts, dearest first
  struct win_task *workers;
  struct part_answer *parts;
};

// ---- cutting ---------------------------------------------------------------------------------

static size_t rows_of(const struct agg_frame *f, int32_t key)
{
  return key >= 0 && key < f->n_keys ? f->start[key + 1] - f->start[key] : 0;
}

static void add_cut(struct eval *e, size_t from, size_t n, size_t cost)
{
  if (n == 0) {
    return;
  }
  if (e->n_cuts == e->room) {
    e->room = e->room ? e->room * 2 : 64;
    e->cuts = chn_realloc(e->cuts, e->room * sizeof *e->cuts);
  }
  e->cuts[e->n_cuts++] = (struct cut){ from, n, cost };
}

/// A key's queries in so many pieces that none is dearer than `most`, as far as queries go.
static void cut_key(struct eval *e, size_t from, size_t n, size_t cost, size_t most)
{
  size_t pieces = cost / most + 1;
  pieces = pieces < n ? pieces : n;
  for (size_t p = 0; p < pieces; p++) {
    const size_t a = n * p / pieces;
    const size_t b = n * (p + 1) / pieces;
    add_cut(e, from + a, b - a, cost / pieces);
  }
}

static size_t end_of_key(const struct agg_queries *q, size_t i)
{
  const int32_t key = q->key[i];
  while (i < q->n && q->key[i] == key) {
    i++;
  }
  return i;
}

static size_t cost_of(const struct eval *e, size_t from, size_t to)
{
  return rows_of(e->f, e->q->key[from]) + (to - from) * QUERY_COST;
}

static bool is_far(const struct agg_frame *f, int32_t key, int32_t next)
{
  return key >= 0 && next < f->n_keys && f->start[next] - f->start[key + 1] > GAP;
}

static void cut_queries(struct eval *e, int32_t threads)
{
  const struct agg_queries *q = e->q;
  size_t total = 0;
  for (size_t i = 0, end; i < q->n; i = end) {
    end = end_of_key(q, i);
    total += cost_of(e, i, end);
  }
  const size_t want = e->f->task_cost > 0 ? e->f->task_cost : TASK_COST;
  // One thread gains nothing from pieces of a key; several need pieces that even out.
  size_t most = e->f->task_cost > 0 ? want : threads > 1 ? total / ((size_t)threads * 2) : SIZE_MAX;
  most = most > want ? most : want;
  size_t from = 0;
  size_t cost = 0;
  for (size_t i = 0, end; i < q->n; i = end) {
    end = end_of_key(q, i);
    const size_t own = cost_of(e, i, end);
    if (cost > 0 && (cost + own > want || is_far(e->f, q->key[i - 1], q->key[i]))) {
      add_cut(e, from, i - from, cost);
      cost = 0;
    }
    if (own > most) {
      cut_key(e, i, end - i, own, most);
      from = end;
      continue;
    }
    from = cost == 0 ? i : from;
    cost += own;
  }
  if (cost > 0) {
    add_cut(e, from, q->n - from, cost);
  }
}

static int dearest_first(const void *x, const void *y, void *cuts)
{
  const size_t i = *(const size_t *)x;
  const size_t j = *(const size_t *)y;
  const size_t a = ((const struct cut *)cuts)[i].cost;
  const size_t b = ((const struct cut *)cuts)[j].cost;
  return a != b ? (a < b) - (a > b) : (i > j) - (i < j);
}

static chn_status check_queries(const struct eval *e, struct chn_err *err)
{
  const struct agg_queries *q = e->q;
  for (size_t i = 1; i < q->n; i++) {
    if (q->key[i] < q->key[i - 1] || (q->key[i] == q->key[i - 1] && q->at[i] < q->at[i - 1])) {
      return chn_fail(err, CHN_E_INTERNAL, "queries are not in order: number %zu", i);
    }
  }
  if (!e->f->sealed) {
    return chn_fail(err, CHN_E_INTERNAL, "a frame is asked before it is sealed");
  }
  return CHN_OK;
}

static void find_slots(struct win_slots *s, const struct agg_plan *plan)
{
  s->windows = chn_malloc((size_t)(plan->n_parts + 1) * sizeof(struct agg_part *));
  s->of_part = chn_malloc((size_t)(plan->n_parts + 1) * sizeof *s->of_part);
  for (int32_t i = 0; i < plan->n_parts; i++) {
    const struct agg_part *p = &plan->parts[i];
    int32_t w = 0;
    while (w < s->n && s->windows[w]->window_ms != p->window_ms) {
      w++;
    }
    s->windows[w] = p;
    s->of_part[i] = w;
    s->n = w == s->n ? w + 1 : s->n;
  }
}

// ---- evaluating ------------------------------------------------------------------------------

/// A final scalar that is NaN or infinite is NULL (spec/03 §3); inside lists and maps it stays.
static void drop_infinite(const struct part_answer *p, size_t from, size_t n)
{
  if (p->form.split || p->form.nest != WIN_LEAF) {
    return;
  }
  uint8_t *valid = p->valid + from;
  if (p->form.leaf->kind == ROW_DOUBLE) {
    const double *x = (const double *)(const void *)p->cells + from;
    for (size_t i = 0; i < n; i++) {
      valid[i] &= isfinite(x[i]) != 0;
    }
  } else if (p->form.leaf->kind == ROW_FLOAT) {
    const float *x = (const float *)(const void *)p->cells + from;
    for (size_t i = 0; i < n; i++) {
      valid[i] &= isfinite(x[i]) != 0;
    }
  }
}

static void eval_plain(struct win_task *t, const struct agg_part *part, int32_t slot,
                       const struct part_answer *p, struct win_vals *vals)
{
  struct win_elems *elems = win_elems_of(t, part);
  const uint32_t *lo = t->lo[slot];
  const uint32_t *hi = t->hi;
  arena_reset(&t->scratch);
  if (elems->off != NULL) {
    uint32_t *elo = arena_alloc(&t->scratch, t->n * sizeof *elo);
    uint32_t *ehi = arena_alloc(&t->scratch, t->n * sizeof *ehi);
    for (size_t i = 0; i < t->n; i++) {
      elo[i] = elems->off[lo[i]];
      ehi[i] = elems->off[hi[i]];
    }
    lo = elo;
    hi = ehi;
  }
  vals->cell =
      (struct win_buf){ p->cells + t->first_query * p->cell_width, 0, t->n, p->cell_width, true };
  vals->valid = (struct win_buf){ p->valid + t->first_query, 0, t->n, 1, true };
  struct win_call call = { .task = t, .part = part, .elems = elems, .n_elems = elems->n };
  call.lo = lo;
  call.hi = hi;
  call.n = t->n;
  call.slot = slot;
  call.out = vals;
  win_eval_of(part->op)(&call);
  drop_infinite(p, t->first_query, t->n);
}

static chn_status eval_cut(void *ctx, int32_t worker, size_t item, struct chn_err *err)
{
  struct eval *e = ctx;
  const size_t i = e->order[item];
  struct win_task *t = &e->workers[worker];
  t->frame = e->f;
  t->queries = e->q;
  t->tail = e->tail;
  t->slots = &e->slots;
  t->first_query = e->cuts[i].from;
  t->n = e->cuts[i].n;
  t->elems = NULL;
  win_ranges(t);
  chn_status status = CHN_OK;
  for (int32_t j = 0; status == CHN_OK && j < e->f->plan->n_parts; j++) {
    const struct agg_part *part = &e->f->plan->parts[j];
    const struct part_answer *p = &e->parts[j];
    struct win_part_out *out = &p->by_cut[i];
    if (p->form.split) {
      struct row_span *spans = (struct row_span *)(void *)p->cells + t->first_query;
      status =
          win_eval_split(t, part, e->slots.of_part[j], out, spans, p->valid + t->first_query, err);
    } else {
      eval_plain(t, part, e->slots.of_part[j], p, &out->vals);
    }
    if (status != CHN_OK) {
      chn_wrap(err, "%s", part->name);
    }
  }
  arena_reset(&t->arena);
  return status;
}

static void run_init(struct eval *e, int32_t threads)
{
  find_slots(&e->slots, e->f->plan);
  cut_queries(e, threads);
  e->order = chn_malloc(e->n_cuts * sizeof *e->order);
  for (size_t i = 0; i < e->n_cuts; i++) {
    e->order[i] = i;
  }
  qsort_r(e->order, e->n_cuts, sizeof *e->order, dearest_first, e->cuts);
  e->workers = chn_calloc((size_t)threads, sizeof *e->workers);
  e->parts = part_answers_new(e->f->plan, e->q->n, e->n_cuts);
}

static void run_deinit(struct eval *e, int32_t threads)
{
  for (int32_t w = 0; w < threads; w++) {
    arena_deinit(&e->workers[w].arena);
    arena_deinit(&e->workers[w].scratch);
    arena_deinit(&e->workers[w].texts);
    free(e->workers[w].counters);
  }
  free(e->workers);
  free(e->cuts);
  free(e->order);
  free(e->slots.windows);
  free(e->slots.of_part);
}

chn_status agg_frame_eval(const struct agg_frame *f, const struct agg_queries *q,
                          enum agg_tail tail, int threads, struct agg_answers *out,
                          struct chn_err *err)
{
  *out = (struct agg_answers){ 0 };
  struct eval e = { .f = f, .q = q, .tail = tail };
  chn_status status = check_queries(&e, err);
  for (int32_t j = 0; status == CHN_OK && j < f->plan->n_parts; j++) {
    if (win_eval_of(f->plan->parts[j].op) == NULL) {
      status = chn_fail(err, CHN_E_ARGUMENT, "%s: %s is not supported", f->plan->parts[j].name,
                        agg_op_name(f->plan->parts[j].op));
    }
  }
  if (status != CHN_OK) {
    return status;
  }
  threads = threads > 0 ? threads : 1;
  run_init(&e, threads);
  status = frame_parallel(eval_cut, &e, e.n_cuts, threads, err);
  size_t *from = chn_malloc((e.n_cuts + 1) * sizeof *from);
  for (size_t i = 0; i < e.n_cuts; i++) {
    from[i] = e.cuts[i].from;
  }
  from[e.n_cuts] = q->n;
  if (status == CHN_OK) {
    status = part_answers_finish(f, e.parts, q->n, from, e.n_cuts, threads, out, err);
    for (int32_t w = 0; w < threads; w++) {
      answers_own_texts(out, &e.workers[w].texts);
    }
  } else {
    part_answers_drop(f->plan, e.parts, e.n_cuts);
  }
  free(from);
  run_deinit(&e, threads);
  return status;
}
