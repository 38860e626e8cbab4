/// stats.h: statistics of a join's rows by hour: how many there are, how many NULLs a column has,
/// how its numbers are spread (stats_metrics.h). Of its backfilled table, or of its log.
#pragma once
#include "batch/job.h"

enum stats_of {
  STATS_OF_OUTPUT, ///< `<join>` into `<join>_daily_stats` and `<join>_daily_stats_upload`
  STATS_OF_LOG,    ///< `<join>_logged` into `<join>_logged_daily_stats` and its upload
};

/// A partition holds the hours of its day over all rows of the input with a `ts` on it, in whatever
/// partition they lie; the days that the table lacks are those of the input (stats_days.h).
chn_status stats_summary(struct batch_job *job, const struct model_join *j, enum stats_of what,
                         struct chn_err *err);
