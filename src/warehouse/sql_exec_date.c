// Parts of instants, and the arithmetic of dates.
#include "warehouse/sql_exec_int.h"
#include <string.h>

struct parts {
  int64_t days, year;
  int32_t month, day;
  int64_t micros; ///< of the day
};

static struct parts parts_of(int64_t micros)
{
  struct parts p;
  p.days = sp_floor_div(micros, 86400000000);
  p.micros = sp_floor_mod(micros, 86400000000);
  sp_civil_of(p.days, &p.year, &p.month, &p.day);
  return p;
}

// Monday is 0.
static int32_t weekday_of(int64_t days)
{
  return (int32_t)(days + 3 - sp_floor_div(days + 3, 7) * 7);
}

// ISO 8601: the week of the year that has this week's Thursday.
static int32_t iso_week(int64_t days, int64_t *year)
{
  int32_t month = 0;
  int32_t day = 0;
  const int64_t thursday = days - weekday_of(days) + 3;
  sp_civil_of(thursday, year, &month, &day);
  return (int32_t)((thursday - sp_days_of(*year, 1, 1)) / 7) + 1;
}

static int32_t year_of(const struct parts *p)
{
  return (int32_t)p->year;
}

static int32_t quarter_of(const struct parts *p)
{
  return (p->month - 1) / 3 + 1;
}

static int32_t month_of(const struct parts *p)
{
  return p->month;
}

static int32_t day_of(const struct parts *p)
{
  return p->day;
}

static int32_t day_of_week(const struct parts *p)
{
  return (weekday_of(p->days) + 1) % 7 + 1; // Sunday is 1
}

static int32_t weekday(const struct parts *p)
{
  return weekday_of(p->days);
}

static int32_t day_of_year(const struct parts *p)
{
  return (int32_t)(p->days - sp_days_of(p->year, 1, 1)) + 1;
}

static int32_t week_of_year(const struct parts *p)
{
  int64_t year = 0;
  return iso_week(p->days, &year);
}

static int32_t year_of_week(const struct parts *p)
{
  int64_t year = 0;
  iso_week(p->days, &year);
  return (int32_t)year;
}

static int32_t hour_of(const struct parts *p)
{
  return (int32_t)(p->micros / 3600000000);
}

static int32_t minute_of(const struct parts *p)
{
  return (int32_t)(p->micros / 60000000 % 60);
}

static int32_t second_of(const struct parts *p)
{
  return (int32_t)(p->micros / 1000000 % 60);
}

// The kernel of all parts: which one is the function's extra info.
struct part {
  int32_t (*of)(const struct parts *p);
};

static const struct part part_year = { year_of };
static const struct part part_quarter = { quarter_of };
static const struct part part_month = { month_of };
static const struct part part_day = { day_of };
static const struct part part_dayofweek = { day_of_week };
static const struct part part_weekday = { weekday };
static const struct part part_dayofyear = { day_of_year };
static const struct part part_weekofyear = { week_of_year };
static const struct part part_yearofweek = { year_of_week };
static const struct part part_hour = { hour_of };
static const struct part part_minute = { minute_of };
static const struct part part_second = { second_of };

static void run_part(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct part *part = duckdb_scalar_function_get_extra_info(info);
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    const struct parts p = parts_of(x[i]);
    z[i] = part->of(&p);
  }
}

// ---- arithmetic -------------------------------------------------------------------------------

static void run_add_months(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int32_t *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (int32_t)sp_add_months(x[i], y[i]);
  }
}

static void run_last_day(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    int64_t year = 0;
    int32_t month = 0;
    int32_t day = 0;
    sp_civil_of(x[i], &year, &month, &day);
    z[i] = (int32_t)sp_days_of(year, month, sp_month_days(year, month));
  }
}

// make_date(y, m, d) and make_timestamp(y, m, d, h, min, sec): NULL where there is no such day.
static bool make_day(const struct sp_value v[3], int64_t *days)
{
  const int64_t y = v[0].i;
  if (v[0].kind != SP_INT || v[1].kind != SP_INT || v[2].kind != SP_INT || v[1].i < 1 ||
      v[1].i > 12 || v[2].i < 1 || v[2].i > sp_month_days(y, (int32_t)v[1].i)) {
    return false;
  }
  *days = sp_days_of(y, (int32_t)v[1].i, (int32_t)v[2].i);
  return true;
}

