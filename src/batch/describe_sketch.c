#include <math.h>

#include "agg/drift.h"
#include "base/time.h"
#include "batch/describe_column.h"

enum { BINS = 10, MOST_BINS = 100 };

/// Ascending edges that floats tell apart, of integers and days whole ones; returns the number of
/// bins.
static int32_t cut(const struct describe_column *c, double origin, int32_t most, float *splits,
                   double *edges)
{
  const double low = c->low - origin, high = c->high - origin;
  const double unit = c->whole ? 1 : c->day ? CHN_DAY_MS : 0;
  const double step =
      unit > 0 ? unit * ceil(((high - low) / unit + 1) / most) : (high - low) / most;
  int32_t bins = 0;
  edges[0] = c->low;
  for (int32_t i = 1; i < most; i++) {
    const double edge = low + step * i;
    const float split = (float)edge;
    if (split > (bins > 0 ? splits[bins - 1] : (float)low) && split <= (float)high) {
      splits[bins++] = split;
      edges[bins] = edge + origin;
    }
  }
  edges[bins + 1] = unit > 0 ? edges[bins] + step : c->high;
  return bins + 1;
}

static void add_bins(struct describe_column *c, const struct agg_kll *sketch, double origin,
                     const struct describe_options *o, struct arena *a)
{
  float splits[MOST_BINS];
  const int32_t most = o->bins <= 0 ? BINS : o->bins > MOST_BINS ? MOST_BINS : o->bins;
  if (!isfinite((float)(c->low - origin)) || !isfinite((float)(c->high - origin))) {
    return;
  }
  c->edges = arena_calloc(a, (size_t)most + 1, sizeof *c->edges);
  c->bins = arena_calloc(a, (size_t)most + 1, sizeof *c->bins);
  c->n_bins = cut(c, origin, most, splits, c->edges);
  agg_kll_masses(sketch, splits, c->n_bins - 1, c->bins);
  for (int32_t i = 0; i < c->n_bins; i++) {
    c->bins[i] = round(c->bins[i] * (double)agg_kll_count(sketch));
  }
}

void describe_sketch(struct describe_column *c, const struct agg_kll *sketch,
                     const struct agg_kll *baseline, double origin,
                     const struct describe_options *o, struct arena *a)
{
  static const double fractions[DESCRIBE_QUANTILES] = { 0.05, 0.25, 0.5, 0.75, 0.95 };
  float quantiles[DESCRIBE_QUANTILES];
  if (agg_kll_count(sketch) == 0) {
    return;
  }
  agg_kll_quantiles(sketch, fractions, DESCRIBE_QUANTILES, quantiles);
  for (int32_t i = 0; i < DESCRIBE_QUANTILES; i++) {
    c->quantiles[i] = fmin(c->high, fmax(c->low, (double)quantiles[i] + origin));
  }
  add_bins(c, sketch, origin, o, a);
  if (c->kind == DESCRIBE_NUMBER && o->baseline != NULL && agg_kll_count(baseline) > 0) {
    c->psi = agg_drift_psi(baseline, sketch);
    c->linf = agg_drift_linf(baseline, sketch);
  }
}
