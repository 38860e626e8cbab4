#include "cli/fetch.h"
chn_status cli_fetch_stats(struct cli_context *ctx, const struct cli_fetch_what *what,
                           struct chn_err *err)
{
  (void)ctx;
  return chn_fail(err, CHN_E_ARGUMENT, "%s", what->name);
}
