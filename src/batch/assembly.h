/// assembly.h: left rows and computed parts as one SELECT.
///
/// The SELECT reads wh_frame('join'): the left columns where they lie and every feature gathered
/// by index. Around it come parts without aggregations (LEFT JOIN), bootstrap tables, columns of
/// external sources and the join's derivations. Columns: keys, ts, other left columns, values, ds.
#pragma once
#include "batch/part.h"

struct assembly {
  struct batch_job *job;
  const struct model_join *join;
  const struct left *left;
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

/// Names all value columns; two parts with the same column are refused.
chn_status assembly_init(struct assembly *s, struct chn_err *err);

/// Appends the SELECT.
chn_status assembly_select(struct assembly *s, struct chn_buf *sql, struct chn_err *err);
