/// trial_int.h: the steps of a test, private to the room.
#pragma once
#include "codec/json.h"
#include "explore/trial.h"
#include "model/model.h"
#include "warehouse/warehouse.h"

struct luart;

struct trial {
  struct trial_options options;
  struct luart *lua;
  struct wh *wh;
  char *folder;    ///< temporary, of all below
  int lock;        ///< of the folder
  char *root;      ///< of the warehouse
  char *rows;      ///< file that rows go through on their way to Parquet
  int32_t written; ///< tables so far
};

/// A definition of the file that runs.
struct trial_definition {
  enum model_kind kind;
  const char *name;
  const char *where;
  const struct codec_json *object;
  bool read;              ///< conf or error is known
  struct model_conf conf; ///< compiled
  const char *error;      ///< why it is not, or NULL
};

/// A test on its way. Memory is the report's.
struct trial_run {
  struct trial *t;
  struct arena *a;
  const struct codec_json *test;
  struct trial_definition *definitions;
  int32_t n_definitions;
  const char *const *fixtures; ///< names of the test's tables
  int32_t n_fixtures;
  struct trial_test *out;
};

/// A column of a table that is made of rows.
struct trial_column {
  const char *name;
  const char *type; ///< DuckDB's; NULL: of its values
  bool instant;     ///< texts become epoch milliseconds
};

// ---- trial.c ----------------------------------------------------------------------------------

/// The text of a member, or NULL.
const char *trial_text(const struct codec_json *v, const char *key);

/// Adds a failure; the caller fills it in.
struct trial_failure *trial_fail(struct trial_run *r, const char *where);
void trial_fail_text(struct trial_run *r, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// The definition of a check, compiled; NULL with *error where it cannot be.
const struct trial_definition *trial_definition(struct trial_run *r, const struct codec_json *check,
                                                const char **error);

/// Whether the check is as expected where a message is: a failure is added where it is not.
void trial_expect_message(struct trial_run *r, const struct codec_json *check, const char *message);

// ---- trial_table.c, trial_uses.c ----------------------------------------------------------------

/// How the definitions of a test read a table.
struct trial_uses {
  const char *instants[8]; ///< columns that hold instants
  int32_t n_instants;
  const char *day_of;    ///< the instant whose day is the row's partition, or NULL
  const char *partition; ///< the partition column; NULL: nobody says
  bool snapshot;         ///< days are snapshots: no instant tells them
};
void trial_uses(struct trial_run *r, const char *table, struct trial_uses *out);

/// Makes the tables of a test; failures are added. False when one could not be made.
bool trial_tables(struct trial_run *r);

/// Writes rows (objects) as a table with the partitions of column `partition` (NULL: none). Types
/// that are not given are those of the values.
chn_status trial_write(struct trial *t, struct arena *a, const char *table,
                       struct trial_column *columns, int32_t n, const struct codec_json *rows,
                       int32_t n_rows, const char *partition, struct chn_err *err);

/// The DuckDB type of a column by its values in the rows (trial_type.c).
chn_status trial_type(struct arena *a, const char *column, const struct codec_json *rows,
                      int32_t n_rows, const char **out, struct chn_err *err);

/// The columns of rows in order of appearance, *n of them, with `extra` free places behind.
struct trial_column *trial_columns(struct arena *a, const struct codec_json *rows, int32_t n_rows,
                                   int32_t extra, int32_t *n);

/// Writes rows to a file as JSON, one a line, with the columns' instants in milliseconds.
chn_status trial_lines(const char *path, const struct trial_column *columns, int32_t n,
                       const struct codec_json *rows, int32_t n_rows, struct chn_err *err);

/// The DuckDB type of a table's column, or NULL.
const char *trial_column_type(struct trial *t, struct arena *a, const char *table,
                              const char *column);

/// Removes every table but the test's own (`all`: those, too).
void trial_clean(struct trial_run *r, bool all);

// ---- trial_at.c, trial_rows.c -------------------------------------------------------------------

/// Runs the expectations of features at instants, those of a definition together.
chn_status trial_at(struct trial_run *r, struct chn_err *err);

/// Runs one expectation of rows.
chn_status trial_rows(struct trial_run *r, const struct codec_json *check, struct chn_err *err);

/// Backfills in the scratch warehouse and gives the rows as documents: *columns names, and objects.
/// CHN_E_CANCELLED as batch.
struct trial_answer {
  const char **columns;
  int32_t n_columns;
  struct codec_json *rows; ///< objects with all columns in order
  int32_t n_rows;
  const char *idle; ///< why there are none, or NULL
};
chn_status trial_backfill(struct trial_run *r, const struct model_conf *conf, const char *start_ds,
                          const char *end_ds, struct trial_answer *out, struct chn_err *err);

// ---- trial_same.c -------------------------------------------------------------------------------

/// Whether a value is the one wanted: whole numbers exactly, others to nine digits or as far as
/// t.approx allows; a text that is an instant also as epoch milliseconds; {} as [].
bool trial_same(const struct codec_json *got, const struct codec_json *want);

/// As JSON on a line, t.approx as `0.5 ± 0.1`.
const char *trial_show(struct arena *a, const struct codec_json *v);

/// "a, b, c".
const char *trial_names(struct arena *a, const char *const *names, int32_t n);

// ---- trial_made.c -------------------------------------------------------------------------------

/// Rows made by chance for the one source of a GroupBy.
struct trial_made {
  const char *table;
  struct trial_column *columns;
  int32_t n_columns;
  const char *partition;
  struct codec_json *rows; ///< in the order of time
  int64_t *at;             ///< instant of each
  int32_t n_rows;
  int32_t upload_day; ///< its end is where batch ends and the stream begins
};

/// Numbers that depend on the seed alone.
struct trial_chance {
  uint64_t state;
};
int64_t trial_random(struct trial_chance *c, int64_t low, int64_t high);

/// Makes them; *why says why that cannot be done (a text in the arena), else NULL.
chn_status trial_make(struct trial *t, struct arena *a, const struct model_group_by *gb,
                      struct trial_chance *chance, struct trial_made *out, const char **why,
                      struct chn_err *err);

/// The columns of the source's table (NULL without a known one) in the arena (trial_made_types.c).
struct trial_column *trial_source_columns(struct trial *t, struct arena *a,
                                          const struct model_group_by *gb, const char *table,
                                          int32_t *n);

/// A table's rows as documents.
chn_status trial_read(struct trial_run *r, const char *sql, struct trial_answer *out,
                      struct chn_err *err);

/// Adds a test to the report.
struct trial_test *trial_add_test(struct trial_report *report, const char *file, const char *name);
