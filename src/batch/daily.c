// Rows come sorted by day and key from DuckDB, which spills, so that one state is open at a time.
// Missing days are made in runs of at most step_days. Of a run the partitions of the day before are
// read too: rows may be early. Late rows count while they arrive in the same run of days as their
// own; after it their day is made and stays.
#include "batch/daily.h"

#include <stdlib.h>
#include <string.h>

#include "agg/ir.h"
#include "base/time.h"
#include "batch/output.h"
#include "batch/sink.h"
#include "batch/source.h"
#include "model/names.h"
#include "model/plan.h"

// ---- what can be incremental ------------------------------------------------------------------

/// Which part's column holds the states of part i: the first of its name, since several
/// aggregations of one kind, with other windows, share their states.
static int32_t kept_by(const struct daily *d, int32_t i)
{
  int32_t k = 0;
  while (strcmp(d->plan->bases[k].base_name, d->plan->bases[i].base_name) != 0) {
    k++;
  }
  return k;
}

static bool same_states(const struct agg_part *a, const struct agg_part *b)
{
  return a->op == b->op && a->input == b->input && a->bucket == b->bucket && a->k == b->k &&
         a->shape == b->shape;
}

static chn_status check(const struct daily *d, struct chn_err *err)
{
  const struct model_group_by *gb = d->gb;
  if (model_infer_accuracy(gb) != MODEL_SNAPSHOT) {
    return chn_fail(err, CHN_E_ARGUMENT, "is_incremental is for SNAPSHOT accuracy only");
  }
  for (int32_t i = 0; i < gb->n_sources; i++) {
    if (model_source_is_entities(&gb->sources[i])) {
      return chn_fail(err, CHN_E_ARGUMENT, "is_incremental is for sources of events only");
    }
  }
  for (int32_t i = 0; i < d->plan->n_bases; i++) {
    const struct agg_part *base = &d->plan->bases[i];
    const struct agg_part *kept = &d->plan->bases[kept_by(d, i)];
    // The names leave out the k of sketches.
    if (!same_states(base, kept)) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "two aggregations that differ keep their states as \"%s\"; select the column "
                      "under another name for one of them",
                      base->base_name);
    }
  }
  return d->plan->has_window
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT, "is_incremental needs an aggregation with a window");
}

/// In a tuple a NULL string is the empty one (keys.h).
static const char *order_of(const struct daily *d, struct arena *a)
{
  struct chn_buf sql = { 0 };
  const int32_t n = d->gb->n_key_columns;
  for (int32_t i = 0; i < n; i++) {
    const char *name = wh_quote_name(a, d->gb->key_columns[i]);
    const bool text = n > 1 && d->key_types[i]->kind == ROW_STRING;
    chn_buf_addf(&sql, text ? "%sCOALESCE(%s, '')" : "%s%s", i > 0 ? ", " : "", name);
  }
  const char *text = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

static chn_status find_keys(struct daily *d, const struct row_schema *schema, struct chn_err *err)
{
  const int32_t n = d->gb->n_key_columns;
  d->key_types = arena_alloc(d->job->arena, ((size_t)n + 1) * sizeof *d->key_types);
  for (int32_t i = 0; i < n; i++) {
    const int32_t at = row_schema_find(schema, d->gb->key_columns[i]);
    if (at < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "key \"%s\" is not selected", d->gb->key_columns[i]);
    }
    d->key_types[i] = schema->fields[at].type;
    if (key_check(d->gb->key_columns[i], d->key_types[i], err) != CHN_OK) {
      return err->code;
    }
  }
  return CHN_OK;
}

chn_status daily_init(struct daily *d, struct batch_job *job, const struct model_group_by *gb,
                      struct days days, struct chn_err *err)
{
  *d = (struct daily){ .job = job, .gb = gb };
  d->table = model_table(job->arena, gb->meta_data, "_daily_inc");
  const char *sql = NULL;
  struct row_schema schema;
  if (gb->aggregations == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "is_incremental needs an aggregation with a window");
  }
  chn_status status = source_group_by_sql(job, gb, MODEL_SNAPSHOT, days, &sql, err);
  if (status == CHN_OK) {
    status = wh_describe(job->wh, sql, job->arena, &schema, err);
  }
  if (status == CHN_OK) {
    status = model_plan(job->arena, gb, &schema, &d->plan, err);
  }
  if (status == CHN_OK) {
    status = check(d, err);
  }
  if (status == CHN_OK) {
    status = find_keys(d, &schema, err);
  }
  if (status == CHN_OK) {
    d->order = order_of(d, job->arena);
  }
  return status;
}

