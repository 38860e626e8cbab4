// sp_<type>(x): CAST(x AS type) for x of any type, as Spark's non-ANSI mode does it. sp_num and
// sp_like_<type> turn strings alone into numbers and leave numbers as they are.
#include "warehouse/sql_exec_int.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static double pow10_of(int n)
{
  double p = 1;
  while (n-- > 0) {
    p *= 10;
  }
  return p;
}

bool sp_to_double(const struct sp_value *v, double *out)
{
  switch (v->kind) {
  case SP_BOOL:
  case SP_INT: *out = (double)v->i; return true;
  case SP_HUGE: *out = (double)v->h; return true;
  case SP_DECIMAL: {
    char text[SP_MAX_NUMBER];
    const size_t len = sp_huge_text(v->h, v->scale, text);
    return sp_text_to_double(text, len, out);
  }
  case SP_FLOAT:
  case SP_DOUBLE: *out = v->d; return true;
  case SP_STRING: return sp_text_to_double(v->s, v->len, out);
  case SP_TIME: *out = (double)v->i / 1e6; return true;
  default: return false;
  }
}

// Java's (long) of a double: truncated, saturated, NaN is 0.
static int64_t long_of(double d)
{
  if (isnan(d)) {
    return 0;
  }
  return d >= 0x1p63 ? INT64_MAX : d < -0x1p63 ? INT64_MIN : (int64_t)d;
}

static int64_t int_of(double d)
{
  const int64_t v = long_of(d);
  return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
}

struct range {
  int64_t min, max;
};

// The caller cuts the result to its width, which is the wrapping that Spark does.
static bool to_integer(const struct sp_value *v, struct range r, int64_t *out)
{
  switch (v->kind) {
  case SP_BOOL:
  case SP_INT: *out = v->i; return true;
  case SP_HUGE: *out = (int64_t)v->h; return true;
  case SP_DECIMAL: {
    __int128 h = v->h;
    for (int i = 0; i < v->scale; i++) {
      h /= 10;
    }
    *out = (int64_t)h;
    return true;
  }
  case SP_FLOAT:
  case SP_DOUBLE: *out = r.max > INT32_MAX ? long_of(v->d) : int_of(v->d); return true;
  case SP_STRING: return sp_text_to_int(v->s, v->len, r.min, r.max, out);
  case SP_TIME: *out = sp_floor_div(v->i, 1000000); return true;
  default: return false;
  }
}

static bool to_bool(const struct sp_value *v, bool *out)
{
  switch (v->kind) {
  case SP_BOOL:
  case SP_TIME:
  case SP_INT: *out = v->i != 0; return true;
  case SP_HUGE:
  case SP_DECIMAL: *out = v->h != 0; return true;
  case SP_FLOAT:
  case SP_DOUBLE: *out = v->d != 0; return true;
  case SP_STRING: return sp_text_to_bool(v->s, v->len, out);
  default: return false;
  }
}

bool sp_to_time(const struct sp_value *v, int64_t *micros)
{
  switch (v->kind) {
  case SP_TIME: *micros = v->i; return true;
  case SP_DATE: *micros = sp_micros_of(v->i, 0); return true;
  case SP_STRING: return sp_text_to_time(v->s, v->len, micros);
  case SP_BOOL: *micros = v->i; return true;
  case SP_INT: {
    const __int128 t = (__int128)v->i * 1000000;
    *micros = t > INT64_MAX ? INT64_MAX : t < INT64_MIN ? INT64_MIN : (int64_t)t;
    return true;
  }
  case SP_FLOAT:
  case SP_DOUBLE:
    if (!isfinite(v->d)) {
      return false;
    }
    *micros = long_of(v->d * 1e6);
    return true;
  case SP_DECIMAL: {
    const __int128 t = v->scale > 6 ? v->h / (__int128)pow10_of(v->scale - 6)
                                    : v->h * (__int128)pow10_of(6 - v->scale);
    *micros = (int64_t)t;
    return true;
  }
  default: return false;
  }
}

bool sp_to_date(const struct sp_value *v, int32_t *days)
{
  if (v->kind == SP_DATE) {
    *days = (int32_t)v->i;
    return true;
  }
  if (v->kind == SP_TIME) {
    *days = (int32_t)sp_floor_div(v->i, 86400000000);
    return true;
  }
  return v->kind == SP_STRING && sp_text_to_date(v->s, v->len, days);
}

// ---- kernels ----------------------------------------------------------------------------------

// A value that is of the wanted type already costs nothing: the output is the input.
static bool pass_through(duckdb_data_chunk in, duckdb_vector out, struct sp_reader *r,
                         duckdb_type want)
{
  const duckdb_vector x = duckdb_data_chunk_get_vector(in, 0);
  sp_open(r, x);
  if (r->type == want) {
    duckdb_vector_reference_vector(out, x);
    return true;
  }
  return false;
}

