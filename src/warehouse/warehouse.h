/// warehouse.h: tables by ds, and the SQL engine over them (DuckDB; duckdb.h stays in this room).
///
/// A table is `namespace.table`. Managed tables are folders `<root>/<namespace>/<table>/` with one
/// folder a partition (`ds=2024-01-01/`, further columns below it) of Parquet files, and
/// `_chronon.json` with the table properties. Source tables come from `--table ns.name=PATH`, from
/// teams.json's `tables`, or lie in the warehouse like managed ones. Partitions appear by rename
/// or not at all.
#pragma once
#include "row/col.h"

struct wh;

struct wh_source {
  const char *table; ///< "ns.name"
  const char *path;  ///< file, folder or glob of Parquet, CSV, JSON or JSON lines
};

struct wh_options {
  const char *root; ///< the warehouse folder; created by the first write
  const struct wh_source *sources;
  int32_t n_sources;
  int32_t threads;       ///< 0: all cores
  uint64_t memory_limit; ///< bytes for the whole program; 0: 60 % of the machine
};

chn_status wh_open(const struct wh_options *options, struct wh **out, struct chn_err *err);
void wh_close(struct wh *wh);

/// Stops the running query (CHN_E_CANCELLED) from another thread or a signal handler. Between two
/// queries it has no effect: the caller keeps a flag of its own.
void wh_interrupt(struct wh *wh);

// ---- tables -----------------------------------------------------------------------------------

struct wh_table {
  const char *name; ///< "ns.name"
  const char *path;
  bool managed;             ///< lies in the warehouse folder
  const char *view;         ///< Spark SQL of a view; NULL: a table
  struct row_schema schema; ///< partition columns included, in the order that SELECT * gives
  const char *error;        ///< of wh_table_list: why the schema is not known; else NULL
};

/// CHN_E_NOT_FOUND names the nearest known table.
chn_status wh_table_find(struct wh *wh, const char *name, struct arena *a, struct wh_table *out,
                         struct chn_err *err);
bool wh_table_exists(struct wh *wh, const char *name);

/// Every known table, sorted by name.
chn_status wh_table_list(struct wh *wh, struct arena *a, struct wh_table **out, size_t *n,
                         struct chn_err *err);

/// The distinct values of `column` (a ds column), sorted. For hive folders this only lists
/// directories. A table without that column fails (CHN_E_NOT_FOUND). `filters` are further
/// partition conditions `k=v` (sub-partition specs), n_filters of them. A table that does not exist
/// has none.
chn_status wh_partitions(struct wh *wh, const char *table, const char *column,
                         const char *const *filters, int32_t n_filters, struct arena *a,
                         char ***out, size_t *n, struct chn_err *err);

/// Table properties of a managed table; a missing key gives NULL.
const char *wh_property(struct wh *wh, const char *table, const char *key, struct arena *a);

/// All of them, sorted by key; returns their number, 0 for a table that has none or is not managed.
size_t wh_properties(struct wh *wh, const char *table, struct arena *a, const char ***keys,
                     const char ***values);

/// Days of a managed table that were computed and have no partition because no row came of them:
/// those between first_ds and last_ds of its writes. Sorted, "2024-01-01"; returns their number.
size_t wh_empty_days(struct wh *wh, const char *table, struct arena *a, char ***out);

/// Sets one property of a managed table that exists, by rename; a NULL value removes it.
chn_status wh_property_set(struct wh *wh, const char *table, const char *key, const char *value,
                           struct chn_err *err);

/// Makes a view of a Spark SELECT, or replaces one; it is run whenever the view is read. The
/// SELECT must be valid now; a table is not replaced by a view (CHN_E_CONFLICT). `names` and
/// `values` are n table properties.
chn_status wh_view_create(struct wh *wh, const char *view, const char *spark,
                          const char *const *names, const char *const *values, int32_t n,
                          struct chn_err *err);

/// Removes a managed table, or renames it (archiving); the new name must be free.
chn_status wh_table_drop(struct wh *wh, const char *table, struct chn_err *err);
chn_status wh_table_rename(struct wh *wh, const char *table, const char *to, struct chn_err *err);

// ---- queries ----------------------------------------------------------------------------------
// All SQL here is DuckDB's, made by sql.h from Spark's. Before running SQL that names tables, call
// wh_use on each: it makes the view `ns.name` known to the engine.

chn_status wh_use(struct wh *wh, const char *table, struct chn_err *err);

/// Runs SQL for its effect (SET, CREATE TEMP ...).
chn_status wh_exec(struct wh *wh, const char *sql, struct chn_err *err);

/// The schema that a SELECT would have, without running it.
chn_status wh_describe(struct wh *wh, const char *sql, struct arena *a, struct row_schema *out,
                       struct chn_err *err);

/// Wraps a SELECT for people: columns that rows cannot carry (DECIMAL, INTERVAL, UBIGINT, ...) come
/// as their text; with `numbers`, decimals of up to 15 digits as doubles. *sql stays as it is where
/// there is none.
chn_status wh_readable(struct wh *wh, struct arena *a, bool numbers, const char **sql,
                       struct chn_err *err);

