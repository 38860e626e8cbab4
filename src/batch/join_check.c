#include "batch/join_check.h"

#include <string.h>

#include "batch/analyze.h"
#include "batch/join_left.h"
#include "batch/left.h"
#include "batch/semantic.h"
#include "batch/source.h"
#include "model/names.h"

struct check {
  const struct join_side *s;
  struct analysis look;
  bool stored;               ///< the left rows are those of the bootstrap table
  struct row_schema left;    ///< columns of the left side
  struct assembly described; ///< unless stored
  struct features values;    ///< of the parts looked at and of external sources
  bool whole;                ///< all of the join's values are known
};

// ---- the left side ----------------------------------------------------------------------------

static chn_status look_at_left(struct check *c, struct chn_err *err)
{
  const struct join_side *s = c->s;
  const char *sql = NULL;
  if (!c->stored) {
    chn_status status = join_left_describe(s, c->look.range, &c->described, err);
    c->left = status == CHN_OK ? *c->described.columns : (struct row_schema){ 0 };
    return status == CHN_OK ? left_check_instants(&c->left, s->events, err) : status;
  }
  chn_status status = join_left_rows(s, c->look.range, true, &sql, err);
  return status == CHN_OK ? wh_describe(s->job->wh, sql, s->job->arena, &c->left, err) : status;
}

// ---- parts ------------------------------------------------------------------------------------

static bool is_chained(const struct model_group_by *gb)
{
  for (int32_t i = 0; i < gb->n_sources; i++) {
    if (gb->sources[i].join_source != NULL) {
      return true;
    }
  }
  return false;
}

static chn_status describe_part(struct check *c, const struct model_group_by *gb,
                                struct group_by_facts *facts, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < gb->n_sources && status == CHN_OK; i++) {
    const struct model_query *q = model_source_query(&gb->sources[i]);
    status = q != NULL ? source_setups(c->s->job, q->setups, q->n_setups, err) : CHN_OK;
  }
  if (status == CHN_OK) {
    status = analysis_group_by_sql(&c->look, gb, facts, err);
  }
  return status == CHN_OK ? analysis_group_by_schema(&c->look, gb, facts, err) : status;
}

/// Keys whose types nobody knows yet.
static struct row_schema key_names(struct arena *a, const struct model_group_by *gb)
{
  struct row_field *keys = arena_calloc(a, (size_t)gb->n_key_columns + 1, sizeof *keys);
  for (int32_t i = 0; i < gb->n_key_columns; i++) {
    keys[i].name = gb->key_columns[i];
  }
  return (struct row_schema){ keys, gb->n_key_columns };
}

static void look_at_part(struct check *c, int32_t i)
{
  struct arena *a = c->s->job->arena;
  const struct model_join_part *def = c->s->parts.defs[i];
  const char *prefix = c->s->parts.prefixes[i];
  struct group_by_facts facts = { .keys = key_names(a, def->group_by) };
  struct chn_err err = { 0 };
  if (is_chained(def->group_by)) {
    c->whole = false;
  } else if (describe_part(c, def->group_by, &facts, &err) != CHN_OK) {
    c->whole = false;
    analysis_problem(&c->look, arena_printf(a, "part %s", prefix), &err);
    return;
  }
  analysis_check_keys(&c->look, def, &c->left, &facts.keys);
  for (int32_t k = 0; k < facts.features.n; k++) {
    struct feature feature = facts.features.at[k];
    feature.name = arena_printf(a, "%s_%s", prefix, feature.name);
    features_add(a, &c->values, feature);
  }
}

static void look_at_parts(struct check *c, const int32_t *chosen, int32_t n)
{
  const struct model_join *j = c->s->join;
  c->whole = chosen == NULL;
  for (int32_t i = 0; i < (chosen != NULL ? n : c->s->parts.n); i++) {
    look_at_part(c, chosen != NULL ? chosen[i] : i);
  }
  for (int32_t i = 0; i < j->n_online_external_parts; i++) {
    const struct model_external_part *p = &j->online_external_parts[i];
    if (p->source->offline_group_by == NULL) {
      analysis_external_values(&c->look, p, &c->values);
    }
  }
}

// ---- bootstrap parts --------------------------------------------------------------------------

/// Adds the derivations of the join, where all that they may name is known.
static chn_status add_derived(struct check *c, struct features *out, struct chn_err *err)
{
  const struct model_join *j = c->s->join;
  if (!c->whole || j->n_derivations == 0) {
    return CHN_OK;
  }
  return analysis_derive(&c->look, j->derivations, j->n_derivations, &c->values, &c->left, out,
                         err);
}

