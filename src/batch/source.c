// Scan ranges and fill-in columns are those of spec/05 §2: an event source is read from the query
// range's start minus a day minus the longest window; an entity source is read for the range only;
// a cumulative one is a single partition. A user's select wins over a fill-in of the same name.
#include "batch/source.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "batch/source_scan.h"
#include "model/names.h"
#include "warehouse/sql.h"

static const int64_t UNBOUNDED_LENGTH = 2147483647;

static bool window_is_unbounded(const struct model_window *w)
{
  return w->length <= 0 || w->length == UNBOUNDED_LENGTH;
}

struct source_reach source_reach_of(const struct model_group_by *gb)
{
  struct source_reach reach = { .unbounded = gb->aggregations == NULL };
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    const struct model_aggregation *g = &gb->aggregations[i];
    reach.unbounded |= g->n_windows == 0;
    for (int32_t w = 0; w < g->n_windows; w++) {
      const struct model_window *window = &g->windows[w];
      const int64_t unit = window->time_unit == MODEL_HOURS ? CHN_HOUR_MS : CHN_DAY_MS;
      const int64_t ms = window->length * unit;
      reach.unbounded |= window_is_unbounded(window);
      if (!window_is_unbounded(window) && ms > reach.window_ms) {
        reach.window_ms = ms;
      }
    }
  }
  return reach;
}

const char *source_partition_column(const struct model_query *q)
{
  return q != NULL && q->partition_column != NULL ? q->partition_column : "ds";
}

/// The `/k=v` suffixes of an authored table name.
static int32_t sub_partitions(struct arena *a, const char *table, const char ***out)
{
  int32_t n = 0;
  for (const char *p = table; (p = strchr(p, '/')) != NULL; p++) {
    n++;
  }
  const char **filters = arena_alloc(a, (size_t)n * sizeof *filters);
  const char *p = strchr(table, '/');
  for (int32_t i = 0; i < n; i++) {
    const char *end = strchr(p + 1, '/');
    filters[i] = arena_strndup(a, p + 1, end ? (size_t)(end - p - 1) : strlen(p + 1));
    p = end;
  }
  *out = filters;
  return n;
}

chn_status source_days(struct batch_job *job, const char *table, const char *column,
                       bool *partitioned, struct day_set *out, struct chn_err *err)
{
  struct arena *a = job->arena;
  const char *name = model_table_without_subpartitions(a, table);
  struct wh_table found;
  chn_status status = wh_table_find(job->wh, name, a, &found, err);
  if (status != CHN_OK) {
    return status;
  }
  *partitioned = row_schema_find(&found.schema, column) >= 0;
  *out = (struct day_set){ 0 };
  if (!*partitioned) {
    return CHN_OK;
  }
  const char **filters = NULL;
  const int32_t n_filters = sub_partitions(a, table, &filters);
  char **ds = NULL;
  size_t n = 0;
  status = wh_partitions(job->wh, name, column, filters, n_filters, a, &ds, &n, err);
  if (status != CHN_OK) {
    return status;
  }
  *out = day_set_of(a, ds, n);
  if (n > 0 && out->n == 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "table %s: its %s is \"%s\", and days are written yyyy-MM-dd", name, column,
                    ds[0]);
  }
  return CHN_OK;
}

// ---- a GroupBy's sources ----------------------------------------------------------------------

/// `ts` of an event source: its time column, the column ts itself, or for snapshots without one
/// the last millisecond of the partition's day.
static chn_status fill_event_time(struct source_scan *s, enum model_accuracy accuracy,
                                  struct chn_err *err)
{
  struct arena *a = s->job->arena;
  s->timed = true;
  if (s->query != NULL && s->query->time_column != NULL) {
    char *sql = NULL;
    chn_status status = scan_render(a, "time_column", s->query->time_column, &sql, err);
    scan_fill(s, "ts", sql);
    return status;
  }
  if (accuracy == MODEL_TEMPORAL) {
    scan_fill(s, "ts", "\"ts\"");
  } else if (s->partitioned) {
    scan_fill(s, "ts",
              arena_printf(a, "(epoch_ms(CAST(%s AS TIMESTAMP)) + 86399999)",
                           wh_quote_name(a, s->column)));
  }
  return CHN_OK;
}