static void run_make_date(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[3];
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_open_all(r, in, 3);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v[] = { sp_get(&r[0], i), sp_get(&r[1], i), sp_get(&r[2], i) };
    int64_t days = 0;
    if (make_day(v, &days)) {
      z[i] = (int32_t)days;
    } else {
      sp_set_null(out, i);
    }
  }
}

static bool make_clock(const struct sp_value v[3], int64_t *micros)
{
  if (v[0].kind != SP_INT || v[1].kind != SP_INT || v[2].kind != SP_DOUBLE || v[0].i < 0 ||
      v[0].i > 23 || v[1].i < 0 || v[1].i > 59 || !(v[2].d >= 0 && v[2].d <= 60)) {
    return false;
  }
  const int64_t seconds = (int64_t)(v[2].d * 1e6 + 0.5);
  if (seconds > 60000000) {
    return false;
  }
  *micros = (v[0].i * 60 + v[1].i) * 60000000 + seconds;
  return true;
}

static void run_make_timestamp(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[6];
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_open_all(r, in, 6);
  for (idx_t i = 0; i < n; i++) {
    struct sp_value v[6];
    for (int c = 0; c < 6; c++) {
      v[c] = sp_get(&r[c], i);
    }
    int64_t days = 0;
    int64_t clock = 0;
    if (make_day(v, &days) && make_clock(v + 3, &clock)) {
      z[i] = sp_micros_of(days, clock);
    } else {
      sp_set_null(out, i);
    }
  }
}

// months_between(a, b, round): whole months where the days agree or both end their months, else
// with 31-day months, rounded to 8 digits.
static double months_between(int64_t a, int64_t b, bool round_off)
{
  const struct parts x = parts_of(a);
  const struct parts y = parts_of(b);
  const double months = (double)((x.year - y.year) * 12 + x.month - y.month);
  const bool both_last =
      x.day == sp_month_days(x.year, x.month) && y.day == sp_month_days(y.year, y.month);
  if (x.day == y.day || both_last) {
    return months;
  }
  const double seconds =
      (double)((x.day - y.day) * (int64_t)86400 + x.micros / 1000000 - y.micros / 1000000);
  const double all = months + seconds / (31 * 86400.0);
  if (!round_off) {
    return all;
  }
  const double scaled = all * 1e8;
  return (double)(int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5)) / 1e8;
}

static void run_months_between(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int64_t *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  const bool *round_off = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 2));
  double *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = months_between(x[i], y[i], round_off[i]);
  }
}

#define I32 DUCKDB_TYPE_INTEGER
#define F64 DUCKDB_TYPE_DOUBLE
#define DAY DUCKDB_TYPE_DATE
#define TSZ DUCKDB_TYPE_TIMESTAMP_TZ

static const struct sp_overload overloads[] = {
  { "sp_year", run_part, I32, { TSZ }, 0, &part_year },
  { "sp_quarter", run_part, I32, { TSZ }, 0, &part_quarter },
  { "sp_month", run_part, I32, { TSZ }, 0, &part_month },
  { "sp_day", run_part, I32, { TSZ }, 0, &part_day },
  { "sp_dayofweek", run_part, I32, { TSZ }, 0, &part_dayofweek },
  { "sp_weekday", run_part, I32, { TSZ }, 0, &part_weekday },
  { "sp_dayofyear", run_part, I32, { TSZ }, 0, &part_dayofyear },
  { "sp_weekofyear", run_part, I32, { TSZ }, 0, &part_weekofyear },
  { "sp_yearofweek", run_part, I32, { TSZ }, 0, &part_yearofweek },
  { "sp_hour", run_part, I32, { TSZ }, 0, &part_hour },
  { "sp_minute", run_part, I32, { TSZ }, 0, &part_minute },
  { "sp_second", run_part, I32, { TSZ }, 0, &part_second },
  { "sp_add_months", run_add_months, DAY, { DAY, I32 }, 0, 0 },
  { "sp_last_day", run_last_day, DAY, { DAY }, 0, 0 },
  { "sp_make_date", run_make_date, DAY, { I32, I32, I32 }, 0, 0 },
  { "sp_make_timestamp", run_make_timestamp, TSZ, { I32, I32, I32, I32, I32, F64 }, 0, 0 },
  { "sp_months_between", run_months_between, F64, { TSZ, TSZ, DUCKDB_TYPE_BOOLEAN }, 0, 0 },
};

chn_status sp_install_date(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
