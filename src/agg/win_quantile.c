// APPROX_PERCENTILE, exactly: the quantile of fraction f over n values is sorted[floor(f * n)], the
// last one when that is n, which is KLL's answer while it has dropped nothing (agg/sketch.h).
//
// Values are floats as integers in their order. Where ranges are few or short each is sorted by
// itself; else the values of a stretch of overlapping ranges are ranked, and a Fenwick tree over
// the ranks, which values enter and leave, finds the j-th by bisection.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agg/win_int.h"

/// The work of one call.
struct quantiles {
  struct win_call *c;
  const uint32_t *x; ///< orders of the floats that count
  uint32_t *lo;      ///< positions in x
  uint32_t *hi;
  float *out;       ///< n_percentiles a query
  uint32_t *sorted; ///< scratch, as long as x
  uint32_t *rank;
  uint32_t *tree;
};

static uint32_t order_of(float x)
{
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits ^ (bits >> 31 ? UINT32_MAX : (uint32_t)1 << 31);
}

static float of_order(uint32_t order)
{
  const uint32_t bits = order ^ (order >> 31 ? (uint32_t)1 << 31 : UINT32_MAX);
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// Drops NaN: x, lo and hi speak of the rest.
static void take_floats(struct quantiles *q)
{
  struct win_call *c = q->c;
  struct arena *a = &c->task->scratch;
  const double *in = win_f64(c);
  uint32_t *x = arena_alloc(a, c->n_elems * sizeof *x);
  uint32_t *before = arena_alloc(a, (c->n_elems + 1) * sizeof *before);
  uint32_t n = 0;
  for (size_t i = 0; i < c->n_elems; i++) {
    before[i] = n;
    x[n] = order_of((float)in[i]);
    n += isnan(in[i]) ? 0 : 1;
  }
  before[c->n_elems] = n;
  q->x = x;
  q->lo = arena_alloc(a, c->n * sizeof *q->lo);
  q->hi = arena_alloc(a, c->n * sizeof *q->hi);
  for (size_t i = 0; i < c->n; i++) {
    q->lo[i] = before[c->lo[i]];
    q->hi[i] = before[c->hi[i]];
  }
}

static int by_order(const void *x, const void *y)
{
  const uint32_t a = *(const uint32_t *)x;
  const uint32_t b = *(const uint32_t *)y;
  return (a > b) - (a < b);
}

/// Which of n values, from 0, the j-th fraction asks for.
static uint32_t place_of(const struct agg_part *p, int32_t j, uint32_t n)
{
  const double place = floor(p->percentiles[j] * n);
  return place < n ? (uint32_t)place : n - 1;
}

static void one_by_one(struct quantiles *q, size_t from, size_t to)
{
  const struct agg_part *p = q->c->part;
  for (size_t i = from; i < to; i++) {
    const uint32_t n = q->hi[i] - q->lo[i];
    memcpy(q->sorted, q->x + q->lo[i], n * sizeof *q->sorted);
    qsort(q->sorted, n, sizeof *q->sorted, by_order);
    for (int32_t j = 0; n > 0 && j < p->n_percentiles; j++) {
      q->out[i * (size_t)p->n_percentiles + (size_t)j] = of_order(q->sorted[place_of(p, j, n)]);
    }
  }
}

/// sorted = the different values of x[from, to); rank = by position from `from`. Returns how many.
static uint32_t rank_values(struct quantiles *q, uint32_t from, uint32_t to)
{
  memcpy(q->sorted, q->x + from, (to - from) * sizeof *q->sorted);
  qsort(q->sorted, to - from, sizeof *q->sorted, by_order);
  uint32_t n = 0;
  for (uint32_t i = 0; i < to - from; i++) {
    if (n == 0 || q->sorted[i] != q->sorted[n - 1]) {
      q->sorted[n++] = q->sorted[i];
    }
  }
  for (uint32_t i = from; i < to; i++) {
    uint32_t low = 0;
    uint32_t high = n - 1;
    while (low < high) {
      const uint32_t mid = (low + high) / 2;
      if (q->sorted[mid] < q->x[i]) {
        low = mid + 1;
      } else {
        high = mid;
      }
    }
    q->rank[i - from] = low;
  }
  return n;
}

static void tree_add(uint32_t *tree, uint32_t n, uint32_t rank, uint32_t delta)
{
  for (uint32_t i = rank + 1; i <= n; i += i & (0 - i)) {
    tree[i] += delta;
  }
}

/// The rank of the value that has `place` values before it.
static uint32_t tree_find(const uint32_t *tree, uint32_t n, uint32_t place)
{
  uint32_t at = 0;
  uint32_t step = 1;
  while (step <= n / 2) {
    step *= 2;
  }
  for (; step > 0; step /= 2) {
    if (at + step <= n && tree[at + step] <= place) {
      at += step;
      place -= tree[at];
    }
  }
  return at;
}

static void by_tree(struct quantiles *q, size_t from, size_t to)
{
  const struct agg_part *p = q->c->part;
  const uint32_t first = q->lo[from];
  const uint32_t n_ranks = rank_values(q, first, q->hi[to - 1]);
  memset(q->tree, 0, ((size_t)n_ranks + 1) * sizeof *q->tree);
  uint32_t low = first;
  uint32_t high = first;
  for (size_t i = from; i < to; i++) {
    for (; high < q->hi[i]; high++) {
      tree_add(q->tree, n_ranks, q->rank[high - first], 1);
    }
    for (; low < q->lo[i]; low++) {
      tree_add(q->tree, n_ranks, q->rank[low - first], UINT32_MAX);
    }
    const uint32_t n = high - low;
    for (int32_t j = 0; n > 0 && j < p->n_percentiles; j++) {
      const uint32_t rank = tree_find(q->tree, n_ranks, place_of(p, j, n));
      q->out[i * (size_t)p->n_percentiles + (size_t)j] = of_order(q->sorted[rank]);
    }
  }
}

static void write_lists(const struct quantiles *q)
{
  struct win_call *c = q->c;
  const size_t k = (size_t)c->part->n_percentiles;
  struct row_span *spans = win_buf_add(&c->out->cell, c->n);
  uint8_t *valid = win_buf_add(&c->out->valid, c->n);
  size_t n = 0;
  for (size_t i = 0; i < c->n; i++) {
    valid[i] = q->hi[i] > q->lo[i];
    spans[i] = (struct row_span){ c->out->child.n + n, valid[i] ? k : 0 };
    n += spans[i].length;
  }
  float *cells = win_buf_add(&c->out->child, n);
  for (size_t i = 0; i < c->n; i++) {
    memcpy(cells, q->out + i * k, spans[i].length * sizeof *cells);
    cells += spans[i].length;
  }
}

void win_quantile(struct win_call *c)
{
  struct quantiles q = { .c = c };
  struct arena *a = &c->task->scratch;
  take_floats(&q);
  q.out = arena_alloc(a, c->n * (size_t)c->part->n_percentiles * sizeof *q.out);
  q.sorted = arena_alloc(a, c->n_elems * sizeof *q.sorted);
  q.rank = arena_alloc(a, c->n_elems * sizeof *q.rank);
  q.tree = arena_alloc(a, (c->n_elems + 1) * sizeof *q.tree);
  for (size_t from = 0, to; from < c->n; from = to) {
    to = win_stretch(c, from);
    size_t rows = 0;
    for (size_t i = from; i < to; i++) {
      rows += q.hi[i] - q.lo[i];
    }
    if (rows <= 4 * (size_t)(q.hi[to - 1] - q.lo[from])) {
      one_by_one(&q, from, to);
    } else {
      by_tree(&q, from, to);
    }
  }
  write_lists(&q);
}
