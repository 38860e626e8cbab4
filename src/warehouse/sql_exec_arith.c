// Arithmetic as Spark's: integers keep the wider operand's type and wrap around, division by zero
// is NULL, a string is a double, dates take days and intervals.
#include "warehouse/sql_exec_int.h"
#include <math.h>
#include <string.h>

#define COLUMNS(type)                                                                              \
  const type *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));                     \
  const type *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));                     \
  type *z = duckdb_vector_get_data(out);                                                           \
  const idx_t n = duckdb_data_chunk_get_size(in)

// One loop per operator and type, so that the compiler makes vector code of each; C has no other
// way to say it once. The unsigned type makes overflow wrap.
#define LOOP(name, type, expression)                                                               \
  static void name(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)             \
  {                                                                                                \
    COLUMNS(type);                                                                                 \
    (void)info;                                                                                    \
    sp_copy_nulls(in, out);                                                                        \
    for (idx_t i = 0; i < n; i++) {                                                                \
      z[i] = (type)(expression);                                                                   \
    }                                                                                              \
  }

LOOP(add_i8, int8_t, x[i] + y[i])
LOOP(add_i16, int16_t, x[i] + y[i])
LOOP(add_i32, int32_t, (uint32_t)x[i] + (uint32_t)y[i])
LOOP(add_i64, int64_t, (uint64_t)x[i] + (uint64_t)y[i])
LOOP(add_f32, float, x[i] + y[i])
LOOP(add_f64, double, x[i] + y[i])
LOOP(subtract_i8, int8_t, x[i] - y[i])
LOOP(subtract_i16, int16_t, x[i] - y[i])
LOOP(subtract_i32, int32_t, (uint32_t)x[i] - (uint32_t)y[i])
LOOP(subtract_i64, int64_t, (uint64_t)x[i] - (uint64_t)y[i])
LOOP(subtract_f32, float, x[i] - y[i])
LOOP(subtract_f64, double, x[i] - y[i])
LOOP(multiply_i8, int8_t, x[i] * y[i])
LOOP(multiply_i16, int16_t, x[i] * y[i])
LOOP(multiply_i32, int32_t, (uint32_t)x[i] * (uint32_t)y[i])
LOOP(multiply_i64, int64_t, (uint64_t)x[i] * (uint64_t)y[i])
LOOP(multiply_f32, float, x[i] * y[i])
LOOP(multiply_f64, double, x[i] * y[i])

// Division of every kind: zero below gives NULL, and MIN / -1 wraps instead of trapping.
#define DIVIDE(name, type, result, expression)                                                     \
  static void name(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)             \
  {                                                                                                \
    const type *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));                   \
    const type *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));                   \
    result *z = duckdb_vector_get_data(out);                                                       \
    const idx_t n = duckdb_data_chunk_get_size(in);                                                \
    (void)info;                                                                                    \
    sp_copy_nulls(in, out);                                                                        \
    for (idx_t i = 0; i < n; i++) {                                                                \
      if (y[i] == 0) {                                                                             \
        sp_set_null(out, i);                                                                       \
      } else {                                                                                     \
        z[i] = (result)(expression);                                                               \
      }                                                                                            \
    }                                                                                              \
  }

DIVIDE(divide_f64, double, double, x[i] / y[i])
DIVIDE(mod_i8, int8_t, int8_t, x[i] % y[i])
DIVIDE(mod_i16, int16_t, int16_t, x[i] % y[i])
DIVIDE(mod_i32, int32_t, int32_t, y[i] == -1 ? 0 : x[i] % y[i])
DIVIDE(mod_i64, int64_t, int64_t, y[i] == -1 ? 0 : x[i] % y[i])
DIVIDE(mod_f32, float, float, fmodf(x[i], y[i]))
DIVIDE(mod_f64, double, double, fmod(x[i], y[i]))
DIVIDE(div_i64, int64_t, int64_t, y[i] == -1 ? (int64_t)(0 - (uint64_t)x[i]) : x[i] / y[i])
DIVIDE(pmod_i32, int32_t, int32_t,
       y[i] == -1 ? 0 : (x[i] % y[i] < 0 ? (x[i] % y[i] + (int64_t)y[i]) % y[i] : x[i] % y[i]))
