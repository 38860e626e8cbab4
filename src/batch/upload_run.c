// One computation of an upload, told to the table and the store. Both are begun before and
// committed after it, the table first: a store's readers are the last to see anything.
#include "base/time.h"
#include "batch/output.h"
#include "batch/upload_store.h"
#include "model/names.h"
#include "model/serving.h"

struct work {
  struct batch_job *job;
  const struct model_group_by *gb;
  struct wh_writer *writer; ///< NULL: no table
  struct upload_store store;
  const char *select;
};

static chn_status write_rows(struct work *w, const struct upload_rows *rows, struct chn_err *err)
{
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

static chn_status take_rows(void *user, const struct upload_rows *rows, struct chn_err *err)
{
  struct work *w = user;
  chn_status status = w->writer != NULL ? write_rows(w, rows, err) : CHN_OK;
  if (status == CHN_OK && w->store.load != NULL) {
    const double t = chn_monotonic_ms();
    status = upload_store_add(&w->store, rows, err);
    job_time(w->job, "store", t, rows->n);
  }
  return status;
}

static chn_status begin(struct work *w, int32_t day, struct chn_err *err)
{
  struct batch_job *job = w->job;
  char ds[CHN_DS_SIZE];
  const struct output output = { .table = model_table(job->arena, w->gb->meta_data, "_upload"),
                                 .type = "upload",
                                 .meta_data = w->gb->meta_data,
                                 .unpartitioned = true };
  w->select = arena_printf(job->arena,
                           "SELECT key_bytes, value_bytes, key_json, value_json, '%s' AS ds FROM "
                           "wh_frame('upload')",
                           chn_ds_of_day(day, ds));
  chn_status status = CHN_OK;
  if (job->o->store != NULL) {
    status = upload_store_begin(&w->store, job, job->o->store, w->gb, day, err);
  }
  if (status == CHN_E_CONFLICT && job->o->store_unasked) {
    job_note(job, "%s; only the table is written", err->msg);
    status = CHN_OK;
  }
  if (status == CHN_OK && job->o->upload_table) {
    status = output_begin(job, &output, &w->writer, err);
  }
  return status;
}

static chn_status commit(struct work *w, struct wh_written *written, struct chn_err *err)
{
  chn_status status = CHN_OK;
  if (w->writer != NULL) {
    status = wh_write_commit(w->writer, written, err);
    w->writer = NULL;
  }
  if (status == CHN_OK && w->store.load != NULL) {
    const double t = chn_monotonic_ms();
    status = upload_store_commit(&w->store, w->job->arena, err);
    written->rows = w->store.rows;
    job_time(w->job, "switch", t, w->store.rows);
  }
  return status;
}

static chn_status run(void *user, struct days step, struct wh_written *written, struct chn_err *err)
{
  struct work *w = user;
  const struct upload_sink sink = { .user = w,
                                    .rows = take_rows,
                                    .bytes_only = !w->job->o->upload_table };
  chn_status status = begin(w, step.last, err);
  if (status == CHN_OK) {
    status = upload_group_by(w->job, w->gb, step.last, &sink, err);
  }
  if (status == CHN_OK) {
    status = commit(w, written, err);
  }
  if (status == CHN_OK && written->rows <= 1) {
    char ds[CHN_DS_SIZE];
    job_note(w->job,
             "no key has a value on %s, and what was uploaded before is replaced by nothing; "
             "`chronon tables` says which days there are",
             chn_ds_of_day(step.last, ds));
  }
  if (w->writer != NULL) {
    wh_write_abort(w->writer);
    w->writer = NULL;
  }
  upload_store_abort(&w->store);
  return status;
}

/// What the report calls the place: the store's dataset, or the table.
static const char *target(const struct work *w)
{
  const struct batch_options *o = w->job->o;
  struct arena *a = w->job->arena;
  const char *table = model_table(a, w->gb->meta_data, "_upload");
  if (o->store == NULL) {
    return table;
  }
  const char *dataset = model_dataset(a, w->gb->meta_data->name, "_BATCH");
  return o->upload_table ? arena_printf(a, "%s in %s, and %s", dataset, kv_url(o->store), table)
                         : arena_printf(a, "%s in %s", dataset, kv_url(o->store));
}

chn_status upload_run(struct batch_job *job, const struct model_group_by *gb, struct chn_err *err)
{
  struct work w = { .job = job, .gb = gb };
  struct days day = { 0 };
  job->report->table = target(&w);
  chn_status status = job_end(job, &day.last, err);
  if (status == CHN_OK) {
    day.first = day.last;
    status = output_run(job, &day, 1, run, &w, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "group_by %s", gb->meta_data->name);
}
