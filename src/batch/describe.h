/// describe.h: how the columns of a table look, and how far they are from those of another day.
///
/// A table is read once, in chunks, with bounded memory: counts, smallest, largest and mean are
/// exact; distinct values are CPC's estimate (within about 1 %); quantiles, bins and drift are of a
/// KLL sketch of the values as FLOAT, the one that stats-summary keeps (k = 128, a rank within
/// about 2 %, exact up to 128 values). Instants and integers that begin beyond 2^24 are sketched by
/// their distance from the first, which FLOAT can hold. The same rows in the same files give the
/// same numbers.
#pragma once
#include "plot/plot.h"
#include "warehouse/warehouse.h"

enum describe_kind {
  DESCRIBE_NUMBER,
  DESCRIBE_TIME,  ///< DATE, TIMESTAMP: as numbers, in epoch milliseconds
  DESCRIBE_TEXT,  ///< STRING, BOOLEAN, and what only its text can be shown of
  DESCRIBE_OTHER, ///< lists, maps, structs, binaries: rows and nulls only
};

enum { DESCRIBE_QUANTILES = 5 }; ///< 0.05, 0.25, 0.5, 0.75, 0.95

/// How columns of a type are described.
enum describe_kind describe_kind_of(const struct row_type *type);

struct describe_top {
  const char *value; ///< at most 200 bytes of it
  int64_t count;
};

struct describe_column {
  const char *name;
  const char *type; ///< Spark's name; NULL where statistics do not know it
  enum describe_kind kind;
  bool whole; ///< integers
  bool day;   ///< of TIME: a DATE
  int64_t rows;
  int64_t nulls;
  int64_t nans;     ///< in no number below
  int64_t distinct; ///< about; -1: not known
  const char *min; ///< exact, as text; NULL without a value; a number's is one of JSON where finite
  const char *max;
  double low; ///< the same as numbers; NaN without
  double high;
  double mean;                          ///< of NUMBER; NaN: none, or not known
  double quantiles[DESCRIBE_QUANTILES]; ///< NaN without a value
  int32_t n_bins; ///< of equal width from low to high; of integers and days a whole one
  double *edges;  ///< n_bins + 1
  double *bins;   ///< values in each, about
  int32_t n_top;  ///< of TEXT: the most frequent values, these first
  struct describe_top *top;
  bool top_exact; ///< else values that came rarely were forgotten: counts are at least these
  double psi;     ///< of NUMBER with a baseline (agg/drift.h); NaN: none
  double linf;
};

struct describe_options {
  const char *start_ds; ///< rows of these days, inclusive; NULL: no bound
  const char *end_ds;
  const char *baseline; ///< a day; NULL: no drift. Without bounds rows are those of all other days
  const char *const *columns; ///< these, in the table's order; NULL: all
  int32_t n_columns;
  int32_t bins; ///< at most; 0: 10, no more than 100
  int32_t top;  ///< at most; 0: 10, no more than 100
};

struct describe {
  int64_t rows;
  int64_t baseline_rows;
  struct describe_column *columns;
  int32_t n;
};

/// Describes the rows of `from`, a table that SQL knows (after wh_use). What is in *out lies in the
/// arena. CHN_E_NOT_FOUND for a column that is not there or a baseline without rows; CHN_E_ARGUMENT
/// for days of a table without ds.
chn_status describe_rows(struct wh *wh, struct arena *a, const char *from,
                         const struct describe_options *o, struct describe *out,
                         struct chn_err *err);

/// The same of what stats-summary has written into `<join>_daily_stats`: rows, nulls, quantiles,
/// bins and drift of its columns; counts are of its sample.
chn_status describe_stats(struct wh *wh, struct arena *a, const char *table,
                          const struct describe_options *o, struct describe *out,
                          struct chn_err *err);

enum { DESCRIBE_VALUE_SIZE = 40 };

/// A value of the column's scale (a quantile, an edge) for people: six significant digits, a day,
/// an instant. Returns `out`.
const char *describe_value(const struct describe_column *c, double value,
                           char out[DESCRIBE_VALUE_SIZE]);

// ---- pictures (describe_plot.c) ---------------------------------------------------------------

/// Appends the distribution as blocks, at most `width` of them: bins by value, of texts the most
/// frequent values, a blank for none. Nothing without a value.
void describe_spark(const struct describe_column *c, int32_t width, struct chn_buf *out);

/// The same as a picture: a histogram, bars where a bin is one value or the column is of texts.
/// Fills all but the title; values and labels lie in the arena and in the column.
void describe_plot(const struct describe_column *c, struct arena *a, struct plot *out);
