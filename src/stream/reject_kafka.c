// Rejected messages to a topic. A batch is committed only when the brokers have them all.
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "stream/kafka_int.h"
#include "stream/reject.h"

enum {
  FLUSH_MS = 15000,  ///< longer than a message lives: then all reports are there
  ROOM_MS = 10000,   ///< how long a full queue is waited for
  MOST_JSON = 900000 ///< brokers take messages of 1 MB by default
};

struct kafka_sink {
  struct kafka_trouble trouble;
  rd_kafka_t *rk;
  char *topic;
  int64_t failed; ///< messages since the last flush
  rd_kafka_resp_err_t why;
};

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
  (void)rk;
  struct kafka_sink *k = opaque;
  if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    k->failed++;
    k->why = m->err;
  }
}

static void on_trouble(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
  struct kafka_sink *k = opaque;
  kafka_trouble_note(&k->trouble, rk, code, reason);
}

static chn_status put(void *self, const char *json, size_t len, struct chn_err *err)
{
  struct kafka_sink *k = self;
  const double until = chn_monotonic_ms() + ROOM_MS;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    code = rd_kafka_producev(k->rk, RD_KAFKA_V_TOPIC(k->topic),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_VALUE((void *)json, len), RD_KAFKA_V_END);
    rd_kafka_poll(k->rk, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
  } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && chn_monotonic_ms() < until);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "topic %s: %s", k->topic, rd_kafka_err2str(code));
}

static chn_status flush(void *self, struct chn_err *err)
{
  struct kafka_sink *k = self;
  rd_kafka_flush(k->rk, FLUSH_MS);
  const int left = rd_kafka_outq_len(k->rk);
  const int64_t lost = k->failed + left;
  const char *why = k->failed > 0 && k->why != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT
                        ? rd_kafka_err2str(k->why)
                    : k->trouble.last[0] != '\0' ? k->trouble.last
                                                 : "no broker took them in time";
  k->failed = 0;
  return lost == 0
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "topic %s: %lld rejected messages were not delivered: %s",
                        k->topic, (long long)lost, why);
}

static void close_sink(void *self)
{
  struct kafka_sink *k = self;
  if (k->rk != NULL) {
    rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                              RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_flush(k->rk, 100);
    rd_kafka_destroy(k->rk);
  }
  free(k->topic);
  free(k);
}

static chn_status open_sink(struct kafka_sink *k, const struct stream_topic *topic,
                            const struct source_kafka_options *o, struct arena *a,
                            struct chn_err *err)
{
  static const struct stream_setting ours[] = { { "message.timeout.ms", "10000" },
                                                { "linger.ms", "5" } };
  const char *bootstrap = NULL;
  rd_kafka_conf_t *conf = NULL;
  chn_status s = kafka_bootstrap(a, o, topic, &bootstrap, err);
  if (s == CHN_OK) {
    s = kafka_conf(o, bootstrap, ours, sizeof ours / sizeof *ours, &conf, err);
  }
  if (s == CHN_OK) {
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_trouble);
    s = kafka_new(RD_KAFKA_PRODUCER, conf, &k->rk, err);
  }
  return s == CHN_OK ? kafka_find_topic(k->rk, &k->trouble, k->topic, bootstrap, err) : s;
}

chn_status reject_sink_kafka(const char *topic, const struct source_kafka_options *o,
                             struct reject_sink *out, struct chn_err *err)
{
  struct arena a = { 0 };
  struct stream_topic parsed;
  chn_status s = stream_topic_parse(&a, topic, &parsed, err);
  if (s == CHN_OK) {
    struct kafka_sink *k = chn_calloc(1, sizeof *k);
    k->topic = chn_strdup(parsed.name);
    k->trouble = (struct kafka_trouble){ .log = o->log, .self = o->self, .topic = k->topic };
    s = open_sink(k, &parsed, o, &a, err);
    if (s == CHN_OK) {
      *out = (struct reject_sink){
        .put = put, .flush = flush, .close = close_sink, .self = k, .most = MOST_JSON
      };
    } else {
      close_sink(k);
    }
  }
  arena_deinit(&a);
  return s;
}
