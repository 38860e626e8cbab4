// Derivations as a plan: which outputs are copies of inputs, which are expressions.
#include <string.h>
#include <strings.h>

#include "fetcher/fetcher_int.h"
#include "warehouse/sql.h"

/// Adds an input unless one of that name is there; a later one of a name goes before.
static void put_input(struct row_schema *s, struct row_field *fields, struct row_field field)
{
  const int32_t at = row_schema_find(s, field.name);
  fields[at >= 0 ? at : s->n_fields] = field;
  s->n_fields += at >= 0 ? 0 : 1;
}

static struct fetch_derive *new_derive(struct arena *a, const struct row_schema *keys,
                                       const struct row_schema *base, int32_t n_d)
{
  const int32_t n = keys->n_fields + base->n_fields + 2;
  struct fetch_derive *d = arena_calloc(a, 1, sizeof *d);
  struct row_field *fields = arena_calloc(a, (size_t)n, sizeof *fields);
  int32_t *at = arena_calloc(a, (size_t)n, sizeof *at);
  d->inputs.fields = fields;
  for (int32_t i = 0; i < keys->n_fields; i++) {
    put_input(&d->inputs, fields, keys->fields[i]);
  }
  for (int32_t i = 0; i < base->n_fields; i++) {
    put_input(&d->inputs, fields, base->fields[i]);
  }
  put_input(&d->inputs, fields, (struct row_field){ "ts", row_scalar(ROW_LONG) });
  put_input(&d->inputs, fields, (struct row_field){ "ds", row_scalar(ROW_STRING) });
  for (int32_t i = 0; i < d->inputs.n_fields; i++) {
    const char *name = fields[i].name;
    const int32_t key = row_schema_find(keys, name);
    const int32_t column = row_schema_find(base, name);
    at[i] = strcmp(name, "ts") == 0   ? n - 2
            : strcmp(name, "ds") == 0 ? n - 1
            : column >= 0             ? keys->n_fields + column
                                      : key;
  }
  d->input_at = at;
  d->n_keys = keys->n_fields;
  d->n_base = base->n_fields;
  d->outs = arena_calloc(a, (size_t)(base->n_fields + n_d) + 1, sizeof *d->outs);
  d->exprs = arena_calloc(a, (size_t)n_d + 1, sizeof *d->exprs);
  return d;
}

static bool is_star(const struct model_derivation *d)
{
  return strcmp(d->name, "*") == 0 || strcmp(d->expression, "*") == 0;
}

/// `ts` and `ds` are inputs and never outputs.
static bool is_reserved(const char *name)
{
  return strcmp(name, "ts") == 0 || strcmp(name, "ds") == 0;
}

/// The input of a name, as it is written or else in any letter case, as Spark; -1: none.
static int32_t find_input(const struct fetch_derive *d, const char *name)
{
  int32_t at = row_schema_find(&d->inputs, name);
  for (int32_t i = 0; i < d->inputs.n_fields && at < 0; i++) {
    at = strcasecmp(d->inputs.fields[i].name, name) == 0 ? i : -1;
  }
  return at;
}

static void add_star(struct fetch_derive *d, const struct model_derivation *list, int32_t n,
                     const struct row_schema *base, struct row_schema *features,
                     struct row_field *fields)
{
  struct derive_out *outs = (struct derive_out *)d->outs;
  for (int32_t b = 0; b < base->n_fields; b++) {
    bool used = is_reserved(base->fields[b].name);
    for (int32_t i = 0; i < n && !used; i++) {
      used = strcmp(list[i].expression, base->fields[b].name) == 0 ||
             strcmp(list[i].name, base->fields[b].name) == 0;
    }
    if (!used) {
      outs[features->n_fields] = (struct derive_out){ .source = find_input(d, base->fields[b].name),
                                                      .star = true,
                                                      .expr = -1 };
      fields[features->n_fields++] = base->fields[b];
    }
  }
}

static void note_inputs(struct arena *a, const struct fetch_derive *d, struct derive_out *o)
{
  char **names = NULL;
  size_t n = 0;
  if (sql_expr_columns(a, o->spark, &names, &n, NULL) != CHN_OK) {
    return;
  }
  int32_t *inputs = arena_calloc(a, n + 1, sizeof *inputs);
  for (size_t i = 0; i < n; i++) {
    const int32_t at = find_input(d, names[i]);
    if (at >= 0) {
      inputs[o->n_inputs++] = at;
    }
  }
  o->inputs = inputs;
  o->repeats = (size_t)o->n_inputs == n && sql_expr_repeats(a, o->spark);
}

