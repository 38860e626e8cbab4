// Aggregates, window functions and generators.
#include "warehouse/sql_functions_int.h"

static const struct sql_function aggregate_rows[] = {
  { "count", SQL_F_AGGREGATE, 1, -1, "a", SQL_C_LONG, NULL, SQL_SAME, NULL },
  { "sum", SQL_F_AGGREGATE, 1, 1, "r", SQL_C_NUMBER, "sp_total(sum($Dsp_addend($1))$O)",
    SQL_DIFFERS, "decimals are summed as doubles" },
  { "try_sum", SQL_F_AGGREGATE, 1, 1, "r", SQL_C_NUMBER, "sp_total(sum($Dsp_addend($1))$O)",
    SQL_DIFFERS, "decimals are summed as doubles" },
  { "avg", SQL_F_AGGREGATE, 1, 1, "d", SQL_C_DOUBLE, "avg($D$1)$O", SQL_SAME, NULL },
  { "mean", SQL_F_AGGREGATE, 1, 1, "d", SQL_C_DOUBLE, "avg($D$1)$O", SQL_SAME, NULL },
  { "try_avg", SQL_F_AGGREGATE, 1, 1, "d", SQL_C_DOUBLE, "avg($D$1)$O", SQL_SAME, NULL },
  { "min", SQL_F_AGGREGATE, 1, 1, "a", SQL_C_UNKNOWN, "min($1)$O", SQL_SAME, NULL },
  { "max", SQL_F_AGGREGATE, 1, 1, "a", SQL_C_UNKNOWN, "max($1)$O", SQL_SAME, NULL },
  { "percentile", SQL_F_AGGREGATE, 2, 2, "d", SQL_C_DOUBLE, "quantile_cont($1, $2)$O", SQL_SAME,
    NULL },
};

const struct sql_section sql_aggregate_functions = {
  .title = "Aggregates",
  .rows = aggregate_rows,
  .n = sizeof aggregate_rows / sizeof *aggregate_rows,
};

static const struct sql_function window_rows[] = {
  { "row_number", SQL_F_WINDOW, 0, 0, "a", SQL_C_INT, "CAST(row_number()$O AS INTEGER)", SQL_SAME,
    NULL },
};

const struct sql_section sql_window_functions = {
  .title = "Window functions",
  .rows = window_rows,
  .n = sizeof window_rows / sizeof *window_rows,
};

static const struct sql_function generator_rows[] = {
  { "explode", SQL_F_GENERATOR, 1, 1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "explode_outer", SQL_F_GENERATOR, 1, 1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "posexplode", SQL_F_GENERATOR, 1, 1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "posexplode_outer", SQL_F_GENERATOR, 1, 1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "inline", SQL_F_GENERATOR, 1, 1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
  { "stack", SQL_F_GENERATOR, 2, -1, "a", SQL_C_UNKNOWN, NULL, SQL_SAME, NULL },
};

const struct sql_section sql_generator_functions = {
  .title = "Generators",
  .rows = generator_rows,
  .n = sizeof generator_rows / sizeof *generator_rows,
};
