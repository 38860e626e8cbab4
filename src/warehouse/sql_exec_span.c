// Instants cut to a unit, counted in a unit, moved by a unit; epochs.
#include "warehouse/sql_exec_int.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const int64_t day_micros = 86400000000;

enum unit {
  U_NONE,
  U_MICROSECOND,
  U_MILLISECOND,
  U_SECOND,
  U_MINUTE,
  U_HOUR,
  U_DAY,
  U_WEEK,
  U_MONTH,
  U_QUARTER,
  U_YEAR,
};

static const struct {
  const char *name;
  enum unit unit;
} units[] = {
  { "microsecond", U_MICROSECOND },
  { "millisecond", U_MILLISECOND },
  { "second", U_SECOND },
  { "minute", U_MINUTE },
  { "hour", U_HOUR },
  { "day", U_DAY },
  { "dd", U_DAY },
  { "dayofyear", U_DAY },
  { "week", U_WEEK },
  { "month", U_MONTH },
  { "mon", U_MONTH },
  { "mm", U_MONTH },
  { "quarter", U_QUARTER },
  { "year", U_YEAR },
  { "yyyy", U_YEAR },
  { "yy", U_YEAR },
};

static enum unit unit_of(const struct sp_value *v)
{
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (strlen(units[i].name) == v->len && strncasecmp(units[i].name, v->s, v->len) == 0) {
      return units[i].unit;
    }
  }
  return U_NONE;
}

static int64_t unit_micros(enum unit u)
{
  static const int64_t micros[] = { 0,        1,          1000,        1000000,
                                    60000000, 3600000000, 86400000000, 604800000000 };
  return micros[u];
}

static int32_t unit_months(enum unit u)
{
  return u == U_YEAR ? 12 : u == U_QUARTER ? 3 : 1;
}

static int64_t cut_days(int64_t days, enum unit u)
{
  int64_t year = 0;
  int32_t month = 0;
  int32_t day = 0;
  if (u == U_WEEK) {
    return days - (days + 3 - sp_floor_div(days + 3, 7) * 7);
  }
  sp_civil_of(days, &year, &month, &day);
  const int32_t months = unit_months(u);
  return sp_days_of(year, (month - 1) / months * months + 1, 1);
}

// sp_date_trunc(unit, t); NULL for an unknown unit
static void run_date_trunc(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[2];
  sp_open_all(r, in, 2);
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value name = sp_get(&r[0], i);
    const struct sp_value t = sp_get(&r[1], i);
    const enum unit u = name.kind == SP_STRING ? unit_of(&name) : U_NONE;
    if (u == U_NONE || t.kind == SP_NULL) {
      sp_set_null(out, i);
    } else if (u <= U_DAY) {
      z[i] = sp_plus(t.i, -sp_floor_mod(t.i, unit_micros(u)));
    } else {
      z[i] = sp_micros_of(cut_days(sp_floor_div(t.i, day_micros), u), 0);
    }
  }
}

// sp_trunc(date, unit): weeks and longer; NULL for other units
static void run_trunc(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[2];
  sp_open_all(r, in, 2);
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value t = sp_get(&r[0], i);
    const struct sp_value name = sp_get(&r[1], i);
    const enum unit u = name.kind == SP_STRING ? unit_of(&name) : U_NONE;
    if (u < U_WEEK || t.kind == SP_NULL) {
      sp_set_null(out, i);
    } else {
      z[i] = (int32_t)cut_days(t.i, u);
    }
  }
}

static void month_and_rest(int64_t micros, int64_t *months, int64_t *rest)
{
  int64_t year = 0;
  int32_t month = 0;
  int32_t day = 0;
  const int64_t days = sp_floor_div(micros, day_micros);
  sp_civil_of(days, &year, &month, &day);
  *months = year * 12 + month - 1;
  *rest = day * day_micros + sp_floor_mod(micros, day_micros);
}

// Whole months from a to b, towards zero.
static int64_t months_from(int64_t a, int64_t b)
{
  int64_t x = 0;
  int64_t y = 0;
  int64_t x_rest = 0;
  int64_t y_rest = 0;
  month_and_rest(a, &x, &x_rest);
  month_and_rest(b, &y, &y_rest);
  const int64_t months = y - x;
  return months > 0 && y_rest < x_rest   ? months - 1
         : months < 0 && y_rest > x_rest ? months + 1
                                         : months;
}

static bool need_unit(duckdb_function_info info, enum unit u, const struct sp_value *name)
{
  if (u == U_NONE) {
    char msg[100];
    snprintf(msg, sizeof msg, "unknown unit of time \"%.*s\"",
             (int)(name->len < 40 ? name->len : 40), name->s);
    duckdb_scalar_function_set_error(info, msg);
  }
  return u != U_NONE;
}

// A function of a unit's name and two numbers.
static void run_by_unit(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out,
                        int64_t (*of)(enum unit u, int64_t x, int64_t y))
{
  struct sp_reader r[3];
  sp_open_all(r, in, 3);
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value name = sp_get(&r[0], i);
    const struct sp_value x = sp_get(&r[1], i);
    const struct sp_value y = sp_get(&r[2], i);
    if (name.kind == SP_NULL || x.kind == SP_NULL || y.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    const enum unit u = unit_of(&name);
    if (!need_unit(info, u, &name)) {
      return;
    }
    z[i] = of(u, x.i, y.i);
  }
}

