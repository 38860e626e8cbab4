// Columns as pictures.
#include <math.h>
#include <stdlib.h>

#include "base/time.h"
#include "batch/describe.h"

/// Counts by bin, of texts by value.
static double *counts_of(const struct describe_column *c, struct arena *a, int32_t *n)
{
  const bool text = c->kind == DESCRIBE_TEXT;
  *n = text ? c->n_top : c->n_bins;
  double *counts = arena_calloc(a, (size_t)*n + 1, sizeof *counts);
  for (int32_t i = 0; i < *n; i++) {
    counts[i] = text ? (double)c->top[i].count : c->bins[i];
  }
  return counts;
}

void describe_spark(const struct describe_column *c, int32_t width, struct chn_buf *out)
{
  struct arena a = { 0 };
  int32_t n;
  double *values = counts_of(c, &a, &n);
  const struct plot p = { .kind = PLOT_SPARK, .values = values, .n = n, .zero = true };
  for (int32_t i = 0; i < n; i++) {
    values[i] = values[i] > 0 ? values[i] : NAN;
  }
  if (n > 0) {
    plot_text(&p, width, 0, out);
    out->data[--out->len] = '\0'; // the newline
  }
  arena_deinit(&a);
}

void describe_plot(const struct describe_column *c, struct arena *a, struct plot *out)
{
  int32_t n;
  char text[DESCRIBE_VALUE_SIZE];
  const double *values = counts_of(c, a, &n);
  const char **labels = arena_calloc(a, (size_t)n + 1, sizeof *labels);
  const double unit = c->whole ? 1 : c->day ? CHN_DAY_MS : 0;
  const bool single = n > 0 && c->edges != NULL && c->edges[1] - c->edges[0] == unit;
  for (int32_t i = 0; i < n; i++) {
    labels[i] = c->kind == DESCRIBE_TEXT ? c->top[i].value
                                         : arena_strdup(a, describe_value(c, c->edges[i], text));
  }
  *out = (struct plot){ .kind = c->kind == DESCRIBE_TEXT || single ? PLOT_BARS : PLOT_HISTOGRAM,
                        .values = values,
                        .labels = labels,
                        .at = c->edges,
                        .n = n,
                        .times = c->kind == DESCRIBE_TIME };
}
