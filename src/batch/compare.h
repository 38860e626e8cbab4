/// compare.h: a join's table against SQL that should give the same, for migrations.
#pragma once
#include "batch/job.h"

/// The columns that identify a row of a join's output: its rowIds, or the left keys of all parts
/// and, in the order given, what else does.
const char **compare_keys(struct arena *a, const struct model_join *j, const char *const *more,
                          int32_t n_more, bool more_first, int32_t *n);

chn_status compare_with_query(struct batch_job *job, const struct model_join *j,
                              const struct model_staging_query *q, struct batch_comparison *out,
                              struct chn_err *err);
