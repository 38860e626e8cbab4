// Rows of both tables come from one query, joined to the asked (key, day) pairs and sorted by
// them: of each pair first the snapshot's rows, then the day's mutations by mutation time. So one
// key's state is enough at any time, and sorting is DuckDB's, which spills.
//
// The state is the batch IR of an upload whose end is the day's midnight (spec/04 §5): of a window
// the part that stays inside it for two more days is one "collapsed" IR, what lies before is kept
// as tail hops, which windows of one base and hop size share. A mutation enters or leaves the
// collapsed IRs of those windows that hold it at the first query after it, and stays for the
// queries that follow. Values are those that the fetcher would have given at that instant.
#include "batch/part_mutations.h"

#include <stdlib.h>
#include <string.h>

#include "agg/ir.h"
#include "base/time.h"
#include "batch/source.h"
#include "model/names.h"

enum { HOP_SIZES = 3, FIXED_COLUMNS = 5 };

static const int64_t hop_sizes[HOP_SIZES] = { CHN_DAY_MS, CHN_HOUR_MS, 5 * CHN_MINUTE_MS };
static const int64_t TAIL_BUFFER_MS = 2 * (int64_t)CHN_DAY_MS;

struct hop {
  int64_t start;
  struct agg_ir *ir; ///< over the plan's bases; kept for the next key
};

struct hops {
  struct hop *list; ///< by start: snapshot rows come by time
  int32_t n;
  int32_t made;
};

struct work {
  struct batch_job *job;
  const struct mutations_request *r;
  struct row_builder *const *outs;
  int32_t *answer;
  int32_t answered;

  // of the running key
  int32_t key;
  int64_t batch_end;
  size_t query; ///< the next one to answer
  struct agg_ir *collapsed;
  struct hops hops[HOP_SIZES];

  struct agg_ir *result;
  bool *entered; ///< (hop size, base) pairs that have the running row
};

bool mutations_apply(const struct left *left, const struct model_group_by *gb, bool entities)
{
  return left->events && entities && model_infer_accuracy(gb) == MODEL_TEMPORAL;
}

// ---- the state of a key -----------------------------------------------------------------------

/// As upstream rounds: toward zero.
static int64_t align(int64_t ms, int64_t hop)
{
  return ms / hop * hop;
}

static int hop_index(int64_t hop_ms)
{
  int i = 0;
  while (i < HOP_SIZES - 1 && hop_sizes[i] != hop_ms) {
    i++;
  }
  return i;
}

/// The hop that starts then; `start` never goes back within a key.
static struct agg_ir *hop_at(struct work *w, struct hops *h, int64_t start)
{
  if (h->n > 0 && h->list[h->n - 1].start == start) {
    return h->list[h->n - 1].ir;
  }
  if (h->n == h->made) {
    h->list = chn_realloc(h->list, ((size_t)h->made + 1) * sizeof *h->list);
    h->list[h->made++].ir = agg_ir_new(w->r->plan->bases, w->r->plan->n_bases);
  }
  h->list[h->n].start = start;
  return h->list[h->n++].ir;
}

static void clear_key(struct work *w)
{
  agg_ir_clear(w->collapsed);
  for (int s = 0; s < HOP_SIZES; s++) {
    for (int32_t i = 0; i < w->hops[s].n; i++) {
      agg_ir_clear(w->hops[s].list[i].ir);
    }
    w->hops[s].n = 0;
  }
}

/// A row of the snapshot into every window that holds it at the batch end.
static chn_status add_snapshot(struct work *w, const struct row_col *inputs, size_t row, int64_t ts,
                               struct chn_err *err)
{
  const struct agg_plan *plan = w->r->plan;
  memset(w->entered, 0, (size_t)plan->n_bases * HOP_SIZES * sizeof *w->entered);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < plan->n_parts && ts < w->batch_end && status == CHN_OK; i++) {
    const struct agg_part *p = &plan->parts[i];
    const int64_t tail = w->batch_end - p->window_ms;
    if (p->window_ms == 0 || ts >= tail + TAIL_BUFFER_MS) {
      status = agg_ir_update_part(w->collapsed, i, inputs, row, ts, err);
      continue;
    }
    const int size = hop_index(p->hop_ms);
    bool *entered = &w->entered[size * plan->n_bases + p->base];
    if (ts > tail && !*entered) {
      *entered = true;
      struct agg_ir *ir = hop_at(w, &w->hops[size], align(ts, hop_sizes[size]));
      status = agg_ir_update_part(ir, p->base, inputs, row, ts, err);
    }
  }
  return status;
}

