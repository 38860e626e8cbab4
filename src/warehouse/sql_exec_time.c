// The calendar, and the texts of days and instants that Spark's casts read and write.
// Days to civil dates after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
#include "warehouse/sql_exec_int.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int64_t sp_floor_div(int64_t a, int64_t b)
{
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t sp_floor_mod(int64_t a, int64_t b)
{
  const int64_t rest = a % b;
  return rest < 0 ? rest + b : rest;
}

int64_t sp_plus(int64_t x, int64_t y)
{
  return (int64_t)((uint64_t)x + (uint64_t)y);
}

int64_t sp_micros_of(int64_t days, int64_t rest)
{
  return (int64_t)((uint64_t)days * 86400000000U + (uint64_t)rest);
}

int64_t sp_days_of(int64_t year, int32_t month, int32_t day)
{
  const int64_t y = year - (month <= 2);
  const int64_t era = sp_floor_div(y, 400);
  const int64_t yoe = y - era * 400;
  const int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void sp_civil_of(int64_t days, int64_t *year, int32_t *month, int32_t *day)
{
  const int64_t z = days + 719468;
  const int64_t era = sp_floor_div(z, 146097);
  const int64_t doe = z - era * 146097;
  const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const int64_t mp = (5 * doy + 2) / 153;
  *day = (int32_t)(doy - (153 * mp + 2) / 5 + 1);
  *month = (int32_t)(mp < 10 ? mp + 3 : mp - 9);
  *year = yoe + era * 400 + (*month <= 2);
}

int32_t sp_month_days(int64_t year, int32_t month)
{
  static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return days[month - 1] + (month == 2 && leap);
}

int64_t sp_add_months(int64_t days, int64_t months)
{
  int64_t year = 0;
  int32_t month = 0;
  int32_t day = 0;
  sp_civil_of(days, &year, &month, &day);
  const int64_t all = year * 12 + month - 1 + months;
  year = sp_floor_div(all, 12);
  month = (int32_t)(all - year * 12) + 1;
  const int32_t last = sp_month_days(year, month);
  return sp_days_of(year, month, day < last ? day : last);
}

size_t sp_date_text(int64_t days, char *out)
{
  int64_t year = 0;
  int32_t month = 0;
  int32_t day = 0;
  sp_civil_of(days, &year, &month, &day);
  const char *sign = year > 9999 ? "+" : year < 0 ? "-" : "";
  const long long shown = year < 0 ? -year : year;
  return (size_t)snprintf(out, SP_MAX_NUMBER, "%s%04lld-%02d-%02d", sign, shown, month, day);
}

size_t sp_time_text(int64_t micros, char *out)
{
  const int64_t days = sp_floor_div(micros, 86400000000);
  const int64_t rest = sp_floor_mod(micros, 86400000000);
  const int seconds = (int)(rest / 1000000);
  size_t n = sp_date_text(days, out);
  n += (size_t)snprintf(out + n, SP_MAX_NUMBER - n, " %02d:%02d:%02d", seconds / 3600,
                        seconds / 60 % 60, seconds % 60);
  if (rest % 1000000) {
    n += (size_t)snprintf(out + n, SP_MAX_NUMBER - n, ".%06d", (int)(rest % 1000000));
    while (out[n - 1] == '0') {
      n--;
    }
  }
  return n;
}

// ---- reading ----------------------------------------------------------------------------------

struct cursor {
  const char *s;
  size_t len;
  size_t at;
};

// Between `min` and `max` digits.
static bool digits(struct cursor *c, int min, int max, int32_t *out)
{
  int n = 0;
  *out = 0;
  while (n < max && c->at < c->len && isdigit((unsigned char)c->s[c->at])) {
    *out = *out * 10 + (c->s[c->at++] - '0');
    n++;
  }
  return n >= min && (c->at == c->len || !isdigit((unsigned char)c->s[c->at]));
}

static bool take(struct cursor *c, char want)
{
  const bool at = c->at < c->len && c->s[c->at] == want;
  c->at += at;
  return at;
}

// [+-]y{4,7}[-m[-d]]; an absent part is 1.
static bool read_date(struct cursor *c, int64_t *days)
{
  int32_t year = 0;
  int32_t month = 1;
  int32_t day = 1;
  const bool minus = take(c, '-');
  if (!minus) {
    take(c, '+');
  }
  bool ok = digits(c, 4, 7, &year);
  if (ok && take(c, '-')) {
    ok = digits(c, 1, 2, &month);
    if (ok && take(c, '-')) {
      ok = digits(c, 1, 2, &day);
    }
  }
  const int64_t y = minus ? -year : year;
  if (!ok || month < 1 || month > 12 || day < 1 || day > sp_month_days(y, month)) {
    return false;
  }
  *days = sp_days_of(y, month, day);
  return true;
}

bool sp_text_to_date(const char *s, size_t len, int32_t *days)
{
  sp_trim(&s, &len);
  struct cursor c = { s, len, 0 };
  int64_t d = 0;
  if (!read_date(&c, &d)) {
    return false;
  }
  *days = (int32_t)d;
  // a time of any form may follow a whole date
  const size_t dash = len ? (size_t)(memchr(s + 1, '-', len - 1) != NULL) : 0;
  return c.at == len || (dash && (s[c.at] == ' ' || s[c.at] == 'T'));
}

static bool read_fraction(struct cursor *c, int64_t *micros)
{
  int n = 0;
  *micros = 0;
  while (c->at < c->len && isdigit((unsigned char)c->s[c->at])) {
    if (n++ < 6) {
      *micros = *micros * 10 + (c->s[c->at] - '0');
    }
    c->at++;
  }
  for (int i = n; i < 6; i++) {
    *micros *= 10;
  }
  return n <= 9;
}

// h[:m[:s[.f]]]
static bool read_clock(struct cursor *c, int64_t *micros)
{
  int32_t part[3] = { 0, 0, 0 };
  int64_t fraction = 0;
  bool ok = digits(c, 1, 2, &part[0]);
  if (ok && take(c, ':')) {
    ok = digits(c, 1, 2, &part[1]);
    if (ok && take(c, ':')) {
      ok = digits(c, 1, 2, &part[2]);
      ok = ok && (!take(c, '.') || read_fraction(c, &fraction));
    }
  }
  *micros = ((part[0] * 60 + part[1]) * (int64_t)60 + part[2]) * 1000000 + fraction;
  return ok && part[0] < 24 && part[1] < 60 && part[2] < 60;
}

// Z, UTC, GMT, or +h[:m[:s]], with or without UTC or GMT before.
static bool read_zone(struct cursor *c, int64_t *micros)
{
  while (take(c, ' ')) {
  }
  *micros = 0;
  const size_t left = c->len - c->at;
  if (left == 1 && take(c, 'Z')) {
    return true;
  }
  if (left >= 3 && (strncmp(c->s + c->at, "UTC", 3) == 0 || strncmp(c->s + c->at, "GMT", 3) == 0)) {
    c->at += 3;
  } else if (left >= 2 && strncmp(c->s + c->at, "UT", 2) == 0) {
    c->at += 2;
  }
  if (c->at == c->len) {
    return true;
  }
  const bool minus = take(c, '-');
  if (!minus && !take(c, '+')) {
    return false;
  }
  int32_t hours = 0;
  int32_t minutes = 0;
  bool ok = digits(c, 1, 4, &hours);
  if (ok && hours > 99) {
    minutes = hours % 100;
    hours /= 100;
  } else if (ok && take(c, ':')) {
    ok = digits(c, 1, 2, &minutes);
  }
  *micros = (hours * 60 + minutes) * (int64_t)60000000 * (minus ? -1 : 1);
  return ok && c->at == c->len && hours <= 18 && minutes < 60;
}

bool sp_text_to_time(const char *s, size_t len, int64_t *micros)
{
  sp_trim(&s, &len);
  struct cursor c = { s, len, 0 };
  int64_t days = 0;
  int64_t clock = 0;
  int64_t zone = 0;
  if (!read_date(&c, &days)) {
    return false;
  }
  if (c.at < len) {
    if ((!take(&c, ' ') && !take(&c, 'T')) || !read_clock(&c, &clock)) {
      return false;
    }
    if (c.at < len && !read_zone(&c, &zone)) {
      return false;
    }
  }
  *micros = sp_micros_of(days, clock - zone);
  return c.at == len;
}
