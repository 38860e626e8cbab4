// A plan of a join: its parts' plans, where their keys come from and where their columns go.
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "fetcher/keep_int.h"
#include "model/json.h"
#include "model/names.h"

/// Schemas that grow while a plan is made.
struct growing {
  struct arena *a;
  struct row_field *fields;
  int32_t n;
  int32_t room;
};

static void grow(struct growing *g, struct row_field field)
{
  if (g->n == g->room) {
    const int32_t room = g->room > 0 ? 2 * g->room : 32;
    struct row_field *fields = arena_calloc(g->a, (size_t)room, sizeof *fields);
    if (g->n > 0) {
      memcpy(fields, g->fields, (size_t)g->n * sizeof *fields);
    }
    g->fields = fields;
    g->room = room;
  }
  g->fields[g->n++] = field;
}

/// The join's key of a name. The first type that a name has is the one requests are cast to; parts
/// of another type cast again.
static int32_t key_index(struct growing *keys, const char *name, const struct row_type *type)
{
  const struct row_schema s = { keys->fields, keys->n };
  const int32_t at = row_schema_find(&s, name);
  if (at >= 0 || type == NULL) {
    return at;
  }
  grow(keys, (struct row_field){ name, type });
  return keys->n - 1;
}

// ---- parts ------------------------------------------------------------------------------------

static void part_keys(struct arena *a, struct fetch_part *p, struct growing *keys)
{
  const struct model_group_by *gb = p->conf->group_by;
  const struct row_schema *own = p->plan != NULL ? &p->plan->keys : NULL;
  p->n_keys = own != NULL ? own->n_fields : gb->n_key_columns;
  int32_t *at = arena_calloc(a, (size_t)p->n_keys + 1, sizeof *at);
  const char **names = arena_calloc(a, (size_t)p->n_keys + 1, sizeof *names);
  struct chn_buf list = { 0 };
  for (int32_t i = 0; i < p->n_keys; i++) {
    const char *key = own != NULL ? own->fields[i].name : gb->key_columns[i];
    names[i] = model_left_key(p->conf->key_mapping, p->conf->n_key_mapping, key);
    at[i] = key_index(keys, names[i], own != NULL ? own->fields[i].type : NULL);
    chn_buf_addf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
  }
  p->keys = at;
  p->left_names = names;
  p->required = arena_strdup(a, chn_buf_str(&list));
  chn_buf_deinit(&list);
}

static chn_status add_part(struct fetcher *f, struct kv_reader *reader, struct fetch_plan *plan,
                           const struct model_join_part *conf, struct growing *keys,
                           struct growing *base, struct chn_err *err)
{
  struct arena *a = &plan->arena;
  struct fetch_part *p = &plan->join.parts[plan->join.n_parts];
  if (conf->group_by == NULL || conf->group_by->meta_data == NULL ||
      conf->group_by->meta_data->name == NULL) {
    return chn_fail(err, CHN_E_CORRUPT, "join part %d has no GroupBy with a name",
                    (int)plan->join.n_parts + 1);
  }
  struct chn_err why;
  p->conf = conf;
  p->prefix = model_part_full_prefix(a, conf);
  p->exception = arena_printf(a, "%s_exception", p->prefix);
  p->slot = fetch_meta_slot(f, FETCH_GROUP_BY, conf->group_by->meta_data->name, true);
  if (fetch_meta_plan(f, reader, p->slot, &p->plan, &why) != CHN_OK) {
    p->failure = arena_strdup(a, why.msg);
  }
  plan->join.n_parts++;
  p->first = base->n;
  part_keys(a, p, keys);
  for (int32_t i = 0; p->plan != NULL && i < p->plan->features.n_fields; i++) {
    const struct row_field *from = &p->plan->features.fields[i];
    grow(base, (struct row_field){ model_part_column(a, conf, from->name), from->type });
  }
  if (p->plan != NULL && (plan->batch_end == INT64_MIN || p->plan->batch_end < plan->batch_end)) {
    plan->batch_end = p->plan->batch_end;
  }
  return CHN_OK;
}

// ---- external parts ---------------------------------------------------------------------------

/// A data type of a definition; NULL when it is none.
static const struct row_type *type_of(struct arena *a, const struct model_data_type *t, int depth)
{
  if (t == NULL || t->kind < ROW_BOOLEAN || t->kind > ROW_STRUCT || depth > AVRO_MAX_DEPTH) {
    return NULL;
  }
  if (t->kind < ROW_MAP) {
    return row_scalar((enum row_kind)t->kind);
  }
  struct row_field *fields = arena_calloc(a, (size_t)t->n_params + 1, sizeof *fields);
  for (int32_t i = 0; i < t->n_params; i++) {
    fields[i].name = t->params[i].name;
    fields[i].type = type_of(a, t->params[i].data_type, depth + 1);
    if (fields[i].type == NULL || (t->kind == ROW_STRUCT && fields[i].name == NULL)) {
      return NULL;
    }
  }
  if (t->kind == ROW_STRUCT) {
    return row_struct_of(a, t->name, fields, t->n_params);
  }
  if (t->n_params != (t->kind == ROW_MAP ? 2 : 1)) {
    return NULL;
  }
  return t->kind == ROW_LIST ? row_list_of(a, fields[0].type)
                             : row_map_of(a, fields[0].type, fields[1].type);
}

static chn_status schema_of(struct arena *a, const struct model_data_type *t, const char *what,
                            const char *source, struct row_schema *out, struct chn_err *err)
{
  const struct row_type *type = type_of(a, t, 0);
  if (type == NULL || type->kind != ROW_STRUCT) {
    return chn_fail(err, CHN_E_CORRUPT, "external source %s: its %s is no struct", source, what);
  }
  *out = (struct row_schema){ type->fields, type->n_fields };
  return CHN_OK;
}

