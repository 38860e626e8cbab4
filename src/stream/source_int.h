/// source_int.h: what a kind of source fills in.
#pragma once
#include "base/arena.h"
#include "stream/source.h"

struct source_ops {
  chn_status (*poll)(struct stream_source *s, size_t most, size_t most_bytes, int32_t wait_ms,
                     struct stream_poll *out, struct chn_err *err);
  void (*release)(struct stream_source *s, const struct stream_poll *poll);
  chn_status (*start)(struct stream_source *s, int32_t partition, int64_t offset,
                      struct chn_err *err);
  void (*pause)(struct stream_source *s, bool pause);
  void (*committed)(struct stream_source *s, int32_t partition, int64_t offset);
  int64_t (*lag)(struct stream_source *s, int32_t partition, int64_t offset);
  void (*pace)(struct stream_source *s, int64_t ts);
  void (*close)(struct stream_source *s);
};

/// The first member of every kind.
struct stream_source {
  const struct source_ops *ops;
};
