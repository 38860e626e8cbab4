// What an expression begins with: literals, names, calls, CASE, CAST, intervals, lambdas,
// parentheses and subqueries.
#include "warehouse/sql_int.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// ---- literals ---------------------------------------------------------------------------------

// The type of a number is in its suffix, else in its form: int, then bigint, then decimal; a point
// makes a decimal, an exponent a double.
static enum sql_class number_class(const char *text, size_t *len)
{
  *len = strspn(text, "+-0123456789.eE");
  const char *suffix = text + *len;
  if (*suffix) {
    return strchr("LlSsYy", *suffix) ? (strchr("Ll", *suffix) ? SQL_C_LONG : SQL_C_INT)
           : strchr("DdFf", *suffix) ? SQL_C_DOUBLE
                                     : SQL_C_DECIMAL;
  }
  if (strpbrk(text, "eE")) {
    return SQL_C_DOUBLE;
  }
  if (strchr(text, '.')) {
    return SQL_C_DECIMAL;
  }
  char *end = NULL;
  const long long v = strtoll(text, &end, 10);
  if (*len > 20 || v == INT64_MAX || v == INT64_MIN) {
    return *len > 19 ? SQL_C_DECIMAL : SQL_C_LONG;
  }
  return v >= INT32_MIN && v <= INT32_MAX ? SQL_C_INT : SQL_C_LONG;
}

static struct sql_node *parse_number(struct sql_parser *p, bool minus)
{
  const struct sql_token *t = sql_peek(p, 0);
  struct sql_node *n = sql_node(p, SQL_NUMBER, t->pos);
  size_t len = 0;
  const char *text = minus ? arena_printf(p->a, "-%s", t->text) : t->text;
  n->cls = number_class(text, &len);
  n->text = arena_strndup(p->a, text, len);
  n->op = arena_strdup(p->a, text + len);
  p->i++;
  return n;
}

static struct sql_node *parse_string(struct sql_parser *p)
{
  struct sql_node *n = sql_node(p, SQL_STRING, sql_peek(p, 0)->pos);
  n->text = "";
  while (sql_peek(p, 0)->kind == SQL_T_STRING) { // 'a' 'b' is 'ab'
    n->text =
        *n->text ? arena_printf(p->a, "%s%s", n->text, sql_peek(p, 0)->text) : sql_peek(p, 0)->text;
    p->i++;
  }
  return n;
}

static bool is_interval_unit(const char *word)
{
  static const char *const units[] = { "year",   "month",  "week",        "day",         "hour",
                                       "minute", "second", "millisecond", "microsecond", NULL };
  for (int i = 0; units[i]; i++) {
    const size_t len = strlen(units[i]);
    if (strncasecmp(word, units[i], len) == 0 &&
        (word[len] == 0 || (strcasecmp(word + len, "s") == 0))) {
      return true;
    }
  }
  return false;
}

static void add_amount(struct sql_parser *p, struct sql_node *n, struct sql_node *amount,
                       const char *unit)
{
  int32_t count = n->n_kids;
  n->kids = sql_push(p->a, n->kids, &n->n_kids, sizeof(struct sql_node *));
  n->parts = sql_push(p->a, n->parts, &count, sizeof *n->parts);
  n->n_parts = n->n_kids;
  n->kids[n->n_kids - 1] = amount;
  n->parts[n->n_kids - 1] = unit;
}

// INTERVAL '1 day 2 hours': the text is lexed and read like INTERVAL 1 day 2 hours.
static chn_status interval_text(struct sql_parser *p, struct sql_node *n)
{
  struct sql_parser inner;
  const struct sql_token *t = sql_peek(p, 0);
  struct chn_err ignored;
  if (sql_parser_init(&inner, p->a, t->text, &ignored) != CHN_OK) {
    return sql_unexpected(p, "interval such as '1 day'");
  }
  while (sql_peek(&inner, 0)->kind != SQL_T_END) {
    const bool minus = sql_take_op(&inner, "-");
    const bool number = sql_peek(&inner, 0)->kind == SQL_T_NUMBER;
    struct sql_node *amount = number ? parse_number(&inner, minus) : NULL;
    const char *unit = sql_peek(&inner, 0)->text;
    if (!number || !is_interval_unit(unit)) {
      return sql_unexpected(p, "interval such as '1 day'");
    }
    inner.i++;
    add_amount(p, n, amount, unit);
  }
  p->i++;
  return n->n_kids ? CHN_OK : sql_unexpected(p, "interval such as '1 day'");
}

static bool at_interval(const struct sql_parser *p)
{
  if (!sql_at_word(p, 0, "interval")) {
    return false;
  }
  const struct sql_token *t = sql_peek(p, 1);
  return t->kind == SQL_T_NUMBER || t->kind == SQL_T_STRING || sql_at_op(p, 1, "-") ||
         (t->kind == SQL_T_NAME && is_interval_unit(sql_peek(p, 2)->text));
}

