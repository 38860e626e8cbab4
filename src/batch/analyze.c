// `run --mode analyze`: the schemas a job would have and what would stop it, found by rendering
// and describing its queries without reading data (but for the first rows' timestamps).
#include <string.h>

#include "base/time.h"
#include "batch/batch.h"
#include "batch/derive.h"
#include "batch/job.h"
#include "batch/source.h"
#include "model/names.h"
#include "model/plan.h"

/// Milliseconds between which a ts is believable: 1971 to 2100 (Chronon's Analyzer).
static const int64_t TS_MIN = 31536000000;
static const int64_t TS_MAX = 4102473599999;

enum { COLUMNS_MAX = 4096, PROBLEMS_MAX = 64, TS_SAMPLE = 100 };

struct work {
  struct batch_job job;
  struct batch_report report;
  struct batch_analysis *out;
  struct days day; ///< the day that is looked at: the job's last
};

static void add_column(struct work *w, const char *role, const char *part, const char *name,
                       const struct row_type *type)
{
  struct batch_analysis *out = w->out;
  if (out->n_columns == COLUMNS_MAX) {
    return;
  }
  struct chn_buf text = { 0 };
  if (type != NULL) {
    row_type_print(&text, type);
  }
  out->columns[out->n_columns++] = (struct batch_column){
    .role = role,
    .part = part,
    .name = arena_strdup(&out->arena, name),
    .type = type != NULL ? arena_strdup(&out->arena, chn_buf_str(&text)) : "unknown",
  };
  chn_buf_deinit(&text);
}

static void add_problem(struct work *w, const char *what, const struct chn_err *err)
{
  struct batch_analysis *out = w->out;
  if (out->n_problems < PROBLEMS_MAX) {
    out->problems[out->n_problems++] = arena_printf(&out->arena, "%s: %s", what, err->msg);
  }
}

/// The instants of the first rows must look like epoch milliseconds.
static void check_times(struct work *w, const char *what, const char *sql,
                        const struct row_schema *schema)
{
  struct chn_err err = { 0 };
  if (row_schema_find(schema, "ts") < 0) {
    return;
  }
  const char *query = arena_printf(
      w->job.arena,
      "SELECT count(ts), count(*) FILTER (ts < %lld OR ts > %lld), count(*), any_value(ts) FILTER "
      "(ts < %lld OR ts > %lld) FROM (SELECT CAST(ts AS BIGINT) AS ts FROM (%s) LIMIT %d)",
      (long long)TS_MIN, (long long)TS_MAX, (long long)TS_MIN, (long long)TS_MAX, sql, TS_SAMPLE);
  struct wh_rows *rows = NULL;
  if (wh_rows_load(w->job.wh, query, &rows, &err) != CHN_OK) {
    add_problem(w, what, &err);
    return;
  }
  struct row_col cols[4];
  wh_rows_chunk(rows, 0, cols);
  const int64_t known = *(const int64_t *)cols[0].data;
  const int64_t odd = *(const int64_t *)cols[1].data;
  const int64_t all = *(const int64_t *)cols[2].data;
  if (all > 0 && known == 0) {
    chn_fail(&err, CHN_E_ARGUMENT, "ts is NULL in the first %lld rows", (long long)all);
    add_problem(w, what, &err);
  } else if (odd > 0) {
    chn_fail(&err, CHN_E_ARGUMENT,
             "ts = %lld is not an instant in epoch milliseconds (seconds or microseconds?)",
             (long long)*(const int64_t *)cols[3].data);
    add_problem(w, what, &err);
  }
  wh_rows_free(rows);
}

/// The days that the sources have must reach back to the first day wanted.
static void check_days(struct work *w, const struct model_group_by *gb, const char *what,
                       int32_t first)
{
  const struct source_reach reach = source_reach_of(gb);
  struct chn_err err = { 0 };
  for (int32_t i = 0; i < gb->n_sources; i++) {
    const struct model_source *s = &gb->sources[i];
    const char *table = model_source_table(w->job.arena, s);
    bool partitioned = false;
    struct day_set have;
    if (table == NULL || (s->events != NULL && s->events->is_cumulative)) {
      continue;
    }
    if (source_days(&w->job, table, source_partition_column(model_source_query(s)), &partitioned,
                    &have, &err) != CHN_OK) {
      add_problem(w, what, &err);
      continue;
    }
    const int32_t from = chn_day_of_ms(chn_ms_of_day(first) - reach.window_ms);
    char have_ds[CHN_DS_SIZE];
    char want_ds[CHN_DS_SIZE];
    if (partitioned && have.n == 0) {
      chn_fail(&err, CHN_E_NOT_FOUND, "%s has no partitions", table);
      add_problem(w, what, &err);
    } else if (partitioned && !reach.unbounded && have.day[0] > from) {
      chn_fail(&err, CHN_E_NOT_FOUND,
               "%s begins at %s; the longest window of the first day needs data from %s on", table,
               chn_ds_of_day(have.day[0], have_ds), chn_ds_of_day(from, want_ds));
      add_problem(w, what, &err);
    }
  }
}

