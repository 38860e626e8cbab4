// A plan of a serving info alone: what an upload left is enough to read its values and the streamed
// ones on top.
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "codec/json.h"
#include "fetcher/fetcher_int.h"
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

static bool is_entities(const struct model_group_by *gb)
{
  const struct model_source *s = gb->n_sources > 0 ? &gb->sources[0] : NULL;
  while (s != NULL && s->join_source != NULL) {
    s = s->join_source->join != NULL ? s->join_source->join->left : NULL;
  }
  return s != NULL && s->entities != NULL;
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
static chn_status plan_rows(struct fetch_plan *plan, const struct row_schema *selected,
                            struct chn_err *err)
{
  struct fetch_gb *gb = &plan->gb;
  struct arena *a = &plan->arena;
  struct row_field *fields = arena_calloc(a, (size_t)selected->n_fields + 2, sizeof *fields);
  struct row_schema columns = { fields, 0 };
  for (int32_t i = 0; i < gb->conf->n_aggregations; i++) {
    const struct model_aggregation *g = &gb->conf->aggregations[i];
    for (int32_t b = 0; b < g->n_buckets; b++) {
      add_field(&columns, fields, selected, g->buckets[b]);
    }
    add_field(&columns, fields, selected, g->input_column);
  }
  int32_t *input_of = arena_calloc(a, (size_t)gb->aggs->inputs.n_fields + 1, sizeof *input_of);
  for (int32_t i = 0; i < gb->aggs->inputs.n_fields; i++) {
    input_of[i] = row_schema_find(&columns, gb->aggs->inputs.fields[i].name);
  }
  gb->input_of = input_of;
  const char *suffix = "INPUT_COLS";
  if (gb->entities) {
    gb->ts_field = columns.n_fields;
    fields[columns.n_fields++] = (struct row_field){ "ts", row_scalar(ROW_LONG) };
    gb->before_field = columns.n_fields;
    fields[columns.n_fields++] = (struct row_field){ "is_before", row_scalar(ROW_BOOLEAN) };
    suffix = "MUTATION_COLS";
  }
  const char *name = arena_printf(a, "%s_%s", model_sanitize(a, plan->name), suffix);
  return avro_schema_of(a, name, &columns, AVRO_NAMES_OF_TYPES, &gb->stream, err);
}

static chn_status plan_tiles(struct fetch_plan *plan, struct chn_err *err)
{
  struct fetch_gb *gb = &plan->gb;
  struct arena *a = &plan->arena;
  struct row_field *bases = arena_calloc(a, (size_t)gb->aggs->n_bases + 1, sizeof *bases);
  for (int32_t i = 0; i < gb->aggs->n_bases; i++) {
    bases[i] = (struct row_field){ gb->aggs->bases[i].base_name, gb->aggs->bases[i].ir };
  }
  struct row_field *fields = arena_calloc(a, 2, sizeof *fields);
  fields[0] =
      (struct row_field){ "collapsedIr", row_struct_of(a, "WindowedIr", bases, gb->aggs->n_bases) };
  fields[1] = (struct row_field){ "isComplete", row_scalar(ROW_BOOLEAN) };
  const struct row_schema columns = { fields, 2 };
  const char *name = arena_printf(a, "%s_TILE_IR", model_sanitize(a, plan->name));
  return avro_schema_of(a, name, &columns, AVRO_NAMES_OF_TYPES, &gb->stream, err);
}

// ---- batch values -----------------------------------------------------------------------------

static chn_status plan_aggregated(struct fetch_plan *plan, const struct row_schema *selected,
                                  struct chn_err *err)
{
  struct fetch_gb *gb = &plan->gb;
  struct arena *a = &plan->arena;
  struct agg_plan *aggs = NULL;
  chn_status s = model_plan(a, gb->conf, selected, &aggs, err);
  if (s != CHN_OK) {
    return s;
  }
  gb->aggs = aggs;
  struct row_field *fields = arena_calloc(a, (size_t)aggs->n_parts + 1, sizeof *fields);
  for (int32_t i = 0; i < aggs->n_parts; i++) {
    fields[i] = (struct row_field){ aggs->parts[i].name, aggs->parts[i].output };
  }
  plan->base = (struct row_schema){ fields, aggs->n_parts };
  gb->temporal = model_infer_accuracy(gb->conf) == MODEL_TEMPORAL;
  const char *clean = model_sanitize(a, plan->name);
  if (!gb->temporal) {
    return avro_schema_of(a, arena_printf(a, "%s_OUTPUT", clean), &plan->base, AVRO_NAMES_OF_TYPES,
                          &gb->value, err);
  }
  const struct row_schema ir = agg_batch_ir_columns(a, aggs);
  s = avro_schema_of(a, arena_printf(a, "%s_IR", clean), &ir, AVRO_NAMES_OF_TYPES, &gb->value, err);
  if (s == CHN_OK) {
    s = gb->tiled ? plan_tiles(plan, err) : plan_rows(plan, selected, err);
  }
  return s;
}

static void plan_derivations(struct fetcher *f, struct fetch_plan *plan)
{
  const struct model_group_by *gb = plan->gb.conf;
  struct chn_err err;
  if (gb->n_derivations == 0) {
    plan->features = plan->base;
  } else if (fetch_derive_plan(f, &plan->arena, gb->derivations, gb->n_derivations, &plan->keys,
                               &plan->base, &plan->derive, &plan->features, &err) != CHN_OK) {
    fetch_derive_plan_renames(&plan->arena, gb->derivations, gb->n_derivations, &plan->keys,
                              &plan->base, err.msg, &plan->derive, &plan->features);
  }
}

static chn_status fill(struct fetcher *f, struct fetch_plan *plan,
                       const struct model_group_by_serving_info *info, struct chn_err *err)
{
  struct arena *a = &plan->arena;
  struct fetch_gb *gb = &plan->gb;
  gb->conf = info->group_by;
  if (gb->conf == NULL || gb->conf->meta_data == NULL || gb->conf->meta_data->name == NULL ||
      info->batch_end_date == NULL) {
    return chn_fail(err, CHN_E_CORRUPT, "the serving info has no groupBy, name or batchEndDate");
  }
  plan->name = gb->conf->meta_data->name;
  gb->entities = is_entities(gb->conf);
  gb->tiled = !gb->entities && wants_tiles(a, gb->conf->meta_data);
  int32_t day = 0;
  chn_status s = chn_day_of_ds(info->batch_end_date, &day, err);
  plan->batch_end = chn_ms_of_day(day);
  const struct avro_schema *selected_schema = NULL;
  struct row_schema selected = { 0 };
  if (s == CHN_OK) {
    s = columns_of(a, info->key_avro_schema, "keyAvroSchema", &gb->key, &plan->keys, err);
  }
  if (s == CHN_OK) {
    s = columns_of(a, info->selected_avro_schema, "selectedAvroSchema", &selected_schema, &selected,
                   err);
  }
  if (s == CHN_OK && gb->conf->aggregations != NULL) {
    s = plan_aggregated(plan, &selected, err);
  } else if (s == CHN_OK) {
    gb->value = selected_schema;
    plan->base = selected;
  }
  if (s == CHN_OK) {
    s = kv_dataset(f->store, fetch_meta_dataset(a, plan->name, "_BATCH"), &gb->batch_set, err);
  }
  if (s == CHN_OK) {
    s = kv_dataset(f->store, fetch_meta_dataset(a, plan->name, "_STREAMING"), &gb->stream_set, err);
  }
  return s;
}

chn_status fetch_make_group_by(struct fetcher *f, const char *text, size_t len,
                               struct fetch_plan **out, struct chn_err *err)
{
  struct fetch_plan *plan = fetch_plan_new(f, FETCH_GROUP_BY, text, len);
  const struct codec_json *v = NULL;
  struct model_group_by_serving_info info = { 0 };
  const char *what = "GroupByServingInfo";
  chn_status s = codec_json_parse(&plan->arena, plan->text, len, what, &v, err);
  if (s == CHN_OK) {
    s = model_read_struct(&plan->arena, v, model_struct_find(what), MODEL_BY_COMPILER, what, &info,
                          err);
  }
  if (s == CHN_OK) {
    s = fill(f, plan, &info, err);
  }
  if (s != CHN_OK) {
    fetch_plan_release(plan);
    return s == CHN_E_ARGUMENT ? err->code = CHN_E_CORRUPT : s;
  }
  plan_derivations(f, plan);
  *out = plan;
  return CHN_OK;
}