static chn_status parse_interval(struct sql_parser *p, struct sql_node **out)
{
  struct sql_node *n = sql_node(p, SQL_INTERVAL, sql_peek(p, 0)->pos);
  *out = n;
  p->i++;
  const struct sql_token *unit = sql_peek(p, 1);
  const bool has_unit = unit->kind == SQL_T_NAME && is_interval_unit(unit->text);
  if (sql_peek(p, 0)->kind == SQL_T_STRING && !has_unit) {
    return interval_text(p, n);
  }
  do {
    const bool minus = sql_take_op(p, "-");
    struct sql_node *amount = NULL;
    if (sql_peek(p, 0)->kind == SQL_T_NUMBER) {
      amount = parse_number(p, minus);
    } else if (sql_parse_primary(p, &amount) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    const char *word = sql_peek(p, 0)->text;
    if (!is_interval_unit(word)) {
      return sql_unexpected(p, "interval unit (day, hour, month, ...)");
    }
    p->i++;
    if (sql_at_word(p, 0, "to")) {
      return sql_unexpected(p, "an interval of one unit");
    }
    add_amount(p, n, amount, word);
  } while (sql_peek(p, 0)->kind == SQL_T_NUMBER);
  return CHN_OK;
}

chn_status sql_parse_literal(struct sql_parser *p, struct sql_node **out, bool *matched)
{
  const struct sql_token *t = sql_peek(p, 0);
  *matched = true;
  if (t->kind == SQL_T_NUMBER) {
    *out = parse_number(p, false);
    return CHN_OK;
  }
  if (sql_at_op(p, 0, "-") && sql_peek(p, 1)->kind == SQL_T_NUMBER) {
    p->i++;
    *out = parse_number(p, true);
    return CHN_OK;
  }
  if (t->kind == SQL_T_STRING) {
    *out = parse_string(p);
    return CHN_OK;
  }
  static const char *const words[] = { "null", "true", "false" };
  for (int i = 0; i < 3; i++) {
    if (sql_at_word(p, 0, words[i]) && !sql_at_op(p, 1, "(")) {
      *out = sql_node(p, i ? SQL_BOOL : SQL_NULL, t->pos);
      (*out)->text = words[i];
      p->i++;
      return CHN_OK;
    }
  }
  static const char *const typed[] = { "date", "timestamp", "timestamp_ltz", "x" };
  for (int i = 0; i < 4; i++) {
    if (sql_at_word(p, 0, typed[i]) && sql_peek(p, 1)->kind == SQL_T_STRING) {
      *out = sql_node(p, SQL_TYPED, t->pos);
      (*out)->op = i == 2 ? "timestamp" : typed[i];
      (*out)->text = sql_peek(p, 1)->text;
      p->i += 2;
      return CHN_OK;
    }
  }
  if (at_interval(p)) {
    return parse_interval(p, out);
  }
  *matched = false;
  return CHN_OK;
}

// ---- CASE, CAST, lambdas, parentheses ---------------------------------------------------------

static chn_status add_parsed(struct sql_parser *p, struct sql_node *n)
{
  struct sql_node *kid = NULL;
  if (sql_parse_expr(p, &kid) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  n->kids = sql_push(p->a, n->kids, &n->n_kids, sizeof(struct sql_node *));
  n->kids[n->n_kids - 1] = kid;
  return CHN_OK;
}

static chn_status parse_case(struct sql_parser *p, struct sql_node **out)
{
  struct sql_node *n = sql_node(p, SQL_CASE, sql_peek(p, 0)->pos);
  *out = n;
  p->i++;
  chn_status st = CHN_OK;
  if (!sql_at_word(p, 0, "when")) {
    n->operand = true;
    st = add_parsed(p, n);
  }
  do {
    if (st != CHN_OK || sql_need_word(p, "when") != CHN_OK || add_parsed(p, n) != CHN_OK ||
        sql_need_word(p, "then") != CHN_OK || add_parsed(p, n) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  } while (sql_at_word(p, 0, "when"));
  if (sql_take_word(p, "else")) {
    n->otherwise = true;
    st = add_parsed(p, n);
  }
  return st == CHN_OK ? sql_need_word(p, "end") : st;
}

static chn_status parse_cast(struct sql_parser *p, struct sql_node **out)
{
  struct sql_node *n = sql_node(p, SQL_CAST, sql_peek(p, 0)->pos);
  *out = n;
  p->i += 2;
  if (add_parsed(p, n) != CHN_OK || sql_need_word(p, "as") != CHN_OK ||
      sql_parse_type(p, &n->type) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  return sql_need_op(p, ")");
}

// x -> body, (x, y) -> body
static bool at_lambda(const struct sql_parser *p)
{
  if (sql_peek(p, 0)->kind == SQL_T_NAME || sql_peek(p, 0)->kind == SQL_T_QUOTED) {
    return sql_at_op(p, 1, "->");
  }
  if (!sql_at_op(p, 0, "(")) {
    return false;
  }
  size_t i = 1;
  while (sql_peek(p, i)->kind == SQL_T_NAME && sql_at_op(p, i + 1, ",")) {
    i += 2;
  }
  return sql_peek(p, i)->kind == SQL_T_NAME && sql_at_op(p, i + 1, ")") &&
         sql_at_op(p, i + 2, "->");
}

static chn_status parse_lambda(struct sql_parser *p, struct sql_node **out)
{
  struct sql_node *n = sql_node(p, SQL_LAMBDA, sql_peek(p, 0)->pos);
  *out = n;
  if (sql_at_op(p, 0, "(")) {
    if (sql_parse_names(p, &n->parts, &n->n_parts) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  } else {
    n->parts = sql_push(p->a, n->parts, &n->n_parts, sizeof *n->parts);
    if (sql_parse_name(p, &n->parts[0]) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  return sql_need_op(p, "->") == CHN_OK ? add_parsed(p, n) : CHN_E_ARGUMENT;
}

static chn_status parse_paren(struct sql_parser *p, struct sql_node **out)
{
  const uint32_t pos = sql_peek(p, 0)->pos;
  p->i++;
  if (!sql_at_op(p, 0, "(") && sql_starts_query(p)) {
    *out = sql_node(p, SQL_QUERY, pos);
    return sql_parse_query(p, &(*out)->query) == CHN_OK ? sql_need_op(p, ")") : CHN_E_ARGUMENT;
  }
  struct sql_node *n = sql_node(p, SQL_TUPLE, pos);
  if (sql_parse_exprs(p, &n->kids, &n->n_kids) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = n->n_kids == 1 ? n->kids[0] : n;
  return sql_need_op(p, ")");
}

// ---- names and calls --------------------------------------------------------------------------

static chn_status parse_star(struct sql_parser *p, struct sql_node **out)
{
  *out = sql_node(p, SQL_STAR, sql_peek(p, 0)->pos);
  p->i++;
  return sql_at_word(p, 0, "except") && sql_at_op(p, 1, "(")
             ? sql_unexpected(p, "a plain * (EXCEPT lists are not Spark's)")
             : CHN_OK;
}

static chn_status parse_path(struct sql_parser *p, struct sql_node **out)
{
  struct sql_node *n = sql_node(p, SQL_NAME, sql_peek(p, 0)->pos);
  *out = n;
  do {
    const char *part = NULL;
    if (n->n_parts && sql_take_op(p, "*")) {
      n->kind = SQL_STAR;
      return CHN_OK;
    }
    if (sql_parse_name(p, &part) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    n->parts = sql_push(p->a, n->parts, &n->n_parts, sizeof *n->parts);
    n->parts[n->n_parts - 1] = part;
  } while (sql_take_op(p, "."));
  return CHN_OK;
}

// Words that are calls without parentheses.
static bool at_bare_call(const struct sql_parser *p)
{
  static const char *const words[] = { "current_date", "current_timestamp", "current_user", NULL };
  for (int i = 0; words[i]; i++) {
    if (sql_at_word(p, 0, words[i]) && !sql_at_op(p, 1, "(") && !sql_at_op(p, 1, ".")) {
      return true;
    }
  }
  return false;
}

static bool at_reserved(const struct sql_parser *p)
{
  static const char *const words[] = { "from",  "where", "group",     "having", "union",
                                       "then",  "when",  "else",      "and",    "or",
                                       "order", "on",    "intersect", "as",     NULL };
  for (int i = 0; words[i]; i++) {
    if (sql_at_word(p, 0, words[i])) {
      return true;
    }
  }
  return false;
}

// EXISTS (SELECT ...), not the function exists(array, lambda)
static bool at_subquery(const struct sql_parser *p)
{
  return sql_at_word(p, 2, "select") || sql_at_word(p, 2, "with") || sql_at_op(p, 2, "(");
}

chn_status sql_parse_primary(struct sql_parser *p, struct sql_node **out)
{
  bool matched = false;
  const chn_status st = sql_parse_literal(p, out, &matched);
  if (st != CHN_OK || matched) {
    return st;
  }
  if (at_lambda(p)) {
    return parse_lambda(p, out);
  }
  if (sql_at_op(p, 0, "(")) {
    return parse_paren(p, out);
  }
  if (sql_at_op(p, 0, "*")) {
    return parse_star(p, out);
  }
  const enum sql_tok kind = sql_peek(p, 0)->kind;
  if ((kind != SQL_T_NAME && kind != SQL_T_QUOTED) || at_reserved(p)) {
    return sql_unexpected(p, "expression");
  }
  if (sql_at_word(p, 0, "case") && !sql_at_op(p, 1, ".")) {
    return parse_case(p, out);
  }
  const bool call = sql_at_op(p, 1, "(");
  if (call && sql_at_word(p, 0, "exists") && at_subquery(p)) {
    *out = sql_node(p, SQL_EXISTS, sql_peek(p, 0)->pos);
    p->i += 2;
    return sql_parse_query(p, &(*out)->query) == CHN_OK ? sql_need_op(p, ")") : CHN_E_ARGUMENT;
  }
  if (call && (sql_at_word(p, 0, "cast") || sql_at_word(p, 0, "try_cast"))) {
    return parse_cast(p, out);
  }
  if (call || at_bare_call(p)) {
    return sql_parse_call(p, out);
  }
  return parse_path(p, out);
}