static bool castable(duckdb_function_info info, const struct sp_value *v, const char *to)
{
  if (v->kind < SP_NESTED && v->kind != SP_BLOB) {
    return true;
  }
  char msg[120];
  snprintf(msg, sizeof msg, "cannot cast %s to %s",
           v->kind == SP_NESTED ? "an array, map or struct"
           : v->kind == SP_BLOB ? "binary"
                                : "this type",
           to);
  duckdb_scalar_function_set_error(info, msg);
  return false;
}

static void store_integer(duckdb_vector out, idx_t i, duckdb_type type, int64_t v)
{
  void *data = duckdb_vector_get_data(out);
  if (type == DUCKDB_TYPE_TINYINT) {
    ((int8_t *)data)[i] = (int8_t)v;
  } else if (type == DUCKDB_TYPE_SMALLINT) {
    ((int16_t *)data)[i] = (int16_t)v;
  } else if (type == DUCKDB_TYPE_INTEGER) {
    ((int32_t *)data)[i] = (int32_t)v;
  } else {
    ((int64_t *)data)[i] = v;
  }
}

static void cast_integer(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out,
                         duckdb_type type, struct range range)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, type)) {
    return;
  }
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    int64_t x = 0;
    if (!castable(info, &v, "an integer")) {
      return;
    }
    if (to_integer(&v, range, &x)) {
      store_integer(out, i, type, x);
    } else {
      sp_set_null(out, i);
    }
  }
}

static void cast_tinyint(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  cast_integer(info, in, out, DUCKDB_TYPE_TINYINT, (struct range){ INT8_MIN, INT8_MAX });
}

static void cast_smallint(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  cast_integer(info, in, out, DUCKDB_TYPE_SMALLINT, (struct range){ INT16_MIN, INT16_MAX });
}

static void cast_int(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  cast_integer(info, in, out, DUCKDB_TYPE_INTEGER, (struct range){ INT32_MIN, INT32_MAX });
}

static void cast_bigint(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  cast_integer(info, in, out, DUCKDB_TYPE_BIGINT, (struct range){ INT64_MIN, INT64_MAX });
}

static void cast_double(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, DUCKDB_TYPE_DOUBLE)) {
    return;
  }
  double *data = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    if (!castable(info, &v, "a double")) {
      return;
    }
    if (!sp_to_double(&v, &data[i])) {
      sp_set_null(out, i);
    }
  }
}

static void cast_float(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, DUCKDB_TYPE_FLOAT)) {
    return;
  }
  float *data = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    double d = 0;
    if (!castable(info, &v, "a float")) {
      return;
    }
    if (sp_to_double(&v, &d)) {
      data[i] = v.kind == SP_INT ? (float)v.i : (float)d;
    } else {
      sp_set_null(out, i);
    }
  }
}

static void cast_boolean(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, DUCKDB_TYPE_BOOLEAN)) {
    return;
  }
  bool *data = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    if (!castable(info, &v, "a boolean")) {
      return;
    }
    if (!to_bool(&v, &data[i])) {
      sp_set_null(out, i);
    }
  }
}

static void cast_date(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, DUCKDB_TYPE_DATE)) {
    return;
  }
  int32_t *data = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    if (!castable(info, &v, "a date")) {
      return;
    }
    if (!sp_to_date(&v, &data[i])) {
      sp_set_null(out, i);
    }
  }
}

static void cast_timestamp(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, DUCKDB_TYPE_TIMESTAMP_TZ)) {
    return;
  }
  int64_t *data = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    if (!castable(info, &v, "a timestamp")) {
      return;
    }
    if (!sp_to_time(&v, &data[i])) {
      sp_set_null(out, i);
    }
  }
}

static void cast_string(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, DUCKDB_TYPE_VARCHAR)) {
    return;
  }
  sp_print_rows(info, &r, duckdb_data_chunk_get_size(in), out, sp_print);
}

static void cast_binary(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  if (pass_through(in, out, &r, DUCKDB_TYPE_BLOB)) {
    return;
  }
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    if (v.kind == SP_STRING) {
      sp_set_text(out, i, v.s, v.len);
    } else if (v.kind == SP_NULL) {
      sp_set_null(out, i);
    } else {
      duckdb_scalar_function_set_error(info, "only strings can be cast to binary");
      return;
    }
  }
}

