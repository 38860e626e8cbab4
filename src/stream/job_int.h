/// job_int.h: a job, opened in job.c and run in pipeline.c.
#pragma once
#include "stream/chain.h"
#include "stream/decode.h"
#include "stream/evaluate.h"
#include "stream/stream.h"
#include "stream/writer.h"
#include <stdatomic.h>

/// A partition that is ours.
struct job_partition {
  int32_t id;
  int64_t next;      ///< offset of the first message not read
  int64_t newest;    ///< greatest event time read
  int64_t first_end; ///< the earliest end of its tiles in the open batch; INT64_MAX: none
  double heard_ms;   ///< when its last message came
  bool touched;      ///< scratch
};

struct stream_job {
  struct stream_options o;
  struct arena arena;
  struct kv_store *store;
  struct wh *wh;
  const char *name;
  const struct model_source *from; ///< the source that has a topic
  struct model_serving serving;
  struct stream_form form;
  struct stream_topic topic;
  struct stream_metrics metrics;
  struct stream_source *source;
  struct stream_decoder *decoder;
  struct stream_chain *chain; ///< of a GroupBy over a join, else NULL
  struct stream_evaluate *evaluate;
  struct stream_rejects *rejects;
  struct stream_writer *writer;
  struct stream_batch *open;   ///< being filled
  struct stream_message *some; ///< scratch
  struct job_partition *partitions;
  int32_t n_partitions;
  int32_t conflicts; ///< since something was last written
  int64_t written;   ///< versions, at the last conflict
  atomic_bool stop;
  atomic_llong messages, rows, late, rejected, lag, watermark; ///< for stream_job_status
  atomic_int owned;
};

/// What the names of the job's marks begin with.
const char *job_marks(struct stream_job *j);

/// Opens the files that are streamed instead of a topic.
chn_status job_open_files(struct stream_job *j, struct chn_err *err);
