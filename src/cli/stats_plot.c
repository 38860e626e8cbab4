#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stats.h"
#include "plot/plot.h"

enum { BAR_PIXELS = 22, MARGIN_PIXELS = 40 };

/// Values and labels of the picture; bins of single values are bars by value.
static void fill(const struct describe_column *c, struct arena *a, struct plot *p)
{
  const int32_t n = c->kind == DESCRIBE_TEXT ? c->n_top : c->n_bins;
  double *values = arena_calloc(a, (size_t)n + 1, sizeof *values);
  const char **labels = arena_calloc(a, (size_t)n + 1, sizeof *labels);
  char text[DESCRIBE_VALUE_SIZE];
  const bool single = c->whole && n > 0 && c->edges != NULL && c->edges[1] - c->edges[0] == 1;
  for (int32_t i = 0; i < n; i++) {
    values[i] = c->kind == DESCRIBE_TEXT ? (double)c->top[i].count : c->bins[i];
    labels[i] = c->kind == DESCRIBE_TEXT ? c->top[i].value
                                         : arena_strdup(a, describe_value(c, c->edges[i], text));
  }
  p->kind = c->kind == DESCRIBE_TEXT || single ? PLOT_BARS : PLOT_HISTOGRAM;
  p->values = values;
  p->labels = labels;
  p->at = c->edges;
  p->n = n;
  p->times = c->kind == DESCRIBE_TIME;
}

static chn_status write_file(const char *file, const struct chn_buf *out, struct chn_err *err)
{
  FILE *f = fopen(file, "wb");
  if (f == NULL) {
    return chn_fail(err, CHN_E_IO, "%s: %s", file, strerror(errno));
  }
  const bool whole = fwrite(out->data, 1, out->len, f) == out->len;
  return fclose(f) == 0 && whole ? CHN_OK
                                 : chn_fail(err, CHN_E_IO, "%s: %s", file, strerror(errno));
}

chn_status cli_stats_plot(const struct cli_context *ctx, const struct cli_stats *s,
                          const char *file, struct chn_err *err)
{
  const struct describe_column *c = &s->found.columns[0];
  struct arena a = { 0 };
  struct plot p = { 0 };
  struct chn_buf out = { 0 };
  chn_status status = CHN_OK;
  p.title = arena_printf(&a, "%s of %s%s", c->name, s->table,
                         c->kind == DESCRIBE_TEXT ? ", most frequent values" : "");
  fill(c, &a, &p);
  if (file != NULL) {
    plot_svg(&p, 0, p.kind == PLOT_BARS ? p.n * BAR_PIXELS + MARGIN_PIXELS : 0, &out);
    status = write_file(file, &out, err);
  } else {
    plot_text(&p, ctx->style.width, 0, &out);
    cli_print(&out);
  }
  chn_buf_deinit(&out);
  arena_deinit(&a);
  return status;
}
