/// stats.h: the parts of `chronon stats`.
#pragma once
#include "batch/describe.h"
#include "cli/context.h"

/// What is described.
struct cli_stats {
  const char *table;
  bool kept; ///< of stats-summary's table, not of the rows
  struct describe_options options;
  struct describe found;
};

/// The table that a name means: a table, or the output of a compiled definition (`team/file.v1`,
/// `team.file.v1`, a path below production/); with `kept` its table of statistics. What is not
/// there fails with the nearest name, or with the command that makes it. Needs the repo.
chn_status cli_stats_find(struct cli_context *ctx, struct wh *wh, const char *name, bool kept,
                          const char **table, struct chn_err *err);

/// Prints all columns in the context's format.
void cli_stats_print(const struct cli_context *ctx, const struct cli_stats *s);

/// Draws the first column: its histogram, of a text its most frequent values. To `file` as SVG,
/// else (NULL) to stdout as text.
chn_status cli_stats_plot(const struct cli_context *ctx, const struct cli_stats *s,
                          const char *file, struct chn_err *err);
