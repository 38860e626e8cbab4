/// batch_ir.h: what an upload says of one key, and what a fetch makes of it.
///
/// A fetch at instant q wants the rows of [floor(q - w, hop), q) for each window w. The upload was
/// made at the batch end B <= q, without knowing q; streamed rows of [B, q) come on top. So it
/// keeps two things (spec/04 §5):
///
///     collapsed   one IR per windowed part: rows that no q up to B + 2 days can drop
///     tail hops   per hop size (1 day, 1 hour, 5 minutes) IRs of the bases for each hop in which
///                 a window may begin until then, so 7-day and 8-day windows share hops
///
///       floor(B-w, hop)            ceil(B-w+2d, hop)                       B        q
///            |-- tail hops ----------------|------------- collapsed -------|- rows -|
///
/// A window shorter than two days lives in tail hops alone, an unbounded one in `collapsed` alone.
/// Upstream loses the row at exactly B - w and, where w is no multiple of its hop (300 h has hops
/// of a day), counts rows of one hop twice or not at all; its backfill of events does neither. Here
/// both agree (AGG_BATCH_EVENTS): the tail begins at a hop's start and ends at a hop's end.
/// Upstream's fetcher reads these IRs as its own, since `hopStart < B - w + 2d` holds for the same
/// hops. Its backfill of entities with mutations is made of such IRs and has the same edges, so for
/// those upstream's rule stands as it is (AGG_BATCH_ENTITIES).
///
/// More than two days after B the tail is left over (quirk 4): collapsed rows never leave.
#pragma once
#include "agg/ir.h"

enum {
  AGG_HOP_SIZES = 3,                 ///< 1 day, 1 hour, 5 minutes, in the order of storage
  AGG_TAIL_BUFFER_MS = 2 * 86400000, ///< how long after B windows are exact
};

/// Which rows the tail holds: what the backfill of the same source does.
enum agg_batch_rule {
  AGG_BATCH_EVENTS,   ///< as drawn
  AGG_BATCH_ENTITIES, ///< rows with B - w < ts, of them hops below B - w + 2d
};

struct agg_batch_ir;

/// Empty, with batch end 0. `plan` must outlive it.
struct agg_batch_ir *agg_batch_ir_new(const struct agg_plan *plan, enum agg_batch_rule rule);
void agg_batch_ir_free(struct agg_batch_ir *b);

/// Empties it for another key, and sets the batch end.
void agg_batch_ir_reset(struct agg_batch_ir *b, int64_t end);

/// Adds row `row` of the plan's inputs; rows with ts >= B count nowhere. Rows may come in any
/// order, of equal ts the first come counts as first. Fails as agg_ir_update does.
chn_status agg_batch_ir_add(struct agg_batch_ir *b, const struct row_col *inputs, size_t row,
                            int64_t ts, struct chn_err *err);

/// The columns of the stored form: `collapsedIr`, a STRUCT WindowedIr of the parts' IRs by name,
/// and `tailHopIrs`, a LIST (hop sizes) of LISTs (by time) of STRUCTs HopIr of the bases' IRs and
/// the hop's start `ts`.
struct row_schema agg_batch_ir_columns(struct arena *a, const struct agg_plan *plan);

/// Appends the stored form to outs[0] and outs[1], builders of those columns.
void agg_batch_ir_store(const struct agg_batch_ir *b, struct row_builder *const outs[2]);

/// Reads it back from row `row` of two columns of any origin; the batch end stays. CHN_E_CORRUPT
/// when it means nothing; *b is then empty.
chn_status agg_batch_ir_load(struct agg_batch_ir *b, const struct row_col cols[2], size_t row,
                             struct chn_err *err);

// ---- serving ----------------------------------------------------------------------------------
// An answer is an IR of plan->parts: begin, every streamed row of [B, q), end, agg_ir_finish; one
// answer at a time of one batch IR, all at the same q.

/// The first instant after q at which a window of the plan begins later than at q: until then only
/// what is streamed makes another answer. INT64_MAX: never.
int64_t agg_serve_until(const struct agg_plan *plan, int64_t q);

/// Makes *out the collapsed IR. CHN_E_ARGUMENT when q is before the batch end.
chn_status agg_serve_begin(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                           struct chn_err *err);

/// Adds a streamed row to the parts whose windows hold it; rows outside [B, q) count nowhere.
chn_status agg_serve_row(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                         const struct row_col *inputs, size_t row, int64_t ts, struct chn_err *err);

/// A mutation of an entity: of [B, q) by its own time, held by windows by the row's time `ts`.
/// The old image of a row (`is_before`) is taken back, where the operation can.
chn_status agg_serve_mutation(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                              const struct row_col *inputs, size_t row, int64_t ts,
                              int64_t mutation_ts, bool is_before, struct chn_err *err);

/// Merges a tile: an IR of plan->bases over streamed rows of one hop of the smallest window, `ts`
/// any instant in it. Windows hold it whole or not at all; outside [B, q) it counts nowhere.
chn_status agg_serve_tile(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                          const struct agg_ir *tile, int64_t ts, struct chn_err *err);

/// Merges the tail hops that windows at q still hold.
chn_status agg_serve_end(const struct agg_batch_ir *b, int64_t q, struct agg_ir *out,
                         struct chn_err *err);

// ---- looking inside ---------------------------------------------------------------------------
// What an explanation shows. Memory is b's, until it changes.

/// The batch end.
int64_t agg_batch_end(const struct agg_batch_ir *b);

/// The first instant that the window of a part holds at q; INT64_MIN: all.
int64_t agg_batch_from(const struct agg_batch_ir *b, int32_t part, int64_t q);

/// Hops from here on are in the collapsed IR for this part.
int64_t agg_batch_until(const struct agg_batch_ir *b, int32_t part);

/// The IR of plan->parts that never leaves.
const struct agg_ir *agg_batch_collapsed(const struct agg_batch_ir *b);

/// The tail hops of the size that a part's window has, by start: IRs of plan->bases.
int32_t agg_batch_hops(const struct agg_batch_ir *b, int32_t part);
const struct agg_ir *agg_batch_hop(const struct agg_batch_ir *b, int32_t part, int32_t i,
                                   int64_t *start);
