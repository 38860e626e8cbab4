/// kafka_int.h: librdkafka, and what the consumer and the producer share.
#pragma once
#include "stream/source.h"
#include <librdkafka/rdkafka.h>

/// A configuration with the bootstrap, the user's settings (last) and a silent log. CHN_E_ARGUMENT
/// for what librdkafka refuses.
chn_status kafka_conf(const struct source_kafka_options *o, const char *bootstrap,
                      rd_kafka_conf_t **out, struct chn_err *err);

chn_status kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                     struct chn_err *err);
