#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "cli/conf.h"
#include "cli/progress.h"
#include "cli/report.h"

// Chronon's modes; those without `run` are not in this version.
struct mode {
  const char *name;
  chn_status (*run)(struct cli_context *ctx, const struct model_conf *conf,
                    struct batch_options *options, struct chn_err *err);
};

typedef chn_status (*job_fn)(const struct model_conf *conf, const struct batch_options *o,
                             struct batch_report *report, struct chn_err *err);

static chn_status run_job(struct cli_context *ctx, const struct model_conf *conf,
                          struct batch_options *options, job_fn job, struct chn_err *err)
{
  struct batch_report report = { 0 };
  struct cli_progress progress;
  const double start = chn_monotonic_ms();
  cli_progress_init(&progress, ctx);
  options->progress = &progress.callbacks;
  const chn_status status = job(conf, options, &report, err);
  cli_progress_end(&progress);
  const double seconds = (chn_monotonic_ms() - start) / 1000;
  if (status == CHN_OK && options->dry_run) {
    cli_report_plan(ctx, &report);
  } else if (status == CHN_OK) {
    cli_report_backfill(ctx, conf, &report, seconds);
  } else {
    cli_report_broken(ctx, &report);
  }
  batch_report_deinit(&report);
  return status;
}

static chn_status run_backfill(struct cli_context *ctx, const struct model_conf *conf,
                               struct batch_options *options, struct chn_err *err)
{
  return run_job(ctx, conf, options, batch_backfill, err);
}

static chn_status run_label_join(struct cli_context *ctx, const struct model_conf *conf,
                                 struct batch_options *options, struct chn_err *err)
{
  return run_job(ctx, conf, options, batch_label_join, err);
}

static chn_status run_upload(struct cli_context *ctx, const struct model_conf *conf,
                             struct batch_options *options, struct chn_err *err)
{
  return run_job(ctx, conf, options, batch_upload, err);
}

static chn_status run_analyze(struct cli_context *ctx, const struct model_conf *conf,
                              struct batch_options *options, struct chn_err *err)
{
  struct batch_analysis analysis = { 0 };
  struct cli_progress progress;
  cli_progress_init(&progress, ctx);
  options->progress = &progress.callbacks;
  chn_status status = batch_analyze(conf, options, &analysis, err);
  cli_progress_end(&progress);
  if (status == CHN_OK) {
    cli_report_analysis(ctx, &analysis);
  }
  if (status == CHN_OK && analysis.n_problems) {
    status = chn_fail(err, CHN_E_CONFLICT, "%s: %d problem%s found", analysis.name,
                      analysis.n_problems, analysis.n_problems == 1 ? "" : "s");
  }
  batch_analysis_deinit(&analysis);
  return status;
}

static const struct mode modes[] = {
  { "backfill", run_backfill },
  { "analyze", run_analyze },
  { "upload", run_upload },
  { "streaming", NULL },
  { "local-streaming", NULL },
  { "metadata-upload", NULL },
  { "metadata-export", NULL },
  { "fetch", NULL },
  { "backfill-left", NULL },
  { "backfill-final", NULL },
  { "consistency-metrics-compute", NULL },
  { "compare", NULL },
  { "stats-summary", NULL },
  { "log-summary", NULL },
  { "log-flattener", NULL },
  { "label-join", run_label_join },
  { "model-transform-batch", NULL },
  { "info", NULL },
};

enum { N_MODES = sizeof modes / sizeof *modes };

static chn_status find_mode(const char *name, const struct mode **out, struct chn_err *err)
{
  const char *names[N_MODES];
  for (int i = 0; i < N_MODES; i++) {
    names[i] = modes[i].name;
    if (strcmp(name, names[i]) != 0) {
      continue;
    }
    if (!modes[i].run) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "--mode %s is Chronon's, but not in this version; backfill, analyze, "
                      "label-join and upload are",
                      name);
    }
    *out = &modes[i];
    return CHN_OK;
  }
  const char *near = chn_near(name, names, N_MODES);
  return near ? chn_fail(err, CHN_E_ARGUMENT, "--mode \"%s\" is unknown (did you mean %s?)", name,
                         near)
              : chn_fail(err, CHN_E_ARGUMENT,
                         "--mode \"%s\" is unknown; backfill, analyze, label-join and upload exist",
                         name);
}

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
  o->start_ds = cli_get(args, "start-ds");
  o->run_first_hole = cli_is_set(args, "run-first-hole");
  o->unset_semantic_hash = cli_is_set(args, "unset-semantic-hash");
  o->dry_run = cli_is_set(args, "dry-run");
  if (check_ds(end, o->end_ds, err) != CHN_OK || check_ds("start-ds", o->start_ds, err) != CHN_OK ||
      cli_get_int(args, "step-days", 1, 100000, &o->step_days, err) != CHN_OK ||
      cli_get_int(args, "threads", 1, 1024, &o->threads, err) != CHN_OK ||
      cli_get_bytes(args, "memory-limit", &o->memory_limit, err) != CHN_OK) {
    return err->code;
  }
  if (o->start_ds && o->end_ds && strcmp(o->start_ds, o->end_ds) > 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "--start-ds %s is after --%s %s", o->start_ds, end,
                    o->end_ds);
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

