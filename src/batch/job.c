#include "batch/job.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/machine.h"
#include "base/time.h"

enum { STAGES_MAX = 16 };

void job_init(struct batch_job *job, const struct batch_options *o, struct batch_report *report)
{
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  const uint64_t limit = o->memory_limit ? o->memory_limit : chn_machine_memory() / 10 * 6;
  *job = (struct batch_job){
    .o = o,
    .report = report,
    .arena = &report->arena,
    .wh = o->wh,
    .threads = o->threads > 0 ? o->threads : (int)(cores > 0 ? cores : 1),
    // DuckDB holds up to 40 % (warehouse/), sorting a frame doubles it for a moment.
    .frame_budget = limit / 5,
  };
  report->timings = arena_calloc(&report->arena, STAGES_MAX, sizeof *report->timings);
}

void job_stage(const struct batch_job *job, const char *fmt, ...)
{
  const struct batch_progress *p = job->o->progress;
  if (p == NULL || p->stage == NULL) {
    return;
  }
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  p->stage(p->user, text);
}

void job_note(const struct batch_job *job, const char *fmt, ...)
{
  const struct batch_progress *p = job->o->progress;
  if (p == NULL || p->note == NULL) {
    return;
  }
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  p->note(p->user, text);
}

void job_rows(const struct batch_job *job, uint64_t done, uint64_t total)
{
  const struct batch_progress *p = job->o->progress;
  if (p != NULL && p->rows != NULL) {
    p->rows(p->user, done, total);
  }
}

chn_status job_check(const struct batch_job *job, struct chn_err *err)
{
  const struct batch_progress *p = job->o->progress;
  if (p != NULL && p->cancelled != NULL && p->cancelled(p->user)) {
    return chn_fail(err, CHN_E_CANCELLED, "stopped by the user; finished partitions are kept");
  }
  return CHN_OK;
}

double job_time(struct batch_job *job, const char *stage, double since, uint64_t rows)
{
  struct batch_report *r = job->report;
  const double now = chn_monotonic_ms();
  int32_t i = 0;
  while (i < r->n_timings && strcmp(r->timings[i].stage, stage) != 0) {
    i++;
  }
  if (i == r->n_timings && r->n_timings < STAGES_MAX) {
    r->timings[r->n_timings++].stage = stage;
  }
  if (i < r->n_timings) {
    r->timings[i].seconds += (now - since) / 1000.0;
    r->timings[i].rows += rows;
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  r->peak_rss = (uint64_t)usage.ru_maxrss * 1024;
  return now;
}

chn_status job_end(const struct batch_job *job, int32_t *day, struct chn_err *err)
{
  *day = chn_today();
  const char *ds = job->o->end_ds;
  const chn_status status = ds != NULL ? chn_day_of_ds(ds, day, err) : CHN_OK;
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "end date");
}

chn_status job_range(const struct batch_job *job, const char *first, struct days *out,
                     struct chn_err *err)
{
  const struct batch_options *o = job->o;
  const chn_status end = job_end(job, &out->last, err);
  if (end != CHN_OK) {
    return end;
  }
  const char *start = o->start_ds != NULL ? o->start_ds : first;
  chn_status status = chn_day_of_ds(start, &out->first, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "start date");
}

void job_historical(const struct batch_job *job, const struct model_meta_data *m,
                    struct days *range)
{
  const struct batch_options *o = job->o;
  if (m == NULL || !model_has(m->set, MODEL_META_DATA_HISTORICAL_BACKFILL) ||
      m->historical_backfill) {
    return;
  }
  const bool last = o->all_end_ds == NULL || strcmp(o->all_end_ds, o->end_ds) == 0;
  range->first = last ? range->last : range->last + 1;
}

void batch_report_deinit(struct batch_report *r)
{
  arena_deinit(&r->arena);
  *r = (struct batch_report){ 0 };
}

chn_status job_count(struct batch_job *job, const char *sql, uint64_t *out, struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  const char *count = arena_printf(job->arena, "SELECT count(*) FROM (%s)", sql);
  chn_status status = wh_rows_load(job->wh, count, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col col;
  wh_rows_chunk(rows, 0, &col);
  *out = (uint64_t) * (const int64_t *)col.data;
  wh_rows_free(rows);
  return CHN_OK;
}
