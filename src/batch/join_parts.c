#include "batch/join_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "batch/join.h"
#include "batch/join_check.h"
#include "batch/join_left.h"
#include "batch/semantic.h"
#include "batch/slices.h"
#include "batch/source.h"
#include "model/names.h"

/// A part and the days of its table that are to be computed.
struct work {
  struct join_side s;
  const struct model_join_part *def;
  const char *prefix;
  int32_t i;       ///< which of the join's parts
  bool at_ts;      ///< values of instants
  bool by_day;     ///< else, for a left of events: snapshots of the days before the left's ts
  struct days all; ///< left days whose rows may ask
  struct days own; ///< days of the table that are this job's, not another range's
  bool shared;
  struct output output;
  struct wh_writer *writer;
};

// ---- what the left rows ask -------------------------------------------------------------------

/// The left columns of the keys, each once.
static const char **key_columns(struct work *w, int32_t *n)
{
  const struct model_group_by *gb = w->def->group_by;
  const char **names = arena_alloc(w->s.job->arena, (size_t)gb->n_key_columns * sizeof *names);
  *n = 0;
  for (int32_t k = 0; k < gb->n_key_columns; k++) {
    const char *left =
        model_left_key(w->def->key_mapping, w->def->n_key_mapping, gb->key_columns[k]);
    int32_t i = 0;
    while (i < *n && strcmp(names[i], left) != 0) {
      i++;
    }
    if (i == *n) {
      names[(*n)++] = left;
    }
  }
  return names;
}

