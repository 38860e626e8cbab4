/// stats_metrics.h: what statistics are made of a table's columns (spec/03 §8).
///
/// Of every column but keys and times how many rows have NULL (`<col>__null_sum`), of a numeric one
/// a KLL sketch of its values as well (`<col>_approx_percentile`), in the order of column names;
/// last the number of rows (`total_count`). All are intermediate results of `agg/`, so that hours
/// merge into days, and by whoever reads them.
#pragma once
#include "agg/plan.h"
#include "batch/job.h"

struct stats_metrics {
  struct agg_plan *plan;             ///< a part a metric, unbounded
  struct row_schema values;          ///< names and stored types of the parts
  const char *inputs;                ///< SQL: ", <input>" for each of the plan's inputs
  int32_t *sketches;                 ///< parts that are sketches
  const char **shown;                ///< `<col>_approx_percentile_finalized` of each
  const struct row_type *shown_type; ///< MAP of a fraction's text to the quantile's
  int32_t n_sketches;
};

/// `keys` are n_keys columns that are not measured; those that the table lacks do no harm.
chn_status stats_metrics_of(struct batch_job *job, const struct row_schema *table,
                            const char *const *keys, int32_t n_keys, struct stats_metrics *out,
                            struct chn_err *err);

/// Appends the quantiles of `part`, finished into row `row` of a LIST of FLOAT, to a builder of
/// shown_type, as Java writes numbers: "0.05" -> "12.5". NULL of a NULL.
void stats_metrics_show(const struct agg_part *part, const struct row_col *finished, size_t row,
                        struct row_builder *out);
