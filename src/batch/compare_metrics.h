/// compare_metrics.h: how two versions of the same columns differ, by time.
///
/// For each column `c`, over all rows of an hour (spec/05 §12, spec/03):
///
///     c_both_null_sum, c_left_null_sum,        rows without a value on both sides, on one
///     c_right_null_sum
///     c_smape_average                          numbers: mean of 2 |l - r| / (|l| + |r|), 0 where
///                                              that is 0 / 0 or a side is NULL
///     c_left_minus_right_approx_percentile,    numbers: quantiles 0, 1/41, ... 1
///     c_left_..., c_right_...
///     c_edit_distance_insert_..., _delete_...  lists: quantiles of edit_distance.h; NULL as empty
///     c_left_length_..., c_right_length_...    lists: of the lengths, NULL as -1
///     c_mismatch_length_sum                    lists: rows with a value on both sides, unlike long
///     c_mismatch_sum                           rows with a value on both sides that is not the
///     same c_total_count                            rows
///
/// Maps are the same when they have the same entries, those with a NULL value left out, as upstream
/// compares them by JSON. Unlike there, NaN in lists equals itself, differences of integers do not
/// overflow, and BYTE is a number.
#pragma once
#include "batch/series.h"

struct compare_request {
  const char *from; ///< SQL that gives the rows: <column>_left, <column>_right
  const struct row_field *columns;
  int32_t n_columns;
  const char *bucket; ///< SQL: start of a row's bucket, epoch ms; rows without one do not count
  const char *order;  ///< SQL: orders the rows of a bucket
  const char *name;   ///< JoinPath
};

/// The metrics as rows of *out, by bucket. The caller deinits *out, also after a failure.
chn_status compare_metrics(struct batch_job *job, const struct compare_request *r,
                           struct series *out, struct chn_err *err);
