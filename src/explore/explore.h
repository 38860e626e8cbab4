/// explore.h: a session of looking, trying and understanding: a repo, its tables and its store.
///
/// Nothing is opened before it is needed. Every answer is a *result*: a table of the session with
/// names and types, which SQL can read by its name (`result_1`, the last one also `_`). The shell
/// in lua/repl calls this through LuaJIT's FFI. A session is used by one thread; explore_interrupt
/// may come from a signal handler.
#pragma once
#include "base/buf.h"
#include "batch/describe.h"
#include "warehouse/warehouse.h"

struct explore;

struct explore_options {
  const char *repo;                ///< folder of teams.json; NULL: none
  const char *warehouse;           ///< its folder
  const struct wh_source *sources; ///< kept by the caller as long as the session
  int32_t n_sources;
  const char *store; ///< URL of the online store
  int32_t threads;   ///< as wh_options
  uint64_t memory_limit;
  void (*stage)(const char *text); ///< told what a backfill does; NULL at its end; may be NULL
};

struct explore *explore_open(const struct explore_options *options);
void explore_close(struct explore *e);

/// Stops what is running with CHN_E_CANCELLED. Async-signal-safe; between two calls it has no
/// effect. While explore_busy, say it again: an engine between two queries does not hear it.
void explore_interrupt(struct explore *e);
bool explore_busy(const struct explore *e);

/// Around work of the caller's own on the warehouse, so that interrupts reach it; every function
/// here does it. The status becomes CHN_E_CANCELLED where an interrupt made it fail.
void explore_begin(struct explore *e);
chn_status explore_end(struct explore *e, chn_status status, struct chn_err *err);

/// The warehouse, opened by the first call.
chn_status explore_warehouse(struct explore *e, struct wh **out, struct chn_err *err);

// ---- results ----------------------------------------------------------------------------------

/// A table of the session. Names and types are the session's.
struct explore_result {
  const char *table; ///< "result_1"
  uint64_t rows;
  int32_t n_columns;
  const char *const *names;
  const char *const *types; ///< Spark's names: "bigint", "array<string>"
};

/// Runs a SELECT, Spark's or with `duckdb` DuckDB's. Tables are those of the warehouse and results.
chn_status explore_sql(struct explore *e, const char *sql, bool duckdb, struct explore_result *out,
                       struct chn_err *err);

/// Gives a result a further name that SQL knows. CHN_E_ARGUMENT when it is no plain name.
chn_status explore_name(struct explore *e, const char *table, const char *name,
                        struct chn_err *err);

void explore_drop(struct explore *e, const char *table);

/// Writes a result to a file; its ending says how: .parquet, .csv, .json or .jsonl.
chn_status explore_save(struct explore *e, const char *table, const char *path,
                        struct chn_err *err);

/// Writes a result into the warehouse as the table `ns.name`, by ds where it has that column.
chn_status explore_write(struct explore *e, const char *table, const char *name,
                         struct chn_err *err);

/// The SELECT that reads a result for people: types that rows do not carry come as text.
chn_status explore_readable(struct explore *e, const char *table, bool numbers, struct chn_buf *sql,
                            struct chn_err *err);

// ---- what there is ----------------------------------------------------------------------------

/// table, kind, columns, partitions, first_ds, last_ds, path
chn_status explore_tables(struct explore *e, struct explore_result *out, struct chn_err *err);

/// column, type: of a table of the warehouse, or of a result.
chn_status explore_describe(struct explore *e, const char *table, struct explore_result *out,
                            struct chn_err *err);

/// How the columns of a table of the warehouse, or of a result, look (batch/describe.h): column,
/// type, count, nulls, distinct, min, p05, p25, p50, p75, p95, max, mean, shape, and with a
/// baseline psi, linf. Ends and quantiles are texts, because some are of times; they, mean and
/// drift have six digits, or all before the point. Integers are whole.
chn_status explore_stats(struct explore *e, const char *table,
                         const struct describe_options *options, struct explore_result *out,
                         struct chn_err *err);

