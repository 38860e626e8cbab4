#include "model/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "model/fields.h"

const char *model_sanitize(struct arena *a, const char *name)
{
  char *copy = arena_strdup(a, name);
  for (char *c = copy; *c != '\0'; c++) {
    if (!isalnum((unsigned char)*c) || (unsigned char)*c > 0x7f) {
      *c = '_';
    }
  }
  return copy;
}

/// The sanitised name of what this describes, "" without one.
static const char *clean_name(struct arena *a, const struct model_meta_data *m)
{
  return m != NULL && m->name != NULL ? model_sanitize(a, m->name) : "";
}

const char *model_table(struct arena *a, const struct model_meta_data *m, const char *suffix)
{
  const char *name = clean_name(a, m);
  return m != NULL && m->output_namespace != NULL
             ? arena_printf(a, "%s.%s%s", m->output_namespace, name, suffix)
             : arena_printf(a, "%s%s", name, suffix);
}

const char *model_file_path(struct arena *a, const struct model_meta_data *m)
{
  char *path = arena_strdup(a, m->name);
  char *dot = strchr(path, '.');
  if (dot != NULL) {
    *dot = '/';
  }
  return path;
}

const char *model_join_output_table(struct arena *a, const struct model_join *j)
{
  const bool transformed = j->model_transforms != NULL && j->model_transforms->n_transforms > 0;
  return model_table(a, j->meta_data, transformed ? "_pre_mt" : "");
}

const char *model_part_full_prefix(struct arena *a, const struct model_join_part *p)
{
  const char *name = p->group_by != NULL ? clean_name(a, p->group_by->meta_data) : "";
  return p->prefix != NULL ? arena_printf(a, "%s_%s", p->prefix, name) : name;
}

const char *model_part_table(struct arena *a, const struct model_join *j,
                             const struct model_join_part *p)
{
  return model_table(a, j->meta_data, arena_printf(a, "_%s", model_part_full_prefix(a, p)));
}

const char *model_part_column(struct arena *a, const struct model_join_part *p, const char *column)
{
  return arena_printf(a, "%s_%s", model_part_full_prefix(a, p), column);
}

// ---- columns of aggregations ------------------------------------------------------------------

/// `last3` for LAST_K with k = 3, else the operation in lower case.
static void add_operation(struct chn_buf *out, const struct model_aggregation *g)
{
  static const struct {
    enum model_operation operation;
    const char *name;
  } counted[] = {
    { MODEL_OP_LAST_K, "last" },
    { MODEL_OP_FIRST_K, "first" },
    { MODEL_OP_TOP_K, "top" },
    { MODEL_OP_BOTTOM_K, "bottom" },
  };
  for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
    if (counted[i].operation == g->operation) {
      const char *k = model_pair_find(g->arg_map, g->n_arg_map, "k");
      chn_buf_addf(out, "%s%s", counted[i].name, k != NULL ? k : "");
      return;
    }
  }
  for (const char *c = model_enums[MODEL_E_OPERATION].values[g->operation]; *c != '\0'; c++) {
    chn_buf_addc(out, (char)tolower((unsigned char)*c));
  }
}

const char *model_aggregation_column(struct arena *a, const struct model_aggregation *g,
                                     const struct model_window *w, const char *bucket)
{
  struct chn_buf out = { 0 };
  chn_buf_addf(&out, "%s_", g->input_column);
  add_operation(&out, g);
  if (w != NULL && w->length > 0 && w->length != INT32_MAX) {
    chn_buf_addf(&out, "_%d%c", w->length, w->time_unit == MODEL_HOURS ? 'h' : 'd');
  }
  if (bucket != NULL) {
    chn_buf_addf(&out, "_by_%s", bucket);
  }
  const char *column = arena_strndup(a, chn_buf_str(&out), out.len);
  chn_buf_deinit(&out);
  return column;
}

static int32_t or_one(int32_t n)
{
  return n > 0 ? n : 1;
}

static int32_t count_columns(const struct model_aggregation *g)
{
  return or_one(g->n_buckets) * or_one(g->n_windows);
}

static int32_t put_columns(struct arena *a, const struct model_aggregation *g, const char **out)
{
  int32_t n = 0;
  for (int32_t b = 0; b < or_one(g->n_buckets); b++) {
    for (int32_t w = 0; w < or_one(g->n_windows); w++) {
      out[n++] = model_aggregation_column(a, g, g->n_windows > 0 ? &g->windows[w] : NULL,
                                          g->n_buckets > 0 ? g->buckets[b] : NULL);
    }
  }
  return n;
}

const char **model_aggregation_columns(struct arena *a, const struct model_aggregation *g,
                                       int32_t *n)
{
  const char **columns = arena_calloc(a, (size_t)count_columns(g), sizeof *columns);
  *n = put_columns(a, g, columns);
  return columns;
}

