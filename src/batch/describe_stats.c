// The tables of stats-summary: a row an hour, whose counts are summed and whose sketches are
// merged.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "batch/describe_column.h"
#include "batch/describe_days.h"

static const char NULLS[] = "__null_sum";
static const char SKETCH[] = "_approx_percentile";

/// A column of the statistics while hours go by.
struct summed {
  int32_t nulls;  ///< column of the query
  int32_t sketch; ///< -1: none
  struct agg_kll *rows;
  struct agg_kll *baseline;
};

/// The columns that the table tells of, by their null counts.
static int32_t columns_of(struct arena *a, const struct row_schema *schema, const char **names)
{
  int32_t n = 0;
  for (int32_t i = 0; i < schema->n_fields; i++) {
    const char *name = schema->fields[i].name;
    const size_t len = strlen(name), tail = sizeof NULLS - 1;
    if (len > tail && strcmp(name + len - tail, NULLS) == 0) {
      names[n++] = arena_strndup(a, name, len - tail);
    }
  }
  return n;
}

static void make_columns(struct arena *a, const struct row_schema *schema,
                         const struct describe_options *o, const char *const *names, int32_t n,
                         struct summed *sums, struct describe *out, struct chn_buf *sql)
{
  int32_t at = 1;
  chn_buf_adds(sql, "SELECT total_count");
  for (int32_t i = 0; i < n; i++) {
    if (!describe_wants(o, names[i])) {
      continue;
    }
    const char *sketch = arena_printf(a, "%s%s", names[i], SKETCH);
    struct summed *s = &sums[out->n];
    struct describe_column *c = &out->columns[out->n++];
    describe_column_init(c);
    c->name = names[i];
    c->kind = row_schema_find(schema, sketch) >= 0 ? DESCRIBE_NUMBER : DESCRIBE_OTHER;
    s->nulls = at++;
    s->sketch = -1;
    chn_buf_addf(sql, ", %s", wh_quote_name(a, arena_printf(a, "%s%s", names[i], NULLS)));
    if (c->kind == DESCRIBE_NUMBER) {
      s->sketch = at++;
      s->rows = agg_kll_new(DESCRIBE_K);
      s->baseline = agg_kll_new(DESCRIBE_K);
      chn_buf_addf(sql, ", %s", wh_quote_name(a, sketch));
    }
  }
}

static int64_t count_at(const struct row_col *c, size_t row)
{
  return row_is_null(c, row) ? 0 : ((const int64_t *)c->data)[row];
}

static chn_status take_hour(const struct describe_column *c, const struct summed *s,
                            const struct row_col *cols, size_t row, bool rows, bool baseline,
                            struct chn_err *err)
{
  struct agg_kll *sketch = NULL;
  if (s->sketch < 0 || row_is_null(&cols[s->sketch], row)) {
    return CHN_OK;
  }
  const struct row_str *bytes = (const struct row_str *)cols[s->sketch].data + row;
  if (agg_kll_load(row_str_bytes(bytes), bytes->len, &sketch, err) != CHN_OK) {
    return chn_wrap(err, "%s%s", c->name, SKETCH);
  }
  if (rows) {
    agg_kll_merge(s->rows, sketch);
  }
  if (baseline) {
    agg_kll_merge(s->baseline, sketch);
  }
  agg_kll_free(sketch);
  return CHN_OK;
}

static chn_status take_chunk(const struct describe_options *o, const struct summed *sums,
                             const struct row_col *cols, int32_t n_cols, size_t n,
                             struct describe *out, struct chn_err *err)
{
  const bool *in_rows = o->baseline != NULL ? cols[n_cols - 2].data : NULL;
  const bool *in_baseline = o->baseline != NULL ? cols[n_cols - 1].data : NULL;
  chn_status status = CHN_OK;
  for (size_t r = 0; r < n; r++) {
    const bool rows = in_rows == NULL || in_rows[r];
    const bool baseline = in_baseline != NULL && in_baseline[r];
    out->rows += rows ? count_at(&cols[0], r) : 0;
    out->baseline_rows += baseline ? count_at(&cols[0], r) : 0;
    for (int32_t i = 0; i < out->n && status == CHN_OK; i++) {
      out->columns[i].nulls += rows ? count_at(&cols[sums[i].nulls], r) : 0;
      status = take_hour(&out->columns[i], &sums[i], cols, r, rows, baseline, err);
    }
  }
  return status;
}

static chn_status take_hours(struct wh *wh, const char *sql, const struct describe_options *o,
                             const struct summed *sums, struct describe *out, struct chn_err *err)
{
  struct wh_result *result = NULL;
  chn_status status = wh_query(wh, sql, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  const int32_t n_cols = wh_result_schema(result)->n_fields;
  struct row_col *cols = chn_calloc((size_t)n_cols, sizeof *cols);
  for (size_t n = 1; n > 0 && status == CHN_OK;) {
    status = wh_result_next(result, cols, &n, err);
    if (status == CHN_OK) {
      status = take_chunk(o, sums, cols, n_cols, n, out, err);
    }
  }
  wh_result_close(result);
  free(cols);
  return status;
}

static void finish(const struct summed *s, const struct describe_options *o,
                   const struct describe *of, struct describe_column *c, struct arena *a)
{
  float low, high;
  char text[DESCRIBE_VALUE_SIZE];
  c->rows = of->rows;
  if (s->sketch < 0 || agg_kll_count(s->rows) == 0) {
    return;
  }
  agg_kll_ends(s->rows, &low, &high);
  c->low = (double)low;
  c->high = (double)high;
  c->min = arena_strdup(a, describe_value(c, c->low, text));
  c->max = arena_strdup(a, describe_value(c, c->high, text));
  describe_sketch(c, s->rows, s->baseline, 0, o, a);
}

chn_status describe_stats(struct wh *wh, struct arena *a, const char *table,
                          const struct describe_options *o, struct describe *out,
                          struct chn_err *err)
{
  struct row_schema schema;
  struct chn_buf sql = { 0 }, where = { 0 };
  *out = (struct describe){ 0 };
  if (wh_describe(wh, arena_printf(a, "SELECT * FROM %s", table), a, &schema, err) != CHN_OK) {
    return err->code;
  }
  const char **names = arena_calloc(a, (size_t)schema.n_fields + 1, sizeof *names);
  const int32_t n = columns_of(a, &schema, names);
  struct summed *sums = arena_calloc(a, (size_t)n + 1, sizeof *sums);
  out->columns = arena_calloc(a, (size_t)n + 1, sizeof *out->columns);
  chn_status status = describe_known(table, o, names, n, err);
  make_columns(a, &schema, o, names, n, sums, out, &sql);
  if (status == CHN_OK) {
    status = describe_days(a, table, &schema, o, &sql, &where, err);
  }
  chn_buf_addf(&sql, " FROM %s%s", table, chn_buf_str(&where));
  if (status == CHN_OK) {
    status = take_hours(wh, chn_buf_str(&sql), o, sums, out, err);
  }
  for (int32_t i = 0; i < out->n; i++) {
    if (status == CHN_OK) {
      finish(&sums[i], o, out, &out->columns[i], a);
    }
    agg_kll_free(sums[i].rows);
    agg_kll_free(sums[i].baseline);
  }
  chn_buf_deinit(&sql);
  chn_buf_deinit(&where);
  return status == CHN_OK ? describe_check_baseline(table, o, out->baseline_rows, err) : status;
}
