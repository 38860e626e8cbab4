// Kafka by librdkafka: a consumer of a group, whose offsets are ours.
//
// The group says which partitions are ours; where each goes on is said by source_start. So an
// assignment is answered by rd_kafka_assign only when every partition has its offset, which
// librdkafka waits for, and a revocation when the pipeline has brought in what it had: at the next
// poll.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "stream/source_kafka_int.h"

enum {
  LEAVE_MS = 3000, ///< how long a broker is waited for at the end
  PAUSE_MS = 2000, ///< a pause so long makes librdkafka drop what it has fetched ahead
  CHUNK = 4096,
  BUFFER_KB = 65536,
};

static void committed(struct stream_source *source, int32_t partition, int64_t offset)
{
  struct kafka *k = (struct kafka *)source;
  pthread_mutex_lock(&k->lock);
  struct partition *p = kafka_find(k, partition);
  if (p != NULL) {
    p->committed = offset;
  }
  pthread_mutex_unlock(&k->lock);
}

static chn_status start(struct stream_source *source, int32_t partition, int64_t offset,
                        struct chn_err *err)
{
  struct kafka *k = (struct kafka *)source;
  struct partition *p = kafka_find(k, partition);
  if (p == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "topic %s: partition %d is not assigned", k->topic,
                    partition);
  }
  p->next = offset;
  k->reassign = true;
  if (offset >= 0) { // the store's: told anew, as what was told before may not have arrived
    committed(source, partition, offset);
  }
  return CHN_OK;
}

static void set_pause(struct stream_source *source, bool paused)
{
  struct kafka *k = (struct kafka *)source;
  if (paused && !k->paused) {
    k->paused_ms = chn_monotonic_ms();
  }
  k->paused = paused;
}

