/// sort_int.h: pairs of bytes in, out again ordered by key (memcmp); more than fits in memory goes
/// to a file.
#pragma once
#include "base/err.h"

struct kv_sort;

/// Uses about `memory` bytes, then files without a name in `dir`, which vanish with the process.
struct kv_sort *kv_sort_new(size_t memory, const char *dir);
void kv_sort_free(struct kv_sort *s);

/// Copies both. At most 1 GiB a value.
chn_status kv_sort_add(struct kv_sort *s, const void *key, size_t key_len, const void *value,
                       size_t value_len, struct chn_err *err);

/// Ends adding.
chn_status kv_sort_finish(struct kv_sort *s, struct chn_err *err);

struct kv_pair {
  const uint8_t *key;
  size_t key_len;
  const uint8_t *value;
  size_t value_len;
};

/// The next pair; of equal keys only the one added last. Valid until the next call.
chn_status kv_sort_next(struct kv_sort *s, struct kv_pair *pair, bool *found, struct chn_err *err);
