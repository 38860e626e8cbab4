// Open addressing with linear probing. A slot is (upper hash bits, id + 1), 8 bytes, so that
// most probes that miss never touch the bytes; the load stays under a half.
#include "base/dict.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"

struct slot {
  uint32_t hash;
  int32_t id_plus_1; ///< 0: empty
};

struct entry {
  const char *bytes;
  size_t len;
};

struct chn_dict {
  struct slot *slots;
  size_t mask;
  struct entry *entries;
  int32_t count;
  int32_t capacity;
  struct arena bytes;
};

struct chn_dict *chn_dict_new(size_t expected)
{
  struct chn_dict *d = chn_calloc(1, sizeof *d);
  size_t slots = 64;
  while (slots < expected * 2) {
    slots *= 2;
  }
  d->slots = chn_calloc(slots, sizeof *d->slots);
  d->mask = slots - 1;
  return d;
}

void chn_dict_free(struct chn_dict *d)
{
  if (d == NULL) {
    return;
  }
  free(d->slots);
  free(d->entries);
  arena_deinit(&d->bytes);
  free(d);
}

/// The slot of these bytes, or the empty one where they belong.
static size_t probe(const struct chn_dict *d, uint64_t h, const void *bytes, size_t len)
{
  const uint32_t tag = (uint32_t)(h >> 32);
  size_t i = (size_t)h & d->mask;
  for (;; i = (i + 1) & d->mask) {
    const struct slot s = d->slots[i];
    if (s.id_plus_1 == 0) {
      return i;
    }
    if (s.hash == tag) {
      const struct entry *e = &d->entries[s.id_plus_1 - 1];
      if (e->len == len && memcmp(e->bytes, bytes, len) == 0) {
        return i;
      }
    }
  }
}

static void grow(struct chn_dict *d)
{
  const size_t size = (d->mask + 1) * 2;
  free(d->slots);
  d->slots = chn_calloc(size, sizeof *d->slots);
  d->mask = size - 1;
  for (int32_t id = 0; id < d->count; id++) {
    const uint64_t h = XXH3_64bits(d->entries[id].bytes, d->entries[id].len);
    size_t i = (size_t)h & d->mask;
    while (d->slots[i].id_plus_1 != 0) {
      i = (i + 1) & d->mask;
    }
    d->slots[i] = (struct slot){ (uint32_t)(h >> 32), id + 1 };
  }
}

static int32_t intern(struct chn_dict *d, uint64_t h, const void *bytes, size_t len)
{
  size_t i = probe(d, h, bytes, len);
  if (d->slots[i].id_plus_1 != 0) {
    return d->slots[i].id_plus_1 - 1;
  }
  if (((size_t)d->count + 1) * 2 > d->mask) {
    grow(d);
    i = probe(d, h, bytes, len);
  }
  if (d->count == d->capacity) {
    d->capacity = d->capacity ? d->capacity * 2 : 64;
    d->entries = chn_realloc(d->entries, (size_t)d->capacity * sizeof *d->entries);
  }
  const int32_t id = d->count++;
  d->entries[id] = (struct entry){ arena_strndup(&d->bytes, bytes, len), len };
  d->slots[i] = (struct slot){ (uint32_t)(h >> 32), id + 1 };
  return id;
}

int32_t chn_dict_intern(struct chn_dict *d, const void *bytes, size_t len)
{
  return intern(d, XXH3_64bits(bytes, len), bytes, len);
}

/// Asks for what interning will look at: slot, then entry, then bytes.
static void fetch(const struct chn_dict *d, const uint64_t *hashes, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    __builtin_prefetch(&d->slots[(size_t)hashes[i] & d->mask]);
  }
  for (int stage = 0; stage < 2; stage++) {
    for (size_t i = 0; i < n; i++) {
      const int32_t id = d->slots[(size_t)hashes[i] & d->mask].id_plus_1 - 1;
      if (id >= 0) {
        __builtin_prefetch(stage == 0 ? (const void *)&d->entries[id] : d->entries[id].bytes);
      }
    }
  }
}

void chn_dict_intern_all(struct chn_dict *d, const void *bytes, const size_t *at, size_t n,
                         uint32_t *ids)
{
  enum { TOGETHER = 32 };
  uint64_t hashes[TOGETHER];
  for (size_t from = 0; from < n; from += TOGETHER) {
    const size_t some = n - from < TOGETHER ? n - from : TOGETHER;
    const size_t *here = at + from;
    for (size_t i = 0; i < some; i++) {
      hashes[i] = XXH3_64bits((const char *)bytes + here[i], here[i + 1] - here[i]);
    }
    fetch(d, hashes, some);
    for (size_t i = 0; i < some; i++) {
      ids[from + i] =
          (uint32_t)intern(d, hashes[i], (const char *)bytes + here[i], here[i + 1] - here[i]);
    }
  }
}

int32_t chn_dict_find(const struct chn_dict *d, const void *bytes, size_t len)
{
  const size_t i = probe(d, XXH3_64bits(bytes, len), bytes, len);
  return d->slots[i].id_plus_1 == 0 ? CHN_DICT_NONE : d->slots[i].id_plus_1 - 1;
}

const void *chn_dict_bytes(const struct chn_dict *d, int32_t id, size_t *len)
{
  *len = d->entries[id].len;
  return d->entries[id].bytes;
}

int32_t chn_dict_size(const struct chn_dict *d)
{
  return d->count;
}

size_t chn_dict_memory(const struct chn_dict *d)
{
  return (d->mask + 1) * sizeof *d->slots + (size_t)d->capacity * sizeof *d->entries +
         d->bytes.total;
}
