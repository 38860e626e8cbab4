/// run_modes.h: what `run --mode` can be.
#pragma once
#include "batch/batch.h"
#include "cli/context.h"

/// Chronon's modes. Those without `run` are not in this version.
struct run_mode {
  const char *name;
  chn_status (*run)(struct cli_context *ctx, const struct model_conf *conf,
                    struct batch_options *options, struct chn_err *err);
  const char *doc; ///< a line for the help
};

/// Fails with CHN_E_ARGUMENT on a mode that is unknown or cannot be run, and says which can.
chn_status run_mode_find(const char *name, const struct run_mode **out, struct chn_err *err);

/// Appends the modes and what each does.
void run_modes_help(struct chn_buf *out);
