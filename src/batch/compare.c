#include "batch/compare.h"

#include <string.h>

#include "base/time.h"
#include "batch/compare_pair.h"
#include "batch/part.h"
#include "batch/source.h"
#include "batch/staging_query.h"
#include "model/names.h"

struct work {
  struct batch_job *job;
  const struct model_join *join;
  const struct model_staging_query *query;
  struct batch_comparison *out;
  struct compare_pair pair;
  struct output rows;
  struct output metrics;
};

// ---- keys -------------------------------------------------------------------------------------

static void add_key(const char **keys, int32_t *n, const char *name)
{
  for (int32_t i = 0; i < *n; i++) {
    if (strcmp(keys[i], name) == 0) {
      return;
    }
  }
  keys[(*n)++] = name;
}

const char **compare_keys(struct arena *a, const struct model_join *j, const char *const *more,
                          int32_t n_more, bool more_first, int32_t *n)
{
  *n = 0;
  if (j->row_ids != NULL) {
    *n = j->n_row_ids;
    return j->row_ids;
  }
  struct part_list parts;
  part_list_of(a, j, &parts);
  size_t most = (size_t)n_more + 1;
  for (int32_t i = 0; i < parts.n; i++) {
    most += (size_t)parts.defs[i]->group_by->n_key_columns;
  }
  const char **keys = arena_alloc(a, most * sizeof *keys);
  for (int32_t i = 0; i < n_more && more_first; i++) {
    add_key(keys, n, more[i]);
  }
  for (int32_t i = 0; i < parts.n; i++) {
    const struct model_join_part *p = parts.defs[i];
    for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
      add_key(keys, n,
              model_left_key(p->key_mapping, p->n_key_mapping, p->group_by->key_columns[k]));
    }
  }
  for (int32_t i = 0; i < n_more && !more_first; i++) {
    add_key(keys, n, more[i]);
  }
  return keys;
}

// ---- the sides --------------------------------------------------------------------------------

/// The join's table for the days; it must have some of them.
static chn_status left_side(struct work *w, const char *table, struct days days,
                            struct chn_err *err)
{
  struct batch_job *job = w->job;
  bool partitioned = false;
  struct day_set have = { 0 };
  if (!wh_table_exists(job->wh, table)) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "%s does not exist: backfill the join first (--mode backfill)", table);
  }
  const chn_status status = source_days(job, table, "ds", &partitioned, &have, err);
  if (status != CHN_OK) {
    return status;
  }
  int32_t missing = 0;
  for (int32_t day = days.first; day <= days.last && partitioned; day++) {
    missing += !day_set_has(&have, day);
  }
  if (missing > days.last - days.first) {
    char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "%s has no day of %s to %s: backfill the join first (--mode backfill), or give "
                    "other days by --start-ds and --ds",
                    table, chn_ds_of_day(days.first, from), chn_ds_of_day(days.last, to));
  }
  if (missing > 0) {
    job_note(job, "%s lacks %d of the days: their rows are missing on the left", table, missing);
  }
  w->pair.left.what = table;
  return source_table_sql(job, table, NULL, days, &w->pair.left.sql, err);
}

static chn_status right_side(struct work *w, struct days days, struct chn_err *err)
{
  const struct model_staging_query *q = w->query;
  char start[CHN_DS_SIZE], end[CHN_DS_SIZE];
  const struct staging_dates dates = { .start = chn_ds_of_day(days.first, start),
                                       .end = chn_ds_of_day(days.last, end),
                                       .latest = end };
  char *sql = NULL;
  w->pair.right.what = arena_printf(w->job->arena, "staging query %s", q->meta_data->name);
  chn_status status = q->query != NULL
                          ? source_setups(w->job, q->setups, q->n_setups, err)
                          : chn_fail(err, CHN_E_ARGUMENT, "the staging query has no query");
  if (status == CHN_OK) {
    status = staging_query_render(w->job, q->query, &dates, &sql, err);
  }
  w->pair.right.sql = sql;
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s", w->pair.right.what);
}

