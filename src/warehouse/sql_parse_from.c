// FROM: tables, subqueries, VALUES, table functions, joins and LATERAL VIEW.
#include "warehouse/sql_int.h"
#include <string.h>
#include <strings.h>

static chn_status parse_alias(struct sql_parser *p, struct sql_relation *r)
{
  const bool as = sql_take_word(p, "as");
  const enum sql_tok kind = sql_peek(p, 0)->kind;
  if (as || kind == SQL_T_QUOTED || (kind == SQL_T_NAME && !sql_at_clause(p))) {
    if (sql_parse_name(p, &r->alias) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  if (r->alias && sql_at_op(p, 0, "(")) {
    return sql_parse_names(p, &r->columns, &r->n_columns);
  }
  return CHN_OK;
}

static chn_status parse_table(struct sql_parser *p, struct sql_relation *r)
{
  do {
    const char *part = NULL;
    if (sql_parse_name(p, &part) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    r->parts = sql_push(p->a, r->parts, &r->n_parts, sizeof *r->parts);
    r->parts[r->n_parts - 1] = part;
  } while (sql_take_op(p, "."));
  if (r->n_parts == 1 && sql_at_op(p, 0, "(")) {
    p->i--;
    r->kind = SQL_R_FUNCTION;
    return sql_parse_call(p, &r->call);
  }
  if (r->n_parts > 2) {
    return sql_error_at(p->err, p->text, r->pos,
                        "table name of %d parts: write namespace.table (there are no catalogs)",
                        r->n_parts);
  }
  return CHN_OK;
}

static chn_status parse_joined(struct sql_parser *p, struct sql_relation **out);

static chn_status parse_relation(struct sql_parser *p, struct sql_relation **out)
{
  struct sql_relation *r = arena_calloc(p->a, 1, sizeof *r);
  r->pos = sql_peek(p, 0)->pos;
  *out = r;
  chn_status st = CHN_OK;
  if (sql_at_word(p, 0, "lateral") && !sql_at_word(p, 1, "view")) {
    return sql_unexpected(p, "a relation (LATERAL subqueries are not supported, LATERAL VIEW is)");
  }
  if (sql_at_op(p, 0, "(") && sql_starts_query(p)) {
    p->i++;
    r->kind = SQL_R_QUERY;
    st = sql_parse_query(p, &r->query) == CHN_OK ? sql_need_op(p, ")") : CHN_E_ARGUMENT;
  } else if (sql_take_op(p, "(")) {
    if (sql_enter(p) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    st = parse_joined(p, out) == CHN_OK ? sql_need_op(p, ")") : CHN_E_ARGUMENT;
    sql_leave(p);
    r = *out;
  } else if (sql_take_word(p, "values")) {
    r->kind = SQL_R_VALUES;
    r->call = sql_node(p, SQL_TUPLE, r->pos);
    st = sql_parse_exprs(p, &r->call->kids, &r->call->n_kids);
  } else {
    st = parse_table(p, r);
  }
  static const char *const refused[] = { "tablesample", "pivot", "unpivot" };
  for (int i = 0; i < 3 && st == CHN_OK; i++) {
    if (sql_at_word(p, 0, refused[i]) && sql_at_op(p, 1, "(")) {
      return sql_unexpected(p, "the end of the relation (TABLESAMPLE, PIVOT are not supported)");
    }
  }
  return st == CHN_OK && !r->alias ? parse_alias(p, r) : st;
}

// The join words next, as DuckDB writes them; NULL when no join follows.
static const char *take_join(struct sql_parser *p, bool *natural)
{
  static const struct {
    const char *words[4];
    const char *join;
  } joins[] = {
    { { "join" }, "INNER JOIN" },
    { { "inner", "join" }, "INNER JOIN" },
    { { "cross", "join" }, "CROSS JOIN" },
    { { "left", "outer", "join" }, "LEFT JOIN" },
    { { "left", "semi", "join" }, "SEMI JOIN" },
    { { "left", "anti", "join" }, "ANTI JOIN" },
    { { "left", "join" }, "LEFT JOIN" },
    { { "right", "outer", "join" }, "RIGHT JOIN" },
    { { "right", "join" }, "RIGHT JOIN" },
    { { "full", "outer", "join" }, "FULL JOIN" },
    { { "full", "join" }, "FULL JOIN" },
    { { "semi", "join" }, "SEMI JOIN" },
    { { "anti", "join" }, "ANTI JOIN" },
  };
  const size_t start = sql_at_word(p, 0, "natural");
  for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
    size_t n = 0;
    while (joins[i].words[n] && sql_at_word(p, start + n, joins[i].words[n])) {
      n++;
    }
    if (n && !joins[i].words[n]) {
      *natural = start;
      p->i += start + n;
      return joins[i].join;
    }
  }
  return NULL;
}

static chn_status parse_laterals(struct sql_parser *p, struct sql_relation *r)
{
  while (sql_at_word(p, 0, "lateral") && sql_at_word(p, 1, "view")) {
    p->i += 2;
    struct sql_lateral l = { .outer = sql_take_word(p, "outer") };
    if (sql_parse_call(p, &l.call) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    if (!sql_is_generator(l.call)) {
      return sql_error_at(p->err, p->text, l.call->pos, "LATERAL VIEW: %s is not a generator",
                          l.call->op);
    }
    if (!sql_at_word(p, 0, "as") && !sql_at_clause(p) && sql_peek(p, 0)->kind != SQL_T_END &&
        sql_peek(p, 0)->kind != SQL_T_OP && sql_parse_name(p, &l.alias) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    if (sql_take_word(p, "as") && sql_parse_names(p, &l.columns, &l.n_columns) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    r->laterals = sql_push(p->a, r->laterals, &r->n_laterals, sizeof *r->laterals);
    r->laterals[r->n_laterals - 1] = l;
  }
  return CHN_OK;
}

static chn_status parse_join(struct sql_parser *p, const char *join, bool natural,
                             struct sql_relation **left)
{
  struct sql_relation *r = arena_calloc(p->a, 1, sizeof *r);
  r->kind = SQL_R_JOIN;
  r->pos = sql_peek(p, 0)->pos;
  r->join = natural ? arena_printf(p->a, "NATURAL %s", join) : join;
  r->left = *left;
  *left = r;
  if (parse_relation(p, &r->right) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (sql_take_word(p, "on")) {
    return sql_parse_expr(p, &r->on);
  }
  if (sql_take_word(p, "using")) {
    return sql_parse_names(p, &r->using_columns, &r->n_using);
  }
  if (!natural && strcmp(join, "INNER JOIN") == 0) {
    r->join = "CROSS JOIN";
  } else if (!natural && strcmp(join, "CROSS JOIN") != 0) {
    return sql_unexpected(p, "ON or USING");
  }
  return CHN_OK;
}

static chn_status parse_joined(struct sql_parser *p, struct sql_relation **out)
{
  chn_status st = parse_relation(p, out);
  for (int32_t links = 0; st == CHN_OK; links++) {
    bool natural = false;
    const uint32_t pos = sql_peek(p, 0)->pos;
    const char *join = take_join(p, &natural);
    if (!join) {
      break;
    }
    if (links + p->depth > SQL_MAX_DEPTH) {
      return sql_error_at(p->err, p->text, pos, "more than %d joins", SQL_MAX_DEPTH);
    }
    st = parse_join(p, join, natural, out);
  }
  return st;
}

chn_status sql_parse_from(struct sql_parser *p, struct sql_query *q)
{
  do {
    struct sql_relation *r = NULL;
    if (parse_joined(p, &r) != CHN_OK || parse_laterals(p, r) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    q->from = sql_push(p->a, q->from, &q->n_from, sizeof(struct sql_relation *));
    q->from[q->n_from - 1] = r;
  } while (sql_take_op(p, ","));
  return CHN_OK;
}
