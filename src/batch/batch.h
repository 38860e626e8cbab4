/// batch.h: the jobs that turn history into tables: GroupBy, Join and StagingQuery backfills.
///
/// A job finds the days its output lacks, cuts them into steps, computes each step from one scan
/// of every source and writes its partitions at once, so a killed job loses at most one step and
/// the next run continues. Values are Chronon's (spec: windows, accuracy and scan ranges as its
/// batch jobs have them); names of tables and columns too.
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/model.h"
#include "warehouse/warehouse.h"

struct kv_store;

/// How a job tells what it does. Any callback may be NULL; all come from the calling thread.
struct batch_progress {
  void *user;
  /// A stage begins: "2013-01-01..2013-01-30: part 2 of 5, flights.carrier_delays.v1".
  void (*stage)(void *user, const char *text);
  /// Rows read in the running stage; total is 0 while unknown.
  void (*rows)(void *user, uint64_t done, uint64_t total);
  /// Something the user should know that is not an error.
  void (*note)(void *user, const char *text);
  /// Asked between chunks; true stops the job with CHN_E_CANCELLED.
  bool (*cancelled)(void *user);
};

/// What a join's backfill computes (spec/05 §5.4): all, or the first or the last step of one that
/// is split into jobs. Between those two stands BATCH_JOIN_WHOLE with selected_parts, for each
/// part; the result is that of a whole backfill.
enum batch_join_step {
  BATCH_JOIN_WHOLE,
  BATCH_JOIN_LEFT,  ///< its bootstrap table
  BATCH_JOIN_FINAL, ///< the output, from that table and those of the parts
};

struct batch_options {
  struct wh *wh;
  const char *end_ds;       ///< last day, inclusive; NULL: today (UTC)
  const char *start_ds;     ///< overrides the definition's first day; may be NULL
  int32_t step_days;        ///< days per step; 0: 30
  bool no_auto_expand;      ///< a staging query's table keeps its columns; other ones are refused
  bool unset_semantic_hash; ///< keep a join's table though another definition made it
  bool run_first_hole;      ///< also fill days before the earliest existing partition
  int threads;              ///< 0: all cores
  uint64_t memory_limit;    ///< bytes for the whole program; 0: 60 % of the machine
  uint64_t spill_rows;      ///< for tests: scans of more rows are spilled; 0: by memory only
  const char *const *selected_parts; ///< of a join: compute the tables of these parts only
  int32_t n_selected_parts;
  bool use_cached_left; ///< with selected_parts: read the left side from the bootstrap table
  enum batch_join_step join_step;
  /// The whole range that this job computes a part of while others compute the rest of it, after
  /// one batch_prepare; NULL: it is alone.
  const char *all_start_ds;
  const char *all_end_ds;
  bool dry_run;             ///< plan only: fills report->steps and writes nothing
  double sample;            ///< of statistics: the share of rows they are made of; 0: 0.1
  bool force_backfill;      ///< statistics: drop the tables first
  const char *log_table;    ///< of batch_log_flatten
  const char *schema_table; ///< of batch_log_flatten
  struct kv_store *store;   ///< of uploads: NULL: none is filled
  bool store_unasked; ///< of uploads: nobody named the store; where it has a later day, that is a
                      ///< note
  bool upload_table;  ///< of uploads: write the table `<output>_upload`
  bool allow_older;   ///< of uploads: put an earlier day in place of a later one
  const struct batch_progress *progress; ///< may be NULL
};

struct batch_step {
  char start_ds[16];
  char end_ds[16];
  uint64_t rows; ///< written
  bool done;
};

struct batch_timing {
  const char *stage; ///< "left", "scan", "sort", "windows", "write"
  double seconds;
  uint64_t rows;
};

/// What a job did. Zero it, pass it in, batch_report_deinit it.
struct batch_report {
  struct arena arena;
  const char *table; ///< the output table
  uint64_t rows;
  int32_t partitions;
  struct batch_step *steps;
  int32_t n_steps;
  const char *idle;             ///< why there are no steps; NULL where there are some
  struct batch_timing *timings; ///< one per stage, over all steps
  int32_t n_timings;
  uint64_t peak_rss; ///< bytes
};

void batch_report_deinit(struct batch_report *r);

/// Backfills whatever the conf is. Errors of one step do not stop the steps after it: the job
/// fails at the end with the first cause and their number.
chn_status batch_backfill(const struct model_conf *conf, const struct batch_options *o,
                          struct batch_report *report, struct chn_err *err);

