// Instants to rows: for each query its head, for each window its tail. Within a key both only move
// forward, so each is found by galloping from where the last one was.
#include "agg/win_int.h"
#include "base/time.h"

/// The first of ts[from..n) that is not before `x`, or n.
static size_t gallop(const int64_t *ts, size_t from, size_t n, int64_t x)
{
  size_t step = 1;
  size_t low = from;
  while (low + step <= n && ts[low + step - 1] < x) {
    low += step;
    step *= 2;
  }
  size_t high = low + step - 1 < n ? low + step - 1 : n;
  while (low < high) {
    const size_t mid = low + (high - low) / 2;
    if (ts[mid] < x) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

/// Down to a multiple, toward zero as Chronon divides. Constants, so that no division is left.
static int64_t floor_to(int64_t t, int64_t hop)
{
  switch (hop) {
  case 5 * (int64_t)CHN_MINUTE_MS:
    return t / (5 * (int64_t)CHN_MINUTE_MS) * (5 * (int64_t)CHN_MINUTE_MS);
  case CHN_HOUR_MS: return t / CHN_HOUR_MS * CHN_HOUR_MS;
  default: return t / CHN_DAY_MS * CHN_DAY_MS;
  }
}

static int64_t tail_of(enum agg_tail rule, const struct agg_part *window, int64_t at)
{
  const int64_t w = window->window_ms;
  const int64_t tail = at < INT64_MIN + w ? INT64_MIN : at - w;
  switch (rule) {
  case AGG_TAIL_SAWTOOTH: return floor_to(tail, window->hop_ms);
  case AGG_TAIL_DAILY: return floor_to(tail, CHN_DAY_MS);
  case AGG_TAIL_EXACT: break;
  }
  return tail;
}

/// A run of queries of one key within a task.
struct run {
  size_t from; ///< queries of the task
  size_t to;
  const int64_t *at; ///< by query of the task
  const int64_t *ts; ///< rows of the key that the task sees
  size_t n;          ///< of them
  size_t base;       ///< task row of the first
};

static void heads(const struct win_task *t, const struct run *r)
{
  size_t p = 0;
  for (size_t i = r->from; i < r->to; i++) {
    p = r->ts != NULL ? gallop(r->ts, p, r->n, r->at[i]) : r->n;
    t->hi[i] = (uint32_t)(r->base + p);
  }
}

static void tails(const struct win_task *t, const struct run *r, const struct agg_part *window,
                  uint32_t *lo)
{
  size_t p = 0;
  int64_t last = INT64_MIN;
  for (size_t i = r->from; i < r->to; i++) {
    if (window->window_ms > 0 && r->ts != NULL) {
      const int64_t tail = tail_of(t->tail, window, r->at[i]);
      p = tail == last ? p : gallop(r->ts, p, r->n, tail);
      last = tail;
    }
    const uint32_t row = (uint32_t)(r->base + p);
    lo[i] = row < t->hi[i] ? row : t->hi[i];
  }
}

/// Rows of a query's key; none for a key that the frame does not know.
static size_t key_rows(const struct agg_frame *f, int32_t key, size_t *from)
{
  const bool known = key >= 0 && key < f->n_keys;
  *from = known ? f->start[key] : 0;
  return known ? f->start[key + 1] - *from : 0;
}

/// The instants of a key's rows, from row `from` of the frame; NULL when they have none.
static const int64_t *instants(const struct agg_frame *f, size_t from)
{
  return f->timed ? (const int64_t *)(const void *)f->ts.sorted + from : NULL;
}

/// The first of a key's rows that a query sees through any window.
static size_t earliest(const struct win_task *t, const int64_t *ts, size_t n, int64_t at)
{
  size_t first = n;
  for (int32_t w = 0; w < t->slots->n; w++) {
    const struct agg_part *window = t->slots->windows[w];
    const bool bounded = window->window_ms > 0 && ts != NULL;
    const size_t lo = bounded ? gallop(ts, 0, n, tail_of(t->tail, window, at)) : 0;
    first = lo < first ? lo : first;
  }
  return first;
}

/// The first and the last row that any query of the task may see: those of the first and the last
/// query whose key has rows.
static void extent(struct win_task *t)
{
  const struct agg_frame *f = t->frame;
  const int32_t *key = t->queries->key + t->first_query;
  const int64_t *at = t->queries->at + t->first_query;
  size_t i = 0;
  size_t from = 0;
  size_t n = 0;
  while (i < t->n && (n = key_rows(f, key[i], &from)) == 0) {
    i++;
  }
  t->first_row = n > 0 ? from + earliest(t, instants(f, from), n, at[i]) : 0;
  size_t end = t->first_row;
  for (i = t->n; i-- > 0;) {
    n = key_rows(f, key[i], &from);
    if (n > 0) {
      const int64_t *ts = instants(f, from);
      end = from + (ts != NULL ? gallop(ts, 0, n, at[i]) : n);
      break;
    }
  }
  t->rows = end > t->first_row ? end - t->first_row : 0;
}

void win_ranges(struct win_task *t)
{
  const struct agg_frame *f = t->frame;
  const int32_t *key = t->queries->key + t->first_query;
  extent(t);
  t->hi = arena_alloc(&t->arena, t->n * sizeof *t->hi);
  t->lo = arena_alloc(&t->arena, (size_t)t->slots->n * sizeof *t->lo);
  for (int32_t w = 0; w < t->slots->n; w++) {
    t->lo[w] = arena_alloc(&t->arena, t->n * sizeof **t->lo);
  }
  struct run r = { .at = t->queries->at + t->first_query };
  for (; r.from < t->n; r.from = r.to) {
    r.to = r.from + 1;
    while (r.to < t->n && key[r.to] == key[r.from]) {
      r.to++;
    }
    size_t from;
    size_t end = key_rows(f, key[r.from], &from);
    end += from;
    const size_t seen_from = from > t->first_row ? from : t->first_row;
    const size_t seen_to = end < t->first_row + t->rows ? end : t->first_row + t->rows;
    r.n = seen_to > seen_from ? seen_to - seen_from : 0;
    // Without rows the place does not matter, but it must not go back.
    r.base = r.n > 0 ? seen_from - t->first_row : (r.from > 0 ? t->hi[r.from - 1] : 0);
    r.ts = instants(f, t->first_row + r.base);
    heads(t, &r);
    for (int32_t w = 0; w < t->slots->n; w++) {
      tails(t, &r, t->slots->windows[w], t->lo[w]);
    }
  }
}
