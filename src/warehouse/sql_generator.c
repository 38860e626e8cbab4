// explode and its kin. DuckDB's unnest in a select list runs several lists in step, which gives a
// map its key and value columns and posexplode its position.
#include "warehouse/sql_int.h"
#include <stdlib.h>
#include <string.h>

bool sql_is_generator(const struct sql_node *n)
{
  if (n->kind != SQL_CALL) {
    return false;
  }
  const struct sql_function *f = sql_function_find(n->op);
  return f && f->kind == SQL_F_GENERATOR;
}

struct generator {
  const char *list; ///< the argument as written
  bool positions;   ///< a first column with the position
  bool map;
  bool outer;
};

// One column: `unnest(list) AS name`; an outer one gives a NULL row where the list is empty.
static const char *column(struct sql_writer *w, const struct generator *g, const char *list,
                          const char *name)
{
  if (g->outer) {
    list = arena_printf(w->a, "CASE WHEN len(%s) > 0 THEN %s ELSE [NULL] END", list, list);
  }
  return arena_printf(w->a, "unnest(%s) AS %s", list, sql_quote_name(w->a, name));
}

static chn_status explode(struct sql_writer *w, const struct generator *g, uint32_t pos,
                          const char **names, int32_t n_names, const char **out)
{
  const int32_t want = g->positions + 1 + g->map;
  if (n_names && n_names != want) {
    return sql_error_at(w->err, w->text, pos, "%d names for %d columns", n_names, want);
  }
  const char *defaults[3] = { "pos", g->map ? "key" : "col", "value" };
  const char **use = n_names ? names : defaults + !g->positions;
  const char *keys = g->map ? arena_printf(w->a, "map_keys(%s)", g->list) : g->list;
  *out = "";
  if (g->positions) {
    const char *range =
        arena_printf(w->a, "list_transform(range(len(%s)), lambda p: CAST(p AS INTEGER))", keys);
    *out = arena_printf(w->a, "%s, ", column(w, g, range, use[0]));
  }
  *out = arena_printf(w->a, "%s%s", *out, column(w, g, keys, use[g->positions]));
  if (g->map) {
    const char *values = arena_printf(w->a, "map_values(%s)", g->list);
    *out = arena_printf(w->a, "%s, %s", *out, column(w, g, values, use[g->positions + 1]));
  }
  return CHN_OK;
}

// stack(n, v1, ..., vk): n rows of k / n columns.
static chn_status stack(struct sql_writer *w, struct sql_node *call, const char **names,
                        int32_t n_names, const char **out)
{
  const struct sql_node *first = call->n_kids ? call->kids[0] : NULL;
  const int32_t rows = first && first->kind == SQL_NUMBER && strlen(first->text) < 6
                           ? (int32_t)strtol(first->text, NULL, 10)
                           : 0;
  const int32_t values = call->n_kids - 1;
  if (rows < 1 || values < 1) {
    return sql_error_at(w->err, w->text, call->pos, "stack takes a literal number and values");
  }
  const int32_t width = (values + rows - 1) / rows;
  if (n_names && n_names != width) {
    return sql_error_at(w->err, w->text, call->pos, "%d names for %d columns", n_names, width);
  }
  *out = "";
  for (int32_t c = 0; c < width; c++) {
    const char *list = "";
    for (int32_t r = 0; r < rows; r++) {
      const char *x = "NULL";
      const int32_t i = 1 + r * width + c;
      if (i < call->n_kids && sql_write_expr(w, call->kids[i], &x) != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
      list = arena_printf(w->a, "%s%s%s", list, r ? ", " : "", x);
    }
    const char *name = n_names ? names[c] : arena_printf(w->a, "col%d", c);
    *out = arena_printf(w->a, "%s%sunnest([%s]) AS %s", *out, c ? ", " : "", list,
                        sql_quote_name(w->a, name));
  }
  return CHN_OK;
}

// inline(array of structs): the fields become columns of their own names.
static chn_status inline_structs(struct sql_writer *w, struct sql_node *call, int32_t n_names,
                                 const char **out)
{
  const char *list = NULL;
  if (n_names) {
    return sql_error_at(w->err, w->text, call->pos,
                        "inline with new names is not supported: alias the columns outside");
  }
  const chn_status st = sql_write_expr(w, call->kids[0], &list);
  *out = arena_printf(w->a, "unnest(%s, max_depth := 2)", list);
  return st;
}

// json_tuple(text, 'a', 'b'): one row, the fields as texts c0, c1, ...
static chn_status json_tuple(struct sql_writer *w, struct sql_node *call, const char **names,
                             int32_t n_names, const char **out)
{
  const char *text = NULL;
  if (n_names && n_names != call->n_kids - 1) {
    return sql_error_at(w->err, w->text, call->pos, "%d names for %d columns", n_names,
                        call->n_kids - 1);
  }
  if (sql_write_as(w, call->kids[0], SQL_C_STRING, &text) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = "";
  for (int32_t i = 1; i < call->n_kids; i++) {
    const char *field = NULL;
    if (sql_write_as(w, call->kids[i], SQL_C_STRING, &field) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    const char *name = n_names ? names[i - 1] : arena_printf(w->a, "c%d", i - 1);
    *out = arena_printf(w->a, "%s%ssp_get_json_object(%s, '$.\"' || %s || '\"') AS %s", *out,
                        i > 1 ? ", " : "", text, field, sql_quote_name(w->a, name));
  }
  return CHN_OK;
}

chn_status sql_write_generator(struct sql_writer *w, struct sql_node *call, bool outer,
                               const char **names, int32_t n_names, const char **out)
{
  if (strcmp(call->op, "stack") == 0) {
    return stack(w, call, names, n_names, out);
  }
  const struct sql_function *f = sql_function_find(call->op);
  if (f->state == SQL_REFUSED) {
    return sql_error_at(w->err, w->text, call->pos, "function \"%s\" is not supported: %s", f->name,
                        f->note);
  }
  if (strcmp(call->op, "json_tuple") == 0 && call->n_kids > 1) {
    return json_tuple(w, call, names, n_names, out);
  }
  if (call->n_kids != 1) {
    return sql_error_at(w->err, w->text, call->pos, "%s takes 1 argument, not %d", call->op,
                        call->n_kids);
  }
  if (strncmp(call->op, "inline", 6) == 0) {
    return inline_structs(w, call, n_names, out);
  }
  struct generator g = { .positions = strncmp(call->op, "pos", 3) == 0,
                         .outer = outer || strstr(call->op, "_outer") != NULL };
  // whether it is a map is told by its expression, else by the number of names
  g.map = sql_class_of(call->kids[0]) == SQL_C_MAP || n_names == g.positions + 2;
  if (sql_write_expr(w, call->kids[0], &g.list) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  return explode(w, &g, call->pos, names, n_names, out);
}
