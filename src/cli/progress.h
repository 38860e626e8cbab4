/// progress.h: what is running, on stderr.
///
/// On a terminal one live line (what, rows, rate, time left); else one line a stage.
#pragma once
#include "batch/batch.h"
#include "cli/context.h"
#include "obs/meter.h"

struct cli_progress {
  struct batch_progress callbacks; ///< pass to batch
  const struct cli_context *ctx;
  bool live;
  struct obs_meter meter; ///< of the running stage
  double start_ms;        ///< of the command
  double drawn_ms;        ///< when the live line was drawn
  char stage[160];
};

void cli_progress_init(struct cli_progress *p, const struct cli_context *ctx);

/// Removes the live line.
void cli_progress_end(struct cli_progress *p);