struct days daily_reach(const struct daily *d, struct days days)
{
  const int64_t window = source_reach_of(d->gb).window_ms;
  return (struct days){ days.first - (int32_t)(window / CHN_DAY_MS), days.last };
}

// ---- which days -------------------------------------------------------------------------------

static bool is_cumulative(const struct model_group_by *gb)
{
  for (int32_t i = 0; i < gb->n_sources; i++) {
    if (gb->sources[i].events != NULL && gb->sources[i].events->is_cumulative) {
      return true;
    }
  }
  return false;
}

/// Runs of days that are missing, cut into steps as the output's are.
static chn_status missing(struct daily *d, struct days days, struct days **runs, size_t *n,
                          struct chn_err *err)
{
  struct arena *a = d->job->arena;
  char **ds = NULL;
  size_t n_ds = 0;
  chn_status status = wh_partitions(d->job->wh, d->table, "ds", NULL, 0, a, &ds, &n_ds, err);
  const struct day_set have = day_set_of(a, ds, n_ds);
  struct day_set *inputs = arena_calloc(a, (size_t)d->gb->n_sources, sizeof *inputs);
  bool all = is_cumulative(d->gb);
  for (int32_t i = 0; i < d->gb->n_sources && status == CHN_OK; i++) {
    const struct model_source *s = &d->gb->sources[i];
    bool partitioned = false;
    status =
        source_days(d->job, model_source_table(a, s),
                    source_partition_column(model_source_query(s)), &partitioned, &inputs[i], err);
    all |= !partitioned;
  }
  const struct days_request r = { .range = days,
                                  .output = &have,
                                  .inputs = inputs,
                                  .n_inputs = all ? 0 : d->gb->n_sources,
                                  .run_first_hole = true };
  if (status == CHN_OK) {
    days_missing(a, &r, d->job->o->step_days > 0 ? d->job->o->step_days : 30, runs, n);
  }
  return status;
}

// ---- a run of days ----------------------------------------------------------------------------

/// The state of one key and day while its rows come.
struct fill {
  struct daily *d;
  struct sink sink;
  struct key_set keys;
  struct agg_ir *ir;
  int32_t key;
  int32_t day;
};

static chn_status end_group(struct fill *f, struct chn_err *err)
{
  if (f->day == INT32_MIN) {
    return CHN_OK;
  }
  const int32_t n_keys = f->d->gb->n_key_columns;
  const int64_t ts = chn_ms_of_day(f->day);
  char ds[CHN_DS_SIZE];
  chn_ds_of_day(f->day, ds);
  row_builder_value(f->sink.columns[n_keys], &ts);
  row_builder_string(f->sink.columns[n_keys + 1], ds, strlen(ds));
  int32_t column = n_keys + 2;
  for (int32_t i = 0; i < f->d->plan->n_bases; i++) {
    if (kept_by(f->d, i) == i) {
      agg_ir_store(f->ir, i, f->sink.columns[column++]);
    }
  }
  agg_ir_clear(f->ir);
  f->day = INT32_MIN;
  return sink_row(&f->sink, true, err);
}

/// Columns of the query: keys, ts, inputs.
static chn_status take_chunk(struct fill *f, const struct row_col *cols, size_t n,
                             struct chn_err *err)
{
  int32_t ids[2048];
  const int32_t n_keys = f->d->gb->n_key_columns;
  const int64_t *ts = cols[n_keys].data;
  key_set_encode(&f->keys, cols, n, KEY_INTERN, KEY_NULL_ALL, ids);
  chn_status status = CHN_OK;
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    const int32_t day = chn_day_of_ms(ts[i]);
    if (ids[i] < 0) {
      continue;
    }
    if (ids[i] != f->key || day != f->day) {
      status = end_group(f, err);
      f->key = ids[i];
      f->day = day;
      for (int32_t k = 0; k < n_keys; k++) {
        row_builder_append(f->sink.columns[k], &cols[k], i, 1);
      }
    }
    if (status == CHN_OK) {
      status = agg_ir_update(f->ir, cols + n_keys + 1, i, ts[i], err);
    }
  }
  return status;
}

