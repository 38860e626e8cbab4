/// group_by.h: the backfill of a GroupBy: one row per key and day, as a snapshot of that day's end.
#pragma once
#include "agg/plan.h"
#include "batch/job.h"

chn_status group_by_backfill(struct batch_job *job, const struct model_group_by *gb,
                             struct chn_err *err);

/// SELECT keys, outputs (derived where the GroupBy derives) and ds FROM `from`.
chn_status group_by_select(struct batch_job *job, const struct model_group_by *gb,
                           const char *const *base, int32_t n_base, const char *from,
                           const char **sql, struct chn_err *err);

/// Snapshots of events move by days: a window in hours is CHN_E_ARGUMENT.
chn_status group_by_daily_windows(const struct agg_plan *plan, struct chn_err *err);
