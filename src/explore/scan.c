// What a definition reads, as SQL and as rows; and what columns it gives.
#include <string.h>

#include "base/time.h"
#include "batch/source.h"
#include "batch/staging_query.h"
#include "explore/explore_int.h"
#include "model/names.h"

static chn_status staging_sql(struct batch_job *job, const struct model_staging_query *q,
                              const char *ds, const char **sql, struct chn_err *err)
{
  const struct staging_dates dates = { ds, ds, ds };
  char *text = NULL;
  chn_status s = source_setups(job, q->setups, q->n_setups, err);
  if (s == CHN_OK) {
    s = staging_query_render(job, q->query, &dates, &text, err);
  }
  *sql = text;
  return s;
}

static chn_status setups_of(struct batch_job *job, const struct model_source *source,
                            struct chn_err *err)
{
  const struct model_query *q = model_source_query(source);
  return q != NULL ? source_setups(job, q->setups, q->n_setups, err) : CHN_OK;
}

static chn_status render(struct batch_job *job, const struct model_conf *conf, const char *ds,
                         const char **sql, struct chn_err *err)
{
  struct days range;
  chn_status s = chn_day_of_ds(ds, &range.first, err);
  range.last = range.first;
  if (s != CHN_OK) {
    return s;
  }
  if (conf->kind == MODEL_STAGING_QUERY) {
    return staging_sql(job, conf->as.staging_query, ds, sql, err);
  }
  if (conf->kind == MODEL_JOIN) {
    s = setups_of(job, conf->as.join->left, err);
    return s == CHN_OK ? source_left_sql(job, conf->as.join->left, range, sql, err) : s;
  }
  const struct model_group_by *gb = conf->as.group_by;
  for (int32_t i = 0; s == CHN_OK && i < gb->n_sources; i++) {
    s = setups_of(job, &gb->sources[i], err);
  }
  return s == CHN_OK ? source_group_by_sql(job, gb, model_infer_accuracy(gb), range, sql, err) : s;
}

/// The SQL of a day in the call's arena.
static chn_status scan(struct explore *e, int32_t kind, const char *json, const char *ds,
                       const char **sql, struct chn_err *err)
{
  struct wh *wh;
  struct model_conf conf;
  const char *text = NULL;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = explore_conf(e, kind, json, &conf, err);
  }
  if (s == CHN_OK && ds == NULL) {
    s = explore_last_day(e, &conf, &ds, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  const struct batch_options options = { .wh = wh };
  struct batch_report report = { 0 };
  struct batch_job job;
  job_init(&job, &options, &report);
  s = render(&job, &conf, ds, &text, err);
  *sql = s == CHN_OK ? arena_strdup(&e->call, text) : NULL;
  batch_report_deinit(&report);
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "%s", conf.name);
}

chn_status explore_scan(struct explore *e, int32_t kind, const char *json, const char *ds,
                        struct chn_buf *sql, struct chn_err *err)
{
  const char *text = NULL;
  explore_begin(e);
  const chn_status s = scan(e, kind, json, ds, &text, err);
  if (s == CHN_OK) {
    chn_buf_adds(sql, text);
  }
  return explore_end(e, s, err);
}

chn_status explore_sample(struct explore *e, int32_t kind, const char *json, const char *ds,
                          int64_t n, struct explore_result *out, struct chn_err *err)
{
  const char *text = NULL;
  explore_begin(e);
  chn_status s = scan(e, kind, json, ds, &text, err);
  if (s == CHN_OK) {
    s = explore_keep(e, arena_printf(&e->call, "SELECT * FROM (%s) LIMIT %lld", text, (long long)n),
                     out, err);
  }
  return explore_end(e, s, err);
}

// ---- schemas ----------------------------------------------------------------------------------

static chn_status keep_schema(struct explore *e, const struct batch_analysis *analysis,
                              struct explore_result *out, struct chn_err *err)
{
  static const char *const names[] = { "role",      "part",   "column", "type",
                                       "operation", "window", "input",  "group_by" };
  struct out o = { .n = 0 };
  for (int32_t i = 0; i < 8; i++) {
    out_column(&o, names[i], ROW_STRING);
  }
  for (int32_t i = 0; i < analysis->n_columns; i++) {
    const struct batch_column *c = &analysis->columns[i];
    const char *const cells[] = { c->role,      c->part,   c->name,  c->type,
                                  c->operation, c->window, c->input, c->group_by };
    for (int32_t k = 0; k < 8; k++) {
      out_text(&o, k, cells[k]);
    }
  }
  return out_keep(e, &o, out, err);
}

static chn_status schema(struct explore *e, int32_t kind, const char *json,
                         struct explore_result *out, struct chn_err *err)
{
  static const struct batch_analyze_options what = { .schemas_only = true };
  struct wh *wh;
  struct model_conf conf;
  struct batch_analysis analysis = { 0 };
  const char *ds = NULL;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = explore_conf(e, kind, json, &conf, err);
  }
  if (s == CHN_OK) {
    s = explore_last_day(e, &conf, &ds, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  const struct batch_options options = { .wh = wh, .end_ds = ds };
  s = batch_analyze(&conf, &options, &what, &analysis, err);
  if (s == CHN_OK && analysis.n_problems > 0) {
    s = chn_fail(err, CHN_E_ARGUMENT, "%s: %s", conf.name, analysis.problems[0]);
  }
  if (s == CHN_OK) {
    s = keep_schema(e, &analysis, out, err);
  }
  batch_analysis_deinit(&analysis);
  return s;
}

chn_status explore_schema(struct explore *e, int32_t kind, const char *json,
                          struct explore_result *out, struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, schema(e, kind, json, out, err), err);
}
