/// plot_int.h: private to the room.
#pragma once
#include "plot/plot.h"

enum { PLOT_NUMBER_SIZE = 32 };

/// The ends of a scale; none is set where no value is finite.
struct plot_scale {
  double low;
  double high;
  bool any;
};

struct plot_scale plot_scale_of(const double *values, int32_t n, bool zero);

/// Where a value lies, from 0 (low) to 1 (high); 0.5 on a scale of one value.
double plot_share(const struct plot_scale *s, double value);

/// Four significant digits: 12, 0.25, 1.235e+09. Returns `out`.
const char *plot_number(double value, char out[PLOT_NUMBER_SIZE]);

/// An instant as a day, or where the scale is of less than three days with its minute.
const char *plot_instant(double ms, double span, char out[PLOT_NUMBER_SIZE]);

/// One of them, as `at` of p says.
const char *plot_place(const struct plot *p, double at, double span, char out[PLOT_NUMBER_SIZE]);

/// Appends as much of a text as fits into `width` columns, with an ellipsis where it is cut. What
/// no terminal shows is replaced. Returns the columns taken.
int32_t plot_label(struct chn_buf *out, const char *text, int32_t width);

/// Appends `text` and a newline; columns beyond `width` are left out.
void plot_line(struct chn_buf *out, const char *text, int32_t width);

/// Where value i of a series is.
double plot_at(const struct plot *p, int32_t i);

/// The scale of `at` of a series, windows included.
struct plot_scale plot_places(const struct plot *p);

/// The label of a bin: "0 to 10", or its value where it has no width.
void plot_bin_label(const struct plot *p, int32_t bin, struct chn_buf *out);

void plot_text_series(const struct plot *p, int32_t width, int32_t height, struct chn_buf *out);

// ---- SVG --------------------------------------------------------------------------------------

/// The field inside the margins of a document, in pixels.
struct plot_field {
  double left, top, width, height;
};

void plot_svg_text(struct chn_buf *out, double x, double y, const char *anchor, const char *text);
void plot_svg_series(const struct plot *p, const struct plot_field *f, struct chn_buf *out);
