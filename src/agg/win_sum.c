// COUNT, SUM, AVERAGE.
//
// COUNT is a difference of positions. An integer SUM is a difference of wrapping prefix sums,
// which is exact. A floating SUM is not taken from prefixes: a difference of large prefixes loses
// the small ones, and one NaN would spoil every later window. Instead ranges are cut at a pivot,
// the head of the first of them: each is then a suffix that ends at the pivot plus a stretch that
// begins there. Suffixes grow backwards from the pivot, stretches forwards, so every row is added
// at most twice, and each range is the sum of two sums of its own rows.
#include <string.h>

#include "agg/win_int.h"

void *win_out(struct win_call *c, uint8_t **valid)
{
  void *cells = win_buf_add(&c->out->cell, c->n);
  *valid = win_buf_add(&c->out->valid, c->n);
  for (size_t i = 0; i < c->n; i++) {
    (*valid)[i] = c->hi[i] > c->lo[i];
  }
  return cells;
}

void win_count(struct win_call *c)
{
  uint8_t *valid;
  int64_t *out = win_out(c, &valid);
  for (size_t i = 0; i < c->n; i++) {
    out[i] = (int64_t)(c->hi[i] - c->lo[i]);
  }
}

/// Four sums side by side: an addition waits for the one before it.
static double sum_range(const double *x, size_t from, size_t to)
{
  double a = 0;
  double b = 0;
  double c = 0;
  double d = 0;
  for (; from + 4 <= to; from += 4) {
    a += x[from];
    b += x[from + 1];
    c += x[from + 2];
    d += x[from + 3];
  }
  for (; from < to; from++) {
    a += x[from];
  }
  return (a + b) + (c + d);
}

/// seg[i] = sum of the rows between the heads of queries i - 1 and i, for queries of one key: the
/// stretches of every window of the task are made of them.
static const double *segments(struct win_call *c, const double *x)
{
  struct win_elems *e = c->elems;
  if (c->slot >= 0 && e->seg != NULL) {
    return e->seg;
  }
  const bool shared = c->slot >= 0;
  double *seg = arena_alloc(shared ? &c->task->arena : &c->task->scratch, c->n * sizeof *seg);
  const int32_t *key = shared ? c->task->queries->key + c->task->first_query : NULL;
  for (size_t i = 1; i < c->n; i++) {
    // Ranges of different keys never share a pivot, so what lies between them is not looked at.
    const bool apart = shared ? key[i] != key[i - 1] : c->lo[i] >= c->hi[i - 1];
    seg[i] = apart ? 0 : sum_range(x, c->hi[i - 1], c->hi[i]);
  }
  if (shared) {
    e->seg = seg;
  }
  return seg;
}

static void sum_ranges(const struct win_call *c, const double *x, const double *seg, double *out)
{
  const uint32_t *lo = c->lo;
  for (size_t i = 0; i < c->n;) {
    const uint32_t pivot = c->hi[i];
    size_t end = i;
    while (end < c->n && lo[end] < pivot) {
      end++;
    }
    if (end == i) {
      out[i++] = 0;
      continue;
    }
    double sum = 0;
    size_t at = pivot;
    for (size_t k = end; k-- > i;) {
      sum += sum_range(x, lo[k], at);
      at = lo[k];
      out[k] = sum;
    }
    sum = 0;
    for (size_t k = i + 1; k < end; k++) {
      sum += seg[k];
      out[k] += sum;
    }
    i = end;
  }
}

/// The sums of the call's ranges as doubles; one computation for SUM and AVERAGE of a window.
static const double *floating_sums(struct win_call *c)
{
  struct win_elems *e = c->elems;
  struct win_task *t = c->task;
  if (c->slot >= 0) {
    if (e->sums == NULL) {
      e->sums = arena_calloc(&t->arena, (size_t)t->slots->n, sizeof *e->sums);
    }
    if (e->sums[c->slot] != NULL) {
      return e->sums[c->slot];
    }
  }
  const double *x = win_f64(c);
  double *sums = arena_alloc(c->slot >= 0 ? &t->arena : &t->scratch, c->n * sizeof *sums);
  sum_ranges(c, x, segments(c, x), sums);
  if (c->slot >= 0) {
    e->sums[c->slot] = sums;
  }
  return sums;
}

static const uint64_t *prefixes(struct win_call *c)
{
  struct win_elems *e = c->elems;
  if (e->prefix == NULL) {
    struct win_call whole = *c;
    whole.from = 0;
    const int64_t *x = win_i64(&whole, WIN_I64);
    e->prefix = arena_alloc(&c->task->arena, (e->n + 1) * sizeof *e->prefix);
    uint64_t sum = 0;
    for (size_t i = 0; i < e->n; i++) {
      e->prefix[i] = sum;
      sum += (uint64_t)x[i];
    }
    e->prefix[e->n] = sum;
  }
  return e->prefix + c->from;
}

void win_sum(struct win_call *c)
{
  uint8_t *valid;
  const enum row_kind kind = c->part->value->kind;
  if (kind == ROW_FLOAT || kind == ROW_DOUBLE) {
    double *out = win_out(c, &valid);
    memcpy(out, floating_sums(c), c->n * sizeof *out);
    return;
  }
  int64_t *out = win_out(c, &valid);
  const uint64_t *prefix = prefixes(c);
  for (size_t i = 0; i < c->n; i++) {
    out[i] = (int64_t)(prefix[c->hi[i]] - prefix[c->lo[i]]);
  }
}

void win_average(struct win_call *c)
{
  uint8_t *valid;
  double *out = win_out(c, &valid);
  const double *sums = floating_sums(c);
  for (size_t i = 0; i < c->n; i++) {
    const uint32_t count = c->hi[i] - c->lo[i];
    out[i] = count > 0 ? sums[i] / count : 0;
  }
}
