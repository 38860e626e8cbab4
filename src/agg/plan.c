// Compiles definitions in one pass: each Aggregation gives one base per bucket, and each base one
// part per window. Both start as copies of one prototype, so that nothing can differ but the
// window and the name.
#include "agg/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agg/plan_int.h"
#include "base/near.h"
#include "base/time.h"

static const char *const op_names[AGG_OP_COUNT] = {
  "MIN",
  "MAX",
  "FIRST",
  "LAST",
  "UNIQUE_COUNT",
  "APPROX_UNIQUE_COUNT",
  "COUNT",
  "SUM",
  "AVERAGE",
  "VARIANCE",
  "SKEW",
  "KURTOSIS",
  "APPROX_PERCENTILE",
  "LAST_K",
  "FIRST_K",
  "TOP_K",
  "BOTTOM_K",
  "HISTOGRAM",
  "APPROX_HISTOGRAM_K",
  "BOUNDED_UNIQUE_COUNT",
};

const char *agg_op_name(enum agg_op op)
{
  return (int)op >= 0 && op < AGG_OP_COUNT ? op_names[op] : NULL;
}

int64_t agg_hop_ms(int64_t window_ms)
{
  if (window_ms >= 12 * (int64_t)CHN_DAY_MS) {
    return CHN_DAY_MS;
  }
  return window_ms >= 12 * (int64_t)CHN_HOUR_MS ? CHN_HOUR_MS : 5 * CHN_MINUTE_MS;
}

/// A plan under construction.
struct builder {
  struct arena *arena;
  const struct row_schema *schema;
  struct agg_plan *plan;
  struct row_field *inputs; ///< plan->inputs.fields
  struct agg_part *parts;
  struct agg_part *bases;
};

static bool is_unbounded(const struct agg_window *w)
{
  return w->length <= 0 || w->length == INT32_MAX;
}

static int32_t at_least_one(int32_t n)
{
  return n > 0 ? n : 1;
}

/// The column of the plan's inputs with this name, taken over from the schema at first use.
static chn_status use_column(struct builder *b, const char *name, const char *role, int32_t *out,
                             struct chn_err *err)
{
  *out = row_schema_find(&b->plan->inputs, name);
  if (*out >= 0) {
    return CHN_OK;
  }
  const int32_t found = row_schema_find(b->schema, name);
  if (found < 0) {
    const size_t n = (size_t)b->schema->n_fields;
    const char **names = chn_calloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) {
      names[i] = b->schema->fields[i].name;
    }
    const char *near = chn_near(name, names, n);
    free(names);
    return chn_fail(err, CHN_E_ARGUMENT, "%s \"%s\" is not among the selected columns%s%s%s", role,
                    name, near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  }
  *out = b->plan->inputs.n_fields++;
  b->inputs[*out] =
      (struct row_field){ arena_strdup(b->arena, name), b->schema->fields[found].type };
  return CHN_OK;
}

static chn_status use_bucket(struct builder *b, const char *name, struct agg_part *proto,
                             struct chn_err *err)
{
  const chn_status status = use_column(b, name, "bucket column", &proto->bucket, err);
  if (status != CHN_OK) {
    return status;
  }
  const struct row_type *t = b->inputs[proto->bucket].type;
  if (t->kind != ROW_STRING) {
    struct chn_buf text = { 0 };
    row_type_print(&text, t);
    chn_fail(err, CHN_E_ARGUMENT,
             "bucket column \"%s\" needs to be a string, but is %s; cast it in the select", name,
             chn_buf_str(&text));
    chn_buf_deinit(&text);
    return CHN_E_ARGUMENT;
  }
  if (proto->shape == AGG_SHAPE_MAP) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "a MAP column cannot be bucketed: it is already aggregated per key");
  }
  if (proto->shape == AGG_SHAPE_ELEMENTS) {
    return chn_fail(err, CHN_E_ARGUMENT, "an element-wise aggregation cannot be bucketed");
  }
  return CHN_OK;
}

static const char *base_name(struct builder *b, const struct agg_part *p, const char *window)
{
  char op[32];
  size_t n = 0;
  for (const char *c = op_names[p->op]; *c != '\0'; c++) {
    op[n++] = *c == '_' ? '_' : (char)(*c - 'A' + 'a');
  }
  op[n] = '\0';
  const bool numbered =
      p->op == AGG_FIRST_K || p->op == AGG_LAST_K || p->op == AGG_TOP_K || p->op == AGG_BOTTOM_K;
  if (numbered) {
    op[n - 2] = '\0'; // "last_k" is written "last3"
  }
  char k[16] = "";
  if (numbered) {
    snprintf(k, sizeof k, "%d", (int)p->k);
  }
  const bool bucketed = p->bucket >= 0;
  return arena_printf(b->arena, "%s_%s%s%s%s%s", b->inputs[p->input].name, op, k, window,
                      bucketed ? "_by_" : "", bucketed ? b->inputs[p->bucket].name : "");
}

