#include "batch/join_final.h"

#include <string.h>

#include "base/time.h"
#include "batch/join.h"
#include "batch/join_left.h"
#include "batch/semantic.h"
#include "batch/slices.h"
#include "batch/source.h"
#include "model/names.h"

struct work {
  struct join_side s;
  struct output output;
};

/// A step being assembled.
struct step {
  struct work *w;
  struct days days;
  struct days snapshots; ///< days of the snapshots that its rows see
  const char *rows;      ///< SQL of the bootstrap table's rows
  struct assembly all;
  struct part *parts; ///< of the assembly
};

// ---- the tables of parts ----------------------------------------------------------------------

static chn_status missing_table(const char *table, const char *prefix, struct chn_err *err)
{
  return chn_fail(err, CHN_E_NOT_FOUND,
                  "there is no table %s of part %s; run --mode backfill --selected-join-parts %s "
                  "--use-cached-left makes it",
                  table, prefix, prefix);
}

static const char *left_key(const struct model_join_part *def, int32_t k)
{
  return model_left_key(def->key_mapping, def->n_key_mapping, def->group_by->key_columns[k]);
}

/// Appends the condition that a left row asks the part and that no bootstrap answers for it.
static void add_asks(const struct step *st, int32_t i, const struct bootstrap *b,
                     struct chn_buf *sql)
{
  const struct part *p = &st->parts[i];
  const struct assembly *s = &st->all;
  int32_t first = 0;
  int32_t n = 0;
  chn_buf_adds(sql, p->at_ts ? "l.ts IS NOT NULL" : "TRUE");
  for (int32_t k = 0; k < p->def->group_by->n_key_columns; k++) {
    chn_buf_addf(sql, " AND l.%s IS NOT NULL", wh_quote_name(s->job->arena, left_key(p->def, k)));
  }
  for (int32_t v = 0; v < s->n_values; v++) {
    first = s->values[v].part == i && n == 0 ? v : first;
    n += s->values[v].part == i;
  }
  struct chn_buf covered = { 0 };
  if (bootstrap_covers(b, s->names + first, n, &covered)) {
    chn_buf_addf(sql, " AND NOT (%s)", chn_buf_str(&covered));
  }
  chn_buf_deinit(&covered);
}

/// Left rows that ask a part about days that its table does not have.
struct lack {
  int64_t rows;
  int64_t days;
  const char *first;
  const char *last;
};

/// Days that the table has: its partitions, and those that were computed and came out empty.
static chn_status add_answered(struct batch_job *job, const char *table, struct chn_buf *sql,
                               struct chn_err *err)
{
  char **ds = NULL;
  size_t n = 0;
  chn_status status = wh_partitions(job->wh, table, "ds", NULL, 0, job->arena, &ds, &n, err);
  for (int pass = 0; pass < 2 && status == CHN_OK; pass++) {
    for (size_t k = 0; k < n; k++) {
      chn_buf_addf(sql, ", %s", wh_quote_string(job->arena, ds[k]));
    }
    n = wh_empty_days(job->wh, table, job->arena, &ds);
  }
  return status;
}

/// `table` is NULL where there is none.
static chn_status find_lack(const struct step *st, int32_t i, const struct bootstrap *b,
                            const char *table, struct lack *out, struct chn_err *err)
{
  struct batch_job *job = st->w->s.job;
  const char *day = st->parts[i].at_ts ? "l.ds" : "l.__snapshot_ds";
  struct wh_rows *rows = NULL;
  struct chn_buf sql = { 0 };
  chn_buf_addf(&sql,
               "SELECT count(*)::BIGINT, count(DISTINCT %s)::BIGINT, min(%s), max(%s) FROM %s AS l "
               "WHERE ",
               day, day, day, st->all.from);
  add_asks(st, i, b, &sql);
  chn_buf_addf(&sql, " AND %s NOT IN (''", day);
  chn_status status = table != NULL ? add_answered(job, table, &sql, err) : CHN_OK;
  chn_buf_adds(&sql, ")");
  if (status == CHN_OK) {
    status = wh_rows_load(job->wh, chn_buf_str(&sql), &rows, err);
  }
  chn_buf_deinit(&sql);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col cols[4];
  wh_rows_chunk(rows, 0, cols);
  *out = (struct lack){ .rows = *(const int64_t *)cols[0].data,
                        .days = *(const int64_t *)cols[1].data };
  if (out->rows > 0) {
    const struct row_str *first = cols[2].data;
    const struct row_str *last = cols[3].data;
    out->first = arena_strndup(job->arena, row_str_bytes(first), first->len);
    out->last = arena_strndup(job->arena, row_str_bytes(last), last->len);
  }
  wh_rows_free(rows);
  return CHN_OK;
}

