/// stream.h: from stored bytes to answers, without columns or IRs between where that can be.
///
/// Between an upload and a fetch lie hundreds of rows or tiles a key, and a fetch has microseconds.
/// The bytes of the batch value, of its hops and of each streamed row or tile are read once, where
/// they lie. For simple operations (SUM, COUNT, AVERAGE, VARIANCE, MIN, MAX, FIRST, LAST of scalar
/// columns without buckets) a row's field goes to one tally of everything that can be asked of it,
/// for all windows that hold the same of the stream. What the other operations need is decoded on
/// the way, and IRs answer them, as agg_serve_* does.
///
/// Equal to agg_serve_* up to the rounding of sums; a property spec compares both with the
/// backfill. Bytes are of any origin; strings are checked to be UTF-8 where they are answered.
#pragma once
#include "agg/batch_ir.h"
#include "codec/avro.h"

struct agg_stream;

/// `batch` is the record of agg_batch_ir_columns; `streamed` that of a row, with the plan's inputs
/// by name, or with `tiled` of a tile. NULL when the plan does not fit a schema. All must outlive
/// it.
struct agg_stream *agg_stream_new(const struct agg_plan *plan, enum agg_batch_rule rule,
                                  const struct avro_schema *batch,
                                  const struct avro_schema *streamed, bool tiled);
void agg_stream_free(struct agg_stream *s);

/// Begins an answer at q, on an upload whose batch end is `end`. All bytes that are added stay
/// until agg_stream_end. After a failure only agg_stream_begin is of use.
void agg_stream_begin(struct agg_stream *s, int64_t end, int64_t q);

/// Adds the batch value. `kept` is what agg_stream_keep gave for the same bytes at the same batch
/// end, or NULL; it stays until agg_stream_end. CHN_E_CORRUPT.
chn_status agg_stream_batch(struct agg_stream *s, const void *bytes, size_t len,
                            const struct agg_batch_ir *kept, struct chn_err *err);

/// Whether no batch value of it has anything to keep; false for NULL.
bool agg_stream_is_simple(const struct agg_stream *s);

/// After agg_stream_end: the IRs of the operations that are not simple, of the batch value that was
/// added without any kept; the caller's from then on, to be freed before the stream. `spare` (may
/// be NULL) becomes the stream's in their place. NULL, and spare stays the caller's, where all is
/// simple.
struct agg_batch_ir *agg_stream_keep(struct agg_stream *s, struct agg_batch_ir *spare);

/// A streamed value: rows back to back, or tiles. Laid out as a store's answer (kv_version), whose
/// array may be given for one.
struct agg_streamed {
  int64_t ts;
  const void *bytes;
  size_t len;
} __attribute__((may_alias));

/// Adds n streamed values. Those outside [end, q) count nowhere: before, they are not even read.
/// CHN_E_CORRUPT.
chn_status agg_stream_add(struct agg_stream *s, const struct agg_streamed *values, size_t n,
                          struct chn_err *err);

/// Appends each part's final value to outs[part], as agg_ir_finish; on CHN_E_CORRUPT nothing.
chn_status agg_stream_end(struct agg_stream *s, struct row_builder *const *outs,
                          struct chn_err *err);
