/// eval.h: expressions over columns in memory, prepared once and run many times.
///
/// What derivations need online: the same SQL as in a backfill, over a few rows, thousands of times
/// a second. Each has a connection of its own, so that threads do not wait for one another; one is
/// used by one thread at a time.
#pragma once
#include "warehouse/warehouse.h"

struct wh_eval;

struct wh_expr {
  const char *name; ///< of the output column
  const char *sql;  ///< DuckDB's, of sql_render_expr, over the input columns
};

/// Prepares n expressions over rows of `inputs`. CHN_E_ARGUMENT when one cannot be, or gives a type
/// that features cannot have.
chn_status wh_eval_open(struct wh *wh, const struct row_schema *inputs, const struct wh_expr *exprs,
                        int32_t n, struct wh_eval **out, struct chn_err *err);
void wh_eval_close(struct wh_eval *e);

/// The output columns.
const struct row_schema *wh_eval_schema(const struct wh_eval *e);

/// Evaluates rows [from, from + n) of the input columns, one a field of `inputs`, and appends n
/// rows to each of outs, builders of the output columns; on failure none.
chn_status wh_eval_run(struct wh_eval *e, const struct row_col *cols, size_t from, size_t n,
                       struct row_builder *const *outs, struct chn_err *err);
