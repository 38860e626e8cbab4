// Upstream sketches frequent items, which loses rare values and those near its error bound; here
// the sampled rows are counted exactly, which DuckDB does in about the time of reading them. What
// stays approximate is the sample.
#include "batch/analyze.h"
#include "warehouse/sql.h"

enum { DEFAULT_COUNT = 128 };
static const double DEFAULT_SAMPLE = 0.1;

/// SQL of a key as text: Spark's text of its type, "NULL" for a NULL.
static chn_status key_text(struct arena *a, const char *key, char **sql, struct chn_err *err)
{
  return sql_render_expr(a, arena_printf(a, "COALESCE(CAST(`%s` AS STRING), 'NULL')", key), sql,
                         err);
}

/// The year of ts; seconds and microseconds taken for milliseconds give years that stand out.
static const char year_text[] =
    "COALESCE(CASE WHEN abs(CAST(ts AS BIGINT)) < 9000000000000000 THEN "
    "CAST(year(make_timestamp(CAST(ts AS BIGINT) * 1000)) AS VARCHAR) "
    "ELSE 'beyond year 287000' END, 'NULL')";

/// SELECT of the sampled rows: c0, c1, ... are the texts of the columns.
static chn_status sampled(struct analysis *w, const char *sql, const char *const *keys,
                          int32_t n_keys, bool years, struct chn_buf *out, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const double share = w->what->sample > 0 ? w->what->sample : DEFAULT_SAMPLE;
  chn_buf_adds(out, "SELECT 'rows' AS total");
  for (int32_t i = 0; i < n_keys; i++) {
    char *text = NULL;
    chn_status status = key_text(a, keys[i], &text, err);
    if (status != CHN_OK) {
      return status;
    }
    chn_buf_addf(out, ", %s AS c%d", text, i);
  }
  if (years) {
    chn_buf_addf(out, ", %s AS ts_year", year_text);
  }
  chn_buf_addf(out, " FROM (SELECT * FROM (%s)", sql);
  if (share < 1) {
    chn_buf_addf(out, " USING SAMPLE %.9g PERCENT (bernoulli)", share * 100);
  }
  chn_buf_adds(out, ")");
  return CHN_OK;
}

static void add_count(struct analysis *w, int32_t number, const char *column, struct chn_buf *sql)
{
  const double share = w->what->sample > 0 ? w->what->sample : DEFAULT_SAMPLE;
  chn_buf_addf(
      sql,
      "%s(SELECT %d AS number, %s AS value, CAST(floor(count(*) / %.17g + 1e-6) AS BIGINT) "
      "AS n FROM sampled GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT %d)",
      number > 0 ? " UNION ALL " : "", number, column, share,
      w->what->count > 0 ? w->what->count : DEFAULT_COUNT);
}

static void take(struct analysis *w, const char *table, const char *const *names,
                 const struct row_col *cols, size_t n)
{
  struct batch_analysis *out = w->out;
  struct batch_hitter *more = arena_alloc(&out->arena, ((size_t)out->n_hitters + n) * sizeof *more);
  for (int32_t i = 0; i < out->n_hitters; i++) {
    more[i] = out->hitters[i];
  }
  for (size_t i = 0; i < n; i++) {
    const struct row_str *value = (const struct row_str *)cols[1].data + i;
    more[out->n_hitters++] = (struct batch_hitter){
      .table = table,
      .column = names[((const int32_t *)cols[0].data)[i]],
      .value = arena_strndup(&out->arena, row_str_bytes(value), value->len),
      .count = ((const int64_t *)cols[2].data)[i],
    };
  }
  out->hitters = more;
}

chn_status analysis_hitters(struct analysis *w, const char *table, const char *sql,
                            const struct row_schema *schema, const char *const *keys,
                            int32_t n_keys, struct chn_err *err)
{
  struct arena *own = &w->out->arena;
  const char **names = arena_alloc(own, ((size_t)n_keys + 2) * sizeof *names);
  const bool years = row_schema_find(schema, "ts") >= 0;
  struct chn_buf text = { 0 };
  struct wh_rows *rows = NULL;
  chn_buf_adds(&text, "WITH sampled AS MATERIALIZED (");
  chn_status status = sampled(w, sql, keys, n_keys, years, &text, err);
  chn_buf_adds(&text, ") SELECT number, value, n FROM (");
  for (int32_t i = 0; i < n_keys; i++) {
    names[i] = arena_strdup(own, keys[i]);
    add_count(w, i, arena_printf(w->job->arena, "c%d", i), &text);
  }
  names[n_keys] = "total_count";
  add_count(w, n_keys, "total", &text);
  if (years) {
    names[n_keys + 1] = "ts_year";
    add_count(w, n_keys + 1, "ts_year", &text);
  }
  chn_buf_adds(&text, ") ORDER BY number, n DESC, value");
  if (status == CHN_OK) {
    status = wh_rows_load(w->job->wh, chn_buf_str(&text), &rows, err);
  }
  chn_buf_deinit(&text);
  if (status != CHN_OK) {
    return chn_wrap(err, "heavy hitters of %s", table);
  }
  const char *kept = arena_strdup(own, table);
  for (size_t i = 0; i < wh_rows_chunks(rows); i++) {
    struct row_col cols[3];
    take(w, kept, names, cols, wh_rows_chunk(rows, i, cols));
  }
  wh_rows_free(rows);
  return CHN_OK;
}
