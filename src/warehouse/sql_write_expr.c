// Expressions as DuckDB reads them. Every operator is parenthesised. Arithmetic goes through the
// engine's sp_ functions, which know Spark's types (wrap-around, NULL for division by zero); what
// means the same in both stays an operator, so that filters and joins on it stay fast.
#include "warehouse/sql_int.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

const char *sql_quote(struct arena *a, const char *text)
{
  struct chn_buf b = { 0 };
  chn_buf_addc(&b, '\'');
  for (; *text; text++) {
    if (*text == '\'') {
      chn_buf_addc(&b, '\'');
    }
    chn_buf_addc(&b, *text);
  }
  chn_buf_addc(&b, '\'');
  const char *out = arena_strdup(a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return out;
}

const char *sql_quote_name(struct arena *a, const char *name)
{
  struct chn_buf b = { 0 };
  chn_buf_addc(&b, '"');
  for (; *name; name++) {
    if (*name == '"') {
      chn_buf_addc(&b, '"');
    }
    chn_buf_addc(&b, *name);
  }
  chn_buf_addc(&b, '"');
  const char *out = arena_strdup(a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return out;
}

static bool is_number(enum sql_class c)
{
  return c >= SQL_C_INT && c <= SQL_C_NUMBER;
}

static chn_status write_number(struct sql_writer *w, const struct sql_node *n, const char **out)
{
  const char *type = n->cls == SQL_C_LONG ? "BIGINT" : n->cls == SQL_C_INT ? "INTEGER" : "DOUBLE";
  if (*n->op && strchr("SsYyFf", *n->op)) {
    type = strchr("Ss", *n->op) ? "SMALLINT" : strchr("Yy", *n->op) ? "TINYINT" : "FLOAT";
  }
  if (n->cls == SQL_C_DECIMAL) {
    if (strspn(n->text, "-.0123456789") != strlen(n->text) || strlen(n->text) > 38) {
      return sql_error_at(w->err, w->text, n->pos, "decimal %s is not supported", n->text);
    }
    *out = *n->text == '-' ? arena_printf(w->a, "(%s)", n->text) : n->text;
    return CHN_OK;
  }
  *out = arena_printf(w->a, "%s%s%s::%s", *n->text == '-' ? "(" : "", n->text,
                      *n->text == '-' ? ")" : "", type);
  return CHN_OK;
}

static chn_status write_name(struct sql_writer *w, const struct sql_node *n, const char **out)
{
  struct chn_buf b = { 0 };
  const struct sql_scope *scope = n->kind == SQL_NAME ? w->scope : NULL;
  while (scope && strcasecmp(scope->name, n->parts[0]) != 0) {
    scope = scope->outer;
  }
  if (scope) {
    chn_buf_addf(&b, n->n_parts > 1 ? "(%s)" : "%s", scope->text);
  }
  for (int32_t i = scope != NULL; i < n->n_parts; i++) {
    chn_buf_addf(&b, "%s%s", i ? "." : "", sql_quote_name(w->a, n->parts[i]));
  }
  if (n->kind == SQL_STAR) {
    chn_buf_adds(&b, n->n_parts ? ".*" : "*");
  }
  *out = arena_strdup(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return CHN_OK;
}

static chn_status write_typed(struct sql_writer *w, const struct sql_node *n, const char **out)
{
  const char *text = sql_quote(w->a, n->text);
  if (*n->op == 'x') {
    *out = arena_printf(w->a, "unhex(%s)", text);
  } else {
    *out = arena_printf(w->a, "sp_%s(%s::VARCHAR)", n->op, text);
  }
  return CHN_OK;
}

static chn_status write_interval(struct sql_writer *w, struct sql_node *n, const char **out)
{
  *out = "";
  for (int32_t i = 0; i < n->n_kids; i++) {
    struct sql_node *kid = n->kids[i];
    const char *plus = i ? " + " : "";
    if (kid->kind == SQL_NUMBER || kid->kind == SQL_STRING) {
      const char *text = arena_printf(w->a, "%s %s", kid->text, n->parts[i]);
      *out = arena_printf(w->a, "%s%sINTERVAL %s", *out, plus, sql_quote(w->a, text));
      continue;
    }
    const char *amount = NULL;
    if (sql_write_expr(w, kid, &amount) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    const size_t len = strlen(n->parts[i]);
    const bool plural = strchr("sS", n->parts[i][len - 1]) != NULL;
    *out =
        arena_printf(w->a, "%s%sto_%s%s(%s)", *out, plus, n->parts[i], plural ? "" : "s", amount);
  }
  *out = arena_printf(w->a, "(%s)", *out);
  return CHN_OK;
}

// ---- operators --------------------------------------------------------------------------------

// The conversion of an operand of a comparison, where the other one decides the type: Spark
// compares a string with a number as numbers, with a date as dates. NULL: none.
static const char *conversion(enum sql_class mine, enum sql_class other)
{
  static const char *const of_text[] = {
    [SQL_C_INT] = "sp_int",       [SQL_C_LONG] = "sp_bigint",         [SQL_C_DECIMAL] = "sp_double",
    [SQL_C_DOUBLE] = "sp_double", [SQL_C_NUMBER] = "sp_double",       [SQL_C_BOOL] = "sp_boolean",
    [SQL_C_DATE] = "sp_date",     [SQL_C_TIMESTAMP] = "sp_timestamp", [SQL_C_STRUCT] = NULL,
  };
  if (mine == SQL_C_STRING) {
    return of_text[other];
  }
  if (mine != SQL_C_UNKNOWN || !is_number(other)) {
    return NULL;
  }
  return other == SQL_C_INT ? "sp_like_int" : other == SQL_C_LONG ? "sp_like_bigint" : "sp_num";
}

bool sql_is_plain(const struct sql_writer *w, const struct sql_node *n, bool text)
{
  if (w->columns == NULL || w->scope != NULL || n->kind != SQL_NAME || n->n_parts != 1) {
    return false;
  }
  for (int32_t i = 0; i < w->columns->n_fields; i++) {
    if (strcasecmp(w->columns->fields[i].name, n->parts[0]) == 0) {
      const enum row_kind kind = w->columns->fields[i].type->kind;
      return text ? kind == ROW_STRING : row_kind_is_numeric(kind);
    }
  }
  return false;
}

static chn_status write_compared(struct sql_writer *w, struct sql_node *n, enum sql_class other,
                                 const char **out)
{
  if (sql_write_expr(w, n, out) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const char *f = sql_is_plain(w, n, false) ? NULL : conversion(sql_class_of(n), other);
  *out = f ? arena_printf(w->a, "%s(%s)", f, *out) : *out;
  return CHN_OK;
}

static chn_status write_comparison(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *y = NULL;
  if (write_compared(w, n->kids[0], sql_class_of(n->kids[1]), &x) != CHN_OK ||
      write_compared(w, n->kids[1], sql_class_of(n->kids[0]), &y) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const char *op = strcmp(n->op, "<=>") == 0 ? "IS NOT DISTINCT FROM" : n->op;
  *out = arena_printf(w->a, "(%s %s %s)", x, op, y);
  return CHN_OK;
}

// Decimals are computed as doubles; a NULL needs a type for the engine to choose a function.
static bool has_clock(const struct sql_node *n)
{
  for (int32_t i = 0; n->kind == SQL_INTERVAL && i < n->n_kids; i++) {
    const char c = (char)tolower((unsigned char)n->parts[i][0]);
    const bool minute = c == 'm' && tolower((unsigned char)n->parts[i][1]) != 'o';
    if (c == 'h' || c == 's' || minute) {
      return true;
    }
  }
  return false;
}

static chn_status write_operand(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const enum sql_class c = sql_class_of(n);
  if (n->kind == SQL_NULL) {
    *out = "NULL::INTEGER";
    return CHN_OK;
  }
  if (sql_write_expr(w, n, out) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (c == SQL_C_DECIMAL) {
    *out = arena_printf(w->a, "CAST(%s AS DOUBLE)", *out);
  } else if (c == SQL_C_STRING) {
    *out = arena_printf(w->a, "sp_double(%s)", *out);
  }
  return CHN_OK;
}

static chn_status write_arithmetic(struct sql_writer *w, struct sql_node *n, const char **out)
{
  static const struct {
    const char *op, *open, *middle, *close;
  } formats[] = {
    { "+", "sp_add(", ", ", ")" },      { "-", "sp_subtract(", ", ", ")" },
    { "*", "sp_multiply(", ", ", ")" }, { "/", "sp_divide(", ", ", ")" },
    { "%", "sp_mod(", ", ", ")" },      { "div", "sp_div(", ", ", ")" },
    { "&", "(", " & ", ")" },           { "|", "(", " | ", ")" },
    { "^", "xor(", ", ", ")" },
  };
  const char *x = NULL;
  const char *y = NULL;
  if (write_operand(w, n->kids[0], &x) != CHN_OK || write_operand(w, n->kids[1], &y) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  // a date moved by hours is an instant
  x = has_clock(n->kids[1]) ? arena_printf(w->a, "sp_timestamp(%s)", x) : x;
  y = has_clock(n->kids[0]) ? arena_printf(w->a, "sp_timestamp(%s)", y) : y;
  const bool doubles = sql_class_of(n->kids[0]) == SQL_C_DOUBLE &&
                       sql_class_of(n->kids[1]) == SQL_C_DOUBLE && strchr("+-*", n->op[0]);
  if (doubles) {
    *out = arena_printf(w->a, "(%s %s %s)", x, n->op, y);
    return CHN_OK;
  }
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    if (strcmp(n->op, formats[i].op) == 0) {
      *out = arena_printf(w->a, "%s%s%s%s%s", formats[i].open, x, formats[i].middle, y,
                          formats[i].close);
      return CHN_OK;
    }
  }
  return sql_error_at(w->err, w->text, n->pos, "operator %s is not supported", n->op);
}

static chn_status write_chain(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const bool concat = n->op[0] == '|';
  const bool strings = concat && sql_class_of(n) == SQL_C_STRING;
  struct chn_buf b = { 0 };
  chn_status st = CHN_OK;
  for (int32_t i = 0; strings && i < n->n_kids; i++) {
    if (n->kids[i]->kind == SQL_NULL) { // DuckDB would forget that it is a string
      *out = "CAST(NULL AS VARCHAR)";
      return CHN_OK;
    }
  }
  for (int32_t i = 0; i < n->n_kids && st == CHN_OK; i++) {
    const char *kid = NULL;
    st = strings ? sql_write_as(w, n->kids[i], SQL_C_STRING, &kid)
                 : sql_write_expr(w, n->kids[i], &kid);
    if (st == CHN_OK) {
      chn_buf_addf(&b, "%s%s",
                   i ? (concat            ? " || "
                        : n->op[0] == 'a' ? " AND "
                                          : " OR ")
                     : "(",
                   kid);
    }
  }
  chn_buf_addc(&b, ')');
  *out = arena_strdup(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}

static chn_status write_unary(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const bool not_ = n->op[0] == 'n';
  if ((not_ ? sql_write_expr(w, n->kids[0], &x) : write_operand(w, n->kids[0], &x)) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = not_              ? arena_printf(w->a, "(NOT %s)", x)
         : n->op[0] == '~' ? arena_printf(w->a, "(~%s)", x)
                           : arena_printf(w->a, "sp_negative(%s)", x);
  return CHN_OK;
}

// ---- predicates -------------------------------------------------------------------------------

static chn_status write_between(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *low = NULL;
  const char *high = NULL;
  const enum sql_class bound = sql_class_of(n->kids[1]);
  const enum sql_class mine = sql_class_of(n->kids[0]);
  if (write_compared(w, n->kids[0], bound, &x) != CHN_OK ||
      write_compared(w, n->kids[1], mine, &low) != CHN_OK ||
      write_compared(w, n->kids[2], mine, &high) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "(%s %sBETWEEN %s AND %s)", x, n->negated ? "NOT " : "", low, high);
  return CHN_OK;
}

static chn_status write_in(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *list = NULL;
  enum sql_class items = n->n_kids > 1 ? sql_class_of(n->kids[1]) : SQL_C_UNKNOWN;
  for (int32_t i = 2; i < n->n_kids; i++) {
    const enum sql_class c = sql_class_of(n->kids[i]);
    items = is_number(c) && is_number(items) ? (c > items ? c : items)
            : c == items                     ? c
                                             : SQL_C_UNKNOWN;
  }
  if (write_compared(w, n->kids[0], items, &x) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const chn_status st = n->query ? sql_write_query(w, n->query, &list)
                                 : sql_write_list(w, n->kids + 1, n->n_kids - 1, &list);
  *out = arena_printf(w->a, "(%s %sIN (%s))", x, n->negated ? "NOT " : "", list ? list : "");
  return st;
}

static const char *like_one(struct sql_writer *w, const struct sql_node *n, const char *x,
                            const struct sql_node *pattern, const char *written)
{
  if (n->op[0] == 'r') {
    return arena_printf(w->a, "regexp_matches(%s, %s)", x, written);
  }
  const char *op = n->op[0] == 'i' ? "ILIKE" : "LIKE";
  const char *escape = n->text ? n->text : "\\";
  if (pattern->kind == SQL_STRING && !strstr(pattern->text, escape)) {
    return arena_printf(w->a, "%s %s %s", x, op, written);
  }
  return arena_printf(w->a, "%s %s %s ESCAPE %s", x, op, written, sql_quote(w->a, escape));
}

static chn_status write_like(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  chn_status st = sql_write_as(w, n->kids[0], SQL_C_STRING, &x);
  struct chn_buf b = { 0 };
  const bool all = n->quantifier && n->quantifier[1] == 'l';
  // NOT LIKE ANY (a, b) is true where one of them does not match
  for (int32_t i = 1; i < n->n_kids && st == CHN_OK; i++) {
    const char *pattern = NULL;
    st = sql_write_as(w, n->kids[i], SQL_C_STRING, &pattern);
    if (st == CHN_OK) {
      chn_buf_addf(&b, "%s%s(%s)", i > 1 ? (all ? " AND " : " OR ") : "", n->negated ? "NOT " : "",
                   like_one(w, n, x, n->kids[i], pattern));
    }
  }
  *out = arena_printf(w->a, "(%s)", chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}

static chn_status write_is(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *y = NULL;
  const char *no = n->negated ? "NOT " : "";
  if (strcmp(n->op, "distinct") == 0) {
    if (write_compared(w, n->kids[0], sql_class_of(n->kids[1]), &x) != CHN_OK ||
        write_compared(w, n->kids[1], sql_class_of(n->kids[0]), &y) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "(%s IS %sDISTINCT FROM %s)", x, no, y);
    return CHN_OK;
  }
  const chn_status st = sql_write_expr(w, n->kids[0], &x);
  const char *word = strcmp(n->op, "unknown") == 0 ? "null" : n->op;
  *out = arena_printf(w->a, "(%s IS %s%s)", x ? x : "", no, word);
  return st;
}

// ---- the rest ---------------------------------------------------------------------------------

// THEN or ELSE of a CASE that is known to give strings: other types become strings as in Spark.
static chn_status write_branch(struct sql_writer *w, struct sql_node *n, enum sql_class all,
                               const char **out)
{
  return sql_write_as(w, n, all == SQL_C_STRING ? SQL_C_STRING : SQL_C_UNKNOWN, out);
}

static chn_status write_when(struct sql_writer *w, struct sql_node *n, int32_t i, const char **out)
{
  if (!n->operand) {
    return sql_write_expr(w, n->kids[i], out);
  }
  struct sql_node eq = { .kind = SQL_BINARY, .pos = n->pos, .op = "=", .n_kids = 2 };
  struct sql_node *kids[] = { n->kids[0], n->kids[i] };
  eq.kids = kids;
  return write_comparison(w, &eq, out);
}

static chn_status write_case(struct sql_writer *w, struct sql_node *n, const char **out)
{
  struct chn_buf b = { 0 };
  const enum sql_class all = sql_class_of(n);
  const int32_t pairs = n->n_kids - n->otherwise;
  chn_status st = CHN_OK;
  chn_buf_adds(&b, "CASE");
  for (int32_t i = n->operand; i + 1 < pairs && st == CHN_OK; i += 2) {
    const char *when = NULL;
    const char *then = NULL;
    st = write_when(w, n, i, &when);
    st = st == CHN_OK ? write_branch(w, n->kids[i + 1], all, &then) : st;
    if (st == CHN_OK) {
      chn_buf_addf(&b, " WHEN %s THEN %s", when, then);
    }
  }
  if (n->otherwise && st == CHN_OK) {
    const char *other = NULL;
    st = write_branch(w, n->kids[n->n_kids - 1], all, &other);
    chn_buf_addf(&b, " ELSE %s", other ? other : "");
  }
  chn_buf_adds(&b, " END");
  *out = arena_strdup(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}

static chn_status write_subscript(struct sql_writer *w, struct sql_node *n, const char **out)
{
  // sp_item names its array twice: what is nested in it doubles each time
  if (w->repeats >= SQL_MAX_REPEATS) {
    return sql_error_at(w->err, w->text, n->pos, "more than %d subscripts in one another",
                        SQL_MAX_REPEATS);
  }
  w->repeats++;
  const char *args[2] = { NULL, NULL };
  if (sql_write_expr(w, n->kids[0], &args[0]) != CHN_OK ||
      sql_write_expr(w, n->kids[1], &args[1]) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (sql_class_of(n->kids[1]) == SQL_C_STRING) {
    w->repeats--;
    *out = arena_printf(w->a, "(%s)[%s]", args[0], args[1]);
    return CHN_OK;
  }
  w->repeats--;
  return sql_fill(w, n->pos, "sp_item($1, $2)", args, 2, "", "", out);
}

static chn_status write_tuple(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *list = NULL;
  const chn_status st = sql_write_list(w, n->kids, n->n_kids, &list);
  *out = arena_printf(w->a, "(%s)", list ? list : "");
  return st;
}

static chn_status write_node(struct sql_writer *w, struct sql_node *n, const char **out)
{
  chn_status st = CHN_OK;
  switch (n->kind) {
  case SQL_NULL: *out = "NULL"; return CHN_OK;
  case SQL_BOOL: *out = n->text; return CHN_OK;
  case SQL_NUMBER: return write_number(w, n, out);
  case SQL_STRING: *out = arena_printf(w->a, "%s::VARCHAR", sql_quote(w->a, n->text)); return st;
  case SQL_TYPED: return write_typed(w, n, out);
  case SQL_INTERVAL: return write_interval(w, n, out);
  case SQL_NAME:
  case SQL_STAR: return write_name(w, n, out);
  case SQL_CALL: return sql_write_call(w, n, out);
  case SQL_UNARY: return write_unary(w, n, out);
  case SQL_BINARY:
    return strchr("=<>", n->op[0]) ? write_comparison(w, n, out) : write_arithmetic(w, n, out);
  case SQL_CHAIN: return write_chain(w, n, out);
  case SQL_BETWEEN: return write_between(w, n, out);
  case SQL_IN: return write_in(w, n, out);
  case SQL_LIKE: return write_like(w, n, out);
  case SQL_IS: return write_is(w, n, out);
  case SQL_CASE: return write_case(w, n, out);
  case SQL_CAST: return sql_write_cast(w, n, out);
  case SQL_SUBSCRIPT: return write_subscript(w, n, out);
  case SQL_FIELD:
    st = sql_write_expr(w, n->kids[0], out);
    *out = arena_printf(w->a, "(%s).%s", st == CHN_OK ? *out : "", sql_quote_name(w->a, n->text));
    return st;
  case SQL_LAMBDA:
    return sql_error_at(w->err, w->text, n->pos, "a lambda (->) is no value: no function takes it");
  case SQL_QUERY:
  case SQL_EXISTS:
    st = sql_write_query(w, n->query, out);
    *out = arena_printf(w->a, "%s(%s)", n->kind == SQL_EXISTS ? "EXISTS " : "",
                        st == CHN_OK ? *out : "");
    return st;
  case SQL_TUPLE: return write_tuple(w, n, out);
  }
  return CHN_E_INTERNAL;
}

chn_status sql_write_expr(struct sql_writer *w, struct sql_node *n, const char **out)
{
  *out = "";
  const chn_status st = write_node(w, n, out);
  if (st == CHN_OK) {
    w->written += strlen(*out);
    if (w->written > (size_t)SQL_MAX_OUTPUT * 16 || strlen(*out) > SQL_MAX_OUTPUT) {
      return sql_error_at(w->err, w->text, n->pos, "expression too large");
    }
  }
  return st;
}

chn_status sql_write_list(struct sql_writer *w, struct sql_node **nodes, int32_t n,
                          const char **out)
{
  struct chn_buf b = { 0 };
  chn_status st = CHN_OK;
  for (int32_t i = 0; i < n && st == CHN_OK; i++) {
    const char *one = NULL;
    st = sql_write_expr(w, nodes[i], &one);
    chn_buf_addf(&b, "%s%s", i ? ", " : "", one);
  }
  *out = arena_strdup(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}
