#include "batch/group_by.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/chain.h"
#include "batch/derive.h"
#include "batch/group_by_incremental.h"
#include "batch/output.h"
#include "batch/run_ds.h"
#include "batch/scan.h"
#include "batch/source.h"
#include "model/names.h"
#include "model/plan.h"

/// Queries answered at once: bounds the memory of answers.
enum { QUERIES_MAX = 1 << 19 };

struct work {
  struct batch_job *job;
  const struct model_group_by *gb;
  bool entities;
  struct output output;

  // of the running step
  struct days step;
  struct wh_writer *writer;
  struct agg_plan *plan;
  const char **columns; ///< keys; for entities `ds` too
  int32_t n_columns;
  const struct row_type **types;
  struct key_set keys;
  struct row_builder **key_values; ///< row i: the values of key i
  const char *select;              ///< what is written of wh_frame('group_by')
  int64_t reach_ms;                ///< the longest window, INT64_MAX if some part has none
};

static void remember_keys(void *user, const struct row_col *keys, const int32_t *ids, size_t n)
{
  struct work *w = user;
  // Ids are given in order of appearance: a new key is the one that follows the last.
  for (size_t i = 0; i < n; i++) {
    if (ids[i] >= 0 && (size_t)ids[i] == row_builder_count(w->key_values[0])) {
      for (int32_t c = 0; c < w->n_columns; c++) {
        row_builder_append(w->key_values[c], &keys[c], i, 1);
      }
    }
  }
}

static void drop_keys(struct work *w)
{
  key_set_deinit(&w->keys);
  for (int32_t c = 0; c < w->n_columns && w->key_values != NULL; c++) {
    row_builder_free(w->key_values[c]);
    w->key_values[c] = NULL;
  }
}

static void begin_pass(void *user)
{
  struct work *w = user;
  drop_keys(w);
  key_set_init(&w->keys, w->types, w->n_columns);
  for (int32_t c = 0; c < w->n_columns; c++) {
    w->key_values[c] = row_builder_new(w->types[c]);
  }
}

// ---- writing answers --------------------------------------------------------------------------

/// Whether the answer becomes a row: of events only with some output (spec/04 §4).
static bool kept(const struct work *w, const struct agg_answers *answers, size_t i)
{
  for (int32_t j = 0; j < answers->n_cols && !w->entities; j++) {
    if (!row_is_null(&answers->cols[j], i)) {
      return true;
    }
  }
  return w->entities;
}

/// Writes the answers to `n` queries as rows of keys, outputs and ds.
static chn_status write_answers(struct work *w, const struct agg_queries *q,
                                const struct agg_answers *answers, struct chn_err *err)
{
  struct arena scratch = { 0 };
  int32_t *row = arena_alloc(&scratch, q->n * sizeof *row);
  int32_t *key = arena_alloc(&scratch, q->n * sizeof *key);
  int32_t *day = arena_alloc(&scratch, q->n * sizeof *day);
  struct row_str *ds =
      arena_alloc(&scratch, ((size_t)(w->step.last - w->step.first) + 1) * sizeof *ds);
  for (int32_t d = w->step.first; d <= w->step.last && !w->entities; d++) {
    char text[CHN_DS_SIZE];
    chn_ds_of_day(d, text);
    ds[d - w->step.first] = row_str_make(text, strlen(text));
  }
  size_t n = 0;
  for (size_t i = 0; i < q->n; i++) {
    if (kept(w, answers, i)) {
      row[n] = (int32_t)i;
      key[n] = q->key[i];
      day[n++] = w->entities ? 0 : chn_day_of_ms(q->at[i]) - 1 - w->step.first;
    }
  }
  const struct row_col ds_col = { .type = row_scalar(ROW_STRING), .data = ds };
  struct wh_extra *extras =
      arena_alloc(&scratch, ((size_t)w->n_columns + (size_t)answers->n_cols + 1) * sizeof *extras);
  int32_t n_extras = 0;
  for (int32_t c = 0; c < w->n_columns; c++) {
    extras[n_extras++] = (struct wh_extra){ w->columns[c], row_builder_col(w->key_values[c]), key };
  }
  for (int32_t j = 0; j < answers->n_cols; j++) {
    extras[n_extras++] = (struct wh_extra){ w->plan->parts[j].name, &answers->cols[j], row };
  }
  if (!w->entities) {
    extras[n_extras++] = (struct wh_extra){ "ds", &ds_col, day };
  }
  chn_status status = wh_frame_add(w->job->wh, "group_by", NULL, n, extras, n_extras, err);
  if (status == CHN_OK) {
    status = wh_write_select(w->writer, w->select, err);
    wh_frame_remove(w->job->wh, "group_by");
  }
  arena_deinit(&scratch);
  return status;
}

