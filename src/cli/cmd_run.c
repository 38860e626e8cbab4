#include <string.h>

#include "base/time.h"
#include "cli/conf.h"
#include "cli/definitions.h"
#include "cli/run_modes.h"

static chn_status check_ds(const char *option, const char *ds, struct chn_err *err)
{
  int32_t day;
  if (ds && chn_day_of_ds(ds, &day, err) != CHN_OK) {
    return chn_wrap(err, "--%s", option);
  }
  return CHN_OK;
}

static chn_status read_options(struct cli_context *ctx, struct batch_options *o,
                               struct chn_err *err)
{
  const struct cli_args *args = &ctx->args;
  const char *end = cli_get(args, "end-ds") ? "end-ds" : "ds";
  *o = (struct batch_options){ .step_days = 30 };
  o->end_ds = cli_get(args, end);
  const char *start = cli_get(args, "start-ds") ? "start-ds" : "start-date";
  o->start_ds = cli_get(args, start);
  o->run_first_hole = cli_is_set(args, "run-first-hole");
  const char *expand = cli_get(args, "enable-auto-expand");
  o->no_auto_expand = strcmp(expand, "false") == 0;
  if (!o->no_auto_expand && strcmp(expand, "true") != 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "--enable-auto-expand %s: true or false is needed",
                    expand);
  }
  o->unset_semantic_hash = cli_is_set(args, "unset-semantic-hash");
  o->dry_run = cli_is_set(args, "dry-run");
  o->force_backfill = cli_is_set(args, "force-backfill");
  o->log_table = cli_get(args, "log-table");
  o->schema_table = cli_get(args, "schema-table");
  if (check_ds(end, o->end_ds, err) != CHN_OK || check_ds(start, o->start_ds, err) != CHN_OK ||
      cli_get_int(args, "step-days", 1, 100000, &o->step_days, err) != CHN_OK ||
      cli_get_int(args, "threads", 1, 1024, &o->threads, err) != CHN_OK ||
      cli_get_share(args, "sample", &o->sample, err) != CHN_OK ||
      cli_get_bytes(args, "memory-limit", &o->memory_limit, err) != CHN_OK) {
    return err->code;
  }
  if (o->start_ds && o->end_ds && strcmp(o->start_ds, o->end_ds) > 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s %s is after --%s %s", start, o->start_ds, end,
                    o->end_ds);
  }
  return CHN_OK;
}

/// Names between commas and blanks, as run.py's users and its schedulers write them.
static chn_status read_parts(struct cli_context *ctx, const struct run_mode *mode,
                             struct batch_options *o, struct chn_err *err)
{
  const struct cli_value *v = cli_args_find(&ctx->args, "selected-join-parts");
  size_t most = 0;
  for (int32_t i = 0; i < v->n; i++) {
    most += strlen(v->texts[i]);
  }
  const char **names = arena_alloc(&ctx->arena, (most + 1) * sizeof *names);
  for (int32_t i = 0; i < v->n; i++) {
    for (const char *at = v->texts[i]; *at != '\0';) {
      const size_t len = strcspn(at, ", ");
      if (len > 0) {
        names[o->n_selected_parts++] = arena_strndup(&ctx->arena, at, len);
      }
      at += len + (at[len] != '\0');
    }
  }
  o->selected_parts = names;
  o->use_cached_left = cli_is_set(&ctx->args, "use-cached-left");
  if (v->n > 0 && strcmp(mode->name, "backfill") != 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "--selected-join-parts is of --mode backfill");
  }
  if (o->n_selected_parts == 0 && (v->n > 0 || o->use_cached_left)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    v->n > 0 ? "--selected-join-parts names no part"
                             : "--use-cached-left is of --selected-join-parts: without it the "
                               "whole join is computed");
  }
  return CHN_OK;
}

static void tell_ignored(struct cli_context *ctx)
{
  for (int32_t i = 0; i < ctx->args.n_values; i++) {
    const struct cli_value *v = &ctx->args.values[i];
    if (v->option->kind == CLI_IGNORED && v->n) {
      cli_note(ctx, "note: --%s is ignored: %s", v->option->name, v->option->doc);
    }
  }
}

