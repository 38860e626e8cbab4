// The modes that tell about definitions instead of computing them.
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/run_modes.h"

static chn_status read_what(struct cli_context *ctx, struct batch_analyze_options *what,
                            struct chn_err *err)
{
  const struct cli_args *args = &ctx->args;
  *what = (struct batch_analyze_options){
    .hitters = cli_is_set(args, "enable-hitter"),
    .skip_timestamps = cli_is_set(args, "skip-timestamp-check"),
    .skip_permissions = cli_is_set(args, "skip-table-permission-check"),
    .export_schema = cli_is_set(args, "export-schema"),
  };
  const chn_status status = cli_get_int(args, "count", 1, 1000000, &what->count, err);
  return status == CHN_OK ? cli_get_share(args, "sample", &what->sample, err) : status;
}

chn_status run_mode_analyze_check(struct cli_context *ctx, struct chn_err *err)
{
  struct batch_analyze_options what;
  return read_what(ctx, &what, err);
}

chn_status run_mode_analyze(struct cli_context *ctx, const struct model_conf *conf,
                            struct batch_options *options, struct chn_err *err)
{
  struct batch_analysis analysis = { 0 };
  struct batch_analyze_options what;
  struct cli_progress progress;
  if (read_what(ctx, &what, err) != CHN_OK) {
    return err->code;
  }
  cli_progress_init(&progress, ctx);
  options->progress = &progress.callbacks;
  chn_status status = batch_analyze(conf, options, &what, &analysis, err);
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

chn_status run_mode_export_check(struct cli_context *ctx, struct chn_err *err)
{
  if (!cli_get(&ctx->args, "input-root-path")) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "metadata-export needs --input-root-path, the folder of compiled definitions "
                    "(production)");
  }
  if (!cli_get(&ctx->args, "output-root-path") && !cli_get(&ctx->args, "output-table-name")) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "metadata-export has no destination: pass --output-root-path for files, or "
                    "--output-table-name for a table");
  }
  return CHN_OK;
}

chn_status run_mode_metadata_export(struct cli_context *ctx, const struct model_conf *conf,
                                    struct batch_options *options, struct chn_err *err)
{
  (void)conf;
  const struct cli_args *args = &ctx->args;
  const struct batch_export_options where = {
    .input_root = cli_get(args, "input-root-path"),
    .output_root = cli_get(args, "output-root-path"),
    .output_table = cli_get(args, "output-table-name"),
    .table_properties = cli_get(args, "output-table-properties-json"),
    .embedded = cli_is_set(args, "process-embedded-group-bys"),
  };
  struct batch_exported exported = { 0 };
  chn_status status = batch_metadata_export(options, &where, &exported, err);
  if (status == CHN_OK) {
    cli_report_export(ctx, &exported);
  }
  if (status == CHN_OK && exported.n_failures > 0) {
    status = chn_fail(err, CHN_E_CORRUPT, "metadata-export: %d file%s no definition, the first %s",
                      exported.n_failures, exported.n_failures == 1 ? " is" : "s are",
                      exported.failures[0]);
  }
  batch_exported_deinit(&exported);
  return status;
}
