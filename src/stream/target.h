/// target.h: what a target's value in the store becomes when its rows are added.
#pragma once
#include "stream/batch.h"

struct stream_target;

/// Works for one thread; `form` must outlive it.
struct stream_target *target_new(const struct stream_form *form);
void target_free(struct stream_target *t);

/// The batch whose targets come next; it must not change meanwhile.
void target_begin(struct stream_target *t, const struct stream_batch *b);

/// Asks memory for the rows of a tile that comes soon: they lie anywhere in the batch.
void target_prefetch(const struct stream_target *t, const struct batch_target *rows);

/// Is told of a row that the tile cannot take: element-wise lists of other lengths, a null inside a
/// list that is stored as it is.
struct target_refuse {
  void (*row)(void *self, uint32_t row, int64_t version, const char *why);
  void *self;
};

/// Appends to *out the tile `stored` (NULL: none yet) with the rows of `rows` added in their order.
/// A row that is refused is left out whole; *out is as before when all are. CHN_E_CORRUPT when the
/// stored tile means nothing.
chn_status target_tile(struct stream_target *t, const struct batch_target *rows, const void *stored,
                       size_t stored_len, bool complete, const struct target_refuse *refuse,
                       struct chn_buf *out, struct chn_err *err);

/// Appends the records of the rows, one behind the other.
void target_rows(const struct stream_batch *b, const struct batch_target *rows,
                 struct chn_buf *out);