/// Lists the outputs; expressions get a type later.
static chn_status list_outs(struct arena *a, struct fetch_derive *d,
                            const struct model_derivation *list, int32_t n,
                            const struct row_schema *base, bool renames_only,
                            struct row_schema *features, struct row_field *fields,
                            struct chn_err *err)
{
  struct derive_out *outs = (struct derive_out *)d->outs;
  for (int32_t i = 0; i < n; i++) {
    if (is_star(&list[i])) {
      add_star(d, list, n, base, features, fields);
      break;
    }
  }
  for (int32_t i = 0; i < n; i++) {
    char *name = NULL;
    if (is_star(&list[i]) || is_reserved(list[i].name)) {
      continue;
    }
    struct derive_out *o = &outs[features->n_fields];
    *o = (struct derive_out){ .source = -1, .expr = -1, .spark = list[i].expression };
    const bool plain = sql_expr_is_name(a, list[i].expression, &name);
    o->source = plain ? find_input(d, name) : -1;
    if (o->source < 0 && renames_only) {
      continue;
    }
    if (plain && o->source < 0) {
      return chn_fail(
          err, CHN_E_ARGUMENT,
          "Failed to run expression %s for %s. Please ensure the derivation is correct.",
          list[i].expression, list[i].name);
    }
    if (o->source < 0) {
      char *sql = NULL;
      const chn_status s = sql_render_expr(a, list[i].expression, &sql, err);
      if (s != CHN_OK) {
        return chn_wrap(err, "derivation %s", list[i].name);
      }
      note_inputs(a, d, o);
      o->expr = d->n_exprs;
      d->exprs[d->n_exprs++] = (struct wh_expr){ list[i].name, sql };
    }
    fields[features->n_fields++] =
        (struct row_field){ list[i].name,
                            o->source >= 0 ? d->inputs.fields[o->source].type : NULL };
  }
  return CHN_OK;
}

/// A derivation that runs over a table may name any left column; a request has keys only.
static chn_status cannot_derive(struct chn_err *err)
{
  const struct chn_err why = *err;
  return strstr(why.msg, "does not exist") == NULL
             ? chn_wrap(err, "derivations")
             : chn_fail(err, why.code,
                        "derivations: %.1000s; a left column that is no key comes with the request "
                        "when the join names it in a c.ContextualSource",
                        why.msg);
}

/// Asks the engine for the types of the expressions.
static chn_status type_exprs(struct fetcher *f, struct arena *a, struct fetch_derive *d,
                             struct row_field *fields, int32_t n, struct chn_err *err)
{
  struct wh *wh = NULL;
  struct wh_eval *eval = NULL;
  chn_status s = fetcher_wh(f, &wh, err);
  if (s == CHN_OK) {
    s = wh_eval_open(wh, &d->inputs, d->exprs, d->n_exprs, &eval, err);
  }
  if (s != CHN_OK) {
    return cannot_derive(err);
  }
  d->expr_schema = row_schema_copy(a, wh_eval_schema(eval));
  for (int32_t i = 0; i < n; i++) {
    if (d->outs[i].expr >= 0) {
      fields[i].type = d->expr_schema.fields[d->outs[i].expr].type;
    }
  }
  wh_eval_close(eval);
  return CHN_OK;
}

chn_status fetch_derive_plan(struct fetcher *f, struct arena *a,
                             const struct model_derivation *list, int32_t n,
                             const struct row_schema *keys, const struct row_schema *base,
                             struct fetch_derive **out, struct row_schema *features,
                             struct chn_err *err)
{
  struct fetch_derive *d = new_derive(a, keys, base, n);
  struct row_field *fields = arena_calloc(a, (size_t)(base->n_fields + n) + 1, sizeof *fields);
  *features = (struct row_schema){ fields, 0 };
  chn_status s = list_outs(a, d, list, n, base, false, features, fields, err);
  if (s == CHN_OK && d->n_exprs > 0) {
    s = type_exprs(f, a, d, fields, features->n_fields, err);
  }
  d->renames = d->n_exprs == 0;
  *out = d;
  return s;
}

void fetch_derive_plan_renames(struct arena *a, const struct model_derivation *list, int32_t n,
                               const struct row_schema *keys, const struct row_schema *base,
                               const char *broken, struct fetch_derive **out,
                               struct row_schema *features)
{
  struct fetch_derive *d = new_derive(a, keys, base, n);
  struct row_field *fields = arena_calloc(a, (size_t)(base->n_fields + n) + 1, sizeof *fields);
  *features = (struct row_schema){ fields, 0 };
  list_outs(a, d, list, n, base, true, features, fields, NULL);
  d->renames = true;
  d->broken = arena_strdup(a, broken);
  *out = d;
}
