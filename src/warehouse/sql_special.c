// Functions whose rendering depends on their arguments' number, names or types.
#include "warehouse/sql_int.h"
#include <string.h>

// Branches of a conditional: where strings meet other types, all become strings, as in Spark.
static chn_status write_branches(struct sql_writer *w, struct sql_node *n, int32_t from,
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
  const chn_status st = write_branches(w, n, 0, &list);
  *out = arena_printf(w->a, "coalesce(%s)", list);
  return st;
}

static chn_status write_extreme(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *list = NULL;
  const chn_status st = write_branches(w, n, 0, &list);
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

static chn_status write_trim(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *chars = "' '";
  if (sql_write_as(w, n->kids[0], SQL_C_STRING, &x) != CHN_OK ||
      (n->n_kids == 2 && sql_write_as(w, n->kids[1], SQL_C_STRING, &chars) != CHN_OK)) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "%s(%s, %s)", n->op[0] == 'b' ? "trim" : n->op, x, chars);
  return CHN_OK;
}

static chn_status write_concat(struct sql_writer *w, struct sql_node *n, const char **out)
{
  if (n->n_kids == 0) {
    *out = "''::VARCHAR";
    return CHN_OK;
  }
  struct sql_node chain = *n;
  chain.kind = SQL_CHAIN;
  chain.op = "||";
  return sql_write_expr(w, &chain, out);
}

static chn_status write_named_struct(struct sql_writer *w, struct sql_node *n, const char **out)
{
  if (n->n_kids % 2) {
    return sql_error_at(w->err, w->text, n->pos, "named_struct takes names and values in pairs");
  }
  *out = "struct_pack(";
  for (int32_t i = 0; i < n->n_kids; i += 2) {
    const char *x = NULL;
    if (n->kids[i]->kind != SQL_STRING || !*n->kids[i]->text) {
      return sql_error_at(w->err, w->text, n->kids[i]->pos,
                          "named_struct: a field's name must be a literal");
    }
    if (sql_write_expr(w, n->kids[i + 1], &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s%s%s := %s", *out, i ? ", " : "",
                        sql_quote_name(w->a, n->kids[i]->text), x);
  }
  *out = arena_printf(w->a, "%s)", *out);
  return CHN_OK;
}

// struct(a, b + 1): fields are called by their names, else col1, col2, ...
static chn_status write_struct(struct sql_writer *w, struct sql_node *n, const char **out)
{
  *out = "struct_pack(";
  for (int32_t i = 0; i < n->n_kids; i++) {
    const char *x = NULL;
    const struct sql_node *k = n->kids[i];
    const char *name = k->kind == SQL_NAME    ? k->parts[k->n_parts - 1]
                       : k->kind == SQL_FIELD ? k->text
                                              : arena_printf(w->a, "col%d", i + 1);
    if (sql_write_expr(w, n->kids[i], &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s%s%s := %s", *out, i ? ", " : "", sql_quote_name(w->a, name), x);
  }
  *out = arena_printf(w->a, "%s)", *out);
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

static const struct {
  const char *name;
  sql_special write;
} specials[] = {
  { "coalesce", write_coalesce },
  { "nvl", write_coalesce },
  { "ifnull", write_coalesce },
  { "greatest", write_extreme },
  { "least", write_extreme },
  { "if", write_if },
  { "iff", write_if },
  { "nvl2", write_nvl2 },
  { "nullif", write_nullif },
  { "trim", write_trim },
  { "btrim", write_trim },
  { "ltrim", write_trim },
  { "rtrim", write_trim },
  { "concat", write_concat },
  { "named_struct", write_named_struct },
  { "struct", write_struct },
  { "count", write_count },
};

sql_special sql_special_find(const char *name)
{
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    if (strcmp(name, specials[i].name) == 0) {
      return specials[i].write;
    }
  }
  return NULL;
}
