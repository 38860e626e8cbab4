/// ir.h: intermediate results, one row at a time: what uploads, streams and fetches keep.
///
/// An `agg_ir` holds the state of every part of a list (a plan's windowed parts, or its bases) for
/// one key. Its answers equal those of frame.h over the same rows. `{no row}` is the identity of
/// merge. Not thread-safe; different IRs are independent.
#pragma once
#include "agg/plan.h"
#include "row/col.h"

struct agg_ir;

/// All states empty. `parts` (n of them: plan->parts or plan->bases) must outlive the IR.
struct agg_ir *agg_ir_new(const struct agg_part *parts, int32_t n);
void agg_ir_free(struct agg_ir *ir);
void agg_ir_clear(struct agg_ir *ir);

/// Feeds row `row` of the plan's input columns to every part, whatever its window.
/// Fails with CHN_E_ARGUMENT on element-wise lists of different lengths or null elements; the part
/// that fails is unchanged, parts before it have the row.
chn_status agg_ir_update(struct agg_ir *ir, const struct row_col *inputs, size_t row, int64_t ts,
                         struct chn_err *err);

/// The same for part `part` only.
chn_status agg_ir_update_part(struct agg_ir *ir, int32_t part, const struct row_col *inputs,
                              size_t row, int64_t ts, struct chn_err *err);

/// Takes a row back. A no-op for operations without an inverse (all but COUNT, SUM, AVERAGE,
/// HISTOGRAM); on an empty state it stores the inverse element (spec/03 §6).
chn_status agg_ir_delete_part(struct agg_ir *ir, int32_t part, const struct row_col *inputs,
                              size_t row, int64_t ts, struct chn_err *err);

/// into.part += from.part, for parts with the same base; *from is only read.
chn_status agg_ir_merge_part(struct agg_ir *into, int32_t part, const struct agg_ir *from,
                             int32_t from_part, struct chn_err *err);

/// Appends each part's final value to outs[part], a builder of parts[part].output.
void agg_ir_finish(const struct agg_ir *ir, struct row_builder *const *outs);

/// Appends the stored form of a part to a builder of parts[part].ir, and reads it back, from any
/// origin: CHN_E_CORRUPT when it means nothing; the part is then empty.
void agg_ir_store(const struct agg_ir *ir, int32_t part, struct row_builder *out);
chn_status agg_ir_load(struct agg_ir *ir, int32_t part, const struct row_col *stored, size_t row,
                       struct chn_err *err);
