// DuckDB's own words about a SELECT made of several expressions name none of them. So one that
// cannot be planned is taken apart: the first expression that fails by itself is the culprit.
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "batch/run_ds.h"
#include "batch/source.h"
#include "batch/source_scan.h"
#include "warehouse/warehouse.h"

enum { WHERE_NAME = 24 };

static void where_name(char *out, int32_t i)
{
  snprintf(out, WHERE_NAME, "__where_%d", (int)i);
}

/// What is wrong with one expression; beside a plain column an aggregate has nothing to stand on.
static chn_status explain(const struct source_scan *s, const char *what, const char *spark,
                          const char *sql, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  struct row_schema schema;
  const char *plain =
      s->found.schema.n_fields > 0 ? wh_quote_name(a, s->found.schema.fields[0].name) : "1";
  const char *text =
      arena_printf(a, "SELECT (%s) AS x, %s AS y FROM %s", sql, plain, source_quoted(a, s->table));
  if (wh_describe(s->job->wh, text, a, &schema, err) == CHN_OK) {
    return CHN_OK;
  }
  if (err != NULL && strstr(err->msg, "GROUP BY") != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "%s \"%s\" aggregates, and a %s is about one row; name the columns here, and "
                    "aggregate them in a GroupBy's aggregations or a staging query",
                    what, spark, what);
  }
  return chn_wrap(err, "%s \"%s\"", what, spark);
}

/// The first expression of the query that fails by itself, else what DuckDB said of all.
static chn_status culprit(const struct source_scan *s, const char *const *wheres,
                          struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_query *q = s->query;
  const struct chn_err all = err != NULL ? *err : (struct chn_err){ 0 };
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < q->n_selects && status == CHN_OK; i++) {
    const char *text = NULL;
    char *sql = NULL;
    if (run_ds_expand(a, q->selects[i].value, s->asked_ds, &text, NULL) == CHN_OK &&
        scan_render(a, "select", text, &sql, NULL) == CHN_OK) {
      status = explain(s, "select", q->selects[i].value, sql, err);
    }
  }
  for (int32_t i = 0; i < q->n_wheres && status == CHN_OK; i++) {
    status = explain(s, "where", q->wheres[i], wheres[i], err);
  }
  for (int32_t i = 0; i < s->n_fill && q->time_column != NULL && status == CHN_OK; i++) {
    if (strcmp(s->fill[i].key, "ts") == 0) {
      status = explain(s, "time_column", q->time_column, s->fill[i].value, err);
    }
  }
  if (status == CHN_OK && err != NULL) {
    *err = all;
  }
  return status == CHN_OK ? all.code : status;
}

static chn_status check_where(const struct row_schema *schema, const struct model_query *q,
                              int32_t i, struct chn_err *err)
{
  char name[WHERE_NAME];
  where_name(name, i);
  const struct row_type *type = schema->fields[row_schema_find(schema, name)].type;
  if (type->kind == ROW_BOOLEAN) {
    return CHN_OK;
  }
  struct chn_buf text = { 0 };
  row_type_print(&text, type);
  chn_fail(err, CHN_E_ARGUMENT,
           "where \"%s\" is a %s, and a condition is true or false; compare it with something, as "
           "in \"%s = %s\"",
           q->wheres[i], chn_buf_str(&text), q->wheres[i], type->kind == ROW_STRING ? "'x'" : "1");
  chn_buf_deinit(&text);
  return CHN_E_ARGUMENT;
}

static chn_status check_time(const struct row_schema *schema, const struct source_scan *s,
                             struct chn_err *err)
{
  const int32_t at = row_schema_find(schema, "ts");
  const char *column = source_time_column(s->query);
  if (at < 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "the rows have no time, which events, windows, FIRST and LAST need; give the "
                    "source a time_column in epoch milliseconds");
  }
  switch (schema->fields[at].type->kind) {
  case ROW_STRING:
    return chn_fail(err, CHN_E_ARGUMENT,
                    "time_column \"%s\" is a string, and times are epoch milliseconds; write "
                    "time_column = \"unix_timestamp(%s) * 1000\"",
                    column, column);
  case ROW_TIMESTAMP:
  case ROW_DATE:
    return chn_fail(err, CHN_E_ARGUMENT,
                    "time_column \"%s\" is a %s, and times are epoch milliseconds; write "
                    "time_column = \"unix_timestamp(%s) * 1000\"",
                    column, schema->fields[at].type->kind == ROW_DATE ? "date" : "timestamp",
                    column);
  case ROW_BOOLEAN:
  case ROW_BINARY:
  case ROW_LIST:
  case ROW_MAP:
  case ROW_STRUCT:
    return chn_fail(err, CHN_E_ARGUMENT,
                    "time_column \"%s\" is no number, and times are epoch milliseconds", column);
  default: return CHN_OK;
  }
}

