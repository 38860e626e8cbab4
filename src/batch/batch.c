#include "batch/batch.h"

#include "batch/compare.h"
#include "batch/consistency.h"
#include "batch/group_by.h"
#include "batch/job.h"
#include "batch/join.h"
#include "batch/join_final.h"
#include "batch/join_left.h"
#include "batch/join_parts.h"
#include "batch/label_join.h"
#include "batch/log_flatten.h"
#include "batch/output.h"
#include "batch/staging_query.h"
#include "batch/stats.h"
#include "batch/upload.h"

static chn_status run_join(struct batch_job *job, const struct model_join *j, struct chn_err *err)
{
  switch (job->o->join_step) {
  case BATCH_JOIN_LEFT: return join_left_backfill(job, j, err);
  case BATCH_JOIN_FINAL: return join_final_backfill(job, j, err);
  default:
    return job->o->n_selected_parts > 0 ? join_parts_backfill(job, j, err)
                                        : join_backfill(job, j, err);
  }
}

static chn_status backfill(struct batch_job *job, const struct model_conf *conf,
                           struct chn_err *err)
{
  switch (conf->kind) {
  case MODEL_GROUP_BY: return group_by_backfill(job, conf->as.group_by, err);
  case MODEL_JOIN: return run_join(job, conf->as.join, err);
  case MODEL_STAGING_QUERY: return staging_query_backfill(job, conf->as.staging_query, err);
  default:
    return chn_fail(err, CHN_E_ARGUMENT, "%s: a %s has no backfill", conf->name,
                    model_kind_name(conf->kind));
  }
}

chn_status batch_backfill(const struct model_conf *conf, const struct batch_options *o,
                          struct batch_report *report, struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  if (conf->meta_data == NULL || conf->name == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "the definition has no metaData.name");
  }
  if (conf->kind != MODEL_JOIN && (o->join_step != BATCH_JOIN_WHOLE || o->n_selected_parts > 0)) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s: only a join is computed in steps, this is a %s",
                    conf->name, model_kind_name(conf->kind));
  }
  chn_status status = backfill(&job, conf, err);
  if (status == CHN_OK && job.closes != NULL && o->n_selected_parts == 0 && !o->dry_run) {
    status = output_close(&job, job.closes, err);
  }
  return status;
}

chn_status batch_label_join(const struct model_conf *conf, const struct batch_options *o,
                            struct batch_report *report, struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  if (conf->kind != MODEL_JOIN || conf->meta_data == NULL || conf->name == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "labels are of a named join, this is a %s",
                    model_kind_name(conf->kind));
  }
  return label_join(&job, conf->as.join, err);
}

chn_status batch_upload(const struct model_conf *conf, const struct batch_options *o,
                        struct batch_report *report, struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  if (conf->kind != MODEL_GROUP_BY || conf->meta_data == NULL || conf->name == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "uploads are of a named GroupBy, this is a %s",
                    model_kind_name(conf->kind));
  }
  return upload_run(&job, conf->as.group_by, err);
}

static chn_status join_only(const struct model_conf *conf, const char *what, struct chn_err *err)
{
  if (conf->kind == MODEL_JOIN && conf->meta_data != NULL && conf->name != NULL) {
    return CHN_OK;
  }
  return chn_fail(err, CHN_E_ARGUMENT, "%s are of a named join, this is a %s", what,
                  model_kind_name(conf->kind));
}

static chn_status stats(const struct model_conf *conf, const struct batch_options *o,
                        enum stats_of what, struct batch_report *report, struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  if (join_only(conf, "statistics", err) != CHN_OK) {
    return err->code;
  }
  return stats_summary(&job, conf->as.join, what, err);
}

chn_status batch_stats_summary(const struct model_conf *conf, const struct batch_options *o,
                               struct batch_report *report, struct chn_err *err)
{
  return stats(conf, o, STATS_OF_OUTPUT, report, err);
}

chn_status batch_log_summary(const struct model_conf *conf, const struct batch_options *o,
                             struct batch_report *report, struct chn_err *err)
{
  return stats(conf, o, STATS_OF_LOG, report, err);
}

chn_status batch_log_flatten(const struct model_conf *conf, const struct batch_options *o,
                             struct batch_report *report, struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  if (join_only(conf, "logs", err) != CHN_OK) {
    return err->code;
  }
  return log_flatten(&job, conf->as.join, err);
}

chn_status batch_compare(const struct model_conf *conf, const struct model_conf *query,
                         const struct batch_options *o, struct batch_report *report,
                         struct batch_comparison *out, struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  if (conf->kind != MODEL_JOIN || conf->meta_data == NULL || conf->name == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "what is compared is a named join, this is a %s",
                    model_kind_name(conf->kind));
  }
  if (query->kind != MODEL_STAGING_QUERY || query->meta_data == NULL || query->name == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "a join is compared with a named staging query, this is a %s",
                    model_kind_name(query->kind));
  }
  return compare_with_query(&job, conf->as.join, query->as.staging_query, out, err);
}

chn_status batch_consistency(const struct model_conf *conf, const struct batch_options *o,
                             struct batch_report *report, struct batch_comparison *out,
                             struct chn_err *err)
{
  struct batch_job job;
  job_init(&job, o, report);
  if (conf->kind != MODEL_JOIN || conf->meta_data == NULL || conf->name == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "consistency is of a named join, this is a %s",
                    model_kind_name(conf->kind));
  }
  return consistency(&job, conf->as.join, out, err);
}
