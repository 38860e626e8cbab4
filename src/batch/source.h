/// source.h: from a definition's sources to the SQL that reads them.
#pragma once
#include "agg/plan.h"
#include "batch/job.h"

/// "ns.table" as two quoted names.
const char *source_quoted(struct arena *a, const char *table);

/// How far back the rows of a range reach.
struct source_reach {
  bool unbounded;    ///< some part has no window, or there are no aggregations
  int64_t window_ms; ///< the longest window
};

struct source_reach source_reach_of(const struct model_group_by *gb);

/// The partition column of a query: its own, or "ds".
const char *source_partition_column(const struct model_query *q);

/// The days that a source table (as authored, sub-partitions included) has. A table without the
/// partition column is un-partitioned: *partitioned is false and every day counts as present.
chn_status source_days(struct batch_job *job, const char *table, const char *column,
                       bool *partitioned, struct day_set *out, struct chn_err *err);

/// DuckDB SQL of a GroupBy's sources, UNION ALL: its selects, the keys, `ds`, and `ts` where the
/// definition gives one, over the partitions that a query range needs (spec/05 §2).
chn_status source_group_by_sql(struct batch_job *job, const struct model_group_by *gb,
                               enum model_accuracy accuracy, struct days range, const char **sql,
                               struct chn_err *err);

/// Where a query's times come from, as authored.
const char *source_time_column(const struct model_query *q);

/// Fails where all of n times, `oldest` to `newest`, look like seconds or microseconds.
chn_status source_check_unit(const char *column, int64_t n, int64_t oldest, int64_t newest,
                             struct chn_err *err);

/// Called after a scan; looks at sources where `newest`, the greatest ts it read (INT64_MIN where
/// it read no row), is not believable, or where there are several. Fails where all times of events,
/// or of entities with windows, are in seconds or microseconds, which would silently give nothing.
chn_status source_check_times(struct batch_job *job, const struct model_group_by *gb,
                              enum model_accuracy accuracy, struct days range, int64_t newest,
                              struct chn_err *err);

/// The mutations of a GroupBy of entities, UNION ALL: what source_group_by_sql selects, and
/// `mutation_ts` and `is_before`, over the mutation tables' partitions of `days`. A source without
/// a mutation table is CHN_E_ARGUMENT.
chn_status source_mutations_sql(struct batch_job *job, const struct model_group_by *gb,
                                struct days days, const char **sql, struct chn_err *err);

/// DuckDB SQL of a join's left side for a range of partitions: selects, `ds`, for events `ts`.
chn_status source_left_sql(struct batch_job *job, const struct model_source *left,
                           struct days range, const char **sql, struct chn_err *err);

/// DuckDB SQL of a plain table read with a query: selects and `ds` over a range of partitions.
chn_status source_table_sql(struct batch_job *job, const char *table,
                            const struct model_query *query, struct days range, const char **sql,
                            struct chn_err *err);

/// Runs the setup statements of a query once.
chn_status source_setups(struct batch_job *job, const char **setups, int32_t n,
                         struct chn_err *err);
