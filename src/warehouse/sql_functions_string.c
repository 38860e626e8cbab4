// Strings.
#include "warehouse/sql_functions_int.h"

static const struct sql_function string_rows[] = {
  { "upper", SQL_F_SCALAR, 1, 1, "s", SQL_C_STRING, "upper($1)", SQL_SAME, NULL },
  { "ucase", SQL_F_SCALAR, 1, 1, "s", SQL_C_STRING, "upper($1)", SQL_SAME, NULL },
  { "lower", SQL_F_SCALAR, 1, 1, "s", SQL_C_STRING, "lower($1)", SQL_SAME, NULL },
  { "lcase", SQL_F_SCALAR, 1, 1, "s", SQL_C_STRING, "lower($1)", SQL_SAME, NULL },
  { "length", SQL_F_SCALAR, 1, 1, "s", SQL_C_INT, "CAST(length($1) AS INTEGER)", SQL_SAME, NULL },
  { "char_length", SQL_F_SCALAR, 1, 1, "s", SQL_C_INT, "CAST(length($1) AS INTEGER)", SQL_SAME,
    NULL },
  { "character_length", SQL_F_SCALAR, 1, 1, "s", SQL_C_INT, "CAST(length($1) AS INTEGER)", SQL_SAME,
    NULL },
  { "len", SQL_F_SCALAR, 1, 1, "s", SQL_C_INT, "CAST(length($1) AS INTEGER)", SQL_SAME, NULL },
  { "trim", SQL_F_SCALAR, 1, 2, "s", SQL_C_STRING, NULL, SQL_SAME, NULL },
  { "btrim", SQL_F_SCALAR, 1, 2, "s", SQL_C_STRING, NULL, SQL_SAME, NULL },
  { "ltrim", SQL_F_SCALAR, 1, 2, "s", SQL_C_STRING, NULL, SQL_SAME, NULL },
  { "rtrim", SQL_F_SCALAR, 1, 2, "s", SQL_C_STRING, NULL, SQL_SAME, NULL },
  { "concat", SQL_F_SCALAR, 0, -1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
};

const struct sql_section sql_string_functions = {
  .title = "Strings",
  .rows = string_rows,
  .n = sizeof string_rows / sizeof *string_rows,
};
