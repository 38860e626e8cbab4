/// group_by.h: the backfill of a GroupBy: one row per key and day, as a snapshot of that day's end.
#pragma once
#include "batch/job.h"

chn_status group_by_backfill(struct batch_job *job, const struct model_group_by *gb,
                             struct chn_err *err);
