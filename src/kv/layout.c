// How versions lie in LMDB. All datasets share one tree. A key's versions are cut by time into
// blocks, one entry each; an entry's key is the block's *place*:
//
//     offset  size  what
//     0       4     generation, big endian: one bulk load's content of one dataset, or all that was
//                   put into a dataset without loads. Numbers are given once and only grow.
//     4       2     length n of the key, big endian; 0xFFFF for a key longer than 497 bytes
//     6       n     the key; of a long one its first 256 bytes and 16 bytes of its XXH3 digest
//     6+n     8     bound, big endian, the sign bit turned: memcmp's order is the order of time
//
// and its data are the block, or for a long key
//
//     0       4     length m of the key, little endian
//     4       m     the whole key: a reader compares it, so that no digest mixes two keys up
//     4+m           the block
//
// A block has c >= 1 versions, ascending; numbers are little endian:
//
//     0       8     ts of the first version
//     8       2     c
//     10      4(c-1)  ts of the second version and those behind it, less that of the first
//     +       2(c-1)  where the values of all but the last version end, counted from the first
//     value
//     +             the values, one behind the other; the last one ends with the data
//
// A version lies in the first block of its key whose bound is its ts or later. The newest block is
// bounded by INT64_MAX, so a put of any ts has a block to go to and an append changes no place. It
// is the *tail*, small enough to be written again with each commit. When it is full its older half
// goes into *sealed* blocks: into the newest of them while that has room, else into a new one. The
// bound of a sealed block is its last version's ts when it was made. A version too large for any
// block lies in one alone: so does a batch value.
//
// What this buys:
//  - The versions of a key are neighbours, ascending: a get with a lower bound of time is one
//    descent and then a step for some hundred versions. The length stands before the key so that no
//    other key can lie between them, whatever bytes it has; the price is that a scan by prefix
//    jumps from length to length.
//  - Of a key's many versions a stream writes the tail alone, and what is late its one block.
//  - A new generation's places are larger than all others, so that a sorted load appends: pages
//    are filled one after the other, no page is split, and nothing a reader uses is touched.
//  - The switch to a generation is one small record in the catalogue (lmdb_catalogue.c).
//  - 6 + 497 + 8 = 511, the longest key that LMDB takes.
#include "kv/layout_int.h"

#include <string.h>

#include "base/hash.h"

enum { KEY_AT = 6, DIGEST = 16 };

static void put16(uint8_t *out, uint32_t v)
{
  out[0] = (uint8_t)(v >> 8);
  out[1] = (uint8_t)v;
}

static void put32(uint8_t *out, uint32_t v)
{
  put16(out, v >> 16);
  put16(out + 2, v & 0xFFFF);
}

static uint32_t get16(const uint8_t *in)
{
  return (uint32_t)in[0] << 8 | in[1];
}

void kv_place_key(struct kv_place *place, uint32_t generation, const void *key, size_t key_len)
{
  place->is_long = key_len > KV_KEY_PLAIN;
  put32(place->bytes, generation);
  put16(place->bytes + 4, place->is_long ? (uint32_t)KV_KEY_LONG : (uint32_t)key_len);
  if (place->is_long) {
    memcpy(place->bytes + KEY_AT, key, KV_KEY_HEAD);
    chn_digest(key, key_len, place->bytes + KEY_AT + KV_KEY_HEAD);
    place->stem = KEY_AT + KV_KEY_HEAD + DIGEST;
  } else {
    if (key_len) {
      memcpy(place->bytes + KEY_AT, key, key_len);
    }
    place->stem = KEY_AT + key_len;
  }
  place->len = place->stem;
}

void kv_place_ts(struct kv_place *place, int64_t ts)
{
  const uint64_t turned = __builtin_bswap64((uint64_t)ts ^ (1ULL << 63));
  memcpy(place->bytes + place->stem, &turned, sizeof turned);
  place->len = place->stem + sizeof turned;
}

int64_t kv_place_time(const void *place, size_t len)
{
  uint64_t turned;
  memcpy(&turned, (const uint8_t *)place + len - sizeof turned, sizeof turned);
  return (int64_t)(__builtin_bswap64(turned) ^ (1ULL << 63));
}

size_t kv_long_size(size_t key_len)
{
  return key_len > KV_KEY_PLAIN ? sizeof(uint32_t) + key_len : 0;
}

void kv_long_write(void *out, const void *key, size_t key_len)
{
  const uint32_t n = (uint32_t)key_len;
  memcpy(out, &n, sizeof n);
  memcpy((uint8_t *)out + sizeof n, key, key_len);
}

// The key in a long key's data, or NULL.
static const uint8_t *long_key(const uint8_t *data, size_t len, size_t *key_len)
{
  uint32_t n;
  if (len < sizeof n) {
    return NULL;
  }
  memcpy(&n, data, sizeof n);
  *key_len = n;
  return n > KV_KEY_PLAIN && n <= len - sizeof n ? data + sizeof n : NULL;
}

bool kv_long_is(const void *data, size_t len, const void *key, size_t key_len)
{
  size_t stored;
  const uint8_t *at = long_key(data, len, &stored);
  return at && stored == key_len && memcmp(at, key, key_len) == 0;
}

bool kv_stored_read(struct kv_stored *out, const void *place, size_t place_len, const void *data,
                    size_t data_len)
{
  const uint8_t *p = place;
  if (place_len < KEY_AT + KV_STEM_TS) {
    return false;
  }
  const size_t n = get16(p + 4);
  const bool is_long = n == KV_KEY_LONG;
  if (place_len != KEY_AT + KV_STEM_TS + (is_long ? (size_t)(KV_KEY_HEAD + DIGEST) : n)) {
    return false;
  }
  *out = (struct kv_stored){ .generation = get16(p) << 16 | get16(p + 2),
                             .key = p + KEY_AT,
                             .key_len = n,
                             .bound = kv_place_time(place, place_len) };
  if (is_long) {
    out->key = long_key(data, data_len, &out->key_len);
    if (!out->key || memcmp(out->key, p + KEY_AT, KV_KEY_HEAD) != 0) {
      return false;
    }
  }
  const size_t before = kv_long_size(out->key_len);
  return kv_block_open(&out->block, (const uint8_t *)data + before, data_len - before) &&
         kv_block_last(&out->block) <= out->bound;
}
