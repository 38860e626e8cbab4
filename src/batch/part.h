/// part.h: one join part, computed for the rows of the left side.
///
/// Its columns answer the distinct questions that the rows ask; `index` says which answer belongs
/// to which row, so that nothing is joined and no key is looked up again. A part without
/// aggregations may have several rows for a key: it is joined by SQL instead.
#pragma once
#include "agg/frame.h"
#include "batch/left.h"

/// With neither `cols` nor `sql` all its values are NULL (a part that a bootstrap covers).
struct part {
  const struct model_join_part *def;
  const char *prefix; ///< of the columns in the join: `<prefix>_<name>`
  const char **names; ///< output columns, without the join's prefix
  int32_t n;

  // With aggregations: columns and the answer of each left row (-1: none).
  const struct row_col **cols;
  int32_t *index;
  struct part_own *own;

  // Without: the right side of a LEFT JOIN, ds and keys (`__key_0`, ...) included, or NULL.
  const char *sql;
  bool at_ts; ///< it is joined on ts and ds, not on the snapshot's ds
};

/// The parts that a backfill computes: those of the join, then its external sources that have an
/// offlineGroupBy. prefixes[i] is `[<prefix>_]<GroupBy>` or `ext_[<prefix>_]<source>`.
struct part_list {
  const struct model_join_part **defs;
  const char **prefixes;
  int32_t n;
};

void part_list_of(struct arena *a, const struct model_join *j, struct part_list *out);

/// What a part is without being computed: its columns by its definition, and whether they belong to
/// instants (at_ts) for a left side of events. Its values are NULL.
chn_status part_describe(struct arena *a, const struct model_join_part *def, const char *prefix,
                         bool events, struct part *out, struct chn_err *err);

/// Computes the part for a step. `range` is the step's days of the left partitions; `skew` a
/// condition on the GroupBy's keys without which a key has no values (NULL: none, see skew.h).
chn_status part_compute(struct batch_job *job, const struct left *left, struct days range,
                        const struct model_join_part *def, const char *prefix, const char *skew,
                        struct part *out, struct chn_err *err);
void part_deinit(struct part *p);