/// A mutation into, or out of, the windows that hold its row at the query that follows it.
static chn_status apply(struct work *w, const struct row_col *inputs, size_t row, int64_t ts,
                        bool is_before, struct chn_err *err)
{
  const struct agg_plan *plan = w->r->plan;
  const int64_t at = w->r->queries->at[w->query];
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < plan->n_parts && status == CHN_OK; i++) {
    const struct agg_part *p = &plan->parts[i];
    if (p->window_ms != 0 && (ts < align(at - p->window_ms, p->hop_ms) || ts >= at)) {
      continue;
    }
    status = is_before ? agg_ir_delete_part(w->collapsed, i, inputs, row, ts, err)
                       : agg_ir_update_part(w->collapsed, i, inputs, row, ts, err);
  }
  return status;
}

static chn_status merge_tail(struct work *w, int32_t part, int64_t at, struct chn_err *err)
{
  const struct agg_part *p = &w->r->plan->parts[part];
  const struct hops *h = &w->hops[hop_index(p->hop_ms)];
  const int64_t from = align(at - p->window_ms, p->hop_ms);
  const int64_t to = w->batch_end - p->window_ms + TAIL_BUFFER_MS;
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < h->n && status == CHN_OK; i++) {
    if (h->list[i].start >= from && h->list[i].start < to) {
      status = agg_ir_merge_part(w->result, part, h->list[i].ir, p->base, err);
    }
  }
  return status;
}

static chn_status answer_next(struct work *w, struct chn_err *err)
{
  const struct agg_plan *plan = w->r->plan;
  chn_status status = CHN_OK;
  agg_ir_clear(w->result);
  for (int32_t i = 0; i < plan->n_parts && status == CHN_OK; i++) {
    status = agg_ir_merge_part(w->result, i, w->collapsed, i, err);
    if (status == CHN_OK && plan->parts[i].window_ms != 0) {
      status = merge_tail(w, i, w->r->queries->at[w->query], err);
    }
  }
  if (status == CHN_OK) {
    agg_ir_finish(w->result, w->outs);
    w->answer[w->query++] = w->answered++;
  }
  return status;
}

/// Answers the running key's queries up to the instant `until`, inclusive.
static chn_status answer_until(struct work *w, int64_t until, struct chn_err *err)
{
  const struct agg_queries *q = w->r->queries;
  chn_status status = CHN_OK;
  while (status == CHN_OK && w->query < q->n && q->key[w->query] == w->key &&
         q->at[w->query] <= until) {
    status = answer_next(w, err);
  }
  return status;
}

static chn_status begin_key(struct work *w, int32_t key, struct chn_err *err)
{
  const struct agg_queries *q = w->r->queries;
  chn_status status = answer_until(w, INT64_MAX, err);
  clear_key(w);
  w->key = key;
  while (w->query < q->n && q->key[w->query] < key) {
    w->query++;
  }
  // All instants of a key lie in one day, because its ds is part of the key.
  w->batch_end = chn_ms_of_day(chn_day_of_ms(q->at[w->query]));
  return status;
}

// ---- rows -------------------------------------------------------------------------------------

/// Columns of the query: id, mutation, ts, mutation_ts, is_before, then the plan's inputs.
static chn_status take_row(struct work *w, const struct row_col *cols, size_t row,
                           struct chn_err *err)
{
  const int32_t key = ((const int32_t *)cols[0].data)[row];
  const bool mutation = ((const bool *)cols[1].data)[row];
  const int64_t ts = row_is_null(&cols[2], row) ? INT64_MIN : ((const int64_t *)cols[2].data)[row];
  const struct row_col *inputs = cols + FIXED_COLUMNS;
  chn_status status = key != w->key ? begin_key(w, key, err) : CHN_OK;
  if (status != CHN_OK || !mutation) {
    return status == CHN_OK ? add_snapshot(w, inputs, row, ts, err) : status;
  }
  const int64_t mutation_ts = ((const int64_t *)cols[3].data)[row];
  if (mutation_ts < w->batch_end) {
    return CHN_OK;
  }
  status = answer_until(w, mutation_ts, err);
  const struct agg_queries *q = w->r->queries;
  if (status != CHN_OK || w->query >= q->n || q->key[w->query] != w->key) {
    return status;
  }
  return apply(w, inputs, row, ts, ((const bool *)cols[4].data)[row], err);
}

