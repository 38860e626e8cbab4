/// rows.h: query results, printed in any format.
#pragma once
#include "cli/context.h"

/// Prints the rows of an open result as they come. Tables and Markdown show at most `max_rows`
/// (0: all), because they must be measured first; a note on stderr says when there are more.
chn_status cli_rows_print(const struct cli_context *ctx, struct wh_result *result, int32_t max_rows,
                          struct chn_err *err);
