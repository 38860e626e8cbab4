// Mathematics as java.lang.Math and Spark have it: NULL for logarithms outside their domain, NaN
// where Java gives NaN (DuckDB raises errors), rounding of a double by its decimal digits.
#include "warehouse/sql_exec_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct math {
  double (*of)(double x);
  double floor; ///< arguments at or below it give NULL
};

static double degrees_of(double x)
{
  return x * (180.0 / M_PI);
}

static double radians_of(double x)
{
  return x / 180.0 * M_PI;
}

static double signum_of(double x)
{
  return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double cot_of(double x)
{
  return 1 / tan(x);
}

static double sec_of(double x)
{
  return 1 / cos(x);
}

static double csc_of(double x)
{
  return 1 / sin(x);
}

static const struct {
  const char *name;
  struct math math;
} maths[] = {
  { "sp_sqrt", { sqrt, -INFINITY } },
  { "sp_cbrt", { cbrt, -INFINITY } },
  { "sp_exp", { exp, NAN } },
  { "sp_expm1", { expm1, NAN } },
  { "sp_ln", { log, 0 } },
  { "sp_log10", { log10, 0 } },
  { "sp_log2", { log2, 0 } },
  { "sp_log1p", { log1p, -1 } },
  { "sp_sin", { sin, NAN } },
  { "sp_cos", { cos, NAN } },
  { "sp_tan", { tan, NAN } },
  { "sp_asin", { asin, NAN } },
  { "sp_acos", { acos, NAN } },
  { "sp_atan", { atan, NAN } },
  { "sp_sinh", { sinh, NAN } },
  { "sp_cosh", { cosh, NAN } },
  { "sp_tanh", { tanh, NAN } },
  { "sp_asinh", { asinh, NAN } },
  { "sp_acosh", { acosh, NAN } },
  { "sp_atanh", { atanh, NAN } },
  { "sp_cot", { cot_of, NAN } },
  { "sp_sec", { sec_of, NAN } },
  { "sp_csc", { csc_of, NAN } },
  { "sp_degrees", { degrees_of, NAN } },
  { "sp_radians", { radians_of, NAN } },
  { "sp_rint", { rint, NAN } },
  { "sp_signum", { signum_of, NAN } },
};

static void run_math(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct math *m = duckdb_scalar_function_get_extra_info(info);
  const double *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  double *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    if (m->floor > -INFINITY && x[i] <= m->floor) {
      sp_set_null(out, i);
    } else {
      z[i] = m->of(x[i]);
    }
  }
}

struct math2 {
  double (*of)(double x, double y);
  bool positive; ///< NULL unless both are above zero
};

// Java's pow: 1 ^ NaN and (-1) ^ infinity are NaN.
static double power_of(double x, double y)
{
  if (isnan(y) || (fabs(x) == 1 && isinf(y))) {
    return NAN;
  }
  return pow(x, y);
}

static double log_of(double base, double x)
{
  return log(x) / log(base);
}

static const struct math2 math_pow = { power_of, false };
static const struct math2 math_atan2 = { atan2, false };
static const struct math2 math_hypot = { hypot, false };
static const struct math2 math_log = { log_of, true };

static void run_math2(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct math2 *m = duckdb_scalar_function_get_extra_info(info);
  const double *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const double *y = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  double *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    if (m->positive && (x[i] <= 0 || y[i] <= 0)) {
      sp_set_null(out, i);
    } else {
      z[i] = m->of(x[i], y[i]);
    }
  }
}

// ---- rounding ---------------------------------------------------------------------------------

static int64_t saturated(double d)
{
  return isnan(d) ? 0 : d >= 0x1p63 ? INT64_MAX : d < -0x1p63 ? INT64_MIN : (int64_t)d;
}

static void run_ceil(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const double *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  const bool up = duckdb_scalar_function_get_extra_info(info) != NULL;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = saturated(up ? ceil(x[i]) : floor(x[i]));
  }
}

