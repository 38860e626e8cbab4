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

struct batch_options {
  struct wh *wh;
  const char *end_ds;       ///< last day, inclusive; NULL: today (UTC)
  const char *start_ds;     ///< overrides the definition's first day; may be NULL
  int32_t step_days;        ///< days per step; 0: 30
  bool unset_semantic_hash; ///< keep a join's table though another definition made it
  bool run_first_hole;      ///< also fill days before the earliest existing partition
  int threads;              ///< 0: all cores
  uint64_t memory_limit;    ///< bytes for the whole program; 0: 60 % of the machine
  uint64_t spill_rows;      ///< for tests: scans of more rows are spilled; 0: by memory only
  bool dry_run;             ///< plan only: fills report->steps and writes nothing
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

/// The labels of a join's rows as known on the end date, its `label_ds`: fills the partitions that
/// `<join>_labels` lacks and makes the views `<join>_labeled` and `<join>_labeled_latest`
/// (spec/05 §11).
chn_status batch_label_join(const struct model_conf *conf, const struct batch_options *o,
                            struct batch_report *report, struct chn_err *err);

/// Writes the upload table of a GroupBy, `<output>_upload`, for the end date: keys and values as
/// the online store has them, and the serving info (docs/reference/upload.md). Replaces the last
/// one.
chn_status batch_upload(const struct model_conf *conf, const struct batch_options *o,
                        struct batch_report *report, struct chn_err *err);

/// What `run --mode analyze` prints: schemas of key, left, right and output, and the checks of
/// keys, timestamps and availability of data.
struct batch_column {
  const char *role; ///< "key", "left", "right", "output"
  const char *part; ///< the part a right column comes from, or NULL
  const char *name;
  const char *type; ///< Spark's name
};

struct batch_analysis {
  struct arena arena;
  const char *name;
  struct batch_column *columns;
  int32_t n_columns;
  const char **problems; ///< what would make the backfill fail or be empty
  int32_t n_problems;
};

chn_status batch_analyze(const struct model_conf *conf, const struct batch_options *o,
                         struct batch_analysis *out, struct chn_err *err);
void batch_analysis_deinit(struct batch_analysis *a);
