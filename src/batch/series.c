#include "batch/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/upload_rows.h"

// The day of a row: `//` would round days before 1970 up, timestamps do not.
static const char day_of_ts[] = "strftime(make_timestamp(\"ts\" * 1000), '%Y-%m-%d') AS ds";

void series_init(struct series *s, struct batch_job *job, const char *name,
                 const struct row_schema *values)
{
  *s = (struct series){ .job = job, .name = name, .values = *values };
  s->columns = chn_calloc((size_t)values->n_fields + 1, sizeof(struct row_builder *));
  for (int32_t i = 0; i < values->n_fields; i++) {
    s->columns[i] = row_builder_new(values->fields[i].type);
  }
  s->path = row_builder_new(row_scalar(ROW_STRING));
  s->ts = row_builder_new(row_scalar(ROW_LONG));
}

void series_deinit(struct series *s)
{
  for (int32_t i = 0; i < s->values.n_fields; i++) {
    row_builder_free(s->columns[i]);
  }
  free(s->columns);
  row_builder_free(s->path);
  row_builder_free(s->ts);
  *s = (struct series){ 0 };
}

void series_add(struct series *s, int64_t ts)
{
  row_builder_string(s->path, s->name, strlen(s->name));
  row_builder_value(s->ts, &ts);
}

size_t series_count(const struct series *s)
{
  return s->ts != NULL ? row_builder_count(s->ts) : 0;
}

// ---- the flat table ---------------------------------------------------------------------------

/// Names what `extras` hold, and selects them.
static char *flat_select(struct arena *a, const struct wh_extra *extras, int32_t n, bool with_ds)
{
  struct chn_buf sql = { 0 };
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(&sql, "%s%s", i > 0 ? ", " : "SELECT ", wh_quote_name(a, extras[i].name));
  }
  chn_buf_addf(&sql, "%s%s FROM wh_frame('series')", with_ds ? ", " : "", with_ds ? day_of_ts : "");
  char *text = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

/// Begins, writes one SELECT over a frame and commits.
static chn_status write_frame(struct batch_job *job, const struct output *o,
                              const struct wh_extra *extras, int32_t n, size_t rows,
                              const char *select, struct wh_written *written, struct chn_err *err)
{
  struct wh_writer *writer = NULL;
  chn_status status = output_begin(job, o, &writer, err);
  if (status != CHN_OK) {
    return status;
  }
  status = wh_frame_add(job->wh, "series", NULL, rows, extras, n, err);
  if (status == CHN_OK) {
    status = wh_write_select(writer, select, err);
    wh_frame_remove(job->wh, "series");
  }
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  return wh_write_commit(writer, written, err);
}

chn_status series_write(const struct series *s, const struct output *o, const struct wh_extra *more,
                        int32_t n_more, struct wh_written *written, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const int32_t n = s->values.n_fields;
  struct wh_extra *extras = arena_calloc(a, (size_t)(n + n_more) + 2, sizeof *extras);
  *written = (struct wh_written){ 0 };
  if (series_count(s) == 0) {
    return CHN_OK;
  }
  extras[0] = (struct wh_extra){ "JoinPath", row_builder_col(s->path), NULL };
  for (int32_t i = 0; i < n; i++) {
    extras[i + 1] =
        (struct wh_extra){ s->values.fields[i].name, row_builder_col(s->columns[i]), NULL };
  }
  extras[n + 1] = (struct wh_extra){ "ts", row_builder_col(s->ts), NULL };
  for (int32_t i = 0; i < n_more; i++) {
    extras[n + 2 + i] = more[i];
  }
  const char *select = flat_select(a, extras, n + n_more + 2, !o->unpartitioned);
  return write_frame(s->job, o, extras, n + n_more + 2, series_count(s), select, written, err);
}

// ---- the upload -------------------------------------------------------------------------------

/// Where encoded rows come back to, some at a time.
struct encoded {
  const struct series *s;
  struct wh_writer *writer;
  size_t done; ///< rows that came
};

static chn_status take_encoded(void *user, const struct upload_rows *rows, struct chn_err *err)
{
  struct encoded *e = user;
  struct row_builder *ts = row_builder_new(row_scalar(ROW_LONG));
  row_builder_append(ts, row_builder_col(e->s->ts), e->done, rows->n);
  e->done += rows->n;
  const struct wh_extra extras[] = { { "key_bytes", &rows->key_bytes, NULL },
                                     { "value_bytes", &rows->value_bytes, NULL },
                                     { "key_json", &rows->key_json, NULL },
                                     { "value_json", &rows->value_json, NULL },
                                     { "ts", row_builder_col(ts), NULL } };
  struct wh *wh = e->s->job->wh;
  chn_status status = wh_frame_add(wh, "series", NULL, rows->n, extras, 5, err);
  if (status == CHN_OK) {
    status = wh_write_select(e->writer, flat_select(e->s->job->arena, extras, 5, true), err);
    wh_frame_remove(wh, "series");
  }
  row_builder_free(ts);
  return status;
}

