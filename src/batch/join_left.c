#include "batch/join_left.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/join.h"
#include "batch/join_check.h"
#include "batch/semantic.h"
#include "batch/source.h"
#include "model/names.h"

const char *join_left_table(struct arena *a, const struct model_join *j)
{
  return model_table(a, j->meta_data, "_bootstrap");
}

static chn_status check_names(const struct row_schema *left, struct chn_err *err)
{
  static const char *const reserved[] = { "ts_ds", "matched_hashes", "bootstrap_hash" };
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
    if (row_schema_find(left, reserved[i]) >= 0) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "left: the column name \"%s\" is reserved; select it as "
                      "another name",
                      reserved[i]);
    }
  }
  return CHN_OK;
}

chn_status join_left_describe(const struct join_side *s, struct days days, struct assembly *out,
                              struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const char *sql = NULL;
  struct row_schema *columns = arena_alloc(a, sizeof *columns);
  struct part *parts = arena_calloc(a, (size_t)s->parts.n, sizeof *parts);
  chn_status status = join_left_sql(s, days, &sql, err);
  if (status == CHN_OK) {
    status = wh_describe(s->job->wh, sql, a, columns, err);
  }
  if (status == CHN_OK) {
    status = check_names(columns, err);
  }
  for (int32_t i = 0; i < s->parts.n && status == CHN_OK; i++) {
    status = part_describe(a, s->parts.defs[i], s->parts.prefixes[i], s->events, &parts[i], err);
  }
  *out = (struct assembly){ .job = s->job,
                            .join = s->join,
                            .columns = columns,
                            .from = arena_printf(a, "(%s)", sql),
                            .parts = parts,
                            .n_parts = s->parts.n,
                            .step = days };
  return status == CHN_OK ? assembly_init(out, err) : status;
}

// ---- the SELECT -------------------------------------------------------------------------------

static int by_name(const void *x, const void *y)
{
  return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/// The columns of parts and derivations that a bootstrap gives, by name.
static void add_bootstrapped(const struct assembly *s, const struct bootstrap *b,
                             struct chn_buf *sql)
{
  struct arena *a = s->job->arena;
  const struct model_join *j = s->join;
  const char **names = arena_alloc(a, (size_t)(s->n_values + j->n_derivations + 1) * sizeof *names);
  size_t n = 0;
  for (int32_t v = 0; v < s->n_values; v++) {
    if (s->values[v].part >= 0 && bootstrap_has(b, s->names[v])) {
      names[n++] = s->names[v];
    }
  }
  for (int32_t i = 0; i < j->n_derivations; i++) {
    if (bootstrap_has(b, j->derivations[i].name)) {
      names[n++] = j->derivations[i].name;
    }
  }
  qsort(names, n, sizeof *names, by_name);
  for (size_t i = 0; i < n; i++) {
    const bool again = i > 0 && strcmp(names[i - 1], names[i]) == 0;
    if (!again && row_schema_find(s->columns, names[i]) < 0) {
      chn_buf_adds(sql, "COALESCE(");
      bootstrap_values(b, a, names[i], sql);
      chn_buf_addf(sql, "NULL) AS %s, ", wh_quote_name(a, names[i]));
    }
  }
}

static void add_externals(const struct assembly *s, const struct bootstrap *b, struct chn_buf *sql)
{
  struct arena *a = s->job->arena;
  for (int32_t v = 0; v < s->n_values; v++) {
    if (s->values[v].part < 0) {
      chn_buf_adds(sql, "COALESCE(");
      bootstrap_values(b, a, s->names[v], sql);
      chn_buf_addf(sql, "%s) AS %s, ", s->values[v].sql, wh_quote_name(a, s->names[v]));
    }
  }
}

static chn_status computed(const struct join_side *side, struct days days, const char **out,
                           struct chn_err *err)
{
  struct arena *a = side->job->arena;
  struct assembly s;
  struct bootstrap b;
  chn_status status = join_left_describe(side, days, &s, err);
  if (status == CHN_OK) {
    status = assembly_bootstrap(&s, &b, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf sql = { 0 };
  chn_buf_adds(&sql, "SELECT ");
  for (int32_t i = 0; i < s.columns->n_fields; i++) {
    if (strcmp(s.columns->fields[i].name, "ds") != 0) {
      chn_buf_addf(&sql, "l.%s, ", wh_quote_name(a, s.columns->fields[i].name));
    }
  }
  if (side->events) { // instants outside of the calendar have no day
    chn_buf_adds(&sql, "CASE WHEN l.ts BETWEEN -62135596800000 AND 253402300799999 "
                       "THEN strftime(make_timestamp(l.ts * 1000), '%Y-%m-%d') END AS ts_ds, ");
  }
  bootstrap_hashes(&b, a, &sql);
  chn_buf_adds(&sql, " AS matched_hashes, ");
  add_bootstrapped(&s, &b, &sql);
  add_externals(&s, &b, &sql);
  chn_buf_addf(&sql, "l.ds FROM %s AS l", s.from);
  bootstrap_joins(&b, a, &sql);
  *out = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return CHN_OK;
}

chn_status join_left_rows(const struct join_side *s, struct days days, bool stored,
                          const char **sql, struct chn_err *err)
{
  if (!stored) {
    return computed(s, days, sql, err);
  }
  struct batch_job *job = s->job;
  const char *table = join_left_table(job->arena, s->join);
  if (!wh_table_exists(job->wh, table)) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "there is no bootstrap table %s; run --mode backfill-left makes it", table);
  }
  char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
  *sql = arena_printf(job->arena, "SELECT * FROM %s WHERE ds >= '%s' AND ds <= '%s'",
                      source_quoted(job->arena, table), chn_ds_of_day(days.first, from),
                      chn_ds_of_day(days.last, to));
  return wh_use(job->wh, table, err);
}

// ---- the job ----------------------------------------------------------------------------------

struct work {
  struct join_side s;
  struct output output;
};

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  struct wh_writer *writer = NULL;
  const char *sql = NULL;
  chn_status status = join_left_rows(&w->s, step, false, &sql, err);
  if (status == CHN_OK) {
    status = output_begin(w->s.job, &w->output, &writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  const double t = chn_monotonic_ms();
  status = wh_write_select(writer, sql, err);
  if (status == CHN_OK) {
    status = wh_write_commit(writer, written, err);
  } else {
    wh_write_abort(writer);
  }
  job_time(w->s.job, "left", t, written->rows);
  return status;
}

chn_status join_left_backfill(struct batch_job *job, const struct model_join *j,
                              struct chn_err *err)
{
  struct work w = { .output = { .table = join_left_table(job->arena, j),
                                .type = "bootstrap",
                                .meta_data = j->meta_data,
                                .auto_expand = true } };
  struct days *steps = NULL;
  size_t n = 0;
  job->report->table = w.output.table;
  chn_status status = join_side_init(&w.s, job, j, err);
  const struct output_inputs in = { .tables = &w.s.table, .columns = &w.s.column, .n = 1 };
  if (status == CHN_OK) {
    status = join_check(&w.s, &w.output, &in, NULL, 0, err);
  }
  if (status == CHN_OK) {
    status = semantic_archive(&w.s, SEMANTIC_ALL, NULL, 0, &w.output.semantic_hash, err);
  }
  if (status == CHN_OK) {
    status = output_steps(job, &w.output, w.s.range, &in, &steps, &n, err);
  }
  if (status == CHN_OK) {
    status = output_run(job, steps, n, run_step, &w, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "join %s", j->meta_data->name);
}
