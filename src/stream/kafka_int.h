/// kafka_int.h: librdkafka, and what the consumer and the producer share.
#pragma once
#include "base/arena.h"
#include "stream/source.h"
#include <librdkafka/rdkafka.h>

enum { KAFKA_OPEN_MS = 10000 }; ///< how long a broker is waited for at first

/// What librdkafka tells of brokers, and gets over by itself.
struct kafka_trouble {
  void (*log)(void *self, const char *line);
  void *self;
  const char *topic;
  char last[512]; ///< "": none yet
  bool fatal;     ///< this one it does not get over
  struct {
    int code;
    double ms;
  } said[8]; ///< a kind of trouble is logged once in a while
};

/// Notes it, for kafka_find_topic and polls, and logs it unless its like was logged just now.
void kafka_trouble_note(struct kafka_trouble *t, rd_kafka_t *rk, int code, const char *reason);

/// The options' bootstrap, or the topic's; NULL where the settings have one. CHN_E_ARGUMENT without
/// any.
chn_status kafka_bootstrap(struct arena *a, const struct source_kafka_options *o,
                           const struct stream_topic *topic, const char **out, struct chn_err *err);

/// A configuration of `ours`, then the user's settings. librdkafka's own log is dropped unless the
/// user sets `debug`. CHN_E_ARGUMENT for what librdkafka refuses, and for what would break a
/// stream; the text never shows a value, which may be a password.
chn_status kafka_conf(const struct source_kafka_options *o, const char *bootstrap,
                      const struct stream_setting *ours, size_t n, rd_kafka_conf_t **out,
                      struct chn_err *err);

/// Makes the client, which takes the configuration over in any case.
chn_status kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out,
                     struct chn_err *err);

/// Fails where no broker answers, or the cluster does not have the topic: then with the nearest of
/// those it has.
chn_status kafka_find_topic(rd_kafka_t *rk, const struct kafka_trouble *t, const char *topic,
                            const char *bootstrap, struct chn_err *err);
