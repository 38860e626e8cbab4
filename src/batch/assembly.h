/// assembly.h: left rows and computed parts as one SELECT.
///
/// The SELECT reads wh_frame('join'): the left columns where they lie and every feature gathered
/// by index; or, where parts were computed before, the join's bootstrap table. Around it come parts
/// that are joined by SQL, bootstrap tables, columns of external sources and the join's
/// derivations. Columns: keys, ts, other left columns, values, ds.
#pragma once
#include "batch/bootstrap.h"
#include "batch/part.h"

/// A value column of the join before its derivations.
struct assembly_value {
  const char *sql; ///< computed value, over l (the left rows) and p0, p1, ... (parts joined by SQL)
  int32_t part;    ///< join part it belongs to, -1: an external source
};

struct assembly {
  struct batch_job *job;
  const struct model_join *join;
  const struct row_schema *columns; ///< of the left side
  const struct left *left;          ///< its rows; NULL: they are those of `from`
  /// SQL after FROM that gives the left columns and `__snapshot_ds`; NULL with `left`.
  const char *from;
  bool stored;              ///< `from` is the join's bootstrap table
  const struct part *parts; ///< of part_list_of
  int32_t n_parts;
  struct days step;

  // set by assembly_init, in the job's arena
  struct wh_extra *extras; ///< of wh_frame('join')
  int32_t n_extras;
  struct assembly_value *values;
  const char **names; ///< of the values
  int32_t n_values;
  struct row_col snapshot_ds;
};

/// Whether a left column is the key of any part.
bool assembly_is_left_key(const struct part_list *parts, const char *column);

/// Names all value columns, those of parts in their order, then those of external sources; two
/// parts with the same column are refused.
chn_status assembly_init(struct assembly *s, struct chn_err *err);

/// The join's bootstrap parts for the step.
chn_status assembly_bootstrap(const struct assembly *s, struct bootstrap *out, struct chn_err *err);

/// Appends the SELECT.
chn_status assembly_select(struct assembly *s, struct chn_buf *sql, struct chn_err *err);
