// A step loads the left rows of its days, computes each part for them, and writes one SELECT over
// wh_frame: left columns where they lie, features gathered by index. When the left rows and their
// features would not fit, the step is cut into slices of left keys that are written one by one
// into the same atomic write.
#include "batch/join.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/assembly.h"
#include "batch/output.h"
#include "batch/part.h"
#include "batch/run_ds.h"
#include "batch/semantic.h"
#include "batch/skew.h"
#include "batch/source.h"
#include "model/names.h"
#include "warehouse/sql.h"

struct work {
  struct batch_job *job;
  const struct model_join *join;
  struct part_list parts;
  struct output output;
  struct wh_writer *writer;
};

/// Everything that a slice of left rows becomes.
struct slice {
  struct work *w;
  struct days step;
  struct left left;
  struct part *parts;
};

static chn_status write_slice(struct slice *s, struct chn_err *err)
{
  struct work *w = s->w;
  const double t = chn_monotonic_ms();
  struct chn_buf sql = { 0 };
  struct assembly all = { .job = w->job,
                          .join = w->join,
                          .left = &s->left,
                          .parts = s->parts,
                          .n_parts = w->parts.n,
                          .step = s->step };
  chn_status status = assembly_init(&all, err);
  if (status == CHN_OK) {
    status = assembly_select(&all, &sql, err);
  }
  if (status == CHN_OK) {
    status =
        wh_frame_add(w->job->wh, "join", s->left.rows, s->left.n, all.extras, all.n_extras, err);
  }
  if (status == CHN_OK) {
    job_stage(w->job, "writing %zu rows", s->left.n);
    status = wh_write_select(w->writer, chn_buf_str(&sql), err);
    wh_frame_remove(w->job->wh, "join");
  }
  chn_buf_deinit(&sql);
  job_time(w->job, "write", t, s->left.n);
  return status;
}

/// What leaves a part's own skewed keys out. With one skew key the left rows already lack them;
/// with several a row stays that is skewed in one key only, and its part of that key is NULL.
static chn_status part_skew(struct work *w, const struct model_join_part *def, const char **sql,
                            struct chn_err *err)
{
  *sql = NULL;
  return w->join->n_skew_keys > 1 ? skew_condition(w->job->arena, w->join, def, sql, err) : CHN_OK;
}

/// `snapshots` of the whole step, where it was cut into several slices, else NULL.
static chn_status compute_slice(struct work *w, const char *left_sql, struct days step,
                                const struct days *snapshots, struct chn_err *err)
{
  const struct model_join *j = w->join;
  struct slice s = { .w = w, .step = step };
  chn_status status = left_load(w->job, left_sql, !source_is_entities(j->left), &s.left, err);
  if (status != CHN_OK) {
    return status;
  }
  if (snapshots != NULL) {
    s.left.snapshots = *snapshots;
  }
  s.parts = chn_calloc((size_t)w->parts.n, sizeof *s.parts);
  int32_t done = 0;
  for (int32_t i = 0; i < w->parts.n && status == CHN_OK && s.left.n > 0; i++) {
    job_stage(w->job, "part %d of %d: %s", i + 1, w->parts.n, w->parts.prefixes[i]);
    const char *skew = NULL;
    status = part_skew(w, w->parts.defs[i], &skew, err);
    if (status == CHN_OK) {
      status = part_compute(w->job, &s.left, step, w->parts.defs[i], w->parts.prefixes[i], skew,
                            &s.parts[i], err);
    }
    done += status == CHN_OK;
  }
  if (status == CHN_OK && s.left.n > 0) {
    status = write_slice(&s, err);
  }
  for (int32_t i = 0; i < done; i++) {
    part_deinit(&s.parts[i]);
  }
  free(s.parts);
  left_free(&s.left);
  return status;
}

// ---- a step -----------------------------------------------------------------------------------

