/// sql_functions_int.h: the sections that make up the table of functions.
#pragma once
#include "warehouse/sql_functions.h"

struct sql_section {
  const char *title;
  const struct sql_function *rows;
  int32_t n;
};

extern const struct sql_section sql_conditional_functions;
extern const struct sql_section sql_cast_functions;
extern const struct sql_section sql_math_functions;
extern const struct sql_section sql_string_functions;
extern const struct sql_section sql_date_functions;
extern const struct sql_section sql_collection_functions;
extern const struct sql_section sql_aggregate_functions;
extern const struct sql_section sql_window_functions;
extern const struct sql_section sql_generator_functions;