static chn_status read_command_line(struct cli_context *ctx, const struct run_mode **mode,
                                    struct batch_options *options, int32_t *ranges,
                                    struct chn_err *err)
{
  if (run_mode_find(cli_get(&ctx->args, "mode"), mode, err) != CHN_OK ||
      run_mode_check(ctx, *mode, err) != CHN_OK) {
    return err->code;
  }
  chn_status status = read_options(ctx, options, err);
  if (status == CHN_OK) {
    status = read_parts(ctx, *mode, options, err);
  }
  options->join_step = run_mode_step(*mode);
  return status == CHN_OK ? run_ranges_check(ctx, *mode, options, ranges, err) : status;
}

static int run_run(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  const struct run_mode *mode = NULL;
  struct batch_options options = { 0 };
  struct model_conf conf = { 0 };
  int32_t ranges = 1;
  if (read_command_line(ctx, &mode, &options, &ranges, &err) != CHN_OK) {
    return cli_fail(ctx, &err, true);
  }
  const char *name = run_mode_needs_conf(mode) ? cli_get(&ctx->args, "conf") : NULL;
  if (cli_repo_find(ctx, CLI_REPO_FOLDER, &err) != CHN_OK ||
      (name != NULL && cli_conf_read(ctx, "conf", name, &conf, &err) != CHN_OK) ||
      run_env_take(ctx, mode, name != NULL ? &conf : NULL, &err) != CHN_OK ||
      read_command_line(ctx, &mode, &options, &ranges, &err) != CHN_OK ||
      run_local_check(ctx, mode, &err) != CHN_OK || run_local_sources(ctx, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  tell_ignored(ctx);
  // Ranges open the warehouse each for itself.
  if (ranges > 1 && run_ranges(ctx, &conf, &options, ranges, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  const bool after = run_local_wanted(ctx) && !options.dry_run;
  if (ranges > 1 && !after) {
    return CLI_DONE;
  }
  if (cli_warehouse_open(ctx, &options.wh, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  chn_status status =
      ranges > 1 ? CHN_OK : mode->run(ctx, name != NULL ? &conf : NULL, &options, &err);
  if (status == CHN_OK && after) {
    status = run_local_after(ctx, &conf, options.wh, &err);
  }
  cli_warehouse_close(options.wh);
  cli_tell_maker(ctx, &err);
  return status == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

static const char no_spark[] = "there is no Spark and no JVM here";

static const struct cli_option options[] = {
  { "conf", 'c', CLI_VALUE, "CONF", NULL, NULL,
    "the compiled definition: production/<kind>/<team>/<name>, below the repo" },
  { "mode", 'm', CLI_VALUE, "MODE", "backfill", NULL, "what to do, see Modes" },
  { "ds", 0, CLI_VALUE, "DS", NULL, NULL, "last day, yyyy-MM-dd: by default today (UTC)" },
  { "start-ds", 0, CLI_VALUE, "DS", NULL, NULL,
    "first day, instead of the definition's; analyze looks at rows from it on, by default three "
    "days before the last" },
  { "end-ds", 0, CLI_VALUE, "DS", NULL, NULL, "last day, wins over --ds" },
  { "step-days", 0, CLI_VALUE, "N", "30", NULL, "days computed and written at once" },
  { "parallelism", 0, CLI_VALUE, "N", "1", NULL,
    "backfills: so many ranges of --start-ds to --end-ds side by side, a process for each" },
  { "start-date", 0, CLI_VALUE, "DS", NULL, NULL, "the same as --start-ds" },
  { "query-conf", 0, CLI_VALUE, "CONF", NULL, NULL,
    "compare: the compiled staging query that the join is held against" },
  { "run-first-hole", 0, CLI_FLAG, NULL, NULL, NULL,
    "fill missing days before the first existing partition too" },
  { "unset-semantic-hash", 0, CLI_FLAG, NULL, NULL, NULL,
    "keep a join's table although another definition made it" },
  { "selected-join-parts", 0, CLI_LIST, "PART,...", NULL, NULL,
    "backfill only the tables of these parts of a join, [prefix_]group_by or ext_..." },
  { "use-cached-left", 0, CLI_FLAG, NULL, NULL, NULL,
    "with --selected-join-parts: the left side is what backfill-left wrote" },
  { "sample", 0, CLI_VALUE, "SHARE", "0.1", NULL,
    "stats-summary, log-summary, analyze: the share of rows that is counted, up to 1" },
  { "force-backfill", 0, CLI_FLAG, NULL, NULL, NULL,
    "stats-summary, log-summary: remove the statistics and compute every day anew" },
  { "log", 0, CLI_FLAG, NULL, NULL, NULL, "fetch: write what is fetched into the log" },
  { "log-table", 0, CLI_VALUE, "NS.TABLE", NULL, "CHRONON_LOG_TABLE",
    "log-flattener, fetch --log: the raw log of fetches" },
  { "schema-table", 0, CLI_VALUE, "NS.TABLE", NULL, "CHRONON_SCHEMA_TABLE",
    "log-flattener: the schemas that its rows were logged with" },
  { "upload-table", 0, CLI_FLAG, NULL, NULL, NULL,
    "upload: write the table NS.NAME_upload too; without --store it is written anyway" },
  { "allow-older", 0, CLI_FLAG, NULL, NULL, NULL,
    "upload: put an earlier day in place of a later one" },
  { "batch-size", 0, CLI_VALUE, "N", "50", NULL, "metadata-upload: definitions put at once" },
  { "enable-auto-expand", 0, CLI_VALUE, "BOOL", "true", NULL,
    "staging queries: new columns are added to the table; false: they are refused" },
  { "name", 0, CLI_VALUE, "NAME", NULL, NULL, "fetch: team/file.v1, instead of --conf" },
  { "key-json", 0, CLI_VALUE, "JSON", NULL, NULL, "fetch: keys, an object or an array of them" },
  { "key-json-file", 'f', CLI_VALUE, "FILE", NULL, NULL, "fetch: a file of such, one a line" },
  { "type", 0, CLI_VALUE, "TYPE", NULL, NULL, "fetch: join, group-by or join-stats" },
  { "at-millis", 0, CLI_VALUE, "INSTANT", NULL, NULL, "fetch: as of then instead of now" },
  { "detailed", 0, CLI_FLAG, NULL, NULL, NULL, "fetch: the status of each feature" },
  { "loop", 0, CLI_FLAG, NULL, NULL, NULL, "fetch: again and again, until Ctrl-C" },
  { "interval", 0, CLI_VALUE, "SECONDS", "1", NULL, "fetch: between two rounds of --loop" },
  { "dry-run", 0, CLI_FLAG, NULL, NULL, NULL, "say what would be computed, and write nothing" },
  { "enable-hitter", 0, CLI_FLAG, NULL, NULL, NULL,
    "analyze: count the most frequent values of the keys, and the years of ts" },
  { "count", 0, CLI_VALUE, "N", "128", NULL, "analyze: how many frequent values of a key" },
  { "skip-timestamp-check", 0, CLI_FLAG, NULL, NULL, NULL,
    "analyze: do not look at the instants of the first rows" },
  { "skip-table-permission-check", 0, CLI_FLAG, NULL, NULL, NULL,
    "analyze: do not read a row of each table" },
  { "export-schema", 0, CLI_FLAG, NULL, NULL, NULL,
    "analyze: write the schema to the table <output>_schema" },
  { "input-root-path", 0, CLI_VALUE, "DIR", NULL, NULL,
    "metadata-export: the folder of compiled definitions" },
  { "output-root-path", 0, CLI_VALUE, "DIR", NULL, NULL,
    "metadata-export: the folder to write to" },
  { "output-table-name", 0, CLI_VALUE, "NS.NAME", NULL, NULL,
    "metadata-export: the table to write to, instead of a folder" },
  { "output-table-properties-json", 0, CLI_VALUE, "JSON", NULL, NULL,
    "metadata-export: properties of that table" },
  { "process-embedded-group-bys", 0, CLI_FLAG, NULL, NULL, NULL,
    "metadata-export: GroupBys that only joins contain, too" },
  { "env", 0, CLI_VALUE, "ENV", "dev", NULL,
    "the team's environment in teams.json, before its production" },
  { "local-data-path", 0, CLI_VALUE, "DIR", NULL, NULL,
    "source tables: NS.NAME.csv, .json, .jsonl or .parquet in DIR, NAME.csv in its folder NS; a "
    "file of no namespace is default.NAME" },
  { "local-table-export-path", 0, CLI_VALUE, "DIR", NULL, NULL,
    "backfills: write the output table to DIR/NS.NAME.FORMAT afterwards" },
  { "local-table-export-format", 0, CLI_VALUE, "FORMAT", "csv", NULL,
    "of --local-table-export-path: csv, json or parquet" },
  { "local-table-export-prefix", 0, CLI_VALUE, "PREFIX", NULL, NULL,
    "of --local-table-export-path: DIR/PREFIX.NS.NAME.FORMAT" },
  { "expected-result-table", 0, CLI_VALUE, "NS.NAME", NULL, NULL,
    "backfills: fail unless the output table has the rows of this one" },
  { "conf-path", 0, CLI_ALIAS, "conf", NULL, NULL, NULL },
  { "end-date", 0, CLI_ALIAS, "ds", NULL, NULL, NULL },
  { "start-partition-override", 0, CLI_ALIAS, "start-ds", NULL, NULL, NULL },
  { "local-table-mapping", 0, CLI_ALIAS, "table", NULL, NULL, NULL },
  { "local-warehouse-location", 0, CLI_ALIAS, "warehouse", NULL, NULL, NULL },
  { "use-delta-catalog", 0, CLI_IGNORED, NULL, NULL, NULL, no_spark },
  { "disable-kryo-serializer", 0, CLI_IGNORED, NULL, NULL, NULL, no_spark },
  { "app-name", 0, CLI_IGNORED, "NAME", NULL, NULL, no_spark },
  { "version", 0, CLI_IGNORED, "V", NULL, NULL, no_spark },
  { "spark-version", 0, CLI_IGNORED, "V", NULL, NULL, no_spark },
  { "release-tag", 0, CLI_IGNORED, "TAG", NULL, NULL, no_spark },
  { "chronon-jar", 0, CLI_IGNORED, "JAR", NULL, NULL, no_spark },
  { "online-jar", 0, CLI_IGNORED, "JAR", NULL, NULL, no_spark },
  { "online-class", 0, CLI_IGNORED, "CLASS", NULL, NULL, no_spark },
  { "online-args", 0, CLI_IGNORED, "ARGS", NULL, NULL, no_spark },
  { "online-jar-fetch", 0, CLI_IGNORED, "PATH", NULL, NULL, no_spark },
  { "spark-submit-path", 0, CLI_IGNORED, "PATH", NULL, NULL, no_spark },
  { "spark-streaming-submit-path", 0, CLI_IGNORED, "PATH", NULL, NULL, no_spark },
  { "list-apps", 0, CLI_IGNORED, "COMMAND", NULL, NULL, no_spark },
  { "end-point-name", 0, CLI_IGNORED, "NAME", NULL, NULL, "both endpoints are written" },
  { "conf-type", 0, CLI_IGNORED, "KIND", NULL, NULL, "the conf says what it is" },
  { .name = NULL },
};

const struct cli_command cli_cmd_run = {
  .name = "run",
  .summary = "run a compiled definition: backfill it, upload it, check it",
  .examples = "chronon run --mode backfill --conf production/joins/flights/training_set.v1 --ds "
              "2013-12-31\n"
              "chronon run --mode backfill --conf production/group_bys/flights/delays.by_origin_v1 "
              "--dry-run\n"
              "chronon run --mode upload --conf production/group_bys/flights/delays.by_origin_v1 "
              "--ds 2013-12-31 --store lmdb:store\n"
              "chronon run --mode analyze --conf production/joins/flights/training_set.v1 -o json",
  .doc = "A backfill computes only the days that the output table lacks, in steps that each become "
         "visible as a whole: interrupted or killed, it goes on where it was when run again.",
  .options = options,
  .add_help = run_modes_help,
  .uses_repo = true,
  .uses_warehouse = true,
  .uses_store = true,
  .uses_stream = true,
  .run = run_run,
};
