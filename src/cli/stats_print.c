#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/glyph.h"
#include "cli/report.h"
#include "cli/stats.h"
#include "plot/plot.h"

enum { TEXT_COLUMNS = 10, SPARK_COLUMNS = 10 };

static const char *const quantile_names[DESCRIBE_QUANTILES] = { "p05", "p25", "p50", "p75", "p95" };

static double null_rate(const struct describe_column *c)
{
  return c->rows > 0 ? (double)c->nulls / (double)c->rows : 0;
}

// ---- JSON -------------------------------------------------------------------------------------

static void json_real(struct codec_json_writer *w, const char *key, double value)
{
  codec_json_key(w, key);
  if (isnan(value)) {
    codec_json_null(w);
  } else if (isinf(value)) {
    const char *text = value > 0 ? "Infinity" : "-Infinity";
    codec_json_string(w, text, strlen(text));
  } else if (floor(value) == value && fabs(value) < 1e15) {
    codec_json_int(w, (int64_t)value);
  } else {
    codec_json_real(w, value);
  }
}

/// A value of the column's scale: a number, or the text of an instant.
static void json_value(struct codec_json_writer *w, const char *key,
                       const struct describe_column *c, double value)
{
  char text[DESCRIBE_VALUE_SIZE];
  if (c->kind == DESCRIBE_TIME && !isnan(value)) {
    cli_json_text(w, key, describe_value(c, value, text));
  } else {
    json_real(w, key, value);
  }
}

static void json_end(struct codec_json_writer *w, const char *key, const struct describe_column *c,
                     const char *text, double value)
{
  if (c->kind == DESCRIBE_NUMBER && c->whole && text != NULL) {
    codec_json_key(w, key);
    codec_json_int(w, strtoll(text, NULL, 10));
  } else if (c->kind == DESCRIBE_NUMBER && text != NULL && isfinite(value)) {
    json_real(w, key, strtod(text, NULL));
  } else {
    cli_json_text(w, key, text);
  }
}

static void json_shape(struct codec_json_writer *w, const struct describe_column *c)
{
  codec_json_key(w, "histogram");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < c->n_bins; i++) {
    codec_json_begin(w, '{');
    json_value(w, "from", c, c->edges[i]);
    json_value(w, "to", c, c->edges[i + 1]);
    json_real(w, "count", c->bins[i]);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
  codec_json_key(w, "top");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < c->n_top; i++) {
    codec_json_begin(w, '{');
    cli_json_text(w, "value", c->top[i].value);
    codec_json_key(w, "count");
    codec_json_int(w, c->top[i].count);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
  if (c->kind == DESCRIBE_TEXT) {
    codec_json_key(w, "top_exact");
    codec_json_bool(w, c->top_exact);
  }
}

static void json_count(struct codec_json_writer *w, const char *key, int64_t count)
{
  codec_json_key(w, key);
  if (count < 0) {
    codec_json_null(w);
  } else {
    codec_json_int(w, count);
  }
}

static void json_column(struct codec_json_writer *w, const struct describe_column *c, bool drift)
{
  codec_json_begin(w, '{');
  cli_json_text(w, "column", c->name);
  cli_json_text(w, "type", c->type);
  json_count(w, "count", c->rows);
  json_count(w, "nulls", c->nulls);
  json_real(w, "null_rate", null_rate(c));
  json_count(w, "nans", c->nans);
  json_count(w, "distinct_approx", c->distinct);
  json_end(w, "min", c, c->min, c->low);
  for (int32_t i = 0; i < DESCRIBE_QUANTILES; i++) {
    json_value(w, quantile_names[i], c, c->quantiles[i]);
  }
  json_end(w, "max", c, c->max, c->high);
  json_real(w, "mean", c->mean);
  json_shape(w, c);
  if (drift) {
    json_real(w, "psi", c->psi);
    json_real(w, "linf", c->linf);
  }
  codec_json_end(w, '}');
}

