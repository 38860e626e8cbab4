/// stream.h: from stored bytes to answers, without columns or IRs between.
///
/// Between an upload and a fetch lie hundreds of rows or tiles a key, and a fetch has microseconds.
/// For plans of simple operations (SUM, COUNT, AVERAGE, VARIANCE, MIN, MAX, FIRST, LAST of scalar
/// columns without buckets) the bytes of the batch value, of its hops and of each streamed row or
/// tile are read once, where they lie. A row's field goes to one tally of everything that can be
/// asked of it, for all windows that hold the same of the stream.
///
/// Equal to agg_serve_* up to the rounding of sums; a property spec compares both with the
/// backfill. Bytes are of any origin; strings are checked to be UTF-8 where they are answered.
#pragma once
#include "agg/batch_ir.h"
#include "codec/avro.h"

struct agg_stream;

/// `batch` is the record of agg_batch_ir_columns; `streamed` that of a row, with the plan's inputs
/// by name, or with `tiled` of a tile. NULL when the plan or a schema has anything that is not
/// simple. All must outlive it.
struct agg_stream *agg_stream_new(const struct agg_plan *plan, enum agg_batch_rule rule,
                                  const struct avro_schema *batch,
                                  const struct avro_schema *streamed, bool tiled);
void agg_stream_free(struct agg_stream *s);

/// Begins an answer at q, on an upload whose batch end is `end`. All bytes that are added stay
/// until agg_stream_end. After a failure only agg_stream_begin is of use.
void agg_stream_begin(struct agg_stream *s, int64_t end, int64_t q);

/// Adds the batch value. CHN_E_CORRUPT.
chn_status agg_stream_batch(struct agg_stream *s, const void *bytes, size_t len,
                            struct chn_err *err);

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
