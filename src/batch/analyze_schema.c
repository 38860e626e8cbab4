// Which columns a definition has, found by compiling its plan and describing its SQL: no row is
// read.
#include <ctype.h>
#include <string.h>

#include "batch/analyze.h"
#include "batch/derive.h"
#include "batch/run_ds.h"
#include "batch/source.h"
#include "model/names.h"
#include "model/plan.h"

chn_status analysis_group_by_sql(struct analysis *w, const struct model_group_by *gb,
                                 struct group_by_facts *facts, struct chn_err *err)
{
  const struct days last = { w->range.last, w->range.last };
  chn_status status = source_group_by_sql(w->job, gb, model_infer_accuracy(gb),
                                          run_ds_used(gb) ? last : w->range, &facts->sql, err);
  return status == CHN_OK ? wh_describe(w->job->wh, facts->sql, w->job->arena, &facts->schema, err)
                          : status;
}

static const char *lower(struct arena *a, const char *text)
{
  char *copy = arena_strdup(a, text);
  for (char *p = copy; *p != '\0'; p++) {
    *p = (char)tolower((unsigned char)*p);
  }
  return copy;
}

static const char *window_text(struct arena *a, const struct agg_part *p)
{
  return p->window_ms == 0 ? "unbounded"
                           : arena_printf(a, "%d%c", p->window.length, p->window.hours ? 'h' : 'd');
}

static chn_status aggregated(struct analysis *w, const struct model_group_by *gb,
                             struct group_by_facts *facts, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct agg_plan *plan = NULL;
  chn_status status = model_plan(a, gb, &facts->schema, &plan, err);
  if (status != CHN_OK) {
    return status;
  }
  facts->inputs = plan->inputs;
  for (int32_t i = 0; i < plan->n_parts; i++) {
    const struct agg_part *p = &plan->parts[i];
    features_add(a, &facts->features,
                 (struct feature){ .name = p->name,
                                   .type = p->output,
                                   .operation = lower(a, agg_op_name(p->op)),
                                   .window = window_text(a, p),
                                   .input = lower(a, plan->inputs.fields[p->input].name) });
  }
  return CHN_OK;
}

static struct row_schema schema_of(struct arena *a, const struct features *list)
{
  struct row_field *fields = arena_alloc(a, ((size_t)list->n + 1) * sizeof *fields);
  for (int32_t i = 0; i < list->n; i++) {
    fields[i] = (struct row_field){ list->at[i].name, list->at[i].type };
  }
  return (struct row_schema){ fields, list->n };
}

static chn_status selected(struct analysis *w, const struct model_group_by *gb,
                           struct group_by_facts *facts, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  int32_t n = 0;
  const char **names = model_group_by_columns(a, gb, &n);
  for (int32_t i = 0; i < n; i++) {
    const int32_t at = row_schema_find(&facts->schema, names[i]);
    if (at < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "column \"%s\" is not selected", names[i]);
    }
    features_add(a, &facts->features,
                 (struct feature){ .name = names[i],
                                   .type = facts->schema.fields[at].type,
                                   .operation = "No Operation",
                                   .window = "Unbounded",
                                   .input = names[i] });
  }
  facts->inputs = schema_of(a, &facts->features);
  return CHN_OK;
}

/// Derivations of a GroupBy may name its keys and ds too.
static struct row_schema keys_and_ds(struct arena *a, const struct row_schema *keys)
{
  struct row_field *fields = arena_alloc(a, ((size_t)keys->n_fields + 1) * sizeof *fields);
  for (int32_t i = 0; i < keys->n_fields; i++) {
    fields[i] = keys->fields[i];
  }
  fields[keys->n_fields] = (struct row_field){ "ds", row_scalar(ROW_STRING) };
  return (struct row_schema){ fields, keys->n_fields + 1 };
}

chn_status analysis_group_by_schema(struct analysis *w, const struct model_group_by *gb,
                                    struct group_by_facts *facts, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct row_field *keys = arena_alloc(a, ((size_t)gb->n_key_columns + 1) * sizeof *keys);
  facts->keys = (struct row_schema){ keys, 0 };
  for (int32_t i = 0; i < gb->n_key_columns; i++) {
    const int32_t at = row_schema_find(&facts->schema, gb->key_columns[i]);
    if (at < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "key \"%s\" is not selected", gb->key_columns[i]);
    }
    keys[facts->keys.n_fields++] = facts->schema.fields[at];
  }
  chn_status status =
      gb->aggregations != NULL ? aggregated(w, gb, facts, err) : selected(w, gb, facts, err);
  if (status != CHN_OK) {
    return status;
  }
  const struct features base = facts->features;
  const struct row_schema beside = keys_and_ds(a, &facts->keys);
  facts->features = (struct features){ 0 };
  return analysis_derive(w, gb->derivations, gb->n_derivations, &base, &beside, &facts->features,
                         err);
}

// ---- derivations ------------------------------------------------------------------------------

