#include "batch/log_flatten.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/dict.h"
#include "base/time.h"
#include "batch/columns.h"
#include "batch/log_schemas.h"
#include "batch/output.h"
#include "batch/sink.h"
#include "codec/base64.h"
#include "model/names.h"

/// Columns of what is read.
enum { IN_HASH, IN_KEY, IN_VALUE, IN_TS, IN_BAD_TS, IN_DS, IN_COLUMNS };

/// Columns of what is written before the fields; ds stands last, after them.
enum { OUT_HASH, OUT_TS, OUT_FIELDS };

/// Rows that are left out, by cause.
struct left_out {
  uint64_t no_hash;
  uint64_t no_base64;
  uint64_t no_avro;
  uint64_t no_ts;
};

struct work {
  struct batch_job *job;
  const struct model_join *join;
  const char *path;  ///< `team/file.var`
  const char *names; ///< SQL: what `name` may be
  const char *from;  ///< the log in SQL
  struct output output;
  uint64_t rows; ///< read, over all steps
  struct left_out left_out;
};

/// A step being decoded.
struct flatten {
  struct work *w;
  struct log_schemas schemas;
  struct chn_dict *hashes; ///< ids are places in schemas
  struct sink sink;
  struct row_builder **into; ///< of the fields of one record
  struct chn_buf key;
  struct chn_buf value;
};

// ---- a row ------------------------------------------------------------------------------------

static bool decode_base64(const struct row_col *col, size_t row, struct chn_buf *out)
{
  const struct row_str *s = (const struct row_str *)col->data + row;
  chn_buf_clear(out);
  return !row_is_null(col, row) && codec_base64_decode(row_str_bytes(s), s->len, out);
}

/// Appends the fields of one record, whose bytes have been checked.
static chn_status put_record(struct flatten *f, const struct avro_schema *record, const int32_t *to,
                             const struct chn_buf *bytes, struct chn_err *err)
{
  for (int32_t i = 0; i < record->n_fields; i++) {
    f->into[i] = to[i] < 0 ? NULL : f->sink.columns[OUT_FIELDS + to[i]];
  }
  return avro_decode(record, chn_buf_str(bytes), bytes->len, f->into, err);
}

static chn_status put_row(struct flatten *f, const struct log_schema *s, const struct row_col *in,
                          size_t row, struct chn_err *err)
{
  const int32_t n = f->schemas.n_fields;
  row_builder_append(f->sink.columns[OUT_HASH], &in[IN_HASH], row, 1);
  row_builder_append(f->sink.columns[OUT_TS], &in[IN_TS], row, 1);
  row_builder_append(f->sink.columns[OUT_FIELDS + n], &in[IN_DS], row, 1);
  chn_status status = put_record(f, s->key, s->key_fields, &f->key, err);
  if (status == CHN_OK) {
    status = put_record(f, s->value, s->value_fields, &f->value, err);
  }
  const size_t rows = row_builder_count(f->sink.columns[OUT_HASH]);
  for (int32_t i = 0; i < n; i++) {
    if (row_builder_count(f->sink.columns[OUT_FIELDS + i]) < rows) {
      row_builder_null(f->sink.columns[OUT_FIELDS + i]);
    }
  }
  return status == CHN_OK ? sink_row(&f->sink, true, err) : status;
}

static chn_status take_row(struct flatten *f, const struct row_col *in, size_t row,
                           struct chn_err *err)
{
  struct left_out *left_out = &f->w->left_out;
  const struct row_str *hash = (const struct row_str *)in[IN_HASH].data + row;
  struct chn_err ignored;
  if (row_is_null(&in[IN_HASH], row)) {
    left_out->no_hash++;
    return CHN_OK;
  }
  const int32_t id = chn_dict_find(f->hashes, row_str_bytes(hash), hash->len);
  if (id == CHN_DICT_NONE) {
    return chn_fail(err, CHN_E_INTERNAL, "the log has changed while it was read");
  }
  const struct log_schema *s = &f->schemas.at[id];
  if (!row_is_null(&in[IN_BAD_TS], row) && ((const bool *)in[IN_BAD_TS].data)[row]) {
    left_out->no_ts++;
  } else if (!decode_base64(&in[IN_KEY], row, &f->key) ||
             !decode_base64(&in[IN_VALUE], row, &f->value)) {
    left_out->no_base64++;
  } else if (avro_check(s->key, chn_buf_str(&f->key), f->key.len, &ignored) != CHN_OK ||
             avro_check(s->value, chn_buf_str(&f->value), f->value.len, &ignored) != CHN_OK) {
    left_out->no_avro++;
  } else {
    return put_row(f, s, in, row, err);
  }
  return CHN_OK;
}