DIVIDE(pmod_i64, int64_t, int64_t,
       y[i] == -1 ? 0 : (x[i] % y[i] < 0 ? (x[i] % y[i] + y[i]) % y[i] : x[i] % y[i]))
DIVIDE(pmod_f64, double, double,
       fmod(x[i], y[i]) < 0 ? fmod(fmod(x[i], y[i]) + y[i], y[i]) : fmod(x[i], y[i]))

#define ONE(name, type, result, expression)                                                        \
  static void name(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)             \
  {                                                                                                \
    const type *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));                   \
    result *z = duckdb_vector_get_data(out);                                                       \
    const idx_t n = duckdb_data_chunk_get_size(in);                                                \
    (void)info;                                                                                    \
    sp_copy_nulls(in, out);                                                                        \
    for (idx_t i = 0; i < n; i++) {                                                                \
      z[i] = (result)(expression);                                                                 \
    }                                                                                              \
  }

ONE(negative_i8, int8_t, int8_t, -x[i])
ONE(negative_i16, int16_t, int16_t, -x[i])
ONE(negative_i32, int32_t, int32_t, 0 - (uint32_t)x[i])
ONE(negative_i64, int64_t, int64_t, 0 - (uint64_t)x[i])
ONE(negative_f32, float, float, -x[i])
ONE(negative_f64, double, double, -x[i])
ONE(abs_i8, int8_t, int8_t, x[i] < 0 ? -x[i] : x[i])
ONE(abs_i16, int16_t, int16_t, x[i] < 0 ? -x[i] : x[i])
ONE(abs_i32, int32_t, int32_t, x[i] < 0 ? 0 - (uint32_t)x[i] : (uint32_t)x[i])
ONE(abs_i64, int64_t, int64_t, x[i] < 0 ? 0 - (uint64_t)x[i] : (uint64_t)x[i])
ONE(abs_f32, float, float, fabsf(x[i]))
ONE(abs_f64, double, double, fabs(x[i]))

// Strings: either side is read as a double, or NULL.
static void text_operation(char op, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[2];
  sp_open_all(r, in, 2);
  double *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value a = sp_get(&r[0], i);
    const struct sp_value b = sp_get(&r[1], i);
    double x = 0;
    double y = 0;
    if (!sp_to_double(&a, &x) || !sp_to_double(&b, &y) || ((op == '/' || op == '%') && y == 0)) {
      sp_set_null(out, i);
      continue;
    }
    z[i] = op == '+'   ? x + y
           : op == '-' ? x - y
           : op == '*' ? x * y
           : op == '/' ? x / y
                       : fmod(x, y);
  }
}

static void add_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  text_operation('+', in, out);
}

static void subtract_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  text_operation('-', in, out);
}

static void multiply_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  text_operation('*', in, out);
}

static void divide_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  text_operation('/', in, out);
}

static void mod_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  text_operation('%', in, out);
}

// ---- dates ------------------------------------------------------------------------------------

static const int64_t day_micros = 86400000000;

static int64_t shifted(int64_t micros, const duckdb_interval *by, int sign)
{
  const int64_t days = sp_floor_div(micros, day_micros);
  const int64_t moved = sp_add_months(days, sign * (int64_t)by->months) + sign * (int64_t)by->days;
  const int64_t clock = sp_floor_mod(micros, day_micros);
  return sp_plus(sp_micros_of(moved, clock),
                 sign > 0 ? by->micros : (int64_t)(0 - (uint64_t)by->micros));
}

// instant (+|-) interval, and interval + instant
static void shift_time(duckdb_data_chunk in, duckdb_vector out, int at, int sign)
{
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, (idx_t)at));
  const duckdb_interval *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, (idx_t)!at));
  int64_t *z = duckdb_vector_get_data(out);
  sp_copy_nulls(in, out);
  const uint64_t *valid = duckdb_vector_get_validity(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    if (!valid || duckdb_validity_row_is_valid((uint64_t *)valid, i)) {
      z[i] = shifted(x[i], &y[i], sign);
    }
  }
}

static void add_time(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  shift_time(in, out, 0, 1);
}

static void add_time_right(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  shift_time(in, out, 1, 1);
}

static void subtract_time(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  shift_time(in, out, 0, -1);
}

