#include "model/serving.h"

#include <string.h>

#include "agg/batch_ir.h"
#include "base/time.h"
#include "codec/json.h"
#include "model/json.h"
#include "model/names.h"
#include "model/plan.h"
#include "model/read.h"

/// Whether customJson says enable_tiling.
static bool wants_tiles(struct arena *a, const struct model_meta_data *m)
{
  const struct codec_json *v = NULL;
  if (m == NULL || m->custom_json == NULL ||
      codec_json_parse(a, m->custom_json, strlen(m->custom_json), "customJson", &v, NULL) !=
          CHN_OK) {
    return false;
  }
  const struct codec_json *tiling = codec_json_get(v, "enable_tiling");
  return tiling != NULL && tiling->kind == CODEC_JSON_BOOL && tiling->as.boolean;
}

static chn_status columns_of(struct arena *a, const char *text, const char *what,
                             const struct avro_schema **schema, struct row_schema *out,
                             struct chn_err *err)
{
  if (text == NULL) {
    return chn_fail(err, CHN_E_CORRUPT, "the serving info has no %s", what);
  }
  const chn_status s = avro_schema_parse(a, text, strlen(text), what, schema, err);
  if (s == CHN_OK && (*schema)->kind != AVRO_RECORD) {
    return chn_fail(err, CHN_E_CORRUPT, "%s is no record", what);
  }
  if (s == CHN_OK) {
    *out = avro_columns(a, *schema, true);
  }
  return s;
}

const char *model_dataset(struct arena *a, const char *name, const char *suffix)
{
  char *dataset = arena_printf(a, "%s%s", model_sanitize(a, name), suffix);
  for (char *c = dataset; *c != '\0'; c++) {
    *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
  }
  return dataset;
}

int64_t model_serving_tile_ms(const struct model_serving *s)
{
  int64_t least = 0;
  for (int32_t i = 0; s->aggs != NULL && i < s->aggs->n_parts; i++) {
    const struct agg_part *p = &s->aggs->parts[i];
    if (p->window_ms != 0 && (least == 0 || p->hop_ms < least)) {
      least = p->hop_ms;
    }
  }
  return least;
}

// ---- streamed values --------------------------------------------------------------------------

static void add_field(struct row_schema *s, struct row_field *fields, const struct row_schema *from,
                      const char *name)
{
  const int32_t at = row_schema_find(from, name);
  if (at >= 0 && row_schema_find(s, name) < 0) {
    fields[s->n_fields++] = from->fields[at];
  }
}

/// What a streamed row carries: each aggregation's buckets, then its input, each column once; of a
/// mutation also the row's time and whether it is the old image.
static chn_status read_rows(struct arena *a, struct model_serving *out, struct chn_err *err)
{
  const struct row_schema *selected = &out->selected;
  struct row_field *fields = arena_calloc(a, (size_t)selected->n_fields + 2, sizeof *fields);
  struct row_schema columns = { fields, 0 };
  for (int32_t i = 0; i < out->group_by->n_aggregations; i++) {
    const struct model_aggregation *g = &out->group_by->aggregations[i];
    for (int32_t b = 0; b < g->n_buckets; b++) {
      add_field(&columns, fields, selected, g->buckets[b]);
    }
    add_field(&columns, fields, selected, g->input_column);
  }
  int32_t *input_of = arena_calloc(a, (size_t)out->aggs->inputs.n_fields + 1, sizeof *input_of);
  for (int32_t i = 0; i < out->aggs->inputs.n_fields; i++) {
    input_of[i] = row_schema_find(&columns, out->aggs->inputs.fields[i].name);
  }
  out->input_of = input_of;
  const char *suffix = "INPUT_COLS";
  if (out->entities) {
    out->ts_field = columns.n_fields;
    fields[columns.n_fields++] = (struct row_field){ "ts", row_scalar(ROW_LONG) };
    out->before_field = columns.n_fields;
    fields[columns.n_fields++] = (struct row_field){ "is_before", row_scalar(ROW_BOOLEAN) };
    suffix = "MUTATION_COLS";
  }
  const char *name = arena_printf(a, "%s_%s", model_sanitize(a, out->name), suffix);
  return avro_schema_of(a, name, &columns, AVRO_NAMES_OF_TYPES, &out->stream, err);
}

