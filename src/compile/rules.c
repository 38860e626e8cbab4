// Chronon's validator: what a definition may not be, beyond what its constructors check. Compiled
// definitions count, and in place of those that this run compiles again, the new ones.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "compile/compile_int.h"
#include "model/names.h"

enum { ID_PRODUCTION = MODEL_META_DATA_PRODUCTION };

static bool is_off(const struct model_meta_data *m, int32_t id, bool value)
{
  return model_has(m->set, id) && !value;
}

static void add_error(struct chn_buf *errors, const char *text)
{
  if (errors->len > 0) {
    chn_buf_addc(errors, '\n');
  }
  chn_buf_adds(errors, text);
}

static bool includes(const struct model_join *join, const char *group_by)
{
  for (int32_t i = 0; i < join->n_join_parts; i++) {
    const struct model_meta_data *m = join->join_parts[i].group_by->meta_data;
    if (m && m->name && strcmp(m->name, group_by) == 0) {
      return true;
    }
  }
  return false;
}

static void add_name(struct chn_buf *names, const char *name)
{
  chn_buf_addf(names, "%s%s", names->len > 0 ? ", " : "", name);
}

/// The names of the online and of the production joins that include a GroupBy; not `except`.
static void joins_with(const struct run *run, const char *group_by, const struct model_join *except,
                       struct chn_buf *online, struct chn_buf *production)
{
  for (int32_t i = 0; i < run->compiled.n; i++) {
    const struct compiled *c = &run->compiled.items[i];
    if (c->kind == MODEL_JOIN && !c->stale && names_has(&c->uses, group_by)) {
      if (c->online) {
        add_name(online, c->name);
      }
      if (c->production) {
        add_name(production, c->name);
      }
    }
  }
  for (int32_t i = 0; i < run->n_units; i++) {
    const struct model_join *join = run->units[i]->conf.as.join;
    if (run->units[i]->conf.kind == MODEL_JOIN && join != except && includes(join, group_by)) {
      if (join->meta_data->online) {
        add_name(online, run->units[i]->name);
      }
      if (join->meta_data->production) {
        add_name(production, run->units[i]->name);
      }
    }
  }
}

static bool is_date(const char *s)
{
  static const char pattern[] = "0000-00-00";
  for (size_t i = 0; pattern[i]; i++) {
    if (pattern[i] == '0' ? !isdigit((unsigned char)s[i]) : s[i] != '-') {
      return false;
    }
  }
  return true;
}

static void check_deprecation(struct arena *a, const struct model_meta_data *m, const char *what,
                              struct chn_buf *errors)
{
  if (m->deprecation_date && !is_date(m->deprecation_date)) {
    add_error(errors, arena_printf(a, "%s %s: the deprecation date \"%s\" is not yyyy-MM-dd", what,
                                   m->name, m->deprecation_date));
  }
}

static void add_selects(struct arena *a, struct names *list, const struct model_source *source)
{
  const struct model_query *query = model_source_query(source);
  for (int32_t i = 0; query && i < query->n_selects; i++) {
    names_add(a, list, query->selects[i].key);
  }
}

/// What derivations of a GroupBy see: aggregated columns, or what is selected.
static struct names group_by_features(struct arena *a, const struct model_group_by *g)
{
  struct names list = { 0 };
  for (int32_t i = 0; i < g->n_aggregations; i++) {
    int32_t n = 0;
    const char **names = model_aggregation_columns(a, &g->aggregations[i], &n);
    for (int32_t k = 0; k < n; k++) {
      names_add(a, &list, names[k]);
    }
  }
  for (int32_t i = 0; g->n_aggregations == 0 && i < g->n_sources; i++) {
    add_selects(a, &list, &g->sources[i]);
  }
  return list;
}

static bool has_wildcard(const struct model_derivation *derivations, int32_t n)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(derivations[i].expression, "*") == 0) {
      return true;
    }
  }
  return false;
}

static bool is_derived_from(const struct model_derivation *derivations, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(derivations[i].expression, name) == 0) {
      return true;
    }
  }
  return false;
}

/// The columns after derivations; a wildcard leaves out what is renamed.
static struct names derived(struct arena *a, const struct names *from,
                            const struct model_derivation *derivations, int32_t n)
{
  if (n == 0) {
    return *from;
  }
  struct names list = { 0 };
  const bool wildcard = has_wildcard(derivations, n);
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(derivations[i].name, "*") != 0) {
      names_add(a, &list, derivations[i].name);
      continue;
    }
    for (int32_t k = 0; wildcard && k < from->n; k++) {
      if (!is_derived_from(derivations, n, from->items[k])) {
        names_add(a, &list, from->items[k]);
      }
    }
  }
  return list;
}