/// Makes librdkafka do as was said; false: the poll is to give nothing, and touches nothing. A
/// short pause only leaves the queue alone, so that what was fetched ahead is not fetched again; in
/// a long one the queue must be read, since the group's events stand in it.
static bool obey_pause(struct kafka *k)
{
  if (k->paused && chn_monotonic_ms() - k->paused_ms < PAUSE_MS) {
    return false;
  }
  if (k->paused != k->stopped) {
    rd_kafka_topic_partition_list_t *list = kafka_list_of(k);
    if (k->paused) {
      rd_kafka_pause_partitions(k->rk, list);
    } else {
      rd_kafka_resume_partitions(k->rk, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
    k->stopped = k->paused;
  }
  return true;
}

// ---- messages ---------------------------------------------------------------------------------

static struct held *get_held(struct kafka *k, size_t n)
{
  pthread_mutex_lock(&k->lock);
  struct held *h = k->spare;
  if (h != NULL) {
    k->spare = h->next;
  }
  pthread_mutex_unlock(&k->lock);
  if (h == NULL) {
    h = chn_calloc(1, sizeof *h);
  }
  if (h->room < n) {
    h->room = n;
    h->raw = chn_realloc(h->raw, n * sizeof(rd_kafka_message_t *));
    h->messages = chn_realloc(h->messages, n * sizeof *h->messages);
  }
  return h;
}

static void give_held(struct kafka *k, struct held *h)
{
  pthread_mutex_lock(&k->lock);
  h->next = k->spare;
  k->spare = h;
  pthread_mutex_unlock(&k->lock);
}

static void release(struct stream_source *source, const struct stream_poll *poll)
{
  struct held *h = poll->own;
  if (h != NULL) {
    for (size_t i = 0; i < poll->n; i++) {
      rd_kafka_message_destroy(h->raw[i]);
    }
    give_held((struct kafka *)source, h);
  }
}

static chn_status on_error(struct kafka *k, const rd_kafka_message_t *m, struct chn_err *err)
{
  const char *text = rd_kafka_message_errstr(m);
  struct partition *p = kafka_find(k, m->partition);
  switch (m->err) {
  case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
  case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    return p != NULL ? kafka_on_gap(k, p, text, err) : CHN_OK;
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    return chn_fail(err, CHN_E_IO, "topic %s: %s", k->topic, text);
  default: kafka_trouble_note(&k->trouble, k->rk, (int)m->err, text); return CHN_OK;
  }
}

/// Takes a message over, if it is one and still wanted.
static chn_status take(struct kafka *k, rd_kafka_message_t *m, struct held *h,
                       struct partition **last, struct stream_poll *out, size_t *bytes,
                       struct chn_err *err)
{
  if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const chn_status s = on_error(k, m, err);
    rd_kafka_message_destroy(m);
    return s;
  }
  struct partition *p =
      *last != NULL && (*last)->id == m->partition ? *last : kafka_find(k, m->partition);
  if (p == NULL || m->offset < p->next || k->reassign) { // the last: it will come again
    rd_kafka_message_destroy(m);
    return CHN_OK;
  }
  *last = p;
  p->next = m->offset + 1;
  rd_kafka_timestamp_type_t type;
  const int64_t ts = rd_kafka_message_timestamp(m, &type);
  h->raw[out->n] = m;
  h->messages[out->n++] =
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

static bool has_news(const struct kafka *k)
{
  return k->revoked || k->assigned || k->reassign;
}

static chn_status fetch(struct kafka *k, struct held *h, size_t most, size_t most_bytes,
                        int32_t wait_ms, struct stream_poll *out, struct chn_err *err)
{
  rd_kafka_message_t *chunk[CHUNK];
  struct partition *last = NULL;
  size_t bytes = 0;
  // The first message is waited for, the others are there or not.
  chunk[0] = rd_kafka_consumer_poll(k->rk, wait_ms);
  ssize_t n = chunk[0] != NULL;
  chn_status s = CHN_OK;
  while (n > 0) {
    for (ssize_t i = 0; i < n; i++) {
      if (s == CHN_OK) {
        s = take(k, chunk[i], h, &last, out, &bytes, err);
      } else {
        rd_kafka_message_destroy(chunk[i]);
      }
    }
    n = 0;
    if (s == CHN_OK && out->n < most && bytes < most_bytes && !has_news(k)) {
      const size_t room = most - out->n;
      n = rd_kafka_consume_batch_queue(k->queue, 0, chunk, room < CHUNK ? room : CHUNK);
    }
  }
  return s;
}

static void sleep_ms(int32_t ms)
{
  const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
  nanosleep(&t, NULL);
}

static chn_status poll(struct stream_source *source, size_t most, size_t most_bytes,
                       int32_t wait_ms, struct stream_poll *out, struct chn_err *err)
{
  struct kafka *k = (struct kafka *)source;
  if (kafka_tell_event(k, out)) {
    return CHN_OK;
  }
  const double now = chn_monotonic_ms();
  if (now - k->told_ms >= KAFKA_TELL_MS) {
    kafka_tell_committed(k);
  }
  chn_status s = k->reassign && now >= k->again_ms ? kafka_assign(k, err) : CHN_OK;
  if (s != CHN_OK) {
    return s;
  }
  if (!obey_pause(k)) {
    sleep_ms(wait_ms);
    return CHN_OK;
  }
  struct held *h = get_held(k, most);
  s = fetch(k, h, most, most_bytes, wait_ms, out, err);
  if (s == CHN_OK && k->trouble.fatal) {
    s = chn_fail(err, CHN_E_IO, "topic %s: %s", k->topic, k->trouble.last);
  }
  out->messages = h->messages;
  out->own = h;
  out->event = out->n > 0 ? STREAM_MESSAGES : STREAM_IDLE;
  if (s != CHN_OK || out->n == 0) {
    release(source, out);
    *out = (struct stream_poll){ .event = STREAM_IDLE };
  }
  return s;
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
  if (offset == INT64_MIN && k->from == STREAM_FROM_LATEST) {
    pthread_mutex_lock(&k->lock);
    const struct latest *known = kafka_latest(k, partition);
    offset = known != NULL ? known->offset : high;
    pthread_mutex_unlock(&k->lock);
  }
  const int64_t from = offset > low ? offset : low > 0 ? low : 0;
  return high > from ? high - from : 0;
}

static void pace(struct stream_source *source, int64_t ts)
{
  (void)source; // Kafka's messages come when they come
  (void)ts;
}

// ---- the end ----------------------------------------------------------------------------------

/// A broker that has just come back refuses offsets until it knows whose group it has.
static bool will_pass(rd_kafka_resp_err_t code)
{
  return code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
         code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || code == RD_KAFKA_RESP_ERR__WAIT_COORD;
}

/// Waits for the answer to offsets that the group was told before; false: there is none.
static bool hear_answer(struct kafka *k, double until)
{
  enum { STEP_MS = 20 };
  while (k->telling && chn_monotonic_ms() < until) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll(k->rk, STEP_MS);
    if (m != NULL) {
      rd_kafka_message_destroy(m); // it will come again, to whom the partition goes
    }
  }
  return !k->telling;
}

/// The last offsets; false: nobody answered.
static bool tell_last(struct kafka *k, rd_kafka_queue_t *answers)
{
  enum { AGAIN_MS = 100 };
  const double until = chn_monotonic_ms() + LEAVE_MS;
  bool answered = hear_answer(k, until);
  rd_kafka_topic_partition_list_t *list = answered && !k->lost ? kafka_take_committed(k) : NULL;
  bool again = list != NULL;
  while (again) {
    rd_kafka_event_t *event = NULL;
    if (rd_kafka_commit_queue(k->rk, list, answers, NULL, NULL) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const double left = until - chn_monotonic_ms();
      event = rd_kafka_queue_poll(answers, left > 0 ? (int)left : 0);
    }
    answered = event != NULL;
    again = answered && will_pass(rd_kafka_event_error(event)) && chn_monotonic_ms() < until;
    if (answered) {
      rd_kafka_event_destroy(event);
    }
    if (again) {
      sleep_ms(AGAIN_MS);
    }
  }
  if (list != NULL) {
    rd_kafka_topic_partition_list_destroy(list);
  }
  return answered;
}

/// Out of the group, so that its other members need not wait for us.
static void leave(struct kafka *k, rd_kafka_queue_t *answers)
{
  const double until = chn_monotonic_ms() + LEAVE_MS;
  rd_kafka_error_t *error = rd_kafka_consumer_close_queue(k->rk, answers);
  while (error == NULL && !rd_kafka_consumer_closed(k->rk) && chn_monotonic_ms() < until) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 20);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
      rd_kafka_assign(k->rk, NULL);
    }
    if (event != NULL) {
      rd_kafka_event_destroy(event); // messages that were fetched ahead, too
    }
  }
  if (error != NULL) {
    rd_kafka_error_destroy(error);
  }
}

