#include "stream/kafka_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/near.h"
#include "base/time.h"

enum { SAID_MS = 30000, NEAREST = 5 };

// ---- trouble ----------------------------------------------------------------------------------

/// Whether trouble of this kind is to be logged again.
static bool is_news(struct kafka_trouble *t, int code)
{
  const size_t n = sizeof t->said / sizeof *t->said;
  const double now = chn_monotonic_ms();
  size_t oldest = 0;
  for (size_t i = 0; i < n; i++) {
    if (t->said[i].ms > 0 && t->said[i].code == code) {
      oldest = i;
      break;
    }
    oldest = t->said[i].ms < t->said[oldest].ms ? i : oldest;
  }
  if (t->said[oldest].ms > 0 && t->said[oldest].code == code &&
      now - t->said[oldest].ms < SAID_MS) {
    return false;
  }
  t->said[oldest].code = code;
  t->said[oldest].ms = now;
  return true;
}

void kafka_trouble_note(struct kafka_trouble *t, rd_kafka_t *rk, int code, const char *reason)
{
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    t->fatal = true;
    rd_kafka_fatal_error(rk, t->last, sizeof t->last);
    return;
  }
  // "All brokers are down" only sums up what was told of each.
  if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || t->last[0] == '\0') {
    snprintf(t->last, sizeof t->last, "%s", reason);
  }
  if (t->log != NULL && is_news(t, code)) {
    struct chn_buf line = { 0 };
    chn_buf_addf(&line, "topic %s: %s", t->topic, reason);
    t->log(t->self, chn_buf_str(&line));
    chn_buf_deinit(&line);
  }
}

// ---- configuration ----------------------------------------------------------------------------

static const char *setting_of(const struct source_kafka_options *o, const char *name)
{
  for (int32_t i = 0; i < o->n_settings; i++) {
    if (strcmp(o->settings[i].name, name) == 0) {
      return o->settings[i].value;
    }
  }
  return NULL;
}

chn_status kafka_bootstrap(struct arena *a, const struct source_kafka_options *o,
                           const struct stream_topic *topic, const char **out, struct chn_err *err)
{
  *out = o->bootstrap != NULL ? o->bootstrap : stream_topic_bootstrap(a, topic);
  if (*out != NULL || setting_of(o, "bootstrap.servers") != NULL ||
      setting_of(o, "metadata.broker.list") != NULL) {
    return CHN_OK;
  }
  return chn_fail(err, CHN_E_ARGUMENT,
                  "topic %s has no host and port; write them into the topic string "
                  "(%s/host=HOST/port=PORT) or give --kafka-bootstrap HOST:PORT",
                  topic->name, topic->name);
}

/// What a stream depends on is not the user's to set.
static const char *why_refused(const struct stream_setting *s)
{
  static const struct stream_setting refused[] = {
    { "group.id", "the group is given by --group" },
    { "enable.auto.commit", "what was read is told to Kafka after it is in the store" },
    { "enable.auto.offset.store", "what was read is told to Kafka after it is in the store" },
    { "auto.offset.reset", "use --from earliest|latest, and --skip-gaps" },
    { "enable.partition.eof", "a stream has no use for it" },
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    if (strcmp(s->name, refused[i].name) == 0) {
      return refused[i].value;
    }
  }
  return strcmp(s->name, "partition.assignment.strategy") == 0 &&
                 strstr(s->value, "cooperative") != NULL
             ? "partitions are given up and taken all at once; use range or roundrobin"
             : NULL;
}

static chn_status set(rd_kafka_conf_t *conf, const struct stream_setting *s, struct chn_err *err)
{
  char why[512] = "";
  if (rd_kafka_conf_set(conf, s->name, s->value, why, sizeof why) == RD_KAFKA_CONF_OK) {
    return CHN_OK;
  }
  // librdkafka's text may quote the value.
  const bool shown = s->value[0] == '\0' || strstr(why, s->value) == NULL;
  return chn_fail(err, CHN_E_ARGUMENT, "--kafka %s: %s", s->name,
                  shown ? why : "librdkafka refuses this value");
}

