#include "base/time.h"
#include "batch/output.h"
#include "batch/upload.h"
#include "model/names.h"

struct work {
  struct batch_job *job;
  const struct model_group_by *gb;
  struct wh_writer *writer;
  const char *select;
};

static chn_status write_rows(void *user, const struct upload_rows *rows, struct chn_err *err)
{
  struct work *w = user;
  const double t = chn_monotonic_ms();
  const struct wh_extra extras[] = { { "key_bytes", &rows->key_bytes, NULL },
                                     { "value_bytes", &rows->value_bytes, NULL },
                                     { "key_json", &rows->key_json, NULL },
                                     { "value_json", &rows->value_json, NULL } };
  chn_status status = wh_frame_add(w->job->wh, "upload", NULL, rows->n, extras, 4, err);
  if (status == CHN_OK) {
    status = wh_write_select(w->writer, w->select, err);
    wh_frame_remove(w->job->wh, "upload");
  }
  job_time(w->job, "write", t, rows->n);
  return status;
}

static chn_status run(void *user, struct days step, struct wh_written *written, struct chn_err *err)
{
  struct work *w = user;
  struct batch_job *job = w->job;
  char ds[CHN_DS_SIZE];
  const struct output output = { .table = job->report->table,
                                 .type = "upload",
                                 .meta_data = w->gb->meta_data,
                                 .unpartitioned = true };
  const struct upload_sink sink = { w, write_rows };
  w->select = arena_printf(job->arena,
                           "SELECT key_bytes, value_bytes, key_json, value_json, '%s' AS ds FROM "
                           "wh_frame('upload')",
                           chn_ds_of_day(step.last, ds));
  chn_status status = output_begin(job, &output, &w->writer, err);
  if (status != CHN_OK) {
    return status;
  }
  status = upload_group_by(job, w->gb, step.last, &sink, err);
  if (status != CHN_OK) {
    wh_write_abort(w->writer);
    return status;
  }
  return wh_write_commit(w->writer, written, err);
}

chn_status upload_table(struct batch_job *job, const struct model_group_by *gb, struct chn_err *err)
{
  struct work w = { .job = job, .gb = gb };
  struct days day = { 0 };
  job->report->table = model_table(job->arena, gb->meta_data, "_upload");
  chn_status status = job_end(job, &day.last, err);
  if (status == CHN_OK) {
    day.first = day.last;
    status = output_run(job, &day, 1, run, &w, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "group_by %s", gb->meta_data->name);
}
