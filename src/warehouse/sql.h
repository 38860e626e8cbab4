/// sql.h: Spark SQL, as definitions are written in, to DuckDB's.
///
/// Expressions and queries are parsed, checked against the documented set of functions
/// (docs/reference/sql.md) and written again for DuckDB with Spark's meaning: integer division,
/// casts that give NULL instead of failing, wrap-around, null-safe equality, one-based arrays, ...
/// What cannot be rendered is refused with its position: "column 14: ...".
#pragma once
#include "base/arena.h"
#include "base/err.h"

/// One scalar or aggregate expression.
chn_status sql_render_expr(struct arena *a, const char *spark, char **out, struct chn_err *err);

/// One SELECT (WITH, UNION, LATERAL VIEW, ... included).
chn_status sql_render_query(struct arena *a, const char *spark, char **out, struct chn_err *err);

/// The tables that a query reads, "ns.name" each, in order of appearance, each once.
chn_status sql_query_tables(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err);

/// The columns that an expression names (unqualified), in order of appearance, each once.
chn_status sql_expr_columns(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err);

/// Whether the expression is one bare column name; if so it is written to *name.
bool sql_expr_is_name(struct arena *a, const char *spark, char **name);

/// SQL that installs the macros that rendered SQL calls; run once per DuckDB instance.
const char *sql_prelude(void);
