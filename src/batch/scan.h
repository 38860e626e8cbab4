/// scan.h: rows of a source into engine frames, within the memory limit.
///
/// The rows are read once. If they fit, one frame holds them all. If not, DuckDB writes them to
/// temporary Parquet files partitioned by the hash of their keys, and one frame a partition
/// follows the other: every row of a key is in the same frame.
#pragma once
#include "agg/frame.h"
#include "batch/job.h"
#include "batch/keys.h"

struct scan_request {
  const char *sql; ///< gives the key columns, ts, the plan's inputs
  const struct agg_plan *plan;
  const char *const *key_columns;
  int32_t n_key_columns;
  int32_t n_required_keys; ///< rows in which the first so many keys are all NULL are dropped
  struct key_set *keys;
  enum key_mode mode; ///< KEY_FIND: rows of other keys are dropped; KEY_INTERN: they add keys
  enum key_nulls nulls;
  /// Only rows with from <= ts < to are of use; INT64_MIN, INT64_MAX: all.
  int64_t from;
  int64_t to;
  /// Set to the greatest ts that was read, INT64_MIN where there is none. May be NULL.
  int64_t *newest;
  /// Called with n rows of the key columns and their ids before the rows go into the frame
  /// (KEY_INTERN: the place to remember new keys' values). May be NULL.
  void (*seen)(void *user, const struct row_col *keys, const int32_t *ids, size_t n);
  /// Called when a pass over other keys begins: everything seen so far is done with. May be NULL.
  void (*begin)(void *user);
  /// Called with each sealed frame. Keys without rows in it belong to another pass.
  chn_status (*visit)(void *user, struct agg_frame *frame, struct chn_err *err);
  void *user;
};

chn_status scan_run(struct batch_job *job, const struct scan_request *r, struct chn_err *err);
