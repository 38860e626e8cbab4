// What the expression and the query parser share: looking at tokens, names, types, errors.
#include "warehouse/sql_int.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

chn_status sql_parser_init(struct sql_parser *p, struct arena *a, const char *text,
                           struct chn_err *err)
{
  struct sql_token *tokens = NULL;
  const chn_status st = sql_lex(a, text, &tokens, err);
  *p = (struct sql_parser){ .a = a, .text = text, .tokens = tokens, .err = err };
  return st;
}

const struct sql_token *sql_peek(const struct sql_parser *p, size_t ahead)
{
  size_t i = p->i;
  while (ahead > 0 && p->tokens[i].kind != SQL_T_END) {
    i++;
    ahead--;
  }
  return &p->tokens[i];
}

bool sql_at_word(const struct sql_parser *p, size_t ahead, const char *word)
{
  const struct sql_token *t = sql_peek(p, ahead);
  return t->kind == SQL_T_NAME && strcasecmp(t->text, word) == 0;
}

bool sql_at_op(const struct sql_parser *p, size_t ahead, const char *op)
{
  const struct sql_token *t = sql_peek(p, ahead);
  return t->kind == SQL_T_OP && strcmp(t->text, op) == 0;
}

bool sql_take_word(struct sql_parser *p, const char *word)
{
  const bool at = sql_at_word(p, 0, word);
  p->i += at;
  return at;
}

bool sql_take_op(struct sql_parser *p, const char *op)
{
  const bool at = sql_at_op(p, 0, op);
  p->i += at;
  return at;
}

chn_status sql_unexpected(const struct sql_parser *p, const char *what)
{
  const struct sql_token *t = sql_peek(p, 0);
  if (t->kind == SQL_T_END) {
    return sql_error_at(p->err, p->text, t->pos, "%s expected, found the end", what);
  }
  return sql_error_at(p->err, p->text, t->pos, "%s expected, found \"%.40s\"", what, t->text);
}

chn_status sql_need_word(struct sql_parser *p, const char *word)
{
  return sql_take_word(p, word) ? CHN_OK : sql_unexpected(p, word);
}

chn_status sql_need_op(struct sql_parser *p, const char *op)
{
  return sql_take_op(p, op) ? CHN_OK : sql_unexpected(p, arena_printf(p->a, "\"%s\"", op));
}

chn_status sql_enter(struct sql_parser *p)
{
  if (p->depth >= SQL_MAX_DEPTH) {
    return sql_error_at(p->err, p->text, sql_peek(p, 0)->pos, "nested more than %d levels deep",
                        SQL_MAX_DEPTH);
  }
  p->depth++;
  return CHN_OK;
}

void sql_leave(struct sql_parser *p)
{
  p->depth--;
}

struct sql_node *sql_node(const struct sql_parser *p, enum sql_kind kind, uint32_t pos)
{
  struct sql_node *n = arena_calloc(p->a, 1, sizeof *n);
  n->kind = kind;
  n->pos = pos;
  return n;
}

chn_status sql_parse_name(struct sql_parser *p, const char **out)
{
  const struct sql_token *t = sql_peek(p, 0);
  if (t->kind != SQL_T_NAME && t->kind != SQL_T_QUOTED) {
    return sql_unexpected(p, "name");
  }
  *out = t->text;
  p->i++;
  return CHN_OK;
}

