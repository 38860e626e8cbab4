// MIN and MAX, as the largest of 64-bit orders: MIN turns them around. Ranges are cut at pivots as
// in win_sum.c. NaN is the extreme of either direction, so it wins wherever it occurs, as in Java.
#include "agg/win_int.h"

static int64_t largest(const int64_t *x, size_t from, size_t to, int64_t turn, int64_t so_far)
{
  for (; from < to; from++) {
    const int64_t y = x[from] ^ turn;
    so_far = y > so_far ? y : so_far;
  }
  return so_far;
}

/// Ranges i..end - 1 all hold the row before `pivot`.
static void around_pivot(const struct win_call *c, const int64_t *x, int64_t turn, size_t i,
                         size_t end, int64_t *out)
{
  const uint32_t pivot = c->hi[i];
  int64_t best = INT64_MIN;
  size_t at = pivot;
  for (size_t k = end; k-- > i;) {
    best = largest(x, c->lo[k], at, turn, best);
    at = c->lo[k];
    out[k] = best;
  }
  best = INT64_MIN;
  at = pivot;
  for (size_t k = i; k < end; k++) {
    best = largest(x, at, c->hi[k], turn, best);
    at = c->hi[k];
    out[k] = (out[k] > best ? out[k] : best) ^ turn;
  }
}

void win_extreme(struct win_call *c)
{
  const bool max = c->part->op == AGG_MAX;
  const int64_t turn = max ? 0 : -1;
  const int64_t *x = win_i64(c, max ? WIN_ORD : WIN_ORD_LOW);
  int64_t *best = arena_alloc(&c->task->scratch, c->n * sizeof *best);
  for (size_t i = 0; i < c->n;) {
    size_t end = i;
    while (end < c->n && c->lo[end] < c->hi[i]) {
      end++;
    }
    if (end == i) {
      best[i++] = 0;
      continue;
    }
    around_pivot(c, x, turn, i, end, best);
    i = end;
  }
  uint8_t *valid;
  void *cells = win_out(c, &valid);
  if (c->n_elems > 0) {
    win_put_ords(c, best, c->n, cells);
  }
}
