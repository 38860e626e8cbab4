// SELECT statements: WITH, set operations by precedence (INTERSECT binds tighter), and the clauses.
#include "warehouse/sql_int.h"
#include <string.h>

bool sql_starts_query(const struct sql_parser *p)
{
  size_t i = 0;
  while (sql_at_op(p, i, "(")) {
    i++;
  }
  const bool with = sql_at_word(p, i, "with") && sql_peek(p, i + 1)->kind != SQL_T_OP;
  const bool values = sql_at_word(p, i, "values") && !sql_at_op(p, i + 1, ")");
  return sql_at_word(p, i, "select") || with || (values && i == 0);
}

static chn_status parse_items(struct sql_parser *p, struct sql_query *q)
{
  do {
    struct sql_item item = { 0 };
    if (sql_parse_expr(p, &item.expr) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    const bool as = sql_take_word(p, "as");
    const enum sql_tok kind = sql_peek(p, 0)->kind;
    const bool name = (kind == SQL_T_NAME && !sql_at_clause(p)) || kind == SQL_T_QUOTED;
    if (as && sql_at_op(p, 0, "(")) {
      if (sql_parse_names(p, &item.aliases, &item.n_aliases) != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
    } else if (as || name) {
      item.aliases = sql_push(p->a, NULL, &item.n_aliases, sizeof *item.aliases);
      if (sql_parse_name(p, &item.aliases[0]) != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
    }
    q->items = sql_push(p->a, q->items, &q->n_items, sizeof *q->items);
    q->items[q->n_items - 1] = item;
  } while (sql_take_op(p, ","));
  return CHN_OK;
}

static void add_group(struct sql_parser *p, struct sql_query *q, struct sql_group g)
{
  q->groups = sql_push(p->a, q->groups, &q->n_groups, sizeof *q->groups);
  q->groups[q->n_groups - 1] = g;
}

// The sets of GROUPING SETS: (a, b), a, (): each a tuple node, or a lone expression.
static chn_status parse_set(struct sql_parser *p, struct sql_group *g)
{
  struct sql_node *n = sql_node(p, SQL_TUPLE, sql_peek(p, 0)->pos);
  if (sql_at_op(p, 0, "(") && sql_at_op(p, 1, ")")) {
    p->i += 2;
  } else if (sql_parse_expr(p, &n) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  g->exprs = sql_push(p->a, g->exprs, &g->n_exprs, sizeof(struct sql_node *));
  g->exprs[g->n_exprs - 1] = n;
  return CHN_OK;
}

static chn_status parse_sets(struct sql_parser *p, struct sql_group *g)
{
  if (sql_need_op(p, "(") != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  do {
    if (parse_set(p, g) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  } while (sql_take_op(p, ","));
  return sql_need_op(p, ")");
}

static chn_status parse_group(struct sql_parser *p, struct sql_query *q)
{
  do {
    struct sql_group g = { .kind = "" };
    chn_status st = CHN_OK;
    const bool rollup = sql_at_word(p, 0, "rollup") && sql_at_op(p, 1, "(");
    const bool cube = sql_at_word(p, 0, "cube") && sql_at_op(p, 1, "(");
    if (rollup || cube) {
      p->i++;
      g.kind = rollup ? "ROLLUP" : "CUBE";
      st = parse_sets(p, &g);
    } else if (sql_at_word(p, 0, "grouping") && sql_at_word(p, 1, "sets")) {
      p->i += 2;
      g.kind = "GROUPING SETS";
      st = parse_sets(p, &g);
    } else {
      st = parse_set(p, &g);
    }
    if (st != CHN_OK) {
      return st;
    }
    add_group(p, q, g);
  } while (sql_take_op(p, ","));
  if (sql_at_word(p, 0, "with") && (sql_at_word(p, 1, "rollup") || sql_at_word(p, 1, "cube"))) {
    struct sql_group all = { .kind = sql_at_word(p, 1, "cube") ? "CUBE" : "ROLLUP" };
    for (int32_t i = 0; i < q->n_groups; i++) {
      all.exprs = sql_push(p->a, all.exprs, &all.n_exprs, sizeof(struct sql_node *));
      all.exprs[i] = q->groups[i].exprs[0];
    }
    p->i += 2;
    q->groups = NULL;
    q->n_groups = 0;
    add_group(p, q, all);
  }
  return CHN_OK;
}

static chn_status parse_named_windows(struct sql_parser *p, struct sql_query *q)
{
  do {
    const char *name = NULL;
    struct sql_window *win = NULL;
    if (sql_parse_name(p, &name) != CHN_OK || sql_need_word(p, "as") != CHN_OK ||
        sql_parse_window(p, &win) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    int32_t n = q->n_windows;
    q->window_names = sql_push(p->a, q->window_names, &n, sizeof *q->window_names);
    q->windows = sql_push(p->a, q->windows, &q->n_windows, sizeof(struct sql_window *));
    q->window_names[q->n_windows - 1] = name;
    q->windows[q->n_windows - 1] = win;
  } while (sql_take_op(p, ","));
  return CHN_OK;
}

static chn_status parse_select(struct sql_parser *p, struct sql_query *q)
{
  p->i++;
  q->distinct = sql_take_word(p, "distinct");
  if (!q->distinct) {
    sql_take_word(p, "all");
  }
  if (sql_at_word(p, 0, "transform") && sql_at_op(p, 1, "(") && sql_at_word(p, 2, "using")) {
    return sql_unexpected(p, "columns (TRANSFORM runs programs and is not supported)");
  }
  chn_status st = parse_items(p, q);
  if (st == CHN_OK && sql_take_word(p, "from")) {
    st = sql_parse_from(p, q);
  }
  if (st == CHN_OK && sql_take_word(p, "where")) {
    st = sql_parse_expr(p, &q->where);
  }
  if (st == CHN_OK && sql_take_word(p, "group")) {
    st = sql_need_word(p, "by") == CHN_OK ? parse_group(p, q) : CHN_E_ARGUMENT;
  }
  if (st == CHN_OK && sql_take_word(p, "having")) {
    st = sql_parse_expr(p, &q->having);
  }
  if (st == CHN_OK && sql_take_word(p, "window")) {
    st = parse_named_windows(p, q);
  }
  return st;
}

// SELECT, VALUES, TABLE or a parenthesised query.
static chn_status parse_term(struct sql_parser *p, struct sql_query **out)
{
  if (sql_at_op(p, 0, "(")) {
    p->i++;
    return sql_parse_query(p, out) == CHN_OK ? sql_need_op(p, ")") : CHN_E_ARGUMENT;
  }
  struct sql_query *q = arena_calloc(p->a, 1, sizeof *q);
  q->pos = sql_peek(p, 0)->pos;
  *out = q;
  if (sql_at_word(p, 0, "select")) {
    return parse_select(p, q);
  }
  if (!sql_take_word(p, "values")) {
    return sql_unexpected(p, "SELECT");
  }
  q->values = arena_calloc(p->a, 1, sizeof *q->values);
  q->values->kind = SQL_R_VALUES;
  q->values->pos = q->pos;
  q->values->call = sql_node(p, SQL_TUPLE, q->pos);
  return sql_parse_exprs(p, &q->values->call->kids, &q->values->call->n_kids);
}

static const char *set_operator(struct sql_parser *p, bool intersect)
{
  static const struct {
    const char *word;
    const char *all;
    const char *distinct;
  } ops[] = {
    { "intersect", "INTERSECT ALL", "INTERSECT" },
    { "union", "UNION ALL", "UNION" },
    { "except", "EXCEPT ALL", "EXCEPT" },
    { "minus", "EXCEPT ALL", "EXCEPT" },
  };
  for (size_t i = intersect ? 0 : 1; i < (intersect ? 1 : 4); i++) {
    if (sql_take_word(p, ops[i].word)) {
      if (sql_take_word(p, "all")) {
        return ops[i].all;
      }
      sql_take_word(p, "distinct");
      return ops[i].distinct;
    }
  }
  return NULL;
}

static chn_status parse_set_level(struct sql_parser *p, bool intersect, struct sql_query **out)
{
  chn_status st = intersect ? parse_term(p, out) : parse_set_level(p, true, out);
  for (int32_t links = 0; st == CHN_OK; links++) {
    const uint32_t pos = sql_peek(p, 0)->pos;
    const char *op = set_operator(p, intersect);
    if (!op) {
      break;
    }
    if (links + p->depth > SQL_MAX_DEPTH) {
      return sql_error_at(p->err, p->text, pos, "more than %d set operations", SQL_MAX_DEPTH);
    }
    struct sql_query *q = arena_calloc(p->a, 1, sizeof *q);
    q->pos = pos;
    q->set_op = op;
    q->left = *out;
    st = intersect ? parse_term(p, &q->right) : parse_set_level(p, true, &q->right);
    *out = q;
  }
  return st;
}

// ORDER BY, SORT BY (no promise across a cluster: the same here), LIMIT, OFFSET. DISTRIBUTE BY and
// CLUSTER BY only place rows on machines.
static chn_status parse_tail(struct sql_parser *p, struct sql_query *q)
{
  chn_status st = CHN_OK;
  while (st == CHN_OK) {
    const bool placing = sql_at_word(p, 0, "distribute") || sql_at_word(p, 0, "cluster");
    if (placing) {
      struct sql_node **ignored = NULL;
      int32_t n = 0;
      p->i++;
      st = sql_need_word(p, "by") == CHN_OK ? sql_parse_exprs(p, &ignored, &n) : CHN_E_ARGUMENT;
    } else if (sql_take_word(p, "order") || sql_take_word(p, "sort")) {
      st = sql_need_word(p, "by") == CHN_OK ? sql_parse_sorts(p, &q->order, &q->n_order)
                                            : CHN_E_ARGUMENT;
    } else if (sql_take_word(p, "limit")) {
      st = sql_take_word(p, "all") ? CHN_OK : sql_parse_expr(p, &q->limit);
    } else if (sql_take_word(p, "offset")) {
      st = sql_parse_expr(p, &q->offset);
    } else {
      break;
    }
  }
  return st;
}

static chn_status parse_ctes(struct sql_parser *p, struct sql_cte **out, int32_t *n)
{
  do {
    struct sql_cte c = { 0 };
    if (sql_parse_name(p, &c.name) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    if (sql_at_op(p, 0, "(") && sql_parse_names(p, &c.columns, &c.n_columns) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    sql_take_word(p, "as");
    if (sql_need_op(p, "(") != CHN_OK || sql_parse_query(p, &c.query) != CHN_OK ||
        sql_need_op(p, ")") != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = sql_push(p->a, *out, n, sizeof **out);
    (*out)[*n - 1] = c;
  } while (sql_take_op(p, ","));
  return CHN_OK;
}

chn_status sql_parse_query(struct sql_parser *p, struct sql_query **out)
{
  if (sql_enter(p) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  struct sql_cte *ctes = NULL;
  int32_t n_ctes = 0;
  chn_status st = CHN_OK;
  if (sql_take_word(p, "with")) {
    st = parse_ctes(p, &ctes, &n_ctes);
  }
  struct sql_query *q = NULL;
  if (st == CHN_OK) {
    st = parse_set_level(p, false, &q);
  }
  if (st != CHN_OK) {
    return st;
  }
  // (SELECT ... LIMIT 1) LIMIT 2, and WITH before either, need a query around
  if (q->n_order || q->limit || q->offset || (n_ctes && q->n_ctes)) {
    struct sql_query *outer = arena_calloc(p->a, 1, sizeof *outer);
    outer->pos = q->pos;
    outer->left = q;
    q = outer;
  }
  if (n_ctes) {
    q->ctes = ctes;
    q->n_ctes = n_ctes;
  }
  *out = q;
  st = parse_tail(p, q);
  sql_leave(p);
  return st;
}
