// UNIQUE_COUNT, BOUNDED_UNIQUE_COUNT, APPROX_UNIQUE_COUNT: rows enter and leave a table of counts;
// the number of ids whose count is not zero is always known. For the approximate one the ids are
// coupons, and the answer is the ICON estimate of their number (agg/sketch.h).
#include <string.h>

#include "agg/sketch.h"
#include "agg/win_int.h"

/// The rows [from, to) of a stream, counted.
struct window {
  const uint32_t *id;
  uint32_t *count;
  uint32_t from;
  uint32_t to;
  uint32_t distinct;
};

static void enter_to(struct window *w, uint32_t to)
{
  for (; w->to < to; w->to++) {
    const uint32_t id = w->id[w->to];
    if (id != (uint32_t)WIN_NO_ID) {
      w->distinct += w->count[id]++ == 0;
    }
  }
}

static void leave_to(struct window *w, uint32_t from)
{
  for (; w->from < from; w->from++) {
    const uint32_t id = w->id[w->from];
    if (id != (uint32_t)WIN_NO_ID) {
      w->distinct -= --w->count[id] == 0;
    }
  }
}

static void move_to(struct window *w, uint32_t lo, uint32_t hi)
{
  if (lo >= w->to) { // nothing stays: do not count what lies between
    leave_to(w, w->to);
    w->from = w->to = lo;
  }
  enter_to(w, hi);
  leave_to(w, lo);
}

/// Distinct values become answers: as they are, cut, or estimated. Estimates are computed once for
/// each number that occurs.
struct answer {
  const struct agg_part *part;
  int64_t *estimate; ///< -1: not yet
};

static int64_t answer_of(const struct answer *a, uint32_t distinct)
{
  if (a->part->op == AGG_BOUNDED_UNIQUE_COUNT && distinct > (uint32_t)a->part->k) {
    return a->part->k;
  }
  if (a->estimate == NULL) {
    return distinct;
  }
  int64_t *e = &a->estimate[distinct];
  if (*e < 0) {
    *e = (int64_t)agg_cpc_icon(a->part->k, distinct);
  }
  return *e;
}

void win_distinct(struct win_call *c)
{
  const struct win_ids *ids = win_ids_of(c);
  struct window w = { .id = ids->id, .count = win_counters(c->task, ids->n_ids) };
  struct answer a = { .part = c->part };
  if (c->part->op == AGG_APPROX_UNIQUE_COUNT) {
    const size_t most = ids->n_ids < c->n_elems ? ids->n_ids : c->n_elems;
    a.estimate = arena_alloc(&c->task->scratch, (most + 1) * sizeof *a.estimate);
    memset(a.estimate, 0xff, (most + 1) * sizeof *a.estimate);
  }
  uint8_t *valid;
  int64_t *out = win_out(c, &valid);
  for (size_t i = 0; i < c->n; i++) {
    out[i] = 0;
    if (c->hi[i] > c->lo[i]) {
      move_to(&w, c->lo[i], c->hi[i]);
      out[i] = answer_of(&a, w.distinct);
    }
  }
  leave_to(&w, w.to);
}
