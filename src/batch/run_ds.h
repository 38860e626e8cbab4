/// run_ds.h: `{{ CHRONON_RUN_DS }}` in the selects of a GroupBy's sources: the first day that a
/// scan is asked for, as bare text (authors put the quotes). It means something only for scans of
/// one day (spec/05 §2).
#pragma once
#include "batch/job.h"

bool run_ds_used(const struct model_group_by *gb);

/// The text with the macro replaced, in the arena; the text itself where it has none. `ds` NULL:
/// the scan is none of a GroupBy of one day, which is CHN_E_ARGUMENT where the macro stands.
chn_status run_ds_expand(struct arena *a, const char *text, const char *ds, const char **out,
                         struct chn_err *err);

/// Makes the job's steps one day long.
void run_ds_one_day_steps(struct batch_job *job);
