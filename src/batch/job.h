/// job.h: what every step of a job shares.
#pragma once
#include "batch/batch.h"
#include "batch/days.h"

struct batch_job {
  const struct batch_options *o;
  struct batch_report *report;
  struct arena *arena; ///< lives as long as the job
  struct wh *wh;
  int threads;
  uint64_t frame_budget; ///< bytes that one engine frame or the left rows may take before spilling
  const char *closes; ///< table that lacks nothing once the job ends well (output_open_from); NULL:
                      ///< none
  bool told_open;     ///< that a run in ranges did not end
};

/// Fills in defaults: cores, memory.
void job_init(struct batch_job *job, const struct batch_options *o, struct batch_report *report);

/// printf into the progress' stage callback.
void job_stage(const struct batch_job *job, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void job_rows(const struct batch_job *job, uint64_t done, uint64_t total);
void job_note(const struct batch_job *job, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/// CHN_E_CANCELLED once the user has asked to stop.
chn_status job_check(const struct batch_job *job, struct chn_err *err);

/// Adds the time since `since` (chn_monotonic_ms) and rows to a stage of the report, and returns
/// the time now, so that stages follow each other: t = job_time(job, "scan", t, n).
double job_time(struct batch_job *job, const char *stage, double since, uint64_t rows);

/// The last day of a job: the end date of its options, or today.
chn_status job_end(const struct batch_job *job, int32_t *day, struct chn_err *err);

/// Range of a job: start override or `first`, to the end date.
chn_status job_range(const struct batch_job *job, const char *first, struct days *out,
                     struct chn_err *err);

/// Narrows a range to its last day where the definition says historicalBackfill = false. Of jobs
/// that share a range only the one with the last day has any then.
void job_historical(const struct batch_job *job, const struct model_meta_data *m,
                    struct days *range);

/// The number of rows that a SELECT gives.
chn_status job_count(struct batch_job *job, const char *sql, uint64_t *out, struct chn_err *err);
