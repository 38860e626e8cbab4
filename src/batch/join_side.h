/// join_side.h: the left side of a join: its rows, and the days that a job is about.
#pragma once
#include "batch/part.h"

struct join_side {
  struct batch_job *job;
  const struct model_join *join;
  struct part_list parts;
  const char *table;  ///< as authored
  const char *column; ///< its partition column
  bool events;        ///< else entities
  struct days range;
};

/// Runs the left's setup statements and finds the range: from --start-ds, the left's start
/// partition or its first one, to the end date or the left's end partition.
chn_status join_side_init(struct join_side *s, struct batch_job *job, const struct model_join *j,
                          struct chn_err *err);

/// DuckDB SQL of the left rows of some days, without those of skewed keys.
chn_status join_left_sql(const struct join_side *s, struct days days, const char **sql,
                         struct chn_err *err);

/// Leaves the rows of skewed keys out of the left side's SQL: per key NOT IN its values, OR-ed over
/// keys (spec/05 §5.1). The values are SQL literals as authored.
chn_status join_without_skew(struct batch_job *job, const struct model_join *j,
                             const struct part_list *parts, const char **left_sql,
                             struct chn_err *err);

/// What leaves a part's own skewed keys out, or NULL. With one skew key the left rows already lack
/// them; with several a row stays that is skewed in one key only, and its part of that key is NULL.
chn_status join_part_skew(const struct join_side *s, const struct model_join_part *def,
                          const char **sql, struct chn_err *err);

/// `<join>_<prefix>`, the table of the part with this full prefix.
const char *join_part_table(struct arena *a, const struct model_join *j, const char *prefix);
