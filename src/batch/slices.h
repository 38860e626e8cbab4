/// slices.h: left rows that do not fit into memory with all their features, cut by the hash of
/// their keys.
#pragma once
#include "batch/part.h"

/// Into how many slices the rows of `left_sql` must be cut for these parts; 1 where they fit.
chn_status slices_count(struct batch_job *job, const struct part_list *parts, const char *left_sql,
                        int *out, struct chn_err *err);

/// The left rows of one slice of `slices`: those whose keys of the first part hash to it.
const char *slices_sql(struct batch_job *job, const struct part_list *parts, const char *left_sql,
                       int slice, int slices);

/// The days of the snapshots that the left rows (of events) of all slices see: which rows a scan
/// for one slice may read must not depend on how the left was cut. Leaves *out alone where no row
/// has a ts.
chn_status slices_snapshots(struct batch_job *job, const char *left_sql, struct days *out,
                            struct chn_err *err);