static chn_status event_bounds(struct source_scan *s, const struct model_group_by *gb,
                               const struct model_event_source *e, struct days range,
                               struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_query *q = s->query;
  if (e->is_cumulative) {
    const char *day = q != NULL ? q->end_partition : NULL;
    if (day == NULL && s->partitioned) {
      struct day_set have;
      chn_status status = source_days(s->job, e->table, s->column, &s->partitioned, &have, err);
      if (status != CHN_OK) {
        return status;
      }
      s->empty = have.n == 0;
      day = have.n > 0 ? scan_ds(a, have.day[have.n - 1]) : NULL;
    }
    s->first_ds = s->last_ds = day;
    return CHN_OK;
  }
  const struct source_reach reach = source_reach_of(gb);
  if (!reach.unbounded) {
    s->first_ds = scan_ds(a, chn_day_of_ms(chn_ms_of_day(range.first - 1) - reach.window_ms));
  }
  s->last_ds = scan_ds(a, range.last);
  scan_bound(&s->first_ds, q != NULL ? q->start_partition : NULL, true);
  scan_bound(&s->last_ds, q != NULL ? q->end_partition : NULL, false);
  return CHN_OK;
}

static chn_status entity_scan(struct source_scan *s, struct days range, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_query *q = s->query;
  s->first_ds = scan_ds(a, range.first);
  s->last_ds = scan_ds(a, range.last);
  scan_bound(&s->first_ds, q != NULL ? q->start_partition : NULL, true);
  scan_bound(&s->last_ds, q != NULL ? q->end_partition : NULL, false);
  if (q == NULL || q->time_column == NULL) {
    return CHN_OK;
  }
  char *sql = NULL;
  chn_status status = scan_render(a, "time_column", q->time_column, &sql, err);
  scan_fill(s, "ts", sql);
  return status;
}

static bool has_windows(const struct model_group_by *gb)
{
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    if (gb->aggregations[i].n_windows > 0) {
      return true;
    }
  }
  return false;
}

static bool asks_for_order(const struct model_group_by *gb)
{
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    const enum model_operation op = gb->aggregations[i].operation;
    if (op == MODEL_OP_FIRST || op == MODEL_OP_LAST || op == MODEL_OP_FIRST_K ||
        op == MODEL_OP_LAST_K) {
      return true;
    }
  }
  return false;
}

static chn_status write_source(struct source_scan *s, struct batch_job *job,
                               const struct model_group_by *gb, const struct model_source *src,
                               enum model_accuracy accuracy, struct days range, struct chn_buf *out,
                               struct chn_err *err)
{
  chn_status status =
      scan_open(s, job, model_source_table(job->arena, src), model_source_query(src), err);
  if (status != CHN_OK) {
    return status;
  }
  s->asked_ds = scan_ds(job->arena, range.first);
  for (int32_t i = 0; i < gb->n_key_columns; i++) {
    scan_fill(s, gb->key_columns[i], wh_quote_name(job->arena, gb->key_columns[i]));
  }
  if (model_source_is_entities(src)) {
    status = entity_scan(s, range, err);
    s->timed = has_windows(gb) || asks_for_order(gb);
  } else {
    const struct model_event_source none = { 0 };
    status = event_bounds(s, gb, src->events != NULL ? src->events : &none, range, err);
    if (status == CHN_OK) {
      status = fill_event_time(s, accuracy, err);
    }
  }
  return status == CHN_OK ? scan_write(s, out, err) : status;
}

chn_status source_group_by_sql(struct batch_job *job, const struct model_group_by *gb,
                               enum model_accuracy accuracy, struct days range, const char **sql,
                               struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status status = CHN_OK;
  if (gb->n_key_columns == 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "the GroupBy has no keys: nothing says whose its rows are");
  }
  if (gb->aggregations != NULL && gb->n_aggregations == 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "aggregations is an empty list, which gives no column; leave it out where "
                    "entities have one row a key already");
  }
  for (int32_t i = 0; i < gb->n_sources && status == CHN_OK; i++) {
    chn_buf_adds(&text, i > 0 ? " UNION ALL BY NAME " : "");
    struct source_scan s;
    status = write_source(&s, job, gb, &gb->sources[i], accuracy, range, &text, err);
    if (status != CHN_OK) {
      chn_wrap(err, "source %d", i + 1);
    }
  }
  *sql = arena_strdup(job->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return status;
}

chn_status source_check_times(struct batch_job *job, const struct model_group_by *gb,
                              enum model_accuracy accuracy, struct days range, int64_t newest,
                              struct chn_err *err)
{
  chn_status status = CHN_OK;
  const bool doubts = scan_doubts(newest) || gb->n_sources > 1; // good times of one hide another's
  for (int32_t i = 0; i < gb->n_sources && status == CHN_OK && doubts; i++) {
    struct chn_buf text = { 0 };
    struct source_scan s;
    if (!model_source_is_entities(&gb->sources[i]) || has_windows(gb)) {
      status = write_source(&s, job, gb, &gb->sources[i], accuracy, range, &text, err);
      if (status == CHN_OK && scan_check_times(&s, chn_buf_str(&text), err) != CHN_OK) {
        status = chn_wrap(err, "table %s", s.table);
      }
      if (status != CHN_OK) {
        chn_wrap(err, "source %d", i + 1);
      }
    }
    chn_buf_deinit(&text);
  }
  return status;
}

