/// join_left.h: a join's bootstrap table, `<join>_bootstrap`: its left side with what is known
/// before any part is computed.
///
/// Columns: those of the left side, `ts_ds` (the day of ts) where it has events, `matched_hashes`
/// (hashes of the bootstrap parts that gave values, NULL: none), bootstrapped columns by name,
/// columns of external sources, `ds` (spec/05 §5.3). Made by `run --mode backfill-left` and read by
/// the steps after it (join_parts.h, join_final.h); a whole backfill keeps it in memory.
#pragma once
#include "batch/assembly.h"
#include "batch/join_side.h"

chn_status join_left_backfill(struct batch_job *job, const struct model_join *j,
                              struct chn_err *err);

const char *join_left_table(struct arena *a, const struct model_join *j);

/// The join as its definition describes it, over left columns of some days; no values yet.
chn_status join_left_describe(const struct join_side *s, struct days days, struct assembly *out,
                              struct chn_err *err);

/// SELECT of the rows that the table has for some days, computed; or, `stored`, read from it: a
/// table that is not there is CHN_E_NOT_FOUND, with the command that makes it.
chn_status join_left_rows(const struct join_side *s, struct days days, bool stored,
                          const char **sql, struct chn_err *err);