// date (+|-) an interval of whole days
static void shift_date(duckdb_data_chunk in, duckdb_vector out, int at, int sign)
{
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, (idx_t)at));
  const duckdb_interval *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, (idx_t)!at));
  int32_t *z = duckdb_vector_get_data(out);
  sp_copy_nulls(in, out);
  const uint64_t *valid = duckdb_vector_get_validity(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    if (!valid || duckdb_validity_row_is_valid((uint64_t *)valid, i)) {
      z[i] = (int32_t)sp_floor_div(shifted(sp_micros_of(x[i], 0), &y[i], sign), day_micros);
    }
  }
}

static void add_date(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  shift_date(in, out, 0, 1);
}

static void add_date_right(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  shift_date(in, out, 1, 1);
}

static void subtract_date(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  shift_date(in, out, 0, -1);
}

#define DIFFERENCE(name, type, days_of, micros_of)                                                 \
  static void name(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)             \
  {                                                                                                \
    const type *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));                   \
    const type *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));                   \
    duckdb_interval *z = duckdb_vector_get_data(out);                                              \
    const idx_t n = duckdb_data_chunk_get_size(in);                                                \
    (void)info;                                                                                    \
    sp_copy_nulls(in, out);                                                                        \
    for (idx_t i = 0; i < n; i++) {                                                                \
      const int64_t d = (int64_t)((uint64_t)x[i] - (uint64_t)y[i]);                                \
      z[i] = (duckdb_interval){ .days = (int32_t)(days_of), .micros = (micros_of) };               \
    }                                                                                              \
  }

DIFFERENCE(subtract_dates, int32_t, d, 0)
DIFFERENCE(subtract_times, int64_t, d / day_micros, d % day_micros)

#define I8 DUCKDB_TYPE_TINYINT
#define I16 DUCKDB_TYPE_SMALLINT
#define I32 DUCKDB_TYPE_INTEGER
#define I64 DUCKDB_TYPE_BIGINT
#define F32 DUCKDB_TYPE_FLOAT
#define F64 DUCKDB_TYPE_DOUBLE
#define TEXT DUCKDB_TYPE_VARCHAR
#define DAY DUCKDB_TYPE_DATE
#define TSZ DUCKDB_TYPE_TIMESTAMP_TZ
#define TS DUCKDB_TYPE_TIMESTAMP
#define SPAN DUCKDB_TYPE_INTERVAL