/// What the ranges of one backfill share, computed before they run side by side as jobs with
/// all_start_ds and all_end_ds: tables of another definition are archived, joins that are sources
/// and states of an incremental GroupBy are computed. `o` is about the whole range. *first_ds is
/// the first day that the ranges must look at, in the report's arena: days before the output's
/// first partition count as expired (run_first_hole) unless ranges from an earlier day did not end;
/// what the ranges do themselves must not change that, so they run with run_first_hole.
chn_status batch_prepare(const struct model_conf *conf, const struct batch_options *o,
                         struct batch_report *report, const char **first_ds, struct chn_err *err);

/// Tells the output that all ranges ended well, from o->start_ds, the first day of them, on. Until
/// then what they leave out before its first partition is missing for later runs, not expired.
chn_status batch_settle(const struct model_conf *conf, const struct batch_options *o,
                        struct batch_report *report, struct chn_err *err);

/// The labels of a join's rows as known on the end date, its `label_ds`: fills the partitions that
/// `<join>_labels` lacks and makes the views `<join>_labeled` and `<join>_labeled_latest`
/// (spec/05 §11).
chn_status batch_label_join(const struct model_conf *conf, const struct batch_options *o,
                            struct batch_report *report, struct chn_err *err);

/// Uploads a GroupBy as of the end date: keys and values as the online store has them, and the
/// serving info (docs/reference/upload.md), into the store and the table `<output>_upload`, as the
/// options say. Each replaces its last one in one instant.
chn_status batch_upload(const struct model_conf *conf, const struct batch_options *o,
                        struct batch_report *report, struct chn_err *err);

/// Statistics of a join's output per hour (per day where rows have no `ts`): the tables
/// `<join>_daily_stats` and `<join>_daily_stats_upload` (docs/reference/statistics.md).
chn_status batch_stats_summary(const struct model_conf *conf, const struct batch_options *o,
                               struct batch_report *report, struct chn_err *err);

/// The same of what was served: of `<join>_logged`, into `<join>_logged_daily_stats` and its
/// upload.
chn_status batch_log_summary(const struct model_conf *conf, const struct batch_options *o,
                             struct batch_report *report, struct chn_err *err);

/// Decodes the raw log of fetches, `o->log_table`, with the schemas in `o->schema_table` into
/// `<join>_logged` (docs/reference/statistics.md). A join without samplePercent is not logged: that
/// is a note and nothing more.
chn_status batch_log_flatten(const struct model_conf *conf, const struct batch_options *o,
                             struct batch_report *report, struct chn_err *err);

/// What `run --mode metadata-upload` did.
struct batch_metadata_skipped {
  const char *path;
  const char *why;
};

struct batch_metadata_report {
  struct arena arena;
  int32_t n_confs; ///< definitions put
  int32_t n_lists; ///< lists of teams put
  struct batch_metadata_skipped *skipped;
  int32_t n_skipped;
  int32_t cap_skipped;
};

struct batch_metadata_options {
  struct kv_store *store;
  int32_t batch_size; ///< puts a transaction; 0: 50
};

/// Puts compiled definitions, a file or all of a folder, where the fetcher looks for them (spec/06
/// §1): datasets ZIPLINE_METADATA (`joins/<team>/<name>`: the definition) and
/// CHRONON_ENTITY_BY_TEAM (`joins/<team>`: what the team has). Files that are no definitions are
/// skipped and reported. A single file is added to its team's list, a folder replaces the lists of
/// the teams in it.
chn_status batch_metadata_upload(const char *path, const struct batch_metadata_options *o,
                                 struct batch_metadata_report *report, struct chn_err *err);
void batch_metadata_report_deinit(struct batch_metadata_report *r);

/// What an analysis does beside showing schemas.
struct batch_analyze_options {
  bool hitters;          ///< count the most frequent values of the keys
  int32_t count;         ///< most frequent values to tell, a column; 0: 128
  double sample;         ///< share of the rows that is counted; 0: 0.1
  bool skip_timestamps;  ///< do not look at the instants of the first rows
  bool skip_permissions; ///< do not try to read each table
  bool export_schema;    ///< write `<table>_schema`
  bool schemas_only;     ///< no checks at all: only what makes a schema impossible is a problem
};

/// A column of a schema, and where a feature comes from (NULL where that means nothing).
struct batch_column {
  const char *role; ///< "key", "left", "right", "output"
  const char *part; ///< the part that a key or a right column is of; NULL: the definition's own
  const char *name;
  const char *type;         ///< Spark's name: "bigint", "array<string>"
  const char *chronon_type; ///< Chronon's: "long", "list_string"
  const char *operation;    ///< "sum", "No Operation", "Derivation"
  const char *window;       ///< "7d", "unbounded"
  const char *input;        ///< the column that is aggregated
  const char *group_by;     ///< name of the GroupBy, or of an external source's schema
};

