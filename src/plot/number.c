#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/glyph.h"
#include "base/time.h"
#include "plot/plot_int.h"

static const double max_instant = 253402300800000.0; // the end of the year 9999
static const double min_instant = -62135596800000.0; // the beginning of the year 1

struct plot_scale plot_scale_of(const double *values, int32_t n, bool zero)
{
  struct plot_scale s = { 0 };
  for (int32_t i = 0; i < n; i++) {
    if (isfinite(values[i])) {
      s.low = !s.any || values[i] < s.low ? values[i] : s.low;
      s.high = !s.any || values[i] > s.high ? values[i] : s.high;
      s.any = true;
    }
  }
  if (s.any && zero) {
    s.low = fmin(s.low, 0);
    s.high = fmax(s.high, 0);
  }
  return s;
}

double plot_share(const struct plot_scale *s, double value)
{
  const double span = s->high / 2 - s->low / 2;
  return span > 0 ? fmin(1, fmax(0, (value / 2 - s->low / 2) / span)) : 0.5;
}

const char *plot_number(double value, char out[PLOT_NUMBER_SIZE])
{
  const bool whole = fabs(value) < 1e7 && floor(value) == value;
  snprintf(out, PLOT_NUMBER_SIZE, whole ? "%.0f" : "%.4g", value == 0 ? 0.0 : value);
  return out;
}

const char *plot_instant(double ms, double span, char out[PLOT_NUMBER_SIZE])
{
  char ds[CHN_DS_SIZE];
  if (!(ms >= min_instant && ms < max_instant)) {
    return plot_number(ms, out);
  }
  const int64_t at = (int64_t)floor(ms);
  const int32_t day = chn_day_of_ms(at);
  const int minutes = (int)((at - chn_ms_of_day(day)) / CHN_MINUTE_MS);
  chn_ds_of_day(day, ds);
  if (span >= 3.0 * CHN_DAY_MS) {
    snprintf(out, PLOT_NUMBER_SIZE, "%s", ds);
  } else {
    snprintf(out, PLOT_NUMBER_SIZE, "%s %02d:%02d", ds, minutes / 60, minutes % 60);
  }
  return out;
}

const char *plot_place(const struct plot *p, double at, double span, char out[PLOT_NUMBER_SIZE])
{
  return p->times ? plot_instant(at, span, out) : plot_number(at, out);
}

/// Whether n bytes that were taken for a code point are one that text may have.
static bool is_character(size_t n, uint32_t point)
{
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return n == 1
             ? point < 0x80
             : point >= least[n] && point <= 0x10FFFF && !surrogate && (point & 0xFFFE) != 0xFFFE;
}

static void add_point(struct chn_buf *out, const char *text, size_t n, uint32_t point)
{
  if (!is_character(n, point)) {
    chn_buf_adds(out, "\xEF\xBF\xBD");
  } else if (point < 0x20 || (point >= 0x7F && point < 0xA0)) {
    chn_buf_addc(out, ' ');
  } else {
    chn_buf_add(out, text, n);
  }
}

int32_t plot_label(struct chn_buf *out, const char *text, int32_t width)
{
  const bool cut = chn_text_width(text) > width;
  int32_t taken = 0;
  while (*text) {
    uint32_t point;
    const size_t n = chn_glyph(text, &point);
    const int32_t wide = chn_glyph_width(point);
    if (taken + wide > width - (cut ? 1 : 0)) {
      break;
    }
    add_point(out, text, n, point);
    taken += wide;
    text += n;
  }
  if (cut && width > 0) {
    chn_buf_adds(out, "…");
    taken++;
  }
  return taken;
}

void plot_line(struct chn_buf *out, const char *text, int32_t width)
{
  for (int32_t taken = 0; *text;) {
    uint32_t point;
    const size_t n = chn_glyph(text, &point);
    taken += chn_glyph_width(point);
    if (taken > width) {
      break;
    }
    chn_buf_add(out, text, n);
    text += n;
  }
  while (out->len > 0 && out->data[out->len - 1] == ' ') {
    out->data[--out->len] = '\0';
  }
  chn_buf_addc(out, '\n');
}

double plot_at(const struct plot *p, int32_t i)
{
  return p->at != NULL ? p->at[i] : i;
}

struct plot_scale plot_places(const struct plot *p)
{
  struct plot_scale s = { .low = plot_at(p, 0), .high = plot_at(p, p->n - 1), .any = p->n > 0 };
  for (int32_t i = 0; i < p->n_windows; i++) {
    s.low = fmin(s.low, p->windows[i].from);
    s.high = fmax(s.high, p->windows[i].until);
  }
  return s;
}

void plot_bin_label(const struct plot *p, int32_t bin, struct chn_buf *out)
{
  char from[PLOT_NUMBER_SIZE], until[PLOT_NUMBER_SIZE];
  const double span = p->at[p->n] - p->at[0];
  plot_place(p, p->at[bin], span, from);
  plot_place(p, p->at[bin + 1], span, until);
  chn_buf_clear(out);
  if (strcmp(from, until) == 0) {
    chn_buf_adds(out, from);
  } else {
    chn_buf_addf(out, "%s to %s", from, until);
  }
}
