#include "batch/consistency.h"

#include <string.h>

#include "base/time.h"
#include "batch/compare.h"
#include "batch/compare_pair.h"
#include "batch/join.h"
#include "batch/source.h"
#include "model/names.h"

enum { SAMPLE_SLOTS = 100000 }; ///< the finest share is a thousandth of a percent

struct work {
  struct batch_job *job;
  const struct model_join *join;
  struct batch_comparison *out;
  const char *logged;
  struct row_schema logged_schema;
  const char *comparison;
  const char **left_keys;
  int32_t n_left_keys;
  int32_t n_contextual; ///< the last so many left keys are contextual fields
  const char *sample;   ///< Spark SQL, or NULL: all rows
  struct output metrics;
  struct output upload;
};

// ---- the comparison join ----------------------------------------------------------------------

/// Takes a share of the requests, the same on both sides and in every run.
static const char *sample_of(struct work *w, double percent)
{
  struct chn_buf sql = { 0 };
  if (percent >= 100) {
    return NULL;
  }
  chn_buf_adds(&sql, "pmod(xxhash64(");
  for (int32_t i = 0; i < w->n_left_keys; i++) {
    chn_buf_addf(&sql, "`%s`, ", w->left_keys[i]);
  }
  chn_buf_addf(&sql, "`ts`), %d) < %lld", SAMPLE_SLOTS,
               (long long)(percent * (SAMPLE_SLOTS / 100)));
  const char *text = arena_strdup(w->job->arena, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

/// The join as it is compared: its rowIds tell rows apart only if requests bring them.
static struct model_join keyed_join(const struct work *w, bool row_ids)
{
  struct model_join j = *w->join;
  for (int32_t i = 0; i < w->join->n_row_ids; i++) {
    row_ids = row_ids && row_schema_find(&w->logged_schema, w->join->row_ids[i]) >= 0;
  }
  if (!row_ids) {
    j.row_ids = NULL;
    j.n_row_ids = 0;
  }
  return j;
}

/// A column of the log, once.
static void add_logged(const struct work *w, const char *name, struct model_pair *selects,
                       int32_t *n)
{
  if (strcmp(name, "ts") != 0 && strcmp(name, "ds") != 0 &&
      model_pair_find(selects, *n, name) == NULL && row_schema_find(&w->logged_schema, name) >= 0) {
    selects[(*n)++] = (struct model_pair){ name, name };
  }
}

/// What tells requests apart: left keys, and what came with them for derivations.
static void find_keys(struct work *w)
{
  const struct model_join keyed = keyed_join(w, false);
  int32_t n = 0;
  const char **keys = compare_keys(w->job->arena, &keyed, NULL, 0, false, &n);
  size_t room = (size_t)n;
  for (int32_t i = 0; i < keyed.n_online_external_parts; i++) {
    const struct model_data_type *t = keyed.online_external_parts[i].source->value_schema;
    room += t != NULL ? (size_t)t->n_params : 0;
  }
  struct model_pair *all = arena_calloc(w->job->arena, room + 1, sizeof *all);
  for (int32_t i = 0; i < n; i++) {
    all[i] = (struct model_pair){ keys[i], keys[i] };
  }
  const int32_t n_keys = n;
  for (int32_t i = 0; i < keyed.n_online_external_parts; i++) {
    const struct model_external_part *p = &keyed.online_external_parts[i];
    const struct model_data_type *t = p->source->value_schema;
    for (int32_t k = 0; model_external_is_contextual(p) && t != NULL && k < t->n_params; k++) {
      add_logged(w, t->params[k].name, all, &n);
    }
  }
  w->n_contextual = n - n_keys;
  w->left_keys = arena_calloc(w->job->arena, (size_t)n + 1, sizeof *w->left_keys);
  for (w->n_left_keys = 0; w->n_left_keys < n; w->n_left_keys++) {
    w->left_keys[w->n_left_keys] = all[w->n_left_keys].key;
  }
}

/// What rows are matched by: rowIds if they were logged, else ts, ds and the keys. A request
/// may come without a contextual field, and is matched all the same.
static const char **matched_by(const struct work *w, int32_t *n, int32_t *n_nullable)
{
  const struct model_join keyed = keyed_join(w, true);
  *n_nullable = keyed.row_ids != NULL ? 0 : w->n_contextual;
  if (keyed.row_ids != NULL) {
    *n = keyed.n_row_ids;
    return keyed.row_ids;
  }
  const char **keys = arena_calloc(w->job->arena, (size_t)w->n_left_keys + 2, sizeof *keys);
  *n = 0;
  keys[(*n)++] = "ts";
  keys[(*n)++] = "ds";
  for (int32_t i = 0; i < w->n_left_keys; i++) {
    keys[(*n)++] = w->left_keys[i];
  }
  return keys;
}

/// What the comparison join selects of the log: the keys, and rowIds that are logged beside them.
static void select_keys(struct work *w, struct model_query *q)
{
  const struct model_join *j = w->join;
  struct model_pair *selects =
      arena_calloc(w->job->arena, (size_t)(w->n_left_keys + j->n_row_ids) + 1, sizeof *selects);
  int32_t n = 0;
  for (int32_t i = 0; i < w->n_left_keys; i++) {
    selects[n++] = (struct model_pair){ w->left_keys[i], w->left_keys[i] };
  }
  for (int32_t i = 0; i < j->n_row_ids; i++) {
    add_logged(w, j->row_ids[i], selects, &n);
  }
  q->selects = selects;
  q->n_selects = n;
}

static struct model_join *comparison_join(struct work *w)
{
  struct arena *a = w->job->arena;
  const struct model_query *old = model_source_query(w->join->left);
  struct model_join *j = arena_alloc(a, sizeof *j);
  struct model_meta_data *m = arena_alloc(a, sizeof *m);
  struct model_query *q = arena_calloc(a, 1, sizeof *q);
  struct model_event_source *events = arena_calloc(a, 1, sizeof *events);
  struct model_source *left = arena_calloc(a, 1, sizeof *left);
  *j = *w->join;
  *m = *w->join->meta_data;
  m->name = arena_printf(a, "%s_comparison", m->name);
  struct model_pair *properties =
      arena_calloc(a, (size_t)m->n_table_properties + 1, sizeof *properties);
  for (int32_t i = 0; i < m->n_table_properties; i++) {
    properties[i] = m->table_properties[i];
  }
  properties[m->n_table_properties++] = (struct model_pair){ "chronon_ooc_table", "true" };
  m->table_properties = properties;
  select_keys(w, q);
  q->time_column = "ts";
  q->start_partition = old != NULL ? old->start_partition : NULL;
  if (w->sample != NULL) {
    q->wheres = arena_alloc(a, sizeof *q->wheres);
    q->wheres[0] = w->sample;
    q->n_wheres = 1;
  }
  events->table = w->logged;
  events->query = q;
  left->events = events;
  j->meta_data = m;
  j->left = left;
  j->label_part = NULL;
  j->model_transforms = NULL; // models are served, not backfilled: their outputs have no left side
  return j;
}

/// Fills the days that the comparison table lacks, as a backfill of its own.
static chn_status backfill_comparison(struct work *w, struct chn_err *err)
{
  struct batch_report report = { 0 };
  struct batch_job inner;
  job_init(&inner, w->job->o, &report);
  job_stage(w->job, "backfill of %s", w->comparison);
  const struct model_join *j = comparison_join(w);
  const double t = chn_monotonic_ms();
  const chn_status status = join_backfill(&inner, j, err);
  job_time(w->job, "backfill", t, report.rows);
  batch_report_deinit(&report);
  return status;
}

// ---- a range of days --------------------------------------------------------------------------

static chn_status logged_side(struct work *w, struct days days, const char **sql,
                              struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct model_query q = { 0 };
  q.wheres = &w->sample;
  q.n_wheres = w->sample != NULL ? 1 : 0;
  const chn_status status = source_table_sql(w->job, w->logged, &q, days, sql, err);
  if (status == CHN_OK && row_schema_find(&w->logged_schema, "schema_hash") >= 0) {
    *sql = arena_printf(a, "SELECT * EXCLUDE (schema_hash) FROM (%s)", *sql);
  }
  return status;
}

static chn_status write_metrics(struct work *w, const struct compare_pair *pair,
                                struct wh_written *written, struct chn_err *err)
{
  struct series metrics = { 0 };
  chn_status status = compare_measure(pair, true, &metrics, err);
  // The upload goes first: days are taken as done by the flat table.
  if (status == CHN_OK) {
    status = series_write_upload(&metrics, &w->upload, err);
  }
  if (status == CHN_OK) {
    status = series_write(&metrics, &w->metrics, NULL, 0, written, err);
  }
  series_deinit(&metrics);
  return status;
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  struct batch_job *job = w->job;
  struct compare_pair pair = { .job = job,
                               .name = model_file_path(job->arena, w->join->meta_data),
                               .right_may_have_more = true };
  pair.left.what = w->comparison;
  pair.right.what = w->logged;
  pair.keys = matched_by(w, &pair.n_keys, &pair.n_nullable);
  chn_status status = source_table_sql(job, w->comparison, NULL, step, &pair.left.sql, err);
  if (status == CHN_OK) {
    status = logged_side(w, step, &pair.right.sql, err);
  }
  if (status == CHN_OK) {
    status = compare_check(&pair, err);
  }
  if (status == CHN_OK) {
    status = compare_join(&pair, err);
  }
  if (status == CHN_OK) {
    status = compare_count(&pair, w->out, err);
  }
  if (status == CHN_OK) {
    status = write_metrics(w, &pair, written, err);
  }
  compare_drop(&pair);
  return status;
}

// ---- the job ----------------------------------------------------------------------------------

/// The days: of the options, else from the log's first one.
static chn_status range_of(struct work *w, struct days *range, struct chn_err *err)
{
  bool partitioned = false;
  struct day_set have = { 0 };
  char first[CHN_DS_SIZE];
  chn_status status = source_days(w->job, w->logged, "ds", &partitioned, &have, err);
  if (status == CHN_OK && (!partitioned || have.n == 0)) {
    status = chn_fail(err, CHN_E_NOT_FOUND,
                      "%s has no partitions: flatten the log first "
                      "(--mode log-flattener)",
                      w->logged);
  }
  return status == CHN_OK ? job_range(w->job, chn_ds_of_day(have.day[0], first), range, err)
                          : status;
}

static chn_status find_logged(struct work *w, struct chn_err *err)
{
  struct batch_job *job = w->job;
  struct wh_table table;
  if (!wh_table_exists(job->wh, w->logged)) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "%s does not exist: flatten the log first (--mode log-flattener)", w->logged);
  }
  const chn_status status = wh_table_find(job->wh, w->logged, job->arena, &table, err);
  w->logged_schema = table.schema;
  return status;
}