// The digits of |d| as text with `exponent` of them before the point.
static size_t digits_of(double d, bool is_float, char *digits, int *exponent)
{
  char text[SP_MAX_NUMBER];
  text[sp_double_text(fabs(d), is_float, text)] = 0;
  const char *e = strchr(text, 'E');
  const char *point = strchr(text, '.');
  size_t n = 0;
  for (const char *c = text; *c && c != e; c++) {
    if (*c != '.') {
      digits[n++] = *c;
    }
  }
  *exponent = (int)(point - text) + (e ? (int)strtol(e + 1, NULL, 10) : 0);
  return n;
}

// Whether the digit string rounds up when cut behind `keep` digits.
static bool rounds_up(const char *digits, size_t n, size_t keep, bool half_even)
{
  if (keep >= n || digits[keep] < '5') {
    return false;
  }
  if (!half_even || digits[keep] > '5' || strspn(digits + keep + 1, "0") < n - keep - 1) {
    return true;
  }
  return keep > 0 && (digits[keep - 1] - '0') % 2 == 1;
}

static double round_double(double d, int32_t scale, bool half_even, bool is_float)
{
  if (!isfinite(d) || d == 0) {
    return d;
  }
  char digits[2 * SP_MAX_NUMBER] = { 0 };
  int exponent = 0;
  const size_t n = digits_of(d, is_float, digits, &exponent);
  const int64_t keep = (int64_t)exponent + scale;
  if (keep >= (int64_t)n) {
    return d;
  }
  if (keep < 0) {
    return 0;
  }
  const bool up = rounds_up(digits, n, (size_t)keep, half_even);
  char text[3 * SP_MAX_NUMBER];
  snprintf(text, sizeof text, "%s0%.*s", d < 0 ? "-" : "", (int)keep, digits);
  size_t last = strlen(text) - 1;
  while (up && text[last] == '9') {
    text[last--] = '0';
  }
  text[last] = (char)(text[last] + up);
  const size_t len = strlen(text);
  snprintf(text + len, sizeof text - len, "e%d", -scale);
  const double rounded = strtod(text, NULL);
  return rounded == 0 ? 0 : rounded;
}

struct rounding {
  bool half_even;
};

static const struct rounding half_up = { false };
static const struct rounding half_even = { true };

static void run_round_double(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct rounding *mode = duckdb_scalar_function_get_extra_info(info);
  const double *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int32_t *scale = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  double *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = round_double(x[i], scale[i], mode->half_even, false);
  }
}

static void run_round_float(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct rounding *mode = duckdb_scalar_function_get_extra_info(info);
  const float *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int32_t *scale = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  float *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (float)round_double((double)x[i], scale[i], mode->half_even, true);
  }
}

// Integers change by negative scales only; the result is cut to its width.
static int64_t round_long(int64_t v, int32_t scale, bool even)
{
  if (scale >= 0) {
    return v;
  }
  if (scale < -19) {
    return 0;
  }
  __int128 unit = 1;
  for (int32_t i = scale; i < 0; i++) {
    unit *= 10;
  }
  const __int128 size = v < 0 ? -(__int128)v : v;
  __int128 whole = size / unit;
  const __int128 rest = (size % unit) * 2;
  whole += rest > unit || (rest == unit && (!even || whole % 2));
  return (int64_t)(v < 0 ? -whole * unit : whole * unit);
}

static void run_round_int(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct rounding *mode = duckdb_scalar_function_get_extra_info(info);
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int32_t *scale = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (int32_t)round_long(x[i], scale[i], mode->half_even);
  }
}

static void run_round_long(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct rounding *mode = duckdb_scalar_function_get_extra_info(info);
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int32_t *scale = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = round_long(x[i], scale[i], mode->half_even);
  }
}

// ---- bits, factorial --------------------------------------------------------------------------

struct shift {
  bool right, zero_fill;
};

static const struct shift shift_left = { false, false };
static const struct shift shift_right = { true, false };
static const struct shift shift_unsigned = { true, true };

static uint64_t shifted(uint64_t bits, int64_t value, int by, const struct shift *s)
{
  return !s->right ? bits << by : s->zero_fill ? bits >> by : (uint64_t)(value >> by);
}

