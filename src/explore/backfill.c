// Backfills that leave nothing behind: a scratch warehouse over the repo's tables.
#include <string.h>

#include "batch/batch.h"
#include "explore/explore_int.h"
#include "model/names.h"
#include "warehouse/fs.h"

/// The tables that a job may write, and which are therefore no sources of it.
struct outputs {
  const char *names[64];
  int32_t n;
};

static void add_output(struct outputs *o, const char *table)
{
  if (o->n < (int32_t)(sizeof o->names / sizeof *o->names)) {
    o->names[o->n++] = table;
  }
}

/// Joins that are sources are computed by the job, too.
static void add_parents(struct arena *a, const struct model_group_by *gb, struct outputs *o)
{
  for (int32_t i = 0; i < gb->n_sources; i++) {
    const struct model_join_source *s = gb->sources[i].join_source;
    if (s != NULL && s->join != NULL && s->join->meta_data != NULL) {
      add_output(o, model_table(a, s->join->meta_data, ""));
    }
  }
}

static void find_outputs(struct arena *a, const struct model_conf *conf, struct outputs *o)
{
  add_output(o, model_table(a, conf->meta_data, ""));
  if (conf->kind == MODEL_GROUP_BY) {
    add_parents(a, conf->as.group_by, o);
  }
  for (int32_t i = 0; conf->kind == MODEL_JOIN && i < conf->as.join->n_join_parts; i++) {
    add_parents(a, conf->as.join->join_parts[i].group_by, o);
  }
}

/// A table of that name, or one that a job puts beside it: `<name>_bootstrap`, parts.
static bool is_output(const struct outputs *o, const char *table)
{
  for (int32_t i = 0; i < o->n; i++) {
    const size_t n = strlen(o->names[i]);
    if (strncmp(table, o->names[i], n) == 0 && (table[n] == '\0' || table[n] == '_')) {
      return true;
    }
  }
  return false;
}

static void add_source(struct wh_options *w, struct wh_source *list, const char *table,
                       const char *path)
{
  list[w->n_sources++] = (struct wh_source){ table, path };
}

/// The repo's sources, the warehouse's tables where they lie, and the caller's.
static void find_sources(struct explore *e, const struct outputs *o, const struct wh_source *extra,
                         struct wh_options *w)
{
  struct arena *a = &e->call;
  struct fs_list names = { 0 };
  explore_list(e, a, &names);
  struct wh_source *list = arena_calloc(a, names.n + 2, sizeof *list);
  for (size_t i = 0; i < names.n; i++) {
    const char *dot = strchr(names.at[i], '.');
    if (i < (size_t)e->options.n_sources) {
      add_source(w, list, names.at[i], e->options.sources[i].path);
    } else if (!is_output(o, names.at[i])) {
      add_source(w, list, names.at[i],
                 arena_printf(a, "%s/%.*s/%s", e->options.warehouse, (int)(dot - names.at[i]),
                              names.at[i], dot + 1));
    }
  }
  if (extra != NULL) {
    add_source(w, list, extra->table, extra->path);
  }
  w->sources = list;
}

static bool is_cancelled(void *user)
{
  return ((const struct explore *)user)->interrupted != 0;
}

static void tell_stage(void *user, const char *text)
{
  const struct explore *e = user;
  if (e->options.stage != NULL) {
    e->options.stage(text);
  }
}

/// The files of a table as a result: its partitions' columns come last, as texts.
static chn_status keep_output(struct explore *e, const char *root, const char *table,
                              const struct batch_report *report, struct explore_result *out,
                              struct chn_err *err)
{
  struct arena *a = &e->call;
  const char *dot = strchr(table, '.');
  const char *folder = arena_printf(a, "%s/%.*s/%s", root, (int)(dot - table), table, dot + 1);
  if (report->rows == 0 || !fs_is_folder(folder)) {
    return chn_fail(err, CHN_E_NOT_FOUND, "the backfill gives no rows%s%s",
                    report->idle != NULL ? ": " : "", report->idle != NULL ? report->idle : "");
  }
  const char *files = wh_quote_string(a, arena_printf(a, "%s/**/*.parquet", folder));
  return explore_keep(e,
                      arena_printf(a,
                                   "SELECT * FROM read_parquet(%s, hive_partitioning = true, "
                                   "hive_types_autocast = false, union_by_name = true)",
                                   files),
                      out, err);
}

/// Runs the job in the scratch warehouse, which is closed again before its files are read.
static chn_status run(struct explore *e, const struct model_conf *conf, const struct wh_options *w,
                      const char *start_ds, const char *end_ds, struct batch_report *report,
                      struct chn_err *err)
{
  const struct batch_progress progress = { .user = e,
                                           .cancelled = is_cancelled,
                                           .stage = tell_stage };
  struct wh *wh = NULL;
  chn_status s = wh_open(w, &wh, err);
  if (s != CHN_OK) {
    return s;
  }
  e->scratch = wh;
  const struct batch_options options = { .wh = wh,
                                         .start_ds = start_ds,
                                         .end_ds = end_ds,
                                         .threads = e->options.threads,
                                         .memory_limit = e->options.memory_limit,
                                         .run_first_hole = true,
                                         .progress = &progress };
  s = batch_backfill(conf, &options, report, err);
  tell_stage(e, NULL);
  e->scratch = NULL;
  wh_close(wh);
  return s;
}

chn_status explore_backfill_conf(struct explore *e, const struct model_conf *conf,
                                 const char *start_ds, const char *end_ds,
                                 const struct wh_source *extra, struct explore_result *out,
                                 struct chn_err *err)
{
  struct outputs outputs = { .n = 0 };
  struct batch_report report = { 0 };
  struct wh_options w = { .threads = e->options.threads, .memory_limit = e->options.memory_limit };
  struct wh *wh;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = wh_temp_folder(wh, &e->call, &w.root, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  find_outputs(&e->call, conf, &outputs);
  find_sources(e, &outputs, extra, &w);
  s = run(e, conf, &w, start_ds, end_ds, &report, err);
  if (s == CHN_OK) {
    s = keep_output(e, w.root, report.table, &report, out, err);
  }
  batch_report_deinit(&report);
  wh_temp_remove(wh, w.root);
  return s;
}

static chn_status backfill(struct explore *e, int32_t kind, const char *json, const char *start_ds,
                           const char *end_ds, struct explore_result *out, struct chn_err *err)
{
  struct wh *wh;
  struct model_conf conf;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = explore_conf(e, kind, json, &conf, err);
  }
  if (s == CHN_OK && end_ds == NULL) {
    s = explore_last_day(e, &conf, &end_ds, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  return explore_backfill_conf(e, &conf, start_ds != NULL ? start_ds : end_ds, end_ds, NULL, out,
                               err);
}

chn_status explore_backfill(struct explore *e, int32_t kind, const char *json, const char *start_ds,
                            const char *end_ds, struct explore_result *out, struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, backfill(e, kind, json, start_ds, end_ds, out, err), err);
}
