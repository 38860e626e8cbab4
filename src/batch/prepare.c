// What ranges of one job would otherwise each do, and disturb one another with.
#include <string.h>

#include "base/time.h"
#include "batch/chain.h"
#include "batch/daily.h"
#include "batch/join_check.h"
#include "batch/join_left.h"
#include "batch/join_parts.h"
#include "batch/output.h"
#include "batch/semantic.h"
#include "model/names.h"

/// The states of an incremental GroupBy, in the steps in which one job would make them.
static chn_status prepare_states(struct batch_job *job, const struct model_group_by *gb,
                                 struct days range, struct chn_err *err)
{
  const int32_t step = job->o->step_days > 0 ? job->o->step_days : 30;
  chn_status status = CHN_OK;
  for (int32_t first = range.first; first <= range.last && status == CHN_OK; first += step) {
    const int32_t last = first + step - 1 < range.last ? first + step - 1 : range.last;
    const struct days days = { first, last };
    struct daily d;
    status = daily_init(&d, job, gb, days, err);
    if (status == CHN_OK) {
      status = daily_fill(&d, daily_reach(&d, days), err);
    }
  }
  return status;
}

static chn_status prepare_group_by(struct batch_job *job, const struct model_group_by *gb,
                                   struct chn_err *err)
{
  struct days range;
  chn_status status = job_range(job, job->o->start_ds, &range, err);
  if (status == CHN_OK && !job->o->dry_run) {
    status = chain_prepare(job, gb, range.last, err);
  }
  if (status == CHN_OK && !job->o->dry_run && gb->is_incremental) {
    status = prepare_states(job, gb, range, err);
  }
  return status;
}

static chn_status check_join(const struct join_side *s, const char *table, const int32_t *chosen,
                             int32_t n, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const bool cached = chosen != NULL && s->job->o->use_cached_left;
  const char *left = cached ? join_left_table(a, s->join) : s->table;
  const char *column = cached ? "ds" : s->column;
  const struct output output = { .table = table };
  const struct output_inputs in = { .tables = &left, .columns = &column, .n = 1 };
  const char *rows = NULL;
  chn_status status = cached ? join_left_rows(s, s->range, true, &rows, err) : CHN_OK;
  return status == CHN_OK ? join_check(s, &output, &in, chosen, n, err) : status;
}

static chn_status prepare_join(struct batch_job *job, const struct model_join *j, const char *table,
                               struct chn_err *err)
{
  const struct batch_options *o = job->o;
  struct join_side s;
  const char *hash = NULL;
  const bool chosen = o->n_selected_parts > 0;
  const bool final = o->join_step == BATCH_JOIN_FINAL;
  chn_status status = join_side_init(&s, job, j, err);
  int32_t *parts =
      arena_alloc(job->arena, (size_t)(s.parts.n + o->n_selected_parts) * sizeof *parts);
  int32_t n = chosen ? o->n_selected_parts : s.parts.n;
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    parts[i] = i;
    status = chosen ? join_parts_find(&s.parts, o->selected_parts[i], &parts[i], err) : CHN_OK;
  }
  if (status == CHN_OK && !final) {
    status = check_join(&s, table, chosen ? parts : NULL, n, err);
  }
  if (status == CHN_OK) {
    status = semantic_archive(&s,
                              final    ? SEMANTIC_OUTPUT
                              : chosen ? SEMANTIC_PARTS
                                       : SEMANTIC_ALL,
                              parts, n, &hash, err);
  }
  n = final || o->join_step == BATCH_JOIN_LEFT || o->dry_run ? 0 : n;
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    status = chain_prepare(job, s.parts.defs[parts[i]]->group_by, s.range.last - s.events, err);
  }
  return status;
}

/// The table that the ranges write, by which their first day is found.
static const char *output_table(struct batch_job *job, const struct model_conf *conf)
{
  const bool join = conf->kind == MODEL_JOIN;
  return join && job->o->join_step == BATCH_JOIN_LEFT ? join_left_table(job->arena, conf->as.join)
         : join ? model_join_output_table(job->arena, conf->as.join)
                : model_table(job->arena, conf->meta_data, "");
}

/// The first day of the range that does not count as expired.
static chn_status find_first(struct batch_job *job, const char *table, const char **out,
                             struct chn_err *err)
{
  char **ds = NULL;
  size_t n = 0;
  struct days range;
  char text[CHN_DS_SIZE];
  chn_status status = job_range(job, job->o->start_ds, &range, err);
  if (status == CHN_OK && !job->o->run_first_hole) {
    status = wh_partitions(job->wh, table, "ds", NULL, 0, job->arena, &ds, &n, err);
  }
  const struct day_set have = day_set_of(job->arena, ds, n);
  const char *open = output_open_from(job, table);
  int32_t first = have.n > 0 ? have.day[0] : range.first;
  int32_t from = first;
  if (open != NULL && chn_day_of_ds(open, &from, NULL) == CHN_OK) {
    output_tell_open(job, table, from, range.first, first);
    first = from < first ? from : first;
  }
  first = first > range.first ? first : range.first;
  *out = arena_strdup(job->arena, chn_ds_of_day(first, text));
  return status;
}

chn_status batch_prepare(const struct model_conf *conf, const struct batch_options *o,
                         struct batch_report *report, const char **first_ds, struct chn_err *err)
{
  struct batch_job job;
  chn_status status = CHN_OK;
  job_init(&job, o, report);
  if (conf->meta_data == NULL || conf->name == NULL || o->start_ds == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "ranges need a named definition and a start");
  }
  const char *table = output_table(&job, conf);
  switch (conf->kind) {
  case MODEL_GROUP_BY: status = prepare_group_by(&job, conf->as.group_by, err); break;
  case MODEL_JOIN: status = prepare_join(&job, conf->as.join, table, err); break;
  default: break;
  }
  if (status == CHN_OK) {
    status = find_first(&job, table, first_ds, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s", conf->name);
}

chn_status batch_settle(const struct model_conf *conf, const struct batch_options *o,
                        struct batch_report *report, struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  const char *table = output_table(&job, conf);
  const char *open = output_open_from(&job, table);
  return open != NULL && strcmp(o->start_ds, open) <= 0 ? output_close(&job, table, err) : CHN_OK;
}
