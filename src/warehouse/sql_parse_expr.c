// Expressions, by operator precedence. Lowest first: OR, AND, NOT, predicates (BETWEEN, IN, LIKE,
// IS), comparisons, |, ^, &, + - ||, * / % DIV, unary, and what follows a value: ::, [], a
// field. Chains of AND, OR and || become one node, so that long ones are not deep ones.
#include "warehouse/sql_int.h"
#include <string.h>
#include <strings.h>

enum {
  P_OR = 1,
  P_AND,
  P_NOT,
  P_PREDICATE,
  P_COMPARE,
  P_BITOR,
  P_XOR,
  P_BITAND,
  P_ADD,
  P_MUL,
  P_UNARY,
};

static const struct binary {
  const char *spelling;
  const char *op;
  int power;
} binaries[] = {
  { "or", "or", P_OR },      { "and", "and", P_AND },     { "=", "=", P_COMPARE },
  { "==", "=", P_COMPARE },  { "<=>", "<=>", P_COMPARE }, { "<>", "<>", P_COMPARE },
  { "!=", "<>", P_COMPARE }, { "<", "<", P_COMPARE },     { "<=", "<=", P_COMPARE },
  { ">", ">", P_COMPARE },   { ">=", ">=", P_COMPARE },   { "|", "|", P_BITOR },
  { "^", "^", P_XOR },       { "&", "&", P_BITAND },      { "+", "+", P_ADD },
  { "-", "-", P_ADD },       { "||", "||", P_ADD },       { "*", "*", P_MUL },
  { "/", "/", P_MUL },       { "%", "%", P_MUL },         { "div", "div", P_MUL },
};

static chn_status parse_power(struct sql_parser *p, int power, struct sql_node **out);

static const struct binary *at_binary(const struct sql_parser *p)
{
  const struct sql_token *t = sql_peek(p, 0);
  if (t->kind != SQL_T_OP && t->kind != SQL_T_NAME) {
    return NULL;
  }
  for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
    if (strcasecmp(t->text, binaries[i].spelling) == 0) {
      return &binaries[i];
    }
  }
  return NULL;
}

static void add_kid(const struct sql_parser *p, struct sql_node *n, struct sql_node *kid)
{
  n->kids = sql_push(p->a, n->kids, &n->n_kids, sizeof(struct sql_node *));
  n->kids[n->n_kids - 1] = kid;
}

static struct sql_node *node_with(const struct sql_parser *p, enum sql_kind kind, uint32_t pos,
                                  const char *op, struct sql_node *kid)
{
  struct sql_node *n = sql_node(p, kind, pos);
  n->op = op;
  add_kid(p, n, kid);
  return n;
}

static bool is_chained(const char *op)
{
  return strcmp(op, "and") == 0 || strcmp(op, "or") == 0 || strcmp(op, "||") == 0;
}

