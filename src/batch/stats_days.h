/// stats_days.h: which days of its input a table of statistics holds.
///
/// A partition of statistics is the day of its rows' `ts`, one of the input any day: a log's rows
/// of the last seconds may come with the next day. So that a partition exists does not say that
/// its day was read; the table property `chronon_stats_days` does, as
/// `2024-01-01:2024-01-31,2024-02-02:2024-02-02`.
#pragma once
#include "batch/job.h"

/// Days that were read and are there still. A table without the property, of another program, has
/// read what it has.
chn_status stats_days_read(struct batch_job *job, const char *table, struct day_set *out,
                           struct chn_err *err);

/// The property's value for `read` and the days of `step` (which may be empty: last < first).
const char *stats_days_text(struct arena *a, const struct day_set *read, struct days step);
