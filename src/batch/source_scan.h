/// source_scan.h: the SELECT over one table that a query and a range of partitions make.
#pragma once
#include "base/buf.h"
#include "batch/job.h"
#include "model/model.h"

/// A scan being put together. Zeroed by scan_open, then bounds and fill-ins are set, then written.
struct source_scan {
  struct batch_job *job;
  const struct model_query *query; ///< may be NULL
  const char *table;               ///< without sub-partitions
  struct wh_table found;
  bool partitioned;
  const char *column;   ///< the partition column in the table
  const char *first_ds; ///< bounds, inclusive; NULL: open
  const char *last_ds;
  const char *asked_ds;    ///< first day that a GroupBy is asked for; NULL: no GroupBy
  bool timed;              ///< the job needs the rows' times
  bool empty;              ///< the bounds exclude everything
  struct model_pair *fill; ///< name -> DuckDB SQL, used where no select has the name
  int32_t n_fill, fill_room;
};

/// Begins a scan of an authored table name. Bounds of the query that are no days are refused: they
/// would compare as text and silently leave everything out.
chn_status scan_open(struct source_scan *s, struct batch_job *job, const char *table,
                     const struct model_query *query, struct chn_err *err);

/// A column that the scan gives unless the query selects one of the name; `sql` is DuckDB's.
void scan_fill(struct source_scan *s, const char *name, const char *sql);

/// Makes the later of two lower bounds, or the earlier of two upper ones, hold.
void scan_bound(const char **have, const char *other, bool lower);

/// Writes the SELECT. What it names is checked first, and fails by the place that names it.
chn_status scan_write(struct source_scan *s, struct chn_buf *out, struct chn_err *err);

/// Spark's expression as DuckDB's; a failure names `what` it is.
chn_status scan_render(struct arena *a, const char *what, const char *spark, char **out,
                       struct chn_err *err);

/// "ns.table" as two quoted names.
const char *source_quoted(struct arena *a, const char *table);

/// A day as the arena's text.
const char *scan_ds(struct arena *a, int32_t day);

/// Whether the SELECT over the scan's table can run at all and its columns are of use: selects that
/// are about one row, conditions that are true or false, a time that is a number. `select` is its
/// projection. (source_check.c)
chn_status scan_check(const struct source_scan *s, const char *select, struct chn_err *err);

/// Whether rows of which `newest` is the greatest ts may have another unit than milliseconds.
bool scan_doubts(int64_t newest);

/// Fails where all times of a written scan (`sql`, which has ts) are in another unit than
/// milliseconds; reads few rows unless its first ones look like that. (source_check.c)
chn_status scan_check_times(const struct source_scan *s, const char *sql, struct chn_err *err);
