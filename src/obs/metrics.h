/// metrics.h: counters, gauges and histograms, and their text as Prometheus reads it.
///
/// A registry keeps *series*, each a name with labels. Counting takes no lock: a series has a cell
/// for each of a few groups of threads, on cache lines of their own, which are summed when they are
/// read. Series are made once and live as long as the registry.
#pragma once
#include "base/buf.h"

struct obs_metrics;
struct obs_series;

enum obs_kind {
  OBS_COUNTER, ///< only grows; its name ends in `_total`
  OBS_GAUGE,
  OBS_HISTOGRAM,
};

struct obs_metrics *obs_metrics_new(void);
void obs_metrics_free(struct obs_metrics *m);

/// The counter or gauge of this name and labels (made with obs_label, or NULL), made when it is
/// new. Every series of a name has the kind and the help of the first one.
struct obs_series *obs_series(struct obs_metrics *m, enum obs_kind kind, const char *name,
                              const char *labels, const char *help);

/// The histogram, likewise. `bounds` are the upper bounds of its n buckets, ascending; NULL: those
/// for seconds of an answer, 25 us to 10 s.
struct obs_series *obs_histogram(struct obs_metrics *m, const char *name, const char *labels,
                                 const char *help, const double *bounds, size_t n);

/// Adds to a counter or a gauge; any thread.
void obs_add(struct obs_series *s, int64_t n);

/// Sets a gauge, which then is never added to; any thread.
void obs_set(struct obs_series *s, int64_t value);

/// Counts one observation of a histogram; any thread.
void obs_observe(struct obs_series *s, double value);

/// The value of a counter or gauge, the number of observations of a histogram.
int64_t obs_read(const struct obs_series *s);

/// Appends all series, by name and then in the order they were made.
void obs_metrics_write(struct obs_metrics *m, struct chn_buf *out);

// ---- values that are only known when they are asked for ----------------------------------------

/// Appends the `# HELP` and `# TYPE` lines that stand above a name's values.
void obs_text_family(struct chn_buf *out, enum obs_kind kind, const char *name, const char *help);

/// Appends `name{labels} value`.
void obs_text_value(struct chn_buf *out, const char *name, const char *labels, double value);

/// Appends `key="value"`, with a comma where the buffer is not empty; escapes the value.
void obs_label(struct chn_buf *labels, const char *key, const char *value);