/// librdkafka writes to stderr by itself unless it is given somewhere else to write.
static void drop_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
  (void)rk;
  (void)level;
  (void)facility;
  (void)text;
}

chn_status kafka_conf(const struct source_kafka_options *o, const char *bootstrap,
                      const struct stream_setting *ours, size_t n, rd_kafka_conf_t **out,
                      struct chn_err *err)
{
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  if (setting_of(o, "debug") == NULL) {
    rd_kafka_conf_set_log_cb(conf, drop_log);
  }
  chn_status s = set(conf, &(struct stream_setting){ "client.id", "chronon" }, err);
  if (bootstrap != NULL && s == CHN_OK) {
    s = set(conf, &(struct stream_setting){ "bootstrap.servers", bootstrap }, err);
  }
  for (size_t i = 0; i < n && s == CHN_OK; i++) {
    s = set(conf, &ours[i], err);
  }
  for (int32_t i = 0; i < o->n_settings && s == CHN_OK; i++) {
    const char *why = why_refused(&o->settings[i]);
    s = why == NULL ? set(conf, &o->settings[i], err)
                    : chn_fail(err, CHN_E_ARGUMENT, "--kafka %s is not to be set: %s",
                               o->settings[i].name, why);
  }
  if (s != CHN_OK) {
    rd_kafka_conf_destroy(conf);
    return s;
  }
  *out = conf;
  return CHN_OK;
}

chn_status kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out,
                     struct chn_err *err)
{
  char why[512] = "";
  *out = rd_kafka_new(type, conf, why, sizeof why);
  if (*out != NULL) {
    return CHN_OK;
  }
  rd_kafka_conf_destroy(conf);
  return chn_fail(err, CHN_E_ARGUMENT, "Kafka: %s", why);
}

// ---- the cluster ------------------------------------------------------------------------------

static chn_status no_topic(const char *topic, const char *bootstrap, const char *const *names,
                           size_t n, struct chn_err *err)
{
  const char *near[NEAREST];
  const size_t found = chn_nearest(topic, names, n, near, NEAREST);
  struct chn_buf list = { 0 };
  for (size_t i = 0; i < found; i++) {
    chn_buf_addf(&list, "%s%s", i > 0 ? ", " : "", near[i]);
  }
  const chn_status s =
      found > 0
          ? chn_fail(err, CHN_E_NOT_FOUND, "%s has no topic \"%s\"; the nearest of its %zu: %s",
                     bootstrap, topic, n, chn_buf_str(&list))
          : chn_fail(err, CHN_E_NOT_FOUND, "%s has no topic \"%s\", nor any other that is shown",
                     bootstrap, topic);
  chn_buf_deinit(&list);
  return s;
}

chn_status kafka_find_topic(rd_kafka_t *rk, const struct kafka_trouble *t, const char *topic,
                            const char *bootstrap, struct chn_err *err)
{
  bootstrap = bootstrap != NULL ? bootstrap : "the cluster";
  const struct rd_kafka_metadata *all = NULL;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, &all, KAFKA_OPEN_MS);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    while (rd_kafka_poll(rk, 0) > 0) {
      // what went wrong comes as callbacks
    }
    return chn_fail(err, CHN_E_IO, "no broker answers at %s: %s", bootstrap,
                    t->last[0] != '\0' ? t->last : rd_kafka_err2str(code));
  }
  const char **names = chn_calloc((size_t)all->topic_cnt + 1, sizeof *names);
  size_t n = 0;
  bool found = false;
  for (int i = 0; i < all->topic_cnt; i++) {
    const char *name = all->topics[i].topic;
    found = found || strcmp(name, topic) == 0;
    if (strncmp(name, "__", 2) != 0) { // Kafka's own
      names[n++] = name;
    }
  }
  const chn_status s = found ? CHN_OK : no_topic(topic, bootstrap, names, n, err);
  free(names);
  rd_kafka_metadata_destroy(all);
  return s;
}
