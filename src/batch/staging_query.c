#include "batch/staging_query.h"

#include <ctype.h>
#include <string.h>

#include "base/time.h"
#include "batch/output.h"
#include "batch/source.h"
#include "codec/json.h"
#include "model/names.h"
#include "warehouse/sql.h"

struct work {
  struct batch_job *job;
  const struct model_staging_query *query;
  struct output output;
  const char *latest;
};

// ---- macros -----------------------------------------------------------------------------------

/// The largest partition of a table.
static chn_status max_date(struct batch_job *job, const char *table, const char **out,
                           struct chn_err *err)
{
  bool partitioned = false;
  struct day_set days;
  chn_status status = source_days(job, table, "ds", &partitioned, &days, err);
  if (status == CHN_OK && days.n == 0) {
    status = chn_fail(err, CHN_E_NOT_FOUND, "%s has no partitions", table);
  }
  if (status != CHN_OK) {
    return chn_wrap(err, "max_date");
  }
  char ds[CHN_DS_SIZE];
  *out = arena_strdup(job->arena, chn_ds_of_day(days.day[days.n - 1], ds));
  return CHN_OK;
}

/// The table of `max_date(table=ns.t)`, or NULL when it is something else.
static const char *max_date_table(struct arena *a, const char *macro)
{
  static const char name[] = "max_date";
  if (strncmp(macro, name, sizeof name - 1) != 0) {
    return NULL;
  }
  const char *p = macro + sizeof name - 1;
  p += strspn(p, " ");
  if (*p != '(') {
    return NULL;
  }
  p += 1 + strspn(p + 1, " ");
  if (strncmp(p, "table", 5) != 0) {
    return NULL;
  }
  p += 5 + strspn(p + 5, " ");
  if (*p != '=') {
    return NULL;
  }
  p += 1 + strspn(p + 1, " ");
  const size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
  const char *end = p + n + strspn(p + n, " ");
  return n > 0 && strcmp(end, ")") == 0 ? arena_strndup(a, p, n) : NULL;
}

static chn_status macro_value(struct batch_job *job, const char *macro,
                              const struct staging_dates *dates, const char **out,
                              struct chn_err *err)
{
  const struct model_pair known[] = { { "start_date", dates->start },
                                      { "end_date", dates->end },
                                      { "latest_date", dates->latest } };
  const char *table = max_date_table(job->arena, macro);
  *out = model_pair_find(known, 3, macro);
  if (*out != NULL) {
    return CHN_OK;
  }
  if (table != NULL) {
    return max_date(job, table, out, err);
  }
  return chn_fail(err, CHN_E_ARGUMENT,
                  "unresolved macro {{ %s }}; there are start_date, end_date, latest_date and "
                  "max_date(table=...)",
                  macro);
}

chn_status staging_query_expand(struct batch_job *job, const char *query,
                                const struct staging_dates *dates, const char **out,
                                struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status status = CHN_OK;
  const char *p = query;
  const char *open = NULL;
  while (status == CHN_OK && (open = strstr(p, "{{")) != NULL) {
    const char *close = strstr(open, "}}");
    if (close == NULL) {
      status = chn_fail(err, CHN_E_ARGUMENT, "a macro is not closed: %.40s", open);
      break;
    }
    const char *from = open + 2;
    const char *to = close;
    while (from < to && isspace((unsigned char)*from)) {
      from++;
    }
    while (to > from && isspace((unsigned char)to[-1])) {
      to--;
    }
    const char *value = NULL;
    status =
        macro_value(job, arena_strndup(job->arena, from, (size_t)(to - from)), dates, &value, err);
    chn_buf_add(&text, p, (size_t)(open - p));
    chn_buf_adds(&text, value != NULL ? value : "");
    p = close + 2;
  }
  chn_buf_adds(&text, p);
  *out = arena_strdup(job->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return status;
}

// ---- writing ----------------------------------------------------------------------------------

chn_status staging_query_render(struct batch_job *job, const char *query,
                                const struct staging_dates *dates, char **sql, struct chn_err *err)
{
  const char *text = NULL;
  char **tables = NULL;
  size_t n = 0;
  chn_status status = staging_query_expand(job, query, dates, &text, err);
  if (status == CHN_OK) {
    status = sql_query_tables(job->arena, text, &tables, &n, err);
  }
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    // A name without a namespace is a view that a setup statement made.
    status = strchr(tables[i], '.') != NULL ? wh_use(job->wh, tables[i], err) : CHN_OK;
  }
  return status == CHN_OK ? sql_render_query(job->arena, text, sql, err) : status;
}

