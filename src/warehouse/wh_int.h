/// wh_int.h: what the files of this room share. DuckDB's types appear as in duckdb.h.
#pragma once
#include "warehouse/fs.h"
#include "warehouse/warehouse.h"
#include <duckdb.h>
#include <pthread.h>

struct wh_view;
struct wh_frame;

struct wh {
  duckdb_database db;
  duckdb_connection con;  ///< runs what the callers ask
  duckdb_connection side; ///< looks at tables, also while a result streams from `con`
  struct wh_result *stream;
  struct arena arena; ///< as long as the warehouse
  const char *root;
  struct wh_source *sources;
  int32_t n_sources;
  int32_t threads;
  struct wh_view *views;
  pthread_mutex_t frames_lock;
  struct wh_frame *frames;
  const char *temp; ///< folder for spilled data; NULL until it is needed
  int temp_lock;    ///< held as long as `temp` is in use
  int32_t n_temp;
};

// ---- engine.c ---------------------------------------------------------------------------------

/// The class and the message of DuckDB's error, without its noise.
chn_status wh_duck_fail(struct chn_err *err, duckdb_error_type type, const char *message);

chn_status wh_run(duckdb_connection con, const char *sql, duckdb_result *out, struct chn_err *err);
chn_status wh_do(duckdb_connection con, const char *sql, struct chn_err *err);

chn_status wh_prepare(duckdb_connection con, const char *sql, duckdb_prepared_statement *out,
                      struct chn_err *err);

/// The connection for a statement beside a stream.
duckdb_connection wh_free_connection(struct wh *wh);

// ---- types.c ----------------------------------------------------------------------------------

/// A type as row_type; what rows cannot carry is ROW_OTHER with the SQL type's name.
const struct row_type *wh_type_of(struct arena *a, duckdb_logical_type type);

/// The SQL name of a type.
void wh_type_sql(struct chn_buf *out, const struct row_type *type);

/// A logical type of a row_type that has no ROW_OTHER in it; destroy it.
duckdb_logical_type wh_logical_type(const struct row_type *type);

/// The columns that a SELECT gives. If some are of types that only differ in representation from
/// ones that rows carry (TIMESTAMP_NS, ENUM, ...), *sql becomes a SELECT around it that casts.
chn_status wh_normalise(duckdb_connection con, struct arena *a, const char **sql,
                        struct row_schema *out, struct chn_err *err);

/// The same for a SELECT that is run next: planning it twice would cost as much as a small scan.
/// The caller destroys *prepared.
chn_status wh_prepare_rows(duckdb_connection con, struct arena *a, const char *sql,
                           struct row_schema *out, duckdb_prepared_statement *prepared,
                           struct chn_err *err);

/// The columns that a SELECT gives, with the types that it has.
chn_status wh_columns(duckdb_connection con, struct arena *a, const char *sql,
                      struct row_schema *out, struct chn_err *err);

/// Allocates a column tree of a type, without data.
void wh_col_shape(struct arena *a, const struct row_type *type, struct row_col *out);

/// Points a column tree at a vector of `count` rows.
void wh_col_fill(struct row_col *col, duckdb_vector vector, size_t count);

// ---- result.c ---------------------------------------------------------------------------------

duckdb_vector wh_rows_vector(const struct wh_rows *r, size_t chunk, idx_t column);
duckdb_logical_type wh_rows_type(const struct wh_rows *r, idx_t column);

// ---- frame.c ----------------------------------------------------------------------------------

chn_status wh_frames_open(struct wh *wh, struct chn_err *err);
void wh_frames_close(struct wh *wh);

/// The frame of this id, or NULL.
struct wh_frame *wh_frame_find(struct wh *wh, const char *id);

/// Gives a frame other rows: n of them, row i being row index[i] of `cols`, one column an extra, of
/// the types that it was made with. Nothing may be reading it.
void wh_frame_point(struct wh_frame *f, const struct row_col *cols, const int32_t *index, size_t n);

// ---- names.c ----------------------------------------------------------------------------------

struct wh_name {
  const char *full; ///< "ns.table"
  const char *ns;
  const char *table;
};

/// Splits and checks a table name. A name without a namespace is in "default".
chn_status wh_name_parse(struct arena *a, const char *text, struct wh_name *out,
                         struct chn_err *err);

/// The same, of a table that is to be made: parts of letters, digits and _ only, as Hive wants
/// them.
chn_status wh_name_new(struct arena *a, const char *text, struct wh_name *out, struct chn_err *err);

/// The path of --table for this name, or NULL.
const char *wh_source_path(const struct wh *wh, const char *name);

/// The folder of a managed table.
const char *wh_table_folder(const struct wh *wh, struct arena *a, const struct wh_name *name);

/// A hidden sibling of the table's folder: .<table>.<what>.
const char *wh_table_beside(const struct wh *wh, struct arena *a, const struct wh_name *name,
                            const char *what);

