/// sql.h: Spark SQL, as definitions are written in, to DuckDB's.
///
/// Expressions and queries are parsed, checked against the documented set of functions
/// (docs/reference/sql.md) and written again for DuckDB with Spark's meaning: integer division,
/// casts that give NULL instead of failing, wrap-around, null-safe equality, one-based arrays, ...
/// What cannot be rendered is refused with its position: "column 14: ...".
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "row/type.h"

/// One scalar or aggregate expression.
chn_status sql_render_expr(struct arena *a, const char *spark, char **out, struct chn_err *err);

/// The same of a condition on one table, whose columns are known: a comparison of a column of
/// numbers with a number is written so that the scan skips the row groups it leaves out.
chn_status sql_render_condition(struct arena *a, const char *spark,
                                const struct row_schema *columns, char **out, struct chn_err *err);

/// One SELECT (WITH, UNION, LATERAL VIEW, ... included).
chn_status sql_render_query(struct arena *a, const char *spark, char **out, struct chn_err *err);

/// The tables that a query reads, "ns.name" each (a name without namespace as it is), in order of
/// appearance, each once. Names that a WITH defines are not tables.
chn_status sql_query_tables(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err);

/// The columns that an expression names, in order of appearance, each once: of `a.b.c`, a field of
/// a struct, `a`. Parameters of lambdas are left out; subqueries are not looked into.
chn_status sql_expr_columns(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err);

/// Whether the expression gives the same for the same columns, whenever and beside whatever rows it
/// is asked: it names no clock, no random numbers, no subquery, and only functions of one row.
bool sql_expr_repeats(struct arena *a, const char *spark);

/// Whether the expression is one bare column name; if so it is written to *name.
bool sql_expr_is_name(struct arena *a, const char *spark, char **name);

/// A setup statement: CREATE [OR REPLACE] TEMPORARY VIEW v AS SELECT ... Spark's SET and ADD JAR
/// give ""; functions of Java classes and everything else are refused.
chn_status sql_render_setup(struct arena *a, const char *spark, char **out, struct chn_err *err);

/// The tables that a setup statement reads.
chn_status sql_setup_tables(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err);

/// SQL that installs the macros that rendered SQL calls. sql_install (sql_install.h) runs it and
/// registers the functions.
const char *sql_prelude(void);
