/// writer.h: the thread that brings batches into the store.
///
/// Batches are committed one after the other, each with its marks in one kv_commit. A store that
/// does not answer is asked again, ever more slowly, until it does or nobody wants the batch any
/// more; meanwhile the queue is full, and whoever fills it waits.
#pragma once
#include "kv/kv.h"
#include "stream/batch.h"
#include "stream/metrics.h"
#include "stream/source.h"

struct stream_writer;

struct writer_options {
  struct kv_store *store;
  const struct stream_form *form;
  const char *marks;   ///< marks are named `<marks>/<partition>`
  int32_t in_flight;   ///< batches at most
  size_t bytes;        ///< of memory at most, but one batch always fits
  int64_t disorder_ms; ///< a tile is complete when it ended so long before the newest event
  bool dry;            ///< log instead of writing
  struct stream_source *source; ///< is told what is committed; may be NULL
  struct stream_metrics *metrics;
  /// Is given, by the writer's thread, each row that its tile cannot take, then NULL: those were
  /// all of a batch, which must be durable before it is committed. A failure ends the writer.
  chn_status (*refuse)(void *self, const struct stream_message *m, const char *why,
                       struct chn_err *err);
  void (*log)(void *self, const char *line);
  void *self;
};

enum writer_state {
  WRITER_GOOD,
  WRITER_CONFLICT, ///< another process has written a partition's mark: the queue was dropped
  WRITER_FAILED,   ///< for good
};

chn_status writer_open(const struct writer_options *o, struct stream_writer **out,
                       struct chn_err *err);

/// Drops what is queued.
void writer_close(struct stream_writer *w);

/// Reads where a partition goes on: its mark, or next = INT64_MIN where it has none. The queue must
/// be empty. CHN_E_IO when the store does not answer.
chn_status writer_take(struct stream_writer *w, int32_t partition, struct stream_mark *out,
                       struct chn_err *err);

/// An empty batch.
struct stream_batch *writer_batch(struct stream_writer *w);

/// Waits up to wait_ms until the queue has room.
bool writer_has_room(struct stream_writer *w, int32_t wait_ms);

/// Takes over a sealed batch; drops it unless the writer is WRITER_GOOD.
void writer_put(struct stream_writer *w, struct stream_batch *b);

/// Waits up to wait_ms until everything is in the store, or will never be.
bool writer_drained(struct stream_writer *w, int32_t wait_ms);

/// Lets go of what is queued, once the attempt at hand has ended, and of WRITER_CONFLICT: all
/// partitions must be taken again.
void writer_drop(struct stream_writer *w);

enum writer_state writer_state(struct stream_writer *w, struct chn_err *err);

/// The store does not answer.
bool writer_stalled(struct stream_writer *w);

/// Greatest event time in the store; INT64_MIN: none.
int64_t writer_newest(struct stream_writer *w);

/// Rows that a batch should have at most, so that what it makes of them stays below 64 MB, as far
/// as the last batch tells.
size_t writer_rows(struct stream_writer *w);
