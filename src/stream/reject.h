/// reject.h: messages and rows that do not become features: counted, shown once, kept if asked.
#pragma once
#include "base/buf.h"
#include "stream/message.h"

struct stream_metrics;

enum stream_reason {
  STREAM_BAD_MESSAGE,  ///< the decoder cannot read it, or a column cannot hold what it says
  STREAM_BAD_EVALUATE, ///< a select or where fails on it
  STREAM_BAD_ENCODE,   ///< key or value has no Avro form
  STREAM_NO_TIME,      ///< its time column is null
  STREAM_LATE,         ///< its tile is over (decision 0016)
  STREAM_BAD_TILE,     ///< its tile cannot take it
  STREAM_REASONS,
};

/// "decode", "evaluate", "encode", "no_time", "late", "tile".
const char *stream_reason_name(enum stream_reason reason);

/// Where rejected messages go, one JSON object each:
/// {"groupBy","topic","partition","offset","ts","reason","message","payload"}, where `ts` may be
/// missing, and "payload_base64" stands for a payload that is no UTF-8.
struct reject_sink {
  chn_status (*put)(void *self, const char *json, size_t len, struct chn_err *err);
  chn_status (*flush)(void *self, struct chn_err *err); ///< before the batch's commit
  void (*close)(void *self);
  void *self;
  size_t most; ///< longer objects have "payload_bytes" instead of the payload; 0: none is too long
};

/// A file that lines are appended to, on the disk after a flush. CHN_E_IO on a full disk.
chn_status reject_sink_file(const char *path, struct reject_sink *out, struct chn_err *err);

/// A Kafka topic, by its name or a topic string (topic.h), that must exist. A flush waits for the
/// brokers' answers, at most 15 s, and is CHN_E_IO unless they have all messages. The group of the
/// options is not used. Errors at opening as source_kafka_open's.
struct source_kafka_options;
chn_status reject_sink_kafka(const char *topic, const struct source_kafka_options *o,
                             struct reject_sink *out, struct chn_err *err);

struct stream_rejects;

struct reject_options {
  const char *topic;             ///< as messages name it
  const char *group_by;          ///< label of the counters
  const struct reject_sink *bad; ///< all but late ones; NULL: nowhere
  const struct reject_sink *late;
  bool stop;                                 ///< the first that is not late is a failure
  struct stream_metrics *metrics;            ///< may be NULL
  void (*log)(void *self, const char *line); ///< the first of each reason; NULL: nowhere
  void *self;
};

struct stream_rejects *stream_rejects_new(const struct reject_options *o);
void stream_rejects_free(struct stream_rejects *r);

/// One message, or a row of it, and why; any thread, as are those below. With `stop` CHN_E_CORRUPT,
/// its text naming the offset.
chn_status stream_reject(struct stream_rejects *r, const struct stream_message *m,
                         enum stream_reason reason, const char *why, struct chn_err *err);

int64_t stream_rejects_count(struct stream_rejects *r, enum stream_reason reason);

/// Makes what was rejected durable.
chn_status stream_rejects_flush(struct stream_rejects *r, struct chn_err *err);
