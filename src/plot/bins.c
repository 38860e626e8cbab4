#include <math.h>

#include "plot/plot_int.h"

int32_t plot_bins(const double *values, int32_t n, int32_t most, double *edges, double *counts)
{
  const struct plot_scale s = plot_scale_of(values, n, false);
  int32_t bins = 0;
  if (!s.any || most < 1) {
    return 0;
  }
  edges[0] = s.low;
  for (int32_t i = 1; i <= most; i++) {
    const double share = (double)i / most;
    const double edge = i == most ? s.high : s.low * (1 - share) + s.high * share;
    if (edge > edges[bins]) { // neighbours may be the same double
      edges[++bins] = edge;
    }
  }
  if (bins == 0) {
    edges[++bins] = s.high;
  }
  for (int32_t i = 0; i < bins; i++) {
    counts[i] = 0;
  }
  for (int32_t i = 0; i < n; i++) {
    if (isfinite(values[i])) {
      int32_t low = 0;
      for (int32_t high = bins; high - low > 1;) {
        const int32_t middle = (low + high) / 2;
        low = values[i] >= edges[middle] ? middle : low;
        high = values[i] >= edges[middle] ? high : middle;
      }
      counts[low]++;
    }
  }
  return bins;
}