static chn_status write_query(struct work *w, const struct staging_dates *dates,
                              struct wh_written *written, struct chn_err *err)
{
  char *sql = NULL;
  struct wh_writer *writer = NULL;
  chn_status status = staging_query_render(w->job, w->query->query, dates, &sql, err);
  if (status == CHN_OK) {
    status = output_begin(w->job, &w->output, &writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  double t = chn_monotonic_ms();
  status = wh_write_select(writer, sql, err);
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  status = wh_write_commit(writer, written, err);
  job_time(w->job, "write", t, written->rows);
  return status;
}

// ---- views ------------------------------------------------------------------------------------

/// Tells whoever waits for a day of the view that it is there: a row of
/// `<namespace>.chronon_signal_partitions`, one partition a day and view.
static chn_status signal_view(struct work *w, struct wh_written *written, struct chn_err *err)
{
  static const char *const partitions[] = { "ds", "table_name" };
  struct arena *a = w->job->arena;
  const char *view = w->output.table;
  const char *dot = strchr(view, '.');
  const struct output signal = {
    .table =
        arena_printf(a, "%.*schronon_signal_partitions", dot ? (int)(dot - view) + 1 : 0, view),
    .type = "staging_query",
    .meta_data = w->query->meta_data,
    .partition_columns = partitions,
    .n_partition_columns = 2,
  };
  const char *sql = arena_printf(
      a,
      "SELECT strftime(make_timestamp(%lld * 1000), '%%Y-%%m-%%dT%%H:%%M:%%S.%%gZ') AS created_at, "
      "%s AS ds, %s AS table_name",
      (long long)chn_now_ms(), wh_quote_string(a, w->latest), wh_quote_string(a, view));
  struct wh_writer *writer = NULL;
  chn_status status = output_begin(w->job, &signal, &writer, err);
  if (status != CHN_OK) {
    return status;
  }
  status = wh_write_select(writer, sql, err);
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  return wh_write_commit(writer, written, err);
}

/// Whether the query has a macro of this name.
static bool has_macro(const char *query, const char *name)
{
  for (const char *open = query; (open = strstr(open, "{{")) != NULL; open += 2) {
    const char *p = open + 2;
    while (isspace((unsigned char)*p)) {
      p++;
    }
    const size_t n = strlen(name);
    if (strncmp(p, name, n) == 0 && (isspace((unsigned char)p[n]) || p[n] == '}')) {
      return true;
    }
  }
  return false;
}

static chn_status make_view(void *user, struct days step, struct wh_written *written,
                            struct chn_err *err)
{
  (void)step;
  struct work *w = user;
  const struct model_meta_data *m = w->query->meta_data;
  const struct staging_dates dates = { .latest = w->latest };
  const char *text = NULL;
  if (has_macro(w->query->query, "start_date") || has_macro(w->query->query, "end_date")) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "a view has no start_date and end_date: it is all days at once; drop "
                    "createView, or the macro");
  }
  chn_status status = staging_query_expand(w->job, w->query->query, &dates, &text, err);
  if (status != CHN_OK) {
    return status;
  }
  const int32_t n = m->n_table_properties;
  const char **names = arena_alloc(w->job->arena, ((size_t)n + 2) * sizeof *names);
  const char **values = arena_alloc(w->job->arena, ((size_t)n + 2) * sizeof *values);
  for (int32_t i = 0; i < n; i++) {
    names[i] = m->table_properties[i].key;
    values[i] = m->table_properties[i].value;
  }
  names[n] = "chronon_generated";
  values[n] = "true";
  names[n + 1] = "chronon_table_type";
  values[n + 1] = "staging_query";
  status = wh_view_create(w->job->wh, w->output.table, text, names, values, n + 2, err);
  return status == CHN_OK ? signal_view(w, written, err) : status;
}

