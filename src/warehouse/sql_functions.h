/// sql_functions.h: the Spark functions known, one row each.
///
/// The rows drive rendering (sql_write_call.c), the checks of names and arguments, and
/// docs/reference/sql.md (tools/sql_reference.lua).
#pragma once
#include "base/arena.h"
#include "base/err.h"

/// What is known of an expression's type before the tables are.
enum sql_class {
  SQL_C_UNKNOWN = 0,
  SQL_C_NULL,
  SQL_C_STRING,
  SQL_C_INT, ///< 32 bits or less
  SQL_C_LONG,
  SQL_C_DECIMAL,
  SQL_C_DOUBLE, ///< or FLOAT
  SQL_C_NUMBER, ///< numeric, of unknown width
  SQL_C_BOOL,
  SQL_C_DATE,
  SQL_C_TIMESTAMP,
  SQL_C_INTERVAL,
  SQL_C_BINARY,
  SQL_C_ARRAY,
  SQL_C_MAP,
  SQL_C_STRUCT,
};

enum sql_state {
  SQL_SAME,    ///< as Spark
  SQL_DIFFERS, ///< the note says where
  SQL_REFUSED, ///< known and not rendered; the note says why
};

enum sql_function_kind {
  SQL_F_SCALAR,
  SQL_F_AGGREGATE,
  SQL_F_WINDOW,
  SQL_F_GENERATOR,
};

struct sql_function {
  const char *name;
  enum sql_function_kind kind;
  int8_t min;
  int8_t max;         ///< -1: any number
  const char *args;   ///< one letter an argument, the last repeats: see sql_write_call.c
  enum sql_class cls; ///< of the result
  const char *render; ///< template, or NULL: a special form
  enum sql_state state;
  const char *note;
};

/// By name, in any case; NULL when unknown.
const struct sql_function *sql_function_find(const char *name);

/// The known name nearest to `name`, or NULL when none is near.
const char *sql_function_nearest(const char *name);

/// Section `section` of the table (0, 1, ...), its title and its rows; NULL behind the last.
const struct sql_function *sql_function_section(int32_t section, const char **title, int32_t *n);
