// Days from civil dates and back by Howard Hinnant's algorithms
// (chrono-Compatible Low-Level Date Algorithms, days_from_civil and civil_from_days).
#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Of the years that a ds can name: further off there is no day, and sums of instants wrap.
static const int64_t FIRST_MS = -62135596800000;
static const int64_t LAST_MS = 253402300799999;

static int32_t days_from_civil(int32_t y, int32_t m, int32_t d)
{
  y -= m <= 2;
  const int32_t era = (y >= 0 ? y : y - 399) / 400;
  const int32_t yoe = y - era * 400;
  const int32_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const int32_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

static void civil_from_days(int32_t z, int32_t *y, int32_t *m, int32_t *d)
{
  z += 719468;
  const int32_t era = (z >= 0 ? z : z - 146096) / 146097;
  const int32_t doe = z - era * 146097;
  const int32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const int32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const int32_t mp = (5 * doy + 2) / 153;
  *d = doy - (153 * mp + 2) / 5 + 1;
  *m = mp + (mp < 10 ? 3 : -9);
  *y = yoe + era * 400 + (*m <= 2);
}

int32_t chn_day_of_ms(int64_t ms)
{
  int64_t day = ms / CHN_DAY_MS;
  day -= ms % CHN_DAY_MS < 0;
  return (int32_t)day;
}

int64_t chn_ms_of_day(int32_t day)
{
  return (int64_t)day * CHN_DAY_MS;
}

char *chn_ds_of_day(int32_t day, char out[16])
{
  int32_t y = 0;
  int32_t m = 0;
  int32_t d = 0;
  civil_from_days(day, &y, &m, &d);
  snprintf(out, CHN_DS_SIZE, "%04d-%02d-%02d", y, m, d);
  return out;
}

/// Two or four digits at s; -1 where there are others.
static int32_t digits(const char *s, int n)
{
  int32_t v = 0;
  for (int i = 0; i < n; i++) {
    if (s[i] < '0' || s[i] > '9') {
      return -1;
    }
    v = v * 10 + (s[i] - '0');
  }
  return v;
}

chn_status chn_day_of_ds(const char *ds, int32_t *day, struct chn_err *err)
{
  const int32_t y = digits(ds, 4);
  const int32_t m = y >= 0 && ds[4] == '-' ? digits(ds + 5, 2) : -1;
  const int32_t d = m > 0 && ds[7] == '-' ? digits(ds + 8, 2) : -1;
  if (d <= 0 || ds[10] != '\0') {
    return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is not a date of the form yyyy-MM-dd", ds);
  }
  const int32_t found = days_from_civil(y, m, d);
  int32_t y2 = 0;
  int32_t m2 = 0;
  int32_t d2 = 0;
  civil_from_days(found, &y2, &m2, &d2);
  if (y2 != y || m2 != m || d2 != d) {
    return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is not a day of the calendar", ds);
  }
  *day = found;
  return CHN_OK;
}

/// Milliseconds of the day of "HH:MM[:SS[.fff]]" at *s, which moves behind it; -1 where there is
/// none.
static int64_t read_clock(const char **s)
{
  const char *p = *s;
  const int32_t h = digits(p, 2);
  const int32_t m = h >= 0 && p[2] == ':' ? digits(p + 3, 2) : -1;
  int32_t sec = 0;
  int64_t ms = 0;
  if (m < 0 || h > 23 || m > 59) {
    return -1;
  }
  p += 5;
  if (*p == ':') {
    sec = digits(p + 1, 2);
    if (sec < 0 || sec > 59) {
      return -1;
    }
    p += 3;
    if (*p == '.' && digits(p + 1, 1) >= 0) {
      p++;
      for (int64_t unit = 100; digits(p, 1) >= 0; unit /= 10, p++) {
        ms += unit * digits(p, 1);
      }
    }
  }
  *s = p;
  return ((int64_t)h * 3600 + m * 60 + sec) * 1000 + ms;
}

/// The offset "Z", "+HH:MM" or nothing; INT64_MIN where there is something else.
static int64_t read_offset(const char *s)
{
  if (s[0] == '\0' || strcmp(s, "Z") == 0) {
    return 0;
  }
  const char sign = *s++;
  const int32_t h = digits(s, 2);
  const char *minutes = h >= 0 && s[2] == ':' ? s + 3 : s + 2;
  const int32_t m = h >= 0 ? digits(minutes, 2) : -1;
  if ((sign != '+' && sign != '-' && sign != ' ') || m < 0 || m > 59 || h > 18 ||
      minutes[2] != '\0') {
    return INT64_MIN;
  }
  const int64_t ms = ((int64_t)h * 60 + m) * CHN_MINUTE_MS;
  return sign == '-' ? -ms : ms;
}

static bool read_number(const char *text, int64_t *ms)
{
  char *end = NULL;
  errno = 0;
  const long long value = strtoll(text, &end, 10);
  *ms = value;
  return end != text && *end == '\0' && errno == 0 && (*text == '-' || digits(text, 1) >= 0);
}

bool chn_ms_has_ds(int64_t ms)
{
  return ms >= FIRST_MS && ms <= LAST_MS;
}

static chn_status in_range(const char *text, int64_t ms, struct chn_err *err)
{
  return chn_ms_has_ds(ms)
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT,
                        "\"%s\" is no instant of the years 1 to 9999, epoch milliseconds or ISO "
                        "8601",
                        text);
}

chn_status chn_ms_of_text(const char *text, int64_t *ms, struct chn_err *err)
{
  char ds[11] = { 0 };
  int32_t day = 0;
  if (read_number(text, ms)) {
    return in_range(text, *ms, err);
  }
  memcpy(ds, text, strnlen(text, 10));
  if (chn_day_of_ds(ds, &day, NULL) == CHN_OK) {
    const char *rest = text + 10;
    int64_t clock = 0;
    if (*rest == 'T' || *rest == ' ') {
      rest++;
      clock = read_clock(&rest);
    }
    const int64_t offset =
        clock < 0 || (rest == text + 10 && *rest != '\0') ? INT64_MIN : read_offset(rest);
    if (offset != INT64_MIN) {
      *ms = chn_ms_of_day(day) + clock - offset;
      return in_range(text, *ms, err);
    }
  }
  return chn_fail(err, CHN_E_ARGUMENT,
                  "\"%s\" is no instant: epoch milliseconds or ISO 8601 (2024-03-10T12:30:00Z) is "
                  "needed",
                  text);
}

int64_t chn_now_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int32_t chn_today(void)
{
  return chn_day_of_ms(chn_now_ms());
}

double chn_monotonic_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}
