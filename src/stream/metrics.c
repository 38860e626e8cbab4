#include "stream/metrics.h"

#include <stdio.h>

#include "base/arena.h"

static const double FRESHNESS_MS[] = { 1,   2,    5,    10,   20,    50,    100,    200,
                                       500, 1000, 2000, 5000, 10000, 60000, 300000, 3600000 };

struct counter {
  struct obs_series **series;
  const char *name;
  const char *help;
};

void stream_metrics_init(struct stream_metrics *m, struct obs_metrics *registry,
                         const char *group_by)
{
  *m = (struct stream_metrics){ 0 };
  if (registry == NULL) {
    registry = m->own = obs_metrics_new();
  }
  struct chn_buf labels = { 0 };
  obs_label(&labels, "feature_group", group_by);
  const struct counter counters[] = {
    { &m->messages, "chronon_ingress_row_count_total", "Messages read." },
    { &m->bytes, "chronon_ingress_bytes_total", "Bytes of messages read." },
    { &m->rows, "chronon_egress_row_count_total", "Rows that selects and wheres let through." },
    { &m->late_events, "chronon_tiling_late_events_total", "Rows whose tile was over." },
    { &m->write_ok, "chronon_kvstore_writer_successes_total", "Tiles or rows written." },
    { &m->write_errors, "chronon_kvstore_writer_errors_total",
      "Writes that failed, each attempt." },
    { &m->eval_ok, "chronon_expr_eval_success_total", "Rows evaluated." },
    { &m->eval_errors, "chronon_expr_eval_errors_total", "Rows that a select or where fails on." },
    { &m->encode_errors, "chronon_avro_conversion_errors_total", "Rows that have no Avro form." },
    { &m->decode_errors, "chronon_event_processing_error_total", "Messages not decoded." },
    { &m->no_time, "chronon_stream_no_time_total", "Rows whose time column is null." },
    { &m->tile_errors, "chronon_tiling_process_function_error_total",
      "Rows that a tile cannot take." },
  };
  const struct counter gauges[] = {
    { &m->watermark, "chronon_stream_watermark_ms", "Event time that all partitions have passed." },
    { &m->in_flight, "chronon_kvstore_writer_in_flight", "Batches on their way to the store." },
    { &m->partitions, "chronon_stream_partitions", "Partitions that this process reads." },
  };
  for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
    *counters[i].series =
        obs_series(registry, OBS_COUNTER, counters[i].name, chn_buf_str(&labels), counters[i].help);
  }
  for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++) {
    *gauges[i].series =
        obs_series(registry, OBS_GAUGE, gauges[i].name, chn_buf_str(&labels), gauges[i].help);
  }
  const char *text = chn_buf_str(&labels);
  m->write_seconds = obs_histogram(registry, "chronon_kvstore_writer_seconds", text,
                                   "Time of a batch's reads and its commit.", NULL, 0);
  m->eval_seconds = obs_histogram(registry, "chronon_expr_eval_time_seconds", text,
                                  "Time of a batch's selects and wheres.", NULL, 0);
  m->enrich_seconds = obs_histogram(registry, "chronon_chain_fetch_seconds", text,
                                    "Time of a fetch of the features of a join.", NULL, 0);
  m->freshness = obs_histogram(registry, "chronon_egress_freshness_millis", text,
                               "Between the newest event of a batch and its commit.", FRESHNESS_MS,
                               sizeof FRESHNESS_MS / sizeof *FRESHNESS_MS);
  chn_buf_deinit(&labels);
}

void stream_metrics_deinit(struct stream_metrics *m)
{
  obs_metrics_free(m->own);
  *m = (struct stream_metrics){ 0 };
}

void stream_metrics_lag(struct stream_metrics *m, struct obs_metrics *registry,
                        const char *group_by, int32_t partition, int64_t lag)
{
  struct chn_buf labels = { 0 };
  char number[16];
  snprintf(number, sizeof number, "%d", partition);
  obs_label(&labels, "feature_group", group_by);
  obs_label(&labels, "partition", number);
  obs_set(obs_series(registry != NULL ? registry : m->own, OBS_GAUGE, "chronon_stream_lag_messages",
                     chn_buf_str(&labels), "Messages that are not in the store yet."),
          lag);
  chn_buf_deinit(&labels);
}