static chn_status lack_fail(const struct lack *lack, const char *table, const char *prefix,
                            struct chn_err *err)
{
  const bool one = lack->days == 1;
  return chn_fail(err, CHN_E_NOT_FOUND,
                  "part %s: %s lacks %lld day%s (%s%s%s) that %lld left row%s ask%s about; run "
                  "--mode backfill --selected-join-parts %s --use-cached-left with the same days "
                  "makes %s",
                  prefix, table, (long long)lack->days, one ? "" : "s", lack->first,
                  one ? "" : " to ", one ? "" : lack->last, (long long)lack->rows,
                  lack->rows == 1 ? "" : "s", lack->rows == 1 ? "s" : "", prefix,
                  one ? "it" : "them");
}

static chn_status need_column(const struct wh_table *t, const char *name, struct chn_err *err)
{
  return row_schema_find(&t->schema, name) >= 0
             ? CHN_OK
             : chn_fail(err, CHN_E_CONFLICT,
                        "table %s has no column \"%s\": another definition made it; drop it and "
                        "run --mode backfill --selected-join-parts again",
                        t->name, name);
}

/// The SELECT of a part's table, as assembly joins it.
static chn_status part_sql(const struct step *st, struct part *p, const char *table,
                           struct chn_err *err)
{
  struct batch_job *job = st->w->s.job;
  struct arena *a = job->arena;
  const struct model_group_by *gb = p->def->group_by;
  struct wh_table t;
  chn_status status = wh_table_find(job->wh, table, a, &t, err);
  if (status == CHN_OK) {
    status = wh_use(job->wh, table, err);
  }
  struct chn_buf sql = { 0 };
  chn_buf_addf(&sql, "SELECT ds%s", p->at_ts ? ", ts" : "");
  for (int32_t k = 0; k < gb->n_key_columns && status == CHN_OK; k++) {
    status = need_column(&t, gb->key_columns[k], err);
    chn_buf_addf(&sql, ", %s AS __key_%d", wh_quote_name(a, gb->key_columns[k]), k);
  }
  for (int32_t i = 0; i < p->n && status == CHN_OK; i++) {
    status = need_column(&t, p->names[i], err);
    chn_buf_addf(&sql, ", %s", wh_quote_name(a, p->names[i]));
  }
  const struct days days = p->at_ts || !st->w->s.events ? st->days : st->snapshots;
  char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
  chn_buf_addf(&sql, " FROM %s WHERE ds >= '%s' AND ds <= '%s'", source_quoted(a, table),
               chn_ds_of_day(days.first, from), chn_ds_of_day(days.last, to));
  p->sql = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return status;
}

/// Finds a part's table. Without one the part has no values: that is right only where bootstraps
/// have all of them. It must have every day that rows ask about, be it as one that came out empty.
static chn_status find_table(struct step *st, int32_t i, const struct bootstrap *b,
                             struct chn_err *err)
{
  struct batch_job *job = st->w->s.job;
  struct part *p = &st->parts[i];
  const char *table = join_part_table(job->arena, st->w->s.join, p->prefix);
  const bool there = wh_table_exists(job->wh, table);
  struct lack lack = { 0 };
  if (there && semantic_stale(&st->w->s, table, table, st->w->output.semantic_hash)) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "another definition made %s; run --mode backfill --selected-join-parts %s "
                    "--use-cached-left makes it anew",
                    table, p->prefix);
  }
  chn_status status = find_lack(st, i, b, there ? table : NULL, &lack, err);
  if (status == CHN_OK && lack.rows > 0) {
    return there ? lack_fail(&lack, table, p->prefix, err) : missing_table(table, p->prefix, err);
  }
  if (status != CHN_OK || there) {
    return status == CHN_OK ? part_sql(st, p, table, err) : status;
  }
  for (int32_t c = 0; c < p->n; c++) { // a value that nothing gives has no type either
    if (!bootstrap_has(b, arena_printf(job->arena, "%s_%s", p->prefix, p->names[c]))) {
      return missing_table(table, p->prefix, err);
    }
  }
  return CHN_OK;
}

