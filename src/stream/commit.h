/// commit.h: one attempt to bring a batch into the store.
#pragma once
#include "stream/target.h"
#include "stream/writer.h"

/// The mark of a partition as the store should have it.
struct commit_mark {
  int32_t partition;
  char name[256];
  char text[64]; ///< what the store has as far as we know
  bool set;      ///< false: nothing
};

struct commit;

/// Makes the dataset where it is missing.
chn_status commit_open(const struct writer_options *o, struct commit **out, struct chn_err *err);
void commit_close(struct commit *c);

/// Reads a partition's mark and remembers it as what the next commit expects.
chn_status commit_take(struct commit *c, int32_t partition, struct stream_mark *out,
                       struct chn_err *err);

/// Writes targets and marks, or nothing; rows that a tile cannot take are left out and, before the
/// commit, given to the options' `refuse`, whose failure is one. *written counts versions.
/// CHN_E_CONFLICT when a mark is not what was expected, CHN_E_IO when the store does not answer:
/// then nobody knows, and commit_was_done asks.
chn_status commit_batch(struct commit *c, struct stream_batch *b, int64_t *written,
                        struct chn_err *err);

/// Bytes of the values of the last commit_batch.
size_t commit_bytes(const struct commit *c);

/// After a failure: whether the marks of the batch are in the store, so that it was written.
chn_status commit_was_done(struct commit *c, const struct stream_batch *b, bool *done,
                           struct chn_err *err);