chn_status scan_check(const struct source_scan *s, const char *select, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const int32_t n = s->query != NULL ? s->query->n_wheres : 0;
  const char **wheres = arena_calloc(a, (size_t)n + 1, sizeof *wheres);
  struct chn_buf text = { 0 };
  chn_status status = CHN_OK;
  chn_buf_addf(&text, "SELECT %s", select);
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    char name[WHERE_NAME];
    char *sql = NULL;
    where_name(name, i);
    status = scan_render(a, "where", s->query->wheres[i], &sql, err);
    wheres[i] = sql;
    chn_buf_addf(&text, ", (%s) AS %s", sql != NULL ? sql : "", name);
  }
  chn_buf_addf(&text, " FROM %s", source_quoted(a, s->table));
  struct row_schema schema = { 0 };
  if (status == CHN_OK) {
    status = wh_describe(s->job->wh, chn_buf_str(&text), a, &schema, err);
    if (status == CHN_E_ARGUMENT && s->query != NULL) {
      status = culprit(s, wheres, err);
    }
  }
  chn_buf_deinit(&text);
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    status = check_where(&schema, s->query, i, err);
  }
  return status == CHN_OK && s->timed ? check_time(&schema, s, err) : status;
}

// ---- times in another unit --------------------------------------------------------------------

/// Milliseconds between which a time is believable: 1971 to 2100, as Chronon's Analyzer has it.
static const int64_t TIME_MIN = 31536000000;
static const int64_t TIME_MAX = 4102473599999;

/// What has other letters is an expression, and stands in parentheses where it is a part of one.
static const char NAME_LETTERS[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.`";

const char *source_time_column(const struct model_query *q)
{
  return q != NULL && q->time_column != NULL ? q->time_column : "ts";
}

bool scan_doubts(int64_t newest)
{
  return newest < TIME_MIN || newest > TIME_MAX;
}

chn_status source_check_unit(const char *column, int64_t n, int64_t oldest, int64_t newest,
                             struct chn_err *err)
{
  char ds[CHN_DS_SIZE];
  const bool name = strspn(column, NAME_LETTERS) == strlen(column);
  const char *open = name ? "" : "(";
  const char *close = name ? "" : ")";
  if (n > 0 && newest < TIME_MIN) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "time_column \"%s\": all %lld times lie near 1970 (the newest is %lld, on %s): "
                    "likely seconds, where milliseconds are meant; write time_column = \"%s%s%s * "
                    "1000\"",
                    column, (long long)n, (long long)newest,
                    chn_ds_of_day(chn_day_of_ms(newest), ds), open, column, close);
  }
  if (n > 0 && oldest > TIME_MAX) {
    return chn_fail(
        err, CHN_E_ARGUMENT,
        "time_column \"%s\": all %lld times lie after the year 2100 (the oldest is %lld): "
        "likely micro- or nanoseconds, where milliseconds are meant; write time_column = "
        "\"%s%s%s div 1000\"",
        column, (long long)n, (long long)oldest, open, column, close);
  }
  return CHN_OK;
}

static chn_status check_rows(const struct source_scan *s, const char *sql, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  struct wh_rows *rows = NULL;
  const char *text = arena_printf(a,
                                  "SELECT count(ts)::BIGINT, coalesce(min(ts), 0)::BIGINT, "
                                  "coalesce(max(ts), 0)::BIGINT FROM (%s)",
                                  sql);
  chn_status status = wh_rows_load(s->job->wh, text, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col cols[3];
  if (wh_rows_chunks(rows) > 0 && wh_rows_chunk(rows, 0, cols) > 0) {
    status = source_check_unit(source_time_column(s->query), *(const int64_t *)cols[0].data,
                               *(const int64_t *)cols[1].data, *(const int64_t *)cols[2].data, err);
  }
  wh_rows_free(rows);
  return status;
}

chn_status scan_check_times(const struct source_scan *s, const char *sql, struct chn_err *err)
{
  const char *some = arena_printf(s->job->arena, "SELECT ts FROM (%s) LIMIT 1024", sql);
  return check_rows(s, some, NULL) == CHN_OK ? CHN_OK : check_rows(s, sql, err);
}
