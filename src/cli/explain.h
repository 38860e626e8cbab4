/// explain.h: a served row, taken apart, on its way to stdout.
#pragma once
#include "cli/fetch.h"
#include "fetcher/fetch_explain.h"

struct cli_explained {
  const char *name;                 ///< `team.file.v1`
  struct fetch_explained *features; ///< in the answer's order
  size_t n;
  bool whole; ///< one feature, piece by piece; else a line each
  bool all;   ///< pieces that are no part of the value too
};

/// As a table, CSV or Markdown a line a feature or a piece; as JSON everything.
chn_status cli_explained_print(const struct cli_context *ctx, const struct cli_explained *e,
                               struct chn_err *err);