static void run_shift_int(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct shift *s = duckdb_scalar_function_get_extra_info(info);
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int32_t *by = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (int32_t)shifted((uint32_t)x[i], x[i], by[i] & 31, s);
  }
}

static void run_shift_long(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const struct shift *s = duckdb_scalar_function_get_extra_info(info);
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const int32_t *by = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (int64_t)shifted((uint64_t)x[i], x[i], by[i] & 63, s);
  }
}

static void run_factorial(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    if (x[i] < 0 || x[i] > 20) { // 21! does not fit
      sp_set_null(out, i);
      continue;
    }
    z[i] = 1;
    for (int32_t k = 2; k <= x[i]; k++) {
      z[i] *= k;
    }
  }
}

static void run_bit_count(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = __builtin_popcountll((uint64_t)x[i]);
  }
}

static void keep_long(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  duckdb_vector_reference_vector(out, duckdb_data_chunk_get_vector(in, 0));
}

#define I32 DUCKDB_TYPE_INTEGER
#define I64 DUCKDB_TYPE_BIGINT
#define F32 DUCKDB_TYPE_FLOAT
#define F64 DUCKDB_TYPE_DOUBLE

static const struct sp_overload overloads[] = {
  { "sp_pow", run_math2, F64, { F64, F64 }, 0, &math_pow },
  { "sp_atan2", run_math2, F64, { F64, F64 }, 0, &math_atan2 },
  { "sp_hypot", run_math2, F64, { F64, F64 }, 0, &math_hypot },
  { "sp_log", run_math2, F64, { F64, F64 }, 0, &math_log },
  { "sp_ceil", keep_long, I64, { I64 }, 0, NULL },
  { "sp_ceil", run_ceil, I64, { F64 }, 0, &half_up },
  { "sp_floor", keep_long, I64, { I64 }, 0, NULL },
  { "sp_floor", run_ceil, I64, { F64 }, 0, NULL },
  { "sp_round", run_round_int, I32, { I32, I32 }, 0, &half_up },
  { "sp_round", run_round_long, I64, { I64, I32 }, 0, &half_up },
  { "sp_round", run_round_float, F32, { F32, I32 }, 0, &half_up },
  { "sp_round", run_round_double, F64, { F64, I32 }, 0, &half_up },
  { "sp_bround", run_round_int, I32, { I32, I32 }, 0, &half_even },
  { "sp_bround", run_round_long, I64, { I64, I32 }, 0, &half_even },
  { "sp_bround", run_round_float, F32, { F32, I32 }, 0, &half_even },
  { "sp_bround", run_round_double, F64, { F64, I32 }, 0, &half_even },
  { "sp_shiftleft", run_shift_int, I32, { I32, I32 }, 0, &shift_left },
  { "sp_shiftleft", run_shift_long, I64, { I64, I32 }, 0, &shift_left },
  { "sp_shiftright", run_shift_int, I32, { I32, I32 }, 0, &shift_right },
  { "sp_shiftright", run_shift_long, I64, { I64, I32 }, 0, &shift_right },
  { "sp_shiftrightunsigned", run_shift_int, I32, { I32, I32 }, 0, &shift_unsigned },
  { "sp_shiftrightunsigned", run_shift_long, I64, { I64, I32 }, 0, &shift_unsigned },
  { "sp_factorial", run_factorial, I64, { I32 }, 0, NULL },
  { "sp_bit_count", run_bit_count, I32, { I64 }, 0, NULL },
};

chn_status sp_install_math(duckdb_connection con, struct chn_err *err)
{
  for (size_t i = 0; i < sizeof maths / sizeof *maths; i++) {
    const struct sp_overload row = { .name = maths[i].name,
                                     .run = run_math,
                                     .result = F64,
                                     .args = { F64 },
                                     .extra = &maths[i].math };
    if (sp_register(con, &row, 1, err) != CHN_OK) {
      return CHN_E_INTERNAL;
    }
  }
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
