#include "obs/meter.h"

#include <sys/resource.h>

static const double SETTLE_MS = 50;

void obs_meter_start(struct obs_meter *m, double now_ms)
{
  *m = (struct obs_meter){ .start_ms = now_ms };
}

void obs_meter_set(struct obs_meter *m, uint64_t done, uint64_t total)
{
  m->done = done;
  m->total = total;
}

double obs_meter_rate(const struct obs_meter *m, double now_ms)
{
  const double elapsed = now_ms - m->start_ms;
  return elapsed < SETTLE_MS ? 0 : (double)m->done * 1000 / elapsed;
}

double obs_meter_left(const struct obs_meter *m, double now_ms)
{
  const double rate = obs_meter_rate(m, now_ms);
  if (m->total == 0 || rate <= 0) {
    return -1;
  }
  return m->done >= m->total ? 0 : (double)(m->total - m->done) / rate;
}

void obs_meter_print(const struct obs_meter *m, double now_ms, struct chn_buf *out)
{
  obs_print_count(out, (double)m->done);
  if (m->total) {
    chn_buf_adds(out, " of ");
    obs_print_count(out, (double)m->total);
  }
  chn_buf_adds(out, " rows");
  if (m->total) {
    chn_buf_addf(out, " (%.0f %%)", 100 * (double)m->done / (double)m->total);
  }
  const double rate = obs_meter_rate(m, now_ms);
  if (rate > 0) {
    chn_buf_adds(out, ", ");
    obs_print_count(out, rate);
    chn_buf_adds(out, "/s");
  }
  const double left = obs_meter_left(m, now_ms);
  if (left >= 0) {
    chn_buf_adds(out, ", ");
    obs_print_seconds(out, left);
    chn_buf_adds(out, " left");
  }
}

// Three significant digits; what would round up to four is shown in the next unit.
static void print_scaled(struct chn_buf *out, double x, double step, const char *const *units,
                         int n)
{
  int unit = 0;
  while (unit + 1 < n && x >= (unit ? 999.5 : step)) {
    x /= step;
    unit++;
  }
  if (unit == 0) {
    chn_buf_addf(out, "%.0f%s", x, units[0]);
    return;
  }
  const int decimals = x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
  chn_buf_addf(out, "%.*f%s", decimals, x, units[unit]);
}

void obs_print_count(struct chn_buf *out, double count)
{
  static const char *const units[] = { "", " k", " M", " G", " T" };
  print_scaled(out, count, 1000, units, 5);
}

void obs_print_bytes(struct chn_buf *out, double bytes)
{
  static const char *const units[] = { " B", " KB", " MB", " GB", " TB" };
  print_scaled(out, bytes, 1024, units, 5);
}

void obs_print_seconds(struct chn_buf *out, double seconds)
{
  if (seconds < 59.95) {
    const int decimals = seconds < 0.9995 ? 3 : seconds < 9.995 ? 2 : 1;
    chn_buf_addf(out, "%.*f s", decimals, seconds);
    return;
  }
  const long whole = (long)(seconds + 0.5);
  if (whole < 3600) {
    chn_buf_addf(out, "%ld min %ld s", whole / 60, whole % 60);
  } else {
    chn_buf_addf(out, "%ld h %ld min", whole / 3600, whole % 3600 / 60);
  }
}

uint64_t obs_peak_rss(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)usage.ru_maxrss * 1024;
}