/// What of a table is drawn. The caller's.
struct explore_plot {
  int32_t kind;  ///< enum plot_kind; -1: as the columns ask
  const char *x; ///< without y: the column whose values are counted; NULL: rows in their order
  const char *y; ///< the column of numbers that is drawn
  const char *title;
  bool times; ///< x is epoch milliseconds; `ts` always is, and days of `ds` are
  bool svg;
  int32_t width; ///< columns or pixels, as plot.h
  int32_t height;
  int32_t bins; ///< at most; 0: 20
  const struct plot_window *windows;
  int32_t n_windows;
};

/// Appends a picture of a table of the warehouse, or of a result, as text or SVG: of one column its
/// histogram, of texts the most frequent values; of y by x a line (at equal x the mean) or, by
/// texts, bars. A table of one or two columns needs no names. Only numbers leave the engine.
chn_status explore_picture(struct explore *e, const char *table, const struct explore_plot *what,
                           struct chn_buf *out, struct chn_err *err);

/// Appends names, one a line, without running anything: tables, or definitions (compiled ones, and
/// `team.file.` of definition files).
void explore_table_names(struct explore *e, struct chn_buf *out);
void explore_definition_names(struct explore *e, struct chn_buf *out);

// ---- definitions ------------------------------------------------------------------------------
// A definition is its kind (enum model_kind) and its JSON, as Chronon's compiler or as the shell
// writes it. It has a name and a namespace.

/// Compiles the definition of this name (`team.file.v1`, `team/file.v1`) as `chronon compile` does,
/// without writing. Appends its JSON.
chn_status explore_load(struct explore *e, const char *name, int32_t *kind, struct chn_buf *json,
                        struct chn_err *err);

/// role, part, column, type, operation, window, input, group_by. Reads schemas only.
chn_status explore_schema(struct explore *e, int32_t kind, const char *json,
                          struct explore_result *out, struct chn_err *err);

/// Appends the SQL that reads the sources (of a join the left side) for a day, as DuckDB runs it;
/// without a day for the last one that the first source has.
chn_status explore_scan(struct explore *e, int32_t kind, const char *json, const char *ds,
                        struct chn_buf *sql, struct chn_err *err);

/// The first n rows of that.
chn_status explore_sample(struct explore *e, int32_t kind, const char *json, const char *ds,
                          int64_t n, struct explore_result *out, struct chn_err *err);

/// Backfills days (NULL: the last one of the first source) into a scratch warehouse over the repo's
/// tables, and keeps the output's rows.
chn_status explore_backfill(struct explore *e, int32_t kind, const char *json, const char *start_ds,
                            const char *end_ds, struct explore_result *out, struct chn_err *err);

/// Appends the table that its backfill writes into the warehouse; nothing where it is not there.
chn_status explore_output(struct explore *e, int32_t kind, const char *json, struct chn_buf *table,
                          struct chn_err *err);

// ---- serving ----------------------------------------------------------------------------------
// `keys` is a JSON array of objects; `at` an instant as text (chn_ms_of_text), NULL: now. A join is
// fetched as its JSON says, over the uploads of its parts.

/// The keys and features, a row each, `exception` where something failed.
chn_status explore_fetch(struct explore *e, int32_t kind, const char *json, const char *keys,
                         const char *at, struct explore_result *out, struct chn_err *err);

/// feature, value, window_from, upload_until, made_of of one row; with `feature` its pieces: piece,
/// from, until, alone, used, note.
chn_status explore_explain(struct explore *e, int32_t kind, const char *json, const char *keys,
                           const char *at, const char *feature, struct explore_result *out,
                           struct chn_err *err);

/// A join's features as served and as a backfill has them, for the same keys and instant: the keys,
/// feature, fetched, backfilled, same. Doubles are the same to nine digits.
chn_status explore_compare(struct explore *e, const char *json, const char *keys, const char *at,
                           struct explore_result *out, struct chn_err *err);
