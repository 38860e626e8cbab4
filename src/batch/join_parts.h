/// join_parts.h: the tables of a join's parts, `<join>[_<prefix>]_<GroupBy>`, each for itself.
///
/// Columns: keys by their names in the GroupBy, `ts` where values are those of instants, features
/// (derived where the GroupBy derives), `ds` (spec/05 §5.2):
///
///     TEMPORAL part, left of events   a row for every key, ts and ds that the left asks
///     SNAPSHOT part, left of events   keys with values, on the day before the left's ts
///     left of entities                keys with values, on the left's ds
///
/// A whole backfill of the join needs none of them (docs/decisions/0001).
#pragma once
#include "batch/part.h"

/// Fills the tables of the parts that the options select, for the days that the join's own output
/// lacks. A partition that exists is never computed again.
chn_status join_parts_backfill(struct batch_job *job, const struct model_join *j,
                               struct chn_err *err);

/// The number of the part with this full prefix; without one the error lists those there are.
chn_status join_parts_find(const struct part_list *parts, const char *name, int32_t *out,
                           struct chn_err *err);