// ---- a step -----------------------------------------------------------------------------------

static chn_status describe(struct step *st, struct chn_err *err)
{
  const struct join_side *s = &st->w->s;
  struct arena *a = s->job->arena;
  const char *table = join_left_table(a, s->join);
  chn_status status = join_left_rows(s, st->days, true, &st->rows, err);
  if (status == CHN_OK && semantic_stale(s, table, table, st->w->output.semantic_hash)) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "another definition made %s; run --mode backfill-left makes it anew", table);
  }
  if (status == CHN_OK) {
    status = join_left_describe(s, st->days, &st->all, err);
  }
  st->snapshots = st->days;
  if (status == CHN_OK && s->events) {
    status = slices_snapshots(s->job, st->rows, &st->snapshots, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  const char *snapshot = s->events ? "strftime(CAST(ts_ds AS DATE) - 1, '%Y-%m-%d')" : "ds";
  st->all.from = arena_printf(a, "(SELECT *, %s AS __snapshot_ds FROM (%s))", snapshot, st->rows);
  st->all.stored = true;
  return CHN_OK;
}

static chn_status assemble(struct step *st, struct chn_buf *sql, struct chn_err *err)
{
  struct arena *a = st->w->s.job->arena;
  struct assembly described = st->all;
  struct bootstrap b;
  chn_status status = assembly_bootstrap(&described, &b, err);
  st->parts = arena_alloc(a, (size_t)described.n_parts * sizeof *st->parts);
  if (described.n_parts > 0) {
    memcpy(st->parts, described.parts, (size_t)described.n_parts * sizeof *st->parts);
  }
  for (int32_t i = 0; i < described.n_parts && status == CHN_OK; i++) {
    status = find_table(st, i, &b, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  st->all.parts = st->parts;
  st->all.n_values = st->all.n_extras = 0;
  status = assembly_init(&st->all, err);
  return status == CHN_OK ? assembly_select(&st->all, sql, err) : status;
}

static chn_status run_step(void *user, struct days days, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  struct step st = { .w = w, .days = days };
  struct wh_writer *writer = NULL;
  struct chn_buf sql = { 0 };
  chn_status status = describe(&st, err);
  if (status == CHN_OK) {
    status = assemble(&st, &sql, err);
  }
  if (status == CHN_OK) {
    status = output_begin(w->s.job, &w->output, &writer, err);
  }
  const double t = chn_monotonic_ms();
  if (status == CHN_OK) {
    status = wh_write_select(writer, chn_buf_str(&sql), err);
  }
  if (status == CHN_OK) {
    status = wh_write_commit(writer, written, err);
  } else {
    wh_write_abort(writer);
  }
  job_time(w->s.job, "write", t, written->rows);
  chn_buf_deinit(&sql);
  return status;
}

// ---- the job ----------------------------------------------------------------------------------

static chn_status backfill(struct work *w, struct chn_err *err)
{
  struct batch_job *job = w->s.job;
  const char *rows = NULL;
  const char *column = "ds";
  const char *table = join_left_table(job->arena, w->s.join);
  const struct output_inputs in = { .tables = &table, .columns = &column, .n = 1 };
  struct days *steps = NULL;
  size_t n = 0;
  chn_status status =
      semantic_archive(&w->s, SEMANTIC_OUTPUT, NULL, 0, &w->output.semantic_hash, err);
  if (status == CHN_OK) { // before anything else: is there one
    status = join_left_rows(&w->s, w->s.range, true, &rows, err);
  }
  if (status == CHN_OK) {
    status = output_steps(job, &w->output, w->s.range, &in, &steps, &n, err);
  }
  return status == CHN_OK ? output_run(job, steps, n, run_step, w, err) : status;
}

chn_status join_final_backfill(struct batch_job *job, const struct model_join *j,
                               struct chn_err *err)
{
  struct work w = { .output = join_output(job->arena, j) };
  job->report->table = w.output.table;
  chn_status status = join_side_init(&w.s, job, j, err);
  if (status == CHN_OK) {
    status = backfill(&w, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "join %s", j->meta_data->name);
}
