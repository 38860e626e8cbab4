/// sink.h: rows made one by one into an atomic write, some hundred thousand at a time, fewer if
/// they are wide.
#pragma once
#include "batch/job.h"

struct sink {
  struct batch_job *job;
  struct wh_writer *writer;
  const char *select; ///< what is written of wh_frame('sink')
  const char **names;
  struct row_builder **columns; ///< append a value to each, then call sink_row
  int32_t n;
  int32_t *kept; ///< rows to be written
  size_t n_kept;
  const struct row_type **types;
};

/// Columns of these names and types, which must outlive the sink.
void sink_init(struct sink *s, struct batch_job *job, struct wh_writer *writer, const char *select,
               const char **names, const struct row_type **types, int32_t n);
void sink_deinit(struct sink *s);

/// Ends a row; one that is not kept is dropped.
chn_status sink_row(struct sink *s, bool keep, struct chn_err *err);

/// Writes what is left.
chn_status sink_flush(struct sink *s, struct chn_err *err);