/// Into how many slices the left rows must be cut: by a guess of their bytes with all features.
static chn_status slice_count(struct work *w, const char *left_sql, int *out, struct chn_err *err)
{
  struct row_schema schema;
  uint64_t rows = 0;
  chn_status status = wh_describe(w->job->wh, left_sql, w->job->arena, &schema, err);
  if (status == CHN_OK) {
    status = job_count(w->job, left_sql, &rows, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  uint64_t width = (uint64_t)schema.n_fields * 24 + 64;
  for (int32_t i = 0; i < w->parts.n; i++) {
    const struct model_group_by *gb = w->parts.defs[i]->group_by;
    for (int32_t g = 0; g < gb->n_aggregations; g++) {
      const int32_t windows = gb->aggregations[g].n_windows;
      const bool many = gb->aggregations[g].operation >= MODEL_OP_APPROX_PERCENTILE;
      width += (uint64_t)(windows > 0 ? windows : 1) * (many ? 96 : 16);
    }
  }
  const uint64_t slices = rows * width / (w->job->frame_budget + 1) + 1;
  *out = slices > 1024 ? 1024 : (int)slices;
  return CHN_OK;
}

/// The left rows of one slice: those whose keys hash to it.
static const char *slice_sql(struct work *w, const char *left_sql, int slice, int slices)
{
  struct arena *a = w->job->arena;
  if (slices == 1 || w->parts.n == 0) {
    return left_sql;
  }
  const struct model_join_part *p = w->parts.defs[0];
  struct chn_buf keys = { 0 };
  for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
    const char *left =
        model_left_key(p->key_mapping, p->n_key_mapping, p->group_by->key_columns[k]);
    chn_buf_addf(&keys, "%s%s", k > 0 ? ", " : "", wh_quote_name(a, left));
  }
  const char *sql = arena_printf(a, "SELECT * FROM (%s) WHERE hash(%s) %% %d = %d", left_sql,
                                 chn_buf_str(&keys), slices, slice);
  chn_buf_deinit(&keys);
  return sql;
}

chn_status join_without_skew(struct batch_job *job, const struct model_join *j,
                             const struct part_list *parts, const char **left_sql,
                             struct chn_err *err)
{
  for (int32_t i = 0; i < j->n_skew_keys; i++) {
    if (!assembly_is_left_key(parts, j->skew_keys[i].key)) {
      return chn_fail(err, CHN_E_ARGUMENT, "skew_keys: skew key \"%s\" is not a key of any part",
                      j->skew_keys[i].key);
    }
  }
  const char *sql = NULL;
  chn_status status = skew_condition(job->arena, j, NULL, &sql, err);
  if (status == CHN_OK && sql != NULL) {
    *left_sql = arena_printf(job->arena, "SELECT * FROM (%s) WHERE %s", *left_sql, sql);
  }
  return status;
}

/// The days of the snapshots that the left rows of all slices see: which rows a scan of one slice
/// may read must not depend on how the left was cut.
static chn_status all_snapshots(struct work *w, const char *left_sql, struct days *out,
                                struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  const char *sql = arena_printf(
      w->job->arena, "SELECT min(\"ts\")::BIGINT, max(\"ts\")::BIGINT FROM (%s)", left_sql);
  chn_status status = wh_rows_load(w->job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col cols[2];
  wh_rows_chunk(rows, 0, cols);
  if (!row_is_null(&cols[0], 0)) {
    out->first = chn_day_of_ms(*(const int64_t *)cols[0].data) - 1;
    out->last = chn_day_of_ms(*(const int64_t *)cols[1].data) - 1;
  }
  wh_rows_free(rows);
  return CHN_OK;
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  const char *left_sql = NULL;
  int slices = 1;
  chn_status status = source_left_sql(w->job, w->join->left, step, &left_sql, err);
  if (status == CHN_OK) {
    status = join_without_skew(w->job, w->join, &w->parts, &left_sql, err);
  }
  if (status == CHN_OK) {
    status = slice_count(w, left_sql, &slices, err);
  }
  if (status == CHN_OK) {
    status = output_begin(w->job, &w->output, &w->writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct days snapshots;
  const bool wide = slices > 1 && !source_is_entities(w->join->left);
  if (wide) {
    snapshots = step;
    status = all_snapshots(w, left_sql, &snapshots, err);
  }
  if (slices > 1) {
    job_note(w->job, "the left rows do not fit into memory: working in %d slices", slices);
  }
  for (int i = 0; i < slices && status == CHN_OK; i++) {
    status =
        compute_slice(w, slice_sql(w, left_sql, i, slices), step, wide ? &snapshots : NULL, err);
  }
  if (status != CHN_OK) {
    wh_write_abort(w->writer);
    return status;
  }
  const double t = chn_monotonic_ms();
  status = wh_write_commit(w->writer, written, err);
  job_time(w->job, "write", t, 0);
  return status;
}

// ---- the job ----------------------------------------------------------------------------------

/// First day: start override, the left's start partition, or the first partition it has.
static chn_status left_range(struct work *w, const char *table, const struct model_query *q,
                             struct days *out, struct chn_err *err)
{
  const struct batch_job *job = w->job;
  char first[CHN_DS_SIZE] = "";
  const char *start = q != NULL ? q->start_partition : NULL;
  if (start == NULL && job->o->start_ds == NULL) {
    bool partitioned = false;
    struct day_set have;
    chn_status status =
        source_days(w->job, table, source_partition_column(q), &partitioned, &have, err);
    if (status != CHN_OK) {
      return status;
    }
    if (have.n == 0) {
      return chn_fail(err, CHN_E_NOT_FOUND,
                      "left: %s has no partitions; give it data, or pass --start-ds", table);
    }
    start = chn_ds_of_day(have.day[0], first);
  }
  chn_status status = job_range(job, start, out, err);
  if (status != CHN_OK || q == NULL || q->end_partition == NULL) {
    return status;
  }
  int32_t last = 0;
  status = chn_day_of_ds(q->end_partition, &last, err);
  out->last = last < out->last ? last : out->last;
  return status;
}

static chn_status backfill(struct work *w, struct chn_err *err)
{
  const struct model_join *j = w->join;
  if (j->left == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the join has no left side");
  }
  const char *table = model_source_table(w->job->arena, j->left);
  const struct model_query *q = model_source_query(j->left);
  if (table == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the left side names no table");
  }
  struct days range;
  struct days *steps = NULL;
  size_t n = 0;
  chn_status status = q != NULL ? source_setups(w->job, q->setups, q->n_setups, err) : CHN_OK;
  if (status == CHN_OK) {
    status = left_range(w, table, q, &range, err);
  }
  if (status == CHN_OK && model_has(j->meta_data->set, MODEL_META_DATA_HISTORICAL_BACKFILL) &&
      !j->meta_data->historical_backfill) {
    range.first = range.last;
  }
  if (status == CHN_OK) {
    status = semantic_hash(w->job, j, &w->parts, &w->output.semantic_hash, err);
  }
  if (status == CHN_OK) {
    status = semantic_check(w->job, w->output.table, w->output.semantic_hash, err);
  }
  const char *column = source_partition_column(q);
  const struct output_inputs in = { .tables = &table, .columns = &column, .n = 1 };
  if (status == CHN_OK) {
    status = output_steps(w->job, &w->output, range, &in, &steps, &n, err);
  }
  return status == CHN_OK ? output_run(w->job, steps, n, run_step, w, err) : status;
}

chn_status join_backfill(struct batch_job *job, const struct model_join *j, struct chn_err *err)
{
  struct work w = { .job = job, .join = j };
  part_list_of(job->arena, j, &w.parts);
  for (int32_t i = 0; i < w.parts.n; i++) {
    if (run_ds_used(w.parts.defs[i]->group_by)) {
      run_ds_one_day_steps(job);
    }
  }
  w.output = (struct output){ .table = model_join_output_table(job->arena, j),
                              .type = "join",
                              .meta_data = j->meta_data,
                              .auto_expand = true };
  job->report->table = w.output.table;
  chn_status status = backfill(&w, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "join %s", j->meta_data->name);
}
