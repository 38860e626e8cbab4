/// metrics.h: what a stream counts, under Chronon's names (spec/07 §5) in Prometheus' form:
/// `tiling.late_events` of GroupBy g is chronon_tiling_late_events_total{feature_group="g"}.
#pragma once
#include "obs/metrics.h"

/// Never NULL members: without a registry they count for nobody.
struct stream_metrics {
  struct obs_metrics *own; ///< the registry, where none was given
  struct obs_series *messages;
  struct obs_series *bytes;
  struct obs_series *rows;
  struct obs_series *late_events;    ///< tiling.late_events
  struct obs_series *write_ok;       ///< kvstore_writer.successes: tiles or rows
  struct obs_series *write_errors;   ///< kvstore_writer.errors: attempts that failed
  struct obs_series *write_seconds;  ///< of a batch
  struct obs_series *eval_seconds;   ///< expr_eval_time, of a batch
  struct obs_series *enrich_seconds; ///< of a fetch of the features of a join
  struct obs_series *eval_ok;        ///< expr_eval_success: rows
  struct obs_series *eval_errors;    ///< expr_eval_errors
  struct obs_series *encode_errors;  ///< avro_conversion_errors
  struct obs_series *decode_errors;  ///< event_processing_error
  struct obs_series *no_time;        ///< rows without a time
  struct obs_series *tile_errors;    ///< tiling_process_function_error
  struct obs_series *watermark;      ///< epoch ms
  struct obs_series *freshness; ///< ms between an event's time and its commit, newest of a batch
  struct obs_series *in_flight;
  struct obs_series *partitions;
};

void stream_metrics_init(struct stream_metrics *m, struct obs_metrics *registry,
                         const char *group_by);
void stream_metrics_deinit(struct stream_metrics *m);

/// The lag of one partition, in messages.
void stream_metrics_lag(struct stream_metrics *m, struct obs_metrics *registry,
                        const char *group_by, int32_t partition, int64_t lag);