/// CHN_E_NOT_FOUND with the nearest known name.
chn_status wh_no_table(struct wh *wh, const char *name, struct chn_err *err);

// ---- layout.c ---------------------------------------------------------------------------------

enum wh_format { WH_PARQUET, WH_CSV, WH_JSON };

/// The files of a table.
struct wh_layout {
  enum wh_format format;
  struct fs_list files; ///< sorted by path
  const char *folder;   ///< NULL when the path is one file or a glob
  struct fs_list keys;  ///< names of the k=v folders below `folder`, outermost first
  uint64_t bytes;
  uint64_t signature; ///< changes when a file is added, removed or replaced
};

/// Lists what lies at a path. A folder without files has format Parquet and n = 0.
chn_status wh_layout_read(struct arena *a, const char *table, const char *path,
                          struct wh_layout *out, struct chn_err *err);

/// The text of a folder name's value, %41 decoded.
char *wh_hive_decode(struct arena *a, const char *text, size_t len);

// ---- meta.c -----------------------------------------------------------------------------------

/// `_chronon.json` of a managed table.
struct wh_meta {
  bool found;
  struct fs_list columns; ///< in table order, partition columns last
  struct fs_list types;   ///< SQL type of each
  struct fs_list partition_columns;
  struct fs_list property_names; ///< sorted
  struct fs_list property_values;
  const char *view; ///< Spark SQL of a view, which has no files; NULL: a table
};

chn_status wh_meta_read(struct arena *a, const char *folder, struct wh_meta *out,
                        struct chn_err *err);
chn_status wh_meta_write(const char *folder, const struct wh_meta *meta, struct chn_err *err);
int32_t wh_meta_column(const struct wh_meta *meta, const char *name);

/// `name` must not be a view, which nothing is written to.
chn_status wh_meta_no_view(const struct wh_meta *meta, const char *name, struct chn_err *err);

void wh_meta_set_property(struct arena *a, struct wh_meta *meta, const char *name,
                          const char *value);

/// NULL where there is none of the name.
const char *wh_meta_property(const struct wh_meta *meta, const char *name);

/// Does nothing where there is none of the name.
void wh_meta_unset_property(struct wh_meta *meta, const char *name);

// ---- empty_days.c -----------------------------------------------------------------------------

/// Notes which of the days first_ds to last_ds are computed and have no rows: no folder in
/// `staged`.
void wh_mark_empty(struct arena *a, struct wh_meta *meta, const char *staged, const char *first_ds,
                   const char *last_ds);

/// Takes over what other writers have noted in `now`.
void wh_follow_empty(struct arena *a, struct wh_meta *meta, const struct wh_meta *now);

// ---- tables.c ---------------------------------------------------------------------------------

/// Forgets the view of a table whose files changed.
void wh_view_forget(struct wh *wh, const char *name);

void wh_views_close(struct wh *wh);

/// Whether a folder of the warehouse is a table: it has properties, partitions or data.
bool wh_is_table(struct arena *a, const char *folder);

// ---- view.c -----------------------------------------------------------------------------------

/// The SELECT that reads a table, with columns in table order. A table without files is empty.
chn_status wh_view_sql(struct wh *wh, struct arena *a, const char *table,
                       const struct wh_layout *layout, const struct wh_meta *meta, const char **out,
                       struct chn_err *err);

// ---- swap.c -----------------------------------------------------------------------------------

/// Makes what is staged durable and decided: from here on it is moved by this or by a later run.
chn_status wh_decide(const char *staging, struct chn_err *err);

/// Moves what is staged into the table and removes `staging`. *partitions counts the moved ones.
chn_status wh_publish(const char *staging, const char *folder, int32_t *partitions,
                      struct chn_err *err);

/// Takes the table's lock; CHN_E_CONFLICT while another writer has it.
chn_status wh_lock(struct wh *wh, const struct wh_name *name, int *fd, struct chn_err *err);

/// Takes it as one of several writers, after repairing the table where nobody writes; waits a
/// while for others that repair it.
chn_status wh_lock_shared(struct wh *wh, const struct wh_name *name, int *fd, struct chn_err *err);
void wh_unlock(struct wh *wh, const struct wh_name *name, int fd);

/// What one of several writers holds while it publishes. Waits for the others.
chn_status wh_commit_lock(struct wh *wh, const struct wh_name *name, int *fd, struct chn_err *err);
void wh_commit_unlock(struct wh *wh, const struct wh_name *name, int fd);

/// Finishes or clears what a killed writer left of a table; does nothing while a writer lives.
void wh_repair(struct wh *wh, const struct wh_name *name);

/// The same, by the one who holds the table's lock.
chn_status wh_repair_locked(struct wh *wh, const struct wh_name *name, struct chn_err *err);

// ---- temp.c -----------------------------------------------------------------------------------

/// A random text of 8 letters of hex.
void wh_random_hex(char out[9]);
void wh_temp_open(struct wh *wh);
void wh_temp_close(struct wh *wh);
