// A key's states of all days that the step reaches are held at once; each snapshot merges those of
// each window. An unbounded window sees what the longest bounded one makes the step read, as
// upstream (spec/04 §9).
#include "batch/group_by_incremental.h"

#include <stdlib.h>
#include <string.h>

#include "agg/ir.h"
#include "base/time.h"
#include "batch/daily.h"
#include "batch/group_by.h"
#include "batch/sink.h"

struct state {
  int32_t day;
  struct agg_ir *ir; ///< over the plan's bases; kept for the next key
};

struct work {
  struct daily daily;
  struct days step;
  struct sink sink;
  struct key_set keys;

  // of the running key
  int32_t key;
  struct row_builder **key_values; ///< one row
  struct state *states;            ///< by day
  int32_t n_states;
  int32_t made;

  struct agg_ir *result;
};

static bool in_window(const struct agg_part *p, int32_t state_day, int32_t day)
{
  return state_day <= day &&
         (p->window_ms == 0 || state_day > day - (int32_t)(p->window_ms / CHN_DAY_MS));
}

/// The snapshot at the end of a day: a row if some output is not NULL.
static chn_status answer(struct work *w, int32_t day, struct chn_err *err)
{
  const struct agg_plan *plan = w->daily.plan;
  const int32_t n_keys = w->daily.gb->n_key_columns;
  chn_status status = CHN_OK;
  agg_ir_clear(w->result);
  for (int32_t p = 0; p < plan->n_parts; p++) {
    for (int32_t i = 0; i < w->n_states && status == CHN_OK; i++) {
      if (in_window(&plan->parts[p], w->states[i].day, day)) {
        status = agg_ir_merge_part(w->result, p, w->states[i].ir, plan->parts[p].base, err);
      }
    }
  }
  if (status != CHN_OK) {
    return status;
  }
  char ds[CHN_DS_SIZE];
  chn_ds_of_day(day, ds);
  for (int32_t k = 0; k < n_keys; k++) {
    row_builder_append(w->sink.columns[k], row_builder_col(w->key_values[k]), 0, 1);
  }
  row_builder_string(w->sink.columns[n_keys], ds, strlen(ds));
  agg_ir_finish(w->result, w->sink.columns + n_keys + 1);
  bool keep = false;
  const size_t row = row_builder_count(w->sink.columns[n_keys]) - 1;
  for (int32_t p = 0; p < plan->n_parts && !keep; p++) {
    keep = !row_is_null(row_builder_col(w->sink.columns[n_keys + 1 + p]), row);
  }
  return sink_row(&w->sink, keep, err);
}

static chn_status end_key(struct work *w, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t day = w->step.first; day <= w->step.last && w->n_states > 0; day++) {
    if (status == CHN_OK) {
      status = answer(w, day, err);
    }
  }
  w->n_states = 0;
  return status;
}

static void begin_key(struct work *w, int32_t key, const struct row_col *cols, size_t row)
{
  w->key = key;
  for (int32_t k = 0; k < w->daily.gb->n_key_columns; k++) {
    row_builder_free(w->key_values[k]);
    w->key_values[k] = row_builder_new(w->daily.key_types[k]);
    row_builder_append(w->key_values[k], &cols[k], row, 1);
  }
}

/// Columns of the query: keys, ts, states.
static chn_status take_row(struct work *w, int32_t key, const struct row_col *cols, size_t row,
                           struct chn_err *err)
{
  const struct agg_plan *plan = w->daily.plan;
  const int32_t n_keys = w->daily.gb->n_key_columns;
  chn_status status = CHN_OK;
  if (key != w->key) {
    status = end_key(w, err);
    begin_key(w, key, cols, row);
  }
  if (w->n_states == w->made) {
    w->states = chn_realloc(w->states, ((size_t)w->made + 1) * sizeof *w->states);
    w->states[w->made++].ir = agg_ir_new(plan->bases, plan->n_bases);
  }
  struct state *s = &w->states[w->n_states++];
  s->day = chn_day_of_ms(((const int64_t *)cols[n_keys].data)[row]);
  for (int32_t i = 0; i < plan->n_bases && status == CHN_OK; i++) {
    status = agg_ir_load(s->ir, i, &cols[n_keys + 1 + i], row, err);
  }
  return status;
}

