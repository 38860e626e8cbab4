/// bootstrap.h: values of join columns that were computed before (a log, another table).
///
/// Each BootstrapPart is a table joined to the left rows on its keys and ds; duplicates of a key
/// are dropped, an arbitrary one stays. Earlier parts win. A part of the join whose columns are
/// all covered by matching bootstrap rows is not computed for those rows, so that a bootstrapped
/// NULL stays NULL; of a partly covered part NULLs are filled (spec/05 §7).
///
/// Of a flat log (log_flatten.h) read without selects, a row covers what its schema has: a column
/// that is NULL because it was not logged yet is computed. Columns that the join does not have any
/// more are left alone.
#pragma once
#include "batch/job.h"
#include "row/type.h"

/// The columns that rows of a log with this schema_hash have.
struct bootstrap_logged {
  const char *hash; ///< quoted
  struct row_schema columns;
};

struct bootstrap_table {
  const char *sql;   ///< one row a key, with a column __hit: TRUE, of a log its schema_hash
  const char **keys; ///< ds among them
  int32_t n_keys;
  struct row_schema schema;
  const char *hash; ///< what matched_hashes has for its rows; of a log, their own
  bool log;
  struct bootstrap_logged *logged;
  int32_t n_logged;
};

struct bootstrap {
  struct bootstrap_table *tables; ///< aliases b0, b1, ...
  int32_t n;
  /// The left rows are those of the join's bootstrap table: they carry the values and, in
  /// matched_hashes, which parts matched. Nothing is joined then.
  bool stored;
};

/// Renders the join's bootstrap parts for a step. Fails with the part's number when a table, a key
/// or a column is unknown: `fields` are the columns that the join can have, `left` those of its
/// left side.
chn_status bootstrap_load(struct batch_job *job, const struct model_join *j,
                          const struct row_schema *left, struct days step,
                          const char *const *fields, int32_t n_fields, struct bootstrap *out,
                          struct chn_err *err);

/// Whether any part has the column.
bool bootstrap_has(const struct bootstrap *b, const char *column);

/// Appends " LEFT JOIN (...) AS b0 ON ..." for every part; the left rows are alias `l`.
void bootstrap_joins(const struct bootstrap *b, struct arena *a, struct chn_buf *sql);

/// Appends `b0."c", b1."c", ` (or what is stored) for the parts that have the column.
void bootstrap_values(const struct bootstrap *b, struct arena *a, const char *column,
                      struct chn_buf *sql);

/// Appends a condition that holds where bootstrap rows cover all n columns; false if none can.
bool bootstrap_covers(const struct bootstrap *b, const char *const *columns, int32_t n,
                      struct chn_buf *sql);

/// Appends an expression: the hashes of the parts that matched the row, NULL where none did.
void bootstrap_hashes(const struct bootstrap *b, struct arena *a, struct chn_buf *sql);
