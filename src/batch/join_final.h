/// join_final.h: a join's output from its bootstrap table and the tables of its parts, what
/// `run --mode backfill-final` makes.
///
/// Nothing is computed but bootstraps' precedence, external columns and derivations; the rows are
/// those of a whole backfill.
#pragma once
#include "batch/job.h"
#include "model/model.h"

chn_status join_final_backfill(struct batch_job *job, const struct model_join *j,
                               struct chn_err *err);
