#include "stream/kafka_int.h"

chn_status kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                     struct chn_err *err)
{
  char why[512] = "";
  return rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT, "--kafka %s=%s: %s", name, value, why);
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
                      rd_kafka_conf_t **out, struct chn_err *err)
{
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, drop_log);
  chn_status s = CHN_OK;
  if (bootstrap != NULL) {
    s = kafka_set(conf, "bootstrap.servers", bootstrap, err);
  }
  if (s == CHN_OK) {
    s = kafka_set(conf, "client.id", "chronon", err);
  }
  for (int32_t i = 0; i < o->n_settings && s == CHN_OK; i++) {
    s = kafka_set(conf, o->settings[i].name, o->settings[i].value, err);
  }
  if (s != CHN_OK) {
    rd_kafka_conf_destroy(conf);
    return s;
  }
  *out = conf;
  return CHN_OK;
}
