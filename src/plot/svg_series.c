#include <math.h>

#include "plot/plot_int.h"

enum { LINE = 16, LABELS = 4 };

static void add_axes(const struct plot *p, const struct plot_field *f, const struct plot_scale *x,
                     const struct plot_scale *y, struct chn_buf *out)
{
  char text[PLOT_NUMBER_SIZE];
  const double bottom = f->top + f->height;
  const int32_t most = x->high > x->low ? LABELS : 1;
  chn_buf_addf(out, "<line class=\"axis\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
               f->left, bottom, f->left + f->width, bottom);
  if (y->high > y->low) {
    plot_svg_text(out, f->left - 6, f->top + 10, "end", plot_number(y->high, text));
    plot_svg_text(out, f->left - 6, bottom, "end", plot_number(y->low, text));
  } else {
    plot_svg_text(out, f->left - 6, f->top + f->height / 2, "end", plot_number(y->low, text));
  }
  for (int32_t i = 0; i < most; i++) {
    const double share = most > 1 ? (double)i / (most - 1) : 0.5;
    const double at = x->low * (1 - share) + x->high * share;
    plot_svg_text(out, f->left + share * f->width, bottom + LINE, "middle",
                  plot_place(p, at, x->high - x->low, text));
  }
}

static void add_windows(const struct plot *p, const struct plot_field *f,
                        const struct plot_scale *x, struct chn_buf *out)
{
  for (int32_t i = 0; i < p->n_windows; i++) {
    const struct plot_window *w = &p->windows[i];
    const double from = f->left + plot_share(x, w->from) * f->width;
    const double until = f->left + plot_share(x, w->until) * f->width;
    chn_buf_addf(out,
                 "<rect class=\"window\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                 from, f->top, fmax(1, until - from), f->height);
    if (w->label != NULL) {
      plot_svg_text(out, from + 3, f->top - 3, "start", w->label);
    }
  }
}

void plot_svg_series(const struct plot *p, const struct plot_field *f, struct chn_buf *out)
{
  const struct plot_scale x = plot_places(p), y = plot_scale_of(p->values, p->n, p->zero);
  add_windows(p, f, &x, out);
  add_axes(p, f, &x, &y, out);
  for (int32_t i = 0; i < p->n;) {
    int32_t end = i;
    while (end < p->n && isfinite(p->values[end])) {
      end++;
    }
    if (end - i > 1) {
      chn_buf_adds(out, "<polyline class=\"line\" points=\"");
    }
    for (int32_t k = i; k < end; k++) {
      const double left = f->left + plot_share(&x, plot_at(p, k)) * f->width;
      const double top = f->top + (1 - plot_share(&y, p->values[k])) * f->height;
      chn_buf_addf(out,
                   end - i > 1 ? "%s%.1f,%.1f"
                               : "%s<circle class=\"dot\" r=\"2\" cx=\"%.1f\" cy=\"%.1f\"/>\n",
                   end - i > 1 && k > i ? " " : "", left, top);
    }
    chn_buf_adds(out, end - i > 1 ? "\"/>\n" : "");
    i = end + 1;
  }
}