// The text that DuckDB's cast to a decimal of `scale` reads as Spark reads the value: trimmed, and
// doubles through their decimal digits (HALF_UP of 2.675 is 2.68, as in Spark).
static void decimal_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  struct chn_buf b = { 0 };
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    if (!castable(info, &v, "a decimal")) {
      break;
    }
    const bool finite = (v.kind != SP_DOUBLE && v.kind != SP_FLOAT) || isfinite(v.d);
    if (v.kind == SP_NULL || v.kind == SP_DATE || !finite) {
      sp_set_null(out, i);
      continue;
    }
    chn_buf_clear(&b);
    if (v.kind == SP_BOOL) {
      chn_buf_adds(&b, v.i ? "1" : "0");
    } else if (v.kind == SP_TIME) {
      chn_buf_addf(&b, "%.6f", (double)v.i / 1e6);
    } else {
      sp_print(&b, &r, i);
    }
    const char *s = chn_buf_str(&b);
    size_t len = b.len;
    sp_trim(&s, &len);
    sp_set_text(out, i, s, len);
  }
  chn_buf_deinit(&b);
}

// Numbers as they are.
static void keep(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  duckdb_vector_reference_vector(out, duckdb_data_chunk_get_vector(in, 0));
}

// What sum() over integers gives, HUGEINT, as the wrapping bigint of Spark.
static void wrap_huge(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const duckdb_hugeint *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (int64_t)x[i].lower;
  }
}

#define ANY DUCKDB_TYPE_ANY
#define KEEP(name, type)                                                                           \
  {                                                                                                \
    name, keep, type, { type }, 0, 0                                                               \
  }
#define KEEP_OTHERS(name)                                                                          \
  KEEP(name, DUCKDB_TYPE_TINYINT), KEEP(name, DUCKDB_TYPE_SMALLINT),                               \
      KEEP(name, DUCKDB_TYPE_INTEGER), KEEP(name, DUCKDB_TYPE_BIGINT),                             \
      KEEP(name, DUCKDB_TYPE_FLOAT), KEEP(name, DUCKDB_TYPE_DOUBLE),                               \
      KEEP(name, DUCKDB_TYPE_BOOLEAN), KEEP(name, DUCKDB_TYPE_DATE),                               \
      KEEP(name, DUCKDB_TYPE_TIMESTAMP_TZ), KEEP(name, DUCKDB_TYPE_TIMESTAMP)

static const struct sp_overload overloads[] = {
  { "sp_tinyint", cast_tinyint, DUCKDB_TYPE_TINYINT, { ANY }, 0, 0 },
  { "sp_smallint", cast_smallint, DUCKDB_TYPE_SMALLINT, { ANY }, 0, 0 },
  { "sp_int", cast_int, DUCKDB_TYPE_INTEGER, { ANY }, 0, 0 },
  { "sp_bigint", cast_bigint, DUCKDB_TYPE_BIGINT, { ANY }, 0, 0 },
  { "sp_float", cast_float, DUCKDB_TYPE_FLOAT, { ANY }, 0, 0 },
  { "sp_double", cast_double, DUCKDB_TYPE_DOUBLE, { ANY }, 0, 0 },
  { "sp_boolean", cast_boolean, DUCKDB_TYPE_BOOLEAN, { ANY }, 0, 0 },
  { "sp_date", cast_date, DUCKDB_TYPE_DATE, { ANY }, 0, 0 },
  { "sp_timestamp", cast_timestamp, DUCKDB_TYPE_TIMESTAMP_TZ, { ANY }, 0, 0 },
  { "sp_string", cast_string, DUCKDB_TYPE_VARCHAR, { ANY }, 0, 0 },
  { "sp_binary", cast_binary, DUCKDB_TYPE_BLOB, { ANY }, 0, 0 },
  { "sp_decimal_text", decimal_text, DUCKDB_TYPE_VARCHAR, { ANY, DUCKDB_TYPE_INTEGER }, 0, 0 },
  { "sp_num", cast_double, DUCKDB_TYPE_DOUBLE, { DUCKDB_TYPE_VARCHAR }, 0, 0 },
  KEEP_OTHERS("sp_num"),
  { "sp_like_int", cast_int, DUCKDB_TYPE_INTEGER, { DUCKDB_TYPE_VARCHAR }, 0, 0 },
  KEEP_OTHERS("sp_like_int"),
  { "sp_like_bigint", cast_bigint, DUCKDB_TYPE_BIGINT, { DUCKDB_TYPE_VARCHAR }, 0, 0 },
  KEEP_OTHERS("sp_like_bigint"),
  { "sp_total", wrap_huge, DUCKDB_TYPE_BIGINT, { DUCKDB_TYPE_HUGEINT }, 0, 0 },
  KEEP("sp_total", DUCKDB_TYPE_DOUBLE),
  { "sp_addend", cast_double, DUCKDB_TYPE_DOUBLE, { DUCKDB_TYPE_VARCHAR }, 0, 0 },
  { "sp_addend", cast_double, DUCKDB_TYPE_DOUBLE, { DUCKDB_TYPE_FLOAT }, 0, 0 },
  KEEP("sp_addend", DUCKDB_TYPE_DOUBLE),
  KEEP("sp_addend", DUCKDB_TYPE_BIGINT),
};

chn_status sp_install_cast(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
