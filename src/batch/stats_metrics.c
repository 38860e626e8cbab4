#include "batch/stats_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "agg/text.h"
#include "row/col.h"

// The fractions whose quantiles the flat table shows, as Chronon cuts them.
static const char fractions[] =
    "[0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, "
    "0.8, 0.85, 0.9, 0.95, 0.99]";

static bool is_left_out(const char *column, const char *const *keys, int32_t n_keys)
{
  static const char *const times[] = { "ts", "ds", "date_key", "date", "datestamp" };
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    if (strcmp(times[i], column) == 0) {
      return true;
    }
  }
  for (int32_t i = 0; i < n_keys; i++) {
    if (strcmp(keys[i], column) == 0) {
      return true;
    }
  }
  return false;
}

/// Chronon gives BYTE no sketch: Avro has no such type.
static bool has_sketch(const struct row_type *type)
{
  return row_kind_is_numeric(type->kind) && type->kind != ROW_BYTE;
}

static int by_name(const void *x, const void *y)
{
  const struct row_field *a = x;
  const struct row_field *b = y;
  return strcmp(a->name, b->name);
}

/// Metrics being listed. Inputs are called by their number: a column may be named `total`, or as
/// another one's metric.
struct list {
  struct arena *a;
  struct stats_metrics *m;
  struct agg_def *defs;
  struct row_field *inputs; ///< what the plan reads
  const char **sql;         ///< of each
  struct row_field *values; ///< the types follow
  int32_t n;
};

static void add(struct list *l, const char *output, enum agg_op op, const struct row_type *type,
                const char *sql)
{
  static const char *const names[] = { "percentiles" };
  static const char *const values[] = { fractions };
  const int32_t i = l->n++;
  l->inputs[i] = (struct row_field){ arena_printf(l->a, "%d", (int)i), type };
  l->sql[i] = sql;
  l->values[i].name = output;
  l->defs[i] = (struct agg_def){ .input_column = l->inputs[i].name, .op = op };
  if (op == AGG_APPROX_PERCENTILE) {
    l->defs[i].arg_names = names;
    l->defs[i].arg_values = values;
    l->defs[i].n_args = 1;
    l->m->shown[l->m->n_sketches] = arena_printf(l->a, "%s_finalized", output);
    l->m->sketches[l->m->n_sketches++] = i;
  }
}

static void add_column(struct list *l, const struct row_field *c)
{
  const char *quoted = wh_quote_name(l->a, c->name);
  add(l, arena_printf(l->a, "%s__null_sum", c->name), AGG_SUM, row_scalar(ROW_BOOLEAN),
      arena_printf(l->a, "%s IS NULL", quoted));
  if (has_sketch(c->type)) {
    add(l, arena_printf(l->a, "%s_approx_percentile", c->name), AGG_APPROX_PERCENTILE, c->type,
        quoted);
  }
}

static void list_init(struct list *l, struct arena *a, struct stats_metrics *m, size_t most)
{
  *l = (struct list){ .a = a, .m = m };
  l->defs = arena_calloc(a, most, sizeof *l->defs);
  l->inputs = arena_calloc(a, most, sizeof *l->inputs);
  l->sql = arena_calloc(a, most, sizeof *l->sql);
  l->values = arena_calloc(a, most, sizeof *l->values);
  m->sketches = arena_calloc(a, most, sizeof *m->sketches);
  m->shown = arena_calloc(a, most, sizeof *m->shown);
  m->shown_type = row_map_of(a, row_scalar(ROW_STRING), row_scalar(ROW_STRING));
}

/// The SQL of what the plan reads, in its order.
static const char *inputs_sql(const struct list *l)
{
  const struct row_schema *inputs = &l->m->plan->inputs;
  struct chn_buf sql = { 0 };
  for (int32_t i = 0; i < inputs->n_fields; i++) {
    chn_buf_addf(&sql, ", %s", l->sql[atoi(inputs->fields[i].name)]);
  }
  const char *text = arena_strdup(l->a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

chn_status stats_metrics_of(struct batch_job *job, const struct row_schema *table,
                            const char *const *keys, int32_t n_keys, struct stats_metrics *out,
                            struct chn_err *err)
{
  struct arena *a = job->arena;
  const size_t n = (size_t)table->n_fields;
  struct row_field *columns = arena_alloc(a, (n + 1) * sizeof *columns);
  struct list l;
  *out = (struct stats_metrics){ 0 };
  list_init(&l, a, out, 2 * n + 1);
  memcpy(columns, table->fields, n * sizeof *columns);
  qsort(columns, n, sizeof *columns, by_name);
  for (size_t i = 0; i < n; i++) {
    if (!is_left_out(columns[i].name, keys, n_keys)) {
      add_column(&l, &columns[i]);
    }
  }
  add(&l, "total_count", AGG_COUNT, row_scalar(ROW_BOOLEAN), "TRUE");
  const struct row_schema inputs = { l.inputs, l.n };
  chn_status status = agg_plan_new(a, &inputs, l.defs, l.n, &out->plan, err);
  if (status != CHN_OK) {
    return status;
  }
  for (int32_t i = 0; i < l.n; i++) {
    l.values[i].type = out->plan->parts[i].ir;
  }
  out->values = (struct row_schema){ l.values, l.n };
  out->inputs = inputs_sql(&l);
  return CHN_OK;
}

void stats_metrics_show(const struct agg_part *part, const struct row_col *finished, size_t row,
                        struct row_builder *out)
{
  if (row_is_null(finished, row)) {
    row_builder_null(out);
    return;
  }
  const struct row_span *span = (const struct row_span *)finished->data + row;
  const float *quantiles = (const float *)finished->child[0].data + span->offset;
  struct row_builder *entry = row_builder_child(out, 0);
  char text[AGG_TEXT_SIZE];
  for (int32_t i = 0; i < part->n_percentiles && (uint64_t)i < span->length; i++) {
    const size_t len = agg_text_double(part->percentiles[i], text);
    row_builder_string(row_builder_child(entry, 0), text, len);
    row_builder_string(row_builder_child(entry, 1), text, agg_text_float(quantiles[i], text));
    row_builder_close_struct(entry);
  }
  row_builder_close_list(out);
}