// ---- a GroupBy --------------------------------------------------------------------------------

/// Base outputs of a GroupBy: names and types.
static chn_status group_by_outputs(struct work *w, const struct model_group_by *gb,
                                   const struct row_schema *schema, struct row_field **fields,
                                   int32_t *n, struct chn_err *err)
{
  struct arena *a = w->job.arena;
  if (gb->aggregations == NULL) {
    const char **names = model_group_by_columns(a, gb, n);
    *fields = arena_alloc(a, (size_t)*n * sizeof **fields);
    for (int32_t i = 0; i < *n; i++) {
      const int32_t at = row_schema_find(schema, names[i]);
      (*fields)[i] = (struct row_field){ names[i], at >= 0 ? schema->fields[at].type : NULL };
    }
    return CHN_OK;
  }
  struct agg_plan *plan = NULL;
  chn_status status = model_plan(a, gb, schema, &plan, err);
  if (status != CHN_OK) {
    return status;
  }
  *n = plan->n_parts;
  *fields = arena_alloc(a, (size_t)*n * sizeof **fields);
  for (int32_t i = 0; i < *n; i++) {
    (*fields)[i] = (struct row_field){ plan->parts[i].name, plan->parts[i].output };
  }
  return CHN_OK;
}

static const struct row_type *field_type(const struct row_field *fields, int32_t n,
                                         const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(fields[i].name, name) == 0) {
      return fields[i].type;
    }
  }
  return NULL;
}

/// Adds the derived columns of a list of base columns; a computed one's type is known only to the
/// engine, so it shows as unknown.
static chn_status add_derived(struct work *w, const char *role, const char *part,
                              const struct model_derivation *d, int32_t n_d,
                              const struct row_field *base, int32_t n_base, struct chn_err *err)
{
  struct arena *a = w->job.arena;
  const char **names = arena_alloc(a, (size_t)n_base * sizeof *names);
  for (int32_t i = 0; i < n_base; i++) {
    names[i] = base[i].name;
  }
  struct derived *columns = NULL;
  int32_t n = 0;
  chn_status status = derive_columns(a, d, n_d, names, n_base, &columns, &n, err);
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    const struct row_type *type = field_type(base, n_base, columns[i].name);
    for (int32_t k = 0; k < n_d && type == NULL; k++) {
      if (strcmp(d[k].name, columns[i].name) == 0) {
        type = field_type(base, n_base, d[k].expression);
      }
    }
    add_column(w, role, part, columns[i].name, type);
  }
  return status;
}

static chn_status analyze_group_by(struct work *w, const struct model_group_by *gb,
                                   const char *role, const char *part, int32_t first,
                                   struct row_field **outputs, int32_t *n_outputs,
                                   struct row_schema *schema, struct chn_err *err)
{
  const char *sql = NULL;
  chn_status status = source_group_by_sql(&w->job, gb, model_infer_accuracy(gb), w->day, &sql, err);
  if (status == CHN_OK) {
    status = wh_describe(w->job.wh, sql, w->job.arena, schema, err);
  }
  if (status == CHN_OK) {
    status = group_by_outputs(w, gb, schema, outputs, n_outputs, err);
  }
  if (status != CHN_OK) {
    return part != NULL ? chn_wrap(err, "%s", gb->meta_data->name) : status;
  }
  for (int32_t i = 0; i < gb->n_key_columns; i++) {
    const int32_t at = row_schema_find(schema, gb->key_columns[i]);
    add_column(w, "key", part, gb->key_columns[i], at >= 0 ? schema->fields[at].type : NULL);
  }
  check_times(w, gb->meta_data->name, sql, schema);
  check_days(w, gb, gb->meta_data->name, first);
  return add_derived(w, role, part, gb->derivations, gb->n_derivations, *outputs, *n_outputs, err);
}

// ---- a Join -----------------------------------------------------------------------------------

