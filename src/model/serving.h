/// serving.h: what the serving info of an upload says: which keys and values a GroupBy has online,
/// and the form of what is streamed on top of them.
///
/// It is all that a fetch and a stream know of a GroupBy, so that both read and write the same
/// bytes (spec/06 §2, spec/04 §7).
#pragma once
#include "agg/plan.h"
#include "codec/avro.h"
#include "model/model.h"

struct model_serving {
  const struct model_group_by *group_by;
  const char *name;  ///< `team.file.v1`
  int64_t batch_end; ///< epoch ms
  bool entities;     ///< of entities: what is streamed are mutations
  bool temporal;     ///< values are streamed on top of the batch; false without aggregations
  bool tiled;        ///< events are streamed as tiles (customJson `enable_tiling`)
  struct row_schema keys;
  struct row_schema selected;
  const struct avro_schema *key;    ///< record "Key"
  const struct avro_schema *input;  ///< record of a message's columns; NULL without a topic
  const struct avro_schema *value;  ///< of a batch value
  const struct avro_schema *stream; ///< of a streamed row, mutation or tile; NULL unless temporal
  const struct agg_plan *aggs;      ///< NULL without aggregations
  const int32_t *input_of;          ///< of the aggregations' input i the field of a row or mutation
  int32_t ts_field;                 ///< of a mutation
  int32_t before_field;
};

/// Reads a GroupByServingInfo (Chronon's JSON), which must live as long as the arena. CHN_E_CORRUPT
/// when it means nothing.
chn_status model_serving_read(struct arena *a, const char *text, size_t len,
                              struct model_serving *out, struct chn_err *err);

/// Milliseconds of a tile: the smallest hop of the windows, 5 minutes, 1 hour or 1 day; 0 where no
/// aggregation has a window.
int64_t model_serving_tile_ms(const struct model_serving *s);

/// The dataset of a GroupBy: `<NAME IN CAPITALS><suffix>`, suffix `_BATCH` or `_STREAMING`.
const char *model_dataset(struct arena *a, const char *name, const char *suffix);
