// How the columns of a table look, as a result.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "explore/explore_int.h"
#include "model/names.h"

enum { SPARK_COLUMNS = 10 };

// ---- the table --------------------------------------------------------------------------------

chn_status explore_from(struct explore *e, struct wh *wh, const char *table, const char **from,
                        struct chn_err *err)
{
  if (!explore_is_kept(e, table)) {
    *from = table;
    return wh_use(wh, table, err);
  }
  // The name of a result is the author's choice and may be a word of SQL; result_1 is none.
  const bool numbered = strncmp(table, "result_", 7) == 0;
  *from = numbered ? table : wh_quote_name(&e->call, table);
  return CHN_OK;
}

static chn_status output(struct explore *e, int32_t kind, const char *json, struct chn_buf *out,
                         struct chn_err *err)
{
  struct wh *wh;
  struct model_conf conf;
  struct wh_table found;
  struct chn_err missing = { 0 };
  struct arena *a = &e->call;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = explore_conf(e, kind, json, &conf, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  const char *table = conf.kind == MODEL_JOIN ? model_join_output_table(a, conf.as.join)
                                              : model_table(a, conf.meta_data, "");
  s = wh_table_find(wh, table, a, &found, &missing);
  if (s == CHN_OK) {
    chn_buf_adds(out, table);
  } else if (s != CHN_E_NOT_FOUND) {
    return chn_fail(err, s, "%s", missing.msg);
  }
  return CHN_OK;
}

chn_status explore_output(struct explore *e, int32_t kind, const char *json, struct chn_buf *table,
                          struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, output(e, kind, json, table, err), err);
}

// ---- its columns ------------------------------------------------------------------------------

/// A number as it is shown: six digits, of larger ones all before the point.
static double six_digits(double value)
{
  if (fabs(value) >= 1e6) {
    return round(value);
  }
  char text[DESCRIBE_VALUE_SIZE];
  snprintf(text, sizeof text, "%.6g", value);
  return strtod(text, NULL);
}

static void add_value(struct out *o, int32_t at, const struct describe_column *c, double value)
{
  char text[DESCRIBE_VALUE_SIZE];
  out_text(o, at, isnan(value) ? NULL : describe_value(c, value, text));
}

/// Whole numbers, texts and times as they are.
static void add_end(struct out *o, int32_t at, const struct describe_column *c, const char *text,
                    double value)
{
  if (text != NULL && c->kind == DESCRIBE_NUMBER && !c->whole) {
    add_value(o, at, c, value);
  } else {
    out_text(o, at, text);
  }
}

static void out_count(struct out *o, int32_t at, int64_t count)
{
  if (count < 0) {
    row_builder_null(o->builders[at]);
  } else {
    out_long(o, at, count);
  }
}

static void add_column(struct out *o, const struct describe_column *c, bool drift)
{
  struct chn_buf spark = { 0 };
  int32_t at = 0;
  out_text(o, at++, c->name);
  out_text(o, at++, c->type);
  out_long(o, at++, c->rows);
  out_long(o, at++, c->nulls);
  out_count(o, at++, c->distinct);
  add_end(o, at++, c, c->min, c->low);
  for (int32_t i = 0; i < DESCRIBE_QUANTILES; i++) {
    add_value(o, at++, c, c->quantiles[i]);
  }
  add_end(o, at++, c, c->max, c->high);
  out_double(o, at++, six_digits(c->mean));
  describe_spark(c, SPARK_COLUMNS, &spark);
  out_text(o, at++, spark.len > 0 ? chn_buf_str(&spark) : NULL);
  chn_buf_deinit(&spark);
  if (drift) {
    out_double(o, at++, six_digits(c->psi));
    out_double(o, at++, six_digits(c->linf));
  }
}

static chn_status keep(struct explore *e, const struct describe *found, bool drift,
                       struct explore_result *out, struct chn_err *err)
{
  static const struct {
    const char *name;
    enum row_kind kind;
  } columns[OUT_MAX] = { { "column", ROW_STRING }, { "type", ROW_STRING },   { "count", ROW_LONG },
                         { "nulls", ROW_LONG },    { "distinct", ROW_LONG }, { "min", ROW_STRING },
                         { "p05", ROW_STRING },    { "p25", ROW_STRING },    { "p50", ROW_STRING },
                         { "p75", ROW_STRING },    { "p95", ROW_STRING },    { "max", ROW_STRING },
                         { "mean", ROW_DOUBLE },   { "shape", ROW_STRING },  { "psi", ROW_DOUBLE },
                         { "linf", ROW_DOUBLE } };
  struct out o = { .n = 0 };
  for (int32_t i = 0; i < (drift ? OUT_MAX : OUT_MAX - 2); i++) {
    out_column(&o, columns[i].name, columns[i].kind);
  }
  for (int32_t i = 0; i < found->n; i++) {
    add_column(&o, &found->columns[i], drift);
  }
  return out_keep(e, &o, out, err);
}

static chn_status check_days(const struct describe_options *o, struct chn_err *err)
{
  const char *const days[] = { o->start_ds, o->end_ds, o->baseline };
  for (int i = 0; i < 3; i++) {
    int32_t day;
    if (days[i] != NULL && chn_day_of_ds(days[i], &day, err) != CHN_OK) {
      return err->code;
    }
  }
  return CHN_OK;
}

static chn_status stats(struct explore *e, const char *table,
                        const struct describe_options *options, struct explore_result *out,
                        struct chn_err *err)
{
  struct wh *wh;
  struct describe found;
  const char *from = NULL;
  chn_status s = check_days(options, err);
  if (s == CHN_OK) {
    s = explore_warehouse(e, &wh, err);
  }
  if (s == CHN_OK) {
    s = explore_from(e, wh, table, &from, err);
  }
  if (s == CHN_OK) {
    s = describe_rows(wh, &e->call, from, options, &found, err);
  }
  return s == CHN_OK ? keep(e, &found, options->baseline != NULL, out, err) : s;
}

chn_status explore_stats(struct explore *e, const char *table,
                         const struct describe_options *options, struct explore_result *out,
                         struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, stats(e, table, options, out, err), err);
}