static const struct sp_overload overloads[] = {
  { "sp_add", add_i8, I8, { I8, I8 }, 0, 0 },
  { "sp_add", add_i16, I16, { I16, I16 }, 0, 0 },
  { "sp_add", add_i32, I32, { I32, I32 }, 0, 0 },
  { "sp_add", add_i64, I64, { I64, I64 }, 0, 0 },
  { "sp_add", add_f32, F32, { F32, F32 }, 0, 0 },
  { "sp_add", add_f64, F64, { F64, F64 }, 0, 0 },
  { "sp_add", add_text, F64, { TEXT, TEXT }, 0, 0 },
  { "sp_add", add_text, F64, { TEXT, F64 }, 0, 0 },
  { "sp_add", add_text, F64, { F64, TEXT }, 0, 0 },
  { "sp_add", add_i32, DAY, { DAY, I32 }, 0, 0 },
  { "sp_add", add_i32, DAY, { I32, DAY }, 0, 0 },
  { "sp_add", add_date, DAY, { DAY, SPAN }, 0, 0 },
  { "sp_add", add_date_right, DAY, { SPAN, DAY }, 0, 0 },
  { "sp_add", add_time, TSZ, { TSZ, SPAN }, 0, 0 },
  { "sp_add", add_time, TS, { TS, SPAN }, 0, 0 },
  { "sp_add", add_time_right, TSZ, { SPAN, TSZ }, 0, 0 },
  { "sp_subtract", subtract_i8, I8, { I8, I8 }, 0, 0 },
  { "sp_subtract", subtract_i16, I16, { I16, I16 }, 0, 0 },
  { "sp_subtract", subtract_i32, I32, { I32, I32 }, 0, 0 },
  { "sp_subtract", subtract_i64, I64, { I64, I64 }, 0, 0 },
  { "sp_subtract", subtract_f32, F32, { F32, F32 }, 0, 0 },
  { "sp_subtract", subtract_f64, F64, { F64, F64 }, 0, 0 },
  { "sp_subtract", subtract_text, F64, { TEXT, TEXT }, 0, 0 },
  { "sp_subtract", subtract_text, F64, { TEXT, F64 }, 0, 0 },
  { "sp_subtract", subtract_text, F64, { F64, TEXT }, 0, 0 },
  { "sp_subtract", subtract_i32, DAY, { DAY, I32 }, 0, 0 },
  { "sp_subtract", subtract_date, DAY, { DAY, SPAN }, 0, 0 },
  { "sp_subtract", subtract_time, TSZ, { TSZ, SPAN }, 0, 0 },
  { "sp_subtract", subtract_time, TS, { TS, SPAN }, 0, 0 },
  { "sp_subtract", subtract_dates, SPAN, { DAY, DAY }, 0, 0 },
  { "sp_subtract", subtract_times, SPAN, { TSZ, TSZ }, 0, 0 },
  { "sp_multiply", multiply_i8, I8, { I8, I8 }, 0, 0 },
  { "sp_multiply", multiply_i16, I16, { I16, I16 }, 0, 0 },
  { "sp_multiply", multiply_i32, I32, { I32, I32 }, 0, 0 },
  { "sp_multiply", multiply_i64, I64, { I64, I64 }, 0, 0 },
  { "sp_multiply", multiply_f32, F32, { F32, F32 }, 0, 0 },
  { "sp_multiply", multiply_f64, F64, { F64, F64 }, 0, 0 },
  { "sp_multiply", multiply_text, F64, { TEXT, TEXT }, 0, 0 },
  { "sp_multiply", multiply_text, F64, { TEXT, F64 }, 0, 0 },
  { "sp_multiply", multiply_text, F64, { F64, TEXT }, 0, 0 },
  { "sp_divide", divide_f64, F64, { F64, F64 }, 0, 0 },
  { "sp_divide", divide_text, F64, { TEXT, TEXT }, 0, 0 },
  { "sp_divide", divide_text, F64, { TEXT, F64 }, 0, 0 },
  { "sp_divide", divide_text, F64, { F64, TEXT }, 0, 0 },
  { "sp_mod", mod_i8, I8, { I8, I8 }, 0, 0 },
  { "sp_mod", mod_i16, I16, { I16, I16 }, 0, 0 },
  { "sp_mod", mod_i32, I32, { I32, I32 }, 0, 0 },
  { "sp_mod", mod_i64, I64, { I64, I64 }, 0, 0 },
  { "sp_mod", mod_f32, F32, { F32, F32 }, 0, 0 },
  { "sp_mod", mod_f64, F64, { F64, F64 }, 0, 0 },
  { "sp_mod", mod_text, F64, { TEXT, TEXT }, 0, 0 },
  { "sp_mod", mod_text, F64, { TEXT, F64 }, 0, 0 },
  { "sp_mod", mod_text, F64, { F64, TEXT }, 0, 0 },
  { "sp_div", div_i64, I64, { I64, I64 }, 0, 0 },
  { "sp_pmod", pmod_i32, I32, { I32, I32 }, 0, 0 },
  { "sp_pmod", pmod_i64, I64, { I64, I64 }, 0, 0 },
  { "sp_pmod", pmod_f64, F64, { F64, F64 }, 0, 0 },
  { "sp_negative", negative_i8, I8, { I8 }, 0, 0 },
  { "sp_negative", negative_i16, I16, { I16 }, 0, 0 },
  { "sp_negative", negative_i32, I32, { I32 }, 0, 0 },
  { "sp_negative", negative_i64, I64, { I64 }, 0, 0 },
  { "sp_negative", negative_f32, F32, { F32 }, 0, 0 },
  { "sp_negative", negative_f64, F64, { F64 }, 0, 0 },
  { "sp_abs", abs_i8, I8, { I8 }, 0, 0 },
  { "sp_abs", abs_i16, I16, { I16 }, 0, 0 },
  { "sp_abs", abs_i32, I32, { I32 }, 0, 0 },
  { "sp_abs", abs_i64, I64, { I64 }, 0, 0 },
  { "sp_abs", abs_f32, F32, { F32 }, 0, 0 },
  { "sp_abs", abs_f64, F64, { F64 }, 0, 0 },
};

chn_status sp_install_arith(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
