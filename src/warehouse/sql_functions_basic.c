// Conditions, casts and numbers.
#include "warehouse/sql_functions_int.h"

static const struct sql_function conditional_rows[] = {
  { "coalesce", SQL_F_SCALAR, 1, -1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "if", SQL_F_SCALAR, 3, 3, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "iff", SQL_F_SCALAR, 3, 3, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "nvl", SQL_F_SCALAR, 2, 2, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "ifnull", SQL_F_SCALAR, 2, 2, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "nvl2", SQL_F_SCALAR, 3, 3, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "nullif", SQL_F_SCALAR, 2, 2, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "isnull", SQL_F_SCALAR, 1, 1, "a", SQL_C_BOOL, "($1 IS NULL)", SQL_SAME, NULL },
  { "isnotnull", SQL_F_SCALAR, 1, 1, "a", SQL_C_BOOL, "($1 IS NOT NULL)", SQL_SAME, NULL },
  { "isnan", SQL_F_SCALAR, 1, 1, "d", SQL_C_BOOL, "coalesce(isnan($1), false)", SQL_SAME, NULL },
  { "nanvl", SQL_F_SCALAR, 2, 2, "d", SQL_C_DOUBLE, "CASE WHEN isnan($1) THEN $2 ELSE $1 END",
    SQL_SAME, NULL },
  { "greatest", SQL_F_SCALAR, 2, -1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "least", SQL_F_SCALAR, 2, -1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
};

const struct sql_section sql_conditional_functions = {
  .title = "Conditions",
  .rows = conditional_rows,
  .n = sizeof conditional_rows / sizeof *conditional_rows,
};

static const struct sql_function cast_rows[] = {
  { "boolean", SQL_F_SCALAR, 1, 1, "a", SQL_C_BOOL, "sp_boolean($1)", SQL_SAME, NULL },
  { "tinyint", SQL_F_SCALAR, 1, 1, "a", SQL_C_INT, "sp_tinyint($1)", SQL_SAME, NULL },
  { "smallint", SQL_F_SCALAR, 1, 1, "a", SQL_C_INT, "sp_smallint($1)", SQL_SAME, NULL },
  { "int", SQL_F_SCALAR, 1, 1, "a", SQL_C_INT, "sp_int($1)", SQL_SAME, NULL },
  { "bigint", SQL_F_SCALAR, 1, 1, "a", SQL_C_LONG, "sp_bigint($1)", SQL_SAME, NULL },
  { "float", SQL_F_SCALAR, 1, 1, "a", SQL_C_DOUBLE, "sp_float($1)", SQL_SAME, NULL },
  { "double", SQL_F_SCALAR, 1, 1, "a", SQL_C_DOUBLE, "sp_double($1)", SQL_SAME, NULL },
  { "string", SQL_F_SCALAR, 1, 1, "a", SQL_C_STRING, "sp_string($1)", SQL_SAME, NULL },
  { "binary", SQL_F_SCALAR, 1, 1, "a", SQL_C_BINARY, "sp_binary($1)", SQL_SAME, NULL },
  { "date", SQL_F_SCALAR, 1, 1, "a", SQL_C_DATE, "sp_date($1)", SQL_SAME, NULL },
  { "timestamp", SQL_F_SCALAR, 1, 1, "a", SQL_C_TIMESTAMP, "sp_timestamp($1)", SQL_SAME, NULL },
};

const struct sql_section sql_cast_functions = {
  .title = "Casts",
  .rows = cast_rows,
  .n = sizeof cast_rows / sizeof *cast_rows,
};

static const struct sql_function math_rows[] = {
  { "abs", SQL_F_SCALAR, 1, 1, "r", SQL_C_NUMBER, "sp_abs(sp_num($1))", SQL_SAME, NULL },
  { "mod", SQL_F_SCALAR, 2, 2, "r", SQL_C_NUMBER, "sp_mod($1, $2)", SQL_SAME, NULL },
  { "pmod", SQL_F_SCALAR, 2, 2, "r", SQL_C_NUMBER, "sp_pmod(sp_num($1), sp_num($2))", SQL_SAME,
    NULL },
  { "negative", SQL_F_SCALAR, 1, 1, "r", SQL_C_NUMBER, "sp_negative(sp_num($1))", SQL_SAME, NULL },
  { "positive", SQL_F_SCALAR, 1, 1, "r", SQL_C_NUMBER, "sp_num($1)", SQL_SAME, NULL },
  { "rand", SQL_F_SCALAR, 0, 1, "a", SQL_C_DOUBLE, "random()", SQL_DIFFERS,
    "the seed is ignored: the values differ" },
  { "random", SQL_F_SCALAR, 0, 1, "a", SQL_C_DOUBLE, "random()", SQL_DIFFERS,
    "the seed is ignored: the values differ" },
};

const struct sql_section sql_math_functions = {
  .title = "Numbers",
  .rows = math_rows,
  .n = sizeof math_rows / sizeof *math_rows,
};
