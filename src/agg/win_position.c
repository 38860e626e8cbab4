// FIRST, LAST and their K: positions, then one gather.
//
// Rows of equal instants keep the order of arrival, and a window takes all of them or none.
#include "agg/win_int.h"

/// Instants by stream position.
struct clock {
  const int64_t *ts;
  const uint32_t *row; ///< NULL: position = row
};

static struct clock clock_of(const struct win_call *c)
{
  const int64_t *ts = (const int64_t *)(const void *)c->task->frame->ts.sorted;
  const uint32_t *row = c->elems->row;
  const size_t first = c->task->first_row;
  return row != NULL ? (struct clock){ ts + first, row + c->from }
                     : (struct clock){ ts + first + c->from, NULL };
}

static int64_t instant(const struct clock *k, size_t pos)
{
  return k->ts[k->row != NULL ? k->row[pos] : pos];
}

/// The first position whose instant is that of `pos`, not before `lo`.
static uint32_t first_of_instant(const struct clock *k, uint32_t lo, uint32_t pos)
{
  const int64_t ts = instant(k, pos);
  while (pos > lo && instant(k, pos - 1) == ts) {
    pos--;
  }
  return pos;
}

void win_endpoint(struct win_call *c)
{
  const bool last = c->part->op == AGG_LAST;
  const struct clock clock = clock_of(c);
  uint32_t *pos = arena_alloc(&c->task->scratch, c->n * sizeof *pos);
  uint8_t *valid;
  void *cells = win_out(c, &valid);
  uint32_t seen_hi = 0; // equal heads have equal answers: no run of ties is walked twice
  uint32_t seen = 0;
  for (size_t i = 0; i < c->n; i++) {
    pos[i] = 0;
    if (c->hi[i] == c->lo[i]) {
      continue;
    }
    if (!last) {
      pos[i] = c->lo[i];
    } else if (seen_hi == c->hi[i]) {
      pos[i] = seen;
    } else {
      pos[i] = first_of_instant(&clock, c->lo[i], c->hi[i] - 1);
      seen_hi = c->hi[i];
      seen = pos[i];
    }
  }
  if (c->n_elems > 0) {
    win_put_payloads(c, pos, c->n, cells);
  }
}

void win_endpoint_k(struct win_call *c)
{
  const bool last = c->part->op == AGG_LAST_K;
  const uint32_t k = (uint32_t)c->part->k;
  struct row_span *spans = win_buf_add(&c->out->cell, c->n);
  uint8_t *valid = win_buf_add(&c->out->valid, c->n);
  size_t total = 0;
  for (size_t i = 0; i < c->n; i++) {
    const uint32_t n = c->hi[i] - c->lo[i];
    const uint32_t taken = n < k ? n : k;
    valid[i] = n > 0;
    spans[i] = (struct row_span){ c->out->child.n + total, taken };
    total += taken;
  }
  uint32_t *pos = arena_alloc(&c->task->scratch, total * sizeof *pos);
  size_t at = 0;
  for (size_t i = 0; i < c->n; i++) {
    for (uint32_t j = 0; j < (uint32_t)spans[i].length; j++) {
      pos[at++] = last ? c->hi[i] - 1 - j : c->lo[i] + j;
    }
  }
  win_put_payloads(c, pos, total, win_buf_add(&c->out->child, total));
}
