/// gather.h: rows of a column into a vector of DuckDB. Private to the room.
#pragma once
#include "row/col.h"
#include <duckdb.h>

/// Row i of `to` becomes row index[i] of `from`, or NULL where that is negative; without an index,
/// row first + i. At most 2048 rows. Long strings are not copied: `from` outlives the scan.
void wh_gather(duckdb_vector to, const struct row_col *from, const int32_t *index, size_t first,
               size_t n);
