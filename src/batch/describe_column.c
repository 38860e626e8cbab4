#include "batch/describe_column.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "codec/json.h"
#include "row/col.h"

enum { LG_K = 14, MOST_SMALL = 1 << 24 };

void describe_column_init(struct describe_column *c)
{
  c->distinct = -1;
  c->low = c->high = c->mean = c->psi = c->linf = NAN;
  for (int32_t i = 0; i < DESCRIBE_QUANTILES; i++) {
    c->quantiles[i] = NAN;
  }
}

void described_init(struct described *d, struct describe_column *out, enum row_kind kind)
{
  *d = (struct described){ .out = out, .kind = kind };
  describe_column_init(out);
  if (out->kind != DESCRIBE_OTHER) {
    d->distinct = agg_cpc_new(LG_K);
  }
  if (out->kind == DESCRIBE_TEXT) {
    d->tally = describe_tally_new();
  } else if (out->kind != DESCRIBE_OTHER) {
    d->sketch = agg_kll_new(DESCRIBE_K);
    d->baseline = agg_kll_new(DESCRIBE_K);
  }
}

void described_deinit(struct described *d)
{
  agg_cpc_free(d->distinct);
  agg_kll_free(d->sketch);
  agg_kll_free(d->baseline);
  describe_tally_free(d->tally);
  chn_buf_deinit(&d->low_text);
  chn_buf_deinit(&d->high_text);
}

// ---- rows -------------------------------------------------------------------------------------

static int64_t long_at(enum row_kind kind, const void *data, size_t i)
{
  switch (kind) {
  case ROW_BYTE: return ((const int8_t *)data)[i];
  case ROW_SHORT: return ((const int16_t *)data)[i];
  case ROW_INT:
  case ROW_DATE: return ((const int32_t *)data)[i];
  default: return ((const int64_t *)data)[i];
  }
}

static bool is_real(enum row_kind kind)
{
  return kind == ROW_FLOAT || kind == ROW_DOUBLE;
}