static chn_status add_ext(struct fetch_plan *plan, const struct model_external_part *conf,
                          struct growing *keys, struct growing *base, struct chn_err *err)
{
  struct arena *a = &plan->arena;
  struct fetch_ext *e = &plan->join.exts[plan->join.n_exts++];
  const struct model_external_source *source = conf->source;
  if (source == NULL || source->meta_data == NULL || source->meta_data->name == NULL) {
    return chn_fail(err, CHN_E_CORRUPT, "external part %d has no source with a name",
                    (int)plan->join.n_exts);
  }
  e->conf = conf;
  e->source = source->meta_data->name;
  e->prefix = model_external_prefix(a, conf);
  e->exception = arena_printf(a, "%s_exception", e->prefix);
  e->contextual = model_external_is_contextual(conf);
  chn_status s = schema_of(a, source->key_schema, "keySchema", e->source, &e->keys, err);
  if (s == CHN_OK) {
    s = schema_of(a, source->value_schema, "valueSchema", e->source, &e->values, err);
  }
  if (s == CHN_OK && !e->contextual) {
    s = avro_schema_of(a, "Key", &e->keys, AVRO_NAMES_OF_TYPES, &e->key, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  int32_t *at = arena_calloc(a, (size_t)e->keys.n_fields + 1, sizeof *at);
  const char **names = arena_calloc(a, (size_t)e->keys.n_fields + 1, sizeof *names);
  for (int32_t i = 0; i < e->keys.n_fields; i++) {
    names[i] = model_left_key(conf->key_mapping, conf->n_key_mapping, e->keys.fields[i].name);
    at[i] = key_index(keys, names[i], e->keys.fields[i].type);
  }
  e->key_at = at;
  e->left_names = names;
  e->first = base->n;
  for (int32_t i = 0; i < e->values.n_fields; i++) {
    grow(base, (struct row_field){ model_external_column(a, conf, e->values.fields[i].name),
                                   e->values.fields[i].type });
  }
  return CHN_OK;
}

// ---- the whole --------------------------------------------------------------------------------

static chn_status add_all(struct fetcher *f, struct kv_reader *reader, struct fetch_plan *plan,
                          struct chn_err *err)
{
  const struct model_join *conf = plan->join.conf;
  struct growing keys = { .a = &plan->arena };
  struct growing base = { .a = &plan->arena };
  plan->join.parts =
      arena_calloc(&plan->arena, (size_t)conf->n_join_parts + 1, sizeof *plan->join.parts);
  plan->join.exts = arena_calloc(&plan->arena, (size_t)conf->n_online_external_parts + 1,
                                 sizeof *plan->join.exts);
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < conf->n_join_parts && s == CHN_OK; i++) {
    s = add_part(f, reader, plan, &conf->join_parts[i], &keys, &base, err);
  }
  for (int32_t i = 0; i < conf->n_online_external_parts && s == CHN_OK; i++) {
    s = add_ext(plan, &conf->online_external_parts[i], &keys, &base, err);
  }
  plan->keys = (struct row_schema){ keys.fields, keys.n };
  plan->base = (struct row_schema){ base.fields, base.n };
  return s;
}

static void derive(struct fetcher *f, struct fetch_plan *plan)
{
  const struct model_join *conf = plan->join.conf;
  struct chn_err err;
  plan->features = plan->base;
  if (conf->n_derivations > 0 && plan->base.n_fields > 0 &&
      fetch_derive_plan(f, &plan->arena, conf->derivations, conf->n_derivations, &plan->keys,
                        &plan->base, &plan->derive, &plan->features, &err) != CHN_OK) {
    plan->join.codec_failure = arena_strdup(&plan->arena, err.msg);
    plan->derive = NULL;
    plan->features = (struct row_schema){ 0 };
  }
}

/// Upstream answers a join that its team's list does not have with this one entry.
static void check_entity(struct fetcher *f, struct kv_reader *reader, struct fetch_plan *plan)
{
  const struct model_meta_data *m = plan->join.conf->meta_data;
  if (f->options.check_entities && !fetch_meta_is_listed(f, reader, "joins", m, plan->name)) {
    plan->join.refused = arena_printf(&plan->arena, "Invalid entity %s", plan->name);
    plan->join.refused_name = arena_printf(&plan->arena, "%s_exception", plan->name);
  }
}

chn_status fetch_make_join(struct fetcher *f, struct kv_reader *reader, const char *text,
                           size_t len, struct fetch_plan **out, struct chn_err *err)
{
  struct fetch_plan *plan = fetch_plan_new(f, FETCH_JOIN, text, len);
  struct model_conf conf;
  chn_status s = model_read_json(&plan->arena, plan->text, len, MODEL_JOIN, "Join", &conf, err);
  if (s == CHN_OK && conf.name == NULL) {
    s = chn_fail(err, CHN_E_CORRUPT, "the Join has no metaData.name");
  }
  if (s == CHN_OK) {
    plan->join.conf = conf.as.join;
    plan->name = conf.name;
    s = add_all(f, reader, plan, err);
  }
  if (s != CHN_OK) {
    fetch_plan_release(plan);
    return s;
  }
  if (conf.as.join->model_transforms != NULL && conf.as.join->model_transforms->n_transforms > 0) {
    plan->join.refused = arena_printf(
        &plan->arena,
        "join %s has model transforms, which this program does not run; fetch a join without them "
        "and call the model with its features",
        plan->name);
  }
  derive(f, plan);
  check_entity(f, reader, plan);
  plan->keeps = keep_span_of(plan);
  *out = plan;
  return CHN_OK;
}
