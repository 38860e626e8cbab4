// chronon stats: how the columns of a table look, and how far they are from those of another day.
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "cli/stats.h"

enum { PLOT_ROWS = 20 };

static chn_status read_from(struct cli_context *ctx, struct cli_stats *s, struct chn_err *err)
{
  static const char *const names[] = { "data", "stats" };
  const char *from = cli_get(&ctx->args, "from");
  s->kept = strcmp(from, "stats") == 0;
  if (s->kept || strcmp(from, "data") == 0) {
    return CHN_OK;
  }
  const char *near = chn_near(from, names, 2);
  return chn_fail(err, CHN_E_ARGUMENT, "--from \"%s\": data or stats is needed%s%s%s", from,
                  near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static chn_status read_days(struct cli_context *ctx, struct describe_options *o,
                            struct chn_err *err)
{
  const char *ds = cli_get(&ctx->args, "ds");
  o->start_ds = cli_get(&ctx->args, "start-ds");
  o->end_ds = cli_get(&ctx->args, "end-ds");
  o->baseline = cli_get(&ctx->args, "baseline");
  if (ds != NULL && o->end_ds != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "--ds is one day and --end-ds the last of a range: one "
                    "of them");
  }
  if (ds != NULL) {
    o->end_ds = ds;
    o->start_ds = o->start_ds != NULL ? o->start_ds : ds;
  }
  const char *const days[] = { o->start_ds, o->end_ds, o->baseline };
  for (int i = 0; i < 3; i++) {
    int32_t day;
    if (days[i] != NULL && chn_day_of_ds(days[i], &day, err) != CHN_OK) {
      return err->code;
    }
  }
  if (o->start_ds != NULL && o->end_ds != NULL && strcmp(o->start_ds, o->end_ds) > 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "the days from %s to %s: the first is after the last",
                    o->start_ds, o->end_ds);
  }
  return CHN_OK;
}

static chn_status read_columns(struct cli_context *ctx, struct describe_options *o,
                               struct chn_err *err)
{
  const struct cli_value *columns = cli_args_find(&ctx->args, "column");
  const char *plot = cli_get(&ctx->args, "plot");
  if (plot == NULL && cli_get(&ctx->args, "svg") != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "--svg needs --plot COLUMN: which column to draw");
  }
  o->columns = columns->texts;
  o->n_columns = columns->n;
  if (plot != NULL) {
    const char **one = arena_calloc(&ctx->arena, 1, sizeof *one);
    one[0] = plot;
    o->columns = one;
    o->n_columns = 1;
    o->bins = PLOT_ROWS;
    o->top = PLOT_ROWS;
  }
  return CHN_OK;
}

static chn_status describe(struct cli_context *ctx, struct wh *wh, struct cli_stats *s,
                           struct chn_err *err)
{
  const char *name = ctx->args.positional[0];
  if (cli_stats_find(ctx, wh, name, s->kept, &s->table, err) != CHN_OK ||
      wh_use(wh, s->table, err) != CHN_OK) {
    return err->code;
  }
  return s->kept ? describe_stats(wh, &ctx->arena, s->table, &s->options, &s->found, err)
                 : describe_rows(wh, &ctx->arena, s->table, &s->options, &s->found, err);
}

static chn_status show(struct cli_context *ctx, struct cli_stats *s, struct chn_err *err)
{
  const char *file = cli_get(&ctx->args, "svg");
  if (s->found.rows == 0) {
    cli_note(ctx, "%s has no rows%s", s->table,
             s->options.start_ds || s->options.end_ds ? " of these days" : "");
  }
  if (file != NULL) {
    return cli_stats_plot(ctx, s, file, err);
  }
  if (cli_is_set(&ctx->args, "plot") && ctx->style.format == CLI_TABLE) {
    return cli_stats_plot(ctx, s, NULL, err);
  }
  cli_stats_print(ctx, s);
  return CHN_OK;
}

static int run_stats(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  struct cli_stats s = { 0 };
  struct wh *wh = NULL;
  if (ctx->args.n_positional == 0) {
    chn_fail(&err, CHN_E_ARGUMENT,
             "a table or a definition is needed: chronon stats NAME; "
             "`chronon tables` lists tables");
    return cli_fail(ctx, &err, true);
  }
  if (read_from(ctx, &s, &err) != CHN_OK || read_days(ctx, &s.options, &err) != CHN_OK ||
      read_columns(ctx, &s.options, &err) != CHN_OK) {
    return cli_fail(ctx, &err, true);
  }
  if (cli_repo_find(ctx, CLI_REPO_FOLDER, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  if (cli_warehouse_open(ctx, &wh, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  chn_status status = describe(ctx, wh, &s, &err);
  if (status == CHN_OK) {
    status = show(ctx, &s, &err);
  }
  cli_warehouse_close(wh);
  return status == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

static const struct cli_option options[] = {
  { "ds", 'd', CLI_VALUE, "DS", NULL, NULL, "rows of this day" },
  { "start-ds", 0, CLI_VALUE, "DS", NULL, NULL, "rows from this day on" },
  { "end-ds", 0, CLI_VALUE, "DS", NULL, NULL, "rows up to this day" },
  { "baseline", 'b', CLI_VALUE, "DS", NULL, NULL,
    "how far the columns have drifted since this day: PSI and L-infinity" },
  { "column", 'c', CLI_LIST, "COLUMN", NULL, NULL, "this column only; may be repeated" },
  { "from", 0, CLI_VALUE, "data|stats", "data", NULL,
    "read the rows, or what stats-summary has kept of a join" },
  { "plot", 'p', CLI_VALUE, "COLUMN", NULL, NULL,
    "draw a column: its histogram, of texts the most frequent values" },
  { "svg", 0, CLI_VALUE, "FILE", NULL, NULL, "with --plot: write the picture as SVG" },
  { .name = NULL },
};

const struct cli_command cli_cmd_stats = {
  .name = "stats",
  .args = "NAME",
  .max_args = 1,
  .summary = "describe the columns of a table: nulls, distinct values, quantiles, shape, drift",
  .examples = "chronon stats raw.flights\n"
              "chronon stats flights/training.v1 --ds 2013-12-02 --baseline 2013-12-01\n"
              "chronon stats flights/training.v1 --from stats  # what stats-summary has kept\n"
              "chronon stats raw.flights --plot distance\n"
              "chronon stats raw.flights --plot carrier --svg carrier.svg",
  .doc = "NAME is a table, or a compiled definition (team/file.v1), whose output table is read, "
         "once. Distinct values are estimates; quantiles, shape and drift are of the sketch that "
         "stats-summary keeps. linf is the largest distance of the two cumulative distributions, 0 "
         "to 1. psi is Chronon's: 0.1 and 0.25 are its usual limits for columns of few different "
         "values; of many it is large between any two days, so compare it with that of another "
         "pair. docs/reference/stats.md explains each column.",
  .options = options,
  .uses_repo = true,
  .uses_warehouse = true,
  .run = run_stats,
};