static struct names join_columns(struct arena *a, const struct model_join *j)
{
  struct names list = { 0 };
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    const struct model_join_part *part = &j->join_parts[i];
    const struct model_group_by *g = part->group_by;
    const struct names features = group_by_features(a, g);
    const struct names outputs = derived(a, &features, g->derivations, g->n_derivations);
    for (int32_t k = 0; k < outputs.n; k++) {
      names_add(a, &list, model_part_column(a, part, outputs.items[k]));
    }
  }
  for (int32_t i = 0; i < j->n_online_external_parts; i++) {
    const struct model_external_part *part = &j->online_external_parts[i];
    const struct model_data_type *schema = part->source->value_schema;
    for (int32_t k = 0; schema && k < schema->n_params; k++) {
      names_add(a, &list, model_external_column(a, part, schema->params[k].name));
    }
  }
  add_selects(a, &list, j->left);
  return list;
}

static bool is_identifier(const char *s)
{
  if (!isalpha((unsigned char)*s) && *s != '_') {
    return false;
  }
  while (isalnum((unsigned char)*s) || *s == '_') {
    s++;
  }
  return *s == '\0';
}

static void remove_column(struct names *list, const char *name)
{
  int32_t kept = 0;
  for (int32_t i = 0; i < list->n; i++) {
    if (strcmp(list->items[i], name) != 0) {
      list->items[kept++] = list->items[i];
    }
  }
  list->n = kept;
}

static void check_rename(struct arena *a, const struct names *known,
                         const struct model_derivation *d, struct chn_buf *errors)
{
  if (names_has(known, d->expression) || strcmp(d->expression, "ds") == 0 ||
      strcmp(d->expression, "ts") == 0) {
    return;
  }
  const char *nearest = chn_near(d->expression, known->items, (size_t)known->n);
  add_error(errors,
            arena_printf(a, "Incorrect derivation expression %s of %s: no such column%s%s%s",
                         d->expression, d->name, nearest ? " (did you mean \"" : "",
                         nearest ? nearest : "", nearest ? "\"?)" : ""));
}

void rules_derivations(const char *const *keys, int32_t n_keys, const char *const *columns,
                       int32_t n_columns, const struct model_derivation *derivations,
                       int32_t n_derivations, struct chn_buf *errors)
{
  struct arena a = { 0 };
  const bool wildcard = has_wildcard(derivations, n_derivations);
  struct names known = { 0 };
  struct names key_list = { 0 };
  struct names outputs = { 0 };
  for (int32_t i = 0; i < n_columns; i++) {
    names_add(&a, &known, columns[i]);
    if (wildcard) {
      names_add(&a, &outputs, columns[i]);
    }
  }
  for (int32_t i = 0; i < n_keys; i++) {
    names_add(&a, &key_list, keys[i]);
  }
  for (int32_t i = 0; i < n_derivations; i++) {
    const struct model_derivation *d = &derivations[i];
    if (is_identifier(d->expression)) {
      if (wildcard) {
        remove_column(&outputs, d->expression);
      }
      check_rename(&a, &known, d, errors);
    }
    if (strcmp(d->name, "*") == 0) {
      continue;
    }
    if (names_has(&outputs, d->name) && !names_has(&key_list, d->name)) {
      add_error(errors, arena_printf(&a,
                                     "Incorrect derivation name %s: a column of that name is "
                                     "there already",
                                     d->name));
    } else {
      names_add(&a, &outputs, d->name);
    }
  }
  arena_deinit(&a);
}

static void check_flags(struct run *run, struct model_group_by *g, const struct model_join *except,
                        struct chn_buf *errors)
{
  struct model_meta_data *m = g->meta_data;
  struct chn_buf online = { 0 };
  struct chn_buf production = { 0 };
  joins_with(run, m->name, except, &online, &production);
  if (online.len > 0 && is_off(m, MODEL_META_DATA_ONLINE, m->online)) {
    add_error(errors, arena_printf(run->arena,
                                   "group_by %s is explicitly offline, and these online joins "
                                   "include it: %s",
                                   m->name, online.data));
  }
  if (production.len > 0 && is_off(m, ID_PRODUCTION, m->production)) {
    add_error(errors, arena_printf(run->arena,
                                   "group_by %s is explicitly non-production, and these "
                                   "production joins include it: %s",
                                   m->name, production.data));
  } else if (production.len > 0) {
    m->production = true;
    m->set |= 1U << ID_PRODUCTION;
  }
  chn_buf_deinit(&online);
  chn_buf_deinit(&production);
}