// ---- a step -----------------------------------------------------------------------------------

/// The condition that a row is of the join and the step.
static const char *rows_where(struct work *w, struct days step)
{
  char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
  return arena_printf(w->job->arena,
                      "name IN (%s) AND CAST(ds AS VARCHAR) >= '%s' AND CAST(ds AS VARCHAR) <= "
                      "'%s'",
                      w->names, chn_ds_of_day(step.first, from), chn_ds_of_day(step.last, to));
}

/// The step's hashes, the first logged first.
static chn_status find_hashes(struct flatten *f, const char *where, const char ***out, int32_t *n,
                              struct chn_err *err)
{
  struct work *w = f->w;
  struct wh_rows *rows = NULL;
  const char *sql = arena_printf(
      w->job->arena,
      "SELECT CAST(schema_hash AS VARCHAR) AS h FROM %s WHERE %s AND schema_hash IS NOT NULL GROUP "
      "BY h ORDER BY min(TRY_CAST(ts_millis AS BIGINT)) NULLS LAST, h",
      w->from, where);
  chn_status status = wh_rows_load(w->job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  *n = 0;
  *out = arena_calloc(w->job->arena, wh_rows_count(rows) + 1, sizeof **out);
  for (size_t c = 0; c < wh_rows_chunks(rows); c++) {
    struct row_col col;
    const size_t n_rows = wh_rows_chunk(rows, c, &col);
    for (size_t i = 0; i < n_rows; i++) {
      const struct row_str *s = (const struct row_str *)col.data + i;
      chn_dict_intern(f->hashes, row_str_bytes(s), s->len);
      (*out)[(*n)++] = arena_strndup(w->job->arena, row_str_bytes(s), s->len);
    }
  }
  wh_rows_free(rows);
  return CHN_OK;
}

static chn_status take_rows(struct flatten *f, const char *where, struct chn_err *err)
{
  struct batch_job *job = f->w->job;
  struct wh_result *result = NULL;
  const char *sql = arena_printf(
      job->arena,
      "SELECT CAST(schema_hash AS VARCHAR), CAST(key_base64 AS VARCHAR), "
      "CAST(value_base64 AS VARCHAR), TRY_CAST(ts_millis AS BIGINT) AS t, ts_millis IS "
      "NOT NULL AND t IS NULL, CAST(ds AS VARCHAR) FROM %s WHERE %s",
      f->w->from, where);
  chn_status status = wh_query(job->wh, sql, &result, err);
  struct row_col in[IN_COLUMNS];
  for (size_t n = 1; n > 0 && status == CHN_OK;) {
    status = wh_result_next(result, in, &n, err);
    for (size_t i = 0; i < n && status == CHN_OK; i++) {
      status = take_row(f, in, i, err);
    }
    f->w->rows += n;
    job_rows(job, f->w->rows, 0);
    if (status == CHN_OK) {
      status = job_check(job, err);
    }
  }
  wh_result_close(result);
  return status == CHN_OK ? sink_flush(&f->sink, err) : status;
}

/// Names and types of what is written, and the SELECT of it.
static const char *columns_of(struct flatten *f, const char ***names,
                              const struct row_type ***types)
{
  struct arena *a = f->w->job->arena;
  const int32_t n = f->schemas.n_fields;
  struct chn_buf sql = { 0 };
  *names = arena_alloc(a, (size_t)(n + 3) * sizeof **names);
  *types = arena_alloc(a, (size_t)(n + 3) * sizeof **types);
  (*names)[OUT_HASH] = "schema_hash";
  (*types)[OUT_HASH] = row_scalar(ROW_STRING);
  (*names)[OUT_TS] = "ts";
  (*types)[OUT_TS] = row_scalar(ROW_LONG);
  for (int32_t i = 0; i < n; i++) {
    (*names)[OUT_FIELDS + i] = f->schemas.fields[i].name;
    (*types)[OUT_FIELDS + i] = f->schemas.fields[i].type;
  }
  (*names)[OUT_FIELDS + n] = "ds";
  (*types)[OUT_FIELDS + n] = row_scalar(ROW_STRING);
  for (int32_t i = 0; i < n + 3; i++) {
    chn_buf_addf(&sql, "%s%s", i > 0 ? ", " : "SELECT ", wh_quote_name(a, (*names)[i]));
  }
  chn_buf_adds(&sql, " FROM wh_frame('sink')");
  const char *text = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

static void set_properties(struct flatten *f, struct output *o)
{
  struct arena *a = f->w->job->arena;
  struct model_pair *p = arena_calloc(a, (size_t)f->schemas.n + 1, sizeof *p);
  p[0] = (struct model_pair){ .key = "chronon_log_table", .value = "true" };
  for (int32_t i = 0; i < f->schemas.n; i++) {
    const struct log_schema *s = &f->schemas.at[i];
    p[i + 1] =
        (struct model_pair){ .key = arena_printf(a, "schema_hash_%s", s->hash), .value = s->text };
  }
  o->properties = p;
  o->n_properties = f->schemas.n + 1;
}

static chn_status write_rows(struct flatten *f, const char *where, struct wh_written *written,
                             struct chn_err *err)
{
  struct batch_job *job = f->w->job;
  struct output output = f->w->output;
  struct wh_writer *writer = NULL;
  const char **names = NULL;
  const struct row_type **types = NULL;
  int32_t widest = 1;
  for (int32_t i = 0; i < f->schemas.n; i++) {
    const struct log_schema *s = &f->schemas.at[i];
    widest = s->key->n_fields > widest ? s->key->n_fields : widest;
    widest = s->value->n_fields > widest ? s->value->n_fields : widest;
  }
  set_properties(f, &output);
  chn_status status = output_begin(job, &output, &writer, err);
  if (status != CHN_OK) {
    return status;
  }
  f->into = arena_alloc(job->arena, (size_t)widest * sizeof(struct row_builder *));
  const char *select = columns_of(f, &names, &types);
  sink_init(&f->sink, job, writer, select, names, types, f->schemas.n_fields + 3);
  status = take_rows(f, where, err);
  sink_deinit(&f->sink);
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  return wh_write_commit(writer, written, err);
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  struct flatten f = { .w = w, .hashes = chn_dict_new(16) };
  const char *where = rows_where(w, step);
  const char **hashes = NULL;
  int32_t n = 0;
  const double t = chn_monotonic_ms();
  chn_status status = find_hashes(&f, where, &hashes, &n, err);
  if (status == CHN_OK) {
    status = log_schemas_load(w->job, w->job->o->schema_table, hashes, n, &f.schemas, err);
  }
  if (status == CHN_OK) {
    status = write_rows(&f, where, written, err);
  }
  chn_dict_free(f.hashes);
  chn_buf_deinit(&f.key);
  chn_buf_deinit(&f.value);
  job_time(w->job, "decode", t, written->rows);
  return status;
}

// ---- the job ----------------------------------------------------------------------------------

static chn_status find_log(struct work *w, struct chn_err *err)
{
  static const char *const columns[] = { "key_base64",  "value_base64", "ts_millis",
                                         "schema_hash", "name",         "ds" };
  struct arena *a = w->job->arena;
  const char *name = w->job->o->log_table;
  struct wh_table table;
  chn_status status = wh_table_find(w->job->wh, name, a, &table, err);
  for (size_t i = 0; i < sizeof columns / sizeof *columns && status == CHN_OK; i++) {
    status = columns_need(a, &table, columns[i], err);
  }
  if (status == CHN_OK) {
    status = wh_use(w->job->wh, name, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  const char *dot = strchr(table.name, '.');
  w->from = arena_printf(a, "%s.%s",
                         wh_quote_name(a, arena_strndup(a, table.name, (size_t)(dot - table.name))),
                         wh_quote_name(a, dot + 1));
  return CHN_OK;
}

/// `team%2Ffile.var`: a table that keeps the names of Hive's folders as they are has these.
static const char *encoded_path(struct arena *a, const char *path)
{
  struct chn_buf text = { 0 };
  for (const char *p = path; *p != '\0'; p++) {
    if (*p == '/') {
      chn_buf_adds(&text, "%2F");
    } else {
      chn_buf_addc(&text, *p);
    }
  }
  const char *out = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return out;
}

/// The days of which the log has rows of the join.
static chn_status find_days(struct work *w, struct day_set *out, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const char *names[] = { w->path, encoded_path(a, w->path) };
  w->names = arena_printf(a, "%s, %s", wh_quote_string(a, names[0]), wh_quote_string(a, names[1]));
  char **all = NULL;
  size_t n = 0;
  for (int32_t i = 0; i < 2; i++) {
    const char *filter = arena_printf(a, "name=%s", names[i]);
    char **ds = NULL;
    size_t n_ds = 0;
    chn_status status =
        wh_partitions(w->job->wh, w->job->o->log_table, "ds", &filter, 1, a, &ds, &n_ds, err);
    if (status != CHN_OK) {
      return status;
    }
    char **both = arena_alloc(a, (n + n_ds + 1) * sizeof *both);
    memcpy(both, all != NULL ? all : both, n * sizeof *both);
    memcpy(both + n, ds != NULL ? ds : both, n_ds * sizeof *both);
    all = both;
    n += n_ds;
  }
  *out = day_set_of(a, all, n);
  return out->n > 0
             ? CHN_OK
             : chn_fail(err, CHN_E_NOT_FOUND,
                        "%s has no row whose name is %s: nothing of the join has been logged "
                        "yet (or it is logged elsewhere)",
                        w->job->o->log_table, w->path);
}

static void tell_left_out(const struct work *w)
{
  const struct left_out *o = &w->left_out;
  const uint64_t n = o->no_hash + o->no_base64 + o->no_avro + o->no_ts;
  if (n > 0) {
    job_note(w->job,
             "%" PRIu64 " of %" PRIu64 " log rows are left out: %" PRIu64
             " without schema_hash, %" PRIu64 " with a key or value that is not base64, %" PRIu64
             " that are not of their schema, %" PRIu64 " with a ts_millis that is no number",
             n, w->rows, o->no_hash, o->no_base64, o->no_avro, o->no_ts);
  }
}

static chn_status run(struct work *w, struct chn_err *err)
{
  struct day_set days;
  struct days range;
  struct days *steps = NULL;
  size_t n = 0;
  char first[CHN_DS_SIZE];
  chn_status status = find_log(w, err);
  if (status == CHN_OK) {
    status = find_days(w, &days, err);
  }
  if (status == CHN_OK) {
    status = job_range(w->job, chn_ds_of_day(days.day[0], first), &range, err);
  }
  if (status == CHN_OK) {
    const struct output_inputs in = { .tables = (const char *[]){ w->job->o->log_table },
                                      .n = 1,
                                      .days = &days };
    status = output_steps(w->job, &w->output, range, &in, &steps, &n, err);
  }
  if (status == CHN_OK) {
    status = output_run(w->job, steps, n, run_step, w, err);
    tell_left_out(w);
  }
  return status;
}

chn_status log_flatten(struct batch_job *job, const struct model_join *j, struct chn_err *err)
{
  struct work w = { .job = job, .join = j, .path = model_file_path(job->arena, j->meta_data) };
  w.output = (struct output){ .table = model_table(job->arena, j->meta_data, "_logged"),
                              .type = "logged",
                              .meta_data = j->meta_data,
                              .auto_expand = true };
  job->report->table = w.output.table;
  if (!model_has(j->meta_data->set, MODEL_META_DATA_SAMPLE_PERCENT)) {
    job->report->idle = "the join has no samplePercent, so its fetches are not logged";
    job_note(job, "%s: %s", j->meta_data->name, job->report->idle);
    return CHN_OK;
  }
  if (job->o->log_table == NULL || job->o->schema_table == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "join %s: --log-table and --schema-table are needed: serve --log writes "
                    "logs.served and logs.served_schemas",
                    j->meta_data->name);
  }
  chn_status status = run(&w, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "join %s", j->meta_data->name);
}
