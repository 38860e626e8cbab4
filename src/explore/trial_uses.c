// How definitions read a table: which of its columns are instants, and which is its day.
#include <string.h>

#include "explore/trial_int.h"
#include "model/names.h"
#include "warehouse/sql.h"

struct visit {
  struct arena *a;
  const char *table;
  struct trial_uses *out;
};

static void visit_join(struct visit *v, const struct model_join *join);

static bool is_table(const struct visit *v, const char *authored)
{
  return authored != NULL &&
         strcmp(model_table_without_subpartitions(v->a, authored), v->table) == 0;
}

/// An expression that is a bare column is an instant in the table itself.
static void add_instant(struct visit *v, const char *expression, bool tells_day)
{
  char *name = NULL;
  struct trial_uses *u = v->out;
  if (expression == NULL || !sql_expr_is_name(v->a, expression, &name)) {
    return;
  }
  if (tells_day) {
    u->day_of = name;
  }
  for (int32_t i = 0; i < u->n_instants; i++) {
    if (strcmp(u->instants[i], name) == 0) {
      return;
    }
  }
  if (u->n_instants < (int32_t)(sizeof u->instants / sizeof *u->instants)) {
    u->instants[u->n_instants++] = name;
  }
}

static void add_query(struct visit *v, const struct model_query *q, bool mutations)
{
  if (q == NULL) {
    return;
  }
  if (q->partition_column != NULL) {
    v->out->partition = q->partition_column;
  }
  add_instant(v, q->time_column, !mutations && !v->out->snapshot);
  add_instant(v, mutations ? q->mutation_time_column : NULL, true);
}

static void visit_source(struct visit *v, const struct model_source *s)
{
  if (s->events != NULL && is_table(v, s->events->table)) {
    v->out->partition = v->out->partition != NULL ? v->out->partition : "ds";
    v->out->snapshot = v->out->snapshot || s->events->is_cumulative;
    add_query(v, s->events->query, false);
  }
  if (s->entities != NULL && is_table(v, s->entities->snapshot_table)) {
    v->out->partition = v->out->partition != NULL ? v->out->partition : "ds";
    v->out->snapshot = true;
    add_query(v, s->entities->query, false);
  }
  if (s->entities != NULL && is_table(v, s->entities->mutation_table)) {
    v->out->partition = v->out->partition != NULL ? v->out->partition : "ds";
    add_query(v, s->entities->query, true);
  }
  if (s->join_source != NULL && s->join_source->join != NULL) {
    visit_join(v, s->join_source->join);
  }
}

static void visit_group_by(struct visit *v, const struct model_group_by *gb)
{
  for (int32_t i = 0; gb != NULL && i < gb->n_sources; i++) {
    visit_source(v, &gb->sources[i]);
  }
}

static void visit_join(struct visit *v, const struct model_join *join)
{
  if (join->left != NULL) {
    visit_source(v, join->left);
  }
  for (int32_t i = 0; i < join->n_join_parts; i++) {
    visit_group_by(v, join->join_parts[i].group_by);
  }
  for (int32_t i = 0; join->label_part != NULL && i < join->label_part->n_labels; i++) {
    visit_group_by(v, join->label_part->labels[i].group_by);
  }
  for (int32_t i = 0; i < join->n_bootstrap_parts; i++) {
    if (is_table(v, join->bootstrap_parts[i].table)) {
      v->out->partition = v->out->partition != NULL ? v->out->partition : "ds";
      add_query(v, join->bootstrap_parts[i].query, false);
    }
  }
}

void trial_uses(struct trial_run *r, const char *table, struct trial_uses *out)
{
  const struct codec_json *checks = codec_json_get(r->test, "checks");
  struct visit v = { r->a, table, out };
  *out = (struct trial_uses){ .n_instants = 0 };
  for (int32_t i = 0; i < checks->n; i++) {
    const char *error = NULL;
    const struct trial_definition *d = trial_definition(r, &checks->members[i].value, &error);
    if (d != NULL && d->kind == MODEL_GROUP_BY) {
      visit_group_by(&v, d->conf.as.group_by);
    } else if (d != NULL && d->kind == MODEL_JOIN) {
      visit_join(&v, d->conf.as.join);
    }
  }
}
