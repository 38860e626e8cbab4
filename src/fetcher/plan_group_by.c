// A plan of a serving info alone: what an upload left is enough to read its values and the streamed
// ones on top.
#include "fetcher/keep_int.h"
#include "model/serving.h"

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

/// The values before derivations: those of the aggregations, or the columns as they are.
static struct row_schema base_of(struct arena *a, const struct model_serving *serving)
{
  const struct agg_plan *aggs = serving->aggs;
  if (aggs == NULL) {
    return serving->selected;
  }
  struct row_field *fields = arena_calloc(a, (size_t)aggs->n_parts + 1, sizeof *fields);
  for (int32_t i = 0; i < aggs->n_parts; i++) {
    fields[i] = (struct row_field){ aggs->parts[i].name, aggs->parts[i].output };
  }
  return (struct row_schema){ fields, aggs->n_parts };
}

static chn_status fill(struct fetcher *f, struct fetch_plan *plan,
                       const struct model_serving *serving, struct chn_err *err)
{
  struct arena *a = &plan->arena;
  plan->name = serving->name;
  plan->batch_end = serving->batch_end;
  plan->keys = serving->keys;
  plan->base = base_of(a, serving);
  plan->gb = (struct fetch_gb){
    .conf = serving->group_by,
    .temporal = serving->temporal,
    .entities = serving->entities,
    .tiled = serving->tiled,
    .key = serving->key,
    .value = serving->value,
    .stream = serving->stream,
    .aggs = serving->aggs,
    .input_of = serving->input_of,
    .ts_field = serving->ts_field,
    .before_field = serving->before_field,
  };
  chn_status s =
      kv_dataset(f->store, model_dataset(a, plan->name, "_BATCH"), &plan->gb.batch_set, err);
  if (s == CHN_OK) {
    s = kv_dataset(f->store, model_dataset(a, plan->name, "_STREAMING"), &plan->gb.stream_set, err);
  }
  return s;
}

chn_status fetch_make_group_by(struct fetcher *f, const char *text, size_t len,
                               struct fetch_plan **out, struct chn_err *err)
{
  struct fetch_plan *plan = fetch_plan_new(f, FETCH_GROUP_BY, text, len);
  struct model_serving serving;
  chn_status s = model_serving_read(&plan->arena, plan->text, len, &serving, err);
  if (s == CHN_OK) {
    s = fill(f, plan, &serving, err);
  }
  if (s != CHN_OK) {
    fetch_plan_release(plan);
    return s;
  }
  plan_derivations(f, plan);
  plan->keeps = keep_span_of(plan);
  *out = plan;
  return CHN_OK;
}
