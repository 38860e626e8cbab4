/// source_kafka_int.h: a consumer of a group, whose offsets are ours (source_kafka.c), and its
/// partitions (source_kafka_group.c).
#pragma once
#include <pthread.h>

#include "stream/kafka_int.h"
#include "stream/source_int.h"

enum { KAFKA_TELL_MS = 1000 }; ///< between offsets that the group is told, and tries to start again

struct partition {
  int32_t id;
  int64_t next;      ///< of the next message to give; INT64_MIN: where the options say
  int64_t committed; ///< told by source_committed, not yet to the group; -1: nothing
};

/// Where a partition ended when it was ours at first: STREAM_FROM_LATEST means that for good, or a
/// second start would skip what came between.
struct latest {
  int32_t id;
  int64_t offset;
};

/// The messages of one poll.
struct held {
  rd_kafka_message_t **raw;
  struct stream_message *messages;
  size_t room;
  struct held *next;
};

struct kafka {
  struct stream_source source;
  struct kafka_trouble trouble;
  enum stream_from from;
  bool skip_gaps;
  char *topic;
  rd_kafka_t *rk;
  rd_kafka_queue_t *queue;
  pthread_mutex_t lock; ///< of `spare`, `partitions` and `latest`, which the poll's thread changes
  struct held *spare;
  struct partition *partitions;
  int32_t n;
  struct latest *latest;
  int32_t n_latest;
  double told_ms;
  bool telling;   ///< the group was told offsets, and has not answered
  int32_t *event; ///< partitions of an event
  int32_t n_event;
  bool assigned; ///< an event to tell
  bool revoked;
  bool lost;
  bool unassign;   ///< the pipeline has let go: tell the group
  bool reassign;   ///< offsets have changed: start fetching anew
  double again_ms; ///< not before: a broker did not answer
  bool paused;
  bool stopped; ///< librdkafka has paused
  double paused_ms;
  bool closing;
};

struct partition *kafka_find(const struct kafka *k, int32_t id);

/// The callback of the group: notes an event to tell.
void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *list, void *opaque);

/// The callback of offsets that were told: those that did not arrive are told again.
void kafka_on_told(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                   void *opaque);

/// What is not told yet of the group's business; false: nothing. Lets partitions go that the
/// pipeline was told of before.
bool kafka_tell_event(struct kafka *k, struct stream_poll *out);

/// Offsets that the group was not told yet, as a list to destroy; NULL: none.
rd_kafka_topic_partition_list_t *kafka_take_committed(struct kafka *k);

/// Tells them, for people's tools, unless the answer to earlier ones is still awaited: librdkafka
/// repeats a request that fails, and of two the older could come last.
void kafka_tell_committed(struct kafka *k);

/// Fetches anew, each partition from its next offset. A broker that does not answer is asked again
/// at a later poll.
chn_status kafka_assign(struct kafka *k, struct chn_err *err);

/// All partitions, as a list to destroy.
rd_kafka_topic_partition_list_t *kafka_list_of(const struct kafka *k);

/// The broker does not have a partition's next message: lost for good, or only not known just now.
chn_status kafka_on_gap(struct kafka *k, struct partition *p, const char *text,
                        struct chn_err *err);

/// Where STREAM_FROM_LATEST is in a partition; NULL: not known yet.
const struct latest *kafka_latest(const struct kafka *k, int32_t id);

chn_status kafka_failed(const struct kafka *k, rd_kafka_resp_err_t code, struct chn_err *err);
