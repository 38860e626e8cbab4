// `--type join-stats`: the statistics of a join by time, from the tables of stats-summary and
// log-summary. Chronon asks a store that somebody has filled with these tables' uploads; the tables
// say the same. A name that ends with `/drift` asks for how far the sketches of each two
// consecutive instants are apart.
#include <stdlib.h>
#include <string.h>

#include "agg/drift.h"
#include "base/near.h"
#include "base/time.h"
#include "cli/conf.h"
#include "cli/fetch.h"
#include "cli/value.h"
#include "model/names.h"

static const char FINAL[] = "_finalized";
static const char DRIFT[] = "/drift";

/// The keys of the request.
struct asked {
  int64_t from;
  int64_t until; ///< inclusive
  const char *metric;
  const char *join;
  bool drift;
};

static bool ends_with(const char *text, const char *tail)
{
  const size_t len = strlen(text), n = strlen(tail);
  return len >= n && strcmp(text + len - n, tail) == 0;
}

static chn_status take_instant(const struct codec_json *keys, const char *name, int64_t *out,
                               struct chn_err *err)
{
  const struct codec_json *v = codec_json_get(keys, name);
  struct chn_buf text = { 0 };
  if (v == NULL || v->kind == CODEC_JSON_NULL) {
    return CHN_OK;
  }
  if (v->kind == CODEC_JSON_STRING) {
    chn_buf_add(&text, v->text, v->text_len);
  } else {
    codec_json_write(v, CODEC_JSON_COMPACT, &text);
  }
  const chn_status s = chn_ms_of_text(chn_buf_str(&text), out, err);
  chn_buf_deinit(&text);
  return s == CHN_OK ? s : chn_wrap(err, "%s", name);
}

static chn_status read_asked(struct cli_context *ctx, const struct cli_fetch_what *what,
                             struct asked *out, struct chn_err *err)
{
  const struct codec_json *doc = NULL;
  *out = (struct asked){ .from = 0, .until = chn_now_ms() };
  chn_status s =
      codec_json_parse(&ctx->arena, what->bodies[0], strlen(what->bodies[0]), "keys", &doc, err);
  if (s != CHN_OK) {
    return s;
  }
  if (doc->n != 1 || what->n_bodies != 1) {
    return chn_fail(err, CHN_E_ARGUMENT, "join-stats takes one object of keys: {\"startTs\": ..}");
  }
  const struct codec_json *keys = &doc->members[0].value;
  const struct codec_json *metric = codec_json_get(keys, "statsKey");
  out->metric = metric != NULL && metric->kind == CODEC_JSON_STRING ? metric->text : NULL;
  if (what->name != NULL) {
    out->drift = ends_with(what->name, DRIFT);
    out->join = arena_strndup(&ctx->arena, what->name,
                              strlen(what->name) - (out->drift ? sizeof DRIFT - 1 : 0));
  }
  s = take_instant(keys, "startTs", &out->from, err);
  return s == CHN_OK ? take_instant(keys, "endTs", &out->until, err) : s;
}

/// The join's table, by its compiled definition.
static chn_status stats_table(struct cli_context *ctx, const struct asked *asked, const char **out,
                              struct chn_err *err)
{
  struct model_conf conf = { 0 };
  const char *given = cli_get(&ctx->args, "conf-path");
  given = given != NULL ? given : cli_get(&ctx->args, "conf");
  const char *path =
      given != NULL ? given : arena_printf(&ctx->arena, "production/joins/%s", asked->join);
  chn_status s = cli_conf_read(ctx, given != NULL ? "conf" : "name", path, &conf, err);
  if (s == CHN_OK && conf.kind != MODEL_JOIN) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is a %s, and a Join is needed", path,
                    model_kind_name(conf.kind));
  }
  if (s == CHN_OK) {
    *out = arena_printf(&ctx->arena, "%s_daily_stats",
                        model_join_output_table(&ctx->arena, conf.as.join));
  }
  return s;
}

/// The metric that a column holds: counts as they are, sketches by their quantiles; for drift the
/// sketches themselves; NULL: none.
static const char *metric_of(struct arena *a, const struct wh_table *table, int32_t i, bool drift)
{
  static const char *const others[] = { "JoinPath", "ts", "ds" };
  const char *column = table->schema.fields[i].name;
  const size_t len = strlen(column), tail = sizeof FINAL - 1;
  if (drift) {
    const bool bytes = table->schema.fields[i].type->kind == ROW_BINARY;
    return bytes && ends_with(column, "percentile") ? column : NULL;
  }
  for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
    if (strcmp(column, others[k]) == 0) {
      return NULL;
    }
  }
  if (ends_with(column, FINAL)) {
    return arena_strndup(a, column, len - tail);
  }
  return strstr(column, "_approx_percentile") != NULL ? NULL : column;
}

