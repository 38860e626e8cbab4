/// join.h: the backfill of a Join: every row of the left side, each with features of its past only.
#pragma once
#include "batch/job.h"
#include "batch/part.h"

chn_status join_backfill(struct batch_job *job, const struct model_join *j, struct chn_err *err);

/// Leaves the rows of skewed keys out of the left side's SQL: per key NOT IN its values, OR-ed over
/// keys (spec/05 §5.1). The values are SQL literals as authored.
chn_status join_without_skew(struct batch_job *job, const struct model_join *j,
                             const struct part_list *parts, const char **left_sql,
                             struct chn_err *err);