static chn_status answer(struct work *w, struct agg_frame *frame, const struct agg_queries *q,
                         struct chn_err *err)
{
  if (q->n == 0) {
    return CHN_OK;
  }
  struct agg_answers answers = { 0 };
  double t = chn_monotonic_ms();
  chn_status status = agg_frame_eval(frame, q, w->entities ? AGG_TAIL_EXACT : AGG_TAIL_DAILY,
                                     w->job->threads, &answers, err);
  t = job_time(w->job, "windows", t, q->n);
  if (status == CHN_OK) {
    status = write_answers(w, q, &answers, err);
    job_time(w->job, "write", t, q->n);
    agg_answers_deinit(&answers);
  }
  return status;
}

// ---- what is asked ----------------------------------------------------------------------------

/// Adds a query at the end of each day of the step whose longest window holds a row.
static size_t ask_days(const struct work *w, const struct agg_frame *frame, int32_t id,
                       int32_t *key, int64_t *at)
{
  const int64_t *ts = NULL;
  const size_t rows = agg_frame_key_rows(frame, id, &ts);
  size_t n = 0;
  size_t before = 0; // rows with ts < end
  for (int32_t d = w->step.first; d <= w->step.last && rows > 0; d++) {
    const int64_t end = chn_ms_of_day(d + 1);
    while (before < rows && ts[before] < end) {
      before++;
    }
    if (before > 0 && (w->reach_ms == INT64_MAX || ts[before - 1] >= end - w->reach_ms)) {
      key[n] = id;
      at[n++] = end;
    }
  }
  return n;
}

/// The one query of a key of entities, whose last column is its ds.
static size_t ask_snapshot(const struct work *w, const struct agg_frame *frame, int32_t id,
                           int32_t *key, int64_t *at)
{
  const int64_t *ts = NULL;
  if (agg_frame_key_rows(frame, id, &ts) == 0) {
    return 0;
  }
  const struct row_col *ds = row_builder_col(w->key_values[w->n_columns - 1]);
  const struct row_str *text = (const struct row_str *)ds->data + id;
  char copy[CHN_DS_SIZE] = "";
  int32_t day = 0;
  memcpy(copy, row_str_bytes(text), text->len < CHN_DS_SIZE - 1 ? text->len : CHN_DS_SIZE - 1);
  if (chn_day_of_ds(copy, &day, NULL) != CHN_OK) {
    return 0;
  }
  *key = id;
  *at = w->plan->has_window ? chn_ms_of_day(day + 1) : INT64_MAX;
  return 1;
}

static chn_status visit(void *user, struct agg_frame *frame, struct chn_err *err)
{
  struct work *w = user;
  const int32_t n_keys = key_set_size(&w->keys);
  const size_t per_key = w->entities ? 1 : (size_t)(w->step.last - w->step.first) + 1;
  const size_t room = QUERIES_MAX + per_key;
  int32_t *key = chn_malloc(room * sizeof *key);
  int64_t *at = chn_malloc(room * sizeof *at);
  struct agg_queries q = { .key = key, .at = at };
  chn_status status = CHN_OK;
  for (int32_t id = 0; id < n_keys && status == CHN_OK; id++) {
    q.n += w->entities ? ask_snapshot(w, frame, id, key + q.n, at + q.n)
                       : ask_days(w, frame, id, key + q.n, at + q.n);
    if (q.n >= QUERIES_MAX) {
      status = answer(w, frame, &q, err);
      q.n = 0;
    }
  }
  if (status == CHN_OK) {
    status = answer(w, frame, &q, err);
  }
  free(key);
  free(at);
  return status;
}

// ---- one step ---------------------------------------------------------------------------------