/// A query without date macros gives rows of all days, which have no partner in these days.
static chn_status tell_other_days(struct work *w, struct days days, struct chn_err *err)
{
  char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
  uint64_t n = 0;
  const int32_t at = row_schema_find(&w->pair.right.schema, "ds");
  if (at < 0 || w->pair.right.schema.fields[at].type->kind != ROW_STRING) {
    return CHN_OK;
  }
  const char *sql = arena_printf(w->job->arena, "SELECT 1 FROM (%s) WHERE ds < '%s' OR ds > '%s'",
                                 compare_rows_sql(&w->pair), chn_ds_of_day(days.first, from),
                                 chn_ds_of_day(days.last, to));
  const chn_status status = job_count(w->job, sql, &n, err);
  if (status == CHN_OK && n > 0) {
    job_note(w->job,
             "%llu rows of the staging query are of days outside %s to %s and so missing on the "
             "left; `WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'` leaves them out",
             (unsigned long long)n, from, to);
  }
  return status;
}

// ---- the job ----------------------------------------------------------------------------------

/// What an earlier run left says nothing of these days.
static chn_status drop_old(struct work *w, const char *table, struct chn_err *err)
{
  return wh_table_exists(w->job->wh, table) ? wh_table_drop(w->job->wh, table, err) : CHN_OK;
}

/// A table that is replaced keeps its columns: one with others, of another query, goes first.
static chn_status drop_other(struct work *w, const char *table, const struct row_schema *columns,
                             struct chn_err *err)
{
  struct wh_table old;
  if (!wh_table_exists(w->job->wh, table)) {
    return CHN_OK;
  }
  const chn_status status = wh_table_find(w->job->wh, table, w->job->arena, &old, err);
  int32_t same = 0;
  for (int32_t i = 0; i < columns->n_fields && status == CHN_OK; i++) {
    const int32_t at = row_schema_find(&old.schema, columns->fields[i].name);
    same += at >= 0 && row_type_equal(old.schema.fields[at].type, columns->fields[i].type);
  }
  const bool equal = same == columns->n_fields && same == old.schema.n_fields;
  return status == CHN_OK && !equal ? drop_old(w, table, err) : status;
}

