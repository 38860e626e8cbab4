// A user's select wins over a fill-in of the same name (spec/05 §2). Bounds of partitions are
// written as plain comparisons with the column, which DuckDB turns into a choice of files.
#include "batch/source_scan.h"

#include <string.h>

#include "base/time.h"
#include "batch/columns.h"
#include "batch/run_ds.h"
#include "batch/source.h"
#include "model/names.h"
#include "warehouse/sql.h"

void scan_fill(struct source_scan *s, const char *name, const char *sql)
{
  for (int32_t i = 0; i < s->n_fill; i++) {
    if (strcmp(s->fill[i].key, name) == 0) {
      return;
    }
  }
  if (s->n_fill == s->fill_room) {
    struct model_pair *old = s->fill;
    s->fill_room = s->fill_room > 0 ? s->fill_room * 2 : 16;
    s->fill = arena_calloc(s->job->arena, (size_t)s->fill_room, sizeof *s->fill);
    for (int32_t i = 0; i < s->n_fill; i++) {
      s->fill[i] = old[i];
    }
  }
  s->fill[s->n_fill++] = (struct model_pair){ name, sql };
}

chn_status scan_render(struct arena *a, const char *what, const char *spark, char **out,
                       struct chn_err *err)
{
  chn_status status = sql_render_expr(a, spark, out, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s \"%s\"", what, spark);
}

void scan_bound(const char **have, const char *other, bool lower)
{
  if (other == NULL) {
    return;
  }
  const int order = *have == NULL ? 0 : strcmp(other, *have);
  if (*have == NULL || (lower ? order > 0 : order < 0)) {
    *have = other;
  }
}

const char *scan_ds(struct arena *a, int32_t day)
{
  char text[CHN_DS_SIZE];
  return arena_strdup(a, chn_ds_of_day(day, text));
}

static chn_status projection(struct source_scan *s, struct chn_buf *out, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_query *q = s->query;
  if (q == NULL || q->selects == NULL) {
    chn_buf_adds(out, "*");
    return CHN_OK;
  }
  const char *comma = "";
  const bool one_day = s->partitioned && s->first_ds != NULL && s->last_ds != NULL &&
                       strcmp(s->first_ds, s->last_ds) == 0;
  for (int32_t i = 0; i < q->n_selects; i++) {
    char *sql = NULL;
    const char *text = NULL;
    chn_status status =
        run_ds_expand(a, q->selects[i].value, one_day ? s->asked_ds : NULL, &text, err);
    if (status == CHN_OK) {
      status = scan_render(a, "select", text, &sql, err);
    }
    if (status != CHN_OK) {
      return status;
    }
    chn_buf_addf(out, "%s%s AS %s", comma, sql, wh_quote_name(a, q->selects[i].key));
    comma = ", ";
  }
  for (int32_t i = 0; i < s->n_fill; i++) {
    if (model_pair_find(q->selects, q->n_selects, s->fill[i].key) == NULL) {
      chn_buf_addf(out, "%s%s AS %s", comma, s->fill[i].value, wh_quote_name(a, s->fill[i].key));
      comma = ", ";
    }
  }
  return CHN_OK;
}

static chn_status conditions(struct source_scan *s, struct chn_buf *out, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const char *join = " WHERE ";
  for (int32_t i = 0; s->query != NULL && i < s->query->n_wheres; i++) {
    char *sql = NULL;
    const char *where = s->query->wheres[i];
    if (sql_render_condition(a, where, &s->found.schema, &sql, err) != CHN_OK) {
      return chn_wrap(err, "where \"%s\"", where);
    }
    chn_buf_addf(out, "%s(%s)", join, sql);
    join = " AND ";
  }
  const char *column = wh_quote_name(a, s->column);
  if (s->empty) {
    chn_buf_addf(out, "%sFALSE", join);
  } else if (s->partitioned) {
    if (s->first_ds != NULL) {
      chn_buf_addf(out, "%s%s >= %s", join, column, wh_quote_string(a, s->first_ds));
      join = " AND ";
    }
    if (s->last_ds != NULL) {
      chn_buf_addf(out, "%s%s <= %s", join, column, wh_quote_string(a, s->last_ds));
    }
  }
  return CHN_OK;
}

const char *source_quoted(struct arena *a, const char *table)
{
  const char *dot = strchr(table, '.');
  if (dot == NULL) {
    return wh_quote_name(a, table);
  }
  return arena_printf(a, "%s.%s", wh_quote_name(a, arena_strndup(a, table, (size_t)(dot - table))),
                      wh_quote_name(a, dot + 1));
}

/// Whether every column that the scan names is there. A query without selects selects all.
static chn_status check_columns(const struct source_scan *s, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_query *q = s->query;
  chn_status status = columns_check(a, &s->found, q, err);
  for (int32_t i = 0; i < s->n_fill && status == CHN_OK && q != NULL && q->selects != NULL; i++) {
    const char *name = s->fill[i].key;
    if (strcmp(s->fill[i].value, wh_quote_name(a, name)) == 0 &&
        model_pair_find(q->selects, q->n_selects, name) == NULL) {
      status = columns_need(a, &s->found, name, err);
    }
  }
  return status;
}

chn_status scan_write(struct source_scan *s, struct chn_buf *out, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  chn_status checked = check_columns(s, err);
  if (checked != CHN_OK) {
    return checked;
  }
  if (s->partitioned) {
    scan_fill(s, "ds", wh_quote_name(a, s->column));
  }
  if (s->first_ds != NULL && s->last_ds != NULL && strcmp(s->first_ds, s->last_ds) > 0) {
    s->empty = true;
  }
  chn_status status = wh_use(s->job->wh, s->table, err);
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf select = { 0 };
  status = projection(s, &select, err);
  if (status == CHN_OK) {
    status = scan_check(s, chn_buf_str(&select), err);
  }
  if (status == CHN_OK) {
    chn_buf_addf(out, "SELECT %s FROM %s", chn_buf_str(&select), source_quoted(a, s->table));
    status = conditions(s, out, err);
  }
  chn_buf_deinit(&select);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "table %s", s->table);
}

static chn_status check_bounds(const struct model_query *q, struct chn_err *err)
{
  int32_t day;
  if (q != NULL && q->start_partition != NULL &&
      chn_day_of_ds(q->start_partition, &day, err) != CHN_OK) {
    return chn_wrap(err, "start_partition");
  }
  if (q != NULL && q->end_partition != NULL &&
      chn_day_of_ds(q->end_partition, &day, err) != CHN_OK) {
    return chn_wrap(err, "end_partition");
  }
  return CHN_OK;
}

chn_status scan_open(struct source_scan *s, struct batch_job *job, const char *table,
                     const struct model_query *query, struct chn_err *err)
{
  *s = (struct source_scan){ .job = job, .query = query, .column = source_partition_column(query) };
  if (table == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the source names no table");
  }
  s->table = model_table_without_subpartitions(job->arena, table);
  chn_status status = check_bounds(query, err);
  if (status == CHN_OK) {
    status = wh_table_find(job->wh, s->table, job->arena, &s->found, err);
  }
  s->partitioned = status == CHN_OK && row_schema_find(&s->found.schema, s->column) >= 0;
  return status;
}
