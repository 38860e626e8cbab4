#include "batch/join_side.h"

#include "base/time.h"
#include "batch/assembly.h"
#include "batch/run_ds.h"
#include "batch/skew.h"
#include "batch/source.h"
#include "model/names.h"

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

chn_status join_part_skew(const struct join_side *s, const struct model_join_part *def,
                          const char **sql, struct chn_err *err)
{
  *sql = NULL;
  return s->join->n_skew_keys > 1 ? skew_condition(s->job->arena, s->join, def, sql, err) : CHN_OK;
}

const char *join_part_table(struct arena *a, const struct model_join *j, const char *prefix)
{
  return arena_printf(a, "%s_%s", model_table(a, j->meta_data, ""), model_sanitize(a, prefix));
}

chn_status join_left_sql(const struct join_side *s, struct days days, const char **sql,
                         struct chn_err *err)
{
  chn_status status = source_left_sql(s->job, s->join->left, days, sql, err);
  return status == CHN_OK ? join_without_skew(s->job, s->join, &s->parts, sql, err) : status;
}

/// First day: start override, the left's start partition, or the first partition it has.
static chn_status find_range(struct join_side *s, struct chn_err *err)
{
  struct batch_job *job = s->job;
  const struct model_query *q = model_source_query(s->join->left);
  char first[CHN_DS_SIZE] = "";
  const char *start = q != NULL ? q->start_partition : NULL;
  if (start == NULL && job->o->start_ds == NULL) {
    bool partitioned = false;
    struct day_set have;
    chn_status status = source_days(job, s->table, s->column, &partitioned, &have, err);
    if (status != CHN_OK) {
      return status;
    }
    if (have.n == 0) {
      return chn_fail(err, CHN_E_NOT_FOUND,
                      "left: %s has no partitions; give it data, or pass --start-ds", s->table);
    }
    start = chn_ds_of_day(have.day[0], first);
  }
  chn_status status = job_range(job, start, &s->range, err);
  int32_t last = s->range.last;
  if (status == CHN_OK && q != NULL && q->end_partition != NULL) {
    status = chn_day_of_ds(q->end_partition, &last, err);
  }
  s->range.last = last < s->range.last ? last : s->range.last;
  return status;
}

chn_status join_side_init(struct join_side *s, struct batch_job *job, const struct model_join *j,
                          struct chn_err *err)
{
  *s = (struct join_side){ .job = job, .join = j };
  part_list_of(job->arena, j, &s->parts);
  for (int32_t i = 0; i < s->parts.n; i++) {
    if (run_ds_used(s->parts.defs[i]->group_by)) {
      run_ds_one_day_steps(job);
    }
  }
  if (j->left == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the join has no left side");
  }
  s->events = !model_source_is_entities(j->left);
  s->table = model_source_table(job->arena, j->left);
  const struct model_query *q = model_source_query(j->left);
  s->column = source_partition_column(q);
  if (s->table == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the left side names no table");
  }
  chn_status status = q != NULL ? source_setups(job, q->setups, q->n_setups, err) : CHN_OK;
  if (status == CHN_OK) {
    status = find_range(s, err);
  }
  if (status == CHN_OK) {
    job_historical(job, j->meta_data, &s->range);
  }
  return status;
}