/// A metric by time.
struct points {
  struct row_builder *ts;
  struct row_builder *values;
};

/// The columns to read, and the metrics that they are.
struct series {
  const char **metrics;
  int32_t n;
  const char *sql;
  struct points *points; ///< of each metric
};

static chn_status choose(struct arena *a, const struct wh_table *table, const struct asked *asked,
                         struct series *out, struct chn_err *err)
{
  const size_t room = (size_t)table->schema.n_fields + 1;
  const char **all = arena_calloc(a, room, sizeof *all);
  struct chn_buf sql = { 0 };
  int32_t n_all = 0;
  *out = (struct series){ .metrics = arena_calloc(a, room, sizeof *out->metrics) };
  chn_buf_addf(&sql, "SELECT CAST(ts AS BIGINT)");
  for (int32_t i = 0; i < table->schema.n_fields; i++) {
    const char *column = table->schema.fields[i].name;
    const char *metric = metric_of(a, table, i, asked->drift);
    if (metric != NULL) {
      all[n_all++] = metric;
    }
    if (metric != NULL && (asked->metric == NULL || strcmp(metric, asked->metric) == 0)) {
      out->metrics[out->n++] = metric;
      chn_buf_addf(&sql, ", %s", wh_quote_name(a, column));
    }
  }
  chn_buf_addf(&sql, " FROM %s WHERE ts BETWEEN %lld AND %lld ORDER BY ts", table->name,
               (long long)asked->from, (long long)asked->until);
  out->sql = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  if (out->n == 0 && asked->metric == NULL) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s has no sketches, of which drift is made",
                    table->name);
  }
  if (out->n == 0) {
    const char *near = chn_near(asked->metric, all, (size_t)n_all);
    return chn_fail(err, CHN_E_NOT_FOUND, "%s has no metric %s%s%s%s", table->name, asked->metric,
                    near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
  }
  return CHN_OK;
}

// ---- points -----------------------------------------------------------------------------------

/// A column as it is.
static void take_values(const struct wh_rows *rows, int32_t c, struct row_col *cols,
                        struct points *out)
{
  for (size_t k = 0; k < wh_rows_chunks(rows); k++) {
    const size_t n = wh_rows_chunk(rows, k, cols);
    out->values = out->values != NULL ? out->values : row_builder_new(cols[c].type);
    row_builder_append(out->values, &cols[c], 0, n);
    row_builder_append(out->ts, &cols[0], 0, n);
  }
}

static chn_status load_sketch(const struct row_col *c, size_t row, struct agg_kll **out,
                              struct chn_err *err)
{
  *out = NULL;
  if (row_is_null(c, row)) {
    return CHN_OK;
  }
  const struct row_str *bytes = (const struct row_str *)c->data + row;
  const chn_status s = agg_kll_load(row_str_bytes(bytes), bytes->len, out, err);
  if (s == CHN_OK && agg_kll_count(*out) == 0) {
    agg_kll_free(*out);
    *out = NULL;
  }
  return s;
}

/// How far each sketch is from that of the instant before; none where either is missing.
static chn_status take_drift(const struct wh_rows *rows, int32_t c, struct row_col *cols,
                             struct points *out, struct chn_err *err)
{
  struct agg_kll *before = NULL;
  chn_status s = CHN_OK;
  out->values = row_builder_new(row_scalar(ROW_DOUBLE));
  for (size_t k = 0; k < wh_rows_chunks(rows) && s == CHN_OK; k++) {
    const size_t n = wh_rows_chunk(rows, k, cols);
    for (size_t r = 0; r < n && s == CHN_OK; r++) {
      struct agg_kll *now = NULL;
      s = load_sketch(&cols[c], r, &now, err);
      if (before != NULL && now != NULL) {
        const double psi = agg_drift_psi(before, now);
        row_builder_value(out->values, &psi);
        row_builder_append(out->ts, &cols[0], r, 1);
      }
      agg_kll_free(before);
      before = now;
    }
  }
  agg_kll_free(before);
  return s;
}

