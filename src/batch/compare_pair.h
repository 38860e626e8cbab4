/// compare_pair.h: two versions of the same rows, checked and put side by side.
#pragma once
#include "batch/compare_metrics.h"

struct compare_side {
  const char *what; ///< for messages: "the staging query"
  const char *sql;
  struct row_schema schema; ///< of the SQL; compare_check fills it in
};

struct compare_pair {
  struct batch_job *job;
  struct compare_side left;
  struct compare_side right;
  const char **keys; ///< a row's identity on both sides: `ts` or `ds` is one of them
  int32_t n_keys;
  int32_t n_nullable; ///< the last so many keys say something by being NULL: NULL matches NULL
  bool right_may_have_more; ///< columns on the right alone are no error
  const char *name;         ///< JoinPath of the metrics

  struct row_field *columns; ///< what is compared, in the left's order; compare_check fills it in
  int32_t n_columns;
};

bool compare_has_key(const struct compare_pair *p, const char *name);

/// Whether the sides can be compared: keys on both and of one type, columns on both of one type, no
/// column on the right alone. Says all that is wrong at once (CHN_E_ARGUMENT). Columns on one side
/// alone that are no error are told and left out.
chn_status compare_check(struct compare_pair *p, struct chn_err *err);

/// Joins the sides by their keys, a full outer join, into a temporary table that
/// compare_pair_rows names: keys, `<column>_left`, `<column>_right`. A key that is there several
/// times on both sides gives every combination; a NULL in a key matches nothing.
chn_status compare_join(const struct compare_pair *p, struct chn_err *err);
void compare_drop(const struct compare_pair *p);

/// SQL of the joined rows: their keys and columns of both sides.
const char *compare_rows_sql(const struct compare_pair *p);

/// Counts the joined rows into c->rows and its neighbours, adding to what they have.
chn_status compare_count(const struct compare_pair *p, struct batch_comparison *c,
                         struct chn_err *err);

/// The metrics of the joined rows by hour of `ts`, or by day where no key is `ts`. With
/// `within_ds`, an instant outside the day of its `ds` counts in the first or last hour of that
/// day, so that what a late row adds stays in the partitions being computed.
chn_status compare_measure(const struct compare_pair *p, bool within_ds, struct series *out,
                           struct chn_err *err);

/// Sums up a table of metrics by feature into c->features. `where` is SQL, NULL for all rows.
chn_status compare_summary(struct batch_job *job, const char *table, const char *where,
                           struct batch_comparison *c, struct chn_err *err);