static chn_status parse_binary(struct sql_parser *p, const struct binary *b, struct sql_node **left)
{
  const uint32_t pos = sql_peek(p, 0)->pos;
  p->i++;
  struct sql_node *right = NULL;
  if (parse_power(p, b->power + 1, &right) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  struct sql_node *n = *left;
  if (!is_chained(b->op) || n->kind != SQL_CHAIN || n->op != b->op) {
    n = node_with(p, is_chained(b->op) ? SQL_CHAIN : SQL_BINARY, pos, b->op, *left);
  }
  add_kid(p, n, right);
  *left = n;
  return CHN_OK;
}

// ---- predicates -------------------------------------------------------------------------------

static chn_status parse_between(struct sql_parser *p, struct sql_node *n)
{
  n->kind = SQL_BETWEEN;
  struct sql_node *low = NULL;
  struct sql_node *high = NULL;
  if (parse_power(p, P_COMPARE, &low) != CHN_OK || sql_need_word(p, "and") != CHN_OK ||
      parse_power(p, P_COMPARE, &high) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  add_kid(p, n, low);
  add_kid(p, n, high);
  return CHN_OK;
}

static chn_status parse_in(struct sql_parser *p, struct sql_node *n)
{
  n->kind = SQL_IN;
  chn_status st = sql_need_op(p, "(");
  if (st == CHN_OK && sql_starts_query(p)) {
    st = sql_parse_query(p, &n->query);
  } else if (st == CHN_OK) {
    st = sql_parse_exprs(p, &n->kids, &n->n_kids);
  }
  return st == CHN_OK ? sql_need_op(p, ")") : st;
}

static chn_status parse_like(struct sql_parser *p, struct sql_node *n, const char *op)
{
  n->kind = SQL_LIKE;
  n->op = op;
  for (int i = 0; i < 3; i++) {
    static const char *const words[] = { "any", "some", "all" };
    if (sql_at_word(p, 0, words[i]) && sql_at_op(p, 1, "(")) {
      p->i += 2;
      n->quantifier = i == 2 ? "all" : "any";
      return sql_parse_exprs(p, &n->kids, &n->n_kids) == CHN_OK ? sql_need_op(p, ")")
                                                                : CHN_E_ARGUMENT;
    }
  }
  struct sql_node *pattern = NULL;
  if (parse_power(p, P_COMPARE, &pattern) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  add_kid(p, n, pattern);
  if (sql_take_word(p, "escape")) {
    const struct sql_token *t = sql_peek(p, 0);
    if (t->kind != SQL_T_STRING || strlen(t->text) != 1) {
      return sql_unexpected(p, "one escape character");
    }
    n->text = t->text;
    p->i++;
  }
  return CHN_OK;
}

static chn_status parse_is(struct sql_parser *p, struct sql_node *n)
{
  n->kind = SQL_IS;
  n->negated = sql_take_word(p, "not");
  static const char *const words[] = { "null", "true", "false", "unknown" };
  for (int i = 0; i < 4; i++) {
    if (sql_take_word(p, words[i])) {
      n->op = words[i];
      return CHN_OK;
    }
  }
  if (!sql_take_word(p, "distinct")) {
    return sql_unexpected(p, "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
  }
  n->op = "distinct";
  struct sql_node *other = NULL;
  if (sql_need_word(p, "from") != CHN_OK || parse_power(p, P_COMPARE, &other) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  add_kid(p, n, other);
  return CHN_OK;
}

static const char *at_like(const struct sql_parser *p, size_t ahead)
{
  return sql_at_word(p, ahead, "like")                                       ? "like"
         : sql_at_word(p, ahead, "ilike")                                    ? "ilike"
         : sql_at_word(p, ahead, "rlike") || sql_at_word(p, ahead, "regexp") ? "rlike"
                                                                             : NULL;
}

static bool at_predicate(const struct sql_parser *p)
{
  const size_t skip = sql_at_word(p, 0, "not");
  return at_like(p, skip) || sql_at_word(p, skip, "between") || sql_at_word(p, skip, "in") ||
         (!skip && sql_at_word(p, 0, "is"));
}

static chn_status parse_predicate(struct sql_parser *p, struct sql_node **left)
{
  struct sql_node *n = node_with(p, SQL_IS, sql_peek(p, 0)->pos, NULL, *left);
  *left = n;
  if (sql_take_word(p, "is")) {
    return parse_is(p, n);
  }
  n->negated = sql_take_word(p, "not");
  const char *like = at_like(p, 0);
  if (like) {
    p->i++;
    return parse_like(p, n, like);
  }
  if (sql_take_word(p, "between")) {
    return parse_between(p, n);
  }
  p->i++;
  return parse_in(p, n);
}

// ---- prefix, postfix --------------------------------------------------------------------------

static chn_status parse_postfix(struct sql_parser *p, struct sql_node **out)
{
  // x[0][0] ... and x::int::string ... nest the tree though they do not nest the text
  for (int32_t links = 0;; links++) {
    struct sql_node *n = NULL;
    const uint32_t pos = sql_peek(p, 0)->pos;
    if (links + p->depth > SQL_MAX_DEPTH) {
      return sql_error_at(p->err, p->text, pos, "nested more than %d levels deep", SQL_MAX_DEPTH);
    }
    if (sql_take_op(p, "::")) {
      n = node_with(p, SQL_CAST, pos, NULL, *out);
      if (sql_parse_type(p, &n->type) != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
    } else if (sql_take_op(p, "[")) {
      struct sql_node *index = NULL;
      n = node_with(p, SQL_SUBSCRIPT, pos, NULL, *out);
      if (sql_parse_expr(p, &index) != CHN_OK || sql_need_op(p, "]") != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
      add_kid(p, n, index);
    } else if (sql_at_op(p, 0, ".") && !sql_at_op(p, 1, "*")) {
      p->i++;
      n = node_with(p, SQL_FIELD, pos, NULL, *out);
      if (sql_parse_name(p, &n->text) != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
    } else {
      return CHN_OK;
    }
    *out = n;
  }
}

static chn_status parse_prefix(struct sql_parser *p, struct sql_node **out)
{
  const struct sql_token *t = sql_peek(p, 0);
  const uint32_t pos = t->pos;
  struct sql_node *kid = NULL;
  if (sql_at_word(p, 0, "not") || sql_at_op(p, 0, "!")) {
    p->i++;
    if (parse_power(p, P_NOT, &kid) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = node_with(p, SQL_UNARY, pos, "not", kid);
    return CHN_OK;
  }
  const bool number_next = sql_peek(p, 1)->kind == SQL_T_NUMBER;
  if ((sql_at_op(p, 0, "-") && !number_next) || sql_at_op(p, 0, "~") || sql_at_op(p, 0, "+")) {
    const char *op = t->text;
    p->i++;
    if (parse_power(p, P_UNARY, &kid) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = *op == '+' ? kid : node_with(p, SQL_UNARY, pos, op, kid);
    return CHN_OK;
  }
  return sql_parse_primary(p, out) == CHN_OK ? parse_postfix(p, out) : CHN_E_ARGUMENT;
}

static chn_status parse_power(struct sql_parser *p, int power, struct sql_node **out)
{
  if (sql_enter(p) != CHN_OK || parse_prefix(p, out) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  int32_t links = 0; // a + b + c ... nests the tree though it does not nest the text
  for (;; links++) {
    const struct binary *b = at_binary(p);
    chn_status st = CHN_OK;
    if (at_predicate(p) && power <= P_PREDICATE) {
      st = parse_predicate(p, out);
    } else if (b && b->power >= power) {
      links -= is_chained(b->op);
      st = parse_binary(p, b, out);
    } else {
      break;
    }
    if (st == CHN_OK && links + p->depth > SQL_MAX_DEPTH) {
      st = sql_error_at(p->err, p->text, (*out)->pos, "nested more than %d levels deep",
                        SQL_MAX_DEPTH);
    }
    if (st != CHN_OK) {
      return st;
    }
  }
  sql_leave(p);
  return CHN_OK;
}

chn_status sql_parse_expr(struct sql_parser *p, struct sql_node **out)
{
  return parse_power(p, P_OR, out);
}

chn_status sql_parse_exprs(struct sql_parser *p, struct sql_node ***out, int32_t *n)
{
  do {
    struct sql_node *kid = NULL;
    if (sql_parse_expr(p, &kid) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = sql_push(p->a, *out, n, sizeof **out);
    (*out)[*n - 1] = kid;
  } while (sql_take_op(p, ","));
  return CHN_OK;
}
