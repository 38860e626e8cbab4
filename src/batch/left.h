/// left.h: the rows of a join's left side, in memory, and the instants at which they ask.
#pragma once
#include "batch/job.h"
#include "batch/keys.h"

struct left {
  struct wh_rows *rows;
  size_t n;
  bool events;                 ///< else entities: a row asks about the end of its ds
  int64_t *ts;                 ///< of events; undefined where unasked
  bool *unasked;               ///< rows without an instant: all their features are NULL
  int64_t *day_end;            ///< 00:00 UTC after the newest snapshot a row may see (spec/04 §4)
  struct row_str *snapshot_ds; ///< the ds of that snapshot
  struct days snapshots;       ///< of events: first and last such day; empty if no row asks
};

/// Whether left rows of this schema say when they ask: a bigint `ts` of events, else a string `ds`.
chn_status left_check_instants(const struct row_schema *schema, bool events, struct chn_err *err);

/// Loads `sql` (see source_left_sql). Rows without a ts are kept and told about.
chn_status left_load(struct batch_job *job, const char *sql, bool events, struct left *out,
                     struct chn_err *err);
void left_free(struct left *l);

/// The type of a left column; CHN_E_ARGUMENT when there is none.
chn_status left_column(const struct left *l, const char *name, const struct row_type **type,
                       struct chn_err *err);

/// Ids of the rows' key tuples: the n `columns` of the left, followed by the snapshot's ds where
/// the key set has n + 1 columns. Rows with a NULL key or without an instant get -1.
chn_status left_keys(const struct left *l, struct key_set *keys, const char *const *columns,
                     int32_t n, int32_t *out, struct chn_err *err);

/// One left column as contiguous memory, in a new builder that the caller frees.
struct row_builder *left_copy_column(const struct left *l, const char *name);
