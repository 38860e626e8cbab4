/// stream.h: events and mutations into the online store, exactly once (decision 0016).
///
///     source -> decode -> evaluate -> group by key and tile -> queue -> store
///     `------------ one thread ------------------------'     `- another -'
///
/// A job is one GroupBy with its own two threads. What it writes lies in dataset
/// `<NAME>_STREAMING`, in the form of its last upload (model/serving.h):
///
///     tiles    version = tile start + partition, value = the tile's IR
///     rows     version = ts, value = one Avro record, of equal ts one behind the other
///     mutations  the same at mutation_ts
///
/// and in the same commit a mark `stream/<group>/<topic>/<partition>` of text `<next offset>
/// <greatest event time>`, fenced by its last value.
#pragma once
#include "kv/kv.h"
#include "model/model.h"
#include "stream/reject.h"
#include "stream/source.h"
#include "warehouse/warehouse.h"

struct obs_metrics;
struct stream_job;

/// Answers the features of a join, for GroupBys over one (chain.h). A session is one stream's.
struct stream_enrich {
  /// The keys that a row brings and the features that it gets, both until close. Fails where the
  /// store lacks an upload of a part.
  chn_status (*open)(void *self, const struct model_join *join, const struct row_schema **keys,
                     const struct row_schema **features, void **session, struct chn_err *err);
  /// Appends n rows to each of outs, builders of `features`, at instants `at`. failed[i] is set
  /// where row i has none (its features are then whatever), to a text until the next call.
  /// CHN_E_IO, with nothing appended, when the store does not answer.
  chn_status (*fetch)(void *session, const struct row_col *keys, const int64_t *at, size_t n,
                      struct row_builder *const *outs, const char **failed, struct chn_err *err);
  void (*close)(void *session);
  void *self;
};

/// All zero takes the defaults.
struct stream_options {
  const char *folder; ///< relative paths of topic strings are from here
  const char *group;  ///< consumer group; NULL: `chronon-<sanitised name of the GroupBy>`
  const char *file;   ///< messages of a file or folder instead of the topic's
  struct source_file_options lines;
  struct source_kafka_options kafka; ///< bootstrap, from and settings; the group is the one above
  int64_t buffer_ms;   ///< --trigger buffered: a tile is written this long after its first event
  int64_t disorder_ms; ///< how far behind an event may be; 0: 5 minutes; -1: not at all
  int64_t idle_ms;     ///< a partition without messages so long holds no watermark; 0: 30 s
  size_t batch_rows;   ///< most messages of a batch; 0: 1,000,000
  size_t batch_bytes;  ///< about the most bytes of its messages; 0: 160 MB
  int32_t in_flight;   ///< batches that wait for the store; 0: 10
  bool dry;            ///< log what would be written, write nothing (--debug)
  bool stop_on_error;  ///< --on-error stop
  const struct reject_sink *dead;
  const struct reject_sink *late;
  const struct stream_enrich *enrich; ///< needed for GroupBys over joins
  int64_t chain_shift_ms;             ///< over joins: features of the event's time + shift
  int64_t chain_delay_ms;             ///< over joins: events wait until they are so old
  struct obs_metrics *metrics;
  void (*log)(void *log_self, const char *line);
  void *log_self;
};

/// Reads the GroupBy's serving info from the store, opens its topic. CHN_E_NOT_FOUND, with the
/// command that makes it, when the GroupBy was not uploaded; CHN_E_ARGUMENT when it has no topic,
/// is not TEMPORAL, or its definition is not the uploaded one in what is streamed. `wh` and store
/// outlive the job.
chn_status stream_job_open(struct kv_store *store, struct wh *wh, const struct model_group_by *gb,
                           const struct stream_options *o, struct stream_job **out,
                           struct chn_err *err);

/// Runs until stream_job_stop, the end of the files, or a failure; what was read is then written.
chn_status stream_job_run(struct stream_job *job, struct chn_err *err);

/// Ends a run after the batch in hand is in the store; any thread, also from a signal handler.
void stream_job_stop(struct stream_job *job);
void stream_job_close(struct stream_job *job);

struct stream_status {
  const char *group_by;
  int64_t messages; ///< read since the start
  int64_t rows;     ///< that came through selects and wheres
  int64_t rejected; ///< all reasons but late
  int64_t late;
  int64_t writes;    ///< tiles or rows in the store
  int64_t lag;       ///< messages behind; -1: not known
  int64_t watermark; ///< epoch ms; INT64_MIN: none yet
  int64_t newest;    ///< greatest event time in the store; INT64_MIN: none
  int32_t partitions;
  bool stalled; ///< the store does not answer; consumption is paused
};

/// Any thread.
void stream_job_status(struct stream_job *job, struct stream_status *out);