static double real_at(enum row_kind kind, const void *data, size_t i)
{
  return kind == ROW_FLOAT ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static double ms_of(enum row_kind kind, int64_t value)
{
  return kind == ROW_DATE ? (double)value * CHN_DAY_MS : (double)value / 1000;
}

static double number_of(const struct described *d, int64_t value)
{
  return d->out->kind == DESCRIBE_NUMBER ? (double)value : ms_of(d->kind, value);
}

/// The value as the sketches take it.
static double sketched(struct described *d, const struct row_col *c, size_t i)
{
  if (is_real(d->kind)) {
    return real_at(d->kind, c->data, i);
  }
  const int64_t value = long_at(d->kind, c->data, i);
  // A FLOAT has 24 bits: of an instant since 1970 minutes would be left.
  if (!d->any && agg_kll_count(d->baseline) == 0) {
    const bool small = d->out->kind == DESCRIBE_NUMBER && value > -MOST_SMALL && value < MOST_SMALL;
    d->origin = small ? 0 : number_of(d, value);
  }
  return number_of(d, value) - d->origin;
}

static void take_long(struct described *d, int64_t value)
{
  agg_cpc_update_long(d->distinct, value);
  d->low = !d->any || value < d->low ? value : d->low;
  d->high = !d->any || value > d->high ? value : d->high;
}

static void take_real(struct described *d, double value)
{
  struct describe_column *out = d->out;
  agg_cpc_update_double(d->distinct, value);
  out->low = !d->any || value < out->low ? value : out->low;
  out->high = !d->any || value > out->high ? value : out->high;
}

static void take_number(struct described *d, const struct row_col *c, size_t i, double value)
{
  if (isnan(value)) {
    d->out->nans++;
    return;
  }
  if (is_real(d->kind)) {
    take_real(d, value);
  } else {
    take_long(d, long_at(d->kind, c->data, i));
  }
  d->any = true;
  d->sum += value + d->origin;
  agg_kll_update(d->sketch, (float)value);
}

static void keep_text(struct chn_buf *kept, const char *text, size_t len)
{
  chn_buf_clear(kept);
  chn_buf_add(kept, text, len);
}

static int compare(const struct chn_buf *kept, const char *text, size_t len)
{
  const int order = memcmp(chn_buf_str(kept), text, kept->len < len ? kept->len : len);
  return order != 0 ? order : (kept->len > len) - (kept->len < len);
}

static void take_text(struct described *d, const struct row_col *c, size_t i)
{
  const struct row_str *s = (const struct row_str *)c->data + i;
  const bool truth = d->kind == ROW_BOOLEAN && ((const bool *)c->data)[i];
  const char *name = truth ? "true" : "false";
  const char *text = d->kind == ROW_BOOLEAN ? name : row_str_bytes(s);
  const size_t len = d->kind == ROW_BOOLEAN ? strlen(name) : s->len;
  d->empty = d->empty || len == 0;
  agg_cpc_update_bytes(d->distinct, text, len);
  describe_tally_add(d->tally, text, len);
  if (!d->any || compare(&d->low_text, text, len) > 0) {
    keep_text(&d->low_text, text, len);
  }
  if (!d->any || compare(&d->high_text, text, len) < 0) {
    keep_text(&d->high_text, text, len);
  }
  d->any = true;
}

void described_take(struct described *d, const struct row_col *c, size_t n,
                    const struct describe_marks *marks)
{
  struct describe_column *out = d->out;
  for (size_t i = 0; i < n; i++) {
    const bool mine = marks->rows == NULL || marks->rows[i];
    const bool other = out->kind == DESCRIBE_OTHER;
    const bool null = other ? ((const bool *)c->data)[i] : row_is_null(c, i);
    out->rows += mine;
    out->nulls += mine && null;
    if (null || other) {
      continue;
    }
    if (out->kind == DESCRIBE_TEXT) {
      if (mine) {
        take_text(d, c, i);
      }
      continue;
    }
    const double value = sketched(d, c, i);
    if (mine) {
      take_number(d, c, i, value);
    }
    if (marks->baseline != NULL && marks->baseline[i]) {
      agg_kll_update(d->baseline, (float)value);
    }
  }
}

// ---- results ----------------------------------------------------------------------------------

/// "2024-03-10 12:30:05.250", the first ten of it for a day.
static const char *instant_text(double ms, bool day_only, char out[DESCRIBE_VALUE_SIZE])
{
  char ds[CHN_DS_SIZE];
  if (!(ms >= -62135596800000.0 && ms < 253402300800000.0)) {
    snprintf(out, DESCRIBE_VALUE_SIZE, "%.0f ms", ms);
    return out;
  }
  const int64_t at = (int64_t)floor(ms);
  const int32_t day = chn_day_of_ms(at);
  const int rest = (int)(at - chn_ms_of_day(day));
  chn_ds_of_day(day, ds);
  if (day_only) {
    snprintf(out, DESCRIBE_VALUE_SIZE, "%s", ds);
    return out;
  }
  const int n = snprintf(out, DESCRIBE_VALUE_SIZE, "%s %02d:%02d:%02d", ds, rest / CHN_HOUR_MS,
                         rest / CHN_MINUTE_MS % 60, rest / CHN_SECOND_MS % 60);
  if (rest % CHN_SECOND_MS != 0) {
    snprintf(out + n, (size_t)(DESCRIBE_VALUE_SIZE - n), ".%03d", rest % CHN_SECOND_MS);
  }
  return out;
}

const char *describe_value(const struct describe_column *c, double value,
                           char out[DESCRIBE_VALUE_SIZE])
{
  if (c->kind == DESCRIBE_TIME) {
    return instant_text(value, c->day, out);
  }
  const bool whole = floor(value) == value && fabs(value) < 1e15;
  snprintf(out, DESCRIBE_VALUE_SIZE, whole ? "%.0f" : "%.6g", value == 0 ? 0.0 : value);
  return out;
}

/// A float as the double that people write it as: 0.1, not 0.10000000149011612.
static double plain(float value)
{
  char text[40];
  for (int digits = 6; digits <= 9 && isfinite(value); digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    if (strtof(text, NULL) == value) {
      return strtod(text, NULL);
    }
  }
  return value;
}

static const char *real_text(enum row_kind kind, double value, struct arena *a)
{
  char text[40];
  return arena_strdup(a,
                      codec_json_real_text(kind == ROW_FLOAT ? plain((float)value) : value, text));
}

static void finish_ends(struct described *d, struct arena *a)
{
  struct describe_column *c = d->out;
  char text[DESCRIBE_VALUE_SIZE];
  if (!d->any) {
    return;
  }
  if (c->kind == DESCRIBE_TEXT) {
    c->min = arena_strndup(a, chn_buf_str(&d->low_text), d->low_text.len);
    c->max = arena_strndup(a, chn_buf_str(&d->high_text), d->high_text.len);
  } else if (c->kind == DESCRIBE_TIME) {
    c->low = ms_of(d->kind, d->low);
    c->high = ms_of(d->kind, d->high);
    c->min = arena_strdup(a, instant_text(c->low, c->day, text));
    c->max = arena_strdup(a, instant_text(c->high, c->day, text));
  } else if (is_real(d->kind)) {
    c->min = real_text(d->kind, c->low, a);
    c->max = real_text(d->kind, c->high, a);
  } else {
    c->low = (double)d->low;
    c->high = (double)d->high;
    c->min = arena_printf(a, "%" PRId64, d->low);
    c->max = arena_printf(a, "%" PRId64, d->high);
  }
}

void described_finish(struct described *d, const struct describe_options *o, struct arena *a)
{
  struct describe_column *c = d->out;
  const int64_t values = c->rows - c->nulls - c->nans;
  if (d->distinct != NULL) {
    const int64_t about = llround(agg_cpc_estimate(d->distinct)) + (d->empty ? 1 : 0);
    c->distinct = about < values ? about : values;
  }
  finish_ends(d, a);
  if (d->tally != NULL) {
    describe_tally_finish(d->tally, o, c, a);
  }
  if (d->sketch != NULL) {
    c->mean = c->kind == DESCRIBE_NUMBER && values > 0 ? d->sum / (double)values : NAN;
    describe_sketch(c, d->sketch, d->baseline, d->origin, o, a);
  }
  for (int32_t i = 0; i < DESCRIBE_QUANTILES && is_real(d->kind); i++) {
    c->quantiles[i] = plain((float)c->quantiles[i]);
  }
}
