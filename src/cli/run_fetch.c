#include "cli/fetch.h"
#include "cli/run_modes.h"

chn_status run_mode_fetch_check(struct cli_context *ctx, struct chn_err *err)
{
  return cli_get(&ctx->args, "conf") != NULL || cli_get(&ctx->args, "name") != NULL
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT, "--conf or --name is needed: what is to be fetched");
}

chn_status run_mode_fetch(struct cli_context *ctx, const struct model_conf *conf,
                          struct batch_options *options, struct chn_err *err)
{
  (void)conf;
  (void)options;
  struct cli_fetch_what what = { 0 };
  const chn_status s = cli_fetch_read(ctx, &what, err);
  return s == CHN_OK ? cli_fetch_run(ctx, &what, err) : s;
}
