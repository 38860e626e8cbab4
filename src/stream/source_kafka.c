// Kafka by librdkafka: a consumer of a group, whose offsets are ours.
//
// The group says which partitions are ours; where each goes on is said by source_start. So an
// assignment is answered by rd_kafka_assign only when every partition has its offset, which
// librdkafka waits for, and a revocation when the pipeline has brought in what it had: at the next
// poll.
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "stream/kafka_int.h"
#include "stream/source_int.h"

enum { OPEN_MS = 10000, COMMIT_MS = 1000, CHUNK = 4096, BUFFER_KB = 65536 };

struct partition {
  int32_t id;
  int64_t next;      ///< of the next message to give; INT64_MIN: where the options say
  int64_t committed; ///< told by source_committed, not yet to the group; -1: nothing
  double told_ms;
};

struct kafka {
  struct stream_source source;
  struct source_kafka_options o;
  char *topic;
  rd_kafka_t *rk;
  rd_kafka_queue_t *queue;
  struct partition *partitions;
  int32_t n;
  int32_t *event; ///< partitions of an event
  int32_t n_event;
  bool assigned; ///< an event to tell
  bool revoked;
  bool lost;
  bool unassign; ///< the pipeline has let go: tell the group
  bool reassign; ///< offsets have changed: start fetching anew
  bool closing;
  bool paused;
  chn_status failure; ///< of the consumer, for good
  struct chn_err err;
  pthread_mutex_t lock; ///< of `committed` and `told_ms`
  rd_kafka_message_t **batch;
  size_t room;
  struct stream_message *messages;
};

static struct partition *find(struct kafka *k, int32_t id)
{
  for (int32_t i = 0; i < k->n; i++) {
    if (k->partitions[i].id == id) {
      return &k->partitions[i];
    }
  }
  return NULL;
}

// ---- the group --------------------------------------------------------------------------------

static void set_event(struct kafka *k, const rd_kafka_topic_partition_list_t *list)
{
  k->event = chn_realloc(k->event, ((size_t)list->cnt + 1) * sizeof *k->event);
  k->n_event = list->cnt;
  for (int32_t i = 0; i < list->cnt; i++) {
    k->event[i] = list->elems[i].partition;
  }
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
  struct kafka *k = opaque;
  if (k->closing) {
    rd_kafka_assign(rk, NULL);
    return;
  }
  set_event(k, list);
  if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    pthread_mutex_lock(&k->lock);
    k->partitions = chn_realloc(k->partitions, ((size_t)list->cnt + 1) * sizeof *k->partitions);
    k->n = list->cnt;
    for (int32_t i = 0; i < list->cnt; i++) {
      k->partitions[i] = (struct partition){ list->elems[i].partition, INT64_MIN, -1, 0 };
    }
    pthread_mutex_unlock(&k->lock);
    k->assigned = true;
    k->reassign = true;
    return;
  }
  k->revoked = true;
  k->lost = code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS || rd_kafka_assignment_lost(rk);
}

static chn_status assign(struct kafka *k, struct chn_err *err)
{
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(k->n);
  for (int32_t i = 0; i < k->n; i++) {
    const struct partition *p = &k->partitions[i];
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, k->topic, p->id);
    at->offset = p->next != INT64_MIN                ? p->next
                 : k->o.from == STREAM_FROM_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING
                                                     : RD_KAFKA_OFFSET_END;
  }
  const rd_kafka_resp_err_t code = rd_kafka_assign(k->rk, list);
  rd_kafka_topic_partition_list_destroy(list);
  k->reassign = false;
  k->paused = false; // a new assignment fetches
  return code == RD_KAFKA_RESP_ERR_NO_ERROR
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "topic %s: %s", k->topic, rd_kafka_err2str(code));
}

/// What is not told yet of the group's business; false: nothing.
static bool tell_event(struct kafka *k, struct stream_poll *out)
{
  if (!k->assigned && !k->revoked) {
    return false;
  }
  *out = (struct stream_poll){ .event = k->assigned ? STREAM_ASSIGNED : STREAM_REVOKED,
                               .partitions = k->event,
                               .n_partitions = k->n_event,
                               .lost = k->lost };
  if (k->revoked) {
    k->unassign = true;
    pthread_mutex_lock(&k->lock);
    k->n = 0;
    pthread_mutex_unlock(&k->lock);
  }
  k->assigned = k->revoked = k->lost = false;
  return true;
}

