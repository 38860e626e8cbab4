/// sql_install.h: what rendered SQL needs in the engine.
#pragma once
#include "base/err.h"

struct _duckdb_connection; ///< duckdb_connection points at it

/// Registers the functions that rendered SQL calls, runs sql_prelude() and sets the session's time
/// zone to UTC. Once per DuckDB instance.
chn_status sql_install(struct _duckdb_connection *con, struct chn_err *err);
