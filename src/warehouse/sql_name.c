// Names of columns without alias, as Spark prints an expression: upper(s), count(1), (a + b).
#include "warehouse/sql_int.h"
#include <ctype.h>
#include <string.h>

static void print(struct chn_buf *b, const struct sql_node *n);

static void print_list(struct chn_buf *b, const struct sql_node *n, int32_t from)
{
  for (int32_t i = from; i < n->n_kids; i++) {
    chn_buf_adds(b, i > from ? ", " : "");
    print(b, n->kids[i]);
  }
}

static void print_upper(struct chn_buf *b, const char *s)
{
  for (; *s; s++) {
    chn_buf_addc(b, (char)toupper((unsigned char)*s));
  }
}

static void print_call(struct chn_buf *b, const struct sql_node *n)
{
  chn_buf_addf(b, "%s(%s", n->op, n->distinct ? "DISTINCT " : "");
  const bool star = strcmp(n->op, "count") == 0 && n->n_kids == 1 && n->kids[0]->kind == SQL_STAR;
  if (star) {
    chn_buf_adds(b, "1");
  } else {
    print_list(b, n, 0);
  }
  chn_buf_addc(b, ')');
  if (n->over) {
    chn_buf_adds(b, " OVER");
  }
}

static void print_chain(struct chn_buf *b, const struct sql_node *n)
{
  const bool concat = n->op[0] == '|';
  chn_buf_adds(b, concat ? "concat(" : "(");
  for (int32_t i = 0; i < n->n_kids; i++) {
    if (i && concat) {
      chn_buf_adds(b, ", ");
    } else if (i) {
      chn_buf_addc(b, ' ');
      print_upper(b, n->op);
      chn_buf_addc(b, ' ');
    }
    print(b, n->kids[i]);
  }
  chn_buf_addc(b, ')');
}

static void print_case(struct chn_buf *b, const struct sql_node *n)
{
  const int32_t pairs = n->n_kids - n->otherwise;
  chn_buf_adds(b, "CASE");
  if (n->operand) {
    chn_buf_addc(b, ' ');
    print(b, n->kids[0]);
  }
  for (int32_t i = n->operand; i < pairs; i++) {
    chn_buf_adds(b, (i - n->operand) % 2 ? " THEN " : " WHEN ");
    print(b, n->kids[i]);
  }
  if (n->otherwise) {
    chn_buf_adds(b, " ELSE ");
    print(b, n->kids[n->n_kids - 1]);
  }
  chn_buf_adds(b, " END");
}

static void print_predicate(struct chn_buf *b, const struct sql_node *n)
{
  chn_buf_adds(b, n->negated ? "(NOT (" : "(");
  print(b, n->kids[0]);
  chn_buf_addc(b, ' ');
  print_upper(b, n->kind == SQL_BETWEEN ? "between" : n->kind == SQL_IN ? "in" : n->op);
  chn_buf_adds(b, n->kind == SQL_IN ? " (" : " ");
  for (int32_t i = 1; i < n->n_kids; i++) {
    chn_buf_adds(b, i == 1 ? "" : n->kind == SQL_BETWEEN ? " AND " : ", ");
    print(b, n->kids[i]);
  }
  chn_buf_adds(b, n->kind == SQL_IN ? "))" : ")");
  chn_buf_adds(b, n->negated ? ")" : "");
}

static void print_is(struct chn_buf *b, const struct sql_node *n)
{
  chn_buf_addc(b, '(');
  print(b, n->kids[0]);
  chn_buf_adds(b, n->negated ? " IS NOT " : " IS ");
  print_upper(b, n->op);
  chn_buf_adds(b, n->n_kids > 1 ? " FROM " : "");
  print_list(b, n, 1);
  chn_buf_addc(b, ')');
}

static void print_operator(struct chn_buf *b, const struct sql_node *n)
{
  if (n->kind == SQL_UNARY) {
    const bool not_ = n->op[0] == 'n';
    chn_buf_adds(b, not_ ? "(NOT " : "(- ");
    print(b, n->kids[0]);
    chn_buf_addc(b, ')');
    return;
  }
  chn_buf_addc(b, '(');
  print(b, n->kids[0]);
  chn_buf_addf(b, " %s ", n->op);
  print(b, n->kids[1]);
  chn_buf_addc(b, ')');
}

static void print_postfix(struct chn_buf *b, const struct sql_node *n)
{
  if (n->kind == SQL_CAST) {
    chn_buf_adds(b, "CAST(");
    print(b, n->kids[0]);
    chn_buf_adds(b, " AS ");
    print_upper(b, n->type->name);
    chn_buf_addc(b, ')');
    return;
  }
  print(b, n->kids[0]);
  if (n->kind == SQL_SUBSCRIPT) {
    chn_buf_addc(b, '[');
    print(b, n->kids[1]);
    chn_buf_addc(b, ']');
  } else {
    chn_buf_addf(b, ".%s", n->text);
  }
}

static void print(struct chn_buf *b, const struct sql_node *n)
{
  switch (n->kind) {
  case SQL_NULL: chn_buf_adds(b, "NULL"); break;
  case SQL_NAME:
    for (int32_t i = 0; i < n->n_parts; i++) {
      chn_buf_addf(b, "%s%s", i ? "." : "", n->parts[i]);
    }
    break;
  case SQL_STAR: chn_buf_addc(b, '*'); break;
  case SQL_TYPED:
    print_upper(b, n->op);
    chn_buf_addf(b, " '%s'", n->text);
    break;
  case SQL_INTERVAL: chn_buf_adds(b, "INTERVAL"); break;
  case SQL_CALL: print_call(b, n); break;
  case SQL_UNARY:
  case SQL_BINARY: print_operator(b, n); break;
  case SQL_CHAIN: print_chain(b, n); break;
  case SQL_BETWEEN:
  case SQL_IN:
  case SQL_LIKE: print_predicate(b, n); break;
  case SQL_IS: print_is(b, n); break;
  case SQL_CASE: print_case(b, n); break;
  case SQL_CAST:
  case SQL_SUBSCRIPT:
  case SQL_FIELD: print_postfix(b, n); break;
  case SQL_LAMBDA: chn_buf_adds(b, "lambda"); break;
  case SQL_QUERY: chn_buf_adds(b, "scalarsubquery()"); break;
  case SQL_EXISTS: chn_buf_adds(b, "exists()"); break;
  case SQL_TUPLE:
    chn_buf_adds(b, "named_struct(");
    print_list(b, n, 0);
    chn_buf_addc(b, ')');
    break;
  default: chn_buf_adds(b, n->text); break;
  }
}

const char *sql_spark_name(struct arena *a, const struct sql_node *n)
{
  if (n->kind == SQL_NAME) {
    return n->parts[n->n_parts - 1];
  }
  if (n->kind == SQL_FIELD) {
    return n->text;
  }
  struct chn_buf b = { 0 };
  print(&b, n);
  const char *name = arena_strdup(a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return name;
}
