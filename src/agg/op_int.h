/// op_int.h: what an operation is to the IR engine. Private to agg/.
///
/// A state is `size` bytes of plain memory; all zero means that nothing was fed. It may be moved in
/// memory. Nulls never reach an operation, and a state that nothing was fed to is neither finished
/// nor stored: ir.c keeps such states as SQL NULL. `part->value` is the type of what is fed,
/// whatever the shape.
#pragma once
#include "agg/plan.h"
#include "agg/value_int.h"

struct agg_kind {
  size_t size;

  /// Feeds one non-null value.
  void (*update)(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                 int64_t ts);

  /// Takes one back; NULL when the operation has no inverse. On a zero state it stores the inverse.
  void (*remove)(const struct agg_part *p, void *state, const struct row_col *c, size_t row);

  /// Folds `from` into `into`, which may be zero. The rows of `into` count as the earlier arrivals.
  void (*merge)(const struct agg_part *p, void *into, const void *from);

  /// Appends one row: the final value, or the stored form (null is allowed only for the former).
  void (*finish)(const struct agg_part *p, const void *state, struct row_builder *out);
  void (*store)(const struct agg_part *p, const void *state, struct row_builder *out);

  /// Reads the stored form, from anywhere, into a zero state. What it holds on failure is freed by
  /// the caller. NULLs inside are refused.
  chn_status (*load)(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                     struct chn_err *err);

  /// Frees what the state owns; NULL when it owns nothing. The caller forgets the state.
  void (*free)(const struct agg_part *p, void *state);
};

extern const struct agg_kind agg_op_count;
extern const struct agg_kind agg_op_sum;
extern const struct agg_kind agg_op_average;
extern const struct agg_kind agg_op_variance;
extern const struct agg_kind agg_op_skew;
extern const struct agg_kind agg_op_kurtosis;
extern const struct agg_kind agg_op_min;
extern const struct agg_kind agg_op_max;
extern const struct agg_kind agg_op_first;
extern const struct agg_kind agg_op_last;
extern const struct agg_kind agg_op_first_k;
extern const struct agg_kind agg_op_last_k;
extern const struct agg_kind agg_op_top_k;
extern const struct agg_kind agg_op_bottom_k;
extern const struct agg_kind agg_op_unique_count;
extern const struct agg_kind agg_op_bounded_unique_count;
extern const struct agg_kind agg_op_approx_unique_count;
extern const struct agg_kind agg_op_approx_percentile;
extern const struct agg_kind agg_op_histogram;
extern const struct agg_kind agg_op_approx_histogram_k;

/// The mean of two means with their weights.
double agg_combined_mean(double n1, double mean1, double n2, double mean2);

/// The elements of a LIST row.
struct agg_list {
  const struct row_col *col;
  size_t from;
  size_t n;
};

struct agg_list agg_list_at(const struct row_col *c, size_t row);

/// CHN_E_CORRUPT, as "stored <part>: <why>".
chn_status agg_corrupt(const struct agg_part *p, struct chn_err *err, const char *why);

/// Fails unless no element is null.
chn_status agg_check_no_nulls(const struct agg_part *p, const struct agg_list *l,
                              struct chn_err *err);
