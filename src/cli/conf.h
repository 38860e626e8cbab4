/// conf.h: the compiled definition that --conf, or another option, names.
#pragma once
#include "cli/context.h"
#include "model/model.h"

/// Reads production/<kind>/<team>/<name> below the repo (or a path below the working folder, or an
/// absolute one). What is not there fails with the nearest name beside it, a definition that is not
/// compiled with the command that compiles it.
/// `option` is the option's name, for messages.
chn_status cli_conf_read(struct cli_context *ctx, const char *option, const char *name,
                         struct model_conf *out, struct chn_err *err);

/// The path of that file, or of a folder of such.
chn_status cli_conf_path(struct cli_context *ctx, const char *option, const char *name,
                         const char **out, struct chn_err *err);