static chn_status take_rows(struct work *w, const char *sql, struct chn_err *err)
{
  struct wh_result *result = NULL;
  chn_status status = wh_query(w->job->wh, sql, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  const size_t width = (size_t)wh_result_schema(result)->n_fields;
  struct row_col *cols = chn_calloc(width, sizeof *cols);
  size_t n = 1;
  uint64_t rows = 0;
  for (size_t chunk = 0; n > 0 && status == CHN_OK; chunk++) {
    status = wh_result_next(result, cols, &n, err);
    for (size_t i = 0; i < n && status == CHN_OK; i++) {
      status = take_row(w, cols, i, err);
    }
    rows += n;
    if (chunk % 64 == 63 && status == CHN_OK) {
      job_rows(w->job, rows, 0);
      status = job_check(w->job, err);
    }
  }
  free(cols);
  wh_result_close(result);
  return status == CHN_OK ? answer_until(w, INT64_MAX, err) : status;
}

// ---- the query --------------------------------------------------------------------------------

/// Every column that is read must have one type in both tables.
static chn_status check_types(const struct mutations_request *r, const struct row_schema *have,
                              const char *name, struct chn_err *err)
{
  const int32_t in_snapshot = row_schema_find(r->schema, name);
  const int32_t in_mutations = row_schema_find(have, name);
  if (in_mutations < 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "mutation_table: column \"%s\" is absent", name);
  }
  const struct row_type *x = r->schema->fields[in_snapshot].type;
  const struct row_type *y = have->fields[in_mutations].type;
  if (row_type_equal(x, y)) {
    return CHN_OK;
  }
  struct chn_buf left = { 0 };
  struct chn_buf right = { 0 };
  row_type_print(&left, x);
  row_type_print(&right, y);
  chn_fail(err, CHN_E_ARGUMENT,
           "column \"%s\": %s in the snapshot table, %s in the mutation table; cast one of them",
           name, chn_buf_str(&left), chn_buf_str(&right));
  chn_buf_deinit(&left);
  chn_buf_deinit(&right);
  return CHN_E_ARGUMENT;
}

static chn_status check_columns(struct batch_job *job, const struct mutations_request *r,
                                const char *mutations, struct chn_err *err)
{
  struct row_schema have;
  chn_status status = wh_describe(job->wh, mutations, job->arena, &have, err);
  for (int32_t i = 0; i < r->gb->n_key_columns && status == CHN_OK; i++) {
    status = check_types(r, &have, r->gb->key_columns[i], err);
  }
  for (int32_t i = 0; i < r->plan->inputs.n_fields && status == CHN_OK; i++) {
    status = check_types(r, &have, r->plan->inputs.fields[i].name, err);
  }
  if (status == CHN_OK && r->plan->needs_time && row_schema_find(r->schema, "ts") < 0) {
    status = chn_fail(err, CHN_E_ARGUMENT,
                      "windows need the time of a row; give the source a time_column");
  }
  return status;
}

/// One table's rows of the asked (key, day) pairs.
static void add_table(struct chn_buf *sql, struct batch_job *job, const struct mutations_request *r,
                      const char *from, bool mutation)
{
  struct arena *a = job->arena;
  const bool timed = row_schema_find(r->schema, "ts") >= 0;
  chn_buf_addf(sql, "SELECT a.__id, %s, %s, %s, %s", mutation ? "TRUE" : "FALSE",
               timed ? "CAST(s.ts AS BIGINT)" : "CAST(NULL AS BIGINT)",
               mutation ? "CAST(s.mutation_ts AS BIGINT)" : "CAST(0 AS BIGINT)",
               mutation ? "COALESCE(CAST(s.is_before AS BOOLEAN), FALSE)" : "FALSE");
  for (int32_t i = 0; i < r->plan->inputs.n_fields; i++) {
    chn_buf_addf(sql, ", s.%s", wh_quote_name(a, r->plan->inputs.fields[i].name));
  }
  chn_buf_addf(sql, " FROM (%s) AS s JOIN wh_frame('asked') AS a ON CAST(s.ds AS VARCHAR) = a.%s",
               from, mutation ? "__day" : "__snapshot");
  for (int32_t i = 0; i < r->gb->n_key_columns; i++) {
    chn_buf_addf(sql, " AND s.%s = a.__key_%d", wh_quote_name(a, r->gb->key_columns[i]), i);
  }
  chn_buf_adds(sql, mutation ? " WHERE s.mutation_ts IS NOT NULL" : " WHERE TRUE");
  chn_buf_adds(sql, r->plan->needs_time ? " AND s.ts IS NOT NULL" : "");
}

