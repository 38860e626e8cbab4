/// sql_exec_int.h: the functions that rendered SQL calls, as kernels over DuckDB's vectors.
///
/// Names begin with sp_. DuckDB hands flat vectors of at most 2048 rows; a kernel reads its
/// arguments through sp_reader, which tells NULL and type, and writes to the output vector. They
/// may run in many threads at once and keep nothing between calls.
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include <duckdb.h>

/// A row of the registration tables: one overload.
struct sp_overload {
  const char *name;
  duckdb_scalar_function_t run;
  duckdb_type result;
  duckdb_type args[6]; ///< up to the first DUCKDB_TYPE_INVALID; ANY takes everything
  bool repeats;        ///< any number of arguments of type args[0]
  const void *extra;   ///< for the kernel: duckdb_scalar_function_get_extra_info
};

/// Registers overloads; those of one name must follow one another.
chn_status sp_register(duckdb_connection con, const struct sp_overload *rows, size_t n,
                       struct chn_err *err);

chn_status sp_install_cast(duckdb_connection con, struct chn_err *err);
chn_status sp_install_arith(duckdb_connection con, struct chn_err *err);
chn_status sp_install_date(duckdb_connection con, struct chn_err *err);
chn_status sp_install_hash(duckdb_connection con, struct chn_err *err);
chn_status sp_install_math(duckdb_connection con, struct chn_err *err);
chn_status sp_install_pattern(duckdb_connection con, struct chn_err *err);
chn_status sp_install_span(duckdb_connection con, struct chn_err *err);
chn_status sp_install_string(duckdb_connection con, struct chn_err *err);
chn_status sp_install_type(duckdb_connection con, struct chn_err *err);

// ---- reading and writing vectors --------------------------------------------------------------

enum sp_kind {
  SP_NULL,
  SP_BOOL,    ///< i
  SP_INT,     ///< i; any integer of 64 bits or less
  SP_HUGE,    ///< h
  SP_DECIMAL, ///< h, unscaled, and scale
  SP_FLOAT,   ///< d
  SP_DOUBLE,  ///< d
  SP_STRING,  ///< s, len
  SP_BLOB,    ///< s, len
  SP_DATE,    ///< i, days
  SP_TIME,    ///< i, microseconds since 1970: a timestamp
  SP_NESTED,  ///< list, map, struct
  SP_OTHER,
};

struct sp_value {
  enum sp_kind kind;
  uint8_t scale;
  uint32_t len;
  int64_t i;
  double d;
  __int128 h;
  const char *s;
};

struct sp_reader {
  duckdb_vector vector;
  duckdb_type type;
  duckdb_type internal; ///< of a decimal
  uint8_t scale;
  const void *data;
  const uint64_t *valid; ///< NULL: no NULL in it
};

void sp_open(struct sp_reader *r, duckdb_vector vector);

/// The first n arguments of a kernel, r[0] to r[n - 1].
void sp_open_all(struct sp_reader *r, duckdb_data_chunk in, idx_t n);

/// The value of row i; a NULL gives SP_NULL. Strings point into the vector.
struct sp_value sp_get(const struct sp_reader *r, idx_t i);
bool sp_is_null(const struct sp_reader *r, idx_t i);

void sp_set_null(duckdb_vector out, idx_t i);

/// Makes row i NULL in `out` where it is in any argument.
void sp_copy_nulls(duckdb_data_chunk in, duckdb_vector out);

void sp_set_text(duckdb_vector out, idx_t i, const char *s, size_t len);

/// Row i from a buffer whose `max` is SP_MAX_TEXT; false, and the query fails, where it was not
/// enough.
bool sp_set_buf(duckdb_function_info info, duckdb_vector out, idx_t i, const struct chn_buf *b);

// ---- conversions ------------------------------------------------------------------------------

enum {
  SP_MAX_NUMBER = 64,       ///< bytes that hold any number or instant as text
  SP_MAX_TEXT = CHN_BUF_MAX ///< bytes of a text that a function makes
};

/// The text without the blanks and control characters around it, as Spark's casts trim it.
void sp_trim(const char **s, size_t *len);

/// Spark's casts of text; false where they give NULL.
bool sp_text_to_int(const char *s, size_t len, int64_t min, int64_t max, int64_t *out);
bool sp_text_to_double(const char *s, size_t len, double *out);
bool sp_text_to_bool(const char *s, size_t len, bool *out);
bool sp_text_to_date(const char *s, size_t len, int32_t *days);
bool sp_text_to_time(const char *s, size_t len, int64_t *micros);

/// Java's texts; out holds SP_MAX_NUMBER bytes.
size_t sp_double_text(double d, bool is_float, char *out);
size_t sp_date_text(int64_t days, char *out);
size_t sp_time_text(int64_t micros, char *out);
size_t sp_huge_text(__int128 v, uint8_t scale, char *out);

/// Appends CAST(row i AS STRING) of any type; a NULL is "null" when it is inside something.
void sp_print(struct chn_buf *b, const struct sp_reader *r, idx_t i);

/// A kernel that makes a text of each row of `r` that is not NULL.
void sp_print_rows(duckdb_function_info info, const struct sp_reader *r, idx_t n, duckdb_vector out,
                   void (*print)(struct chn_buf *b, const struct sp_reader *r, idx_t i));

/// Any value as a double, an instant, a day; false where Spark's cast gives NULL.
bool sp_to_double(const struct sp_value *v, double *out);
bool sp_to_time(const struct sp_value *v, int64_t *micros);
bool sp_to_date(const struct sp_value *v, int32_t *days);

// ---- the calendar (proleptic Gregorian, UTC) --------------------------------------------------

int64_t sp_days_of(int64_t year, int32_t month, int32_t day);
void sp_civil_of(int64_t days, int64_t *year, int32_t *month, int32_t *day);
int32_t sp_month_days(int64_t year, int32_t month);
int64_t sp_floor_div(int64_t a, int64_t b);

/// What sp_floor_div leaves: 0 to b - 1.
int64_t sp_floor_mod(int64_t a, int64_t b);

/// days * 86400000000 + rest and x + y, which wrap around instead of overflowing.
int64_t sp_micros_of(int64_t days, int64_t rest);
int64_t sp_plus(int64_t x, int64_t y);

/// The same day some months later, or the last one of a shorter month.
int64_t sp_add_months(int64_t days, int64_t months);
