// A mode is a row of the table at the end and the small function that runs it.
#include "cli/run_modes.h"

#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "cli/progress.h"
#include "cli/report.h"

chn_status run_mode_job(struct cli_context *ctx, const struct model_conf *conf,
                        struct batch_options *options, run_mode_job_fn job, struct chn_err *err)
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
  return run_mode_job(ctx, conf, options, batch_backfill, err);
}

static chn_status run_label_join(struct cli_context *ctx, const struct model_conf *conf,
                                 struct batch_options *options, struct chn_err *err)
{
  return run_mode_job(ctx, conf, options, batch_label_join, err);
}

static chn_status run_stats_summary(struct cli_context *ctx, const struct model_conf *conf,
                                    struct batch_options *options, struct chn_err *err)
{
  return run_mode_job(ctx, conf, options, batch_stats_summary, err);
}

static chn_status run_log_summary(struct cli_context *ctx, const struct model_conf *conf,
                                  struct batch_options *options, struct chn_err *err)
{
  return run_mode_job(ctx, conf, options, batch_log_summary, err);
}

static chn_status run_log_flattener(struct cli_context *ctx, const struct model_conf *conf,
                                    struct batch_options *options, struct chn_err *err)
{
  return run_mode_job(ctx, conf, options, batch_log_flatten, err);
}

static const struct run_mode modes[] = {
  { "backfill", run_backfill, "compute the days that the output table lacks" },
  { "analyze", run_mode_analyze, "schemas and checks, no data" },
  { "upload", run_mode_upload, "a GroupBy's values at the end of a day, into the online store" },
  { "streaming", run_mode_stream,
    "events or mutations of a topic into the online store, each once, until it is stopped" },
  { "local-streaming", run_mode_local_stream, "the same from files of messages (--input)" },
  { "metadata-upload", run_mode_metadata_upload,
    "definitions, a file or a folder of them, into the online store" },
  { "metadata-export", run_mode_metadata_export,
    "every compiled definition with its features, to files or a table" },
  { "fetch", run_mode_fetch, "features of keys from the online store, as `chronon fetch`" },
  { "backfill-left", run_backfill,
    "a join's left side alone, as its bootstrap table; then --selected-join-parts of backfill" },
  { "backfill-final", run_backfill,
    "a join's output from the bootstrap table and those of its parts" },
  { "consistency-metrics-compute", run_mode_consistency,
    "a join's logged values against a backfill of the same requests" },
  { "compare", run_mode_compare, "a join's table against a staging query (--query-conf)" },
  { "stats-summary", run_stats_summary, "statistics of a join's output by hour" },
  { "log-summary", run_log_summary, "statistics of what was served, by hour" },
  { "log-flattener", run_log_flattener, "the log of fetches as a table of features" },
  { "label-join", run_label_join, "labels of a join's rows, known on the end date" },
  { "model-transform-batch", NULL,
    "it calls a model backend, which every user of Chronon brings; the join without it is in "
    "<join>_pre_mt" },
  { "info", NULL,
    "it runs a script of the repo; --mode analyze and `chronon tables` tell of schemas and "
    "tables" },
};

enum { N_MODES = sizeof modes / sizeof *modes };

/// "backfill, analyze and upload": the modes that can be run.
static void add_runnable(struct chn_buf *out)
{
  int left = 0;
  for (int i = 0; i < N_MODES; i++) {
    left += modes[i].run != NULL;
  }
  for (int i = 0; i < N_MODES; i++) {
    if (modes[i].run != NULL) {
      left--;
      chn_buf_addf(out, "%s%s", modes[i].name, left > 1 ? ", " : left == 1 ? " and " : "");
    }
  }
}

bool run_mode_is_backfill(const struct run_mode *mode)
{
  return mode->run == run_backfill;
}

enum batch_join_step run_mode_step(const struct run_mode *mode)
{
  return strcmp(mode->name, "backfill-left") == 0    ? BATCH_JOIN_LEFT
         : strcmp(mode->name, "backfill-final") == 0 ? BATCH_JOIN_FINAL
                                                     : BATCH_JOIN_WHOLE;
}

chn_status run_mode_find(const char *name, const struct run_mode **out, struct chn_err *err)
{
  const char *names[N_MODES];
  const struct run_mode *found = NULL;
  for (int i = 0; i < N_MODES; i++) {
    names[i] = modes[i].name;
    found = strcmp(name, names[i]) == 0 ? &modes[i] : found;
  }
  if (found != NULL && found->run != NULL) {
    *out = found;
    return CHN_OK;
  }
  const char *near = found == NULL ? chn_near(name, names, N_MODES) : NULL;
  struct chn_buf have = { 0 };
  add_runnable(&have);
  const chn_status status =
      found != NULL
          ? chn_fail(err, CHN_E_ARGUMENT,
                     "--mode %s is Chronon's, but not in this version%s%s; %s are", name,
                     found->doc ? ": " : "", found->doc ? found->doc : "", chn_buf_str(&have))
      : near != NULL
          ? chn_fail(err, CHN_E_ARGUMENT, "--mode \"%s\" is unknown (did you mean %s?)", name, near)
          : chn_fail(err, CHN_E_ARGUMENT, "--mode \"%s\" is unknown; %s exist", name,
                     chn_buf_str(&have));
  chn_buf_deinit(&have);
  return status;
}

bool run_mode_needs_conf(const struct run_mode *mode)
{
  return mode->run != run_mode_metadata_export && mode->run != run_mode_metadata_upload &&
         mode->run != run_mode_fetch && !run_mode_is_stream(mode);
}

bool run_mode_is_stream(const struct run_mode *mode)
{
  return mode->run == run_mode_stream || mode->run == run_mode_local_stream;
}

chn_status run_mode_check(struct cli_context *ctx, const struct run_mode *mode, struct chn_err *err)
{
  if (mode->run == run_mode_metadata_export) {
    return run_mode_export_check(ctx, err);
  }
  if (mode->run == run_mode_fetch) {
    return run_mode_fetch_check(ctx, err);
  }
  if (!cli_get(&ctx->args, "conf")) {
    return chn_fail(
        err, CHN_E_ARGUMENT,
        "--conf is needed: production/joins/<team>/<name>, as `chronon compile` writes it");
  }
  if (mode->run == run_mode_metadata_upload) {
    return run_mode_metadata_check(ctx, err);
  }
  if (run_mode_is_stream(mode)) {
    return run_mode_stream_check(ctx, mode->run == run_mode_local_stream, err);
  }
  return mode->run == run_mode_compare ? run_mode_compare_check(ctx, err)
                                       : run_mode_analyze_check(ctx, err);
}

const char *const *run_modes_names(struct arena *a)
{
  const char **names = arena_calloc(a, N_MODES + 1, sizeof *names);
  int n = 0;
  for (int i = 0; i < N_MODES; i++) {
    if (modes[i].run != NULL) {
      names[n++] = modes[i].name;
    }
  }
  return names;
}

void run_modes_help(struct chn_buf *out)
{
  chn_buf_adds(out, "\nModes:\n");
  for (int i = 0; i < N_MODES; i++) {
    if (modes[i].run != NULL) {
      chn_buf_addf(out, "  %-28s%s\n", modes[i].name, modes[i].doc);
    }
  }
}
