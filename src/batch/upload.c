// Sources are read as a backfill reads them, into frames of a pass's keys. A TEMPORAL source of
// events is scanned up to the partition after the day, whose rows of before the batch end count;
// a key is uploaded whenever the scan has seen it, with an empty IR if need be.
#include "batch/upload.h"

#include <stdlib.h>
#include <string.h>

#include "agg/batch_ir.h"
#include "base/time.h"
#include "batch/chain.h"
#include "batch/scan.h"
#include "batch/source.h"
#include "batch/upload_info.h"
#include "batch/upload_rows.h"
#include "model/names.h"
#include "model/plan.h"

enum {
  QUERIES_MAX = 1 << 17, ///< keys answered at once: bounds the memory of answers
  KEYS_MAX = 512,        ///< batch IRs stored before they are encoded
};

struct work {
  struct batch_job *job;
  const struct model_group_by *gb;
  int32_t day;
  int64_t end; ///< the batch end
  bool entities;
  bool temporal;
  struct row_schema schema; ///< of the sources' SQL
  struct row_schema keys;
  struct row_schema values;
  const struct row_type **key_types;
  struct agg_plan *plan; ///< NULL without aggregations
  struct upload_rows_writer *rows;

  // of the running pass
  struct key_set key_set;
  struct row_builder **key_values; ///< row i: the values of key i
  struct row_col *key_cols;        ///< the same as columns, while a frame is visited
};

// ---- keys -------------------------------------------------------------------------------------

static void remember_keys(void *user, const struct row_col *keys, const int32_t *ids, size_t n)
{
  struct work *w = user;
  // Ids are given in order of appearance: a new key is the one that follows the last.
  for (size_t i = 0; i < n; i++) {
    if (ids[i] >= 0 && (size_t)ids[i] == row_builder_count(w->key_values[0])) {
      for (int32_t c = 0; c < w->keys.n_fields; c++) {
        row_builder_append(w->key_values[c], &keys[c], i, 1);
      }
    }
  }
}

static void drop_keys(struct work *w)
{
  key_set_deinit(&w->key_set);
  for (int32_t c = 0; c < w->keys.n_fields; c++) {
    row_builder_free(w->key_values[c]);
    w->key_values[c] = NULL;
  }
}

static void begin_pass(void *user)
{
  struct work *w = user;
  drop_keys(w);
  key_set_init(&w->key_set, w->key_types, w->keys.n_fields);
  for (int32_t c = 0; c < w->keys.n_fields; c++) {
    w->key_values[c] = row_builder_new(w->key_types[c]);
  }
}

// ---- SNAPSHOT ---------------------------------------------------------------------------------

/// Keys of events without any output have no row (spec/04 §4); of entities all have one.
static bool is_kept(const struct work *w, const struct agg_answers *answers, size_t i)
{
  for (int32_t j = 0; j < answers->n_cols && !w->entities; j++) {
    if (!row_is_null(&answers->cols[j], i)) {
      return true;
    }
  }
  return w->entities;
}

static chn_status answer(struct work *w, struct agg_frame *frame, const struct agg_queries *q,
                         struct chn_err *err)
{
  struct agg_answers answers;
  const enum agg_tail tail = w->entities ? AGG_TAIL_EXACT : AGG_TAIL_DAILY;
  if (q->n == 0) {
    return CHN_OK;
  }
  double t = chn_monotonic_ms();
  chn_status status = agg_frame_eval(frame, q, tail, w->job->threads, &answers, err);
  t = job_time(w->job, "windows", t, q->n);
  if (status != CHN_OK) {
    return status;
  }
  for (size_t i = 0; i < q->n && status == CHN_OK; i++) {
    if (is_kept(w, &answers, i)) {
      status = upload_rows_add(w->rows, w->key_cols, (size_t)q->key[i], answers.cols, i, err);
    }
  }
  agg_answers_deinit(&answers);
  job_time(w->job, "encode", t, q->n);
  return status;
}