/// A column of mutations that a query may name by an expression.
static chn_status fill_mutation(struct source_scan *s, const char *name, const char *expression,
                                struct chn_err *err)
{
  char *sql = NULL;
  if (expression == NULL) {
    scan_fill(s, name, wh_quote_name(s->job->arena, name));
    return CHN_OK;
  }
  chn_status status = scan_render(s->job->arena, name, expression, &sql, err);
  scan_fill(s, name, sql);
  return status;
}

static chn_status mutation_scan(struct batch_job *job, const struct model_group_by *gb,
                                const struct model_source *src, struct days days,
                                struct chn_buf *out, struct chn_err *err)
{
  const struct model_query *q = model_source_query(src);
  struct source_scan s;
  if (src->entities == NULL || src->entities->mutation_table == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "entities with TEMPORAL accuracy are computed from mutations, but %s has no "
                    "mutation_table; set it, or make the accuracy SNAPSHOT",
                    model_source_table(job->arena, src));
  }
  chn_status status = scan_open(&s, job, src->entities->mutation_table, q, err);
  if (status != CHN_OK) {
    return chn_wrap(err, "mutation_table");
  }
  s.asked_ds = scan_ds(job->arena, days.first);
  for (int32_t i = 0; i < gb->n_key_columns; i++) {
    scan_fill(&s, gb->key_columns[i], wh_quote_name(job->arena, gb->key_columns[i]));
  }
  status = entity_scan(&s, days, err);
  if (status == CHN_OK) {
    status = fill_mutation(&s, "mutation_ts", q != NULL ? q->mutation_time_column : NULL, err);
  }
  if (status == CHN_OK) {
    status = fill_mutation(&s, "is_before", q != NULL ? q->reversal_column : NULL, err);
  }
  return status == CHN_OK ? scan_write(&s, out, err) : status;
}

chn_status source_mutations_sql(struct batch_job *job, const struct model_group_by *gb,
                                struct days days, const char **sql, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < gb->n_sources && status == CHN_OK; i++) {
    chn_buf_adds(&text, i > 0 ? " UNION ALL BY NAME " : "");
    status = mutation_scan(job, gb, &gb->sources[i], days, &text, err);
    if (status != CHN_OK) {
      chn_wrap(err, "source %d", i + 1);
    }
  }
  *sql = arena_strdup(job->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return status;
}

// ---- a join's left side -----------------------------------------------------------------------

chn_status source_left_sql(struct batch_job *job, const struct model_source *left,
                           struct days range, const char **sql, struct chn_err *err)
{
  struct source_scan s;
  chn_status status =
      scan_open(&s, job, model_source_table(job->arena, left), model_source_query(left), err);
  if (status != CHN_OK) {
    return chn_wrap(err, "left");
  }
  s.first_ds = scan_ds(job->arena, range.first);
  s.last_ds = scan_ds(job->arena, range.last);
  if (!model_source_is_entities(left)) {
    status = fill_event_time(&s, MODEL_TEMPORAL, err);
  }
  struct chn_buf text = { 0 };
  if (status == CHN_OK) {
    status = scan_write(&s, &text, err);
  }
  *sql = arena_strdup(job->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "left");
}

chn_status source_table_sql(struct batch_job *job, const char *table,
                            const struct model_query *query, struct days range, const char **sql,
                            struct chn_err *err)
{
  struct source_scan s;
  struct chn_buf text = { 0 };
  chn_status status = scan_open(&s, job, table, query, err);
  if (status == CHN_OK) {
    s.first_ds = scan_ds(job->arena, range.first);
    s.last_ds = scan_ds(job->arena, range.last);
    scan_bound(&s.first_ds, query != NULL ? query->start_partition : NULL, true);
    scan_bound(&s.last_ds, query != NULL ? query->end_partition : NULL, false);
    status = scan_write(&s, &text, err);
  }
  *sql = arena_strdup(job->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return status;
}

chn_status source_setups(struct batch_job *job, const char **setups, int32_t n, struct chn_err *err)
{
  for (int32_t i = 0; i < n; i++) {
    char *sql = NULL;
    char **tables = NULL;
    size_t n_tables = 0;
    chn_status status = sql_setup_tables(job->arena, setups[i], &tables, &n_tables, err);
    for (size_t t = 0; t < n_tables && status == CHN_OK; t++) {
      status = strchr(tables[t], '.') != NULL ? wh_use(job->wh, tables[t], err) : CHN_OK;
    }
    if (status == CHN_OK) {
      status = sql_render_setup(job->arena, setups[i], &sql, err);
    }
    if (status == CHN_OK && sql[0] != '\0') {
      status = wh_exec(job->wh, sql, err);
    }
    if (status != CHN_OK) {
      return chn_wrap(err, "setup %d", i + 1);
    }
  }
  return CHN_OK;
}
