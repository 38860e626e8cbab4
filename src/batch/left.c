#include "batch/left.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/source.h"

static void set_snapshot(struct left *l, size_t row, int64_t day_end)
{
  l->day_end[row] = day_end;
  if (row > 0 && l->day_end[row - 1] == day_end) {
    l->snapshot_ds[row] = l->snapshot_ds[row - 1]; // rows mostly come day by day
    return;
  }
  char ds[CHN_DS_SIZE];
  chn_ds_of_day(chn_day_of_ms(day_end) - 1, ds);
  l->snapshot_ds[row] = row_str_make(ds, strlen(ds));
}

/// Events: the snapshot of the day before the row's ts, which ended at its midnight.
static void event_instants(struct left *l, const struct row_col *ts, size_t from, size_t n)
{
  const int64_t *values = ts->data;
  for (size_t i = 0; i < n; i++) {
    l->unasked[from + i] = row_is_null(ts, i);
    l->ts[from + i] = l->unasked[from + i] ? 0 : values[i];
    const int32_t day = chn_day_of_ms(l->ts[from + i]);
    set_snapshot(l, from + i, chn_ms_of_day(day));
    if (!l->unasked[from + i]) {
      l->snapshots.first = day - 1 < l->snapshots.first ? day - 1 : l->snapshots.first;
      l->snapshots.last = day - 1 > l->snapshots.last ? day - 1 : l->snapshots.last;
    }
  }
}

/// Entities: the snapshot of their own ds.
static chn_status entity_instants(struct left *l, const struct row_col *ds, size_t from, size_t n,
                                  struct chn_err *err)
{
  const struct row_str *values = ds->data;
  for (size_t i = 0; i < n; i++) {
    char text[CHN_DS_SIZE] = "";
    int32_t day = 0;
    if (!row_is_null(ds, i) && values[i].len < sizeof text) {
      memcpy(text, row_str_bytes(&values[i]), values[i].len);
    }
    chn_status status = chn_day_of_ds(text, &day, err);
    if (status != CHN_OK) {
      return chn_wrap(err, "left: ds");
    }
    set_snapshot(l, from + i, chn_ms_of_day(day + 1));
  }
  return CHN_OK;
}

chn_status left_check_instants(const struct row_schema *schema, bool events, struct chn_err *err)
{
  const char *name = events ? "ts" : "ds";
  const int32_t at = row_schema_find(schema, name);
  if (at >= 0 && schema->fields[at].type->kind == (events ? ROW_LONG : ROW_STRING)) {
    return CHN_OK;
  }
  return chn_fail(err, CHN_E_ARGUMENT, "left: %s must be a %s column%s", name,
                  events ? "bigint" : "string",
                  events ? ": give the source a time_column in epoch milliseconds" : "");
}

/// Rows in seconds would all ask about 1970, where nothing is known.
static chn_status check_unit(const struct left *l, struct chn_err *err)
{
  int64_t n = 0;
  int64_t oldest = INT64_MAX;
  int64_t newest = INT64_MIN;
  for (size_t i = 0; i < l->n && l->events; i++) {
    if (!l->unasked[i]) {
      n++;
      oldest = l->ts[i] < oldest ? l->ts[i] : oldest;
      newest = l->ts[i] > newest ? l->ts[i] : newest;
    }
  }
  return source_check_unit("ts", n, oldest, newest, err) == CHN_OK ? CHN_OK : chn_wrap(err, "left");
}

static chn_status find_instants(struct left *l, struct chn_err *err)
{
  const struct row_schema *schema = wh_rows_schema(l->rows);
  chn_status status = left_check_instants(schema, l->events, err);
  if (status != CHN_OK) {
    return status;
  }
  const int32_t at = row_schema_find(schema, l->events ? "ts" : "ds");
  struct row_col *cols = chn_calloc((size_t)schema->n_fields, sizeof *cols);
  size_t from = 0;
  for (size_t c = 0; c < wh_rows_chunks(l->rows) && status == CHN_OK; c++) {
    const size_t n = wh_rows_chunk(l->rows, c, cols);
    if (l->events) {
      event_instants(l, &cols[at], from, n);
    } else {
      status = entity_instants(l, &cols[at], from, n, err);
    }
    from += n;
  }
  free(cols);
  return status;
}