chn_status sql_parse_names(struct sql_parser *p, const char ***out, int32_t *n)
{
  const bool wrapped = sql_take_op(p, "(");
  do {
    const char *name = NULL;
    if (sql_parse_name(p, &name) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = sql_push(p->a, *out, n, sizeof **out);
    (*out)[*n - 1] = name;
  } while (sql_take_op(p, ","));
  return wrapped ? sql_need_op(p, ")") : CHN_OK;
}

bool sql_at_clause(const struct sql_parser *p)
{
  static const char *const words[] = {
    "from",   "where", "group",  "order",     "having", "limit", "union",   "except",
    "minus",  "join",  "inner",  "left",      "right",  "full",  "cross",   "natural",
    "on",     "using", "window", "intersect", "sort",   "as",    "cluster", "distribute",
    "offset", "semi",  "anti",   "lateral",   "when",   "then",  "else",    "end",
    "and",    "or",    "pivot",  "unpivot",   "with",   NULL
  };
  for (int i = 0; words[i]; i++) {
    if (sql_at_word(p, 0, words[i])) {
      return true;
    }
  }
  return false;
}

// ---- types ------------------------------------------------------------------------------------

static const struct {
  const char *spelling;
  const char *name;
} type_names[] = {
  { "boolean", "boolean" },
  { "tinyint", "tinyint" },
  { "byte", "tinyint" },
  { "smallint", "smallint" },
  { "short", "smallint" },
  { "int", "int" },
  { "integer", "int" },
  { "bigint", "bigint" },
  { "long", "bigint" },
  { "float", "float" },
  { "real", "float" },
  { "double", "double" },
  { "string", "string" },
  { "varchar", "string" },
  { "char", "string" },
  { "character", "string" },
  { "binary", "binary" },
  { "date", "date" },
  { "timestamp", "timestamp" },
  { "timestamp_ltz", "timestamp" },
  { "timestamp_ntz", "timestamp_ntz" },
  { "decimal", "decimal" },
  { "dec", "decimal" },
  { "numeric", "decimal" },
  { "array", "array" },
  { "map", "map" },
  { "struct", "struct" },
};

static chn_status type_number(struct sql_parser *p, int32_t *out)
{
  const struct sql_token *t = sql_peek(p, 0);
  if (t->kind != SQL_T_NUMBER || strlen(t->text) > 9) {
    return sql_unexpected(p, "number");
  }
  *out = (int32_t)strtol(t->text, NULL, 10);
  p->i++;
  return CHN_OK;
}

// decimal(p), decimal(p,s), varchar(n)
static chn_status type_parameters(struct sql_parser *p, struct sql_type *t)
{
  t->precision = 10;
  if (!sql_take_op(p, "(")) {
    return CHN_OK;
  }
  chn_status st = type_number(p, &t->precision);
  if (st == CHN_OK && sql_take_op(p, ",")) {
    st = type_number(p, &t->scale);
  }
  if (st == CHN_OK && strcmp(t->name, "decimal") == 0 &&
      (t->precision < 1 || t->precision > 38 || t->scale > t->precision)) {
    return sql_error_at(p->err, p->text, sql_peek(p, 0)->pos,
                        "decimal(%d,%d): the precision is 1 to 38 and not below the scale",
                        t->precision, t->scale);
  }
  return st == CHN_OK ? sql_need_op(p, ")") : st;
}

static chn_status type_close(struct sql_parser *p)
{
  struct sql_token *t = (struct sql_token *)&p->tokens[p->i];
  if (t->kind == SQL_T_OP && t->text[0] == '>' && t->text[1] == '>') { // array<array<int>>
    t->text++;
    t->pos++;
    return CHN_OK;
  }
  return sql_need_op(p, ">");
}

static chn_status type_children(struct sql_parser *p, struct sql_type *t)
{
  const bool is_struct = strcmp(t->name, "struct") == 0;
  if (is_struct && sql_take_op(p, "<>")) {
    return sql_unexpected(p, "a field");
  }
  chn_status st = sql_need_op(p, "<");
  do {
    const char *field = NULL;
    if (st == CHN_OK && is_struct) {
      st = sql_parse_name(p, &field);
      sql_take_op(p, ":");
    }
    const struct sql_type *kid = NULL;
    if (st != CHN_OK || sql_parse_type(p, &kid) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    if (is_struct && sql_take_word(p, "not")) {
      st = sql_need_word(p, "null");
    }
    int32_t n_fields = t->n_kids;
    t->fields = sql_push(p->a, t->fields, &n_fields, sizeof *t->fields);
    t->kids = sql_push(p->a, t->kids, &t->n_kids, sizeof *t->kids);
    t->fields[t->n_kids - 1] = field;
    t->kids[t->n_kids - 1] = kid;
  } while (st == CHN_OK && sql_take_op(p, ","));
  const int32_t want = is_struct ? t->n_kids : strcmp(t->name, "map") == 0 ? 2 : 1;
  if (st == CHN_OK && t->n_kids != want) {
    return sql_unexpected(p, arena_printf(p->a, "%s with %d type(s)", t->name, want));
  }
  return st == CHN_OK ? type_close(p) : st;
}

chn_status sql_parse_type(struct sql_parser *p, const struct sql_type **out)
{
  const uint32_t pos = sql_peek(p, 0)->pos;
  const char *word = NULL;
  if (sql_enter(p) != CHN_OK || sql_parse_name(p, &word) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  struct sql_type *t = arena_calloc(p->a, 1, sizeof *t);
  for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
    if (strcasecmp(word, type_names[i].spelling) == 0) {
      t->name = type_names[i].name;
    }
  }
  if (!t->name) {
    return sql_error_at(p->err, p->text, pos, "type \"%.60s\" is not supported", word);
  }
  chn_status st = CHN_OK;
  if (strcmp(t->name, "decimal") == 0 || strcmp(t->name, "string") == 0) {
    st = type_parameters(p, t);
  } else if (strcmp(t->name, "array") == 0 || strcmp(t->name, "map") == 0 ||
             strcmp(t->name, "struct") == 0) {
    st = type_children(p, t);
  }
  sql_leave(p);
  *out = t;
  return st;
}
