#include "compile/display.h"

#include <string.h>

#include "model/names.h"

// ---- tables -----------------------------------------------------------------------------------

/// One mode and its tables, `<table><suffix>` each.
static void add_mode(struct codec_json_writer *w, struct arena *a, const char *mode,
                     const char *table, const char *const *suffixes, int32_t n)
{
  codec_json_key(w, mode);
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < n; i++) {
    const char *name = arena_printf(a, "%s%s", table, suffixes[i]);
    codec_json_string(w, name, strlen(name));
  }
  codec_json_end(w, ']');
}

static void add_table(struct codec_json_writer *w, struct arena *a, const char *mode,
                      const char *table, const char *suffix)
{
  add_mode(w, a, mode, table, &suffix, 1);
}

static bool has_topic(const struct model_group_by *g)
{
  for (int32_t i = 0; i < g->n_sources; i++) {
    const struct model_source *s = &g->sources[i];
    const char *topic = s->entities != NULL ? s->entities->mutation_topic
                        : s->events != NULL ? s->events->topic
                                            : NULL;
    if (topic != NULL && topic[0] != '\0') {
      return true;
    }
  }
  return false;
}

static void group_by_tables(struct arena *a, const struct model_group_by *g, const char *table,
                            struct codec_json_writer *w)
{
  if (g->backfill_start_date != NULL) {
    add_table(w, a, "backfill", table, "");
  }
  if (!g->meta_data->online) {
    return;
  }
  add_table(w, a, "upload", table, "_upload");
  // Upstream asks whether accuracy is truthy, and TEMPORAL is 0: of the two only SNAPSHOT counts.
  const bool snapshot = model_has(g->set, MODEL_GROUP_BY_ACCURACY) && g->accuracy == MODEL_SNAPSHOT;
  if (snapshot || has_topic(g)) {
    codec_json_key(w, "streaming");
    codec_json_null(w);
  }
}

static bool checks_consistency(struct arena *a, const struct model_meta_data *m)
{
  const struct codec_json *custom = NULL;
  if (m->custom_json == NULL || codec_json_parse(a, m->custom_json, strlen(m->custom_json),
                                                 "customJson", &custom, NULL) != CHN_OK) {
    return false;
  }
  const struct codec_json *v = codec_json_get(custom, "check_consistency");
  return v != NULL && v->kind == CODEC_JSON_BOOL && v->as.boolean;
}

static void join_tables(struct arena *a, const struct model_join *j, const char *table,
                        struct codec_json_writer *w)
{
  static const char *const labels[] = { "_labels", "_labeled", "_labeled_latest" };
  const struct model_meta_data *m = j->meta_data;
  const bool scheduled = m->offline_schedule == NULL || strcmp(m->offline_schedule, "@never") != 0;
  if (scheduled) {
    add_table(w, a, "backfill", table, "");
    add_table(w, a, "stats-summary", table, "_daily_stats");
  }
  if (checks_consistency(a, m)) {
    add_table(w, a, "consistency-metrics-compute", table, "_consistency");
  }
  if (m->sample_percent.value > 0) {
    add_table(w, a, "log-flattener", table, "_logged");
  }
  if (j->label_part != NULL) {
    add_mode(w, a, "label-join", table, labels, 3);
  }
  if (j->n_bootstrap_parts > 0 || scheduled) {
    add_table(w, a, "bootstrap", table, "_bootstrap");
  }
  if (j->n_join_parts == 0) {
    return;
  }
  codec_json_key(w, "join_parts");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    // As upstream's, without the namespace.
    const char *name = arena_printf(a, "%s_%s", model_sanitize(a, m->name),
                                    model_part_full_prefix(a, &j->join_parts[i]));
    codec_json_string(w, name, strlen(name));
  }
  codec_json_end(w, ']');
}

void display_tables(struct arena *a, const struct model_conf *conf, struct codec_json_writer *w)
{
  const struct model_meta_data *m = conf->meta_data;
  const bool placed = m->output_namespace != NULL && m->output_namespace[0] != '\0';
  const char *table = arena_printf(a, "%s.%s", placed ? m->output_namespace : "{{ db }}",
                                   model_sanitize(a, m->name));
  codec_json_begin(w, '{');
  switch (conf->kind) {
  case MODEL_GROUP_BY: group_by_tables(a, conf->as.group_by, table, w); break;
  case MODEL_JOIN: join_tables(a, conf->as.join, table, w); break;
  case MODEL_STAGING_QUERY: add_table(w, a, "backfill", table, ""); break;
  default: break;
  }
  codec_json_end(w, '}');
}

// ---- columns ----------------------------------------------------------------------------------

