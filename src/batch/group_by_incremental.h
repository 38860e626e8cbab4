/// group_by_incremental.h: a step of a GroupBy with isIncremental: the states of its days, kept in
/// a table of their own (daily.h), then the snapshots merged from them.
#pragma once
#include "batch/output.h"

chn_status group_by_incremental_step(struct batch_job *job, const struct model_group_by *gb,
                                     const struct output *output, struct days step,
                                     struct wh_written *written, struct chn_err *err);