/// Rows that tie in time are ordered by what they hold, so that the same input gives the same
/// values on any number of threads; upstream leaves it to a shuffle.
static const char *rows_sql(struct batch_job *job, const struct mutations_request *r,
                            const char *mutations)
{
  struct chn_buf sql = { 0 };
  add_table(&sql, job, r, r->snapshots, false);
  chn_buf_adds(&sql, " UNION ALL ");
  add_table(&sql, job, r, mutations, true);
  chn_buf_adds(&sql, " ORDER BY 1, 2, 4, 3, 5 DESC");
  for (int32_t i = 0; i < r->plan->inputs.n_fields; i++) {
    chn_buf_addf(&sql, ", %d", FIXED_COLUMNS + 1 + i);
  }
  const char *text = arena_strdup(job->arena, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

/// What is asked, as wh_frame('asked'): id, keys, and the days of snapshot and mutations.
struct asked {
  int32_t *id;
  int32_t *row; ///< a left row of each id
  struct row_str *day;
  struct row_builder **keys;
  struct row_col cols[3];
  struct wh_extra *extras;
  int32_t n_extras;
};

static void asked_init(struct asked *q, struct arena *a, const struct mutations_request *r)
{
  const size_t n = (size_t)r->n_keys;
  q->id = chn_malloc(n * sizeof *q->id);
  q->row = chn_calloc(n, sizeof *q->row);
  q->day = chn_malloc(n * sizeof *q->day);
  for (size_t i = r->left->n; i-- > 0;) {
    if (r->position[i] >= 0) {
      q->row[r->queries->key[r->position[i]]] = (int32_t)i;
    }
  }
  for (size_t i = 0; i < n; i++) {
    char ds[CHN_DS_SIZE];
    chn_ds_of_day(chn_day_of_ms(r->left->day_end[q->row[i]]), ds);
    q->id[i] = (int32_t)i;
    q->day[i] = row_str_make(ds, strlen(ds));
  }
  q->cols[0] = (struct row_col){ .type = row_scalar(ROW_INT), .data = q->id, .count = n };
  q->cols[1] = (struct row_col){ .type = row_scalar(ROW_STRING), .data = q->day, .count = n };
  q->cols[2] = (struct row_col){ .type = row_scalar(ROW_STRING),
                                 .data = r->left->snapshot_ds,
                                 .count = r->left->n };
  const int32_t n_keys = r->gb->n_key_columns;
  q->keys = arena_alloc(a, (size_t)n_keys * sizeof *q->keys);
  q->extras = arena_alloc(a, ((size_t)n_keys + 3) * sizeof *q->extras);
  q->extras[0] = (struct wh_extra){ "__id", &q->cols[0], NULL };
  q->extras[1] = (struct wh_extra){ "__day", &q->cols[1], NULL };
  q->extras[2] = (struct wh_extra){ "__snapshot", &q->cols[2], q->row };
  q->n_extras = 3;
  for (int32_t i = 0; i < n_keys; i++) {
    q->keys[i] = left_copy_column(r->left, r->left_columns[i]);
    q->extras[q->n_extras++] =
        (struct wh_extra){ arena_printf(a, "__key_%d", i), row_builder_col(q->keys[i]), q->row };
  }
}

static void asked_deinit(struct asked *q, int32_t n_keys)
{
  for (int32_t i = 0; i < n_keys; i++) {
    row_builder_free(q->keys[i]);
  }
  free(q->id);
  free(q->row);
  free(q->day);
}

// ---- all together -----------------------------------------------------------------------------

static void work_deinit(struct work *w)
{
  agg_ir_free(w->collapsed);
  agg_ir_free(w->result);
  for (int s = 0; s < HOP_SIZES; s++) {
    for (int32_t i = 0; i < w->hops[s].made; i++) {
      agg_ir_free(w->hops[s].list[i].ir);
    }
    free(w->hops[s].list);
  }
  free(w->entered);
}

chn_status mutations_compute(struct batch_job *job, const struct mutations_request *r,
                             struct row_builder *const *outs, int32_t *answer, struct chn_err *err)
{
  const char *mutations = NULL;
  const struct days days = { r->days.first + 1, r->days.last + 1 };
  chn_status status = source_mutations_sql(job, r->gb, days, &mutations, err);
  if (status == CHN_OK) {
    status = check_columns(job, r, mutations, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct work w = {
    .job = job,
    .r = r,
    .outs = outs,
    .answer = answer,
    .key = -1,
    .collapsed = agg_ir_new(r->plan->parts, r->plan->n_parts),
    .result = agg_ir_new(r->plan->parts, r->plan->n_parts),
    .entered = chn_calloc((size_t)r->plan->n_bases * HOP_SIZES, sizeof(bool)),
  };
  struct asked asked;
  asked_init(&asked, job->arena, r);
  const double t = chn_monotonic_ms();
  status =
      wh_frame_add(job->wh, "asked", NULL, (size_t)r->n_keys, asked.extras, asked.n_extras, err);
  if (status == CHN_OK) {
    status = take_rows(&w, rows_sql(job, r, mutations), err);
    wh_frame_remove(job->wh, "asked");
  }
  job_time(job, "windows", t, (uint64_t)w.answered);
  asked_deinit(&asked, r->gb->n_key_columns);
  work_deinit(&w);
  return status;
}