/// Appends the condition that bootstraps do not give all of the part's values.
static chn_status add_uncovered(struct work *w, struct days days, struct chn_buf *sql,
                                struct chn_err *err)
{
  struct assembly s;
  struct bootstrap b;
  if (w->s.join->n_bootstrap_parts == 0) {
    return CHN_OK;
  }
  chn_status status = join_left_describe(&w->s, days, &s, err);
  s.stored = true;
  if (status == CHN_OK) {
    status = assembly_bootstrap(&s, &b, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  int32_t first = 0;
  int32_t n = 0;
  for (int32_t v = 0; v < s.n_values; v++) {
    first = s.values[v].part == w->i && n == 0 ? v : first;
    n += s.values[v].part == w->i;
  }
  struct chn_buf covered = { 0 };
  if (bootstrap_covers(&b, s.names + first, n, &covered)) {
    chn_buf_addf(sql, " AND NOT (%s)", chn_buf_str(&covered));
  }
  chn_buf_deinit(&covered);
  return CHN_OK;
}

/// The distinct questions of the left rows about the part's table of `days`.
static chn_status questions(struct work *w, struct days days, const char **out, struct chn_err *err)
{
  struct batch_job *job = w->s.job;
  struct arena *a = job->arena;
  const char *rows = NULL;
  const struct days left = w->by_day || w->at_ts ? days : w->all;
  chn_status status = join_left_rows(&w->s, left, job->o->use_cached_left, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf sql = { 0 };
  struct chn_buf where = { 0 };
  int32_t n = 0;
  const char **keys = key_columns(w, &n);
  chn_buf_adds(&sql, "SELECT DISTINCT ");
  chn_buf_adds(&where, "TRUE");
  for (int32_t i = 0; i < n; i++) {
    const char *name = wh_quote_name(a, keys[i]);
    if (strcmp(keys[i], "ts") != 0 && strcmp(keys[i], "ds") != 0) {
      chn_buf_addf(&sql, "l.%s, ", name);
    }
    chn_buf_addf(&where, " AND l.%s IS NOT NULL", name);
  }
  if (w->at_ts) {
    chn_buf_adds(&sql, "l.ts, l.ds");
    chn_buf_adds(&where, " AND l.ts IS NOT NULL");
  } else if (w->by_day) {
    chn_buf_adds(&sql, "l.ds");
  } else {
    char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
    chn_buf_adds(&sql, "epoch_ms(CAST(l.ts_ds AS TIMESTAMP)) AS ts");
    chn_buf_addf(&where, " AND l.ts_ds >= '%s' AND l.ts_ds <= '%s'",
                 chn_ds_of_day(days.first + 1, from), chn_ds_of_day(days.last + 1, to));
  }
  status = add_uncovered(w, left, &where, err);
  chn_buf_addf(&sql, " FROM (%s) AS l WHERE %s", rows, chn_buf_str(&where));
  *out = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  chn_buf_deinit(&where);
  return status;
}

// ---- rows of the table ------------------------------------------------------------------------

/// "l."left" AS "key", " for every key.
static void add_keys(struct work *w, const char *alias, struct chn_buf *sql)
{
  struct arena *a = w->s.job->arena;
  const struct model_group_by *gb = w->def->group_by;
  for (int32_t k = 0; k < gb->n_key_columns; k++) {
    const char *key = gb->key_columns[k];
    const char *from = strcmp(alias, "p") == 0
                           ? arena_printf(a, "__key_%d", k)
                           : model_left_key(w->def->key_mapping, w->def->n_key_mapping, key);
    if (strcmp(key, "ds") != 0) {
      chn_buf_addf(sql, "%s.%s AS %s, ", alias, wh_quote_name(a, from), wh_quote_name(a, key));
    }
  }
}

/// The rows of a part without aggregations are its source's, of the keys that are asked.
static void source_rows(struct work *w, const struct part *p, struct chn_buf *sql)
{
  struct arena *a = w->s.job->arena;
  const struct model_group_by *gb = w->def->group_by;
  chn_buf_adds(sql, "SELECT ");
  add_keys(w, "p", sql);
  for (int32_t j = 0; j < p->n; j++) {
    chn_buf_addf(sql, "p.%s, ", wh_quote_name(a, p->names[j]));
  }
  chn_buf_addf(sql,
               "p.ds FROM (%s) AS p SEMI JOIN wh_frame('part_rows') AS l "
               "ON p.ds = l.__snapshot_ds",
               p->sql);
  for (int32_t k = 0; k < gb->n_key_columns; k++) {
    const char *left =
        model_left_key(w->def->key_mapping, w->def->n_key_mapping, gb->key_columns[k]);
    chn_buf_addf(sql, " AND p.__key_%d = l.%s", k, wh_quote_name(a, left));
  }
}

/// The rows of a part with aggregations are the questions that have an answer: for instants all,
/// for snapshots of events those with some value, for entities those whose key has rows.
static void answer_rows(struct work *w, const struct part *p, bool events, struct chn_buf *sql)
{
  struct arena *a = w->s.job->arena;
  chn_buf_adds(sql, "SELECT ");
  add_keys(w, "l", sql);
  if (w->at_ts) {
    chn_buf_adds(sql, "l.ts, ");
  }
  for (int32_t j = 0; j < p->n; j++) {
    chn_buf_addf(sql, "l.__value_%d AS %s, ", j, wh_quote_name(a, p->names[j]));
  }
  chn_buf_addf(sql, "l.%s AS ds FROM wh_frame('part_rows') AS l",
               w->at_ts ? "ds" : "__snapshot_ds");
  if (w->at_ts) {
    return;
  }
  chn_buf_adds(sql, " WHERE l.__answered");
  for (int32_t j = 0; j < p->n && events && w->def->group_by->n_derivations == 0; j++) {
    chn_buf_addf(sql, "%sl.__value_%d IS NOT NULL%s", j > 0 ? " OR " : " AND (", j,
                 j + 1 == p->n ? ")" : "");
  }
}

static chn_status write_rows(struct work *w, const struct left *left, const struct part *p,
                             struct chn_err *err)
{
  struct batch_job *job = w->s.job;
  struct arena *a = job->arena;
  bool yes = true;
  const struct row_col yes_col = { .type = row_scalar(ROW_BOOLEAN), .data = &yes, .count = 1 };
  const struct row_col ds_col = { .type = row_scalar(ROW_STRING),
                                  .data = left->snapshot_ds,
                                  .count = left->n };
  int32_t *answered = chn_malloc(left->n * sizeof *answered);
  for (size_t i = 0; i < left->n; i++) {
    answered[i] = p->index != NULL && p->index[i] >= 0 ? 0 : -1;
  }
  struct wh_extra *extras = arena_alloc(a, ((size_t)p->n + 2) * sizeof *extras);
  int32_t n = 0;
  extras[n++] = (struct wh_extra){ "__snapshot_ds", &ds_col, NULL };
  extras[n++] = (struct wh_extra){ "__answered", &yes_col, answered };
  for (int32_t j = 0; j < p->n && p->sql == NULL; j++) {
    extras[n++] = (struct wh_extra){ arena_printf(a, "__value_%d", j), p->cols[j], p->index };
  }
  struct chn_buf sql = { 0 };
  if (p->sql != NULL) {
    source_rows(w, p, &sql);
  } else {
    const struct model_group_by *gb = w->def->group_by;
    answer_rows(w, p, gb->n_sources > 0 && !model_source_is_entities(&gb->sources[0]), &sql);
  }
  chn_status status = wh_frame_add(job->wh, "part_rows", left->rows, left->n, extras, n, err);
  if (status == CHN_OK) {
    status = wh_write_select(w->writer, chn_buf_str(&sql), err);
    wh_frame_remove(job->wh, "part_rows");
  }
  chn_buf_deinit(&sql);
  free(answered);
  return status;
}

/// `snapshots`: those that the rows of all slices see, or NULL: those of these rows.
static chn_status compute_slice(struct work *w, const char *sql, struct days days,
                                const struct days *snapshots, struct chn_err *err)
{
  struct batch_job *job = w->s.job;
  struct left left;
  struct part part;
  const char *skew = NULL;
  chn_status status = join_part_skew(&w->s, w->def, &skew, err);
  if (status == CHN_OK) {
    status = left_load(job, sql, w->s.events, &left, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  if (snapshots != NULL) {
    left.snapshots = *snapshots;
  }
  status = part_compute(job, &left, days, w->def, w->prefix, skew, &part, err);
  if (status == CHN_OK) {
    const double t = chn_monotonic_ms();
    status = write_rows(w, &left, &part, err);
    job_time(job, "write", t, left.n);
    part_deinit(&part);
  }
  left_free(&left);
  return status;
}

static chn_status run_days(void *user, struct days days, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  struct batch_job *job = w->s.job;
  const char *sql = NULL;
  int slices = 1;
  const struct part_list one = { .defs = &w->def, .prefixes = &w->prefix, .n = 1 };
  chn_status status = questions(w, days, &sql, err);
  if (status == CHN_OK) {
    status = slices_count(job, &one, sql, &slices, err);
  }
  if (status == CHN_OK) {
    w->output.computed = &days;
    status = output_begin(job, &w->output, &w->writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  job_stage(job, "part %s", w->prefix);
  struct days snapshots = days;
  if (w->at_ts && slices > 1) {
    status = slices_snapshots(job, sql, &snapshots, err);
  }
  const bool own = w->at_ts && slices == 1;
  for (int i = 0; i < slices && status == CHN_OK; i++) {
    status =
        compute_slice(w, slices_sql(job, &one, sql, i, slices), days, own ? NULL : &snapshots, err);
  }
  if (status != CHN_OK) {
    wh_write_abort(w->writer);
    return status;
  }
  const double t = chn_monotonic_ms();
  status = wh_write_commit(w->writer, written, err);
  job_time(job, "write", t, 0);
  return status;
}

// ---- which days -------------------------------------------------------------------------------

static struct day_set with_days(struct arena *a, const struct day_set *s, struct days more)
{
  struct day_set out = { .day = arena_alloc(a, (s->n + (size_t)(more.last - more.first + 1)) *
                                                   sizeof *out.day) };
  size_t i = 0;
  for (; i < s->n && s->day[i] < more.first; i++) {
    out.day[out.n++] = s->day[i];
  }
  for (int32_t day = more.first; day <= more.last; day++) {
    out.day[out.n++] = day;
  }
  for (; i < s->n; i++) {
    if (s->day[i] > more.last) {
      out.day[out.n++] = s->day[i];
    }
  }
  return out;
}

/// The days of the part's table that the left rows of a step ask about.
static chn_status asked_days(struct work *w, struct days step, struct days *out,
                             struct chn_err *err)
{
  const char *rows = NULL;
  *out = step;
  if (w->at_ts || w->by_day) {
    return CHN_OK;
  }
  *out = (struct days){ 0, -1 };
  chn_status status = join_left_rows(&w->s, step, w->s.job->o->use_cached_left, &rows, err);
  return status == CHN_OK ? slices_snapshots(w->s.job, rows, out, err) : status;
}

/// The days that the part's table lacks for the steps that the join's output lacks.
static chn_status missing_days(struct work *w, const struct days *steps, size_t n,
                               struct days **out, size_t *n_out, struct chn_err *err)
{
  struct batch_job *job = w->s.job;
  struct arena *a = job->arena;
  char **ds = NULL;
  size_t n_ds = 0;
  chn_status status = wh_partitions(job->wh, w->output.table, "ds", NULL, 0, a, &ds, &n_ds, err);
  struct day_set have = day_set_of(a, ds, n_ds);
  *out = NULL;
  *n_out = 0;
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    struct days *runs = NULL;
    size_t n_runs = 0;
    struct days_request r = { .output = &have, .run_first_hole = true };
    status = asked_days(w, steps[i], &r.range, err);
    if (status != CHN_OK) {
      return status;
    }
    r.range.first = r.range.first < w->own.first ? w->own.first : r.range.first;
    r.range.last = r.range.last > w->own.last ? w->own.last : r.range.last;
    days_missing(a, &r, INT_MAX, &runs, &n_runs);
    struct days *all = arena_alloc(a, (*n_out + n_runs) * sizeof *all);
    if (*n_out > 0) {
      memcpy(all, *out, *n_out * sizeof *all);
    }
    for (size_t k = 0; k < n_runs; k++) {
      all[(*n_out)++] = runs[k];
      have = with_days(a, &have, runs[k]);
    }
    *out = all;
  }
  return status;
}

/// Of ranges that run side by side each has its own days of snapshots, the first and the last one
/// those beyond, too; rows of any range may ask about them, as those of a late event do.
static chn_status share_days(struct work *w, struct chn_err *err)
{
  const struct batch_options *o = w->s.job->o;
  w->own = (struct days){ INT32_MIN, INT32_MAX };
  w->shared = o->all_end_ds != NULL && !w->at_ts && !w->by_day;
  if (!w->shared) {
    return CHN_OK;
  }
  struct days own;
  if (chn_day_of_ds(o->start_ds, &own.first, err) != CHN_OK ||
      chn_day_of_ds(o->end_ds, &own.last, err) != CHN_OK ||
      chn_day_of_ds(o->all_start_ds, &w->all.first, err) != CHN_OK ||
      chn_day_of_ds(o->all_end_ds, &w->all.last, err) != CHN_OK) {
    return err->code;
  }
  w->own.first = own.first == w->all.first ? INT32_MIN : own.first - 1;
  w->own.last = own.last == w->all.last ? INT32_MAX : own.last - 1;
  return CHN_OK;
}

// ---- the job ----------------------------------------------------------------------------------

chn_status join_parts_find(const struct part_list *parts, const char *name, int32_t *out,
                           struct chn_err *err)
{
  for (int32_t i = 0; i < parts->n; i++) {
    if (strcmp(parts->prefixes[i], name) == 0) {
      *out = i;
      return CHN_OK;
    }
  }
  struct chn_buf all = { 0 };
  for (int32_t i = 0; i < parts->n; i++) {
    chn_buf_addf(&all, "%s%s", i > 0 ? ", " : "", parts->prefixes[i]);
  }
  const char *near = chn_near(name, parts->prefixes, (size_t)parts->n);
  const chn_status status =
      chn_fail(err, CHN_E_ARGUMENT, "no part is named \"%s\"%s%s%s; available: %s", name,
               near != NULL ? " (did you mean \"" : "", near != NULL ? near : "",
               near != NULL ? "\"?)" : "", parts->n > 0 ? chn_buf_str(&all) : "none");
  chn_buf_deinit(&all);
  return status;
}

static chn_status backfill_part(struct join_side *s, int32_t i, const struct days *steps, size_t n,
                                const char *hash, struct chn_err *err)
{
  struct batch_job *job = s->job;
  struct work w = { .s = *s, .i = i, .def = s->parts.defs[i], .prefix = s->parts.prefixes[i] };
  struct part shape;
  chn_status status = part_describe(job->arena, w.def, w.prefix, s->events, &shape, err);
  w.at_ts = shape.at_ts;
  w.by_day = !s->events;
  w.all = n > 0 ? (struct days){ steps[0].first, steps[n - 1].last } : s->range;
  if (status == CHN_OK) {
    status = share_days(&w, err);
  }
  if (w.shared) {
    steps = &w.all;
    n = 1;
  }
  w.output = (struct output){ .table = join_part_table(job->arena, s->join, w.prefix),
                              .type = "join_part",
                              .meta_data = s->join->meta_data,
                              .semantic_hash = hash,
                              .no_first = true };
  struct batch_report *r = job->report;
  r->table = r->table == NULL ? w.output.table
                              : arena_printf(job->arena, "%s, %s", r->table, w.output.table);
  struct days *runs = NULL;
  size_t n_runs = 0;
  if (status == CHN_OK) {
    status = missing_days(&w, steps, n, &runs, &n_runs, err);
  }
  return status == CHN_OK ? output_run(job, runs, n_runs, run_days, &w, err) : status;
}

static chn_status backfill(struct join_side *s, struct chn_err *err)
{
  struct batch_job *job = s->job;
  const struct batch_options *o = job->o;
  int32_t *chosen = arena_alloc(job->arena, (size_t)o->n_selected_parts * sizeof *chosen);
  for (int32_t i = 0; i < o->n_selected_parts; i++) {
    if (join_parts_find(&s->parts, o->selected_parts[i], &chosen[i], err) != CHN_OK) {
      return err->code;
    }
  }
  const char *hash = NULL;
  const char *rows = NULL;
  struct output output = join_output(job->arena, s->join);
  const char *table = o->use_cached_left ? join_left_table(job->arena, s->join) : s->table;
  const char *column = o->use_cached_left ? "ds" : s->column;
  const struct output_inputs in = { .tables = &table, .columns = &column, .n = 1 };
  struct days *steps = NULL;
  size_t n = 0;
  chn_status status = CHN_OK;
  if (o->use_cached_left) { // before anything else: is there one
    status = join_left_rows(s, s->range, true, &rows, err);
  }
  if (status == CHN_OK) {
    status = join_check(s, &output, &in, chosen, o->n_selected_parts, err);
  }
  if (status == CHN_OK) {
    status = semantic_archive(s, SEMANTIC_PARTS, chosen, o->n_selected_parts, &hash, err);
  }
  if (status == CHN_OK) {
    status = output_steps(job, &output, s->range, &in, &steps, &n, err);
  }
  for (int32_t i = 0; i < o->n_selected_parts && status == CHN_OK; i++) {
    status = backfill_part(s, chosen[i], steps, n, hash, err);
  }
  return status;
}

chn_status join_parts_backfill(struct batch_job *job, const struct model_join *j,
                               struct chn_err *err)
{
  struct join_side s;
  chn_status status = join_side_init(&s, job, j, err);
  if (status == CHN_OK) {
    status = backfill(&s, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "join %s", j->meta_data->name);
}
