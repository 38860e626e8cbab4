#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/glyph.h"
#include "plot/plot_int.h"

enum { EIGHTHS = 8 };

static const char *const risen[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const grown[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };

static void repeat(struct chn_buf *out, const char *text, int32_t n)
{
  for (int32_t i = 0; i < n; i++) {
    chn_buf_adds(out, text);
  }
}

/// The mean of the values [from, until) that are there; NaN without one.
static double mean_of(const double *values, int32_t from, int32_t until)
{
  double mean = 0;
  int32_t n = 0;
  for (int32_t i = from; i < until; i++) {
    if (isfinite(values[i])) {
      n++;
      mean += values[i] / n - mean / n;
    }
  }
  return n > 0 ? mean : NAN;
}

static void spark(const struct plot *p, int32_t width, struct chn_buf *line)
{
  const int32_t n = p->n < width ? p->n : width;
  double *means = chn_calloc((size_t)n + 1, sizeof *means);
  for (int32_t i = 0; i < n; i++) {
    means[i] = mean_of(p->values, (int32_t)((int64_t)i * p->n / n),
                       (int32_t)((int64_t)(i + 1) * p->n / n));
  }
  const struct plot_scale s = plot_scale_of(means, n, p->zero);
  for (int32_t i = 0; i < n; i++) {
    const int32_t step = isfinite(means[i]) ? (int32_t)(plot_share(&s, means[i]) * EIGHTHS) : 0;
    chn_buf_adds(line, isfinite(means[i]) ? risen[step < EIGHTHS ? step : EIGHTHS - 1] : " ");
  }
  free(means);
}

/// Columns of the parts of a bar's line.
struct columns {
  int32_t label;
  int32_t left;  ///< of the zero line
  int32_t right; ///< of it
};

/// From the zero line to the right in eighths of a column, to the left in whole ones. What is not 0
/// is seen.
static void bar(struct chn_buf *line, const struct columns *c, const struct plot_scale *s, double v)
{
  const double reach = s->high / 2 - s->low / 2;
  const double share = reach > 0 && isfinite(v) ? fabs(v) / 2 / reach : 0;
  const int32_t columns = c->left + c->right;
  if (v < 0) {
    int32_t n = (int32_t)lround(share * columns);
    n = n < 1 ? 1 : n > c->left ? c->left : n;
    repeat(line, " ", c->left - n);
    repeat(line, "█", n);
    repeat(line, " ", c->right);
    return;
  }
  int32_t eighths = (int32_t)lround(share * columns * EIGHTHS);
  eighths = eighths > c->right * EIGHTHS ? c->right * EIGHTHS : eighths;
  eighths = eighths < 1 && v > 0 ? 1 : eighths;
  repeat(line, " ", c->left);
  repeat(line, "█", eighths / EIGHTHS);
  chn_buf_adds(line, grown[eighths % EIGHTHS]);
  repeat(line, " ", c->right - (eighths + EIGHTHS - 1) / EIGHTHS);
}

static void label_of(const struct plot *p, int32_t i, struct chn_buf *out)
{
  if (p->kind == PLOT_HISTOGRAM) {
    plot_bin_label(p, i, out);
    return;
  }
  const char *label = p->labels == NULL ? "" : p->labels[i] != NULL ? p->labels[i] : "NULL";
  chn_buf_clear(out);
  chn_buf_adds(out, label);
}

/// A third of the line for labels, what numbers need, the rest for bars.
static struct columns lay_out(const struct plot *p, const struct plot_scale *s, int32_t width)
{
  struct columns c = { 0 };
  struct chn_buf label = { 0 };
  char number[PLOT_NUMBER_SIZE];
  int32_t numbers = 0;
  for (int32_t i = 0; i < p->n; i++) {
    label_of(p, i, &label);
    const int32_t wide = chn_text_width(chn_buf_str(&label));
    const int32_t n = (int32_t)strlen(plot_number(p->values[i], number));
    c.label = wide > c.label ? wide : c.label;
    numbers = n > numbers ? n : numbers;
  }
  chn_buf_deinit(&label);
  const int32_t most = p->kind == PLOT_HISTOGRAM ? width / 2 : width / 3;
  c.label = c.label > most ? most : c.label;
  const int32_t room = width - c.label - numbers - 2;
  const int32_t bars = room > 1 ? room : 1;
  c.left =
      s->low < 0 ? (int32_t)lround((1 - plot_share(s, 0)) < 1 ? plot_share(s, 0) * bars : 0) : 0;
  c.left = s->low < 0 && c.left < 1 ? 1 : c.left;
  c.right = bars - c.left > 0 ? bars - c.left : 0;
  return c;
}

static void bars(const struct plot *p, int32_t width, struct chn_buf *out)
{
  const struct plot_scale s = plot_scale_of(p->values, p->n, true);
  const struct columns c = lay_out(p, &s, width);
  struct chn_buf line = { 0 }, label = { 0 };
  char number[PLOT_NUMBER_SIZE];
  for (int32_t i = 0; i < p->n; i++) {
    chn_buf_clear(&line);
    label_of(p, i, &label);
    repeat(&line, " ", c.label - plot_label(&line, chn_buf_str(&label), c.label));
    chn_buf_adds(&line, " ");
    bar(&line, &c, &s, p->values[i]);
    chn_buf_addf(&line, " %s", isfinite(p->values[i]) ? plot_number(p->values[i], number) : "-");
    plot_line(out, chn_buf_str(&line), width);
  }
  chn_buf_deinit(&line);
  chn_buf_deinit(&label);
}

void plot_words(const char *text, int32_t width, struct chn_buf *out)
{
  struct chn_buf line = { 0 };
  plot_label(&line, text, width);
  plot_line(out, chn_buf_str(&line), width);
  chn_buf_deinit(&line);
}

void plot_text(const struct plot *p, int32_t width, int32_t height, struct chn_buf *out)
{
  struct chn_buf line = { 0 };
  width = width > 1 ? width : 1;
  if (p->title != NULL) {
    plot_words(p->title, width, out);
  }
  if (!plot_scale_of(p->values, p->n, false).any) {
    plot_line(out, "nothing to plot", width);
  } else if (p->kind == PLOT_SPARK) {
    spark(p, width, &line);
    plot_line(out, chn_buf_str(&line), width);
  } else if (p->kind == PLOT_SERIES) {
    plot_text_series(p, width, height, out);
  } else {
    bars(p, width, out);
  }
  chn_buf_deinit(&line);
}