/// @param except the join that is being checked itself, or NULL
static void check_group_by(struct run *run, struct model_group_by *g,
                           const struct model_join *except, struct chn_buf *errors)
{
  check_flags(run, g, except, errors);
  if (g->n_derivations > 0) {
    struct names columns = group_by_features(run->arena, g);
    for (int32_t i = 0; i < g->n_key_columns; i++) {
      names_add(run->arena, &columns, g->key_columns[i]);
    }
    rules_derivations(g->key_columns, g->n_key_columns, columns.items, columns.n, g->derivations,
                      g->n_derivations, errors);
  }
  check_deprecation(run->arena, g->meta_data, "group_by", errors);
  for (int32_t i = 0; i < g->n_sources; i++) {
    const struct model_event_source *events = g->sources[i].events;
    if (events && events->is_cumulative && !events->query->time_column) {
      add_error(errors, arena_printf(run->arena, "cumulative events of %s need a time_column",
                                     events->table));
    }
  }
}

/// Checks the GroupBys inside a join; false when one has errors.
static bool check_parts(struct run *run, struct model_join *j, struct chn_buf *errors)
{
  bool good = true;
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    struct model_group_by *g = j->join_parts[i].group_by;
    struct chn_buf own = { 0 };
    check_group_by(run, g, j, &own);
    if (own.len > 0) {
      good = false;
      add_error(errors, arena_printf(run->arena, "join %s's underlying %s: %s", j->meta_data->name,
                                     g->meta_data->name, own.data));
    }
    chn_buf_deinit(&own);
  }
  return good;
}

/// A production join makes its GroupBys production ones; one that says no contradicts it. An online
/// join needs online GroupBys: unset is not enough, for nobody would upload them.
static void check_part_flags(struct run *run, struct model_join *j, struct chn_buf *errors)
{
  struct chn_buf offline = { 0 };
  struct chn_buf non_production = { 0 };
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    struct model_meta_data *m = j->join_parts[i].group_by->meta_data;
    if (j->meta_data->online && !m->online) {
      add_name(&offline, m->name);
    }
    if (j->meta_data->production && is_off(m, ID_PRODUCTION, m->production)) {
      add_name(&non_production, m->name);
    }
  }
  if (offline.len > 0) {
    add_error(errors, arena_printf(run->arena,
                                   "join %s is online but includes the following offline "
                                   "group_bys: %s; pass online = true to them",
                                   j->meta_data->name, offline.data));
  }
  if (non_production.len > 0) {
    add_error(errors, arena_printf(run->arena,
                                   "join %s is production but includes the following non "
                                   "production group_bys: %s",
                                   j->meta_data->name, non_production.data));
  }
  chn_buf_deinit(&offline);
  chn_buf_deinit(&non_production);
}

static void check_join(struct run *run, struct model_join *j, struct chn_buf *errors)
{
  const bool parts_are_good = check_parts(run, j, errors);
  check_part_flags(run, j, errors);
  check_deprecation(run->arena, j->meta_data, "join", errors);
  if (j->n_derivations > 0 && parts_are_good) {
    struct names left = { 0 };
    add_selects(run->arena, &left, j->left);
    const struct names columns = join_columns(run->arena, j);
    rules_derivations(left.items, left.n, columns.items, columns.n, j->derivations,
                      j->n_derivations, errors);
  }
}

/// Whether the query has `{{ <macro> }}`, in any case and with any blanks.
static bool has_macro(const char *query, const char *macro)
{
  for (const char *at = strstr(query, "{{"); at; at = strstr(at + 1, "{{")) {
    const char *word = at + 2;
    word += strspn(word, " \t\r\n");
    if (strncasecmp(word, macro, strlen(macro)) == 0) {
      word += strlen(macro);
      word += strspn(word, " \t\r\n");
      if (strncmp(word, "}}", 2) == 0) {
        return true;
      }
    }
  }
  return false;
}

static void check_staging_query(struct run *run, const struct model_staging_query *q,
                                struct chn_buf *errors)
{
  const bool start = q->create_view && has_macro(q->query, "start_date");
  const bool end = q->create_view && has_macro(q->query, "end_date");
  if (start || end) {
    add_error(errors, arena_printf(run->arena,
                                   "the view cannot depend on a range of days, and its query has "
                                   "{{ %s }}: select all of the data",
                                   start ? "start_date" : "end_date"));
  }
}

void rules_check(struct run *run, struct unit *unit)
{
  struct chn_buf errors = { 0 };
  switch (unit->conf.kind) {
  case MODEL_GROUP_BY: check_group_by(run, unit->conf.as.group_by, NULL, &errors); break;
  case MODEL_JOIN: check_join(run, unit->conf.as.join, &errors); break;
  case MODEL_STAGING_QUERY: check_staging_query(run, unit->conf.as.staging_query, &errors); break;
  default: break;
  }
  if (errors.len > 0) {
    unit_fail(run, unit, "%s", errors.data);
  }
  chn_buf_deinit(&errors);
}
