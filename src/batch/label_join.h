/// label_join.h: what became of a join's rows: labels by `label_ds`, and views of features with
/// them.
#pragma once
#include "batch/job.h"

chn_status label_join(struct batch_job *job, const struct model_join *j, struct chn_err *err);