struct wh_result;

/// Starts a SELECT whose rows are pulled chunk by chunk, with bounded memory. Scans, filters and
/// projections keep the order of the files with any number of threads; GROUP BY and joins have an
/// order only with ORDER BY. Only one streaming result may be open at a time (CHN_E_INTERNAL);
/// while it is, wh_exec, wh_describe and writes run where temporary objects are not seen.
chn_status wh_query(struct wh *wh, const char *sql, struct wh_result **out, struct chn_err *err);
const struct row_schema *wh_result_schema(const struct wh_result *r);

/// Points `cols` (schema's n_fields of them) at the next rows, at most 2048; *n = 0 at the end.
/// The columns are DuckDB's own memory, valid until the next call. A column of kind ROW_OTHER has
/// no data.
chn_status wh_result_next(struct wh_result *r, struct row_col *cols, size_t *n,
                          struct chn_err *err);
void wh_result_close(struct wh_result *r);

/// A whole result kept in memory as chunks of 2048 rows (the last one shorter), of any types.
struct wh_rows;

chn_status wh_rows_load(struct wh *wh, const char *sql, struct wh_rows **out, struct chn_err *err);
void wh_rows_free(struct wh_rows *r);
const struct row_schema *wh_rows_schema(const struct wh_rows *r);
size_t wh_rows_count(const struct wh_rows *r);
size_t wh_rows_chunks(const struct wh_rows *r);
size_t wh_rows_chunk(const struct wh_rows *r, size_t chunk, struct row_col *cols);

// ---- columns as a table -----------------------------------------------------------------------

/// A table made of kept rows and of columns computed here, to be named in SQL as wh_frame('<id>').
/// Row i has the columns of `left` row i (zero-copy; left may be NULL), then for each extra column
/// its row index[i] (or i where index is NULL); a negative index gives NULL.
struct wh_extra {
  const char *name;
  const struct row_col *col;
  const int32_t *index; ///< one per row of the frame, or NULL
};

/// Makes the frame known under `id` until wh_frame_remove. Memory stays the caller's. Scanned in
/// parallel, with projection; rows come in order.
chn_status wh_frame_add(struct wh *wh, const char *id, const struct wh_rows *left, size_t n,
                        const struct wh_extra *extras, int32_t n_extras, struct chn_err *err);
void wh_frame_remove(struct wh *wh, const char *id);

// ---- writing ----------------------------------------------------------------------------------

/// One atomic write of partitions. Files go to a hidden folder beside the table; commit syncs
/// them, then renames each partition into place, replacing an older one of the same values.
/// Killed at any instant, a reader sees old or new partitions whole, and the next writer removes
/// what was left behind.
struct wh_writer;

struct wh_write_options {
  const char *const *partition_columns; ///< "ds" first; NULL/0: an un-partitioned table, replaced
  int32_t n_partition_columns;
  bool auto_expand; ///< new columns may appear, missing ones become NULL; a changed type is refused
  /// Other writers, shared too, may write other partitions at the same time; of two that write the
  /// same one the last to commit wins.
  bool shared;
  const char *const *property_names; ///< set on commit
  const char *const *property_values;
  int32_t n_properties;
  const char *first_ds; ///< first and last day that the write computes, inclusive; those without
                        ///< rows are remembered (wh_empty_days). NULL: nothing is
  const char *last_ds;
};

/// Locks the table: CHN_E_CONFLICT while another writer has it, when `table` is a source, or when
/// the table has other partition columns.
chn_status wh_write_begin(struct wh *wh, const char *table, const struct wh_write_options *o,
                          struct wh_writer **out, struct chn_err *err);

/// Appends the rows of a SELECT (which has the partition columns). May be called several times.
/// Columns may come in any order; HUGEINT becomes BIGINT or fails. Inside a partition rows have no
/// order. After a failure only wh_write_abort is left.
chn_status wh_write_select(struct wh_writer *w, const char *sql, struct chn_err *err);

struct wh_written {
  uint64_t rows;
  int32_t partitions;
};

/// Makes everything visible and frees the writer, also on failure. Zero rows make no partition, and
/// leave an un-partitioned table as it was. `partitions` counts ds=.. folders (0 without them).
chn_status wh_write_commit(struct wh_writer *w, struct wh_written *out, struct chn_err *err);

/// Throws everything away and frees the writer (NULL is allowed).
void wh_write_abort(struct wh_writer *w);

/// `text` as an SQL string or identifier, quoted.
const char *wh_quote_string(struct arena *a, const char *text);
const char *wh_quote_name(struct arena *a, const char *name);

/// A new empty folder for spilled data inside the warehouse's temporary folder, on the same disk;
/// wh_temp_remove deletes it with what it holds, wh_close the rest.
chn_status wh_temp_folder(struct wh *wh, struct arena *a, const char **path, struct chn_err *err);
void wh_temp_remove(struct wh *wh, const char *path);