static chn_status summarize(struct work *w, struct days range, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  char ds[CHN_DS_SIZE];
  w->out->start_ds = arena_strdup(a, chn_ds_of_day(range.first, ds));
  w->out->end_ds = arena_strdup(a, chn_ds_of_day(range.last, ds));
  if (!wh_table_exists(w->job->wh, w->metrics.table)) {
    return CHN_OK;
  }
  const char *where =
      arena_printf(a, "ds >= '%s' AND ds <= '%s'", w->out->start_ds, w->out->end_ds);
  return compare_summary(w->job, w->metrics.table, where, w->out, err);
}

static chn_status compare_days(struct work *w, struct chn_err *err)
{
  struct batch_job *job = w->job;
  struct days range;
  struct days *steps = NULL;
  size_t n = 0;
  static const char *const ds = "ds";
  chn_status status = range_of(w, &range, err);
  if (status == CHN_OK) {
    status = backfill_comparison(w, err);
  }
  // A dry run has no comparison table to ask.
  const char *input = job->o->dry_run ? w->logged : w->comparison;
  const char *column = ds;
  const struct output_inputs in = { .tables = &input, .columns = &column, .n = 1 };
  if (status == CHN_OK && wh_table_exists(job->wh, input)) {
    status = output_steps(job, &w->metrics, range, &in, &steps, &n, err);
  }
  if (status == CHN_OK) {
    status = output_run(job, steps, n, run_step, w, err);
  }
  return status == CHN_OK ? summarize(w, range, err) : status;
}

