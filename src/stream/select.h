/// select.h: named columns of a query over decoded rows, and which rows its wheres let through.
///
/// The same SQL as a backfill, over columns in memory. What is a plain column is taken as it lies.
/// A row on which an expression fails is rejected by itself.
#pragma once
#include "model/model.h"
#include "stream/decode.h"
#include "warehouse/warehouse.h"

struct stream_select;

/// A column that is wanted.
struct select_want {
  const char *name;
  const char *spark;           ///< its expression; NULL: the column of that name
  const struct row_type *type; ///< that it must have; NULL: any
  bool cast;                   ///< another number is converted to `type`
};

/// The expression that a query selects under a name, or NULL.
const char *select_expression(const struct model_query *query, const char *name);

/// Fails with CHN_E_ARGUMENT, naming select or where, when expressions cannot run over `columns`,
/// or have other types than wanted. `columns` must outlive it, as rows must have them.
chn_status stream_select_open(struct wh *wh, const struct row_schema *columns,
                              const struct model_query *query, const struct select_want *wants,
                              int32_t n, struct stream_select **out, struct chn_err *err);
void stream_select_close(struct stream_select *s);

/// Names and types of what is wanted, in order.
const struct row_schema *stream_select_schema(const struct stream_select *s);

/// Evaluates all rows. Fails only as stream_reject does.
chn_status stream_select_run(struct stream_select *s, const struct decoded *rows,
                             const struct stream_message *messages, struct stream_rejects *rejects,
                             struct chn_err *err);

/// Of the last run: the columns wanted, and whether a row was evaluated and passes all wheres.
const struct row_col *stream_select_cols(const struct stream_select *s);
bool stream_select_passes(const struct stream_select *s, size_t row);