static void add(struct arena *a, struct display_columns *list, const char *name)
{
  const char **more = arena_alloc(a, ((size_t)list->n + 1) * sizeof *more);
  for (int32_t i = 0; i < list->n; i++) {
    more[i] = list->names[i];
  }
  more[list->n++] = name;
  list->names = more;
}

static bool has(const struct display_columns *list, const char *name)
{
  for (int32_t i = 0; i < list->n; i++) {
    if (strcmp(list->names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static bool is_expression(const struct model_derivation *d, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(d[i].expression, name) == 0) {
      return true;
    }
  }
  return false;
}

static void derive(struct arena *a, const struct display_columns *base,
                   const struct model_derivation *d, int32_t n, struct display_columns *out)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(d[i].name, "*") != 0) {
      add(a, out, d[i].name);
      continue;
    }
    for (int32_t b = 0; b < base->n; b++) {
      if (!is_expression(d, n, base->names[b])) {
        add(a, out, base->names[b]);
      }
    }
  }
}

/// Columns of a GroupBy: its values, with `keys` its keys too, derived.
static struct display_columns group_by_columns(struct arena *a, const struct model_group_by *g,
                                               bool keys)
{
  struct display_columns base = { .title = "output_columns" };
  struct display_columns out = base;
  base.names = model_group_by_columns(a, g, &base.n);
  for (int32_t i = 0; i < g->n_key_columns && keys; i++) {
    add(a, &base, g->key_columns[i]);
  }
  derive(a, &base, g->derivations, g->n_derivations, &out);
  return g->n_derivations > 0 ? out : base;
}

static void left_columns(struct arena *a, const struct model_join *j, struct display_columns *out)
{
  const struct model_query *q = j->left != NULL ? model_source_query(j->left) : NULL;
  for (int32_t i = 0; q != NULL && i < q->n_selects; i++) {
    add(a, out, q->selects[i].key);
  }
}

/// Left columns that feed a part's keys, each once.
static void key_columns(struct arena *a, const struct model_join *j,
                        const struct display_columns *left, struct display_columns *out)
{
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    const struct model_join_part *p = &j->join_parts[i];
    for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
      const char *key =
          model_left_key(p->key_mapping, p->n_key_mapping, p->group_by->key_columns[k]);
      if (has(left, key) && !has(out, key)) {
        add(a, out, key);
      }
    }
  }
}

static int32_t join_columns(struct arena *a, const struct model_join *j,
                            struct display_columns *lists)
{
  static const char *const titles[] = { "key_columns",      "left_columns",    "internal_columns",
                                        "external_columns", "derived_columns", "output_columns" };
  enum { KEYS, LEFT, INTERNAL, EXTERNAL, DERIVED, OUTPUT };
  for (int32_t i = 0; i < DISPLAY_LISTS; i++) {
    lists[i] = (struct display_columns){ .title = titles[i] };
  }
  struct display_columns base = { 0 };
  left_columns(a, j, &lists[LEFT]);
  key_columns(a, j, &lists[LEFT], &lists[KEYS]);
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    const struct display_columns part = group_by_columns(a, j->join_parts[i].group_by, false);
    for (int32_t c = 0; c < part.n; c++) {
      add(a, &lists[INTERNAL], model_part_column(a, &j->join_parts[i], part.names[c]));
      add(a, &base, lists[INTERNAL].names[lists[INTERNAL].n - 1]);
    }
  }
  for (int32_t i = 0; i < j->n_online_external_parts; i++) {
    const struct model_external_part *p = &j->online_external_parts[i];
    const struct model_data_type *t = p->source->value_schema;
    for (int32_t c = 0; t != NULL && c < t->n_params; c++) {
      add(a, &lists[EXTERNAL], model_external_column(a, p, t->params[c].name));
      add(a, &base, lists[EXTERNAL].names[lists[EXTERNAL].n - 1]);
    }
  }
  if (j->n_derivations == 0) {
    base.title = titles[OUTPUT];
    lists[DERIVED] = base; // an output without derivations stands in their place
    return DISPLAY_LISTS - 1;
  }
  derive(a, &base, j->derivations, j->n_derivations, &lists[DERIVED]);
  lists[OUTPUT].names = lists[DERIVED].names;
  lists[OUTPUT].n = lists[DERIVED].n;
  return DISPLAY_LISTS;
}

int32_t display_features(struct arena *a, const struct model_conf *conf,
                         struct display_columns *lists)
{
  if (conf->kind == MODEL_JOIN) {
    return join_columns(a, conf->as.join, lists);
  }
  if (conf->kind != MODEL_GROUP_BY) {
    return 0;
  }
  lists[0] = group_by_columns(a, conf->as.group_by, true);
  return 1;
}
