// The schemas a job would have and what would stop it, found by rendering and describing its
// queries: of the data only the first rows' instants are looked at, and the keys where asked.
#include "batch/analyze.h"

#include <string.h>

#include "base/time.h"
#include "batch/output.h"
#include "batch/part.h"
#include "batch/source.h"
#include "batch/staging_query.h"
#include "model/names.h"

enum { DAYS_LOOKED_AT = 3 }; ///< before the end, unless --start-ds says

// ---- a GroupBy --------------------------------------------------------------------------------

/// Whether each source's table can be read; runs the sources' setup statements.
static chn_status open_sources(struct analysis *w, const struct model_group_by *gb,
                               struct group_by_facts *facts, struct chn_err *err)
{
  facts->readable = true;
  for (int32_t i = 0; i < gb->n_sources; i++) {
    const struct model_source *s = &gb->sources[i];
    const struct model_query *q = model_source_query(s);
    chn_status status = q != NULL ? source_setups(w->job, q->setups, q->n_setups, err) : CHN_OK;
    if (status != CHN_OK) {
      return status;
    }
    facts->readable &= analysis_check_readable(
        w, gb->meta_data->name, model_source_table(w->job->arena, s), source_partition_column(q));
  }
  return CHN_OK;
}

/// A join that is a source and was never computed has no table to describe.
static chn_status explain_chain(const struct model_group_by *gb, struct chn_err *err)
{
  for (int32_t i = 0; i < gb->n_sources && err->code == CHN_E_NOT_FOUND; i++) {
    const struct model_join_source *s = gb->sources[i].join_source;
    if (s != NULL && s->join != NULL && s->join->meta_data != NULL) {
      return chn_wrap(err, "its source is the join %s; backfill that first",
                      s->join->meta_data->name);
    }
  }
  return err->code;
}

static chn_status group_by_hitters(struct analysis *w, const struct model_group_by *gb,
                                   const struct group_by_facts *facts, struct chn_err *err)
{
  struct chn_buf tables = { 0 };
  for (int32_t i = 0; i < gb->n_sources; i++) {
    chn_buf_addf(&tables, "%s%s", i > 0 ? "," : "",
                 model_source_table(w->job->arena, &gb->sources[i]));
  }
  chn_status status =
      analysis_hitters(w, chn_buf_str(&tables), facts->sql, &facts->schema,
                       (const char *const *)gb->key_columns, gb->n_key_columns, err);
  chn_buf_deinit(&tables);
  return status;
}

static chn_status look_at_group_by(struct analysis *w, const struct model_group_by *gb,
                                   struct group_by_facts *facts, struct chn_err *err)
{
  *facts = (struct group_by_facts){ 0 };
  chn_status status = open_sources(w, gb, facts, err);
  if (status == CHN_OK) {
    status = analysis_group_by_sql(w, gb, facts, err);
  }
  if (status != CHN_OK && !facts->readable) {
    w->whole = false; // a table that cannot be read is told already
    return CHN_OK;
  }
  if (status != CHN_OK) {
    return explain_chain(gb, err);
  }
  status = analysis_group_by_schema(w, gb, facts, err);
  facts->described = status == CHN_OK;
  if (status == CHN_OK && facts->readable) {
    analysis_check_times(w, gb->meta_data->name, facts->sql, &facts->schema);
    status = w->what->hitters ? group_by_hitters(w, gb, facts, err) : CHN_OK;
  }
  if (status == CHN_OK) {
    analysis_check_avro(w, gb, facts);
  }
  return status;
}

static void tell_features(struct analysis *w, const char *role, const char *part,
                          const struct features *list)
{
  for (int32_t i = 0; i < list->n; i++) {
    analysis_column(w, role, part, &list->at[i]);
  }
}

/// The first day of the range that the output lacks and an input has; false when there is none.
static chn_status first_missing(struct analysis *w, const char *table, struct days range,
                                const struct output_inputs *in, bool *any, int32_t *day,
                                struct chn_err *err)
{
  const struct output output = { .table = table };
  struct days *steps = NULL;
  size_t n = 0;
  chn_status status = output_steps(w->job, &output, range, in, &steps, &n, err);
  *any = status == CHN_OK && n > 0;
  *day = *any ? steps[0].first : 0;
  return status;
}

