#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stats.h"
#include "plot/plot.h"

enum { BAR_PIXELS = 22, MARGIN_PIXELS = 40 };

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
  describe_plot(c, &a, &p);
  p.title = arena_printf(&a, "%s of %s%s", c->name, s->table,
                         c->kind == DESCRIBE_TEXT ? ", most frequent values" : "");
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