chn_status left_load(struct batch_job *job, const char *sql, bool events, struct left *out,
                     struct chn_err *err)
{
  *out = (struct left){ .events = events, .snapshots = { INT32_MAX, INT32_MIN } };
  const double t = chn_monotonic_ms();
  chn_status status = wh_rows_load(job->wh, sql, &out->rows, err);
  if (status != CHN_OK) {
    return chn_wrap(err, "left");
  }
  out->n = wh_rows_count(out->rows);
  out->ts = chn_calloc(out->n, sizeof *out->ts);
  out->unasked = chn_calloc(out->n, sizeof *out->unasked);
  out->day_end = chn_malloc(out->n * sizeof *out->day_end);
  out->snapshot_ds = chn_malloc(out->n * sizeof *out->snapshot_ds);
  status = find_instants(out, err);
  if (status == CHN_OK) {
    status = check_unit(out, err);
  }
  if (status != CHN_OK) {
    left_free(out);
    return status;
  }
  size_t unasked = 0;
  for (size_t i = 0; i < out->n; i++) {
    unasked += out->unasked[i];
  }
  if (unasked > 0) {
    job_note(job, "left: %zu of %zu rows have no ts; their features are NULL", unasked, out->n);
  }
  job_time(job, "left", t, out->n);
  return CHN_OK;
}

void left_free(struct left *l)
{
  wh_rows_free(l->rows);
  free(l->ts);
  free(l->unasked);
  free(l->day_end);
  free(l->snapshot_ds);
  *l = (struct left){ 0 };
}

chn_status left_column(const struct left *l, const char *name, const struct row_type **type,
                       struct chn_err *err)
{
  const struct row_schema *schema = wh_rows_schema(l->rows);
  const int32_t i = row_schema_find(schema, name);
  if (i < 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "key \"%s\" is not a column of the left side; select it there or map it with "
                    "key_mapping",
                    name);
  }
  *type = schema->fields[i].type;
  return CHN_OK;
}

chn_status left_keys(const struct left *l, struct key_set *keys, const char *const *columns,
                     int32_t n, int32_t *out, struct chn_err *err)
{
  const struct row_schema *schema = wh_rows_schema(l->rows);
  struct row_col *cols = chn_calloc((size_t)schema->n_fields, sizeof *cols);
  struct row_col *picked = chn_calloc((size_t)n + 1, sizeof *picked);
  const struct row_type *type = NULL;
  chn_status status = CHN_OK;
  for (int32_t k = 0; k < n && status == CHN_OK; k++) {
    status = left_column(l, columns[k], &type, err);
  }
  size_t from = 0;
  for (size_t c = 0; c < wh_rows_chunks(l->rows) && status == CHN_OK; c++) {
    const size_t rows = wh_rows_chunk(l->rows, c, cols);
    for (int32_t k = 0; k < n; k++) {
      picked[k] = cols[row_schema_find(schema, columns[k])];
    }
    // Read only by a key set of n + 1 columns, whose last is the snapshot's ds.
    picked[n] = (struct row_col){ .type = row_scalar(ROW_STRING),
                                  .data = l->snapshot_ds + from,
                                  .count = rows };
    key_set_encode(keys, picked, rows, KEY_INTERN, KEY_NULL_NEVER, out + from);
    from += rows;
  }
  for (size_t i = 0; i < l->n && status == CHN_OK; i++) {
    if (l->unasked[i]) {
      out[i] = -1;
    }
  }
  free(cols);
  free(picked);
  return status;
}

struct row_builder *left_copy_column(const struct left *l, const char *name)
{
  const struct row_schema *schema = wh_rows_schema(l->rows);
  const int32_t at = row_schema_find(schema, name);
  struct row_builder *b = row_builder_new(schema->fields[at].type);
  struct row_col *cols = chn_calloc((size_t)schema->n_fields, sizeof *cols);
  for (size_t c = 0; c < wh_rows_chunks(l->rows); c++) {
    const size_t n = wh_rows_chunk(l->rows, c, cols);
    row_builder_append(b, &cols[at], 0, n);
  }
  free(cols);
  return b;
}
