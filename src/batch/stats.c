#include "batch/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/columns.h"
#include "batch/output.h"
#include "batch/part.h"
#include "batch/source.h"
#include "batch/stats_days.h"
#include "batch/stats_hours.h"
#include "model/names.h"

enum {
  STATE_BYTES = 4096, ///< a sketch of some thousand values, and what it is written with
  HOURS_PER_DAY = 24,
};

struct work {
  struct batch_job *job;
  const struct model_join *join;
  const char *input; ///< its name
  struct wh_table table;
  const char *from;   ///< the input in SQL
  const char *bucket; ///< SQL: start of a row's hour or day
  bool has_ts;
  const char *sampled; ///< SQL: " AND <the row is in the sample>", or ""
  struct stats_metrics metrics;
  struct output flat;
  struct output upload;
  struct day_set read; ///< days of the input that the table holds
  int32_t days_at_once;
  bool anew; ///< the tables are removed, in a dry run only in thought
};

// ---- what is read -----------------------------------------------------------------------------

static bool is_among(const char *name, const char *const *names, int32_t n)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

/// The left columns that are keys of parts.
static const char **part_keys(struct work *w, int32_t *n)
{
  struct part_list parts;
  size_t most = 0;
  part_list_of(w->job->arena, w->join, &parts);
  for (int32_t i = 0; i < parts.n; i++) {
    most += (size_t)parts.defs[i]->group_by->n_key_columns;
  }
  const char **keys = arena_alloc(w->job->arena, (most + 1) * sizeof *keys);
  *n = 0;
  for (int32_t i = 0; i < parts.n; i++) {
    const struct model_join_part *p = parts.defs[i];
    for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
      const char *key =
          model_left_key(p->key_mapping, p->n_key_mapping, p->group_by->key_columns[k]);
      if (!is_among(key, keys, *n)) {
        keys[(*n)++] = key;
      }
    }
  }
  return keys;
}

