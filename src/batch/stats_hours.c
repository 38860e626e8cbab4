#include "batch/stats_hours.h"

#include <stdlib.h>

#include "agg/ir.h"
#include "base/longs.h"
#include "base/time.h"

enum { CHUNK = 2048 };

/// States in the order in which their buckets came.
struct hours {
  const struct stats_metrics *m;
  struct chn_longs *ids;
  struct hour {
    int64_t start;
    struct agg_ir *ir;
  } * at;
  int32_t n;
  int32_t capacity;
};

static void hours_deinit(struct hours *h)
{
  for (int32_t i = 0; i < h->n; i++) {
    agg_ir_free(h->at[i].ir);
  }
  free(h->at);
  chn_longs_free(h->ids);
}

static struct agg_ir *state_of(struct hours *h, int32_t id, int64_t start)
{
  if (id == h->n) {
    if (h->n == h->capacity) {
      h->capacity = h->capacity > 0 ? 2 * h->capacity : 64;
      h->at = chn_realloc(h->at, (size_t)h->capacity * sizeof *h->at);
    }
    h->at[h->n++] = (struct hour){ start, agg_ir_new(h->m->plan->parts, h->m->plan->n_parts) };
  }
  return h->at[id].ir;
}

static chn_status take_chunk(struct hours *h, const struct row_col *cols, size_t n,
                             struct chn_err *err)
{
  int32_t ids[CHUNK];
  const int64_t *starts = cols[0].data;
  chn_status status = CHN_OK;
  chn_longs_ids(h->ids, starts, cols[0].valid, n, true, ids);
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    struct agg_ir *ir = state_of(h, ids[i], starts[i]);
    status = agg_ir_update(ir, cols + 1, i, starts[i], err);
  }
  return status;
}

static chn_status take_rows(struct batch_job *job, struct hours *h, const char *sql,
                            struct chn_err *err)
{
  struct wh_result *result = NULL;
  uint64_t rows = 0;
  const double t = chn_monotonic_ms();
  chn_status status = wh_query(job->wh, sql, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  const size_t n_cols = (size_t)wh_result_schema(result)->n_fields;
  struct row_col *cols = chn_calloc(n_cols, sizeof *cols);
  for (size_t n = 1; n > 0 && status == CHN_OK;) {
    status = wh_result_next(result, cols, &n, err);
    if (status == CHN_OK) {
      status = take_chunk(h, cols, n, err);
    }
    if (status == CHN_OK) {
      status = job_check(job, err);
    }
    rows += n;
    job_rows(job, rows, 0);
  }
  wh_result_close(result);
  free(cols);
  job_time(job, "aggregate", t, rows);
  return status;
}

static int by_start(const void *x, const void *y)
{
  const int64_t a = ((const struct hour *)x)->start;
  const int64_t b = ((const struct hour *)y)->start;
  return (a > b) - (a < b);
}

/// Finished values of one state at a time, and what the flat table shows of them.
struct shown {
  struct row_builder **finished; ///< one a part
  struct row_builder **columns;  ///< one a sketch
};

static void shown_init(struct shown *s, const struct stats_metrics *m)
{
  s->finished = chn_calloc((size_t)m->plan->n_parts, sizeof(struct row_builder *));
  s->columns = chn_calloc((size_t)m->n_sketches + 1, sizeof(struct row_builder *));
  for (int32_t i = 0; i < m->plan->n_parts; i++) {
    s->finished[i] = row_builder_new(m->plan->parts[i].output);
  }
  for (int32_t i = 0; i < m->n_sketches; i++) {
    s->columns[i] = row_builder_new(m->shown_type);
  }
}

static void shown_deinit(struct shown *s, const struct stats_metrics *m)
{
  for (int32_t i = 0; i < m->plan->n_parts; i++) {
    row_builder_free(s->finished[i]);
  }
  for (int32_t i = 0; i < m->n_sketches; i++) {
    row_builder_free(s->columns[i]);
  }
  free(s->finished);
  free(s->columns);
}

static void shown_add(struct shown *s, const struct stats_metrics *m, const struct agg_ir *ir)
{
  agg_ir_finish(ir, s->finished);
  for (int32_t i = 0; i < m->n_sketches; i++) {
    const int32_t part = m->sketches[i];
    stats_metrics_show(&m->plan->parts[part], row_builder_col(s->finished[part]), 0, s->columns[i]);
  }
  for (int32_t i = 0; i < m->plan->n_parts; i++) {
    row_builder_clear(s->finished[i]);
  }
}

static chn_status write_tables(const struct series *s, const struct shown *shown,
                               const struct stats_metrics *m, const struct output *flat,
                               const struct output *upload, struct wh_written *written,
                               struct chn_err *err)
{
  struct wh_extra *more = chn_calloc((size_t)m->n_sketches + 1, sizeof *more);
  const double t = chn_monotonic_ms();
  for (int32_t i = 0; i < m->n_sketches; i++) {
    more[i] = (struct wh_extra){ m->shown[i], row_builder_col(shown->columns[i]), NULL };
  }
  chn_status status = series_write_upload(s, upload, err);
  if (status == CHN_OK) {
    status = series_write(s, flat, more, m->n_sketches, written, err);
  }
  free(more);
  job_time(s->job, "write", t, series_count(s));
  return status;
}

chn_status stats_hours_write(struct batch_job *job, const struct stats_metrics *m, const char *name,
                             const char *sql, const struct output *flat,
                             const struct output *upload, struct wh_written *written,
                             struct chn_err *err)
{
  struct hours h = { .m = m, .ids = chn_longs_new(1024) };
  struct series series;
  struct shown shown;
  series_init(&series, job, name, &m->values);
  shown_init(&shown, m);
  chn_status status = take_rows(job, &h, sql, err);
  if (h.n > 0) {
    qsort(h.at, (size_t)h.n, sizeof *h.at, by_start);
  }
  for (int32_t i = 0; i < h.n && status == CHN_OK; i++) {
    for (int32_t p = 0; p < m->plan->n_parts; p++) {
      agg_ir_store(h.at[i].ir, p, series.columns[p]);
    }
    shown_add(&shown, m, h.at[i].ir);
    series_add(&series, h.at[i].start);
  }
  if (status == CHN_OK) {
    status = write_tables(&series, &shown, m, flat, upload, written, err);
  }
  shown_deinit(&shown, m);
  series_deinit(&series);
  hours_deinit(&h);
  return status;
}
