// Macros: what DuckDB's own functions say in Spark's words, with arguments used more than once.
#include "warehouse/sql.h"

const char *sql_prelude(void)
{
  return "CREATE OR REPLACE MACRO sp_item(x, k) AS CASE WHEN typeof(x) LIKE '%[]' "
         "THEN x[greatest(TRY_CAST(k AS BIGINT), -1) + 1] ELSE x[k] END;\n";
}