static chn_status take_rows(struct fill *f, const char *sql, struct chn_err *err)
{
  struct wh_result *result = NULL;
  chn_status status = wh_query(f->d->job->wh, sql, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col *cols = chn_calloc((size_t)wh_result_schema(result)->n_fields, sizeof *cols);
  size_t n = 1;
  while (n > 0 && status == CHN_OK) {
    status = wh_result_next(result, cols, &n, err);
    if (status == CHN_OK) {
      status = take_chunk(f, cols, n, err);
    }
    if (status == CHN_OK) {
      status = job_check(f->d->job, err);
    }
  }
  free(cols);
  if (status == CHN_OK) {
    status = end_group(f, err);
  }
  wh_result_close(result);
  return status == CHN_OK ? sink_flush(&f->sink, err) : status;
}

/// Rows whose instants lie in the days, by day and key; ties in time by what they hold.
static chn_status rows_sql(struct daily *d, struct days days, const char **out, struct chn_err *err)
{
  struct arena *a = d->job->arena;
  const char *from = NULL;
  struct row_schema schema;
  chn_status status = source_group_by_sql(d->job, d->gb, MODEL_SNAPSHOT, days, &from, err);
  if (status == CHN_OK) {
    status = wh_describe(d->job->wh, from, a, &schema, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf sql = { 0 };
  struct chn_buf inputs = { 0 };
  for (int32_t i = 0; i < d->plan->inputs.n_fields; i++) {
    chn_buf_addf(&inputs, ", %s", wh_quote_name(a, d->plan->inputs.fields[i].name));
  }
  chn_buf_adds(&sql, "SELECT ");
  for (int32_t i = 0; i < d->gb->n_key_columns; i++) {
    chn_buf_addf(&sql, "%s, ", wh_quote_name(a, d->gb->key_columns[i]));
  }
  chn_buf_addf(&sql, "CAST(ts AS BIGINT) AS __ts%s FROM (%s) WHERE ts >= %lld AND ts < %lld",
               chn_buf_str(&inputs), from, (long long)chn_ms_of_day(days.first),
               (long long)chn_ms_of_day(days.last + 1));
  if (!is_cumulative(d->gb) && row_schema_find(&schema, "ds") >= 0) {
    char ds[CHN_DS_SIZE];
    chn_buf_addf(&sql, " AND ds >= '%s'", chn_ds_of_day(days.first - 1, ds));
  }
  // Division truncates; the days before 1970 must not share their number with those after.
  const long long day = CHN_DAY_MS;
  chn_buf_addf(&sql, " ORDER BY (CAST(ts AS BIGINT) + %lld) // %lld, %s, ts%s", day * 1000000, day,
               d->order, chn_buf_str(&inputs));
  *out = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  chn_buf_deinit(&inputs);
  return CHN_OK;
}

/// Names and types of the table's columns: keys, ts, ds, states; and their SELECT.
static const char *columns_of(struct daily *d, const char ***names, const struct row_type ***types,
                              int32_t *n)
{
  struct arena *a = d->job->arena;
  const int32_t n_keys = d->gb->n_key_columns;
  struct chn_buf sql = { 0 };
  const int32_t most = n_keys + 2 + d->plan->n_bases;
  *names = arena_alloc(a, (size_t)most * sizeof **names);
  *types = arena_alloc(a, (size_t)most * sizeof **types);
  *n = 0;
  for (int32_t i = 0; i < most; i++) {
    const int32_t base = i - n_keys - 2;
    if (base >= 0 && kept_by(d, base) != base) {
      continue;
    }
    (*names)[*n] = i < n_keys        ? d->gb->key_columns[i]
                   : i == n_keys     ? "ts"
                   : i == n_keys + 1 ? "ds"
                                     : d->plan->bases[base].base_name;
    (*types)[*n] = i < n_keys        ? d->key_types[i]
                   : i == n_keys     ? row_scalar(ROW_LONG)
                   : i == n_keys + 1 ? row_scalar(ROW_STRING)
                                     : d->plan->bases[base].ir;
    chn_buf_addf(&sql, "%s%s", i > 0 ? ", " : "SELECT ", wh_quote_name(a, (*names)[*n]));
    ++*n;
  }
  chn_buf_adds(&sql, " FROM wh_frame('sink')");
  const char *text = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

static chn_status fill_run(struct daily *d, struct days run, struct chn_err *err)
{
  const char **names = NULL;
  const struct row_type **types = NULL;
  int32_t n = 0;
  const char *select = columns_of(d, &names, &types, &n);
  const char *sql = NULL;
  struct wh_writer *writer = NULL;
  struct wh_written written = { 0 };
  char first[CHN_DS_SIZE];
  char last[CHN_DS_SIZE];
  const struct output output = { .table = d->table,
                                 .type = "group_by_incremental",
                                 .meta_data = d->gb->meta_data };
  job_stage(d->job, "states of %s to %s", chn_ds_of_day(run.first, first),
            chn_ds_of_day(run.last, last));
  const double t = chn_monotonic_ms();
  chn_status status = rows_sql(d, run, &sql, err);
  if (status == CHN_OK) {
    status = output_begin(d->job, &output, &writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct fill f = {
    .d = d, .day = INT32_MIN, .key = -1, .ir = agg_ir_new(d->plan->bases, d->plan->n_bases)
  };
  key_set_init(&f.keys, d->key_types, d->gb->n_key_columns);
  sink_init(&f.sink, d->job, writer, select, names, types, n);
  status = take_rows(&f, sql, err);
  sink_deinit(&f.sink);
  key_set_deinit(&f.keys);
  agg_ir_free(f.ir);
  if (status == CHN_OK) {
    status = wh_write_commit(writer, &written, err);
  } else {
    wh_write_abort(writer);
  }
  job_time(d->job, "states", t, written.rows);
  return status;
}

chn_status daily_fill(struct daily *d, struct days days, struct chn_err *err)
{
  struct days *runs = NULL;
  size_t n = 0;
  chn_status status = missing(d, days, &runs, &n, err);
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    status = fill_run(d, runs[i], err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s", d->table);
}

// ---- reading ----------------------------------------------------------------------------------

static chn_status check_table(const struct daily *d, const struct row_schema *have,
                              struct chn_err *err)
{
  for (int32_t i = 0; i < d->plan->n_bases; i++) {
    const struct agg_part *base = &d->plan->bases[i];
    const int32_t at = row_schema_find(have, base->base_name);
    if (at < 0 || !row_type_equal(have->fields[at].type, base->ir)) {
      return chn_fail(err, CHN_E_CONFLICT,
                      "%s %s \"%s\": it was made by another definition of the GroupBy; remove the "
                      "table to have its days computed anew",
                      d->table, at < 0 ? "has no column" : "has another type of", base->base_name);
    }
  }
  return CHN_OK;
}

chn_status daily_select(struct daily *d, struct days days, const char **sql, struct chn_err *err)
{
  struct arena *a = d->job->arena;
  struct wh_table table;
  chn_status status = wh_table_find(d->job->wh, d->table, a, &table, err);
  if (status == CHN_OK) {
    status = check_table(d, &table.schema, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  const char *dot = strchr(table.name, '.');
  char first[CHN_DS_SIZE];
  char last[CHN_DS_SIZE];
  struct chn_buf text = { 0 };
  chn_buf_adds(&text, "SELECT ");
  for (int32_t i = 0; i < d->gb->n_key_columns; i++) {
    chn_buf_addf(&text, "%s, ", wh_quote_name(a, d->gb->key_columns[i]));
  }
  chn_buf_adds(&text, "ts");
  for (int32_t i = 0; i < d->plan->n_bases; i++) {
    chn_buf_addf(&text, ", %s", wh_quote_name(a, d->plan->bases[i].base_name));
  }
  chn_buf_addf(&text, " FROM %s.%s WHERE ds >= '%s' AND ds <= '%s' ORDER BY %s, ts",
               wh_quote_name(a, arena_strndup(a, table.name, (size_t)(dot - table.name))),
               wh_quote_name(a, dot + 1), chn_ds_of_day(days.first, first),
               chn_ds_of_day(days.last, last), d->order);
  *sql = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return CHN_OK;
}