static void add_part(struct builder *b, const struct agg_part *base, const struct agg_window *w)
{
  struct agg_part *part = &b->parts[b->plan->n_parts++];
  *part = *base;
  if (w == NULL || is_unbounded(w)) {
    return;
  }
  part->window = *w;
  part->window_ms = (int64_t)w->length * (w->hours ? CHN_HOUR_MS : CHN_DAY_MS);
  part->hop_ms = agg_hop_ms(part->window_ms);
  char suffix[32];
  snprintf(suffix, sizeof suffix, "_%d%c", (int)w->length, w->hours ? 'h' : 'd');
  part->name = base_name(b, part, suffix);
  b->plan->needs_time = b->plan->has_window = true;
}

static chn_status add_def(struct builder *b, const struct agg_def *def, struct chn_err *err)
{
  struct agg_part proto = {
    .op = def->op, .bucket = -1, .hop_ms = CHN_DAY_MS, .window = { INT32_MAX, false }
  };
  chn_status status = use_column(b, def->input_column, "input column", &proto.input, err);
  if (status == CHN_OK) {
    status = agg_plan_shape(def->op, b->inputs[proto.input].type, def->element_wise, &proto.shape,
                            &proto.value, err);
  }
  if (status == CHN_OK) {
    status = agg_plan_args(b->arena, def, &proto, err);
  }
  for (int32_t i = 0; status == CHN_OK && i < at_least_one(def->n_buckets); i++) {
    struct agg_part *base = &b->bases[b->plan->n_bases];
    *base = proto;
    if (def->n_buckets > 0) {
      status = use_bucket(b, def->buckets[i], base, err);
    }
    if (status == CHN_OK) {
      base->base = b->plan->n_bases++;
      agg_plan_types(b->arena, base);
      base->name = base->base_name = base_name(b, base, "");
      for (int32_t w = 0; w < at_least_one(def->n_windows); w++) {
        add_part(b, base, def->n_windows > 0 ? &def->windows[w] : NULL);
      }
    }
  }
  b->plan->needs_time = b->plan->needs_time || agg_op_is_timed(def->op);
  return status;
}

/// Two columns of one name: a reader would get one of them, and nobody knows which.
static chn_status check_names(const struct builder *b, int32_t from, struct chn_err *err)
{
  for (int32_t i = from; i < b->plan->n_parts; i++) {
    for (int32_t j = 0; j < i; j++) {
      if (strcmp(b->parts[i].name, b->parts[j].name) == 0) {
        return chn_fail(err, CHN_E_ARGUMENT,
                        "its output \"%s\" is already that of another aggregation or window; "
                        "drop one of them, or give the input column a second name in the select",
                        b->parts[i].name);
      }
    }
  }
  return CHN_OK;
}

chn_status agg_plan_new(struct arena *a, const struct row_schema *schema,
                        const struct agg_def *defs, int32_t n_defs, struct agg_plan **out,
                        struct chn_err *err)
{
  size_t n_parts = 0;
  size_t n_bases = 0;
  for (int32_t i = 0; i < n_defs; i++) {
    const size_t buckets = (size_t)at_least_one(defs[i].n_buckets);
    n_bases += buckets;
    n_parts += buckets * (size_t)at_least_one(defs[i].n_windows);
  }
  struct agg_plan *plan = arena_calloc(a, 1, sizeof *plan);
  struct builder b = { .arena = a, .schema = schema, .plan = plan };
  b.inputs = arena_calloc(a, (size_t)schema->n_fields + 1, sizeof *b.inputs);
  b.parts = arena_calloc(a, n_parts + 1, sizeof *b.parts);
  b.bases = arena_calloc(a, n_bases + 1, sizeof *b.bases);
  plan->inputs.fields = b.inputs;
  plan->parts = b.parts;
  plan->bases = b.bases;
  for (int32_t i = 0; i < n_defs; i++) {
    if (agg_op_name(defs[i].op) == NULL) {
      return chn_fail(err, CHN_E_ARGUMENT, "aggregation %d (of \"%s\"): there is no operation %d",
                      (int)i + 1, defs[i].input_column, (int)defs[i].op);
    }
    const int32_t from = plan->n_parts;
    if (add_def(&b, &defs[i], err) != CHN_OK || check_names(&b, from, err) != CHN_OK) {
      chn_wrap(err, "aggregation %d (%s of \"%s\")", (int)i + 1, agg_op_name(defs[i].op),
               defs[i].input_column);
      return CHN_E_ARGUMENT;
    }
  }
  *out = plan;
  return CHN_OK;
}
