// The modes of run that fill the online store.
#include "cli/conf.h"
#include "cli/run_modes.h"
#include "kv/kv.h"

chn_status run_mode_upload(struct cli_context *ctx, const struct model_conf *conf,
                           struct batch_options *options, struct chn_err *err)
{
  // A store that somebody named gets the upload alone; with the default one the table, which is
  // what Chronon's own upload leaves, comes along.
  options->store_unasked = cli_get(&ctx->args, "store") == NULL;
  options->upload_table = cli_is_set(&ctx->args, "upload-table") || options->store_unasked;
  options->allow_older = cli_is_set(&ctx->args, "allow-older");
  chn_status status = cli_store_open(ctx, true, &options->store, err);
  if (status == CHN_OK) {
    status = run_mode_job(ctx, conf, options, batch_upload, err);
  }
  kv_close(options->store);
  return status;
}

static void report_metadata(const struct cli_context *ctx, const struct batch_metadata_report *r,
                            const char *url)
{
  static const struct cli_column columns[] = {
    { "store", false }, { "definitions", true }, { "team_lists", true }, { "skipped", true }
  };
  struct cli_grid grid;
  struct chn_buf out = { 0 };
  cli_grid_init(&grid, columns, 4);
  cli_grid_add(&grid, url);
  cli_grid_addf(&grid, "%d", r->n_confs);
  cli_grid_addf(&grid, "%d", r->n_lists);
  cli_grid_addf(&grid, "%d", r->n_skipped);
  cli_grid_print(&grid, &ctx->style, &out);
  cli_print(&out);
  chn_buf_deinit(&out);
  cli_grid_deinit(&grid);
  for (int32_t i = 0; i < r->n_skipped; i++) {
    cli_note(ctx, "skipped %s: %s", r->skipped[i].path, r->skipped[i].why);
  }
}

static chn_status read_batch_size(struct cli_context *ctx, int32_t *out, struct chn_err *err)
{
  *out = 50;
  return cli_get_int(&ctx->args, "batch-size", 1, 100000, out, err);
}

chn_status run_mode_metadata_check(struct cli_context *ctx, struct chn_err *err)
{
  int32_t size = 0;
  return read_batch_size(ctx, &size, err);
}

chn_status run_mode_metadata_upload(struct cli_context *ctx, const struct model_conf *conf,
                                    struct batch_options *options, struct chn_err *err)
{
  (void)conf;
  (void)options;
  struct batch_metadata_options o = { 0 };
  struct batch_metadata_report report = { 0 };
  struct kv_store *store = NULL;
  const char *path = NULL;
  chn_status status = cli_conf_path(ctx, "conf", cli_get(&ctx->args, "conf"), &path, err);
  if (status == CHN_OK) {
    status = read_batch_size(ctx, &o.batch_size, err);
  }
  if (status == CHN_OK) {
    status = cli_store_open(ctx, true, &store, err);
  }
  if (status == CHN_OK) {
    o.store = store;
    status = batch_metadata_upload(path, &o, &report, err);
  }
  if (status == CHN_OK && report.n_confs == 0) {
    status = report.n_skipped == 0
                 ? chn_fail(err, CHN_E_NOT_FOUND, "%s: there is no file in it", path)
                 : chn_fail(err, CHN_E_ARGUMENT, "%s: nothing to upload; %s: %s", path,
                            report.skipped[0].path, report.skipped[0].why);
  }
  if (status == CHN_OK) {
    report_metadata(ctx, &report, kv_url(store));
  }
  batch_metadata_report_deinit(&report);
  kv_close(store);
  return status;
}
