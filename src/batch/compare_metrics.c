// SQL makes one value per metric and row, the aggregator makes the rest: rows come sorted by
// bucket, so that one state is open at a time. Edit distances are computed between the two, from
// lists of numbers that stand for the elements.
#include "batch/compare_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "agg/ir.h"
#include "base/time.h"
#include "batch/edit_distance.h"

enum {
  METRICS_MAX = 10, ///< of one column
  QUANTILES = 41,   ///< steps from 0 to 1
};

/// An input of the aggregator: a column of the SELECT, or what edit_distance.h says of two.
struct metric {
  const char *name;
  enum agg_op op;
  const struct row_type *type;
  int32_t column; ///< of the SELECT, or -1
  int32_t edit;   ///< else pair / 2, inserts or deletes
};

struct work {
  struct batch_job *job;
  const struct compare_request *r;
  struct arena *a;
  struct chn_buf sql;
  int32_t n_selected;
  struct metric *metrics;
  int32_t n_metrics;
  int32_t *pairs; ///< columns of the SELECT: elements of the left list; those of the right follow
  int32_t n_pairs;
  struct row_builder **edits; ///< inserts and deletes of each pair, of one chunk
  struct agg_plan *plan;
  const struct metric **inputs; ///< of each input of the plan
  struct series *out;
  struct agg_ir *ir;
  int64_t bucket;
  bool open; ///< rows of `bucket` are in `ir`
};

// ---- what is asked of the rows ----------------------------------------------------------------

static int32_t select_column(struct work *w, const char *sql)
{
  chn_buf_addf(&w->sql, ", %s", sql);
  return ++w->n_selected;
}

/// `name` is of the compared column, "" of nothing else.
static void add(struct work *w, const struct row_field *c, const char *name, enum agg_op op,
                enum row_kind kind, const char *sql)
{
  w->metrics[w->n_metrics++] = (struct metric){ .name = arena_printf(w->a, "%s_%s", c->name, name),
                                                .op = op,
                                                .type = row_scalar(kind),
                                                .column = sql != NULL ? select_column(w, sql) : -1,
                                                .edit = -1 };
}

static void add_number(struct work *w, const struct row_field *c, const char *l, const char *r)
{
  struct arena *a = w->a;
  const bool real = c->type->kind == ROW_FLOAT || c->type->kind == ROW_DOUBLE;
  const enum row_kind kind = real ? c->type->kind : ROW_LONG;
  // Integers of any width are added and subtracted without overflow.
  const char *x = real ? l : arena_printf(a, "CAST(%s AS HUGEINT)", l);
  const char *y = real ? r : arena_printf(a, "CAST(%s AS HUGEINT)", r);
  const char *sum = arena_printf(a, "(abs(%s) + abs(%s))", x, y);
  const char *two = c->type->kind == ROW_FLOAT ? "CAST(2 AS FLOAT)" : "2";
  const char *smape = arena_printf(
      a,
      "CASE WHEN %s <> 0 THEN CAST(abs(%s - %s) * %s AS DOUBLE) / CAST(%s AS DOUBLE) ELSE "
      "CAST(0 AS DOUBLE) END",
      sum, x, y, two, sum);
  const char *minus = arena_printf(a, real ? "%s - %s" : "CAST(%s - %s AS DOUBLE)", x, y);
  add(w, c, "smape", AGG_AVERAGE, ROW_DOUBLE, smape);
  add(w, c, "left_minus_right", AGG_APPROX_PERCENTILE, real ? kind : ROW_DOUBLE, minus);
  add(w, c, "left", AGG_APPROX_PERCENTILE, kind,
      real ? l : arena_printf(a, "CAST(%s AS BIGINT)", l));
  add(w, c, "right", AGG_APPROX_PERCENTILE, kind,
      real ? r : arena_printf(a, "CAST(%s AS BIGINT)", r));
}

/// The elements of a list as numbers: where the same element stands first in both lists together.
static const char *elements(struct arena *a, const char *list, const char *l, const char *r)
{
  return arena_printf(a,
                      "list_transform(COALESCE(%s, []), lambda x: "
                      "CAST(COALESCE(list_position(list_concat(%s, %s), x), 0) AS INTEGER))",
                      list, l, r);
}

