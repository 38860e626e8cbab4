#include "batch/chain.h"

#include "base/time.h"
#include "batch/join.h"
#include "batch/source.h"
#include "model/names.h"

static chn_status compute(struct batch_job *job, const struct model_join *parent, int32_t last,
                          struct chn_err *err)
{
  char end[CHN_DS_SIZE];
  struct batch_options o = *job->o;
  o.start_ds = NULL; // the override and the steps are the outer job's
  o.step_days = INT32_MAX;
  o.join_step = BATCH_JOIN_WHOLE;
  o.n_selected_parts = 0;
  o.end_ds = chn_ds_of_day(last, end);
  struct batch_report report = { 0 };
  struct batch_job inner;
  job_init(&inner, &o, &report);
  job_stage(job, "source join %s to %s", parent->meta_data->name, end);
  chn_status status = join_backfill(&inner, parent, err);
  batch_report_deinit(&report);
  return status;
}

chn_status chain_prepare(struct batch_job *job, const struct model_group_by *gb, int32_t last,
                         struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < gb->n_sources && status == CHN_OK; i++) {
    const struct model_join_source *s = gb->sources[i].join_source;
    if (s != NULL && s->join != NULL) {
      status = compute(job, s->join, last, err);
    }
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "source");
}

int32_t chain_last(const struct model_group_by *gb, int32_t last)
{
  const bool events = gb->n_sources > 0 && !model_source_is_entities(&gb->sources[0]);
  return last - (events && model_infer_accuracy(gb) == MODEL_TEMPORAL);
}
