/// join.h: the backfill of a Join: every row of the left side, each with features of its past only.
#pragma once
#include "batch/job.h"

chn_status join_backfill(struct batch_job *job, const struct model_join *j, struct chn_err *err);
