/// staging_query.h: a StagingQuery's SQL, with its macros, into a table.
#pragma once
#include "batch/job.h"

chn_status staging_query_backfill(struct batch_job *job, const struct model_staging_query *q,
                                  struct chn_err *err);

/// Replaces `{{ start_date }}`, `{{ end_date }}`, `{{ latest_date }}` and
/// `{{ max_date(table=ns.t) }}`; any other macro fails with the list of these. The dates are
/// texts.
struct staging_dates {
  const char *start;
  const char *end;
  const char *latest;
};
chn_status staging_query_expand(struct batch_job *job, const char *query,
                                const struct staging_dates *dates, const char **out,
                                struct chn_err *err);

/// The expanded query as DuckDB SQL, with its tables made known.
chn_status staging_query_render(struct batch_job *job, const char *query,
                                const struct staging_dates *dates, char **sql, struct chn_err *err);
