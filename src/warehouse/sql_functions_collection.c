// Arrays, maps and structs.
#include "warehouse/sql_functions_int.h"

static const struct sql_function collection_rows[] = {
  { "named_struct", SQL_F_SCALAR, 2, -1, "a", SQL_C_STRUCT, NULL, SQL_SAME, NULL },
  { "struct", SQL_F_SCALAR, 1, -1, "a", SQL_C_STRUCT, NULL, SQL_SAME, NULL },
};

const struct sql_section sql_collection_functions = {
  .title = "Arrays, maps, structs",
  .rows = collection_rows,
  .n = sizeof collection_rows / sizeof *collection_rows,
};