static chn_status write_rows(struct work *w, struct wh_written *written, struct chn_err *err)
{
  struct wh_writer *writer = NULL;
  struct row_schema columns;
  chn_status status =
      wh_describe(w->job->wh, compare_rows_sql(&w->pair), w->job->arena, &columns, err);
  if (status == CHN_OK) {
    status = drop_other(w, w->rows.table, &columns, err);
  }
  if (status == CHN_OK) {
    status = output_begin(w->job, &w->rows, &writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  status = wh_write_select(writer, compare_rows_sql(&w->pair), err);
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  return wh_write_commit(writer, written, err);
}

/// The columns of the table of metrics.
static struct row_schema metric_columns(struct work *w, const struct series *metrics)
{
  const int32_t n = metrics->values.n_fields;
  struct row_field *fields = arena_alloc(w->job->arena, ((size_t)n + 2) * sizeof *fields);
  fields[0] = (struct row_field){ "JoinPath", row_scalar(ROW_STRING) };
  memcpy(fields + 1, metrics->values.fields, (size_t)n * sizeof *fields);
  fields[n + 1] = (struct row_field){ "ts", row_scalar(ROW_LONG) };
  return (struct row_schema){ fields, n + 2 };
}

static chn_status measure(struct work *w, struct chn_err *err)
{
  struct wh_written written;
  struct series metrics = { 0 };
  chn_status status = compare_measure(&w->pair, false, &metrics, err);
  if (status == CHN_OK && series_count(&metrics) == 0) {
    status = drop_old(w, w->metrics.table, err);
  } else if (status == CHN_OK) {
    const struct row_schema columns = metric_columns(w, &metrics);
    status = drop_other(w, w->metrics.table, &columns, err);
    if (status == CHN_OK) {
      status = series_write(&metrics, &w->metrics, NULL, 0, &written, err);
    }
    if (status == CHN_OK) {
      status = compare_summary(w->job, w->metrics.table, NULL, w->out, err);
    }
  }
  series_deinit(&metrics);
  return status;
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  job_stage(w->job, "joining both sides");
  chn_status status = compare_join(&w->pair, err);
  if (status == CHN_OK) {
    status = compare_count(&w->pair, w->out, err);
  }
  if (status == CHN_OK && compare_has_key(&w->pair, "ds")) {
    status = tell_other_days(w, step, err);
  }
  if (status == CHN_OK) {
    status = w->out->rows > 0 ? write_rows(w, written, err) : drop_old(w, w->rows.table, err);
  }
  if (status == CHN_OK) {
    job_stage(w->job, "comparing %llu rows", (unsigned long long)w->out->rows);
    status = measure(w, err);
  }
  compare_drop(&w->pair);
  return status;
}

static void name_tables(struct work *w)
{
  struct arena *a = w->job->arena;
  const struct model_meta_data *m = w->join->meta_data;
  const char *dot = m->output_namespace != NULL ? "." : "";
  const char *ns = m->output_namespace != NULL ? m->output_namespace : "";
  const char *both = arena_printf(a, "%s_%s", model_sanitize(a, m->name),
                                  model_sanitize(a, w->query->meta_data->name));
  w->rows = (struct output){ .table = arena_printf(a, "%s%scompare_join_query_%s", ns, dot, both),
                             .type = "comparison",
                             .meta_data = m,
                             .unpartitioned = true };
  w->metrics =
      (struct output){ .table = arena_printf(a, "%s%scompare_stats_join_query_%s", ns, dot, both),
                       .type = "comparison_stats",
                       .meta_data = m,
                       .unpartitioned = true };
  w->job->report->table = w->rows.table;
  w->out->rows_table = w->rows.table;
  w->out->metrics_table = w->metrics.table;
}

static chn_status run(struct work *w, struct chn_err *err)
{
  struct batch_job *job = w->job;
  static const char *const times[] = { "ds", "ts" };
  const bool events = !model_source_is_entities(w->join->left);
  const char *table = model_table(job->arena, w->join->meta_data, "");
  struct days *days = arena_alloc(job->arena, sizeof *days);
  char ds[CHN_DS_SIZE];
  chn_status status = job_end(job, &days->last, err);
  if (status == CHN_OK) {
    status = job_range(job, chn_ds_of_day(days->last, ds), days, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  name_tables(w);
  w->pair = (struct compare_pair){ .job = job, .name = "undefined" };
  w->pair.keys = compare_keys(job->arena, w->join, times, events ? 2 : 1, false, &w->pair.n_keys);
  status = left_side(w, table, *days, err);
  if (status == CHN_OK) {
    status = right_side(w, *days, err);
  }
  if (status == CHN_OK) {
    status = compare_check(&w->pair, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  w->out->left = w->pair.left.what;
  w->out->right = w->pair.right.what;
  w->out->start_ds = arena_strdup(job->arena, chn_ds_of_day(days->first, ds));
  w->out->end_ds = arena_strdup(job->arena, chn_ds_of_day(days->last, ds));
  return output_run(job, days, 1, run_step, w, err);
}

chn_status compare_with_query(struct batch_job *job, const struct model_join *j,
                              const struct model_staging_query *q, struct batch_comparison *out,
                              struct chn_err *err)
{
  struct work w = { .job = job, .join = j, .query = q, .out = out };
  if (j->left == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "join %s has no left side", j->meta_data->name);
  }
  const chn_status status = run(&w, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "compare join %s", j->meta_data->name);
}