static chn_status take_points(struct arena *a, struct series *s, const struct wh_rows *rows,
                              bool drift, struct chn_err *err)
{
  struct row_col *cols = arena_calloc(a, (size_t)s->n + 1, sizeof *cols);
  chn_status status = CHN_OK;
  s->points = arena_calloc(a, (size_t)s->n + 1, sizeof *s->points);
  for (int32_t i = 0; i < s->n && status == CHN_OK; i++) {
    struct points *p = &s->points[i];
    p->ts = row_builder_new(row_scalar(ROW_LONG));
    if (!drift) {
      take_values(rows, i + 1, cols, p);
    } else if ((status = take_drift(rows, i + 1, cols, p, err)) != CHN_OK) {
      chn_wrap(err, "%s", s->metrics[i]);
    }
  }
  return status;
}

static void free_points(struct series *s)
{
  for (int32_t i = 0; i < s->n && s->points != NULL; i++) {
    row_builder_free(s->points[i].ts);
    row_builder_free(s->points[i].values);
  }
}

// ---- output -----------------------------------------------------------------------------------

static void json_points(const struct points *p, struct codec_json_writer *w)
{
  const size_t n = row_builder_count(p->ts);
  codec_json_begin(w, '[');
  for (size_t r = 0; r < n; r++) {
    codec_json_begin(w, '{');
    codec_json_key(w, "millis");
    codec_json_int(w, ((const int64_t *)row_builder_col(p->ts)->data)[r]);
    codec_json_key(w, "value");
    cli_value_json(w, row_builder_col(p->values), r);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

static void print_json(const struct series *s, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_JACKSON);
  codec_json_begin(&w, '{');
  for (int32_t i = 0; i < s->n; i++) {
    codec_json_key(&w, s->metrics[i]);
    json_points(&s->points[i], &w);
  }
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

static void print_table(const struct cli_context *ctx, const struct series *s, struct chn_buf *out)
{
  static const struct cli_column columns[] = { { "metric", false },
                                               { "ts", true },
                                               { "value", false } };
  struct cli_grid grid;
  struct chn_buf text = { 0 };
  cli_grid_init(&grid, columns, 3);
  for (int32_t i = 0; i < s->n; i++) {
    const size_t n = row_builder_count(s->points[i].ts);
    for (size_t r = 0; r < n; r++) {
      const struct row_col *values = row_builder_col(s->points[i].values);
      const int64_t *ts = row_builder_col(s->points[i].ts)->data;
      chn_buf_clear(&text);
      cli_value_print(&text, values, r);
      cli_grid_add(&grid, s->metrics[i]);
      cli_grid_addf(&grid, "%lld", (long long)ts[r]);
      cli_grid_add(&grid, row_is_null(values, r) ? NULL : chn_buf_str(&text));
    }
  }
  cli_grid_print(&grid, &ctx->style, out);
  cli_grid_deinit(&grid);
  chn_buf_deinit(&text);
}

static chn_status print_stats(struct cli_context *ctx, struct wh *wh, const struct wh_table *table,
                              struct series *s, bool drift, struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  struct chn_buf out = { 0 };
  chn_status status = wh_use(wh, table->name, err);
  if (status == CHN_OK) {
    status = wh_rows_load(wh, s->sql, &rows, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  status = take_points(&ctx->arena, s, rows, drift, err);
  wh_rows_free(rows);
  if (status == CHN_OK && ctx->style.format == CLI_JSON) {
    print_json(s, &out);
  } else if (status == CHN_OK) {
    print_table(ctx, s, &out);
  }
  free_points(s);
  if (status == CHN_OK && !cli_print(&out)) {
    status = chn_fail(err, CHN_E_IO, "stdout cannot be written");
  }
  chn_buf_deinit(&out);
  return status;
}

chn_status cli_fetch_stats(struct cli_context *ctx, const struct cli_fetch_what *what,
                           struct chn_err *err)
{
  struct asked asked;
  struct series series;
  struct wh_table table;
  struct wh *wh = NULL;
  const char *name = NULL;
  chn_status s = read_asked(ctx, what, &asked, err);
  if (s == CHN_OK) {
    s = stats_table(ctx, &asked, &name, err);
  }
  if (s == CHN_OK) {
    s = cli_warehouse_open(ctx, &wh, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  if (!wh_table_exists(wh, name)) {
    s = chn_fail(err, CHN_E_NOT_FOUND,
                 "%s is not there: `chronon run --mode stats-summary` makes it (of few rows with "
                 "--sample 1)",
                 name);
  }
  if (s == CHN_OK) {
    s = wh_table_find(wh, name, &ctx->arena, &table, err);
  }
  if (s == CHN_OK) {
    s = choose(&ctx->arena, &table, &asked, &series, err);
  }
  if (s == CHN_OK) {
    s = print_stats(ctx, wh, &table, &series, asked.drift, err);
  }
  cli_warehouse_close(wh);
  return s;
}