static chn_status write_values(const struct series *s, const struct row_schema *keys,
                               struct wh_writer *writer, struct chn_err *err)
{
  struct encoded e = { .s = s, .writer = writer };
  const struct upload_sink sink = { .user = &e, .rows = take_encoded };
  struct upload_rows_writer *rows = NULL;
  chn_status status = upload_rows_new(s->job, &sink, keys, "Value", &s->values, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  const int32_t n = s->values.n_fields;
  struct row_col *values = chn_calloc((size_t)n + 1, sizeof *values);
  for (int32_t i = 0; i < n; i++) {
    values[i] = *row_builder_col(s->columns[i]);
  }
  const struct row_col *path = row_builder_col(s->path);
  for (size_t i = 0; i < series_count(s) && status == CHN_OK; i++) {
    status = upload_rows_add(rows, path, i, values, i, err);
  }
  if (status == CHN_OK) {
    status = upload_rows_flush(rows, err);
  }
  upload_rows_free(rows);
  free(values);
  return status;
}

/// Selects one of the two rows that carry a schema.
static chn_status write_schema(const struct series *s, const char *record,
                               const struct row_schema *columns, const char *key,
                               struct wh_writer *writer, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct avro_schema *schema = NULL;
  chn_status status = avro_schema_of(a, record, columns, AVRO_NAMES_OF_TYPES, &schema, err);
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf text = { 0 };
  avro_schema_print(schema, true, &text);
  const char *value = wh_quote_string(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return wh_write_select(
      writer,
      arena_printf(a,
                   "SELECT encode(%s) AS key_bytes, encode(%s) AS value_bytes, %s AS key_json, "
                   "%s AS value_json, ts, %s FROM (SELECT CAST(%lld AS BIGINT) AS ts)",
                   wh_quote_string(a, arena_printf(a, "%s%s", s->name, key)), value,
                   wh_quote_string(a, key), value, day_of_ts, (long long)chn_now_ms()),
      err);
}

/// The schemas' partition is written anew; values of that day that an earlier run uploaded, and
/// this one does not have, go along.
static chn_status keep_today(const struct series *s, const char *table, struct wh_writer *writer,
                             struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const int32_t today = chn_today();
  const struct row_col *ts = row_builder_col(s->ts);
  for (size_t i = 0; i < ts->count; i++) {
    if (chn_day_of_ms(((const int64_t *)ts->data)[i]) == today) {
      return CHN_OK;
    }
  }
  if (!wh_table_exists(s->job->wh, table)) {
    return CHN_OK;
  }
  const char *dot = strchr(table, '.');
  char ds[CHN_DS_SIZE];
  chn_status status = wh_use(s->job->wh, table, err);
  return status != CHN_OK
             ? status
             : wh_write_select(
                   writer,
                   arena_printf(a,
                                "SELECT * FROM %s.%s WHERE ds = '%s' AND key_json NOT IN "
                                "('__keySchema', '__valueSchema')",
                                wh_quote_name(a, arena_strndup(a, table, (size_t)(dot - table))),
                                wh_quote_name(a, dot + 1), chn_ds_of_day(today, ds)),
                   err);
}

chn_status series_write_upload(const struct series *s, const struct output *o, struct chn_err *err)
{
  struct row_field *path = arena_alloc(s->job->arena, sizeof *path);
  *path = (struct row_field){ "JoinPath", row_scalar(ROW_STRING) };
  const struct row_schema keys = { path, 1 };
  struct wh_writer *writer = NULL;
  struct wh_written written;
  if (series_count(s) == 0) {
    return CHN_OK;
  }
  chn_status status = output_begin(s->job, o, &writer, err);
  if (status != CHN_OK) {
    return status;
  }
  status = write_values(s, &keys, writer, err);
  if (status == CHN_OK) {
    status = write_schema(s, "Key", &keys, "__keySchema", writer, err);
  }
  if (status == CHN_OK) {
    status = write_schema(s, "Value", &s->values, "__valueSchema", writer, err);
  }
  if (status == CHN_OK) {
    status = keep_today(s, o->table, writer, err);
  }
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  return wh_write_commit(writer, &written, err);
}