static void print_json(const struct cli_stats *s, struct chn_buf *out)
{
  const bool drift = s->options.baseline != NULL;
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  cli_json_text(&w, "table", s->table);
  cli_json_text(&w, "from", s->kept ? "stats" : "data");
  json_count(&w, "rows", s->found.rows);
  cli_json_text(&w, "start_ds", s->options.start_ds);
  cli_json_text(&w, "end_ds", s->options.end_ds);
  cli_json_text(&w, "baseline", s->options.baseline);
  if (drift) {
    json_count(&w, "baseline_rows", s->found.baseline_rows);
  }
  codec_json_key(&w, "columns");
  codec_json_begin(&w, '[');
  for (int32_t i = 0; i < s->found.n; i++) {
    json_column(&w, &s->found.columns[i], drift);
  }
  codec_json_end(&w, ']');
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

// ---- tables -----------------------------------------------------------------------------------

static void add_missing(const struct cli_context *ctx, struct cli_grid *grid)
{
  cli_grid_add(grid, ctx->style.format == CLI_CSV ? NULL : "");
}

static void add_value(const struct cli_context *ctx, struct cli_grid *grid,
                      const struct describe_column *c, double value)
{
  char text[DESCRIBE_VALUE_SIZE];
  if (isnan(value)) {
    add_missing(ctx, grid);
  } else {
    cli_grid_add(grid, describe_value(c, value, text));
  }
}

/// Whole in CSV; for people numbers of six digits, long texts cut.
static void add_end(const struct cli_context *ctx, struct cli_grid *grid,
                    const struct describe_column *c, const char *text, double value)
{
  const bool whole = ctx->style.format == CLI_CSV || (c->kind == DESCRIBE_NUMBER && c->whole);
  if (text == NULL) {
    add_missing(ctx, grid);
  } else if (c->kind == DESCRIBE_NUMBER && !whole) {
    add_value(ctx, grid, c, value);
  } else if (c->kind == DESCRIBE_TEXT && !whole && chn_text_width(text) > TEXT_COLUMNS) {
    cli_grid_addf(grid, "%.*s…", (int)chn_text_fit(text, TEXT_COLUMNS - 1), text);
  } else {
    cli_grid_add(grid, text);
  }
}

/// 100 %, 3.5 %, <0.1 %.
static const char *percent(double share, char out[16])
{
  if (share > 0 && share < 0.0005) {
    snprintf(out, 16, "<0.1 %%");
  } else {
    snprintf(out, 16, share >= 0.1 ? "%.0f %%" : "%.1f %%", 100 * share);
  }
  return out;
}

static void add_counts(const struct cli_context *ctx, struct cli_grid *grid,
                       const struct describe_column *c)
{
  char text[16];
  const bool csv = ctx->style.format == CLI_CSV;
  if (csv) {
    cli_grid_addf(grid, "%" PRId64, c->rows);
    cli_grid_addf(grid, "%" PRId64, c->nulls);
    cli_grid_addf(grid, "%.6g", null_rate(c));
    cli_grid_addf(grid, "%" PRId64, c->nans);
  } else if (c->nulls == 0) {
    cli_grid_add(grid, "0");
  } else {
    cli_grid_addf(grid, "%" PRId64 " (%s)", c->nulls, percent(null_rate(c), text));
  }
  if (c->distinct < 0) {
    add_missing(ctx, grid);
  } else {
    cli_grid_addf(grid, "%s%" PRId64, csv ? "" : "~", c->distinct);
  }
}

static void add_column(const struct cli_context *ctx, struct cli_grid *grid,
                       const struct describe_column *c, bool drift)
{
  struct chn_buf spark = { 0 };
  cli_grid_add(grid, c->name);
  cli_grid_add(grid, c->type != NULL ? c->type : "");
  add_counts(ctx, grid, c);
  add_end(ctx, grid, c, c->min, c->low);
  for (int32_t i = 0; i < DESCRIBE_QUANTILES; i++) {
    add_value(ctx, grid, c, c->quantiles[i]);
  }
  add_end(ctx, grid, c, c->max, c->high);
  add_value(ctx, grid, c, c->mean);
  if (ctx->style.format != CLI_CSV) {
    describe_spark(c, SPARK_COLUMNS, &spark);
    cli_grid_add(grid, chn_buf_str(&spark));
  }
  for (int32_t i = 0; i < 2 && drift; i++) {
    const double value = i == 0 ? c->psi : c->linf;
    if (isnan(value)) {
      add_missing(ctx, grid);
    } else {
      cli_grid_addf(grid, ctx->style.format == CLI_CSV ? "%.9g" : "%.3f", value);
    }
  }
  chn_buf_deinit(&spark);
}

static void print_grid(const struct cli_context *ctx, const struct cli_stats *s,
                       struct chn_buf *out)
{
  static const struct cli_column people[] = {
    { "column", false }, { "type", false }, { "nulls", true }, { "distinct", true },
    { "min", true },     { "p05", true },   { "p25", true },   { "p50", true },
    { "p75", true },     { "p95", true },   { "max", true },   { "mean", true },
    { "shape", false },  { "psi", true },   { "linf", true }
  };
  static const struct cli_column csv[] = { { "column", false },
                                           { "type", false },
                                           { "count", true },
                                           { "nulls", true },
                                           { "null_rate", true },
                                           { "nans", true },
                                           { "distinct_approx", true },
                                           { "min", true },
                                           { "p05", true },
                                           { "p25", true },
                                           { "p50", true },
                                           { "p75", true },
                                           { "p95", true },
                                           { "max", true },
                                           { "mean", true },
                                           { "psi", true },
                                           { "linf", true } };
  const bool drift = s->options.baseline != NULL, as_csv = ctx->style.format == CLI_CSV;
  const int32_t all =
      as_csv ? (int32_t)(sizeof csv / sizeof *csv) : (int32_t)(sizeof people / sizeof *people);
  struct cli_grid grid;
  cli_grid_init(&grid, as_csv ? csv : people, drift ? all : all - 2);
  for (int32_t i = 0; i < s->found.n; i++) {
    add_column(ctx, &grid, &s->found.columns[i], drift);
  }
  cli_grid_print(&grid, &ctx->style, out);
  cli_grid_deinit(&grid);
}

static void add_days(const struct cli_stats *s, struct chn_buf *out)
{
  const struct describe_options *o = &s->options;
  const char *from = o->start_ds, *until = o->end_ds;
  if (from != NULL && until != NULL && strcmp(from, until) == 0) {
    chn_buf_addf(out, " of %s", from);
  } else {
    chn_buf_addf(out, "%s%s", from ? " from " : "", from ? from : "");
    chn_buf_addf(out, "%s%s", until ? " to " : "", until ? until : "");
  }
  if (o->baseline != NULL) {
    const bool others = from == NULL && until == NULL;
    chn_buf_addf(out, "%s\ndrift since %s: %" PRId64 " rows", others ? " of all other days" : "",
                 o->baseline, s->found.baseline_rows);
  }
}

/// The most frequent values of each column of texts, in a line no wider than the terminal.
static void add_top(const struct cli_context *ctx, const struct cli_stats *s, struct chn_buf *out)
{
  struct chn_buf line = { 0 };
  bool first = true;
  for (int32_t i = 0; i < s->found.n; i++) {
    const struct describe_column *c = &s->found.columns[i];
    const int64_t values = c->rows - c->nulls;
    char text[16];
    chn_buf_clear(&line);
    chn_buf_addf(&line, "%s:", c->name);
    for (int32_t k = 0; k < c->n_top; k++) {
      const char *value = c->top[k].value;
      const size_t fit = chn_text_fit(value, 3 * TEXT_COLUMNS);
      percent((double)c->top[k].count / (double)values, text);
      chn_buf_addf(&line, "%s %.*s%s %s%s", k > 0 ? "," : "", (int)fit, value,
                   value[fit] ? "…" : "", c->top_exact || text[0] == '<' ? "" : ">", text);
    }
    if (c->n_top > 0) {
      chn_buf_adds(out, first ? "\nmost frequent\n" : "");
      plot_words(chn_buf_str(&line), ctx->style.width, out);
      first = false;
    }
  }
  chn_buf_deinit(&line);
}

void cli_stats_print(const struct cli_context *ctx, const struct cli_stats *s)
{
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    print_json(s, &out);
  } else if (ctx->style.format == CLI_TABLE) {
    chn_buf_addf(&out, "%s: %" PRId64 " rows", s->table, s->found.rows);
    add_days(s, &out);
    chn_buf_adds(&out, "\n\n");
    print_grid(ctx, s, &out);
    add_top(ctx, s, &out);
  } else {
    print_grid(ctx, s, &out);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
}