// ---- tables -----------------------------------------------------------------------------------

/// ds, and what customJson names as additional_partition_cols.
static chn_status find_partition_columns(struct work *w, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const char *text = w->query->meta_data->custom_json;
  const struct codec_json *custom = NULL;
  if (text == NULL || text[0] == '\0') {
    return CHN_OK;
  }
  chn_status status = codec_json_parse(a, text, strlen(text), "customJson", &custom, err);
  const struct codec_json *list = codec_json_get(custom, "additional_partition_cols");
  if (status != CHN_OK || list == NULL || list->kind == CODEC_JSON_NULL) {
    return status;
  }
  bool texts = list->kind == CODEC_JSON_ARRAY;
  for (int32_t i = 0; texts && i < list->n; i++) {
    texts = list->members[i].value.kind == CODEC_JSON_STRING;
  }
  if (!texts) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "customJson: additional_partition_cols must be a list of column names");
  }
  const char **columns = arena_alloc(a, ((size_t)list->n + 1) * sizeof *columns);
  columns[0] = "ds";
  for (int32_t i = 0; i < list->n; i++) {
    columns[i + 1] = list->members[i].value.text;
  }
  w->output.partition_columns = columns;
  w->output.n_partition_columns = list->n + 1;
  return CHN_OK;
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  char start[CHN_DS_SIZE];
  char end[CHN_DS_SIZE];
  const struct staging_dates dates = { .start = chn_ds_of_day(step.first, start),
                                       .end = chn_ds_of_day(step.last, end),
                                       .latest = w->latest };
  return write_query(w, &dates, written, err);
}

/// `latest_date`: the last day of the whole job, whichever step or range this is.
static const char *latest(const struct batch_job *job)
{
  char today[CHN_DS_SIZE];
  return job->o->all_end_ds != NULL ? job->o->all_end_ds
         : job->o->end_ds != NULL   ? job->o->end_ds
                                    : arena_strdup(job->arena, chn_ds_of_day(chn_today(), today));
}

static chn_status backfill(struct work *w, struct chn_err *err)
{
  struct batch_job *job = w->job;
  const struct model_staging_query *q = w->query;
  struct days range;
  struct days *steps = NULL;
  size_t n = 0;
  w->latest = latest(job);
  if (q->query == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the staging query has no query");
  }
  const bool once = q->create_view || (q->start_partition == NULL && job->o->start_ds == NULL);
  chn_status status = source_setups(job, q->setups, q->n_setups, err);
  if (status == CHN_OK) {
    status = job_range(job, once ? w->latest : q->start_partition, &range, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  if (once && job->o->all_end_ds != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "it runs once for its whole history and has no ranges to run side by side; "
                    "leave out --parallelism");
  }
  if (once) {
    // Run once for the whole history: the job's end is every date that there is.
    steps = arena_alloc(job->arena, sizeof *steps);
    *steps = range;
    return output_run(job, steps, 1, q->create_view ? make_view : run_step, w, err);
  }
  status = find_partition_columns(w, err);
  if (status != CHN_OK) {
    return status;
  }
  if (status == CHN_OK) {
    job_historical(job, q->meta_data, &range);
  }
  const struct output_inputs none = { .unchecked = true };
  status = output_steps(job, &w->output, range, &none, &steps, &n, err);
  return status == CHN_OK ? output_run(job, steps, n, run_step, w, err) : status;
}

chn_status staging_query_backfill(struct batch_job *job, const struct model_staging_query *q,
                                  struct chn_err *err)
{
  struct work w = { .job = job, .query = q };
  w.output = (struct output){ .table = model_table(job->arena, q->meta_data, ""),
                              .type = "staging_query",
                              .meta_data = q->meta_data,
                              .auto_expand = !job->o->no_auto_expand };
  job->report->table = w.output.table;
  chn_status status = backfill(&w, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "staging_query %s", q->meta_data->name);
}
