// The entries of sql.h.
#include "warehouse/sql_int.h"
#include <string.h>
#include <strings.h>

static chn_status need_end(const struct sql_parser *p)
{
  return sql_peek(p, 0)->kind == SQL_T_END ? CHN_OK : sql_unexpected(p, "the end of the text");
}

static chn_status parse_expr(struct arena *a, const char *spark, struct sql_node **n,
                             struct chn_err *err)
{
  struct sql_parser p;
  if (sql_parser_init(&p, a, spark, err) != CHN_OK || sql_parse_expr(&p, n) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  return need_end(&p);
}

static chn_status parse_query(struct arena *a, const char *spark, struct sql_query **q,
                              struct chn_err *err)
{
  struct sql_parser p;
  if (sql_parser_init(&p, a, spark, err) != CHN_OK || sql_parse_query(&p, q) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  sql_take_op(&p, ";");
  return need_end(&p);
}

chn_status sql_render_expr(struct arena *a, const char *spark, char **out, struct chn_err *err)
{
  return sql_render_condition(a, spark, NULL, out, err);
}

chn_status sql_render_condition(struct arena *a, const char *spark,
                                const struct row_schema *columns, char **out, struct chn_err *err)
{
  struct sql_node *n = NULL;
  if (parse_expr(a, spark, &n, err) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  struct sql_writer w = { .a = a, .text = spark, .columns = columns, .err = err };
  const char *text = NULL;
  const chn_status st = sql_write_expr(&w, n, &text);
  *out = (char *)text;
  return st;
}

chn_status sql_render_query(struct arena *a, const char *spark, char **out, struct chn_err *err)
{
  struct sql_query *q = NULL;
  if (parse_query(a, spark, &q, err) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  struct sql_writer w = { .a = a, .text = spark, .err = err };
  const char *text = NULL;
  const chn_status st = sql_write_query(&w, q, &text);
  *out = (char *)text;
  return st;
}

// CREATE [OR REPLACE] [GLOBAL] TEMPORARY VIEW [IF NOT EXISTS] name AS query
static chn_status parse_view(struct sql_parser *p, const char **name, struct sql_query **q)
{
  sql_take_word(p, "view");
  if (sql_take_word(p, "if")) {
    if (sql_need_word(p, "not") != CHN_OK || sql_need_word(p, "exists") != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  if (sql_parse_name(p, name) != CHN_OK || sql_need_word(p, "as") != CHN_OK ||
      sql_parse_query(p, q) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  sql_take_op(p, ";");
  return need_end(p);
}

// *q stays NULL for Spark's configuration and jars, which mean nothing here.
static chn_status parse_setup(struct arena *a, const char *spark, const char **name,
                              struct sql_query **q, struct chn_err *err)
{
  struct sql_parser p;
  if (sql_parser_init(&p, a, spark, err) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const uint32_t pos = sql_peek(&p, 0)->pos;
  *q = NULL;
  if (sql_take_word(&p, "set") || sql_take_word(&p, "add")) {
    return CHN_OK;
  }
  bool create = sql_take_word(&p, "create");
  if (create && sql_take_word(&p, "or")) {
    create = sql_take_word(&p, "replace");
  }
  sql_take_word(&p, "global");
  create = create && (sql_take_word(&p, "temporary") || sql_take_word(&p, "temp"));
  if (create && sql_at_word(&p, 0, "function")) {
    return sql_error_at(err, spark, pos,
                        "CREATE TEMPORARY FUNCTION loads a Java class, which this program cannot "
                        "run: write the expression in SQL");
  }
  if (!create || !sql_at_word(&p, 0, "view")) {
    return sql_error_at(err, spark, pos,
                        "a setup must be CREATE [OR REPLACE] TEMPORARY VIEW ... AS SELECT ...");
  }
  return parse_view(&p, name, q);
}

chn_status sql_render_setup(struct arena *a, const char *spark, char **out, struct chn_err *err)
{
  const char *name = NULL;
  struct sql_query *q = NULL;
  if (parse_setup(a, spark, &name, &q, err) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (q == NULL) {
    *out = arena_strdup(a, "");
    return CHN_OK;
  }
  struct sql_writer w = { .a = a, .text = spark, .err = err };
  const char *text = NULL;
  if (sql_write_query(&w, q, &text) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out =
      arena_printf(a, "CREATE OR REPLACE TEMPORARY VIEW %s AS %s", sql_quote_name(a, name), text);
  return CHN_OK;
}

// ---- what is named ----------------------------------------------------------------------------

struct names {
  struct arena *a;
  char **items;
  int32_t n;
};

static void add_name(struct names *names, const char *name)
{
  for (int32_t i = 0; i < names->n; i++) {
    if (strcasecmp(names->items[i], name) == 0) {
      return;
    }
  }
  names->items = sql_push(names->a, names->items, &names->n, sizeof *names->items);
  names->items[names->n - 1] = arena_strdup(names->a, name);
}

static chn_status add_table(void *arg, const struct sql_relation *r)
{
  struct names *names = arg;
  if (r->n_parts == 2) {
    add_name(names, arena_printf(names->a, "%s.%s", r->parts[0], r->parts[1]));
  } else {
    add_name(names, r->parts[0]);
  }
  return CHN_OK;
}

chn_status sql_query_tables(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err)
{
  struct sql_query *q = NULL;
  struct names names = { .a = a };
  if (parse_query(a, spark, &q, err) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const chn_status st = sql_walk_tables(q, add_table, &names);
  *out = names.items;
  *n = (size_t)names.n;
  return st;
}

chn_status sql_setup_tables(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err)
{
  const char *name = NULL;
  struct sql_query *q = NULL;
  struct names names = { .a = a };
  chn_status st = parse_setup(a, spark, &name, &q, err);
  if (st == CHN_OK && q != NULL) {
    st = sql_walk_tables(q, add_table, &names);
  }
  *out = names.items;
  *n = (size_t)names.n;
  return st;
}

struct scope {
  const struct sql_node *lambda;
  const struct scope *outer;
};

static bool is_parameter(const struct scope *s, const char *name)
{
  for (; s; s = s->outer) {
    for (int32_t i = 0; i < s->lambda->n_parts; i++) {
      if (strcasecmp(s->lambda->parts[i], name) == 0) {
        return true;
      }
    }
  }
  return false;
}

static void add_sorted(struct names *names, const struct sql_node *n, const struct scope *s);

static void add_columns(struct names *names, const struct sql_node *n, const struct scope *s)
{
  if (n->kind == SQL_NAME && !is_parameter(s, n->parts[0])) {
    add_name(names, n->parts[0]);
  }
  const struct scope inner = { .lambda = n, .outer = s };
  for (int32_t i = 0; i < n->n_kids; i++) {
    add_columns(names, n->kids[i], n->kind == SQL_LAMBDA ? &inner : s);
  }
  if (n->filter) {
    add_columns(names, n->filter, s);
  }
  add_sorted(names, n, s);
}

static void add_sorted(struct names *names, const struct sql_node *n, const struct scope *s)
{
  for (int32_t i = 0; n->over && i < n->over->n_partition; i++) {
    add_columns(names, n->over->partition[i], s);
  }
  for (int32_t i = 0; n->over && i < n->over->n_order; i++) {
    add_columns(names, n->over->order[i].expr, s);
  }
}

chn_status sql_expr_columns(struct arena *a, const char *spark, char ***out, size_t *n,
                            struct chn_err *err)
{
  struct sql_node *node = NULL;
  struct names names = { .a = a };
  if (parse_expr(a, spark, &node, err) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  add_columns(&names, node, NULL);
  *out = names.items;
  *n = (size_t)names.n;
  return CHN_OK;
}

static bool call_repeats(const struct sql_node *n)
{
  static const char *const change[] = { "now",    "current_date", "curdate", "current_timestamp",
                                        "rand",   "random",       "randn",   "uuid",
                                        "shuffle" };
  const struct sql_function *f = sql_function_find(n->op);
  bool repeats = f != NULL && f->kind == SQL_F_SCALAR && n->over == NULL;
  for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
    repeats = repeats && strcmp(n->op, change[i]) != 0;
  }
  const bool clock = n->n_kids == 0 && strstr(n->op, "unix_timestamp") != NULL;
  return repeats && !clock;
}

static bool repeats(const struct sql_node *n)
{
  bool good = n->query == NULL && (n->kind != SQL_CALL || call_repeats(n));
  for (int32_t i = 0; good && i < n->n_kids; i++) {
    good = repeats(n->kids[i]);
  }
  return good;
}

bool sql_expr_repeats(struct arena *a, const char *spark)
{
  struct sql_node *n = NULL;
  struct chn_err ignored;
  return parse_expr(a, spark, &n, &ignored) == CHN_OK && repeats(n);
}

bool sql_expr_is_name(struct arena *a, const char *spark, char **name)
{
  struct sql_node *n = NULL;
  struct chn_err ignored;
  if (parse_expr(a, spark, &n, &ignored) != CHN_OK || n->kind != SQL_NAME || n->n_parts != 1) {
    return false;
  }
  *name = arena_strdup(a, n->parts[0]);
  return true;
}
