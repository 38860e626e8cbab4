/// log.h: what was served, for the offline side (spec/06 §7).
///
/// A join with a samplePercent is logged: the row of its keys and of its values, before and after
/// derivations, as Avro. The schema of a join has a hash, which each event carries, and is itself
/// an event, once, before the first of its rows:
///
///     name                  key          value                     schema_hash
///     team/file.var         Avro keys    Avro base ++ derived      first 10 of base64(md5(schema))
///     SCHEMA_PUBLISH_EVENT  the hash     {"join_name","key_schema","value_schema"}   NULL
///
/// Events go to a function of the caller, or into two tables of a warehouse as `run --mode
/// log-flattener` reads them. The tables are written by a thread of their own from a bounded queue:
/// nobody who fetches waits for a disk, and what does not fit is dropped and counted. Nothing here
/// ever fails a fetch.
///
///     request.base = fetch_log_wants(request.plan);
///     fetch_run(session, &request, 1, &result, err);
///     fetch_log_add(log, &result);
#pragma once
#include "fetcher/fetcher.h"

struct fetch_log_event {
  const char *name;
  const void *key;
  size_t key_len;
  const void *value;
  size_t value_len;
  int64_t ts;              ///< the instant that was asked for
  const char *schema_hash; ///< NULL: the event is a schema
};

/// Takes an event, from any thread, and copies what it keeps; false: it is lost.
typedef bool (*fetch_log_fn)(void *self, const struct fetch_log_event *event);

/// Shared by all threads. Close it before its fetcher.
struct fetch_log;

/// A log whose events go to a function.
struct fetch_log *fetch_log_new(fetch_log_fn fn, void *self);

struct fetch_log_options {
  const char *warehouse;    ///< its folder
  const char *log_table;    ///< "ns.name": key_base64, value_base64, ts_millis, schema_hash, ds,
                            ///< name, part; partitioned by the last three
  const char *schema_table; ///< "ns.name": schema_hash, schema_value_last
  int32_t flush_ms;         ///< an event is in the table after at most so long; 0: 30 s
  int32_t queue;            ///< events that may wait; 0: 100,000
};

/// A log whose events go to two tables, which are made when missing. A killed process loses what
/// waited, and leaves whole files only. CHN_E_ARGUMENT for names that are no tables', and tables of
/// another shape are refused.
chn_status fetch_log_open(const struct fetch_log_options *options, struct fetch_log **out,
                          struct chn_err *err);

/// Writes what waits. A failure is that of the last write; the log is freed in any case. NULL is
/// allowed.
chn_status fetch_log_close(struct fetch_log *log, struct chn_err *err);

/// Whether rows of a plan may be logged: it is a join with a samplePercent. What fetch_request.base
/// must be.
bool fetch_log_wants(const struct fetch_plan *plan);

/// Logs the rows of an answer that are in the sample: no failures. `log` may be NULL.
void fetch_log_add(struct fetch_log *log, const struct fetch_result *result);

struct fetch_log_counts {
  int64_t sampled; ///< rows that were events
  int64_t dropped; ///< of those: the queue was full, the function said no, or a write failed
  int64_t failed;  ///< rows that could not be made events
  int64_t written; ///< events in the tables, schemas included
  int64_t waiting;
};
void fetch_log_count(struct fetch_log *log, struct fetch_log_counts *out);

/// The last failure of a write, or "" since the last success; copied into `out`.
void fetch_log_error(struct fetch_log *log, char out[256]);
