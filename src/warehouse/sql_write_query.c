// Queries as DuckDB reads them. Every select item gets a name, its own or the one Spark would give
// it, so that output columns do not depend on DuckDB's choice.
#include "warehouse/sql_int.h"
#include <string.h>
#include <strings.h>

// ---- windows and sorting ----------------------------------------------------------------------

chn_status sql_write_sorts(struct sql_writer *w, const struct sql_sort *s, int32_t n,
                           const char **out)
{
  struct chn_buf b = { 0 };
  chn_status st = CHN_OK;
  for (int32_t i = 0; i < n && st == CHN_OK; i++) {
    const char *x = NULL;
    if (s[i].expr->kind == SQL_NUMBER) { // an ordinal
      x = s[i].expr->text;
    } else {
      st = sql_write_expr(w, s[i].expr, &x);
    }
    chn_buf_addf(&b, "%s%s %s NULLS %s", i ? ", " : "", x, s[i].desc ? "DESC" : "ASC",
                 s[i].nulls_last ? "LAST" : "FIRST");
  }
  *out = arena_strdup(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}

static chn_status write_bound(struct sql_writer *w, const struct sql_window *win, int i,
                              struct chn_buf *b)
{
  const char *amount = NULL;
  if (win->bounds[i]) {
    if (win->bounds[i]->kind == SQL_NUMBER) {
      amount = win->bounds[i]->text;
    } else if (sql_write_expr(w, win->bounds[i], &amount) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, "%s ", amount);
  }
  chn_buf_adds(b, win->bound_words[i]);
  return CHN_OK;
}

static chn_status write_spec(struct sql_writer *w, const struct sql_window *win, struct chn_buf *b)
{
  const char *text = NULL;
  if (win->n_partition) {
    if (sql_write_list(w, win->partition, win->n_partition, &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, "PARTITION BY %s", text);
  }
  if (win->n_order) {
    if (sql_write_sorts(w, win->order, win->n_order, &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, "%sORDER BY %s", b->len ? " " : "", text);
  }
  if (!win->frame) {
    return CHN_OK;
  }
  chn_buf_addf(b, "%s%s BETWEEN ", b->len ? " " : "", win->frame);
  if (write_bound(w, win, 0, b) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  chn_buf_adds(b, " AND ");
  return write_bound(w, win, 1, b);
}

chn_status sql_write_window(struct sql_writer *w, const struct sql_window *win, const char **out)
{
  if (win->name) {
    *out = sql_quote_name(w->a, win->name);
    return CHN_OK;
  }
  struct chn_buf b = { 0 };
  const chn_status st = write_spec(w, win, &b);
  *out = arena_printf(w->a, "(%s)", chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}

// ---- FROM -------------------------------------------------------------------------------------

static chn_status write_relation(struct sql_writer *w, const struct sql_relation *r,
                                 struct chn_buf *b);

static void write_names(struct sql_writer *w, const char **names, int32_t n, struct chn_buf *b)
{
  chn_buf_addc(b, '(');
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(b, "%s%s", i ? ", " : "", sql_quote_name(w->a, names[i]));
  }
  chn_buf_addc(b, ')');
}

static void write_alias(struct sql_writer *w, const struct sql_relation *r, const char *fallback,
                        struct chn_buf *b)
{
  const char *alias = r->alias ? r->alias : fallback;
  if (alias) {
    chn_buf_addf(b, " AS %s", sql_quote_name(w->a, alias));
  }
  if (r->n_columns) {
    write_names(w, r->columns, r->n_columns, b);
  }
}

static chn_status write_values(struct sql_writer *w, const struct sql_relation *r,
                               struct chn_buf *b)
{
  const struct sql_node *rows = r->call;
  const int32_t width = rows->kids[0]->kind == SQL_TUPLE ? rows->kids[0]->n_kids : 1;
  chn_buf_adds(b, "(VALUES ");
  for (int32_t i = 0; i < rows->n_kids; i++) {
    struct sql_node *row = rows->kids[i];
    const char *list = NULL;
    const bool tuple = row->kind == SQL_TUPLE;
    if ((tuple ? row->n_kids : 1) != width) {
      return sql_error_at(w->err, w->text, row->pos, "VALUES: rows of different widths");
    }
    if (sql_write_list(w, tuple ? row->kids : &row, width, &list) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, "%s(%s)", i ? ", " : "", list);
  }
  chn_buf_adds(b, ")");
  chn_buf_addf(b, " AS %s", sql_quote_name(w->a, r->alias ? r->alias : "values"));
  const char **names = r->columns;
  if (!r->n_columns) {
    names = arena_calloc(w->a, (size_t)width, sizeof *names);
    for (int32_t i = 0; i < width; i++) {
      names[i] = arena_printf(w->a, "col%d", i + 1);
    }
  }
  write_names(w, names, r->n_columns ? r->n_columns : width, b);
  return CHN_OK;
}

static chn_status write_table_function(struct sql_writer *w, const struct sql_relation *r,
                                       struct chn_buf *b)
{
  const char *text = NULL;
  if (sql_is_generator(r->call)) {
    if (sql_write_generator(w, r->call, false, r->columns, r->n_columns, &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, "(SELECT %s) AS %s", text, sql_quote_name(w->a, r->alias ? r->alias : "t"));
    return CHN_OK;
  }
  if (strcmp(r->call->op, "range") != 0 || r->call->n_kids < 1 || r->call->n_kids > 3) {
    return sql_error_at(w->err, w->text, r->pos, "table function \"%s\" is not supported",
                        r->call->text);
  }
  if (sql_write_list(w, r->call->kids, r->call->n_kids, &text) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  chn_buf_addf(b, "range(%s) AS %s", text, sql_quote_name(w->a, r->alias ? r->alias : "range"));
  static const char *id[] = { "id" };
  write_names(w, r->n_columns ? r->columns : id, r->n_columns ? r->n_columns : 1, b);
  return CHN_OK;
}

static chn_status write_join(struct sql_writer *w, const struct sql_relation *r, struct chn_buf *b)
{
  if (write_relation(w, r->left, b) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  chn_buf_addf(b, " %s ", r->join);
  const bool nested = r->right->kind == SQL_R_JOIN;
  chn_buf_adds(b, nested ? "(" : "");
  if (write_relation(w, r->right, b) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  chn_buf_adds(b, nested ? ")" : "");
  if (r->on) {
    const char *on = NULL;
    if (sql_write_expr(w, r->on, &on) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, " ON %s", on);
  } else if (r->n_using) {
    chn_buf_adds(b, " USING ");
    write_names(w, r->using_columns, r->n_using, b);
  }
  return CHN_OK;
}

static chn_status write_lateral(struct sql_writer *w, const struct sql_lateral *l, int32_t i,
                                struct chn_buf *b)
{
  const char *text = NULL;
  const bool fields = strcmp(l->call->op, "inline") == 0; // named behind the subquery instead
  if (sql_write_generator(w, l->call, l->outer, l->columns, fields ? 0 : l->n_columns, &text) !=
      CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const char *alias = l->alias ? l->alias : arena_printf(w->a, "lateral_%d", i);
  chn_buf_addf(b, " CROSS JOIN LATERAL (SELECT %s) AS %s", text, sql_quote_name(w->a, alias));
  if (fields && l->n_columns) {
    write_names(w, l->columns, l->n_columns, b);
  }
  return CHN_OK;
}

static chn_status write_relation(struct sql_writer *w, const struct sql_relation *r,
                                 struct chn_buf *b)
{
  const char *text = NULL;
  chn_status st = CHN_OK;
  if (r->kind == SQL_R_JOIN) {
    st = write_join(w, r, b);
  } else if (r->kind == SQL_R_VALUES) {
    st = write_values(w, r, b);
  } else if (r->kind == SQL_R_FUNCTION) {
    st = write_table_function(w, r, b);
  } else if (r->kind == SQL_R_QUERY) {
    st = sql_write_query(w, r->query, &text);
    chn_buf_addf(b, "(%s)", text ? text : "");
    write_alias(w, r, arena_printf(w->a, "q%u", r->pos), b);
  } else {
    for (int32_t i = 0; i < r->n_parts; i++) {
      chn_buf_addf(b, "%s%s", i ? "." : "", sql_quote_name(w->a, r->parts[i]));
    }
    write_alias(w, r, NULL, b);
  }
  for (int32_t i = 0; i < r->n_laterals && st == CHN_OK; i++) {
    st = write_lateral(w, &r->laterals[i], i, b);
  }
  return st;
}

// ---- SELECT -----------------------------------------------------------------------------------

static chn_status write_item(struct sql_writer *w, const struct sql_item *item, struct chn_buf *b)
{
  const char *text = NULL;
  struct sql_node *x = item->expr;
  if (x->kind == SQL_CALL && sql_is_generator(x)) {
    const bool outer = strstr(x->op, "_outer") != NULL;
    if (sql_write_generator(w, x, outer, item->aliases, item->n_aliases, &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_adds(b, text);
    return CHN_OK;
  }
  if (item->n_aliases > 1) {
    return sql_error_at(w->err, w->text, x->pos, "%d names for one column", item->n_aliases);
  }
  if (sql_write_expr(w, x, &text) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  chn_buf_adds(b, text);
  if (x->kind != SQL_STAR) {
    const char *name = item->n_aliases ? item->aliases[0] : sql_spark_name(w->a, x);
    chn_buf_addf(b, " AS %s", sql_quote_name(w->a, name));
  }
  return CHN_OK;
}

static chn_status write_group_expr(struct sql_writer *w, struct sql_node *n, bool in_sets,
                                   struct chn_buf *b)
{
  const char *text = NULL;
  if (n->kind == SQL_NUMBER) { // an ordinal
    chn_buf_adds(b, n->text);
    return CHN_OK;
  }
  if (sql_write_expr(w, n, &text) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const bool wrap = in_sets && n->kind != SQL_TUPLE;
  chn_buf_addf(b, wrap ? "(%s)" : "%s", text);
  return CHN_OK;
}

static chn_status write_groups(struct sql_writer *w, const struct sql_query *q, struct chn_buf *b)
{
  chn_buf_adds(b, " GROUP BY ");
  // GROUP BY a, b GROUPING SETS (...) of Hive: the sets alone count
  const bool only_last =
      q->n_groups && strcmp(q->groups[q->n_groups - 1].kind, "GROUPING SETS") == 0;
  for (int32_t i = only_last ? q->n_groups - 1 : 0; i < q->n_groups; i++) {
    const struct sql_group *g = &q->groups[i];
    chn_buf_adds(b, i && !only_last ? ", " : "");
    chn_buf_addf(b, *g->kind ? "%s (" : "%s", g->kind);
    for (int32_t k = 0; k < g->n_exprs; k++) {
      chn_buf_adds(b, k ? ", " : "");
      if (write_group_expr(w, g->exprs[k], g->kind[0] == 'G', b) != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
    }
    chn_buf_adds(b, *g->kind ? ")" : "");
  }
  return CHN_OK;
}

static chn_status write_condition(struct sql_writer *w, const char *word, struct sql_node *n,
                                  struct chn_buf *b)
{
  const char *text = NULL;
  if (!n) {
    return CHN_OK;
  }
  const chn_status st = sql_write_expr(w, n, &text);
  chn_buf_addf(b, " %s %s", word, text);
  return st;
}

// LIMIT and OFFSET: DuckDB wants plain numbers there.
static chn_status write_count(struct sql_writer *w, const char *word, struct sql_node *n,
                              struct chn_buf *b)
{
  if (n && n->kind == SQL_NUMBER) {
    chn_buf_addf(b, " %s %s", word, n->text);
    return CHN_OK;
  }
  return write_condition(w, word, n, b);
}

static chn_status write_windows(struct sql_writer *w, const struct sql_query *q, struct chn_buf *b)
{
  for (int32_t i = 0; i < q->n_windows; i++) {
    const char *text = NULL;
    if (sql_write_window(w, q->windows[i], &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, "%s%s AS %s", i ? ", " : " WINDOW ", sql_quote_name(w->a, q->window_names[i]),
                 text);
  }
  return CHN_OK;
}

static chn_status write_select(struct sql_writer *w, const struct sql_query *q, struct chn_buf *b)
{
  chn_buf_adds(b, q->distinct ? "SELECT DISTINCT " : "SELECT ");
  for (int32_t i = 0; i < q->n_items; i++) {
    chn_buf_adds(b, i ? ", " : "");
    if (write_item(w, &q->items[i], b) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  for (int32_t i = 0; i < q->n_from; i++) {
    chn_buf_adds(b, i ? ", " : " FROM ");
    if (write_relation(w, q->from[i], b) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  if (write_condition(w, "WHERE", q->where, b) != CHN_OK ||
      (q->n_groups && write_groups(w, q, b) != CHN_OK) ||
      write_condition(w, "HAVING", q->having, b) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  return write_windows(w, q, b);
}

static chn_status write_body(struct sql_writer *w, const struct sql_query *q, struct chn_buf *b)
{
  if (q->values) {
    chn_buf_adds(b, "SELECT * FROM ");
    return write_values(w, q->values, b);
  }
  if (!q->left) {
    return write_select(w, q, b);
  }
  const char *text = NULL;
  if (sql_write_query(w, q->left, &text) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (!q->right) { // parentheses with an ORDER BY or LIMIT behind them
    chn_buf_addf(b, "SELECT * FROM (%s)", text);
  } else {
    chn_buf_addf(b, "(%s)", text);
    if (sql_write_query(w, q->right, &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, " %s (%s)", q->set_op, text);
  }
  return CHN_OK;
}

static chn_status write_ctes(struct sql_writer *w, const struct sql_query *q, struct chn_buf *b)
{
  for (int32_t i = 0; i < q->n_ctes; i++) {
    const char *text = NULL;
    chn_buf_adds(b, i ? ", " : "WITH ");
    chn_buf_adds(b, sql_quote_name(w->a, q->ctes[i].name));
    if (q->ctes[i].n_columns) {
      write_names(w, q->ctes[i].columns, q->ctes[i].n_columns, b);
    }
    if (sql_write_query(w, q->ctes[i].query, &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, " AS (%s)", text);
  }
  chn_buf_adds(b, q->n_ctes ? " " : "");
  return CHN_OK;
}

static chn_status write_all(struct sql_writer *w, const struct sql_query *q, struct chn_buf *b)
{
  if (write_ctes(w, q, b) != CHN_OK || write_body(w, q, b) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (q->n_order) {
    const char *text = NULL;
    if (sql_write_sorts(w, q->order, q->n_order, &text) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    chn_buf_addf(b, " ORDER BY %s", text);
  }
  return write_count(w, "LIMIT", q->limit, b) == CHN_OK ? write_count(w, "OFFSET", q->offset, b)
                                                        : CHN_E_ARGUMENT;
}

chn_status sql_write_query(struct sql_writer *w, struct sql_query *q, const char **out)
{
  struct chn_buf b = { .max = SQL_MAX_OUTPUT };
  chn_status st = write_all(w, q, &b);
  if (st == CHN_OK && b.truncated) {
    st = sql_error_at(w->err, w->text, q->pos, "query too large");
  }
  *out = arena_strdup(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}