static int32_t find(const struct features *list, const char *name)
{
  for (int32_t i = 0; i < list->n; i++) {
    if (strcmp(list->at[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}

/// A table without rows that has the columns which derivations see: those that rows can carry by a
/// frame, the warehouse's own types as typed NULLs.
struct dummy {
  struct wh_extra *columns;
  struct row_builder **builders;
  int32_t n;
  struct chn_buf others;
};

static void dummy_add(struct dummy *d, struct arena *a, const char *name,
                      const struct row_type *type)
{
  for (int32_t i = 0; i < d->n; i++) {
    if (strcmp(d->columns[i].name, name) == 0) {
      return;
    }
  }
  if (type->kind == ROW_OTHER) {
    chn_buf_addf(&d->others, ", CAST(NULL AS %s) AS %s", type->name, wh_quote_name(a, name));
    return;
  }
  d->builders[d->n] = row_builder_new(type);
  d->columns[d->n] = (struct wh_extra){ name, row_builder_col(d->builders[d->n]), NULL };
  d->n++;
}

/// The schema of the SELECT of n columns over the dummy.
static chn_status dummy_describe(struct analysis *w, const struct features *base,
                                 const struct row_schema *beside, const struct derived *columns,
                                 int32_t n, struct row_schema *out, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const size_t most = (size_t)base->n + (size_t)beside->n_fields + 1;
  struct dummy d = { .columns = arena_calloc(a, most, sizeof *d.columns),
                     .builders = arena_calloc(a, most, sizeof *d.builders) };
  struct chn_buf sql = { 0 };
  for (int32_t i = 0; i < base->n; i++) {
    dummy_add(&d, a, base->at[i].name, base->at[i].type);
  }
  for (int32_t i = 0; i < beside->n_fields; i++) {
    dummy_add(&d, a, beside->fields[i].name, beside->fields[i].type);
  }
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(&sql, "%s%s AS %s", i == 0 ? "SELECT " : ", ", columns[i].sql,
                 wh_quote_name(a, columns[i].name));
  }
  chn_buf_addf(&sql, " FROM (SELECT *%s FROM wh_frame('analyze'))", chn_buf_str(&d.others));
  chn_status status = wh_frame_add(w->job->wh, "analyze", NULL, 0, d.columns, d.n, err);
  if (status == CHN_OK) {
    status = wh_describe(w->job->wh, chn_buf_str(&sql), a, out, err);
    wh_frame_remove(w->job->wh, "analyze");
  }
  for (int32_t i = 0; i < d.n; i++) {
    row_builder_free(d.builders[i]);
  }
  chn_buf_deinit(&d.others);
  chn_buf_deinit(&sql);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "derivations");
}

chn_status analysis_derive(struct analysis *w, const struct model_derivation *d, int32_t n_d,
                           const struct features *base, const struct row_schema *beside,
                           struct features *out, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  if (n_d == 0) {
    *out = *base;
    return CHN_OK;
  }
  const char **names = arena_alloc(a, ((size_t)base->n + 1) * sizeof *names);
  for (int32_t i = 0; i < base->n; i++) {
    names[i] = base->at[i].name;
  }
  struct derived *columns = NULL;
  int32_t n = 0;
  struct row_schema types = { 0 };
  chn_status status = derive_columns(a, d, n_d, names, base->n, &columns, &n, err);
  if (status == CHN_OK && n > 0) {
    status = dummy_describe(w, base, beside, columns, n, &types, err);
  }
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    // A column taken over keeps its own type: structs keep their names, decimals their digits.
    const int32_t at = find(base, columns[i].name);
    const bool same = at >= 0 && strcmp(columns[i].sql, wh_quote_name(a, columns[i].name)) == 0;
    features_add(a, out,
                 (struct feature){ .name = columns[i].name,
                                   .type = same ? base->at[at].type : types.fields[i].type,
                                   .operation = "Derivation",
                                   .window = "Unbounded",
                                   .input = columns[i].name });
  }
  return status;
}

const struct row_type *analysis_type(struct arena *a, const struct model_data_type *t)
{
  const int32_t n = t->n_params;
  struct row_field *fields = arena_alloc(a, ((size_t)n + 1) * sizeof *fields);
  for (int32_t i = 0; i < n; i++) {
    fields[i] = (struct row_field){ t->params[i].name, analysis_type(a, t->params[i].data_type) };
    if (fields[i].type == NULL) {
      return NULL;
    }
  }
  switch (t->kind) {
  case ROW_LIST: return n == 1 ? row_list_of(a, fields[0].type) : NULL;
  case ROW_MAP: return n == 2 ? row_map_of(a, fields[0].type, fields[1].type) : NULL;
  case ROW_STRUCT: return row_struct_of(a, t->name, fields, n);
  default:
    return t->kind >= ROW_BOOLEAN && t->kind <= ROW_TIMESTAMP ? row_scalar((enum row_kind)t->kind)
                                                              : NULL;
  }
}

void analysis_external_values(struct analysis *w, const struct model_external_part *p,
                              struct features *out)
{
  struct arena *a = w->job->arena;
  const struct model_data_type *values = p->source->value_schema;
  for (int32_t i = 0; values != NULL && i < values->n_params; i++) {
    const struct model_data_field *f = &values->params[i];
    features_add(a, out,
                 (struct feature){ .name = model_external_column(a, p, f->name),
                                   .type = analysis_type(a, f->data_type),
                                   .input = f->name,
                                   .group_by = values->name });
  }
}