static int64_t units_between(enum unit u, int64_t a, int64_t b)
{
  return u <= U_WEEK ? sp_plus(b, (int64_t)(0 - (uint64_t)a)) / unit_micros(u)
                     : months_from(a, b) / unit_months(u);
}

// sp_timestampdiff(unit, a, b)
static void run_diff(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  run_by_unit(info, in, out, units_between);
}

static int64_t add_units(enum unit u, int64_t by, int64_t t)
{
  if (u <= U_WEEK) {
    return sp_plus(t, (int64_t)((uint64_t)by * (uint64_t)unit_micros(u)));
  }
  const int64_t days = sp_floor_div(t, day_micros);
  return sp_micros_of(sp_add_months(days, by * unit_months(u)), sp_floor_mod(t, day_micros));
}

// sp_timestampadd(unit, n, t)
static void run_add(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  run_by_unit(info, in, out, add_units);
}

// sp_next_day(date, name): the first such weekday after the date
static void run_next_day(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  static const char *const names[] = { "monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday" };
  struct sp_reader r[2];
  sp_open_all(r, in, 2);
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value t = sp_get(&r[0], i);
    const struct sp_value name = sp_get(&r[1], i);
    int64_t want = -1;
    for (int k = 0; k < 7 && name.kind == SP_STRING; k++) {
      const bool whole = name.len == 2 || name.len == 3 || name.len == strlen(names[k]);
      if (whole && strncasecmp(names[k], name.s, name.len) == 0) {
        want = k;
      }
    }
    if (want < 0 || t.kind == SP_NULL) {
      sp_set_null(out, i);
      continue;
    }
    const int64_t have = t.i + 3 - sp_floor_div(t.i + 3, 7) * 7;
    z[i] = (int32_t)(t.i + (want - have + 6) % 7 + 1);
  }
}

// ---- epochs -----------------------------------------------------------------------------------

struct scale {
  int64_t micros;
};

static const struct scale seconds = { 1000000 };
static const struct scale millis = { 1000 };
static const struct scale micros_unit = { 1 };

static void run_from_epoch(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct scale *s = duckdb_scalar_function_get_extra_info(info);
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int64_t *z = duckdb_vector_get_data(out);
  sp_copy_nulls(in, out);
  const uint64_t *valid = duckdb_vector_get_validity(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const bool is_null = valid && !(valid[i / 64] >> (i % 64) & 1);
    if (!is_null && __builtin_mul_overflow(x[i], s->micros, &z[i])) {
      duckdb_scalar_function_set_error(info, "epoch out of the range of timestamps");
      return;
    }
  }
}

static void run_to_epoch(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct scale *s = duckdb_scalar_function_get_extra_info(info);
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = sp_floor_div(x[i], s->micros);
  }
}

// A day as its number and back: the same 32 bits.
static void run_same(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  (void)info;
  sp_copy_nulls(in, out);
  memcpy(duckdb_vector_get_data(out), x, duckdb_data_chunk_get_size(in) * sizeof *x);
}

// Seconds of the minute with their fraction, for extract(SECOND).
static void run_seconds(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  double *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (double)sp_floor_mod(x[i], 60000000) / 1e6;
  }
}

#define I32 DUCKDB_TYPE_INTEGER
#define I64 DUCKDB_TYPE_BIGINT
#define DAY DUCKDB_TYPE_DATE
#define TEXT DUCKDB_TYPE_VARCHAR
#define TSZ DUCKDB_TYPE_TIMESTAMP_TZ

static const struct sp_overload overloads[] = {
  { "sp_date_trunc", run_date_trunc, TSZ, { TEXT, TSZ }, false, NULL },
  { "sp_trunc", run_trunc, DAY, { DAY, TEXT }, false, NULL },
  { "sp_timestampdiff", run_diff, I64, { TEXT, TSZ, TSZ }, false, NULL },
  { "sp_timestampadd", run_add, TSZ, { TEXT, I32, TSZ }, false, NULL },
  { "sp_next_day", run_next_day, DAY, { DAY, TEXT }, false, NULL },
  { "sp_timestamp_seconds", run_from_epoch, TSZ, { I64 }, false, &seconds },
  { "sp_timestamp_millis", run_from_epoch, TSZ, { I64 }, false, &millis },
  { "sp_timestamp_micros", run_from_epoch, TSZ, { I64 }, false, &micros_unit },
  { "sp_unix_seconds", run_to_epoch, I64, { TSZ }, false, &seconds },
  { "sp_unix_millis", run_to_epoch, I64, { TSZ }, false, &millis },
  { "sp_unix_micros", run_to_epoch, I64, { TSZ }, false, &micros_unit },
  { "sp_unix_date", run_same, I32, { DAY }, false, NULL },
  { "sp_date_from_unix_date", run_same, DAY, { I32 }, false, NULL },
  { "sp_seconds", run_seconds, DUCKDB_TYPE_DOUBLE, { TSZ }, false, NULL },
};

chn_status sp_install_span(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
