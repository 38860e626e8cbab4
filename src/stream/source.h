/// source.h: where messages come from: Kafka, or files of lines.
///
/// A source is used by one thread, but for source_release, source_committed and source_lag, which
/// the writer calls too. Offsets belong to whoever reads: a source keeps none, and starts each
/// partition where source_start says.
#pragma once
#include "stream/message.h"
#include "stream/topic.h"

struct stream_source;

/// Where a partition without a mark starts.
enum stream_from { STREAM_FROM_EARLIEST, STREAM_FROM_LATEST };

struct stream_setting {
  const char *name;
  const char *value;
};

struct source_kafka_options {
  const char *bootstrap; ///< `host:port[,..]`; NULL: the topic's bootstrap or host and port
  const char *group;     ///< consumer group
  enum stream_from from;
  const struct stream_setting *settings; ///< librdkafka's own (sasl.*, ssl.*, ...), given last
  int32_t n_settings;
  size_t buffer_bytes; ///< fetched ahead; 0: 64 MB
  bool skip_gaps; ///< go on at the first message there is where a partition no longer has the next
  void (*log)(void *self, const char *line); ///< trouble that librdkafka gets over; NULL: nowhere
  void *self;
};

/// Opens a topic. CHN_E_NOT_FOUND with the nearest names when the cluster does not have it,
/// CHN_E_IO when no broker answers within 10 s, CHN_E_ARGUMENT for a setting that librdkafka
/// refuses. A broker that goes away later is waited for.
chn_status source_kafka_open(const struct stream_topic *topic, const struct source_kafka_options *o,
                             struct stream_source **out, struct chn_err *err);

struct source_file_options {
  double speed;      ///< event times a second of ours; 0: as fast as possible
  bool follow;       ///< wait for lines that are appended, instead of STREAM_END
  int32_t header;    ///< lines at the top of each file that are no messages (CSV)
  const char *known; ///< names of a folder's files by number, each ended by \n; NULL: none yet
};

/// Opens a file of lines, or a folder of such files (no hidden ones, none that begin with `_`):
/// each is a partition, numbered as `known` says and then by sorted name; one that is known and
/// gone has no more lines. The offset is the position of the line's first byte. Lines
/// end in \n or \r\n; the last may lack it, unless `follow`. Empty lines are skipped. Files may
/// grow, never change: CHN_E_CONFLICT where one is shorter than what was read, or, with `follow`,
/// was moved away. Speed goes by the times that source_pace is told.
chn_status source_file_open(const char *path, const struct source_file_options *o,
                            struct stream_source **out, struct chn_err *err);

/// The names of a folder's files by number, each ended by \n: what `known` must be next time. NULL
/// for a single file. Valid until source_close.
const char *source_file_names(struct stream_source *s);

/// Waits up to wait_ms for the first message, then takes what is there, at most `most` messages and
/// about `most_bytes`. Failures of brokers that librdkafka retries by itself are no failures here.
chn_status source_poll(struct stream_source *s, size_t most, size_t most_bytes, int32_t wait_ms,
                       struct stream_poll *out, struct chn_err *err);

/// Gives the messages' memory back, before source_close; any thread.
void source_release(struct stream_source *s, const struct stream_poll *poll);

/// Reads an assigned partition from `offset`; INT64_MIN: where source options say.
chn_status source_start(struct stream_source *s, int32_t partition, int64_t offset,
                        struct chn_err *err);

/// A paused source gives no messages, but keeps its partitions.
void source_pause(struct stream_source *s, bool pause);

/// Everything before `offset` is in the store; any thread. For monitoring only.
void source_committed(struct stream_source *s, int32_t partition, int64_t offset);

/// Messages behind the end of a partition, counted from `offset`; -1: not known. Any thread.
int64_t source_lag(struct stream_source *s, int32_t partition, int64_t offset);

/// Replay by event time: the greatest event time of the messages given so far (epoch ms).
void source_pace(struct stream_source *s, int64_t ts);

/// Leaves the group and closes. NULL is allowed.
void source_close(struct stream_source *s);
