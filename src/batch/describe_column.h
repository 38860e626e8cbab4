/// describe_column.h: what is known of a column while its rows go by.
#pragma once
#include "agg/sketch.h"
#include "batch/describe.h"

enum { DESCRIBE_K = 128 }; ///< of the quantiles, as stats-summary's

struct describe_tally;

struct described {
  struct describe_column *out;
  enum row_kind kind; ///< of the values as they come
  struct agg_cpc *distinct;
  struct agg_kll *sketch;
  struct agg_kll *baseline;
  double sum;
  int64_t low; ///< of integers and instants (microseconds, days)
  int64_t high;
  double
      origin; ///< of instants and large integers: the first; what the sketches hold is since then
  bool any;
  bool empty; ///< "" was seen, which CPC ignores
  struct chn_buf low_text;
  struct chn_buf high_text;
  struct describe_tally *tally;
};

/// Which rows of a chunk are described and which are the baseline; NULL: all, none.
struct describe_marks {
  const bool *rows;
  const bool *baseline;
};

/// `out` has its name, type and kind. A column of DESCRIBE_OTHER comes as `IS NULL`.
void described_init(struct described *d, struct describe_column *out, enum row_kind kind);
void described_deinit(struct described *d);
void described_take(struct described *d, const struct row_col *c, size_t n,
                    const struct describe_marks *marks);

/// Fills *out.
void described_finish(struct described *d, const struct describe_options *o, struct arena *a);

/// A column without values.
void describe_column_init(struct describe_column *c);

/// Quantiles, bins and drift; nothing of an empty sketch. `origin` is added to what the sketch has.
void describe_sketch(struct describe_column *c, const struct agg_kll *sketch,
                     const struct agg_kll *baseline, double origin,
                     const struct describe_options *o, struct arena *a);

// ---- describe_tally.c: the most frequent texts ------------------------------------------------

struct describe_tally *describe_tally_new(void);
void describe_tally_free(struct describe_tally *t);
void describe_tally_add(struct describe_tally *t, const char *text, size_t len);
void describe_tally_finish(const struct describe_tally *t, const struct describe_options *o,
                           struct describe_column *c, struct arena *a);