static chn_status visit_snapshot(struct work *w, struct agg_frame *frame, struct chn_err *err)
{
  const int32_t n_keys = key_set_size(&w->key_set);
  int32_t *key = chn_malloc(QUERIES_MAX * sizeof *key);
  int64_t *at = chn_malloc(QUERIES_MAX * sizeof *at);
  struct agg_queries q = { .key = key, .at = at };
  const int64_t end = w->entities && !w->plan->has_window ? INT64_MAX : w->end;
  chn_status status = CHN_OK;
  for (int32_t id = 0; id < n_keys && status == CHN_OK; id++) {
    if (agg_frame_key_rows(frame, id, NULL) > 0) {
      key[q.n] = id;
      at[q.n++] = end;
    }
    if (q.n == QUERIES_MAX || id == n_keys - 1) {
      status = answer(w, frame, &q, err);
      q.n = 0;
    }
  }
  free(key);
  free(at);
  return status;
}

// ---- TEMPORAL ---------------------------------------------------------------------------------

/// Batch IRs in their stored form, waiting to be encoded.
struct stored {
  struct row_builder *values[2];
  int32_t key[KEYS_MAX];
  int32_t n;
};

static chn_status encode(struct work *w, struct stored *s, struct chn_err *err)
{
  const struct row_col values[2] = { *row_builder_col(s->values[0]),
                                     *row_builder_col(s->values[1]) };
  chn_status status = s->n > 0 ? job_check(w->job, err) : CHN_OK;
  for (int32_t i = 0; i < s->n && status == CHN_OK; i++) {
    status = upload_rows_add(w->rows, w->key_cols, (size_t)s->key[i], values, (size_t)i, err);
  }
  row_builder_clear(s->values[0]);
  row_builder_clear(s->values[1]);
  s->n = 0;
  return status;
}

/// Makes the batch IR of one key. Without time every row is collapsed.
static chn_status fill_ir(struct work *w, struct agg_frame_reader *reader,
                          const struct agg_frame *frame, int32_t id, struct agg_batch_ir *ir,
                          struct chn_err *err)
{
  struct row_col inputs[256]; // scan.c takes no more
  const int64_t *ts = NULL;
  const size_t rows = agg_frame_key_rows(frame, id, &ts);
  chn_status status = CHN_OK;
  agg_batch_ir_reset(ir, w->end);
  for (size_t from = 0; from < rows && status == CHN_OK; from += AGG_READ_MAX) {
    const size_t n = agg_frame_read(reader, id, from, inputs);
    for (size_t i = 0; i < n && status == CHN_OK; i++) {
      status = agg_batch_ir_add(ir, inputs, i, ts != NULL ? ts[from + i] : w->end - 1, err);
    }
  }
  return status;
}

static chn_status visit_temporal(struct work *w, struct agg_frame *frame, struct chn_err *err)
{
  const int32_t n_keys = key_set_size(&w->key_set);
  struct agg_frame_reader *reader = agg_frame_reader_new(frame);
  struct agg_batch_ir *ir =
      agg_batch_ir_new(w->plan, w->entities ? AGG_BATCH_ENTITIES : AGG_BATCH_EVENTS);
  struct stored *s = chn_calloc(1, sizeof *s);
  chn_status status = CHN_OK;
  for (int i = 0; i < 2; i++) {
    s->values[i] = row_builder_new(w->values.fields[i].type);
  }
  const double t = chn_monotonic_ms();
  for (int32_t id = 0; id < n_keys && status == CHN_OK; id++) {
    if (agg_frame_key_rows(frame, id, NULL) == 0) {
      continue; // of another pass
    }
    status = fill_ir(w, reader, frame, id, ir, err);
    if (status == CHN_OK) {
      agg_batch_ir_store(ir, s->values);
      s->key[s->n++] = id;
      status = s->n == KEYS_MAX ? encode(w, s, err) : CHN_OK;
    }
  }
  if (status == CHN_OK) {
    status = encode(w, s, err);
  }
  job_time(w->job, "encode", t, (uint64_t)n_keys);
  for (int i = 0; i < 2; i++) {
    row_builder_free(s->values[i]);
  }
  free(s);
  agg_batch_ir_free(ir);
  agg_frame_reader_free(reader);
  return status;
}

static chn_status visit(void *user, struct agg_frame *frame, struct chn_err *err)
{
  struct work *w = user;
  for (int32_t c = 0; c < w->keys.n_fields; c++) {
    w->key_cols[c] = *row_builder_col(w->key_values[c]);
  }
  return w->temporal ? visit_temporal(w, frame, err) : visit_snapshot(w, frame, err);
}

// ---- rows -------------------------------------------------------------------------------------

