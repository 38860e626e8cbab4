/// drift.h: how far two distributions are apart.
#pragma once
#include "agg/sketch.h"

/// The population stability index of two sketches, neither empty: over the bins that the 128
/// evenly spaced quantiles of both make, the sum of (p - q) ln(p / q). An empty bin gets a share of
/// 1e-6 of each that is not, so that it is finite (spec/03 §8). 0 for the same distribution;
/// below 0.1 is called a small shift, above 0.25 one to act on.
double agg_drift_psi(const struct agg_kll *reference, const struct agg_kll *comparison);

/// The largest difference of the two cumulative distributions, from 0 to 1, at the same quantiles
/// (spec/03 §8, there called L-infinity; the statistic of Kolmogorov and Smirnov). Neither is
/// empty.
double agg_drift_linf(const struct agg_kll *reference, const struct agg_kll *comparison);