static void add_list(struct work *w, const struct row_field *c, const char *l, const char *r)
{
  struct arena *a = w->a;
  w->pairs[w->n_pairs] = select_column(w, elements(a, l, l, r));
  select_column(w, elements(a, r, l, r));
  add(w, c, "edit_distance_insert", AGG_APPROX_PERCENTILE, ROW_INT, NULL);
  w->metrics[w->n_metrics - 1].edit = 2 * w->n_pairs;
  add(w, c, "edit_distance_delete", AGG_APPROX_PERCENTILE, ROW_INT, NULL);
  w->metrics[w->n_metrics - 1].edit = 2 * w->n_pairs + 1;
  w->n_pairs++;
  add(w, c, "left_length", AGG_APPROX_PERCENTILE, ROW_LONG,
      arena_printf(a, "COALESCE(len(%s), -1)", l));
  add(w, c, "right_length", AGG_APPROX_PERCENTILE, ROW_LONG,
      arena_printf(a, "COALESCE(len(%s), -1)", r));
  add(w, c, "mismatch_length", AGG_SUM, ROW_BOOLEAN,
      arena_printf(a, "COALESCE(len(%s) <> len(%s), false)", l, r));
}

/// What a value is compared by.
static const char *comparable(struct arena *a, const struct row_field *c, const char *value)
{
  return c->type->kind == ROW_MAP
             ? arena_printf(
                   a, "list_sort(list_filter(map_entries(%s), lambda e: e.value IS NOT NULL))",
                   value)
             : value;
}

static void add_metrics(struct work *w, const struct row_field *c)
{
  struct arena *a = w->a;
  const char *l = wh_quote_name(a, arena_printf(a, "%s_left", c->name));
  const char *r = wh_quote_name(a, arena_printf(a, "%s_right", c->name));
  add(w, c, "both_null", AGG_SUM, ROW_BOOLEAN, arena_printf(a, "%s IS NULL AND %s IS NULL", l, r));
  add(w, c, "left_null", AGG_SUM, ROW_BOOLEAN,
      arena_printf(a, "%s IS NULL AND %s IS NOT NULL", l, r));
  add(w, c, "right_null", AGG_SUM, ROW_BOOLEAN,
      arena_printf(a, "%s IS NOT NULL AND %s IS NULL", l, r));
  if (row_kind_is_numeric(c->type->kind)) {
    add_number(w, c, l, r);
  } else if (c->type->kind == ROW_LIST) {
    add_list(w, c, l, r);
  }
  add(w, c, "mismatch", AGG_SUM, ROW_BOOLEAN,
      arena_printf(a, "%s IS NOT NULL AND %s IS NOT NULL AND (%s IS DISTINCT FROM %s)", l, r,
                   comparable(a, c, l), comparable(a, c, r)));
  add(w, c, "total", AGG_COUNT, ROW_BOOLEAN, "true");
}

// ---- the plan ---------------------------------------------------------------------------------

static const char *quantiles(struct arena *a)
{
  struct chn_buf text = { 0 };
  for (int i = 0; i <= QUANTILES; i++) {
    chn_buf_addf(&text, "%s%.17g", i > 0 ? "," : "[", (double)i / QUANTILES);
  }
  chn_buf_addc(&text, ']');
  const char *copy = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return copy;
}

static chn_status make_plan(struct work *w, struct chn_err *err)
{
  struct arena *a = w->a;
  const size_t n = (size_t)w->n_metrics;
  const char **names = arena_alloc(a, 2 * sizeof *names);
  const char **values = arena_alloc(a, 2 * sizeof *values);
  names[0] = "k";
  values[0] = "128";
  names[1] = "percentiles";
  values[1] = quantiles(a);
  struct row_field *fields = arena_alloc(a, n * sizeof *fields);
  struct agg_def *defs = arena_calloc(a, n, sizeof *defs);
  for (size_t i = 0; i < n; i++) {
    const struct metric *m = &w->metrics[i];
    fields[i] = (struct row_field){ m->name, m->type };
    defs[i] = (struct agg_def){ .input_column = m->name,
                                .op = m->op,
                                .arg_names = names,
                                .arg_values = values,
                                .n_args = m->op == AGG_APPROX_PERCENTILE ? 2 : 0 };
  }
  const struct row_schema schema = { fields, w->n_metrics };
  const chn_status status = agg_plan_new(a, &schema, defs, w->n_metrics, &w->plan, err);
  if (status != CHN_OK) {
    return status;
  }
  w->inputs = arena_alloc(a, n * sizeof *w->inputs);
  for (int32_t i = 0; i < w->plan->inputs.n_fields; i++) {
    w->inputs[i] = &w->metrics[row_schema_find(&schema, w->plan->inputs.fields[i].name)];
  }
  struct row_field *outputs = arena_alloc(a, n * sizeof *outputs);
  for (int32_t i = 0; i < w->plan->n_parts; i++) {
    outputs[i] = (struct row_field){ w->plan->parts[i].name, w->plan->parts[i].output };
  }
  const struct row_schema values_schema = { outputs, w->plan->n_parts };
  series_init(w->out, w->job, w->r->name, &values_schema);
  return CHN_OK;
}