static chn_status read_command_line(struct cli_context *ctx, const struct mode **mode,
                                    struct batch_options *options, struct chn_err *err)
{
  if (!cli_get(&ctx->args, "conf")) {
    return chn_fail(
        err, CHN_E_ARGUMENT,
        "--conf is needed: production/joins/<team>/<name>, as `chronon compile` writes it");
  }
  return find_mode(cli_get(&ctx->args, "mode"), mode, err) != CHN_OK
             ? err->code
             : read_options(ctx, options, err);
}

static int run_run(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  const struct mode *mode = NULL;
  struct batch_options options = { 0 };
  struct model_conf conf;
  if (read_command_line(ctx, &mode, &options, &err) != CHN_OK) {
    return cli_fail(ctx, &err, true);
  }
  tell_ignored(ctx);
  if (cli_repo_find(ctx, true, &err) != CHN_OK ||
      cli_conf_read(ctx, cli_get(&ctx->args, "conf"), &conf, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  if (cli_warehouse_open(ctx, &options.wh, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  const chn_status status = mode->run(ctx, &conf, &options, &err);
  cli_warehouse_close(options.wh);
  return status == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

static const char no_spark[] = "there is no Spark and no JVM here";

static const struct cli_option options[] = {
  { "conf", 'c', CLI_VALUE, "CONF", NULL, NULL,
    "the compiled definition: production/<kind>/<team>/<name>, below the repo" },
  { "mode", 'm', CLI_VALUE, "MODE", "backfill", NULL,
    "backfill: compute the days that the output table lacks; analyze: schemas and checks, no "
    "data; label-join: labels of a join's rows, known on the end date; upload: a GroupBy's "
    "values as an online store has them" },
  { "ds", 0, CLI_VALUE, "DS", NULL, NULL, "last day, yyyy-MM-dd: by default today (UTC)" },
  { "start-ds", 0, CLI_VALUE, "DS", NULL, NULL, "first day, instead of the definition's" },
  { "end-ds", 0, CLI_VALUE, "DS", NULL, NULL, "last day, wins over --ds" },
  { "step-days", 0, CLI_VALUE, "N", "30", NULL, "days computed and written at once" },
  { "run-first-hole", 0, CLI_FLAG, NULL, NULL, NULL,
    "fill missing days before the first existing partition too" },
  { "unset-semantic-hash", 0, CLI_FLAG, NULL, NULL, NULL,
    "keep a join's table although another definition made it" },
  { "dry-run", 0, CLI_FLAG, NULL, NULL, NULL, "say what would be computed, and write nothing" },
  { "env", 0, CLI_IGNORED, "ENV", NULL, NULL, "a conf runs the same in every environment" },
  { "parallelism", 0, CLI_IGNORED, "N", NULL, NULL,
    "one process uses all cores; see --threads, --step-days" },
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
  { "conf-type", 0, CLI_IGNORED, "KIND", NULL, NULL, "the conf says what it is" },
  { .name = NULL },
};

const struct cli_command cli_cmd_run = {
  .name = "run",
  .summary = "run a compiled definition: backfill, analyze, label-join, upload",
  .examples = "chronon run --mode backfill --conf production/joins/flights/training_set.v1 --ds "
              "2013-12-31\n"
              "chronon run --mode backfill --conf production/group_bys/flights/delays.by_origin_v1 "
              "--dry-run\n"
              "chronon run --mode analyze --conf production/joins/flights/training_set.v1 -o json",
  .doc = "A backfill computes only the days that the output table lacks, in steps that each become "
         "visible as a whole: interrupted or killed, it goes on where it was when run again.",
  .options = options,
  .uses_repo = true,
  .uses_warehouse = true,
  .run = run_run,
};