static bool is_among(const char *name, const char *const *names, int32_t n)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(name, names[i]) == 0) {
      return true;
    }
  }
  return false;
}

/// The columns of a GroupBy whose source has one row a key already.
static const char **selected_values(struct arena *a, const struct model_group_by *g, int32_t *n)
{
  static const char *const reserved[] = { "ts", "ds", "is_before", "mutation_ts" };
  *n = 0;
  const struct model_query *q = g->n_sources > 0 ? model_source_query(&g->sources[0]) : NULL;
  const int32_t n_selects = q != NULL ? q->n_selects : 0;
  const char **columns = arena_calloc(a, (size_t)n_selects, sizeof *columns);
  for (int32_t i = 0; i < n_selects; i++) {
    const char *name = q->selects[i].key;
    if (!is_among(name, g->key_columns, g->n_key_columns) && !is_among(name, reserved, 4)) {
      columns[(*n)++] = name;
    }
  }
  return columns;
}

const char **model_group_by_columns(struct arena *a, const struct model_group_by *g, int32_t *n)
{
  if (g->aggregations == NULL) {
    return selected_values(a, g, n);
  }
  int32_t total = 0;
  for (int32_t i = 0; i < g->n_aggregations; i++) {
    total += count_columns(&g->aggregations[i]);
  }
  const char **columns = arena_calloc(a, (size_t)total, sizeof *columns);
  *n = 0;
  for (int32_t i = 0; i < g->n_aggregations; i++) {
    *n += put_columns(a, &g->aggregations[i], columns + *n);
  }
  return columns;
}

// ---- external sources -------------------------------------------------------------------------

const char *model_external_prefix(struct arena *a, const struct model_external_part *p)
{
  const char *name = p->source != NULL ? clean_name(a, p->source->meta_data) : "";
  return p->prefix != NULL ? arena_printf(a, "ext_%s_%s", p->prefix, name)
                           : arena_printf(a, "ext_%s", name);
}

const char *model_external_column(struct arena *a, const struct model_external_part *p,
                                  const char *field)
{
  return arena_printf(a, "%s_%s", model_external_prefix(a, p), field);
}

bool model_external_is_contextual(const struct model_external_part *p)
{
  const struct model_meta_data *m = p->source != NULL ? p->source->meta_data : NULL;
  return m != NULL && m->name != NULL && strcmp(m->name, "contextual") == 0;
}

// ---- sources and keys -------------------------------------------------------------------------

const char *model_left_key(const struct model_pair *key_mapping, int32_t n, const char *key)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(key_mapping[i].value, key) == 0) {
      return key_mapping[i].key;
    }
  }
  return key;
}

enum model_accuracy model_infer_accuracy(const struct model_group_by *g)
{
  if (model_has(g->set, MODEL_GROUP_BY_ACCURACY)) {
    return g->accuracy;
  }
  for (int32_t i = 0; i < g->n_sources; i++) {
    if (model_source_topic(&g->sources[i]) != NULL) {
      return MODEL_TEMPORAL;
    }
  }
  return MODEL_SNAPSHOT;
}

const char *model_source_topic(const struct model_source *s)
{
  if (s->events != NULL) {
    return s->events->topic;
  }
  if (s->entities != NULL) {
    return s->entities->mutation_topic;
  }
  const struct model_join *j = s->join_source != NULL ? s->join_source->join : NULL;
  return j != NULL && j->left != NULL ? model_source_topic(j->left) : NULL;
}

bool model_source_is_entities(const struct model_source *s)
{
  while (s->join_source != NULL && s->join_source->join != NULL &&
         s->join_source->join->left != NULL) {
    s = s->join_source->join->left;
  }
  return s->entities != NULL;
}

const struct model_query *model_source_query(const struct model_source *s)
{
  if (s->events != NULL) {
    return s->events->query;
  }
  if (s->entities != NULL) {
    return s->entities->query;
  }
  return s->join_source != NULL ? s->join_source->query : NULL;
}

const char *model_source_table(struct arena *a, const struct model_source *s)
{
  if (s->events != NULL) {
    return s->events->table;
  }
  if (s->entities != NULL) {
    return s->entities->snapshot_table;
  }
  const struct model_join *j = s->join_source != NULL ? s->join_source->join : NULL;
  return j != NULL ? model_table(a, j->meta_data, "") : NULL;
}

const char *model_table_without_subpartitions(struct arena *a, const char *table)
{
  return arena_strndup(a, table, strcspn(table, "/"));
}

const char *model_pair_find(const struct model_pair *pairs, int32_t n, const char *key)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(pairs[i].key, key) == 0) {
      return pairs[i].value;
    }
  }
  return NULL;
}
