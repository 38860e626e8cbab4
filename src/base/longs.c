// Linear probing over 16-byte slots at a load under a half. A table beyond the cache costs one
// miss a value; fetching a few values ahead lets those misses overlap.
#include "base/longs.h"

#include <stdlib.h>

#include "base/arena.h"

enum { AHEAD = 8 };

struct slot {
  int64_t value;
  int32_t id_plus_1; ///< 0: empty
};

struct chn_longs {
  struct slot *slots;
  size_t mask;
  int32_t count;
};

/// Fibonacci hashing: the high bits of the product are well mixed, also for dense values.
static size_t home(const struct chn_longs *d, int64_t value)
{
  const uint64_t h = (uint64_t)value * 0x9E3779B97F4A7C15u;
  return (size_t)(h ^ h >> 32) & d->mask;
}

struct chn_longs *chn_longs_new(size_t expected)
{
  struct chn_longs *d = chn_calloc(1, sizeof *d);
  size_t size = 64;
  while (size < expected * 2) {
    size *= 2;
  }
  d->slots = chn_calloc(size, sizeof *d->slots);
  d->mask = size - 1;
  return d;
}

void chn_longs_free(struct chn_longs *d)
{
  if (d != NULL) {
    free(d->slots);
    free(d);
  }
}

/// The slot of a value, or the empty one where it belongs.
static struct slot *probe(const struct chn_longs *d, int64_t value)
{
  size_t i = home(d, value);
  while (d->slots[i].id_plus_1 != 0 && d->slots[i].value != value) {
    i = (i + 1) & d->mask;
  }
  return &d->slots[i];
}

static void grow(struct chn_longs *d)
{
  struct slot *old = d->slots;
  const size_t size = d->mask + 1;
  d->slots = chn_calloc(size * 2, sizeof *d->slots);
  d->mask = size * 2 - 1;
  for (size_t i = 0; i < size; i++) {
    if (old[i].id_plus_1 != 0) {
      *probe(d, old[i].value) = old[i];
    }
  }
  free(old);
}

static int32_t intern(struct chn_longs *d, int64_t value)
{
  struct slot *s = probe(d, value);
  if (s->id_plus_1 == 0) {
    if (((size_t)d->count + 1) * 2 > d->mask) {
      grow(d);
      s = probe(d, value);
    }
    *s = (struct slot){ value, ++d->count };
  }
  return s->id_plus_1 - 1;
}

void chn_longs_ids(struct chn_longs *d, const int64_t *values, const uint64_t *valid, size_t n,
                   bool add, int32_t *ids)
{
  for (size_t i = 0; i < n; i++) {
    if (i + AHEAD < n) {
      __builtin_prefetch(&d->slots[home(d, values[i + AHEAD])]);
    }
    if (valid != NULL && (valid[i / 64] >> (i % 64) & 1) == 0) {
      ids[i] = -1;
    } else {
      ids[i] = add ? intern(d, values[i]) : probe(d, values[i])->id_plus_1 - 1;
    }
  }
}

int32_t chn_longs_size(const struct chn_longs *d)
{
  return d->count;
}
