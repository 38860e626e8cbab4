/// frame.h: the backfill engine. Many rows, many queries, every window at once.
///
/// A frame holds the rows of one source, grouped by key and sorted by time, as columns. A query
/// is (key, instant); its answer for a window is the aggregate of the key's rows in
/// [tail, instant), where the tail rule is one of enum agg_tail. Because queries of a key are
/// sorted, tails and heads only move forward, and every operation is evaluated over a monotone
/// sequence of ranges: prefix differences where the operation has an exact inverse (COUNT, integer
/// SUM), counting structures that rows enter and leave (UNIQUE_COUNT, HISTOGRAM, the coupons of
/// APPROX_UNIQUE_COUNT, quantiles), a two-stack of partial aggregates where it has none
/// (floating SUM, MIN, MAX, VARIANCE, TOP_K, ...), positions only for FIRST, LAST and their K.
/// Nothing is ever re-merged per query, so the cost is rows + queries, not rows x windows.
#pragma once
#include "agg/plan.h"
#include "row/col.h"

enum agg_tail {
  AGG_TAIL_SAWTOOTH, ///< floor(q - w, hop of w): temporal accuracy (spec/04 §3)
  AGG_TAIL_DAILY,    ///< floor(q - w, 1 day): snapshots of events (spec/04 §4)
  AGG_TAIL_EXACT,    ///< q - w: snapshots of entities
};

struct agg_frame;

/// `plan` must outlive the frame.
struct agg_frame *agg_frame_new(const struct agg_plan *plan);
void agg_frame_free(struct agg_frame *f);

/// Adds n rows. keys[i] is a dense id; a negative one drops the row. `ts` are epoch milliseconds
/// and may be NULL when the plan does not need time. inputs[j] is column j of plan->inputs with at
/// least n rows; everything is copied. Rows of equal key and ts keep the order of arrival. Without
/// `ts` every query sees all rows of its key; either all appends have it or none.
chn_status agg_frame_append(struct agg_frame *f, const int32_t *keys, const int64_t *ts,
                            const struct row_col *inputs, size_t n, struct chn_err *err);

/// Bytes it holds now, and rows. Sealing takes about 10 bytes a row more for a while, evaluation
/// the size of the answers plus a few MB a thread.
size_t agg_frame_memory(const struct agg_frame *f);
size_t agg_frame_rows(const struct agg_frame *f);

/// Groups and sorts; no append after it. `n_keys` is above every key seen.
chn_status agg_frame_seal(struct agg_frame *f, int32_t n_keys, int threads, struct chn_err *err);

/// Rows of a key after sealing, and their sorted instants (NULL when rows came without time).
size_t agg_frame_key_rows(const struct agg_frame *f, int32_t key, const int64_t **ts);

/// Queries, sorted by key, then instant. Equal ones are allowed and answered once each; keys that
/// no row has, negative ones too, have NULL answers.
struct agg_queries {
  const int32_t *key;
  const int64_t *at; ///< the head: rows with ts < at count
  size_t n;
};

/// The answers: column j of `cols` is part j of the plan, row i is query i. They outlive the frame,
/// not the plan. Maps are ordered by the bytes of their keys.
struct agg_answers {
  struct row_col *cols;
  int32_t n_cols;
  size_t n;
  struct agg_answers_own *own; ///< what holds the memory
};

/// Answers all queries with `threads` threads; a key with a large share of the rows or queries is
/// cut into pieces so that it does not decide the time. Does not change the frame.
chn_status agg_frame_eval(const struct agg_frame *f, const struct agg_queries *q,
                          enum agg_tail tail, int threads, struct agg_answers *out,
                          struct chn_err *err);
void agg_answers_deinit(struct agg_answers *a);

// ---- rows back out ----------------------------------------------------------------------------

/// Reads the rows of a sealed frame back as the plan's input columns, key by key in the order of
/// time: for what goes row by row through ir.h after all. Not thread-safe; a frame may have
/// several.
struct agg_frame_reader;

struct agg_frame_reader *agg_frame_reader_new(const struct agg_frame *f);
void agg_frame_reader_free(struct agg_frame_reader *r);

/// Points cols[j] at column j of plan->inputs, n rows of `key` from its row `from` on: at most
/// AGG_READ_MAX and at most what the key has. Valid until the next call, strings as long as the
/// frame.
size_t agg_frame_read(struct agg_frame_reader *r, int32_t key, size_t from, struct row_col *cols);
enum { AGG_READ_MAX = 2048 };