// ---- rows -------------------------------------------------------------------------------------

static void end_bucket(struct work *w)
{
  if (w->open) {
    agg_ir_finish(w->ir, w->out->columns);
    series_add(w->out, w->bucket);
    agg_ir_clear(w->ir);
  }
  w->open = false;
}

/// Fills the edit distances of a chunk.
static void measure(struct work *w, const struct row_col *cols, size_t n)
{
  for (int32_t p = 0; p < w->n_pairs; p++) {
    const struct row_col *left = &cols[w->pairs[p]];
    const struct row_col *right = left + 1;
    const struct row_span *l = left->data;
    const struct row_span *r = right->data;
    row_builder_clear(w->edits[2 * p]);
    row_builder_clear(w->edits[2 * p + 1]);
    for (size_t i = 0; i < n; i++) {
      const int32_t *x = (const int32_t *)left->child[0].data + l[i].offset;
      const int32_t *y = (const int32_t *)right->child[0].data + r[i].offset;
      const struct edit_distance d = edit_distance_of(x, l[i].length, y, r[i].length);
      row_builder_value(w->edits[2 * p], &d.inserts);
      row_builder_value(w->edits[2 * p + 1], &d.deletes);
    }
  }
}

static chn_status take_chunk(struct work *w, const struct row_col *cols, struct row_col *inputs,
                             size_t n, struct chn_err *err)
{
  measure(w, cols, n);
  for (int32_t i = 0; i < w->plan->inputs.n_fields; i++) {
    const struct metric *m = w->inputs[i];
    inputs[i] = m->edit >= 0 ? *row_builder_col(w->edits[m->edit]) : cols[m->column];
  }
  chn_status status = CHN_OK;
  const int64_t *buckets = cols[0].data;
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    if (w->open && buckets[i] != w->bucket) {
      end_bucket(w);
    }
    w->open = true;
    w->bucket = buckets[i];
    status = agg_ir_update(w->ir, inputs, i, 0, err);
  }
  return status == CHN_OK ? job_check(w->job, err) : status;
}

static chn_status take_rows(struct work *w, struct chn_err *err)
{
  const char *sql = arena_printf(
      w->a, "SELECT CAST(%s AS BIGINT) AS bucket%s FROM %s WHERE (%s) IS NOT NULL ORDER BY 1, %s",
      w->r->bucket, chn_buf_str(&w->sql), w->r->from, w->r->bucket, w->r->order);
  struct wh_result *result = NULL;
  chn_status status = wh_query(w->job->wh, sql, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col *cols = chn_calloc((size_t)w->n_selected + 1, sizeof *cols);
  struct row_col *inputs = chn_calloc((size_t)w->n_metrics, sizeof *inputs);
  w->ir = agg_ir_new(w->plan->parts, w->plan->n_parts);
  uint64_t rows = 0;
  for (size_t n = 1; n > 0 && status == CHN_OK; rows += n) {
    status = wh_result_next(result, cols, &n, err);
    if (status == CHN_OK) {
      status = take_chunk(w, cols, inputs, n, err);
    }
  }
  if (status == CHN_OK) {
    end_bucket(w);
  }
  agg_ir_free(w->ir);
  free(inputs);
  free(cols);
  wh_result_close(result);
  return status;
}

chn_status compare_metrics(struct batch_job *job, const struct compare_request *r,
                           struct series *out, struct chn_err *err)
{
  struct work w = { .job = job, .r = r, .a = job->arena, .out = out };
  const size_t n = (size_t)r->n_columns;
  const double t = chn_monotonic_ms();
  *out = (struct series){ 0 };
  w.metrics = arena_calloc(w.a, n * METRICS_MAX, sizeof *w.metrics);
  w.pairs = arena_calloc(w.a, n, sizeof *w.pairs);
  for (int32_t i = 0; i < r->n_columns; i++) {
    add_metrics(&w, &r->columns[i]);
  }
  w.edits = chn_calloc((size_t)w.n_pairs * 2 + 1, sizeof(struct row_builder *));
  for (int32_t i = 0; i < w.n_pairs * 2; i++) {
    w.edits[i] = row_builder_new(row_scalar(ROW_INT));
  }
  chn_status status = make_plan(&w, err);
  if (status == CHN_OK) {
    status = take_rows(&w, err);
  }
  for (int32_t i = 0; i < w.n_pairs * 2; i++) {
    row_builder_free(w.edits[i]);
  }
  free(w.edits);
  chn_buf_deinit(&w.sql);
  job_time(job, "metrics", t, series_count(out));
  return status;
}