static chn_status run(struct work *w, struct chn_err *err)
{
  const struct model_meta_data *m = w->join->meta_data;
  const bool is_set = model_has(m->set, MODEL_META_DATA_CONSISTENCY_SAMPLE_PERCENT);
  const double percent = is_set ? m->consistency_sample_percent.value : 100;
  if (percent == 0) {
    w->job->report->idle = "consistencySamplePercent is 0";
    return CHN_OK;
  }
  if (!(percent > 0)) {
    return chn_fail(err, CHN_E_ARGUMENT, "consistencySamplePercent is %g, want 0 to 100", percent);
  }
  const chn_status status = find_logged(w, err);
  if (status != CHN_OK) {
    return status;
  }
  find_keys(w);
  w->sample = sample_of(w, percent);
  return compare_days(w, err);
}

chn_status consistency(struct batch_job *job, const struct model_join *j,
                       struct batch_comparison *out, struct chn_err *err)
{
  struct arena *a = job->arena;
  struct work w = { .job = job, .join = j, .out = out };
  w.logged = model_table(a, j->meta_data, "_logged");
  w.comparison = model_table(a, j->meta_data, "_comparison");
  w.metrics = (struct output){ .table = model_table(a, j->meta_data, "_consistency"),
                               .type = "consistency",
                               .meta_data = j->meta_data,
                               .auto_expand = true };
  w.upload = (struct output){ .table = model_table(a, j->meta_data, "_consistency_upload"),
                              .type = "consistency_upload",
                              .meta_data = j->meta_data };
  job->report->table = w.metrics.table;
  out->left = w.comparison;
  out->right = w.logged;
  out->metrics_table = w.metrics.table;
  if (j->left == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "join %s has no left side", j->meta_data->name);
  }
  const chn_status status = run(&w, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "consistency of join %s", j->meta_data->name);
}
