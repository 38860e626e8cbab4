/// target.h: what a target's value in the store becomes when its rows are added.
#pragma once
#include "stream/batch.h"

struct stream_target;

/// Works for one thread; `form` must outlive it.
struct stream_target *target_new(const struct stream_form *form);
void target_free(struct stream_target *t);

/// Appends to *out the tile `stored` (NULL: none yet) with the rows of `rows` added in their order.
/// CHN_E_CORRUPT when the stored tile means nothing, CHN_E_ARGUMENT when a row cannot be added
/// (element-wise lists of other lengths).
chn_status target_tile(struct stream_target *t, const struct stream_batch *b,
                       const struct batch_target *rows, const void *stored, size_t stored_len,
                       bool complete, struct chn_buf *out, struct chn_err *err);

/// Appends the records of the rows, one behind the other.
chn_status target_rows(struct stream_target *t, const struct stream_batch *b,
                       const struct batch_target *rows, struct chn_buf *out, struct chn_err *err);