static void check_keys(struct work *w, const struct model_join_part *p,
                       const struct row_schema *left, const struct row_schema *right)
{
  struct chn_err err = { 0 };
  for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
    const char *key = p->group_by->key_columns[k];
    const char *name = model_left_key(p->key_mapping, p->n_key_mapping, key);
    const int32_t l = row_schema_find(left, name);
    const int32_t r = row_schema_find(right, key);
    if (l < 0) {
      chn_fail(&err, CHN_E_ARGUMENT, "key \"%s\" is not a column of the left side", name);
    } else if (r >= 0 && !row_type_equal(left->fields[l].type, right->fields[r].type)) {
      chn_fail(&err, CHN_E_ARGUMENT, "key \"%s\" and the left's \"%s\" have different types", key,
               name);
    } else {
      continue;
    }
    add_problem(w, p->group_by->meta_data->name, &err);
  }
}

static chn_status analyze_join(struct work *w, const struct model_join *j, int32_t first,
                               struct chn_err *err)
{
  struct arena *a = w->job.arena;
  const char *sql = NULL;
  struct row_schema left;
  chn_status status = source_left_sql(&w->job, j->left, w->day, &sql, err);
  if (status == CHN_OK) {
    status = wh_describe(w->job.wh, sql, a, &left, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  check_times(w, "left", sql, &left);
  for (int32_t i = 0; i < left.n_fields; i++) {
    add_column(w, "left", NULL, left.fields[i].name, left.fields[i].type);
  }
  struct row_field base[COLUMNS_MAX];
  int32_t n_base = 0;
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    const struct model_join_part *p = &j->join_parts[i];
    struct row_schema right = { 0 };
    struct row_field *outputs = NULL;
    int32_t n = 0;
    struct chn_err part_err = { 0 };
    const char *part = arena_strdup(&w->out->arena, p->group_by->meta_data->name);
    if (analyze_group_by(w, p->group_by, "right", part, first, &outputs, &n, &right, &part_err) !=
        CHN_OK) {
      add_problem(w, "part", &part_err);
      continue;
    }
    check_keys(w, p, &left, &right);
    for (int32_t c = 0; c < n && n_base < COLUMNS_MAX; c++) {
      base[n_base++] =
          (struct row_field){ model_part_column(a, p, outputs[c].name), outputs[c].type };
    }
  }
  return add_derived(w, "output", NULL, j->derivations, j->n_derivations, base, n_base, err);
}

chn_status batch_analyze(const struct model_conf *conf, const struct batch_options *o,
                         struct batch_analysis *out, struct chn_err *err)
{
  struct work w = { .out = out };
  *out = (struct batch_analysis){ 0 };
  job_init(&w.job, o, &w.report);
  out->columns = arena_alloc(&out->arena, COLUMNS_MAX * sizeof *out->columns);
  out->problems = arena_alloc(&out->arena, PROBLEMS_MAX * sizeof *out->problems);
  out->name = arena_strdup(&out->arena, conf->name != NULL ? conf->name : "");
  struct days range;
  char today[CHN_DS_SIZE];
  const char *end = o->end_ds != NULL ? o->end_ds : chn_ds_of_day(chn_today(), today);
  struct row_schema schema;
  struct row_field *outputs = NULL;
  int32_t n = 0;
  const char *first = conf->kind == MODEL_GROUP_BY ? conf->as.group_by->backfill_start_date
                      : conf->kind == MODEL_JOIN && conf->as.join->left != NULL &&
                              model_source_query(conf->as.join->left) != NULL
                          ? model_source_query(conf->as.join->left)->start_partition
                          : NULL;
  chn_status status = job_range(&w.job, first != NULL ? first : end, &range, err);
  w.day = (struct days){ range.last, range.last };
  if (status == CHN_OK && conf->kind == MODEL_GROUP_BY) {
    status = analyze_group_by(&w, conf->as.group_by, "output", NULL, range.first, &outputs, &n,
                              &schema, err);
  } else if (status == CHN_OK && conf->kind == MODEL_JOIN && conf->as.join->left != NULL) {
    status = analyze_join(&w, conf->as.join, range.first, err);
  } else if (status == CHN_OK) {
    batch_report_deinit(&w.report);
    return chn_fail(err, CHN_E_ARGUMENT, "%s: only a GroupBy or a Join can be analyzed", out->name);
  }
  batch_report_deinit(&w.report);
  const char *kind = conf->kind == MODEL_GROUP_BY ? "group_by" : "join";
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s %s", kind, out->name);
}

void batch_analysis_deinit(struct batch_analysis *a)
{
  arena_deinit(&a->arena);
  *a = (struct batch_analysis){ 0 };
}
