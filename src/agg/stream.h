/// stream.h: streamed rows straight from Avro's bytes into plain sums.
///
/// Between an upload and a fetch lie hundreds of rows a key, and a fetch has microseconds. For
/// plans of simple operations (SUM, COUNT, AVERAGE, VARIANCE, MIN, MAX, FIRST, LAST of scalar
/// columns without buckets) no column, cell or IR is made for a row: its fields are read once and
/// go to one accumulator for all windows that hold the whole stream. What comes out is merged like
/// a tile. Equal to agg_serve_row for each row, up to the rounding of sums; a property spec
/// compares. Strings that only COUNT counts are not checked to be UTF-8.
#pragma once
#include "agg/batch_ir.h"
#include "codec/avro.h"

struct agg_stream;

/// NULL when the plan has anything else, or `row`'s fields are not scalars and the plan's inputs by
/// name. Both must outlive it.
struct agg_stream *agg_stream_new(const struct agg_plan *plan, const struct avro_schema *row);
void agg_stream_free(struct agg_stream *s);

/// Begins an answer at q on top of what was served of `b`.
void agg_stream_begin(struct agg_stream *s, const struct agg_batch_ir *b, int64_t q);

/// Adds a value of one or more records, all at `ts`; outside [B, q) it is only read. The bytes stay
/// until agg_stream_end. CHN_E_CORRUPT; only agg_stream_begin is then of use.
chn_status agg_stream_add(struct agg_stream *s, const void *bytes, size_t len, int64_t ts,
                          struct chn_err *err);

/// Merges what was added into *out, which agg_serve_begin has made.
chn_status agg_stream_end(struct agg_stream *s, struct agg_ir *out, struct chn_err *err);