static chn_status analyze_group_by(struct analysis *w, const struct model_group_by *gb,
                                   struct chn_err *err)
{
  struct group_by_facts facts;
  const char *table = model_table(w->job->arena, gb->meta_data, "");
  const char *start = gb->backfill_start_date;
  const struct output_inputs unchecked = { .unchecked = true };
  struct days range = { w->range.last, w->range.last };
  bool any = false;
  int32_t first = 0;
  w->out->table = arena_strdup(&w->out->arena, table);
  chn_status status = look_at_group_by(w, gb, &facts, err);
  if (status == CHN_OK && start != NULL && start[0] != '\0') {
    status = chn_day_of_ds(start, &range.first, err);
  }
  if (status == CHN_OK) {
    status = first_missing(w, table, range, &unchecked, &any, &first, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  analysis_schema(w, "key", NULL, &facts.keys);
  tell_features(w, "output", NULL, &facts.features);
  if (any) {
    analysis_check_days(w, gb, ANALYSIS_NO_LEFT, first, false);
  }
  return CHN_OK;
}

// ---- a Join -----------------------------------------------------------------------------------

struct join_facts {
  const struct model_join *join;
  struct part_list parts;
  const char *left_sql;
  struct row_schema left;
  bool readable;          ///< the left table is
  bool described;         ///< the left side is known
  bool any;               ///< a day is missing
  int32_t first;          ///< the first one
  struct features values; ///< of all parts and external sources
};

/// The left columns that are keys of parts, in the left's order.
static struct row_schema left_key_columns(struct arena *a, const struct join_facts *f)
{
  struct row_field *keys = arena_alloc(a, ((size_t)f->left.n_fields + 1) * sizeof *keys);
  int32_t n = 0;
  for (int32_t c = 0; c < f->left.n_fields; c++) {
    bool is_key = false;
    for (int32_t i = 0; i < f->parts.n && !is_key; i++) {
      const struct model_join_part *p = f->parts.defs[i];
      for (int32_t k = 0; k < p->group_by->n_key_columns && !is_key; k++) {
        is_key = strcmp(f->left.fields[c].name, model_left_key(p->key_mapping, p->n_key_mapping,
                                                               p->group_by->key_columns[k])) == 0;
      }
    }
    if (is_key) {
      keys[n++] = f->left.fields[c];
    }
  }
  return (struct row_schema){ keys, n };
}

static chn_status join_hitters(struct analysis *w, const struct join_facts *f, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const struct row_schema keys = left_key_columns(a, f);
  const char **names = arena_alloc(a, ((size_t)keys.n_fields + 1) * sizeof *names);
  for (int32_t i = 0; i < keys.n_fields; i++) {
    names[i] = keys.fields[i].name;
  }
  return analysis_hitters(w, model_source_table(a, f->join->left), f->left_sql, &f->left, names,
                          keys.n_fields, err);
}

static chn_status look_at_left(struct analysis *w, struct join_facts *f, struct chn_err *err)
{
  const struct model_query *q = model_source_query(f->join->left);
  const char *table = model_source_table(w->job->arena, f->join->left);
  chn_status status = q != NULL ? source_setups(w->job, q->setups, q->n_setups, err) : CHN_OK;
  if (status == CHN_OK) {
    f->readable = analysis_check_readable(w, "left", table, source_partition_column(q));
    status = source_left_sql(w->job, f->join->left, w->range, &f->left_sql, err);
  }
  if (status == CHN_OK) {
    status = wh_describe(w->job->wh, f->left_sql, w->job->arena, &f->left, err);
  }
  f->described = status == CHN_OK;
  if (status != CHN_OK && !f->readable) {
    return CHN_OK; // told already
  }
  if (status == CHN_OK && f->readable) {
    analysis_check_times(w, "left", f->left_sql, &f->left);
    status = w->what->hitters ? join_hitters(w, f, err) : CHN_OK;
  }
  return status;
}

/// Finds the first missing day; a left side without partitions is a problem.
static chn_status find_missing(struct analysis *w, struct join_facts *f, struct chn_err *err)
{
  const struct model_join *j = f->join;
  const struct model_query *q = model_source_query(j->left);
  const char *table = model_source_table(w->job->arena, j->left);
  const char *column = source_partition_column(q);
  const struct output_inputs in = { .tables = &table, .columns = &column, .n = 1 };
  struct days range = { w->range.last, w->range.last };
  struct day_set have = { 0 };
  bool partitioned = false;
  if (w->what->schemas_only) {
    return CHN_OK;
  }
  chn_status status = source_days(w->job, table, column, &partitioned, &have, err);
  if (status == CHN_OK && have.n == 0 && (q == NULL || q->start_partition == NULL)) {
    struct chn_err problem;
    chn_fail(&problem, CHN_E_NOT_FOUND, "%s has no partitions", table);
    analysis_problem(w, "left", &problem);
    return CHN_OK;
  }
  if (status == CHN_OK && q != NULL && q->start_partition != NULL) {
    status = chn_day_of_ds(q->start_partition, &range.first, err);
  } else if (status == CHN_OK) {
    range.first = have.day[0];
  }
  if (model_has(j->meta_data->set, MODEL_META_DATA_HISTORICAL_BACKFILL) &&
      !j->meta_data->historical_backfill) {
    range.first = range.last;
  }
  return status == CHN_OK ? first_missing(w, model_join_output_table(w->job->arena, j), range, &in,
                                          &f->any, &f->first, err)
                          : status;
}

/// One part, or the offline GroupBy of an external source (`external`, else NULL), whose columns
/// are compared with what the source declares and are not the join's own.
static void look_at_part(struct analysis *w, struct join_facts *f, int32_t i,
                         const struct model_external_part *external)
{
  struct arena *a = w->job->arena;
  const struct model_join_part *def = f->parts.defs[i];
  const struct model_group_by *gb = def->group_by;
  struct group_by_facts facts;
  struct chn_err err = { 0 };
  if (look_at_group_by(w, gb, &facts, &err) != CHN_OK) {
    w->whole = false;
    analysis_problem(w, gb->meta_data->name, &err);
    return;
  }
  analysis_schema(w, "key", gb->meta_data->name, &facts.keys);
  analysis_check_keys(w, def, &f->left, &facts.keys);
  if (f->any) {
    analysis_check_days(w, gb,
                        model_source_is_entities(f->join->left) ? ANALYSIS_LEFT_ENTITIES
                                                                : ANALYSIS_LEFT_EVENTS,
                        f->first, f->join->n_bootstrap_parts > 0);
  }
  if (external != NULL && facts.described) {
    analysis_check_external(w, external, &facts);
  }
  if (external != NULL) {
    return;
  }
  struct features shown = { 0 };
  for (int32_t c = 0; c < facts.features.n; c++) {
    struct feature feature = facts.features.at[c];
    feature.name = arena_printf(a, "%s_%s", f->parts.prefixes[i], feature.name);
    feature.group_by = gb->meta_data->name;
    features_add(a, &shown, feature);
    features_add(a, &f->values, feature);
  }
  tell_features(w, "right", gb->meta_data->name, &shown);
}

static void look_at_external(struct analysis *w, struct join_facts *f,
                             const struct model_external_part *p)
{
  const char *prefix = model_external_prefix(w->job->arena, p);
  const int32_t first = f->values.n;
  analysis_external_values(w, p, &f->values);
  for (int32_t i = first; i < f->values.n; i++) {
    analysis_column(w, "right", prefix, &f->values.at[i]);
  }
}

static void look_at_parts(struct analysis *w, struct join_facts *f)
{
  const struct model_join *j = f->join;
  int32_t next = j->n_join_parts;
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    look_at_part(w, f, i, NULL);
  }
  for (int32_t i = 0; i < j->n_online_external_parts; i++) {
    const struct model_external_part *p = &j->online_external_parts[i];
    if (p->source->offline_group_by != NULL) {
      look_at_part(w, f, next++, p);
    }
    look_at_external(w, f, p);
  }
}

/// Derivations of a join may name left columns, ts and ds too.
static chn_status derive(struct analysis *w, struct join_facts *f, struct features *out,
                         struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct row_field *fields = arena_alloc(a, ((size_t)f->left.n_fields + 2) * sizeof *fields);
  int32_t n = 0;
  for (int32_t i = 0; i < f->left.n_fields; i++) {
    fields[n++] = f->left.fields[i];
  }
  fields[n++] = (struct row_field){ "ts", row_scalar(ROW_LONG) };
  fields[n++] = (struct row_field){ "ds", row_scalar(ROW_STRING) };
  const struct row_schema beside = { fields, n };
  return analysis_derive(w, f->join->derivations, f->join->n_derivations, &f->values, &beside, out,
                         err);
}

static chn_status analyze_join(struct analysis *w, const struct model_join *j, struct chn_err *err)
{
  struct join_facts f = { .join = j };
  struct features output = { 0 };
  if (j->left == NULL || model_source_table(w->job->arena, j->left) == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the join has no left side, or one without a table");
  }
  w->out->table = arena_strdup(&w->out->arena, model_join_output_table(w->job->arena, j));
  part_list_of(w->job->arena, j, &f.parts);
  chn_status status = look_at_left(w, &f, err);
  if (status == CHN_OK && f.described) {
    status = find_missing(w, &f, err);
  }
  w->whole = f.described;
  if (status != CHN_OK || !f.described) {
    return status;
  }
  analysis_schema(w, "left", NULL, &f.left);
  look_at_parts(w, &f);
  const struct row_schema keys = left_key_columns(w->job->arena, &f);
  analysis_schema(w, "key", NULL, &keys);
  if (!w->whole) {
    return CHN_OK; // what is missing is told; an output without it would be another one
  }
  status = derive(w, &f, &output, err);
  if (status == CHN_OK) {
    tell_features(w, "output", NULL, &output);
  }
  return status;
}

// ---- a StagingQuery ---------------------------------------------------------------------------

static chn_status analyze_query(struct analysis *w, const struct model_staging_query *q,
                                struct chn_err *err)
{
  struct arena *a = w->job->arena;
  char ds[CHN_DS_SIZE];
  const char *last = arena_strdup(a, chn_ds_of_day(w->range.last, ds));
  const struct staging_dates dates = { .start = last, .end = last, .latest = last };
  char *sql = NULL;
  struct row_schema schema = { 0 };
  struct features output = { 0 };
  w->out->table = arena_strdup(&w->out->arena, model_table(a, q->meta_data, ""));
  chn_status status = source_setups(w->job, q->setups, q->n_setups, err);
  if (status == CHN_OK) {
    status = staging_query_render(w->job, q->query != NULL ? q->query : "", &dates, &sql, err);
  }
  if (status == CHN_OK) {
    status = wh_describe(w->job->wh, sql, a, &schema, err);
  }
  for (int32_t i = 0; i < schema.n_fields; i++) {
    features_add(a, &output,
                 (struct feature){ .name = schema.fields[i].name,
                                   .type = schema.fields[i].type,
                                   .operation = "StagingQuery" });
  }
  tell_features(w, "output", NULL, &output);
  return status;
}

// ---- the whole --------------------------------------------------------------------------------

static chn_status look_at(struct analysis *w, const struct model_conf *conf, struct chn_err *err)
{
  switch (conf->kind) {
  case MODEL_GROUP_BY: return analyze_group_by(w, conf->as.group_by, err);
  case MODEL_JOIN: return analyze_join(w, conf->as.join, err);
  case MODEL_STAGING_QUERY: return analyze_query(w, conf->as.staging_query, err);
  default:
    return chn_fail(err, CHN_E_ARGUMENT,
                    "only a GroupBy, a Join or a StagingQuery can be analyzed");
  }
}

chn_status analysis_run(struct batch_job *job, const struct model_conf *conf,
                        const struct batch_analyze_options *what, struct batch_analysis *out,
                        struct chn_err *err)
{
  struct analysis w = { .job = job, .what = what, .out = out, .whole = true };
  out->name = arena_strdup(&out->arena, conf->name != NULL ? conf->name : "");
  const char *start = job->o->start_ds;
  chn_status status = job_end(job, &w.range.last, err);
  w.range.first = w.range.last - DAYS_LOOKED_AT;
  if (status == CHN_OK && start != NULL) {
    status = chn_day_of_ds(start, &w.range.first, err);
  }
  if (status == CHN_OK && w.range.first > w.range.last) {
    status = chn_fail(err, CHN_E_ARGUMENT, "the start date, %s, is after the end", start);
  }
  if (status == CHN_OK) {
    status = look_at(&w, conf, err);
  }
  if (status == CHN_OK && what->export_schema && w.whole && !job->o->dry_run) {
    status = analysis_export(&w, conf->meta_data, err);
  }
  return status;
}

chn_status batch_analyze(const struct model_conf *conf, const struct batch_options *o,
                         const struct batch_analyze_options *what, struct batch_analysis *out,
                         struct chn_err *err)
{
  struct batch_report report = { 0 };
  struct batch_job job;
  static const char *const kinds[] = { "", "group_by", "join", "staging_query", "model" };
  *out = (struct batch_analysis){ 0 };
  job_init(&job, o, &report);
  const chn_status status = analysis_run(&job, conf, what, out, err);
  batch_report_deinit(&report);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s %s", kinds[conf->kind], out->name);
}

void batch_analysis_deinit(struct batch_analysis *a)
{
  arena_deinit(&a->arena);
  *a = (struct batch_analysis){ 0 };
}