static void commit_offset(struct kafka *k, int32_t partition, int64_t offset, int async)
{
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, k->topic, partition)->offset = offset;
  rd_kafka_commit(k->rk, list, async);
  rd_kafka_topic_partition_list_destroy(list);
}

static void committed(struct stream_source *source, int32_t partition, int64_t offset)
{
  struct kafka *k = (struct kafka *)source;
  const double now = chn_monotonic_ms();
  pthread_mutex_lock(&k->lock);
  struct partition *p = find(k, partition);
  const bool tell = p != NULL && now - p->told_ms >= COMMIT_MS;
  if (p != NULL) {
    p->committed = tell ? -1 : offset;
    p->told_ms = tell ? now : p->told_ms;
  }
  pthread_mutex_unlock(&k->lock);
  if (tell) {
    commit_offset(k, partition, offset, 1);
  }
}

// ---- messages ---------------------------------------------------------------------------------

static void grow(struct kafka *k, size_t n)
{
  if (n > k->room) {
    k->room = n;
    k->batch = chn_realloc(k->batch, n * sizeof(rd_kafka_message_t *));
    k->messages = chn_realloc(k->messages, n * sizeof *k->messages);
  }
}

static chn_status consumer_error(struct kafka *k, const rd_kafka_message_t *m, struct chn_err *err)
{
  const char *text = rd_kafka_message_errstr(m);
  switch (m->err) {
  case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
  case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: {
    struct partition *p = find(k, m->partition);
    if (k->o.skip_gaps && p != NULL) {
      p->next = INT64_MIN;
      k->o.from = STREAM_FROM_EARLIEST;
      k->reassign = true;
      return CHN_OK;
    }
    return chn_fail(err, CHN_E_CONFLICT,
                    "topic %s, partition %d: the broker no longer has offset %" PRId64
                    ", where the store stops (%s); events between are lost, --skip-gaps goes on "
                    "without them",
                    k->topic, m->partition, p != NULL ? p->next : -1, text);
  }
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR__FATAL: return chn_fail(err, CHN_E_IO, "topic %s: %s", k->topic, text);
  default:
    if (k->o.log != NULL) {
      k->o.log(k->o.self, text);
    }
    return CHN_OK;
  }
}

/// Takes a message over, if it is one and still of ours.
static chn_status take(struct kafka *k, rd_kafka_message_t *m, struct stream_poll *out,
                       size_t *bytes, struct chn_err *err)
{
  chn_status s = CHN_OK;
  struct partition *p = NULL;
  if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    s = consumer_error(k, m, err);
  } else {
    p = find(k, m->partition);
  }
  if (p == NULL || (p->next != INT64_MIN && m->offset < p->next)) {
    rd_kafka_message_destroy(m);
    return s;
  }
  p->next = m->offset + 1;
  rd_kafka_timestamp_type_t type;
  const int64_t ts = rd_kafka_message_timestamp(m, &type);
  k->batch[out->n] = m;
  k->messages[out->n++] =
      (struct stream_message){ .partition = m->partition,
                               .offset = m->offset,
                               .ts = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? INT64_MIN : ts,
                               .data = m->payload,
                               .len = m->len,
                               .key = m->key,
                               .key_len = m->key_len };
  *bytes += m->len;
  return CHN_OK;
}

static chn_status fetch(struct kafka *k, size_t most, size_t most_bytes, int32_t wait_ms,
                        struct stream_poll *out, struct chn_err *err)
{
  rd_kafka_message_t *chunk[CHUNK];
  size_t bytes = 0;
  grow(k, most + CHUNK);
  // The first message is waited for, the others are there or not.
  chunk[0] = rd_kafka_consumer_poll(k->rk, wait_ms);
  ssize_t n = chunk[0] != NULL;
  chn_status s = CHN_OK;
  while (n > 0) {
    for (ssize_t i = 0; i < n; i++) {
      if (s == CHN_OK) {
        s = take(k, chunk[i], out, &bytes, err);
      } else {
        rd_kafka_message_destroy(chunk[i]);
      }
    }
    const bool more = s == CHN_OK && out->n < most && bytes < most_bytes && !k->revoked &&
                      !k->assigned && !k->reassign;
    n = more ? rd_kafka_consume_batch_queue(k->queue, 0, chunk, CHUNK) : 0;
  }
  return s;
}

