// The order of one bucket, whose keys and instants fit in a cache: a counting sort by key, which
// is stable; when a key's rows did not arrive in the order of time, a radix sort by time goes
// before it. Only the columns' cells move afterwards, once each.
#include <stdlib.h>
#include <string.h>

#include "agg/frame_int.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

struct frame_sorter {
  uint32_t *perm;
  uint64_t *a; ///< (ts - least ts) << bits of a row | row
  uint64_t *b;
  size_t room;
  uint32_t *cursor; ///< by key of the bucket: where its next row goes
  int64_t *last;    ///< by key of the bucket: the last instant seen
  size_t key_room;
  uint8_t *cells;
  size_t cell_room;
};

struct frame_sorter *frame_sorter_new(void)
{
  return chn_calloc(1, sizeof(struct frame_sorter));
}

void frame_sorter_free(struct frame_sorter *s)
{
  free(s->perm);
  free(s->a);
  free(s->b);
  free(s->cursor);
  free(s->last);
  free(s->cells);
  free(s);
}

static void make_room(struct frame_sorter *s, size_t n, size_t keys)
{
  if (s->room < n) {
    free(s->perm);
    free(s->a);
    free(s->b);
    s->room = n;
    s->perm = chn_malloc(n * sizeof *s->perm);
    s->a = s->b = NULL;
  }
  if (s->key_room < keys) {
    free(s->cursor);
    free(s->last);
    s->key_room = keys;
    s->cursor = chn_malloc(keys * sizeof *s->cursor);
    s->last = chn_malloc(keys * sizeof *s->last);
  }
}

static bool is_sorted(struct frame_sorter *s, const struct frame_bucket *b, const int32_t *keys,
                      const int64_t *ts)
{
  const size_t n_keys = (size_t)(b->key_to - b->key_from);
  for (size_t k = 0; k < n_keys; k++) {
    s->last[k] = INT64_MIN;
  }
  bool sorted = true;
  for (size_t i = 0; i < b->n; i++) {
    int64_t *last = &s->last[keys[i] - b->key_from];
    sorted &= ts[i] >= *last;
    *last = ts[i];
  }
  return sorted;
}

/// Sorts s->a by its bits from `low` on, `bits` of them.
static void radix(struct frame_sorter *s, size_t n, uint32_t low, uint32_t bits)
{
  for (uint32_t shift = low; shift < low + bits; shift += DIGIT_BITS) {
    uint32_t place[DIGITS] = { 0 };
    for (size_t i = 0; i < n; i++) {
      place[s->a[i] >> shift & (DIGITS - 1)]++;
    }
    uint32_t sum = 0;
    for (size_t d = 0; d < DIGITS; d++) {
      const uint32_t count = place[d];
      place[d] = sum;
      sum += count;
    }
    for (size_t i = 0; i < n; i++) {
      s->b[place[s->a[i] >> shift & (DIGITS - 1)]++] = s->a[i];
    }
    uint64_t *swap = s->a;
    s->a = s->b;
    s->b = swap;
  }
}

static uint32_t bits_of(uint64_t x)
{
  return x == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(x);
}

struct timed_row {
  int64_t ts;
  uint32_t row;
};

static int by_time_then_row(const void *x, const void *y)
{
  const struct timed_row *a = x;
  const struct timed_row *b = y;
  if (a->ts != b->ts) {
    return a->ts < b->ts ? -1 : 1;
  }
  return a->row < b->row ? -1 : 1;
}

/// Instants too far apart to be packed with the row into 64 bits: a plain sort.
static void sort_far(uint32_t *order, const int64_t *ts, size_t n)
{
  struct timed_row *all = chn_malloc(n * sizeof *all);
  for (size_t i = 0; i < n; i++) {
    all[i] = (struct timed_row){ ts[i], (uint32_t)i };
  }
  qsort(all, n, sizeof *all, by_time_then_row);
  for (size_t i = 0; i < n; i++) {
    order[i] = all[i].row;
  }
  free(all);
}

/// Leaves the rows in the order of (ts, arrival) in order[].
static void sort_by_time(struct frame_sorter *s, const int64_t *ts, size_t n, uint32_t *order)
{
  int64_t least = ts[0];
  int64_t most = ts[0];
  for (size_t i = 1; i < n; i++) {
    least = ts[i] < least ? ts[i] : least;
    most = ts[i] > most ? ts[i] : most;
  }
  const uint32_t row_bits = bits_of(n);
  const uint32_t ts_bits = bits_of((uint64_t)most - (uint64_t)least);
  if (row_bits + ts_bits > 64) {
    sort_far(order, ts, n);
    return;
  }
  if (s->a == NULL) {
    s->a = chn_malloc(s->room * sizeof *s->a);
    s->b = chn_malloc(s->room * sizeof *s->b);
  }
  for (size_t i = 0; i < n; i++) {
    s->a[i] = ((uint64_t)ts[i] - (uint64_t)least) << row_bits | i;
  }
  radix(s, n, row_bits, ts_bits);
  const uint64_t mask = ((uint64_t)1 << row_bits) - 1;
  for (size_t i = 0; i < n; i++) {
    order[i] = (uint32_t)(s->a[i] & mask);
  }
}

const uint32_t *frame_sorter_order(struct frame_sorter *s, const struct frame_bucket *b,
                                   const uint32_t *start, const int32_t *keys, const int64_t *ts)
{
  const size_t n_keys = (size_t)(b->key_to - b->key_from);
  make_room(s, b->n, n_keys);
  const bool in_time = ts == NULL || is_sorted(s, b, keys, ts);
  if (in_time && n_keys == 1) {
    return NULL;
  }
  if (n_keys == 1) {
    sort_by_time(s, ts, b->n, s->perm);
    return s->perm;
  }
  for (size_t k = 0; k < n_keys; k++) {
    s->cursor[k] = start[(size_t)b->key_from + k] - (uint32_t)b->row_from;
  }
  if (in_time) {
    for (size_t i = 0; i < b->n; i++) {
      s->perm[s->cursor[keys[i] - b->key_from]++] = (uint32_t)i;
    }
    return s->perm;
  }
  uint32_t *order = chn_malloc(b->n * sizeof *order);
  sort_by_time(s, ts, b->n, order);
  for (size_t i = 0; i < b->n; i++) {
    s->perm[s->cursor[keys[order[i]] - b->key_from]++] = order[i];
  }
  free(order);
  return s->perm;
}

void frame_sorter_apply(struct frame_sorter *s, const uint32_t *perm, size_t n, uint8_t *cells,
                        uint32_t width)
{
  if (s->cell_room < n * width) {
    free(s->cells);
    s->cell_room = n * 8;
    s->cells = chn_malloc(s->cell_room);
  }
  uint8_t *out = s->cells;
  switch (width) {
  case 1:
    for (size_t i = 0; i < n; i++) {
      out[i] = cells[perm[i]];
    }
    break;
  case 2:
    for (size_t i = 0; i < n; i++) {
      memcpy(out + i * 2, cells + (size_t)perm[i] * 2, 2);
    }
    break;
  case 4:
    for (size_t i = 0; i < n; i++) {
      memcpy(out + i * 4, cells + (size_t)perm[i] * 4, 4);
    }
    break;
  default:
    for (size_t i = 0; i < n; i++) {
      memcpy(out + i * 8, cells + (size_t)perm[i] * 8, 8);
    }
  }
  memcpy(cells, out, n * width);
}
