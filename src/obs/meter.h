/// meter.h: how far a piece of work is, how fast it goes and when it will be done.
#pragma once
#include "base/buf.h"

struct obs_meter {
  double start_ms; ///< of the clock that never goes back
  uint64_t done;
  uint64_t total; ///< 0 while unknown
};

void obs_meter_start(struct obs_meter *m, double now_ms);
void obs_meter_set(struct obs_meter *m, uint64_t done, uint64_t total);

/// Units a second since the start; 0 in the first 50 ms, when no rate is known yet.
double obs_meter_rate(const struct obs_meter *m, double now_ms);

/// Seconds until done reaches total at the rate so far; negative while unknown.
double obs_meter_left(const struct obs_meter *m, double now_ms);

/// Appends "1.2 M of 3.4 M rows (35 %), 820 k/s, 3 s left", or as much of it as is known.
void obs_meter_print(const struct obs_meter *m, double now_ms, struct chn_buf *out);

/// Appends 999, "12.3 k", "4.56 M", "7.89 G": three digits.
void obs_print_count(struct chn_buf *out, double count);

/// Appends "0.123 s", "4.56 s", "2 min 5 s", "1 h 2 min".
void obs_print_seconds(struct chn_buf *out, double seconds);

/// Appends "512 B", "1.50 KB", "2.00 GB": powers of 1024.
void obs_print_bytes(struct chn_buf *out, double bytes);

/// The most memory this process has had resident so far, in bytes.
uint64_t obs_peak_rss(void);
