/// stats_hours.h: rows into states by the start of their hour or day.
#pragma once
#include "batch/series.h"
#include "batch/stats_metrics.h"

/// Writes the statistics of the rows that `sql` selects: the column `bucket`, epoch milliseconds,
/// then the inputs of the metrics. The upload first: what is in the table is in the upload.
chn_status stats_hours_write(struct batch_job *job, const struct stats_metrics *m, const char *name,
                             const char *sql, const struct output *flat,
                             const struct output *upload, struct wh_written *written,
                             struct chn_err *err);