static chn_status take_rows(struct work *w, const char *sql, struct chn_err *err)
{
  struct wh_result *result = NULL;
  struct batch_job *job = w->daily.job;
  chn_status status = wh_query(job->wh, sql, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col *cols = chn_calloc((size_t)wh_result_schema(result)->n_fields, sizeof *cols);
  int32_t ids[2048];
  size_t n = 1;
  while (n > 0 && status == CHN_OK) {
    status = wh_result_next(result, cols, &n, err);
    if (status == CHN_OK) {
      key_set_encode(&w->keys, cols, n, KEY_INTERN, KEY_NULL_ALL, ids);
    }
    for (size_t i = 0; i < n && status == CHN_OK; i++) {
      status = take_row(w, ids[i], cols, i, err);
    }
    if (status == CHN_OK) {
      status = job_check(job, err);
    }
  }
  free(cols);
  if (status == CHN_OK) {
    status = end_key(w, err);
  }
  wh_result_close(result);
  return status == CHN_OK ? sink_flush(&w->sink, err) : status;
}

// ---- a step -----------------------------------------------------------------------------------

static void open_sink(struct work *w, struct wh_writer *writer, const char *select)
{
  struct arena *a = w->daily.job->arena;
  const struct agg_plan *plan = w->daily.plan;
  const int32_t n_keys = w->daily.gb->n_key_columns;
  const int32_t n = n_keys + 1 + plan->n_parts;
  const char **names = arena_alloc(a, (size_t)n * sizeof *names);
  const struct row_type **types = arena_alloc(a, (size_t)n * sizeof *types);
  for (int32_t i = 0; i < n; i++) {
    const int32_t part = i - n_keys - 1;
    names[i] = i < n_keys    ? w->daily.gb->key_columns[i]
               : i == n_keys ? "ds"
                             : plan->parts[part].name;
    types[i] = i < n_keys    ? w->daily.key_types[i]
               : i == n_keys ? row_scalar(ROW_STRING)
                             : plan->parts[part].output;
  }
  sink_init(&w->sink, w->daily.job, writer, select, names, types, n);
}

static chn_status write_step(struct work *w, const char *sql, struct wh_writer *writer,
                             struct chn_err *err)
{
  struct batch_job *job = w->daily.job;
  const struct agg_plan *plan = w->daily.plan;
  const int32_t n_keys = w->daily.gb->n_key_columns;
  const char **base = arena_alloc(job->arena, (size_t)plan->n_parts * sizeof *base);
  for (int32_t i = 0; i < plan->n_parts; i++) {
    base[i] = plan->parts[i].name;
  }
  const char *select = NULL;
  chn_status status =
      group_by_select(job, w->daily.gb, base, plan->n_parts, "wh_frame('sink')", &select, err);
  if (status != CHN_OK) {
    return status;
  }
  const double t = chn_monotonic_ms();
  w->result = agg_ir_new(plan->parts, plan->n_parts);
  w->key_values = arena_calloc(job->arena, (size_t)n_keys, sizeof(struct row_builder *));
  key_set_init(&w->keys, w->daily.key_types, n_keys);
  open_sink(w, writer, select);
  status = take_rows(w, sql, err);
  sink_deinit(&w->sink);
  key_set_deinit(&w->keys);
  for (int32_t k = 0; k < n_keys; k++) {
    row_builder_free(w->key_values[k]);
  }
  for (int32_t i = 0; i < w->made; i++) {
    agg_ir_free(w->states[i].ir);
  }
  free(w->states);
  agg_ir_free(w->result);
  job_time(job, "windows", t, 0);
  return status;
}

chn_status group_by_incremental_step(struct batch_job *job, const struct model_group_by *gb,
                                     const struct output *output, struct days step,
                                     struct wh_written *written, struct chn_err *err)
{
  struct work w = { .step = step, .key = -1 };
  struct wh_writer *writer = NULL;
  const char *sql = NULL;
  chn_status status = daily_init(&w.daily, job, gb, step, err);
  if (status == CHN_OK) {
    status = group_by_daily_windows(w.daily.plan, err);
  }
  if (status == CHN_OK) {
    status = daily_fill(&w.daily, daily_reach(&w.daily, step), err);
  }
  if (status == CHN_OK && !wh_table_exists(job->wh, w.daily.table)) {
    return CHN_OK; // the sources have no row at all
  }
  if (status == CHN_OK) {
    status = daily_select(&w.daily, daily_reach(&w.daily, step), &sql, err);
  }
  if (status == CHN_OK) {
    status = output_begin(job, output, &writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  status = write_step(&w, sql, writer, err);
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  return wh_write_commit(writer, written, err);
}