static const char **names_of(struct arena *a, const struct row_schema *s)
{
  const char **names = arena_alloc(a, ((size_t)s->n_fields + 1) * sizeof *names);
  for (int32_t i = 0; i < s->n_fields; i++) {
    names[i] = s->fields[i].name;
  }
  return names;
}

static chn_status aggregate(struct work *w, struct days range, const char *sql, struct chn_err *err)
{
  int64_t newest = INT64_MIN;
  const struct scan_request r = {
    .sql = sql,
    .plan = w->plan,
    .key_columns = names_of(w->job->arena, &w->keys),
    .n_key_columns = w->keys.n_fields,
    .n_required_keys = w->keys.n_fields,
    .keys = &w->key_set,
    .mode = KEY_INTERN,
    .nulls = KEY_NULL_ALL,
    .from = INT64_MIN,
    .to = w->temporal || w->entities ? INT64_MAX : w->end,
    .seen = remember_keys,
    .begin = begin_pass,
    .visit = visit,
    .newest = &newest,
    .user = w,
  };
  chn_status status = scan_run(w->job, &r, err);
  if (status == CHN_OK) {
    status = source_check_times(w->job, w->gb, model_infer_accuracy(w->gb), range, newest, err);
  }
  drop_keys(w);
  return status;
}

/// Without aggregations every row of the source is a row of the upload.
static chn_status copy_rows(struct work *w, const char *sql, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct chn_buf select = { 0 };
  struct chn_buf present = { 0 };
  for (int32_t i = 0; i < w->keys.n_fields; i++) {
    const char *name = wh_quote_name(a, w->keys.fields[i].name);
    chn_buf_addf(&select, "%s%s", i > 0 ? ", " : "", name);
    chn_buf_addf(&present, "%s%s IS NOT NULL", i > 0 ? " OR " : "", name);
  }
  for (int32_t i = 0; i < w->values.n_fields; i++) {
    chn_buf_addf(&select, ", %s", wh_quote_name(a, w->values.fields[i].name));
  }
  sql = arena_printf(a, "SELECT %s FROM (%s) WHERE %s", chn_buf_str(&select), sql,
                     chn_buf_str(&present));
  chn_buf_deinit(&select);
  chn_buf_deinit(&present);
  const size_t width = (size_t)w->keys.n_fields + (size_t)w->values.n_fields;
  struct row_col *cols = arena_calloc(a, width, sizeof *cols);
  struct wh_result *result = NULL;
  const double t = chn_monotonic_ms();
  chn_status status = wh_query(w->job->wh, sql, &result, err);
  for (size_t n = 1; n > 0 && status == CHN_OK;) {
    status = wh_result_next(result, cols, &n, err);
    for (size_t i = 0; i < n && status == CHN_OK; i++) {
      status = upload_rows_add(w->rows, cols, i, cols + w->keys.n_fields, i, err);
    }
    status = status == CHN_OK ? job_check(w->job, err) : status;
  }
  wh_result_close(result);
  job_time(w->job, "encode", t, upload_rows_count(w->rows));
  return status;
}

// ---- schemas ----------------------------------------------------------------------------------

static chn_status find_column(const struct work *w, const char *what, const char *name,
                              struct row_field *out, struct chn_err *err)
{
  const int32_t at = row_schema_find(&w->schema, name);
  if (at < 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s \"%s\" is not selected", what, name);
  }
  *out = w->schema.fields[at];
  return CHN_OK;
}

static chn_status find_keys(struct work *w, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const int32_t n = w->gb->n_key_columns;
  struct row_field *fields = arena_calloc(a, (size_t)n + 1, sizeof *fields);
  w->key_types = arena_calloc(a, (size_t)n + 1, sizeof *w->key_types);
  w->key_values = arena_calloc(a, (size_t)n + 1, sizeof *w->key_values);
  w->key_cols = arena_calloc(a, (size_t)n + 1, sizeof *w->key_cols);
  for (int32_t i = 0; i < n; i++) {
    const chn_status status = find_column(w, "key", w->gb->key_columns[i], &fields[i], err);
    if (status != CHN_OK) {
      return status;
    }
    w->key_types[i] = fields[i].type;
    if (w->gb->aggregations != NULL && key_check(fields[i].name, fields[i].type, err) != CHN_OK) {
      return err->code;
    }
  }
  w->keys = (struct row_schema){ fields, n };
  return CHN_OK;
}