static chn_status read_tiles(struct arena *a, struct model_serving *out, struct chn_err *err)
{
  const struct agg_plan *aggs = out->aggs;
  struct row_field *bases = arena_calloc(a, (size_t)aggs->n_bases + 1, sizeof *bases);
  for (int32_t i = 0; i < aggs->n_bases; i++) {
    bases[i] = (struct row_field){ aggs->bases[i].base_name, aggs->bases[i].ir };
  }
  struct row_field *fields = arena_calloc(a, 2, sizeof *fields);
  fields[0] =
      (struct row_field){ "collapsedIr", row_struct_of(a, "WindowedIr", bases, aggs->n_bases) };
  fields[1] = (struct row_field){ "isComplete", row_scalar(ROW_BOOLEAN) };
  const struct row_schema columns = { fields, 2 };
  const char *name = arena_printf(a, "%s_TILE_IR", model_sanitize(a, out->name));
  return avro_schema_of(a, name, &columns, AVRO_NAMES_OF_TYPES, &out->stream, err);
}

// ---- batch values -----------------------------------------------------------------------------

static chn_status read_aggregated(struct arena *a, struct model_serving *out, struct chn_err *err)
{
  struct agg_plan *aggs = NULL;
  chn_status s = model_plan(a, out->group_by, &out->selected, &aggs, err);
  if (s != CHN_OK) {
    return s;
  }
  out->aggs = aggs;
  out->temporal = model_infer_accuracy(out->group_by) == MODEL_TEMPORAL;
  const char *clean = model_sanitize(a, out->name);
  if (!out->temporal) {
    struct row_field *fields = arena_calloc(a, (size_t)aggs->n_parts + 1, sizeof *fields);
    for (int32_t i = 0; i < aggs->n_parts; i++) {
      fields[i] = (struct row_field){ aggs->parts[i].name, aggs->parts[i].output };
    }
    const struct row_schema columns = { fields, aggs->n_parts };
    return avro_schema_of(a, arena_printf(a, "%s_OUTPUT", clean), &columns, AVRO_NAMES_OF_TYPES,
                          &out->value, err);
  }
  const struct row_schema ir = agg_batch_ir_columns(a, aggs);
  s = avro_schema_of(a, arena_printf(a, "%s_IR", clean), &ir, AVRO_NAMES_OF_TYPES, &out->value,
                     err);
  if (s == CHN_OK) {
    s = out->tiled ? read_tiles(a, out, err) : read_rows(a, out, err);
  }
  return s;
}

static chn_status read_info(struct arena *a, const struct model_group_by_serving_info *info,
                            struct model_serving *out, struct chn_err *err)
{
  const struct model_group_by *gb = info->group_by;
  if (gb == NULL || gb->meta_data == NULL || gb->meta_data->name == NULL ||
      info->batch_end_date == NULL) {
    return chn_fail(err, CHN_E_CORRUPT, "the serving info has no groupBy, name or batchEndDate");
  }
  out->group_by = gb;
  out->name = gb->meta_data->name;
  out->entities = gb->n_sources > 0 && model_source_is_entities(&gb->sources[0]);
  out->tiled = !out->entities && wants_tiles(a, gb->meta_data);
  int32_t day = 0;
  chn_status s = chn_day_of_ds(info->batch_end_date, &day, err);
  out->batch_end = chn_ms_of_day(day);
  if (s == CHN_OK) {
    s = columns_of(a, info->key_avro_schema, "keyAvroSchema", &out->key, &out->keys, err);
  }
  const struct avro_schema *selected = NULL;
  if (s == CHN_OK) {
    s = columns_of(a, info->selected_avro_schema, "selectedAvroSchema", &selected, &out->selected,
                   err);
  }
  if (s == CHN_OK && info->input_avro_schema != NULL) {
    struct row_schema columns;
    s = columns_of(a, info->input_avro_schema, "inputAvroSchema", &out->input, &columns, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  if (gb->aggregations == NULL) {
    out->value = selected;
    return CHN_OK;
  }
  return read_aggregated(a, out, err);
}

chn_status model_serving_read(struct arena *a, const char *text, size_t len,
                              struct model_serving *out, struct chn_err *err)
{
  *out = (struct model_serving){ 0 };
  const struct codec_json *v = NULL;
  struct model_group_by_serving_info info = { 0 };
  const char *what = "GroupByServingInfo";
  chn_status s = codec_json_parse(a, text, len, what, &v, err);
  if (s == CHN_OK) {
    s = model_read_struct(a, v, model_struct_find(what), MODEL_BY_COMPILER, what, &info, err);
  }
  if (s == CHN_OK) {
    s = read_info(a, &info, out, err);
  }
  return s == CHN_E_ARGUMENT ? err->code = CHN_E_CORRUPT : s;
}
