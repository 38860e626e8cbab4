#include "model/plan.h"

static struct agg_def def_of(struct arena *a, const struct model_aggregation *g)
{
  struct agg_window *windows = arena_alloc(a, (size_t)g->n_windows * sizeof *windows);
  for (int32_t i = 0; i < g->n_windows; i++) {
    windows[i].length = g->windows[i].length;
    windows[i].hours = g->windows[i].time_unit == MODEL_HOURS;
  }
  const char **names = arena_alloc(a, (size_t)g->n_arg_map * sizeof *names);
  const char **values = arena_alloc(a, (size_t)g->n_arg_map * sizeof *values);
  for (int32_t i = 0; i < g->n_arg_map; i++) {
    names[i] = g->arg_map[i].key;
    values[i] = g->arg_map[i].value;
  }
  return (struct agg_def){
    .input_column = g->input_column,
    .op = (enum agg_op)g->operation,
    .arg_names = names,
    .arg_values = values,
    .n_args = g->n_arg_map,
    .windows = windows,
    .n_windows = g->n_windows,
    .buckets = (const char *const *)g->buckets,
    .n_buckets = g->n_buckets,
    .element_wise = g->element_wise,
  };
}

chn_status model_plan(struct arena *a, const struct model_group_by *gb,
                      const struct row_schema *schema, struct agg_plan **out, struct chn_err *err)
{
  struct agg_def *defs = arena_alloc(a, (size_t)gb->n_aggregations * sizeof *defs);
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    defs[i] = def_of(a, &gb->aggregations[i]);
  }
  return agg_plan_new(a, schema, defs, gb->n_aggregations, out, err);
}
