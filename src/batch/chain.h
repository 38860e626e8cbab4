/// chain.h: joins that are sources of GroupBys.
#pragma once
#include "batch/job.h"

/// Backfills every join that a GroupBy has as a source through `last`, in one step each, so that
/// its output table can be read. Chains may be deep: those joins' own parts are prepared the same
/// way.
chn_status chain_prepare(struct batch_job *job, const struct model_group_by *gb, int32_t last,
                         struct chn_err *err);

/// Through which day the source joins of a join's part are made, for a join through `last`: the day
/// before where the GroupBy is TEMPORAL over events, as upstream; questions of `last` then do not
/// see its rows (golden case join_chained).
int32_t chain_last(const struct model_group_by *gb, int32_t last);
