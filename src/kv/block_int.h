/// block_int.h: several versions of one key in one run of bytes, and when a run is too long. Where
/// blocks lie, and their bytes with offsets, is told above layout.c.
#pragma once
#include "kv/kv.h"

/// Why these sizes: decision 0013. A tail lies in a page of the tree together with
/// others: of LMDB's 2038 bytes for an entry some are left to the key. A sealed block has pages of
/// its own, which its bytes and LMDB's 16 fill.
enum {
  KV_TAIL_BYTES = 1900,
  KV_SEALED_BYTES = 8176,
};

struct kv_block {
  int64_t first; ///< the oldest ts
  size_t count;  ///< at least 1
  const uint8_t *deltas, *ends, *values;
  size_t values_len;
};

/// Reads what stands before the values; false when the bytes are none of ours. Points into them.
bool kv_block_open(struct kv_block *out, const void *data, size_t len);

/// The newest ts of an opened block.
int64_t kv_block_last(const struct kv_block *b);

/// Fills out[0..count); false when the bytes are none of ours: `out` is then not to be used.
bool kv_block_versions(const struct kv_block *b, struct kv_version *out);

/// The bytes of a block of these versions, count >= 1. One of several versions must be bounded by
/// kv_block_fits.
size_t kv_block_size(const struct kv_version *v, size_t count);
void kv_block_write(void *out, const struct kv_version *v, size_t count);

/// How many of the first versions fit into a block of so many bytes; at least 1.
size_t kv_block_fits(const struct kv_version *v, size_t count, size_t bytes);

/// How many of the last do; at least 1.
size_t kv_block_fits_last(const struct kv_version *v, size_t count, size_t bytes);

/// Both ascending and without doubles; of two with one ts that of `b` is taken. Returns the count
/// written to `out`, which has room for all.
size_t kv_block_merge(const struct kv_version *a, size_t a_count, const struct kv_version *b,
                      size_t b_count, struct kv_version *out);
