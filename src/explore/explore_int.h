/// explore_int.h: the parts of a session, private to the room.
#pragma once
#include <signal.h>

#include "explore/explore.h"
#include "model/model.h"

struct kv_store;
struct fetcher;
struct fetch_session;
struct fetch_json;

/// A result that is there.
struct kept {
  char *name; ///< of the table, or a further name of one
  bool view;
  struct arena arena; ///< of what explore_result shows
};

struct explore {
  struct explore_options options;
  struct arena arena; ///< as long as the session
  struct arena call;  ///< as long as a call
  struct wh *wh;
  bool makes_folder;           ///< the warehouse has no folder of its own yet
  struct wh *volatile scratch; ///< of the running backfill
  struct kv_store *store;
  struct fetcher *fetcher;
  struct fetch_session *fetches;
  struct fetch_json *json;
  struct kept *kept;
  int32_t n_kept, cap_kept;
  int32_t last; ///< number of the last result
  volatile sig_atomic_t busy;
  volatile sig_atomic_t interrupted;
};

/// Makes a result of a DuckDB SELECT.
chn_status explore_keep(struct explore *e, const char *sql, struct explore_result *out,
                        struct chn_err *err);

/// Whether a name is one of a result.
bool explore_is_kept(const struct explore *e, const char *name);

/// Makes every table of the warehouse known to the engine.
chn_status explore_use_all(struct explore *e, struct chn_err *err);

/// Reads a definition's JSON into the call's arena.
chn_status explore_conf(struct explore *e, int32_t kind, const char *json, struct model_conf *out,
                        struct chn_err *err);

/// Makes a table of the warehouse, or a result, known to SQL: its name there.
chn_status explore_from(struct explore *e, struct wh *wh, const char *table, const char **from,
                        struct chn_err *err);

/// The last day that the definition's first source has; today where it has no partitions.
chn_status explore_last_day(struct explore *e, const struct model_conf *conf, const char **ds,
                            struct chn_err *err);

/// A backfill in scratch: `extra` is a table of the caller's beside the repo's (NULL: none).
chn_status explore_backfill_conf(struct explore *e, const struct model_conf *conf,
                                 const char *start_ds, const char *end_ds,
                                 const struct wh_source *extra, struct explore_result *out,
                                 struct chn_err *err);

/// Appends `ns.table` of every table in the warehouse's folder and of every source to a list.
struct fs_list;
void explore_list(struct explore *e, struct arena *a, struct fs_list *out);

// ---- rows made here (out.c) -------------------------------------------------------------------

enum { OUT_MAX = 16 };

/// Columns in the making, of the call.
struct out {
  struct row_field fields[OUT_MAX];
  struct row_builder *builders[OUT_MAX];
  int32_t n;
};

void out_column(struct out *o, const char *name, enum row_kind kind);
void out_text(struct out *o, int32_t column, const char *text); ///< NULL is null
void out_long(struct out *o, int32_t column, int64_t value);
void out_double(struct out *o, int32_t column, double value); ///< NaN is null
void out_bool(struct out *o, int32_t column, bool value);
void out_instant(struct out *o, int32_t column, int64_t ms); ///< INT64_MIN is null

/// Makes a result of it, and frees it in any case.
chn_status out_keep(struct explore *e, struct out *o, struct explore_result *result,
                    struct chn_err *err);

/// The same of columns that lie somewhere else.
chn_status out_keep_columns(struct explore *e, const struct wh_extra *columns, int32_t n,
                            size_t rows, struct explore_result *result, struct chn_err *err);
