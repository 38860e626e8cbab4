/// plot.h: numbers as pictures, in text and in SVG.
#pragma once
#include <stdbool.h>

#include "base/buf.h"

enum plot_kind {
  PLOT_SPARK,     ///< one line of blocks
  PLOT_BARS,      ///< a bar a label; negative values go to the left
  PLOT_HISTOGRAM, ///< a bar a bin
  PLOT_SERIES,    ///< a line over time, or over any other ascending number
};

/// A span of a series that is marked, [from, until).
struct plot_window {
  double from;
  double until;
  const char *label; ///< NULL: none
};

/// Everything stays the caller's. NaN and infinite values are missing.
struct plot {
  enum plot_kind kind;
  const char *title;         ///< NULL: none
  const double *values;      ///< n of them
  const char *const *labels; ///< of BARS, n of them; one that is NULL is shown as NULL
  const double *at; ///< of HISTOGRAM the n + 1 edges; of SERIES where values are, NULL: 0, 1, 2,
                    ///< ...; finite and ascending
  int32_t n;
  bool times; ///< `at` is epoch milliseconds, UTC
  bool zero;  ///< of SPARK and SERIES: the scale has 0 in it, as that of bars has
  const struct plot_window *windows;
  int32_t n_windows;
};

/// Appends lines, each ended by a newline, none wider than `width` (at least 1) columns of a
/// terminal. `height` is of a SERIES: lines of the field, at least 1; 0 gives 8. A sparkline of
/// more values than columns shows means of neighbours.
void plot_text(const struct plot *p, int32_t width, int32_t height, struct chn_buf *out);

/// Appends an SVG document of width x height pixels (at least 40 x 20; 0 gives 640 x 320). It
/// refers to nothing outside of itself.
void plot_svg(const struct plot *p, int32_t width, int32_t height, struct chn_buf *out);

/// Counts finite values in at most `most` bins of equal width between the smallest and the largest:
/// fills most + 1 ascending edges and `most` counts, returns how many bins there are. The last one
/// has its upper edge in it. Equal values are one bin of width 0. None without a value.
int32_t plot_bins(const double *values, int32_t n, int32_t most, double *edges, double *counts);

/// Appends a line of text as labels are shown: cut with an ellipsis, without control characters.
void plot_words(const char *text, int32_t width, struct chn_buf *out);