chn_status group_by_select(struct batch_job *job, const struct model_group_by *gb,
                           const char *const *base, int32_t n_base, const char *from,
                           const char **select, struct chn_err *err)
{
  struct arena *a = job->arena;
  struct derived *columns = NULL;
  int32_t n = 0;
  chn_status status =
      derive_columns(a, gb->derivations, gb->n_derivations, base, n_base, &columns, &n, err);
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf sql = { 0 };
  chn_buf_adds(&sql, "SELECT ");
  for (int32_t i = 0; i < gb->n_key_columns; i++) {
    chn_buf_addf(&sql, "%s, ", wh_quote_name(a, gb->key_columns[i]));
  }
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(&sql, "%s AS %s, ", columns[i].sql, wh_quote_name(a, columns[i].name));
  }
  chn_buf_addf(&sql, "ds FROM %s", from);
  *select = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return CHN_OK;
}

static chn_status find_keys(struct work *w, const struct row_schema *schema, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  w->n_columns = w->gb->n_key_columns + (w->entities ? 1 : 0);
  w->columns = arena_alloc(a, (size_t)w->n_columns * sizeof *w->columns);
  w->types = arena_alloc(a, (size_t)w->n_columns * sizeof *w->types);
  w->key_values = arena_calloc(a, (size_t)w->n_columns, sizeof(struct row_builder *));
  for (int32_t i = 0; i < w->n_columns; i++) {
    w->columns[i] = i < w->gb->n_key_columns ? w->gb->key_columns[i] : "ds";
    const int32_t at = row_schema_find(schema, w->columns[i]);
    if (at < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "key \"%s\" is not selected", w->columns[i]);
    }
    w->types[i] = schema->fields[at].type;
    if (key_check(w->columns[i], w->types[i], err) != CHN_OK) {
      return err->code;
    }
  }
  return CHN_OK;
}

chn_status group_by_daily_windows(const struct agg_plan *plan, struct chn_err *err)
{
  for (int32_t j = 0; j < plan->n_parts; j++) {
    const struct agg_part *p = &plan->parts[j];
    if (p->window_ms != 0 && p->window.hours) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "%s: a window of %d hours; a GroupBy's backfill has daily resolution, so "
                      "write it in days, or use the GroupBy in a join",
                      p->name, p->window.length);
    }
  }
  return CHN_OK;
}