/// A row is in the sample by what identifies it: its keys, row ids and times; without keys and row
/// ids all of it. The same rows are sampled whenever and however often they are read, and of what
/// is not sampled no feature is read.
static const char *sample_sql(struct work *w, const char *const *keys, int32_t n_keys)
{
  struct arena *a = w->job->arena;
  const double sample = w->job->o->sample > 0 ? w->job->o->sample : 0.1;
  const struct model_join *j = w->join;
  const bool whole = n_keys == 0 && j->n_row_ids == 0;
  if (sample >= 1) {
    return "";
  }
  struct chn_buf sql = { 0 };
  chn_buf_adds(&sql, " AND (hash(");
  int32_t n = 0;
  for (int32_t i = 0; i < w->table.schema.n_fields; i++) {
    const char *name = w->table.schema.fields[i].name;
    if (whole || strcmp(name, "ts") == 0 || strcmp(name, "ds") == 0 ||
        is_among(name, keys, n_keys) || is_among(name, j->row_ids, j->n_row_ids)) {
      chn_buf_addf(&sql, "%s%s", n++ > 0 ? ", " : "", wh_quote_name(a, name));
    }
  }
  chn_buf_addf(&sql, ") >> 11) < %.17g", sample * 9007199254740992.0);
  const char *text = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

/// Rows are put into the hour of their ts, as upstream does: a row without one, and those of the
/// hour before 1970, into the first of 1970.
static chn_status find_bucket(struct work *w, struct chn_err *err)
{
  const int32_t ts = row_schema_find(&w->table.schema, "ts");
  w->has_ts = ts >= 0;
  w->bucket = "epoch_ms(CAST(ds AS TIMESTAMP))";
  if (!w->has_ts) {
    return CHN_OK;
  }
  const enum row_kind kind = w->table.schema.fields[ts].type->kind;
  if (kind != ROW_LONG && kind != ROW_INT) {
    struct chn_buf text = { 0 };
    row_type_print(&text, w->table.schema.fields[ts].type);
    chn_fail(err, CHN_E_ARGUMENT, "%s: ts is %s, and must be bigint, epoch milliseconds", w->input,
             chn_buf_str(&text));
    chn_buf_deinit(&text);
    return err->code;
  }
  w->bucket = "(coalesce(CAST(ts AS BIGINT), 0) // 3600000) * 3600000";
  return CHN_OK;
}

static chn_status find_input(struct work *w, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  chn_status status = wh_table_find(w->job->wh, w->input, a, &w->table, err);
  if (status == CHN_OK) {
    status = columns_need(a, &w->table, "ds", err);
  }
  if (status == CHN_OK) {
    status = find_bucket(w, err);
  }
  if (status == CHN_OK) {
    status = wh_use(w->job->wh, w->input, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  const char *dot = strchr(w->table.name, '.');
  w->from = arena_printf(
      a, "%s.%s", wh_quote_name(a, arena_strndup(a, w->table.name, (size_t)(dot - w->table.name))),
      wh_quote_name(a, dot + 1));
  int32_t n_keys = 0;
  const char **keys = part_keys(w, &n_keys);
  w->sampled = sample_sql(w, keys, n_keys);
  status = stats_metrics_of(w->job, &w->table.schema, keys, n_keys, &w->metrics, err);
  const uint64_t day =
      (w->has_ts ? HOURS_PER_DAY : 1) * (uint64_t)w->metrics.values.n_fields * STATE_BYTES;
  const uint64_t fit = w->job->frame_budget / day;
  w->days_at_once = fit < 1 ? 1 : fit > 10000 ? 10000 : (int32_t)fit;
  return status;
}

// ---- a step -----------------------------------------------------------------------------------

static bool is_day(int64_t ms)
{
  return ms >= -62135596800000 && ms < 253402300800000; // the years 1 to 9999
}

static int by_day(const void *x, const void *y)
{
  const int32_t a = *(const int32_t *)x;
  const int32_t b = *(const int32_t *)y;
  return (a > b) - (a < b);
}

/// The days of the step's rows: those of their buckets, sorted, each once.
static chn_status find_days(struct work *w, struct days step, struct day_set *out,
                            struct chn_err *err)
{
  char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
  struct wh_rows *rows = NULL;
  const char *sql = arena_printf(
      w->job->arena, "SELECT DISTINCT %s FROM %s WHERE ds >= '%s' AND ds <= '%s'", w->bucket,
      w->from, chn_ds_of_day(step.first, from), chn_ds_of_day(step.last, to));
  chn_status status = wh_rows_load(w->job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  int32_t *day = arena_alloc(w->job->arena, (wh_rows_count(rows) + 1) * sizeof *day);
  size_t n = 0, beyond = 0;
  for (size_t c = 0; c < wh_rows_chunks(rows); c++) {
    struct row_col col;
    const size_t n_rows = wh_rows_chunk(rows, c, &col);
    for (size_t i = 0; i < n_rows; i++) {
      const int64_t ms = ((const int64_t *)col.data)[i];
      beyond += !is_day(ms);
      if (is_day(ms)) {
        day[n++] = chn_day_of_ms(ms);
      }
    }
  }
  wh_rows_free(rows);
  qsort(day, n, sizeof *day, by_day);
  *out = (struct day_set){ day, 0 };
  for (size_t i = 0; i < n; i++) {
    if (out->n == 0 || day[out->n - 1] != day[i]) {
      day[out->n++] = day[i];
    }
  }
  if (beyond > 0) {
    job_note(w->job, "%s: rows with a ts beyond the year 9999 are left out (milliseconds?)",
             w->input);
  }
  return CHN_OK;
}

/// SELECT of the sampled rows of some days. Over `ts` itself, which Parquet has bounds of, where
/// it says the same as the bucket.
static const char *rows_sql(struct work *w, const int32_t *day, size_t n)
{
  struct chn_buf sql = { 0 };
  chn_buf_addf(&sql, "SELECT %s%s FROM %s WHERE (FALSE", w->bucket, w->metrics.inputs, w->from);
  for (size_t i = 0; i < n;) {
    size_t last = i;
    while (last + 1 < n && day[last + 1] == day[last] + 1) {
      last++;
    }
    const long long from = chn_ms_of_day(day[i]);
    const long long to = chn_ms_of_day(day[last] + 1);
    const char *of = w->has_ts && from > 0 ? "ts" : w->bucket;
    char a[CHN_DS_SIZE], b[CHN_DS_SIZE];
    if (w->has_ts) {
      chn_buf_addf(&sql, " OR (%s >= %lld AND %s < %lld)", of, from, of, to);
    } else {
      chn_buf_addf(&sql, " OR (ds >= '%s' AND ds <= '%s')", chn_ds_of_day(day[i], a),
                   chn_ds_of_day(day[last], b));
    }
    i = last + 1;
  }
  chn_buf_addf(&sql, ")%s", w->sampled);
  const char *text = arena_strdup(w->job->arena, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

/// Only the last write of a step says that the step's days were read.
static chn_status write_days(struct work *w, const int32_t *day, size_t n, const struct days *done,
                             struct wh_written *written, struct chn_err *err)
{
  struct model_pair read = { .key = "chronon_stats_days" };
  struct output flat = w->flat;
  struct wh_written part = { 0 };
  const struct days none = { 0, -1 };
  read.value = stats_days_text(w->job->arena, &w->read, done != NULL ? *done : none);
  flat.properties = &read;
  flat.n_properties = 1;
  chn_status status =
      stats_hours_write(w->job, &w->metrics, model_file_path(w->job->arena, w->join->meta_data),
                        rows_sql(w, day, n), &flat, &w->upload, &part, err);
  written->rows += part.rows;
  written->partitions += part.partitions;
  return status;
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  struct day_set days;
  chn_status status = find_days(w, step, &days, err);
  const size_t most = (size_t)w->days_at_once;
  for (size_t i = 0; i < days.n && status == CHN_OK; i += most) {
    const bool last = days.n - i <= most;
    status =
        write_days(w, days.day + i, last ? days.n - i : most, last ? &step : NULL, written, err);
  }
  return status == CHN_OK ? stats_days_read(w->job, w->flat.table, &w->read, err) : status;
}

// ---- the job ----------------------------------------------------------------------------------

static chn_status drop(struct work *w, const char *why, struct chn_err *err)
{
  const char *tables[] = { w->flat.table, w->upload.table };
  w->anew = true;
  for (int32_t i = 0; i < 2; i++) {
    if (!wh_table_exists(w->job->wh, tables[i])) {
      continue;
    }
    job_note(w->job, "%s: %s %s", why, tables[i],
             w->job->o->dry_run ? "would be removed and computed anew"
                                : "is removed and computed anew");
    chn_status status = w->job->o->dry_run ? CHN_OK : wh_table_drop(w->job->wh, tables[i], err);
    if (status != CHN_OK) {
      return status;
    }
  }
  return CHN_OK;
}

/// Statistics of other columns cannot stand beside these: the upload has one schema for all.
static chn_status check_columns(struct work *w, struct chn_err *err)
{
  struct wh_table have;
  const struct row_schema *want = &w->metrics.values;
  chn_status status = wh_table_find(w->job->wh, w->flat.table, w->job->arena, &have, err);
  const char *differs = NULL;
  for (int32_t i = 0; status == CHN_OK && i < want->n_fields; i++) {
    const int32_t at = row_schema_find(&have.schema, want->fields[i].name);
    if (at < 0 || !row_type_equal(have.schema.fields[at].type, want->fields[i].type)) {
      differs = want->fields[i].name;
    }
  }
  for (int32_t i = 0; status == CHN_OK && i < have.schema.n_fields; i++) {
    const char *name = have.schema.fields[i].name;
    const bool own = strcmp(name, "JoinPath") == 0 || strcmp(name, "ts") == 0 ||
                     strcmp(name, "ds") == 0 || row_schema_find(want, name) >= 0 ||
                     is_among(name, w->metrics.shown, w->metrics.n_sketches);
    differs = own ? differs : name;
  }
  return differs == NULL ? status
                         : chn_fail(err, CHN_E_CONFLICT,
                                    "%s was made of other columns of %s (\"%s\" differs), and its "
                                    "upload has one schema for all days: pass --force-backfill to "
                                    "remove both and compute every day anew",
                                    w->flat.table, w->input, differs);
}

/// Removes tables that are asked to be, or were made of a join that has been computed anew since.
static chn_status renew(struct work *w, struct chn_err *err)
{
  const struct batch_job *job = w->job;
  const char *hash = wh_property(job->wh, w->flat.table, "semantic_hash", job->arena);
  const char *now = w->flat.semantic_hash;
  if (job->o->force_backfill) {
    return drop(w, "--force-backfill", err);
  }
  if (hash != NULL && now != NULL && strcmp(hash, now) != 0) {
    return drop(w, "the join's definition has changed", err);
  }
  return wh_table_exists(job->wh, w->flat.table) ? check_columns(w, err) : CHN_OK;
}

static chn_status run(struct work *w, struct chn_err *err)
{
  struct days range;
  struct days *steps = NULL;
  size_t n = 0;
  bool partitioned = false;
  struct day_set have;
  char first[CHN_DS_SIZE];
  const char *column = "ds";
  const struct output_inputs in = { .tables = &w->input, .columns = &column, .n = 1 };
  chn_status status = find_input(w, err);
  if (status == CHN_OK) {
    status = source_days(w->job, w->input, "ds", &partitioned, &have, err);
  }
  if (status == CHN_OK && have.n == 0) {
    w->job->report->idle = arena_printf(w->job->arena, "%s has no day", w->input);
    return CHN_OK;
  }
  if (status == CHN_OK) {
    status = renew(w, err);
  }
  if (status == CHN_OK) {
    status = job_range(w->job, chn_ds_of_day(have.day[0], first), &range, err);
  }
  if (status == CHN_OK) {
    status = stats_days_read(w->job, w->flat.table, &w->read, err);
  }
  if (status == CHN_OK) {
    w->read.n = w->anew ? 0 : w->read.n;
    w->flat.filled = &w->read;
    status = output_steps(w->job, &w->flat, range, &in, &steps, &n, err);
  }
  return status == CHN_OK ? output_run(w->job, steps, n, run_step, w, err) : status;
}

chn_status stats_summary(struct batch_job *job, const struct model_join *j, enum stats_of what,
                         struct chn_err *err)
{
  struct arena *a = job->arena;
  struct work w = { .job = job, .join = j };
  const bool log = what == STATS_OF_LOG;
  const char *join = model_table(a, j->meta_data, "");
  w.input = model_table(a, j->meta_data, log ? "_logged" : "");
  w.flat = (struct output){ .table = arena_printf(a, "%s_daily_stats", w.input),
                            .type = "daily_stats",
                            .meta_data = j->meta_data,
                            .semantic_hash =
                                log ? NULL : wh_property(job->wh, join, "semantic_hash", a) };
  w.upload = w.flat;
  w.upload.table = arena_printf(a, "%s_upload", w.flat.table);
  w.upload.type = "daily_stats_upload";
  job->report->table = w.flat.table;
  chn_status status = run(&w, err);
  if (status == CHN_E_NOT_FOUND && !wh_table_exists(job->wh, w.input)) {
    chn_wrap(err, "%s",
             log ? "there is no log yet (run --mode log-flattener makes it)"
                 : "there is no output yet (run --mode backfill makes it)");
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "join %s", j->meta_data->name);
}
