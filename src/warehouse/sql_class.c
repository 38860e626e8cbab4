// What the text alone tells of an expression's type. It saves conversions (the argument of upper()
// need not be turned into a string when it is lower()'s result) and decides those that Spark makes
// by type; what it leaves open, the engine's functions decide by the types of their arguments.
#include "warehouse/sql_int.h"
#include <string.h>

enum sql_class sql_class_of_type(const struct sql_type *t)
{
  static const struct {
    const char *name;
    enum sql_class cls;
  } classes[] = {
    { "boolean", SQL_C_BOOL },        { "tinyint", SQL_C_INT },
    { "smallint", SQL_C_INT },        { "int", SQL_C_INT },
    { "bigint", SQL_C_LONG },         { "float", SQL_C_DOUBLE },
    { "double", SQL_C_DOUBLE },       { "string", SQL_C_STRING },
    { "binary", SQL_C_BINARY },       { "date", SQL_C_DATE },
    { "timestamp", SQL_C_TIMESTAMP }, { "decimal", SQL_C_DECIMAL },
    { "array", SQL_C_ARRAY },         { "map", SQL_C_MAP },
    { "struct", SQL_C_STRUCT },
  };
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
    if (strcmp(t->name, classes[i].name) == 0) {
      return classes[i].cls;
    }
  }
  return SQL_C_UNKNOWN;
}

static bool is_number(enum sql_class c)
{
  return c == SQL_C_INT || c == SQL_C_LONG || c == SQL_C_DECIMAL || c == SQL_C_DOUBLE ||
         c == SQL_C_NUMBER;
}

// The common type of branches, as far as it is known.
static enum sql_class wider(enum sql_class x, enum sql_class y)
{
  if (x == y || y == SQL_C_NULL) {
    return x;
  }
  if (x == SQL_C_NULL) {
    return y;
  }
  if (x == SQL_C_UNKNOWN || y == SQL_C_UNKNOWN) {
    return SQL_C_UNKNOWN;
  }
  if (x == SQL_C_STRING || y == SQL_C_STRING) {
    return SQL_C_STRING;
  }
  if (is_number(x) && is_number(y)) {
    return x > y ? x : y; // ordered by width
  }
  return SQL_C_UNKNOWN;
}

static enum sql_class class_of_kids(struct sql_node *n, int32_t from)
{
  enum sql_class c = SQL_C_NULL;
  for (int32_t i = from; i < n->n_kids; i++) {
    c = wider(c, sql_class_of(n->kids[i]));
  }
  return c;
}

static enum sql_class class_of_case(struct sql_node *n)
{
  enum sql_class c = SQL_C_NULL;
  const int32_t pairs = n->n_kids - n->otherwise;
  for (int32_t i = n->operand + 1; i < pairs; i += 2) {
    c = wider(c, sql_class_of(n->kids[i]));
  }
  return n->otherwise ? wider(c, sql_class_of(n->kids[n->n_kids - 1])) : c;
}

static enum sql_class class_of_arithmetic(struct sql_node *n)
{
  if (n->op[0] == '/') {
    return SQL_C_DOUBLE;
  }
  if (strcmp(n->op, "div") == 0) {
    return SQL_C_LONG;
  }
  const enum sql_class x = sql_class_of(n->kids[0]);
  const enum sql_class y = sql_class_of(n->kids[1]);
  if (x == SQL_C_DOUBLE || y == SQL_C_DOUBLE) {
    return SQL_C_DOUBLE;
  }
  if (is_number(x) && is_number(y)) { // decimals are computed as doubles
    return x == SQL_C_DECIMAL || y == SQL_C_DECIMAL ? SQL_C_DOUBLE : wider(x, y);
  }
  return n->op[0] == '*' || n->op[0] == '%' ? SQL_C_NUMBER : SQL_C_UNKNOWN;
}

static enum sql_class class_of_call(struct sql_node *n)
{
  static const char *const branches[] = { "coalesce", "nvl", "ifnull", "greatest", "least", NULL };
  for (int i = 0; branches[i]; i++) {
    if (strcmp(n->op, branches[i]) == 0) {
      return class_of_kids(n, 0);
    }
  }
  if ((strcmp(n->op, "if") == 0 || strcmp(n->op, "nvl2") == 0) && n->n_kids == 3) {
    return class_of_kids(n, 1);
  }
  if ((strcmp(n->op, "nullif") == 0 || strcmp(n->op, "max") == 0 || strcmp(n->op, "min") == 0) &&
      n->n_kids > 0) {
    return sql_class_of(n->kids[0]);
  }
  const struct sql_function *f = sql_function_find(n->op);
  return f ? f->cls : SQL_C_UNKNOWN;
}

static enum sql_class class_of_operator(struct sql_node *n)
{
  if (n->kind == SQL_UNARY) {
    return n->op[0] == 'n' ? SQL_C_BOOL : sql_class_of(n->kids[0]);
  }
  if (n->kind == SQL_CHAIN) {
    if (n->op[0] != '|') {
      return SQL_C_BOOL;
    }
    for (int32_t i = 0; i < n->n_kids; i++) {
      if (sql_class_of(n->kids[i]) == SQL_C_STRING) {
        return SQL_C_STRING;
      }
    }
    return sql_class_of(n->kids[0]) == SQL_C_ARRAY ? SQL_C_ARRAY : SQL_C_UNKNOWN;
  }
  if (strchr("=<>", n->op[0])) {
    return SQL_C_BOOL;
  }
  return strchr("&|^", n->op[0]) ? SQL_C_NUMBER : class_of_arithmetic(n);
}

static enum sql_class compute(struct sql_node *n)
{
  switch (n->kind) {
  case SQL_NULL: return SQL_C_NULL;
  case SQL_STRING: return SQL_C_STRING;
  case SQL_TYPED:
    return n->op[0] == 'd' ? SQL_C_DATE : n->op[0] == 't' ? SQL_C_TIMESTAMP : SQL_C_BINARY;
  case SQL_INTERVAL: return SQL_C_INTERVAL;
  case SQL_CALL: return class_of_call(n);
  case SQL_UNARY:
  case SQL_BINARY:
  case SQL_CHAIN: return class_of_operator(n);
  case SQL_CASE: return class_of_case(n);
  case SQL_CAST: return sql_class_of_type(n->type);
  case SQL_TUPLE: return SQL_C_STRUCT;
  case SQL_BOOL:
  case SQL_BETWEEN:
  case SQL_IN:
  case SQL_LIKE:
  case SQL_IS:
  case SQL_EXISTS: return SQL_C_BOOL;
  default: return SQL_C_UNKNOWN;
  }
}

enum sql_class sql_class_of(struct sql_node *n)
{
  if (n->cls == SQL_C_UNKNOWN && !n->classed) {
    n->cls = compute(n);
    n->classed = true;
  }
  return n->cls;
}
