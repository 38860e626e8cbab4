/// join.h: the backfill of a Join: every row of the left side, each with features of its past only.
#pragma once
#include "batch/job.h"
#include "batch/output.h"

chn_status join_backfill(struct batch_job *job, const struct model_join *j, struct chn_err *err);

/// The table that it ends in.
struct output join_output(struct arena *a, const struct model_join *j);
