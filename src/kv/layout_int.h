/// layout_int.h: where versions lie in LMDB's one tree of data; the essay is above layout.c.
#pragma once
#include "kv/block_int.h"

enum {
  KV_PLACE_MAX = 511,   ///< LMDB's limit of a key's bytes
  KV_KEY_PLAIN = 497,   ///< keys up to this length lie in the place as they are
  KV_KEY_HEAD = 256,    ///< of a longer one this much does
  KV_KEY_LONG = 0xFFFF, ///< the length field of those
  KV_STEM_TS = 8,
};

struct kv_place {
  uint8_t bytes[512];
  size_t stem; ///< bytes that all blocks of the key share
  size_t len;  ///< stem + 8 once a time is set
  bool is_long;
};

void kv_place_key(struct kv_place *place, uint32_t generation, const void *key, size_t key_len);
void kv_place_ts(struct kv_place *place, int64_t ts);

struct kv_stored {
  uint32_t generation;
  const uint8_t *key;
  size_t key_len;
  int64_t bound; ///< no version of the block is later
  struct kv_block block;
};

/// Reads a place and what stands before the values stored there; false when they are none of ours.
/// Points into both.
bool kv_stored_read(struct kv_stored *out, const void *place, size_t place_len, const void *data,
                    size_t data_len);

/// The time at the end of a place of at least 8 bytes.
int64_t kv_place_time(const void *place, size_t len);

/// What a long key's data have before the block: u32 key length and the key. 0 for a key that is
/// not long.
size_t kv_long_size(size_t key_len);
void kv_long_write(void *out, const void *key, size_t key_len);

/// Whether data stored under a long key's place are this key's.
bool kv_long_is(const void *data, size_t len, const void *key, size_t key_len);
