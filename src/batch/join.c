// A step loads the left rows of its days, computes each part for them, and writes one SELECT over
// wh_frame: left columns where they lie, features gathered by index. When the left rows and their
// features would not fit, the step is cut into slices of left keys that are written one by one
// into the same atomic write.
#include "batch/join.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/assembly.h"
#include "batch/chain.h"
#include "batch/join_check.h"
#include "batch/join_side.h"
#include "batch/output.h"
#include "batch/semantic.h"
#include "batch/slices.h"
#include "model/names.h"

struct work {
  struct join_side s;
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
  struct assembly all = { .job = w->s.job,
                          .join = w->s.join,
                          .columns = wh_rows_schema(s->left.rows),
                          .left = &s->left,
                          .parts = s->parts,
                          .n_parts = w->s.parts.n,
                          .step = s->step };
  chn_status status = assembly_init(&all, err);
  if (status == CHN_OK) {
    status = assembly_select(&all, &sql, err);
  }
  if (status == CHN_OK) {
    status =
        wh_frame_add(w->s.job->wh, "join", s->left.rows, s->left.n, all.extras, all.n_extras, err);
  }
  if (status == CHN_OK) {
    job_stage(w->s.job, "writing %zu rows", s->left.n);
    status = wh_write_select(w->writer, chn_buf_str(&sql), err);
    wh_frame_remove(w->s.job->wh, "join");
  }
  chn_buf_deinit(&sql);
  job_time(w->s.job, "write", t, s->left.n);
  return status;
}

/// `snapshots` of the whole step, where it was cut into several slices, else NULL.
static chn_status compute_slice(struct work *w, const char *left_sql, struct days step,
                                const struct days *snapshots, struct chn_err *err)
{
  struct slice s = { .w = w, .step = step };
  chn_status status = left_load(w->s.job, left_sql, w->s.events, &s.left, err);
  if (status != CHN_OK) {
    return status;
  }
  if (snapshots != NULL) {
    s.left.snapshots = *snapshots;
  }
  s.parts = chn_calloc((size_t)w->s.parts.n, sizeof *s.parts);
  int32_t done = 0;
  for (int32_t i = 0; i < w->s.parts.n && status == CHN_OK && s.left.n > 0; i++) {
    job_stage(w->s.job, "part %d of %d: %s", i + 1, w->s.parts.n, w->s.parts.prefixes[i]);
    const char *skew = NULL;
    status = join_part_skew(&w->s, w->s.parts.defs[i], &skew, err);
    if (status == CHN_OK) {
      status = part_compute(w->s.job, &s.left, step, w->s.parts.defs[i], w->s.parts.prefixes[i],
                            skew, &s.parts[i], err);
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

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  const char *left_sql = NULL;
  int slices = 1;
  chn_status status = join_left_sql(&w->s, step, &left_sql, err);
  if (status == CHN_OK) {
    status = slices_count(w->s.job, &w->s.parts, left_sql, &slices, err);
  }
  if (status == CHN_OK) {
    status = output_begin(w->s.job, &w->output, &w->writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct days snapshots;
  const bool wide = slices > 1 && w->s.events;
  if (wide) {
    snapshots = step;
    status = slices_snapshots(w->s.job, left_sql, &snapshots, err);
  }
  if (slices > 1) {
    job_note(w->s.job, "the left rows do not fit into memory: working in %d slices", slices);
  }
  for (int i = 0; i < slices && status == CHN_OK; i++) {
    status = compute_slice(w, slices_sql(w->s.job, &w->s.parts, left_sql, i, slices), step,
                           wide ? &snapshots : NULL, err);
  }
  if (status != CHN_OK) {
    wh_write_abort(w->writer);
    return status;
  }
  const double t = chn_monotonic_ms();
  status = wh_write_commit(w->writer, written, err);
  job_time(w->s.job, "write", t, 0);
  return status;
}

// ---- the job ----------------------------------------------------------------------------------

/// Joins that are sources of parts, made for the whole range before its first step: so upstream
/// does, and their late rows are seen accordingly.
static chn_status source_joins(const struct join_side *s, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < s->parts.n && status == CHN_OK; i++) {
    const struct model_group_by *gb = s->parts.defs[i]->group_by;
    status = chain_prepare(s->job, gb, chain_last(gb, s->range.last), err);
  }
  return status;
}

static chn_status backfill(struct work *w, struct chn_err *err)
{
  const struct join_side *s = &w->s;
  struct days *steps = NULL;
  size_t n = 0;
  struct join_side side = *s;
  const struct output_inputs in = { .tables = &side.table, .columns = &side.column, .n = 1 };
  chn_status status = join_check(s, &w->output, &in, NULL, 0, err);
  if (status == CHN_OK) {
    status = semantic_archive(s, SEMANTIC_ALL, NULL, 0, &w->output.semantic_hash, err);
  }
  if (status == CHN_OK) {
    status = output_steps(s->job, &w->output, s->range, &in, &steps, &n, err);
  }
  if (status == CHN_OK && n > 0 && !s->job->o->dry_run) {
    status = source_joins(s, err);
  }
  return status == CHN_OK ? output_run(s->job, steps, n, run_step, w, err) : status;
}

struct output join_output(struct arena *a, const struct model_join *j)
{
  return (struct output){ .table = model_join_output_table(a, j),
                          .type = "join",
                          .meta_data = j->meta_data,
                          .auto_expand = true };
}

chn_status join_backfill(struct batch_job *job, const struct model_join *j, struct chn_err *err)
{
  struct work w = { .output = join_output(job->arena, j) };
  job->report->table = w.output.table;
  chn_status status = join_side_init(&w.s, job, j, err);
  if (status == CHN_OK) {
    status = backfill(&w, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "join %s", j->meta_data->name);
}
