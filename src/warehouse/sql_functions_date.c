// Dates and instants.
#include "warehouse/sql_functions_int.h"

static const struct sql_function date_rows[] = {
  { "year", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_year($1)", SQL_SAME, NULL },
  { "quarter", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_quarter($1)", SQL_SAME, NULL },
  { "month", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_month($1)", SQL_SAME, NULL },
  { "day", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_day($1)", SQL_SAME, NULL },
  { "dayofmonth", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_day($1)", SQL_SAME, NULL },
  { "dayofweek", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_dayofweek($1)", SQL_SAME, "1 is Sunday" },
  { "weekday", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_weekday($1)", SQL_SAME, "0 is Monday" },
  { "dayofyear", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_dayofyear($1)", SQL_SAME, NULL },
  { "weekofyear", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_weekofyear($1)", SQL_SAME, NULL },
  { "hour", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_hour($1)", SQL_SAME, NULL },
  { "minute", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_minute($1)", SQL_SAME, NULL },
  { "second", SQL_F_SCALAR, 1, 1, "t", SQL_C_INT, "sp_second($1)", SQL_SAME, NULL },
  { "from_unixtime", SQL_F_SCALAR, 1, 1, "l", SQL_C_STRING, "sp_string(sp_timestamp($1))", SQL_SAME,
    NULL },
};

const struct sql_section sql_date_functions = {
  .title = "Dates and instants",
  .rows = date_rows,
  .n = sizeof date_rows / sizeof *date_rows,
};