static void *destroy(void *rk)
{
  rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  return NULL;
}

/// With a broker that is dead librdkafka waits for it as long as a session lasts, 45 s by default:
/// that it does alone. It knows nothing of `k` but in callbacks, which nobody serves any more.
static void let_end(rd_kafka_t *rk)
{
  pthread_t thread;
  struct timespec until;
  if (pthread_create(&thread, NULL, destroy, rk) != 0) {
    destroy(rk);
    return;
  }
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += LEAVE_MS / 1000;
  if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
    pthread_detach(thread);
  }
}

static void close_kafka(struct stream_source *source)
{
  struct kafka *k = (struct kafka *)source;
  if (k->rk != NULL) {
    k->closing = true;
    if (k->queue != NULL) {
      rd_kafka_queue_t *answers = rd_kafka_queue_new(k->rk);
      if (tell_last(k, answers)) {
        leave(k, answers);
      }
      rd_kafka_queue_destroy(answers);
      rd_kafka_queue_destroy(k->queue);
    }
    let_end(k->rk);
  }
  while (k->spare != NULL) {
    struct held *h = k->spare;
    k->spare = h->next;
    free(h->raw);
    free(h->messages);
    free(h);
  }
  pthread_mutex_destroy(&k->lock);
  free(k->topic);
  free(k->partitions);
  free(k->latest);
  free(k->event);
  free(k);
}

// ---- opening ----------------------------------------------------------------------------------

static void on_trouble(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
  struct kafka *k = opaque;
  if (!k->closing) {
    kafka_trouble_note(&k->trouble, rk, code, reason);
  }
}

static chn_status configure(struct kafka *k, const struct source_kafka_options *o,
                            const char *bootstrap, rd_kafka_conf_t **out, struct chn_err *err)
{
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%zu",
           o->buffer_bytes > 0 ? o->buffer_bytes / 1024 + 1 : (size_t)BUFFER_KB);
  const struct stream_setting ours[] = {
    { "group.id", o->group },
    { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" },
    // A mark that the broker no longer has must not become another place in silence.
    { "auto.offset.reset", "error" },
    { "partition.assignment.strategy", "range,roundrobin" },
    // A broker near by is kept busy: by default one partition comes in pieces of 1 MB.
    { "max.partition.fetch.bytes", "4194304" },
    { "queued.min.messages", "400000" },
    { "queued.max.messages.kbytes", buffer },
  };
  const chn_status s = kafka_conf(o, bootstrap, ours, sizeof ours / sizeof *ours, out, err);
  if (s == CHN_OK) {
    rd_kafka_conf_set_opaque(*out, k);
    rd_kafka_conf_set_rebalance_cb(*out, kafka_rebalance);
    rd_kafka_conf_set_offset_commit_cb(*out, kafka_on_told);
    rd_kafka_conf_set_error_cb(*out, on_trouble);
  }
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
  return kafka_failed(k, code, err);
}

chn_status source_kafka_open(const struct stream_topic *topic, const struct source_kafka_options *o,
                             struct stream_source **out, struct chn_err *err)
{
  static const struct source_ops ops = { poll,      release, start, set_pause,
                                         committed, lag,     pace,  close_kafka };
  struct arena a = { 0 };
  struct kafka *k = chn_calloc(1, sizeof *k);
  k->source.ops = &ops;
  k->from = o->from;
  k->skip_gaps = o->skip_gaps;
  k->topic = chn_strdup(topic->name);
  k->trouble = (struct kafka_trouble){ .log = o->log, .self = o->self, .topic = k->topic };
  pthread_mutex_init(&k->lock, NULL);
  const char *bootstrap = NULL;
  rd_kafka_conf_t *conf = NULL;
  chn_status s = kafka_bootstrap(&a, o, topic, &bootstrap, err);
  if (s == CHN_OK) {
    s = configure(k, o, bootstrap, &conf, err);
  }
  if (s == CHN_OK) {
    s = kafka_new(RD_KAFKA_CONSUMER, conf, &k->rk, err);
  }
  if (s == CHN_OK) {
    s = kafka_find_topic(k->rk, &k->trouble, k->topic, bootstrap, err);
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