/// How often a value stands in a key column.
struct batch_hitter {
  const char *table;
  const char *column; ///< a key, or "ts_year", or "total_count", whose one value is "rows"
  const char *value;
  int64_t count; ///< of the sample, divided by its share
};

struct batch_analysis {
  struct arena arena;
  const char *name;
  const char *table;        ///< that a backfill writes
  const char *schema_table; ///< that the schema was exported to, or NULL
  struct batch_column *columns;
  int32_t n_columns;
  struct batch_hitter *hitters;
  int32_t n_hitters;
  const char **problems; ///< what would make the backfill fail or be empty
  int32_t n_problems;
  const char **warnings; ///< what may be meant so
  int32_t n_warnings;
};

/// Describes what a GroupBy, a Join or a StagingQuery would write, and checks what it would read
/// (spec/05 §10): keys, instants, permissions, availability of data, schemas of external sources,
/// Avro. Rows are looked at from options' start_ds on, by default three days before the end.
/// What is found wrong is a problem in *out; CHN_OK only says that the schemas could be made.
chn_status batch_analyze(const struct model_conf *conf, const struct batch_options *o,
                         const struct batch_analyze_options *what, struct batch_analysis *out,
                         struct chn_err *err);
void batch_analysis_deinit(struct batch_analysis *a);

/// Where `metadata-export` reads and writes.
struct batch_export_options {
  const char *input_root;  ///< folder of compiled definitions
  const char *output_root; ///< folder to write to; NULL: output_table
  const char *output_table;
  const char *table_properties; ///< JSON object of texts, or NULL
  bool embedded;                ///< GroupBys that have no file of their own, only joins, too
};

struct batch_exported {
  struct arena arena;
  int32_t written;       ///< definitions
  int32_t exceptions;    ///< of those, such whose features could not be told
  const char **failures; ///< files that are no definition: "path: why"
  int32_t n_failures;
};

/// Writes each compiled definition's JSON with its `features`, or the `exception` why there are
/// none: to `<output_root>/<kind>/<file>`, or as a row (path, metadata, ds, entityType) of a table.
chn_status batch_metadata_export(const struct batch_options *o,
                                 const struct batch_export_options *where,
                                 struct batch_exported *out, struct chn_err *err);
void batch_exported_deinit(struct batch_exported *e);

/// How one feature differs between two versions of the same rows.
struct batch_feature_diff {
  const char *name;
  uint64_t rows;
  uint64_t both_null;
  uint64_t left_null;  ///< NULL, or no row, on the left alone
  uint64_t right_null; ///< on the right alone
  uint64_t mismatched; ///< a value on both sides, and not the same one
  bool has_smape;      ///< numbers
  double smape;        ///< mean of 2 |l - r| / (|l| + |r|)
};

/// Two versions of the same rows: what `compare` and `consistency-metrics-compute` print. Its
/// memory is the report's.
struct batch_comparison {
  const char *left; ///< "ns.join", in words
  const char *right;
  const char *rows_table; ///< where the rows of both stand side by side; NULL: nowhere
  const char *metrics_table;
  const char *start_ds; ///< the days that the features below speak of
  const char *end_ds;
  bool counted; ///< rows were compared by this run, and the numbers that follow are of them
  uint64_t rows;
  uint64_t left_only; ///< rows without a partner
  uint64_t right_only;
  uint64_t repeated;                   ///< keys of which several pairs of rows were made
  struct batch_feature_diff *features; ///< in the order of the table's columns
  int32_t n_features;
};

/// Compares a join's table with what a StagingQuery gives for the same days, into
/// `compare_join_query_<join>_<query>` and `compare_stats_join_query_<join>_<query>` (spec/05 §12).
/// Without a start date the end date alone. CHN_E_ARGUMENT where their columns do not fit.
chn_status batch_compare(const struct model_conf *conf, const struct model_conf *query,
                         const struct batch_options *o, struct batch_report *report,
                         struct batch_comparison *out, struct chn_err *err);

/// Backfills a join for the logged rows of what was served, `<join>_comparison`, and compares both
/// day by day into `<join>_consistency` and `<join>_consistency_upload`. *out sums up all days of
/// the range that the table has, old ones too.
chn_status batch_consistency(const struct model_conf *conf, const struct batch_options *o,
                             struct batch_report *report, struct batch_comparison *out,
                             struct chn_err *err);