/// The values of a GroupBy without aggregations: what it selects but keys and reserved columns.
static chn_status find_plain_values(struct work *w, struct chn_err *err)
{
  int32_t n = 0;
  const char **names = model_group_by_columns(w->job->arena, w->gb, &n);
  struct row_field *fields = arena_calloc(w->job->arena, (size_t)n + 1, sizeof *fields);
  for (int32_t i = 0; i < n; i++) {
    const chn_status status = find_column(w, "value", names[i], &fields[i], err);
    if (status != CHN_OK) {
      return status;
    }
  }
  w->values = (struct row_schema){ fields, n };
  return CHN_OK;
}

static chn_status find_values(struct work *w, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  if (w->gb->aggregations == NULL) {
    w->temporal = false; // the rows of the snapshot are all there is
    return find_plain_values(w, err);
  }
  const chn_status status = model_plan(a, w->gb, &w->schema, &w->plan, err);
  if (status != CHN_OK) {
    return status;
  }
  const bool has_time = row_schema_find(&w->schema, "ts") >= 0;
  w->plan->needs_time |= !w->entities || (w->temporal && has_time);
  if (w->temporal) {
    w->values = agg_batch_ir_columns(a, w->plan);
    return CHN_OK;
  }
  struct row_field *fields = arena_calloc(a, (size_t)w->plan->n_parts + 1, sizeof *fields);
  for (int32_t i = 0; i < w->plan->n_parts; i++) {
    const struct agg_part *p = &w->plan->parts[i];
    if (p->window_ms != 0 && p->window.hours && !w->entities) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "%s: a window of %d hours; SNAPSHOT accuracy has daily resolution, so write "
                      "it in days, or make the GroupBy TEMPORAL",
                      p->name, p->window.length);
    }
    fields[i] = (struct row_field){ p->name, p->output };
  }
  w->values = (struct row_schema){ fields, w->plan->n_parts };
  return CHN_OK;
}

// ---- the whole --------------------------------------------------------------------------------

static chn_status prepare(struct work *w, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < w->gb->n_sources && status == CHN_OK; i++) {
    const struct model_query *q = model_source_query(&w->gb->sources[i]);
    w->entities = model_source_is_entities(&w->gb->sources[i]);
    if (q != NULL) {
      status = source_setups(w->job, q->setups, q->n_setups, err);
    }
  }
  return status == CHN_OK ? chain_prepare(w->job, w->gb, w->day, err) : status;
}

static const char *value_name(const struct work *w)
{
  const char *name = model_sanitize(w->job->arena, w->gb->meta_data->name);
  return arena_printf(w->job->arena, "%s_%s", name, w->temporal ? "IR" : "OUTPUT");
}

chn_status upload_group_by(struct batch_job *job, const struct model_group_by *gb, int32_t day,
                           const struct upload_sink *sink, struct chn_err *err)
{
  struct work w = { .job = job, .gb = gb, .day = day, .end = chn_ms_of_day(day + 1) };
  const char *sql = NULL;
  const char *info = NULL;
  const enum model_accuracy accuracy = model_infer_accuracy(gb);
  w.temporal = accuracy == MODEL_TEMPORAL;
  chn_status status = prepare(&w, err);
  const int32_t last = w.temporal && !w.entities ? day + 1 : day;
  const struct days range = { last, last };
  if (status == CHN_OK) {
    status = source_group_by_sql(job, gb, accuracy, range, &sql, err);
  }
  if (status == CHN_OK) {
    status = wh_describe(job->wh, sql, job->arena, &w.schema, err);
  }
  if (status == CHN_OK) {
    status = find_keys(&w, err);
  }
  if (status == CHN_OK) {
    status = find_values(&w, err);
  }
  if (status == CHN_OK) {
    status = upload_info_json(job, gb, day, &w.schema, &w.keys, &w.values, &info, err);
  }
  if (status == CHN_OK) {
    status = upload_rows_new(job, sink, &w.keys, value_name(&w), &w.values, &w.rows, err);
  }
  if (status == CHN_OK) {
    status = w.plan != NULL ? aggregate(&w, range, sql, err) : copy_rows(&w, sql, err);
  }
  if (status == CHN_OK) {
    status = upload_rows_text(w.rows, "group_by_serving_info", info, err);
  }
  if (status == CHN_OK) {
    status = upload_rows_flush(w.rows, err);
  }
  upload_rows_free(w.rows);
  return status;
}