static void release(struct stream_source *source, const struct stream_poll *poll)
{
  struct kafka *k = (struct kafka *)source;
  for (size_t i = 0; i < poll->n; i++) {
    rd_kafka_message_destroy(k->batch[i]);
  }
}

static chn_status poll(struct stream_source *source, size_t most, size_t most_bytes,
                       int32_t wait_ms, struct stream_poll *out, struct chn_err *err)
{
  struct kafka *k = (struct kafka *)source;
  if (k->unassign) {
    rd_kafka_assign(k->rk, NULL);
    k->unassign = false;
  }
  if (tell_event(k, out)) {
    return CHN_OK;
  }
  if (k->reassign && k->n > 0) {
    const chn_status s = assign(k, err);
    if (s != CHN_OK) {
      return s;
    }
  }
  const chn_status s = fetch(k, most, most_bytes, wait_ms, out, err);
  if (s != CHN_OK) {
    release(source, out);
    out->n = 0;
    return s;
  }
  out->messages = k->messages;
  out->event = out->n > 0 ? STREAM_MESSAGES : STREAM_IDLE;
  return CHN_OK;
}

static chn_status start(struct stream_source *source, int32_t partition, int64_t offset,
                        struct chn_err *err)
{
  struct kafka *k = (struct kafka *)source;
  struct partition *p = find(k, partition);
  if (p == NULL) {
    return chn_fail(err, CHN_E_INTERNAL, "partition %d is not assigned", partition);
  }
  p->next = offset;
  k->reassign = true;
  return CHN_OK;
}

static void set_pause(struct stream_source *source, bool paused)
{
  struct kafka *k = (struct kafka *)source;
  rd_kafka_topic_partition_list_t *list = NULL;
  if (paused == k->paused || rd_kafka_assignment(k->rk, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;
  }
  if (paused) {
    rd_kafka_pause_partitions(k->rk, list);
  } else {
    rd_kafka_resume_partitions(k->rk, list);
  }
  rd_kafka_topic_partition_list_destroy(list);
  k->paused = paused;
}

static int64_t lag(struct stream_source *source, int32_t partition, int64_t offset)
{
  struct kafka *k = (struct kafka *)source;
  int64_t low = 0;
  int64_t high = 0;
  if (rd_kafka_get_watermark_offsets(k->rk, k->topic, partition, &low, &high) !=
          RD_KAFKA_RESP_ERR_NO_ERROR ||
      high < 0) {
    return -1;
  }
  return offset == INT64_MIN ? high - (low > 0 ? low : 0) : offset < high ? high - offset : 0;
}

static void pace(struct stream_source *source, int64_t ts)
{
  (void)source; // Kafka's messages come when they come
  (void)ts;
}

static void close_kafka(struct stream_source *source)
{
  struct kafka *k = (struct kafka *)source;
  if (k->rk != NULL) {
    k->closing = true;
    for (int32_t i = 0; i < k->n; i++) {
      if (k->partitions[i].committed >= 0) {
        commit_offset(k, k->partitions[i].id, k->partitions[i].committed, 0);
      }
    }
    if (k->queue != NULL) {
      rd_kafka_consumer_close(k->rk);
      rd_kafka_queue_destroy(k->queue);
    }
    rd_kafka_destroy(k->rk);
  }
  pthread_mutex_destroy(&k->lock);
  free(k->topic);
  free(k->partitions);
  free(k->event);
  free(k->batch);
  free(k->messages);
  free(k);
}

// ---- opening ----------------------------------------------------------------------------------

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
  (void)rk;
  (void)code;
  struct kafka *k = opaque;
  if (k->o.log != NULL && !k->closing) {
    k->o.log(k->o.self, reason);
  }
}

