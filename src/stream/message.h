/// message.h: what a source gives: messages in order, partition by partition.
#pragma once
#include "base/err.h"

struct stream_message {
  int32_t partition;
  int64_t offset;
  int64_t ts;       ///< the broker's, epoch ms; INT64_MIN: none
  const void *data; ///< NULL: a tombstone
  size_t len;
  const void *key; ///< may be NULL
  size_t key_len;
};

enum stream_event {
  STREAM_IDLE,     ///< nothing came in time
  STREAM_MESSAGES, ///< n messages
  STREAM_ASSIGNED, ///< partitions are ours: source_start each of them
  STREAM_REVOKED, ///< partitions are no longer ours; those of `lost` may have another owner already
  STREAM_END,     ///< there will be no more (files)
};

/// One answer of a source. Messages lie where the source has them until source_release.
struct stream_poll {
  enum stream_event event;
  const struct stream_message *messages;
  size_t n;
  const int32_t *partitions; ///< of ASSIGNED and REVOKED
  int32_t n_partitions;
  bool lost;
  void *own; ///< the source's
};
