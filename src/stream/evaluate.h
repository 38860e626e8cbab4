/// evaluate.h: a definition's selects and wheres over decoded rows (spec/07 §3).
///
/// The same SQL as a backfill, over columns in memory. A select that is a plain column is taken as
/// it lies. Rows that a where leaves out, whose time is null, or whose keys are all null do not
/// come through; a row on which an expression fails is rejected by itself.
#pragma once
#include "model/serving.h"
#include "stream/decode.h"
#include "warehouse/warehouse.h"

struct stream_evaluate;

/// What rows have after evaluation.
struct evaluated {
  const struct row_col *keys;   ///< of the serving info's keys
  const struct row_col *inputs; ///< of the stream's value: a row's or mutation's fields, or the
                                ///< aggregations' inputs where tiled
  const int64_t *ts;            ///< of an event, or of a mutation its own time
  const uint32_t *row;          ///< of the decoded rows: where the n rows are in all columns above
  const uint32_t *from;         ///< of row i its message
  size_t n;
};

/// Fails with CHN_E_ARGUMENT, naming select or where, when the definition's expressions cannot run
/// over `columns`, or give other types than the upload's. A chained GroupBy's own query runs over
/// its join's columns: `query` says which query this is.
chn_status stream_evaluate_open(struct wh *wh, const struct model_serving *serving,
                                const struct model_query *query, const struct row_schema *columns,
                                struct stream_evaluate **out, struct chn_err *err);
void stream_evaluate_close(struct stream_evaluate *e);

chn_status stream_evaluate_run(struct stream_evaluate *e, const struct decoded *rows,
                               const struct stream_message *messages,
                               struct stream_rejects *rejects, struct evaluated *out,
                               struct chn_err *err);