static chn_status configure(struct kafka *k, const char *bootstrap, rd_kafka_conf_t **out,
                            struct chn_err *err)
{
  rd_kafka_conf_t *conf = NULL;
  chn_status s = kafka_conf(&k->o, bootstrap, &conf, err);
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%zu",
           k->o.buffer_bytes > 0 ? k->o.buffer_bytes / 1024 + 1 : (size_t)BUFFER_KB);
  const char *const ours[][2] = {
    { "group.id", k->o.group },
    { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" },
    // A mark that the broker no longer has must not become another place in silence.
    { "auto.offset.reset", "error" },
    { "enable.partition.eof", "false" },
    { "partition.assignment.strategy", "range,roundrobin" },
    { "queued.max.messages.kbytes", buffer },
  };
  for (size_t i = 0; i < sizeof ours / sizeof *ours && s == CHN_OK; i++) {
    s = kafka_set(conf, ours[i][0], ours[i][1], err);
  }
  if (s != CHN_OK) {
    if (conf != NULL) {
      rd_kafka_conf_destroy(conf);
    }
    return s;
  }
  rd_kafka_conf_set_opaque(conf, k);
  rd_kafka_conf_set_rebalance_cb(conf, rebalance);
  rd_kafka_conf_set_error_cb(conf, on_error);
  *out = conf;
  return CHN_OK;
}

/// Fails where the cluster does not have the topic, with the nearest of those it has.
static chn_status check_topic(struct kafka *k, const char *bootstrap, struct chn_err *err)
{
  const struct rd_kafka_metadata *all = NULL;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(k->rk, 1, NULL, &all, OPEN_MS);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return chn_fail(err, CHN_E_IO, "no broker answers at %s: %s", bootstrap,
                    rd_kafka_err2str(code));
  }
  chn_status s = CHN_OK;
  const char **names = chn_calloc((size_t)all->topic_cnt + 1, sizeof *names);
  bool found = false;
  for (int i = 0; i < all->topic_cnt; i++) {
    names[i] = all->topics[i].topic;
    found = found || strcmp(names[i], k->topic) == 0;
  }
  if (!found) {
    const char *near = chn_near(k->topic, names, (size_t)all->topic_cnt);
    s = chn_fail(err, CHN_E_NOT_FOUND, "%s has no topic \"%s\"%s%s%s (it has %d)", bootstrap,
                 k->topic, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                 near != NULL ? "\"?" : "", all->topic_cnt);
  }
  free(names);
  rd_kafka_metadata_destroy(all);
  return s;
}

static chn_status subscribe(struct kafka *k, struct chn_err *err)
{
  rd_kafka_poll_set_consumer(k->rk);
  k->queue = rd_kafka_queue_get_consumer(k->rk);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, k->topic, RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t code = rd_kafka_subscribe(k->rk, list);
  rd_kafka_topic_partition_list_destroy(list);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "topic %s: %s", k->topic, rd_kafka_err2str(code));
}

chn_status source_kafka_open(const struct stream_topic *topic, const struct source_kafka_options *o,
                             struct stream_source **out, struct chn_err *err)
{
  static const struct source_ops ops = { poll,      release, start, set_pause,
                                         committed, lag,     pace,  close_kafka };
  struct arena a = { 0 };
  const char *bootstrap = o->bootstrap != NULL ? o->bootstrap : stream_topic_bootstrap(&a, topic);
  if (bootstrap == NULL) {
    arena_deinit(&a);
    return chn_fail(err, CHN_E_ARGUMENT,
                    "topic %s has no host and port; write them into the topic string "
                    "(%s/host=HOST/port=PORT) or give --kafka-bootstrap HOST:PORT",
                    topic->name, topic->name);
  }
  struct kafka *k = chn_calloc(1, sizeof *k);
  k->source.ops = &ops;
  k->o = *o;
  k->topic = chn_strdup(topic->name);
  pthread_mutex_init(&k->lock, NULL);
  rd_kafka_conf_t *conf = NULL;
  char why[512] = "";
  chn_status s = configure(k, bootstrap, &conf, err);
  if (s == CHN_OK) {
    k->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (k->rk == NULL) {
      rd_kafka_conf_destroy(conf);
      s = chn_fail(err, CHN_E_ARGUMENT, "Kafka: %s", why);
    }
  }
  if (s == CHN_OK) {
    s = check_topic(k, bootstrap, err);
  }
  if (s == CHN_OK) {
    s = subscribe(k, err);
  }
  arena_deinit(&a);
  if (s != CHN_OK) {
    close_kafka(&k->source);
    return s;
  }
  *out = &k->source;
  return CHN_OK;
}
