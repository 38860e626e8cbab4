#include "base/time.h"
#include "cli/conf.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/run_modes.h"

struct running {
  struct batch_report report;
  struct batch_comparison comparison;
  struct cli_progress progress;
  double start;
};

static void begin(struct cli_context *ctx, struct running *r, struct batch_options *options)
{
  *r = (struct running){ .start = chn_monotonic_ms() };
  cli_progress_init(&r->progress, ctx);
  options->progress = &r->progress.callbacks;
}

static chn_status end(struct cli_context *ctx, struct running *r, bool dry_run, chn_status status)
{
  cli_progress_end(&r->progress);
  if (status == CHN_OK && dry_run) {
    cli_report_plan(ctx, &r->report);
  } else if (status == CHN_OK) {
    cli_report_comparison(ctx, &r->report, &r->comparison, (chn_monotonic_ms() - r->start) / 1000);
  } else {
    cli_report_broken(ctx, &r->report);
  }
  batch_report_deinit(&r->report);
  return status;
}

chn_status run_mode_compare_check(struct cli_context *ctx, struct chn_err *err)
{
  return cli_get(&ctx->args, "query-conf") != NULL
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT,
                        "--mode compare needs --query-conf production/staging_queries/<team>/<name>"
                        ": what the join is held against");
}

chn_status run_mode_compare(struct cli_context *ctx, const struct model_conf *conf,
                            struct batch_options *options, struct chn_err *err)
{
  struct model_conf query;
  struct running r;
  const char *name = cli_get(&ctx->args, "query-conf");
  if (cli_conf_read(ctx, "query-conf", name, &query, err) != CHN_OK) {
    return err->code;
  }
  begin(ctx, &r, options);
  const chn_status status = batch_compare(conf, &query, options, &r.report, &r.comparison, err);
  return end(ctx, &r, options->dry_run, status);
}

chn_status run_mode_consistency(struct cli_context *ctx, const struct model_conf *conf,
                                struct batch_options *options, struct chn_err *err)
{
  struct running r;
  begin(ctx, &r, options);
  const chn_status status = batch_consistency(conf, options, &r.report, &r.comparison, err);
  return end(ctx, &r, options->dry_run, status);
}
