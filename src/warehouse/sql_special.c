// Functions whose rendering depends on their arguments' number, names or types.
#include "warehouse/sql_int.h"
#include <string.h>

chn_status sql_write_branches(struct sql_writer *w, struct sql_node *n, int32_t from,
                              const char **out)
{
  const enum sql_class all = sql_class_of(n);
  *out = "";
  for (int32_t i = from; i < n->n_kids; i++) {
    const char *one = NULL;
    const enum sql_class want = all == SQL_C_STRING ? SQL_C_STRING : SQL_C_UNKNOWN;
    if (sql_write_as(w, n->kids[i], want, &one) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s%s%s", *out, i > from ? ", " : "", one);
  }
  return CHN_OK;
}

static chn_status write_coalesce(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *list = NULL;
  const chn_status st = sql_write_branches(w, n, 0, &list);
  *out = arena_printf(w->a, "coalesce(%s)", list);
  return st;
}

static chn_status write_extreme(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *list = NULL;
  const chn_status st = sql_write_branches(w, n, 0, &list);
  *out = arena_printf(w->a, "%s(%s)", n->op, list);
  return st;
}

static chn_status write_if(struct sql_writer *w, struct sql_node *n, const char **out)
{
  struct sql_node c = *n;
  c.kind = SQL_CASE;
  c.otherwise = true;
  return sql_write_expr(w, &c, out);
}

static chn_status write_nvl2(struct sql_writer *w, struct sql_node *n, const char **out)
{
  struct sql_node test = { .kind = SQL_IS, .pos = n->pos, .op = "null", .negated = true };
  struct sql_node *kids[] = { &test, n->kids[1], n->kids[2] };
  struct sql_node c = *n;
  test.kids = n->kids;
  test.n_kids = 1;
  c.kind = SQL_CASE;
  c.otherwise = true;
  c.kids = kids;
  return sql_write_expr(w, &c, out);
}

static chn_status write_nullif(struct sql_writer *w, struct sql_node *n, const char **out)
{
  struct sql_node eq = { .kind = SQL_BINARY, .pos = n->pos, .op = "=", .kids = n->kids };
  eq.n_kids = 2;
  const char *test = NULL;
  const char *x = NULL;
  if (sql_write_expr(w, &eq, &test) != CHN_OK || sql_write_expr(w, n->kids[0], &x) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "CASE WHEN %s THEN NULL ELSE %s END", test, x);
  return CHN_OK;
}

// count(a, b) counts the rows where none is NULL.
static chn_status write_count(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *over = NULL;
  const char *list = NULL;
  if (sql_write_over(w, n, &over) != CHN_OK ||
      sql_write_list(w, n->kids, n->n_kids, &list) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const char *distinct = n->distinct ? "DISTINCT " : "";
  if (n->n_kids == 1) {
    *out = arena_printf(w->a, "count(%s%s)%s", distinct, list, over);
    return CHN_OK;
  }
  const char *test = "";
  for (int32_t i = 0; i < n->n_kids; i++) {
    const char *x = NULL;
    if (sql_write_expr(w, n->kids[i], &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    test = arena_printf(w->a, "%s%s(%s) IS NOT NULL", test, i ? " AND " : "", x);
  }
  *out = arena_printf(w->a, "count(%sCASE WHEN %s THEN row(%s) END)%s", distinct, test, list, over);
  return CHN_OK;
}

// first(x, true) and IGNORE NULLS skip NULLs.
static chn_status write_first(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *over = NULL;
  bool skip = n->ignore_nulls;
  if (n->n_kids == 2) {
    if (n->kids[1]->kind != SQL_BOOL) {
      return sql_error_at(w->err, w->text, n->kids[1]->pos,
                          "%s: the second argument is TRUE or FALSE", n->op);
    }
    skip = skip || strcmp(n->kids[1]->text, "true") == 0;
  }
  const bool last = n->op[0] == 'l';
  if (sql_write_expr(w, n->kids[0], &x) != CHN_OK || sql_write_over(w, n, &over) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (n->over) {
    *out = arena_printf(w->a, "%s(%s%s)%s", last ? "last_value" : "first_value", x,
                        skip ? " IGNORE NULLS" : "", over);
  } else if (skip && n->filter) {
    return sql_error_at(w->err, w->text, n->pos,
                        "%s: IGNORE NULLS beside FILTER: filter NULLs there", n->op);
  } else {
    *out =
        arena_printf(w->a, "%s(%s)%s%s", last ? "last" : "first", x,
                     skip ? arena_printf(w->a, " FILTER (WHERE (%s) IS NOT NULL)", x) : "", over);
  }
  return CHN_OK;
}

static chn_status write_lag(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *list = NULL;
  const char *over = NULL;
  if (sql_write_list(w, n->kids, n->n_kids, &list) != CHN_OK ||
      sql_write_over(w, n, &over) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out =
      arena_printf(w->a, "%s(%s%s)%s", n->op, list, n->ignore_nulls ? " IGNORE NULLS" : "", over);
  return CHN_OK;
}

// round(x, scale): integers of 32 bits stay, decimals are doubles.
static chn_status write_round(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *scale = "0::INTEGER";
  if (sql_write_as(w, n->kids[0], SQL_C_NUMBER, &x) != CHN_OK ||
      (n->n_kids == 2 && sql_write_as(w, n->kids[1], SQL_C_INT, &scale) != CHN_OK)) {
    return CHN_E_ARGUMENT;
  }
  if (sql_class_of(n->kids[0]) == SQL_C_DECIMAL) {
    x = arena_printf(w->a, "CAST(%s AS DOUBLE)", x);
  }
  *out = arena_printf(w->a, "sp_%s(%s, %s)", n->op, x, scale);
  return CHN_OK;
}

static chn_status write_log(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *y = NULL;
  if (sql_write_as(w, n->kids[0], SQL_C_DOUBLE, &x) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (n->n_kids == 1) {
    *out = arena_printf(w->a, "sp_ln(%s)", x);
    return CHN_OK;
  }
  const chn_status st = sql_write_as(w, n->kids[1], SQL_C_DOUBLE, &y);
  *out = arena_printf(w->a, "sp_log(%s, %s)", x, y);
  return st;
}

static const struct {
  const char *name;
  sql_special write;
} specials[] = {
  { "coalesce", write_coalesce }, { "nvl", write_coalesce },      { "ifnull", write_coalesce },
  { "greatest", write_extreme },  { "least", write_extreme },     { "if", write_if },
  { "nvl2", write_nvl2 },         { "nullif", write_nullif },     { "count", write_count },
  { "first", write_first },       { "first_value", write_first }, { "last", write_first },
  { "last_value", write_first },  { "any_value", write_first },   { "lag", write_lag },
  { "lead", write_lag },          { "nth_value", write_lag },     { "round", write_round },
  { "bround", write_round },      { "log", write_log },
};

sql_special sql_special_find(const char *name)
{
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    if (strcmp(name, specials[i].name) == 0) {
      return specials[i].write;
    }
  }
  const sql_special text = sql_special_text_find(name);
  return text ? text : sql_special_collection_find(name);
}