static chn_status aggregate_step(struct work *w, const char *sql, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct row_schema schema;
  chn_status status = wh_describe(w->job->wh, sql, a, &schema, err);
  if (status == CHN_OK) {
    status = model_plan(a, w->gb, &schema, &w->plan, err);
  }
  if (status == CHN_OK) {
    status = find_keys(w, &schema, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  const char **base = arena_alloc(a, (size_t)w->plan->n_parts * sizeof *base);
  for (int32_t j = 0; j < w->plan->n_parts; j++) {
    base[j] = w->plan->parts[j].name;
  }
  if (!w->entities && group_by_daily_windows(w->plan, err) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  w->plan->needs_time |= !w->entities;
  int64_t newest = INT64_MIN;
  const struct source_reach reach = source_reach_of(w->gb);
  w->reach_ms = reach.unbounded ? INT64_MAX : reach.window_ms;
  status = group_by_select(w->job, w->gb, base, w->plan->n_parts, "wh_frame('group_by')",
                           &w->select, err);
  const struct scan_request r = {
    .sql = sql,
    .plan = w->plan,
    .key_columns = w->columns,
    .n_key_columns = w->n_columns,
    .n_required_keys = w->gb->n_key_columns,
    .keys = &w->keys,
    .mode = KEY_INTERN,
    .nulls = KEY_NULL_ALL,
    .from = INT64_MIN,
    .to = w->entities ? INT64_MAX : chn_ms_of_day(w->step.last + 1),
    .seen = remember_keys,
    .begin = begin_pass,
    .visit = visit,
    .newest = &newest,
    .user = w,
  };
  if (status == CHN_OK) {
    status = scan_run(w->job, &r, err);
  }
  if (status == CHN_OK) {
    status = source_check_times(w->job, w->gb, model_infer_accuracy(w->gb), w->step, newest, err);
  }
  drop_keys(w);
  return status;
}

/// Without aggregations the source's rows are the features.
static chn_status plain_step(struct work *w, const char *sql, struct chn_err *err)
{
  int32_t n_base = 0;
  const char **base = model_group_by_columns(w->job->arena, w->gb, &n_base);
  // A row whose keys are all NULL belongs to nobody.
  struct arena *a = w->job->arena;
  struct chn_buf keys = { 0 };
  for (int32_t i = 0; i < w->gb->n_key_columns; i++) {
    chn_buf_addf(&keys, "%s%s IS NOT NULL", i > 0 ? " OR " : "",
                 wh_quote_name(a, w->gb->key_columns[i]));
  }
  const char *from = arena_printf(a, "(%s) WHERE %s", sql, chn_buf_str(&keys));
  chn_buf_deinit(&keys);
  chn_status status = group_by_select(w->job, w->gb, base, n_base, from, &w->select, err);
  return status == CHN_OK ? wh_write_select(w->writer, w->select, err) : status;
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  const char *sql = NULL;
  if (w->gb->is_incremental) {
    return group_by_incremental_step(w->job, w->gb, &w->output, step, written, err);
  }
  w->step = step;
  chn_status status =
      source_group_by_sql(w->job, w->gb, model_infer_accuracy(w->gb), step, &sql, err);
  if (status == CHN_OK) {
    status = output_begin(w->job, &w->output, &w->writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  status = w->gb->aggregations != NULL ? aggregate_step(w, sql, err) : plain_step(w, sql, err);
  if (status != CHN_OK) {
    wh_write_abort(w->writer);
    return status;
  }
  const double t = chn_monotonic_ms();
  status = wh_write_commit(w->writer, written, err);
  job_time(w->job, "write", t, 0);
  return status;
}

// ---- the job ----------------------------------------------------------------------------------

static chn_status find_sources(struct work *w, struct output_inputs *in, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const struct model_group_by *gb = w->gb;
  in->tables = arena_alloc(a, (size_t)gb->n_sources * sizeof *in->tables);
  in->columns = arena_alloc(a, (size_t)gb->n_sources * sizeof *in->columns);
  in->n = gb->n_sources;
  for (int32_t i = 0; i < gb->n_sources; i++) {
    const struct model_source *s = &gb->sources[i];
    const struct model_query *q = model_source_query(s);
    w->entities = model_source_is_entities(s);
    in->unchecked |= s->events != NULL && s->events->is_cumulative;
    in->tables[i] = model_source_table(a, s);
    in->columns[i] = source_partition_column(q);
    if (in->tables[i] == NULL) {
      return chn_fail(err, CHN_E_ARGUMENT, "source %d names no table", i + 1);
    }
    chn_status status = q != NULL ? source_setups(w->job, q->setups, q->n_setups, err) : CHN_OK;
    if (status != CHN_OK) {
      return status;
    }
  }
  return CHN_OK;
}

static chn_status backfill(struct work *w, struct chn_err *err)
{
  const struct model_group_by *gb = w->gb;
  if (gb->backfill_start_date == NULL && w->job->o->start_ds == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "a GroupBy is backfilled from its backfill_start_date, which is not set; set "
                    "it or pass --start-ds");
  }
  struct days range;
  struct output_inputs in = { 0 };
  struct days *steps = NULL;
  size_t n = 0;
  chn_status status = job_range(w->job, gb->backfill_start_date, &range, err);
  if (status == CHN_OK) {
    job_historical(w->job, gb->meta_data, &range);
  }
  if (status == CHN_OK) {
    status = find_sources(w, &in, err);
  }
  if (status == CHN_OK && !w->job->o->dry_run) {
    status = chain_prepare(w->job, gb, range.last, err);
  }
  if (status == CHN_OK) {
    status = output_steps(w->job, &w->output, range, &in, &steps, &n, err);
  }
  return status == CHN_OK ? output_run(w->job, steps, n, run_step, w, err) : status;
}

chn_status group_by_backfill(struct batch_job *job, const struct model_group_by *gb,
                             struct chn_err *err)
{
  struct work w = { .job = job, .gb = gb };
  w.output = (struct output){ .table = model_table(job->arena, gb->meta_data, ""),
                              .type = "group_by",
                              .meta_data = gb->meta_data };
  job->report->table = w.output.table;
  if (run_ds_used(gb)) {
    run_ds_one_day_steps(job);
  }
  chn_status status = backfill(&w, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "group_by %s", gb->meta_data->name);
}