/// Whether a list has a column of the name, and none of them the type; *have is the last one's.
static bool is_other(const struct features *list, const struct row_field *f,
                     const struct row_type **have)
{
  bool other = false;
  for (int32_t i = 0; i < list->n; i++) {
    if (strcmp(list->at[i].name, f->name) == 0 && list->at[i].type != NULL) {
      *have = list->at[i].type;
      other = true;
      if (row_type_equal(*have, f->type)) {
        return false;
      }
    }
  }
  return other;
}

static void check_types(struct check *c, const struct bootstrap_table *t, int32_t number,
                        const struct features *derived)
{
  for (int32_t i = 0; i < t->schema.n_fields; i++) {
    const struct row_field *f = &t->schema.fields[i];
    const struct row_type *have = NULL;
    if (!is_other(&c->values, f, &have) && !is_other(derived, f, &have)) {
      continue;
    }
    struct chn_err err = { 0 };
    struct chn_buf ours = { 0 };
    struct chn_buf theirs = { 0 };
    row_type_print(&ours, have);
    row_type_print(&theirs, f->type);
    chn_fail(&err, CHN_E_ARGUMENT, "\"%s\" is %s, and the join's is %s; cast it in the selects",
             f->name, chn_buf_str(&theirs), chn_buf_str(&ours));
    chn_buf_deinit(&ours);
    chn_buf_deinit(&theirs);
    analysis_problem(&c->look, arena_printf(c->s->job->arena, "bootstrap part %d", number), &err);
  }
}

/// Of a log types are those of Avro, which has fewer: they are not compared.
static chn_status look_at_bootstraps(struct check *c, struct chn_err *err)
{
  struct bootstrap b;
  struct features derived = { 0 };
  chn_status status = add_derived(c, &derived, err);
  if (status == CHN_OK && c->s->join->n_bootstrap_parts > 0) {
    status = assembly_bootstrap(&c->described, &b, err);
    for (int32_t i = 0; i < b.n && status == CHN_OK; i++) {
      if (!b.tables[i].log) {
        check_types(c, &b.tables[i], i + 1, &derived);
      }
    }
  }
  return status;
}

// ---- all together -----------------------------------------------------------------------------

/// One problem is the error; of several the error has all that fit.
static chn_status verdict(const struct check *c, struct chn_err *err)
{
  const struct batch_analysis *found = c->look.out;
  if (found->n_problems == 0) {
    return CHN_OK;
  }
  if (found->n_problems == 1) {
    return chn_fail(err, c->look.code, "%s", found->problems[0]);
  }
  struct chn_buf all = { 0 };
  for (int32_t i = 0; i < found->n_problems; i++) {
    chn_buf_addf(&all, "%s%s", i > 0 ? "; " : "", found->problems[i]);
  }
  chn_fail(err, c->look.code, "%d mistakes: %s", found->n_problems, chn_buf_str(&all));
  chn_buf_deinit(&all);
  return c->look.code;
}

static chn_status look(struct check *c, const int32_t *chosen, int32_t n, struct chn_err *err)
{
  struct chn_err problem = { 0 };
  chn_status status = look_at_left(c, err);
  if (status != CHN_OK) {
    return status; // without its columns nothing else can be said
  }
  look_at_parts(c, chosen, n);
  if (!c->stored && look_at_bootstraps(c, &problem) != CHN_OK) {
    c->look.code = c->look.out->n_problems == 0 ? problem.code : c->look.code;
    analysis_problem(&c->look, "join", &problem);
  }
  return verdict(c, err);
}

chn_status join_check(const struct join_side *s, const struct output *output,
                      const struct output_inputs *in, const int32_t *chosen, int32_t n_chosen,
                      struct chn_err *err)
{
  const struct batch_analyze_options what = { .skip_timestamps = true, .skip_permissions = true };
  struct batch_analysis found = { 0 };
  struct days *steps = NULL;
  size_t n = 0;
  bool changed = false;
  if (s->job->o->all_end_ds != NULL) {
    return CHN_OK; // batch_prepare has done it
  }
  chn_status status = output_steps(s->job, output, s->range, in, &steps, &n, err);
  if (status == CHN_OK) {
    status = semantic_changed(s, &changed, err);
  }
  if (status != CHN_OK || (n == 0 && !changed)) {
    return status;
  }
  struct check c = { .s = s,
                     .stored = chosen != NULL && s->job->o->use_cached_left,
                     .look = { .job = s->job,
                               .what = &what,
                               .out = &found,
                               .range = { s->range.last, s->range.last } } };
  status = look(&c, chosen, n_chosen, err);
  batch_analysis_deinit(&found);
  return status;
}
