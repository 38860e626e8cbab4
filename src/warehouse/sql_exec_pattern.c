// Java's date patterns (yyyy-MM-dd HH:mm:ss ...), as date_format and to_timestamp use them, in UTC.
// A pattern is read letter run by letter run; text in quotes and other characters stand for
// themselves.
#include "warehouse/sql_exec_int.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const month_names[] = { "January",   "February", "March",    "April",
                                           "May",       "June",     "July",     "August",
                                           "September", "October",  "November", "December" };
static const char *const day_names[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday" };

struct instant {
  int64_t year;
  int32_t month, day, hour, minute, second, micros;
  int32_t weekday; ///< Monday 0
  int32_t day_of_year;
};

struct run {
  char letter; ///< 0: literal text
  int count;
  const char *text;
  size_t len;
};

// The next run of the pattern at *at; false at the end.
static bool next_run(const char *pattern, size_t len, size_t *at, struct run *r)
{
  if (*at >= len) {
    return false;
  }
  const char *s = pattern + *at;
  *r = (struct run){ .text = s, .len = 1 };
  if (*s == '\'') {
    const char *end = memchr(s + 1, '\'', len - *at - 1);
    const size_t inner = end ? (size_t)(end - s) - 1 : len - *at - 1;
    *r =
        inner ? (struct run){ .text = s + 1, .len = inner } : (struct run){ .text = "'", .len = 1 };
    *at += inner + 1 + (end != NULL);
    return true;
  }
  if (!isalpha((unsigned char)*s)) {
    *at += 1;
    return true;
  }
  r->letter = *s;
  while (*at < len && pattern[*at] == r->letter) {
    r->count++;
    ++*at;
  }
  return true;
}

static struct instant instant_of(int64_t micros)
{
  struct instant t;
  const int64_t days = sp_floor_div(micros, 86400000000);
  const int64_t rest = sp_floor_mod(micros, 86400000000);
  sp_civil_of(days, &t.year, &t.month, &t.day);
  t.hour = (int32_t)(rest / 3600000000);
  t.minute = (int32_t)(rest / 60000000 % 60);
  t.second = (int32_t)(rest / 1000000 % 60);
  t.micros = (int32_t)(rest % 1000000);
  t.weekday = (int32_t)(days + 3 - sp_floor_div(days + 3, 7) * 7);
  t.day_of_year = (int32_t)(days - sp_days_of(t.year, 1, 1)) + 1;
  return t;
}

// ---- writing ----------------------------------------------------------------------------------

static void write_year(struct chn_buf *b, int64_t year, int count)
{
  if (count == 2) {
    chn_buf_addf(b, "%02d", (int)((year % 100 + 100) % 100));
  } else {
    chn_buf_addf(b, "%s%0*lld", year > 9999 && count == 4 ? "+" : "", count, (long long)year);
  }
}

static void write_fraction(struct chn_buf *b, int32_t micros, int count)
{
  char text[16];
  snprintf(text, sizeof text, "%06d000", micros);
  chn_buf_add(b, text, (size_t)(count < 9 ? count : 9));
}

static void write_zone(struct chn_buf *b, char letter, int count)
{
  static const char *const offsets[] = { "+00", "+0000", "+00:00", "+0000", "+00:00" };
  if (letter == 'X') {
    chn_buf_addc(b, 'Z');
  } else if (letter == 'x') {
    chn_buf_adds(b, offsets[(count - 1) % 5]);
  } else if (letter == 'Z') {
    chn_buf_adds(b, count == 5 ? "Z" : count == 4 ? "GMT" : "+0000");
  } else {
    chn_buf_adds(b, letter == 'O'                 ? "GMT"
                    : count == 4 && letter == 'z' ? "Coordinated Universal Time"
                                                  : "UTC");
  }
}

// One run; false for a letter that is not supported.
static bool write_run(struct chn_buf *b, const struct instant *t, const struct run *r)
{
  switch (r->letter) {
  case 0: chn_buf_add(b, r->text, r->len); return true;
  case 'y':
  case 'u': write_year(b, t->year, r->count); return true;
  case 'M':
  case 'L':
    if (r->count > 2) {
      chn_buf_addf(b, r->count == 3 ? "%.3s" : "%s", month_names[t->month - 1]);
    } else {
      chn_buf_addf(b, "%0*d", r->count, t->month);
    }
    return true;
  case 'd': chn_buf_addf(b, "%0*d", r->count, t->day); return true;
  case 'D': chn_buf_addf(b, "%0*d", r->count, t->day_of_year); return true;
  case 'E': chn_buf_addf(b, r->count < 4 ? "%.3s" : "%s", day_names[t->weekday]); return true;
  case 'H': chn_buf_addf(b, "%0*d", r->count, t->hour); return true;
  case 'k': chn_buf_addf(b, "%0*d", r->count, t->hour ? t->hour : 24); return true;
  case 'h': chn_buf_addf(b, "%0*d", r->count, t->hour % 12 ? t->hour % 12 : 12); return true;
  case 'K': chn_buf_addf(b, "%0*d", r->count, t->hour % 12); return true;
  case 'm': chn_buf_addf(b, "%0*d", r->count, t->minute); return true;
  case 's': chn_buf_addf(b, "%0*d", r->count, t->second); return true;
  case 'S': write_fraction(b, t->micros, r->count); return true;
  case 'a': chn_buf_adds(b, t->hour < 12 ? "AM" : "PM"); return true;
  case 'Q':
  case 'q':
    chn_buf_addf(b, r->count == 3 ? "Q%d" : "%0*d",
                 r->count == 3 ? (t->month - 1) / 3 + 1 : r->count, (t->month - 1) / 3 + 1);
    return true;
  case 'X':
  case 'x':
  case 'Z':
  case 'O':
  case 'V':
  case 'z': write_zone(b, r->letter, r->count); return true;
  default: return false;
  }
}

static void bad_letter(duckdb_function_info info, char letter)
{
  char msg[120];
  snprintf(msg, sizeof msg, "date pattern: letter \"%c\" is not supported", letter);
  duckdb_scalar_function_set_error(info, msg);
}

// sp_date_format(t, pattern)
static void run_format(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[2];
  struct chn_buf b = { .max = SP_MAX_TEXT };
  sp_open_all(r, in, 2);
  const idx_t n = duckdb_data_chunk_get_size(in);
  bool ok = true;
  for (idx_t i = 0; i < n && ok; i++) {
    const struct sp_value t = sp_get(&r[0], i);
    const struct sp_value pattern = sp_get(&r[1], i);
    if (t.kind == SP_NULL || pattern.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    const struct instant when = instant_of(t.i);
    struct run one;
    chn_buf_clear(&b);
    for (size_t at = 0; ok && next_run(pattern.s, pattern.len, &at, &one);) {
      ok = write_run(&b, &when, &one);
      if (!ok) {
        bad_letter(info, one.letter);
      }
    }
    if (!sp_set_buf(info, out, i, &b)) {
      break;
    }
  }
  chn_buf_deinit(&b);
}

// ---- reading ----------------------------------------------------------------------------------

struct text {
  const char *s;
  size_t len;
  size_t at;
};

// `least` to `most` digits.
static bool read_number(struct text *t, int least, int most, int64_t *out)
{
  int n = 0;
  *out = 0;
  while (n < most && t->at < t->len && isdigit((unsigned char)t->s[t->at])) {
    *out = *out * 10 + (t->s[t->at++] - '0');
    n++;
  }
  return n >= least;
}

static bool read_name(struct text *t, const char *const *names, int n, size_t cut, int32_t *out)
{
  for (int i = 0; i < n; i++) {
    const size_t len = cut ? cut : strlen(names[i]);
    if (t->len - t->at >= len && strncasecmp(t->s + t->at, names[i], len) == 0) {
      t->at += len;
      *out = i;
      return true;
    }
  }
  return false;
}

struct parsed {
  struct instant t;
  int32_t half; ///< AM 0, PM 1, -1 not given
  int64_t zone; ///< microseconds east of UTC
};

static bool read_zone(struct text *t, int64_t *zone)
{
  if (t->at < t->len && (t->s[t->at] == 'Z' || t->s[t->at] == 'z')) {
    t->at++;
    return true;
  }
  if (t->len - t->at >= 3 &&
      (strncasecmp(t->s + t->at, "UTC", 3) == 0 || strncasecmp(t->s + t->at, "GMT", 3) == 0)) {
    t->at += 3;
  }
  if (t->at == t->len || (t->s[t->at] != '+' && t->s[t->at] != '-')) {
    return true;
  }
  const int64_t sign = t->s[t->at++] == '-' ? -1 : 1;
  int64_t hours = 0;
  int64_t minutes = 0;
  if (!read_number(t, 2, 2, &hours)) {
    return false;
  }
  if (t->at < t->len && t->s[t->at] == ':') {
    t->at++;
  }
  if (t->at < t->len && !read_number(t, 2, 2, &minutes)) {
    return false;
  }
  *zone = sign * (hours * 60 + minutes) * 60000000;
  return hours <= 18 && minutes < 60;
}

static bool read_fraction(struct text *t, int count, int32_t *micros)
{
  int64_t v = 0;
  if (!read_number(t, count, count, &v)) {
    return false;
  }
  for (int i = count; i < 6; i++) {
    v *= 10;
  }
  for (int i = 6; i < count; i++) {
    v /= 10;
  }
  *micros = (int32_t)v;
  return true;
}

// Digits that a numeric run takes: one letter takes what is there, more take exactly as many;
// a year of four takes more unless digits of the next run follow.
static bool read_field(struct text *t, const struct run *r, bool digits_follow, int64_t *out)
{
  const bool year = r->letter == 'y' || r->letter == 'u';
  const int most = r->count == 1 || (year && r->count != 2 && !digits_follow) ? 9 : r->count;
  const bool ok = read_number(t, r->count == 1 ? 1 : r->count, most, out);
  if (year && r->count == 2) {
    *out += 2000;
  }
  return ok;
}

static int32_t *field_of(struct instant *t, char letter)
{
  switch (letter) {
  case 'M':
  case 'L': return &t->month;
  case 'd': return &t->day;
  case 'D': return &t->day_of_year;
  case 'H':
  case 'h':
  case 'K':
  case 'k': return &t->hour;
  case 'm': return &t->minute;
  case 's': return &t->second;
  default: return NULL;
  }
}

static bool read_run(struct text *t, const struct run *r, bool digits_follow, struct parsed *p)
{
  int64_t v = 0;
  switch (r->letter) {
  case 0:
    if (t->len - t->at < r->len || strncasecmp(t->s + t->at, r->text, r->len) != 0) {
      return false;
    }
    t->at += r->len;
    return true;
  case 'E': return read_name(t, day_names, 7, r->count < 4 ? 3 : 0, &p->t.weekday);
  case 'a': {
    static const char *const halves[] = { "AM", "PM" };
    return read_name(t, halves, 2, 0, &p->half);
  }
  case 'S': return read_fraction(t, r->count, &p->t.micros);
  case 'X':
  case 'x':
  case 'Z':
  case 'V':
  case 'O':
  case 'z': return read_zone(t, &p->zone);
  case 'y':
  case 'u': return read_field(t, r, digits_follow, &p->t.year);
  default: break;
  }
  if ((r->letter == 'M' || r->letter == 'L') && r->count > 2) {
    const bool ok = read_name(t, month_names, 12, r->count == 3 ? 3 : 0, &p->t.month);
    p->t.month++;
    return ok;
  }
  int32_t *field = field_of(&p->t, r->letter);
  if (!field || !read_field(t, r, digits_follow, &v)) {
    return false;
  }
  *field = (int32_t)v;
  return true;
}

static bool is_numeric(const struct run *r)
{
  return r->letter && strchr("yuMLdDHhKkmsS", r->letter) &&
         !((r->letter == 'M' || r->letter == 'L') && r->count > 2);
}

static bool resolve(struct parsed *p, int64_t *micros)
{
  struct instant *t = &p->t;
  if (p->half >= 0) {
    t->hour = t->hour % 12 + 12 * p->half;
  }
  if (t->hour == 24) {
    t->hour = 0;
  }
  if (t->day_of_year > 0) {
    int64_t days = sp_days_of(t->year, 1, 1) + t->day_of_year - 1;
    int64_t year = 0;
    sp_civil_of(days, &year, &t->month, &t->day);
    if (year != t->year) {
      return false;
    }
  }
  if (t->month < 1 || t->month > 12 || t->day < 1 || t->day > sp_month_days(t->year, t->month) ||
      t->hour > 23 || t->minute > 59 || t->second > 59) {
    return false;
  }
  const int64_t seconds = (t->hour * 60 + t->minute) * (int64_t)60 + t->second;
  *micros =
      sp_micros_of(sp_days_of(t->year, t->month, t->day), seconds * 1000000 + t->micros - p->zone);
  return true;
}

static bool parse(const struct sp_value *s, const struct sp_value *pattern, int64_t *micros)
{
  struct text t = { s->s, s->len, 0 };
  struct parsed p = { .t = { .year = 1970, .month = 1, .day = 1 }, .half = -1 };
  struct run one;
  for (size_t at = 0; next_run(pattern->s, pattern->len, &at, &one);) {
    struct run following;
    size_t ahead = at;
    const bool more = next_run(pattern->s, pattern->len, &ahead, &following);
    if (!read_run(&t, &one, more && is_numeric(&following), &p)) {
      return false;
    }
  }
  return t.at == t.len && resolve(&p, micros);
}

// sp_parse_time(s, pattern): NULL where the text does not match
static void run_parse(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[2];
  sp_open_all(r, in, 2);
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value s = sp_get(&r[0], i);
    const struct sp_value pattern = sp_get(&r[1], i);
    if (s.kind == SP_NULL || pattern.kind == SP_NULL || !parse(&s, &pattern, &z[i])) {
      sp_set_null(out, i);
    }
  }
}

// sp_unix_timestamp(x, pattern): seconds; strings are read by the pattern, other types are cast
static void run_unix(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[2];
  sp_open_all(r, in, 2);
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value x = sp_get(&r[0], i);
    const struct sp_value pattern = sp_get(&r[1], i);
    int64_t micros = 0;
    const bool ok = x.kind == SP_STRING ? pattern.kind == SP_STRING && parse(&x, &pattern, &micros)
                                        : sp_to_time(&x, &micros);
    if (ok) {
      z[i] = sp_floor_div(micros, 1000000);
    } else {
      sp_set_null(out, i);
    }
  }
}

#define TEXT DUCKDB_TYPE_VARCHAR
#define TSZ DUCKDB_TYPE_TIMESTAMP_TZ

static const struct sp_overload overloads[] = {
  { "sp_date_format", run_format, TEXT, { TSZ, TEXT }, false, NULL },
  { "sp_parse_time", run_parse, TSZ, { TEXT, TEXT }, false, NULL },
  { "sp_unix_timestamp", run_unix, DUCKDB_TYPE_BIGINT, { DUCKDB_TYPE_ANY, TEXT }, false, NULL },
};

chn_status sp_install_pattern(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
