#include "agg/drift.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = 128 };

static const double epsilon = 1e-6;

static int by_value(const void *x, const void *y)
{
  const float a = *(const float *)x;
  const float b = *(const float *)y;
  return (a > b) - (a < b);
}

/// The different quantiles of both, ascending.
static int32_t split(const struct agg_kll *x, const struct agg_kll *y, float splits[2 * BINS])
{
  double fractions[BINS];
  int32_t n = 1;
  for (int32_t i = 0; i < BINS; i++) {
    fractions[i] = (double)i / (BINS - 1);
  }
  agg_kll_quantiles(x, fractions, BINS, splits);
  agg_kll_quantiles(y, fractions, BINS, splits + BINS);
  qsort(splits, (size_t)2 * BINS, sizeof *splits, by_value);
  for (int32_t i = 1; i < 2 * BINS; i++) {
    if (splits[i] > splits[n - 1]) {
      splits[n++] = splits[i];
    }
  }
  return n;
}

/// Takes a little from each bin for those that are empty.
static void regularize(double *masses, int32_t n)
{
  int32_t empty = 0;
  for (int32_t i = 0; i < n; i++) {
    empty += masses[i] == 0.0 ? 1 : 0;
  }
  for (int32_t i = 0; i < n && empty > 0; i++) {
    masses[i] = masses[i] == 0.0 ? epsilon * (n - empty) / empty : masses[i] - epsilon;
  }
}

double agg_drift_psi(const struct agg_kll *reference, const struct agg_kll *comparison)
{
  float splits[2 * BINS];
  double p[2 * BINS + 1];
  double q[2 * BINS + 1];
  double psi = 0;
  const int32_t n = split(reference, comparison, splits);
  agg_kll_masses(reference, splits, n, p);
  agg_kll_masses(comparison, splits, n, q);
  regularize(p, n + 1);
  regularize(q, n + 1);
  for (int32_t i = 0; i <= n; i++) {
    psi += (p[i] - q[i]) * log(p[i] / q[i]);
  }
  return psi;
}

double agg_drift_linf(const struct agg_kll *reference, const struct agg_kll *comparison)
{
  float splits[2 * BINS];
  double p[2 * BINS + 1];
  double q[2 * BINS + 1];
  double apart = 0;
  double largest = 0;
  const int32_t n = split(reference, comparison, splits);
  agg_kll_masses(reference, splits, n, p);
  agg_kll_masses(comparison, splits, n, q);
  for (int32_t i = 0; i <= n; i++) {
    apart += p[i] - q[i];
    largest = fmax(largest, fabs(apart));
  }
  return largest;
}
