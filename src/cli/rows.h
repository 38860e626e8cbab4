/// rows.h: query results, printed in any format.
#pragma once
#include "cli/context.h"

/// Prints the rows of an open result as they come. Tables and Markdown show at most `max_rows`
/// (0: all), because they must be measured first; a note on stderr says when there are more.
chn_status cli_rows_print(const struct cli_context *ctx, struct wh_result *result, int32_t max_rows,
                          struct chn_err *err);

/// Appends the rows as a table or Markdown; *more tells that there are more than max_rows.
chn_status cli_rows_text(const struct cli_grid_style *style, struct wh_result *result,
                         int32_t max_rows, struct chn_buf *out, bool *more, struct chn_err *err);

/// Writes them to a file as JSON or CSV, as they come.
chn_status cli_rows_stream(const struct cli_grid_style *style, struct wh_result *result, FILE *file,
                           struct chn_err *err);
