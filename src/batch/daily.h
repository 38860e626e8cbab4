/// daily.h: the states of an incremental GroupBy, a table `<output>_daily_inc` with a row per key
/// and day: the keys, `ts` (the day's first instant), one state per aggregation and bucket (windows
/// of the same input share it) and `ds` (spec/04 §9).
#pragma once
#include "agg/plan.h"
#include "batch/job.h"
#include "batch/keys.h"

struct daily {
  struct batch_job *job;
  const struct model_group_by *gb;
  const char *table;
  struct agg_plan *plan;
  const struct row_type **key_types;
  const char *order; ///< SQL: rows of one key stand together
};

/// Compiles the aggregations over the sources of `days`. Only SNAPSHOT events with a window can be
/// incremental: everything else is CHN_E_ARGUMENT.
chn_status daily_init(struct daily *d, struct batch_job *job, const struct model_group_by *gb,
                      struct days days, struct chn_err *err);

/// Days that a snapshot at the end of `days` looks back at, and those days.
struct days daily_reach(const struct daily *d, struct days days);

/// Makes the states of those of the days that the table lacks and a source has.
chn_status daily_fill(struct daily *d, struct days days, struct chn_err *err);

/// SELECT keys, ts and the states of all bases (base_name) for the days, ordered by key, then day.
/// A table that another definition made is CHN_E_CONFLICT.
chn_status daily_select(struct daily *d, struct days days, const char **sql, struct chn_err *err);
