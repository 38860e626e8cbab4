#include <math.h>
#include <string.h>

#include "base/glyph.h"
#include "plot/plot_int.h"

enum { WIDTH = 640, HEIGHT = 320, LINE = 16, MOST_LABELS = 6, LABEL_COLUMNS = 24 };

static const double letter = 6.2; // pixels of a column of 11 px text, about

static void add_escaped(struct chn_buf *out, const char *text)
{
  struct chn_buf shown = { 0 };
  plot_label(&shown, text, 200);
  for (const char *at = chn_buf_str(&shown); *at; at++) {
    switch (*at) {
    case '&': chn_buf_adds(out, "&amp;"); break;
    case '<': chn_buf_adds(out, "&lt;"); break;
    case '>': chn_buf_adds(out, "&gt;"); break;
    case '"': chn_buf_adds(out, "&quot;"); break;
    default: chn_buf_addc(out, *at);
    }
  }
  chn_buf_deinit(&shown);
}

void plot_svg_text(struct chn_buf *out, double x, double y, const char *anchor, const char *text)
{
  chn_buf_addf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  add_escaped(out, text);
  chn_buf_adds(out, "</text>\n");
}

static void add_rect(struct chn_buf *out, double x, double y, double width, double height)
{
  chn_buf_addf(out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
               x, y, fmax(0, width), fmax(0, height));
}

static void svg_histogram(const struct plot *p, const struct plot_field *f, struct chn_buf *out)
{
  const struct plot_scale s = plot_scale_of(p->values, p->n, true);
  const double step = f->width / p->n, zero = (1 - plot_share(&s, 0)) * f->height;
  const int32_t every = (p->n + MOST_LABELS - 1) / MOST_LABELS;
  char text[PLOT_NUMBER_SIZE];
  plot_svg_text(out, f->left - 6, f->top + 10, "end", plot_number(s.high, text));
  for (int32_t i = 0; i < p->n; i++) {
    const double up =
        isfinite(p->values[i]) ? (1 - plot_share(&s, p->values[i])) * f->height : zero;
    add_rect(out, f->left + i * step + 0.5, f->top + fmin(up, zero), step - 1, fabs(up - zero));
    if (i % every == 0) {
      plot_svg_text(out, f->left + i * step, f->top + f->height + LINE, "middle",
                    plot_place(p, p->at[i], p->at[p->n] - p->at[0], text));
    }
  }
}

static void svg_bars(const struct plot *p, const struct plot_field *f, struct chn_buf *out)
{
  const struct plot_scale s = plot_scale_of(p->values, p->n, true);
  const double step = f->height / p->n, zero = plot_share(&s, 0) * f->width;
  char text[PLOT_NUMBER_SIZE];
  for (int32_t i = 0; i < p->n; i++) {
    const double v = p->values[i];
    const double end = isfinite(v) ? plot_share(&s, v) * f->width : zero;
    const double y = f->top + i * step;
    const char *label = p->labels == NULL ? "" : p->labels[i] != NULL ? p->labels[i] : "NULL";
    struct chn_buf cut = { 0 };
    plot_label(&cut, label, LABEL_COLUMNS);
    plot_svg_text(out, f->left - 6, y + step / 2 + 4, "end", chn_buf_str(&cut));
    chn_buf_deinit(&cut);
    add_rect(out, f->left + fmin(end, zero), y + 0.5, fabs(end - zero), step - 1);
    plot_svg_text(out, f->left + fmax(end, zero) + 4, y + step / 2 + 4, "start",
                  isfinite(v) ? plot_number(v, text) : "-");
  }
}

static void svg_spark(const struct plot *p, const struct plot_field *f, struct chn_buf *out)
{
  const struct plot_scale s = plot_scale_of(p->values, p->n, p->zero);
  const double step = f->width / p->n;
  for (int32_t i = 0; i < p->n; i++) {
    if (isfinite(p->values[i])) {
      const double high = fmax(0.04, plot_share(&s, p->values[i])) * f->height;
      add_rect(out, f->left + i * step, f->top + f->height - high, step, high);
    }
  }
}

static double widest_label(const struct plot *p)
{
  int32_t widest = 0;
  for (int32_t i = 0; i < p->n && p->labels != NULL; i++) {
    const int32_t n = chn_text_width(p->labels[i] != NULL ? p->labels[i] : "NULL");
    widest = n > widest ? n : widest;
  }
  return (widest < LABEL_COLUMNS ? widest : LABEL_COLUMNS) * letter;
}

/// Margins for what stands around the field of its kind.
static struct plot_field field_of(const struct plot *p, double width, double height)
{
  struct plot_field f = { 2, p->title != NULL ? 24 : 4, 0, 0 };
  double right = 2, bottom = 2;
  if (p->kind == PLOT_BARS) {
    f.left = widest_label(p) + 12;
    right = 64;
  } else if (p->kind != PLOT_SPARK) {
    f.left = 64;
    right = 40;
    bottom = LINE + 8;
    f.top += p->n_windows > 0 ? LINE : 4;
  }
  f.left = fmin(f.left, 0.4 * width); // of a small picture the field is to be seen
  right = fmin(right, 0.3 * width);
  f.width = fmax(1, width - f.left - right);
  f.height = fmax(1, height - f.top - bottom);
  return f;
}

static void svg_field(const struct plot *p, const struct plot_field *f, struct chn_buf *out)
{
  if (!plot_scale_of(p->values, p->n, false).any) {
    plot_svg_text(out, f->left + f->width / 2, f->top + f->height / 2, "middle", "nothing to plot");
    return;
  }
  switch (p->kind) {
  case PLOT_SPARK: svg_spark(p, f, out); break;
  case PLOT_BARS: svg_bars(p, f, out); break;
  case PLOT_HISTOGRAM: svg_histogram(p, f, out); break;
  case PLOT_SERIES: plot_svg_series(p, f, out); break;
  }
}

void plot_svg(const struct plot *p, int32_t width, int32_t height, struct chn_buf *out)
{
  width = width == 0 ? WIDTH : width < 40 ? 40 : width;
  height = height == 0 ? HEIGHT : height < 20 ? 20 : height;
  const struct plot_field f = field_of(p, width, height);
  chn_buf_addf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\">\n"
               "<style>svg{background:#fff}text{font:11px sans-serif;fill:#333}"
               ".bar,.dot{fill:#4878a8}.line{fill:none;stroke:#4878a8;stroke-width:1.5}"
               ".window{fill:#e8a33d;fill-opacity:.18}.axis{stroke:#bbb}</style>\n",
               width, height, width, height);
  if (p->title != NULL) {
    chn_buf_adds(out, "<title>");
    add_escaped(out, p->title);
    chn_buf_adds(out, "</title>\n");
    plot_svg_text(out, 4, 16, "start", p->title);
  }
  svg_field(p, &f, out);
  chn_buf_adds(out, "</svg>\n");
}
