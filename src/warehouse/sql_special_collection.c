// Arrays, maps and structs: constructors, higher-order functions, from_json.
#include "warehouse/sql_int.h"
#include <string.h>

static chn_status write_named_struct(struct sql_writer *w, struct sql_node *n, const char **out)
{
  if (n->n_kids % 2) {
    return sql_error_at(w->err, w->text, n->pos, "named_struct takes names and values in pairs");
  }
  *out = "struct_pack(";
  for (int32_t i = 0; i < n->n_kids; i += 2) {
    const char *x = NULL;
    if (n->kids[i]->kind != SQL_STRING || !*n->kids[i]->text) {
      return sql_error_at(w->err, w->text, n->kids[i]->pos,
                          "named_struct: a field's name must be a literal");
    }
    if (sql_write_expr(w, n->kids[i + 1], &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s%s%s := %s", *out, i ? ", " : "",
                        sql_quote_name(w->a, n->kids[i]->text), x);
  }
  *out = arena_printf(w->a, "%s)", *out);
  return CHN_OK;
}

// struct(a, b + 1): fields are called by their names, else col1, col2, ...
static chn_status write_struct(struct sql_writer *w, struct sql_node *n, const char **out)
{
  *out = "struct_pack(";
  for (int32_t i = 0; i < n->n_kids; i++) {
    const char *x = NULL;
    const struct sql_node *k = n->kids[i];
    const char *name = k->kind == SQL_NAME    ? k->parts[k->n_parts - 1]
                       : k->kind == SQL_FIELD ? k->text
                                              : arena_printf(w->a, "col%d", i + 1);
    if (sql_write_expr(w, n->kids[i], &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s%s%s := %s", *out, i ? ", " : "", sql_quote_name(w->a, name), x);
  }
  *out = arena_printf(w->a, "%s)", *out);
  return CHN_OK;
}

static chn_status write_array(struct sql_writer *w, struct sql_node *n, const char **out)
{
  enum sql_class all = SQL_C_NULL;
  for (int32_t i = 0; i < n->n_kids; i++) {
    if (sql_class_of(n->kids[i]) == SQL_C_STRING) {
      all = SQL_C_STRING;
    }
  }
  *out = "";
  for (int32_t i = 0; i < n->n_kids; i++) {
    const char *x = NULL;
    const enum sql_class want = all == SQL_C_STRING ? SQL_C_STRING : SQL_C_UNKNOWN;
    if (sql_write_as(w, n->kids[i], want, &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s%s%s", *out, i ? ", " : "", x);
  }
  *out = arena_printf(w->a, "[%s]", *out);
  return CHN_OK;
}

static chn_status write_map(struct sql_writer *w, struct sql_node *n, const char **out)
{
  if (n->n_kids % 2) {
    return sql_error_at(w->err, w->text, n->pos, "map takes keys and values in pairs");
  }
  *out = "";
  for (int32_t i = 0; i < n->n_kids; i += 2) {
    const char *key = NULL;
    const char *value = NULL;
    if (sql_write_expr(w, n->kids[i], &key) != CHN_OK ||
        sql_write_expr(w, n->kids[i + 1], &value) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s%s%s: %s", *out, i ? ", " : "", key, value);
  }
  *out = arena_printf(w->a, "MAP {%s}", *out);
  return CHN_OK;
}

// sort_array(a, false): descending, NULLs last; ascending they are first
static chn_status write_sort_array(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  if (sql_write_expr(w, n->kids[0], &x) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (n->n_kids == 2 && n->kids[1]->kind != SQL_BOOL) {
    return sql_error_at(w->err, w->text, n->kids[1]->pos, "sort_array: TRUE or FALSE");
  }
  const bool down = n->n_kids == 2 && n->kids[1]->text[0] == 'f';
  *out = arena_printf(w->a, "list_sort(%s, '%s', 'NULLS %s')", x, down ? "DESC" : "ASC",
                      down ? "LAST" : "FIRST");
  return CHN_OK;
}

static chn_status write_array_join(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *separator = NULL;
  const char *null = NULL;
  if (sql_write_expr(w, n->kids[0], &x) != CHN_OK ||
      sql_write_as(w, n->kids[1], SQL_C_STRING, &separator) != CHN_OK ||
      (n->n_kids == 3 && sql_write_as(w, n->kids[2], SQL_C_STRING, &null) != CHN_OK)) {
    return CHN_E_ARGUMENT;
  }
  if (null) {
    *out = arena_printf(
        w->a, "sp_array_join(list_transform(%s, lambda x: coalesce(sp_string(x), %s)), %s)", x,
        null, separator);
  } else {
    *out = arena_printf(w->a, "sp_array_join(%s, %s)", x, separator);
  }
  return CHN_OK;
}

static chn_status write_sequence(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *a = NULL;
  const char *b = NULL;
  const char *step = NULL;
  if (sql_write_expr(w, n->kids[0], &a) != CHN_OK || sql_write_expr(w, n->kids[1], &b) != CHN_OK ||
      (n->n_kids == 3 && sql_write_expr(w, n->kids[2], &step) != CHN_OK)) {
    return CHN_E_ARGUMENT;
  }
  const enum sql_class c = sql_class_of(n->kids[0]);
  const bool dates = c == SQL_C_DATE || c == SQL_C_TIMESTAMP;
  if (!step) {
    step = dates ? "INTERVAL '1 day'"
                 : arena_printf(w->a, "CASE WHEN %s <= %s THEN 1 ELSE -1 END", a, b);
  }
  const char *cast = c == SQL_C_DATE ? "DATE[]" : c == SQL_C_INT ? "INTEGER[]" : NULL;
  *out = arena_printf(
      w->a, cast ? "CAST(generate_series(%s, %s, %s) AS %s)" : "generate_series(%s, %s, %s)", a, b,
      step, cast);
  return CHN_OK;
}

// arrays_zip(a, b): structs of the fields a, b (0, 1, ... of what has no name), as long as the
// longest array
static chn_status write_arrays_zip(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *lengths = "";
  const char *fields = "";
  for (int32_t i = 0; i < n->n_kids; i++) {
    const char *x = NULL;
    const struct sql_node *k = n->kids[i];
    const char *name = k->kind == SQL_NAME ? k->parts[k->n_parts - 1] : arena_printf(w->a, "%d", i);
    if (sql_write_expr(w, n->kids[i], &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    const char *comma = i ? ", " : "";
    lengths = arena_printf(w->a, "%s%slen(%s)", lengths, i ? " , " : "", x);
    fields = arena_printf(w->a, "%s%s%s := (%s)[z]", fields, comma, sql_quote_name(w->a, name), x);
  }
  const char *longest = n->n_kids > 1 ? arena_printf(w->a, "greatest(%s)", lengths) : lengths;
  *out = arena_printf(w->a, "list_transform(range(1, %s + 1), lambda z: struct_pack(%s))", longest,
                      fields);
  return CHN_OK;
}

// ---- lambdas ----------------------------------------------------------------------------------

chn_status sql_write_lambda(struct sql_writer *w, struct sql_node *lambda, const char *const *texts,
                            int32_t n, const char **out)
{
  if (lambda->kind != SQL_LAMBDA || lambda->n_parts != n) {
    return sql_error_at(w->err, w->text, lambda->pos, "a lambda of %d parameter%s expected", n,
                        n == 1 ? "" : "s");
  }
  struct sql_scope scopes[4];
  const struct sql_scope *outer = w->scope;
  for (int32_t i = 0; i < n && i < 4; i++) {
    scopes[i] = (struct sql_scope){ lambda->parts[i], texts[i], w->scope };
    w->scope = &scopes[i];
  }
  const chn_status st = sql_write_expr(w, lambda->kids[0], out);
  w->scope = outer;
  return st;
}

static const char *fresh(struct sql_writer *w)
{
  return arena_printf(w->a, "l%d", ++w->n_lambdas);
}

// `function(list, lambda ...)`; a second parameter is the zero-based position.
static chn_status over_list(struct sql_writer *w, struct sql_node *n, const char *function,
                            const char **out)
{
  const char *list = NULL;
  const char *body = NULL;
  const char *x = fresh(w);
  const char *i = fresh(w);
  const char *texts[] = { x, arena_printf(w->a, "CAST(%s - 1 AS INTEGER)", i) };
  const bool two = n->kids[1]->kind == SQL_LAMBDA && n->kids[1]->n_parts == 2;
  if (sql_write_expr(w, n->kids[0], &list) != CHN_OK ||
      sql_write_lambda(w, n->kids[1], texts, two ? 2 : 1, &body) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "%s(%s, lambda %s%s%s: %s)", function, list, x, two ? ", " : "",
                      two ? i : "", body);
  return CHN_OK;
}

static chn_status write_transform(struct sql_writer *w, struct sql_node *n, const char **out)
{
  return over_list(w, n, "list_transform", out);
}

static chn_status write_filter(struct sql_writer *w, struct sql_node *n, const char **out)
{
  return over_list(w, n, "list_filter", out);
}

static chn_status write_exists(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const bool any = n->op[0] == 'e';
  const chn_status st = over_list(w, n, "list_transform", out);
  *out = arena_printf(w->a, "%s(%s)", any ? "sp_any" : "sp_all", *out);
  return st;
}

// aggregate(list, start, (acc, x) -> ..., acc -> ...)
static chn_status write_aggregate(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *list = NULL;
  const char *start = NULL;
  const char *body = NULL;
  const char *acc = fresh(w);
  const char *x = fresh(w);
  const char *texts[] = { acc, x };
  if (sql_write_expr(w, n->kids[0], &list) != CHN_OK ||
      sql_write_expr(w, n->kids[1], &start) != CHN_OK ||
      sql_write_lambda(w, n->kids[2], texts, 2, &body) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "list_reduce(%s, lambda %s, %s: %s, %s)", list, acc, x, body, start);
  if (n->n_kids == 4) {
    const char *last = fresh(w);
    if (sql_write_lambda(w, n->kids[3], &last, 1, &body) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "list_transform([%s], lambda %s: %s)[1]", *out, last, body);
  }
  return CHN_OK;
}

static chn_status write_zip_with(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *a = NULL;
  const char *b = NULL;
  const char *body = NULL;
  const char *i = fresh(w);
  if (sql_write_expr(w, n->kids[0], &a) != CHN_OK || sql_write_expr(w, n->kids[1], &b) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const char *texts[] = { arena_printf(w->a, "(%s)[%s]", a, i),
                          arena_printf(w->a, "(%s)[%s]", b, i) };
  if (sql_write_lambda(w, n->kids[2], texts, 2, &body) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out =
      arena_printf(w->a,
                   "CASE WHEN (%s) IS NOT NULL AND (%s) IS NOT NULL THEN list_transform(range(1, "
                   "greatest(len(%s), len(%s)) + 1), lambda %s: %s) END",
                   a, b, a, b, i, body);
  return CHN_OK;
}

// Maps go through their entries: (k, v) are fields of one parameter.
static chn_status over_map(struct sql_writer *w, struct sql_node *n, const char **map,
                           const char **entry, const char **body)
{
  *entry = fresh(w);
  const char *texts[] = { arena_printf(w->a, "%s.key", *entry),
                          arena_printf(w->a, "%s.value", *entry) };
  return sql_write_expr(w, n->kids[0], map) == CHN_OK
             ? sql_write_lambda(w, n->kids[1], texts, 2, body)
             : CHN_E_ARGUMENT;
}

static chn_status write_map_filter(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *map = NULL;
  const char *e = NULL;
  const char *body = NULL;
  const chn_status st = over_map(w, n, &map, &e, &body);
  *out = arena_printf(w->a, "map_from_entries(list_filter(map_entries(%s), lambda %s: %s))", map, e,
                      body);
  return st;
}

static chn_status write_transform_map(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *map = NULL;
  const char *e = NULL;
  const char *body = NULL;
  const bool values = strcmp(n->op, "transform_values") == 0;
  const chn_status st = over_map(w, n, &map, &e, &body);
  *out =
      arena_printf(w->a,
                   "map_from_entries(list_transform(map_entries(%s), lambda %s: struct_pack(k := "
                   "%s, v := %s)))",
                   map, e, values ? arena_printf(w->a, "%s.key", e) : body,
                   values ? body : arena_printf(w->a, "%s.value", e));
  return st;
}

static chn_status write_str_to_map(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *args[] = { NULL, "','", "':'" };
  for (int32_t i = 0; i < n->n_kids; i++) {
    if (sql_write_as(w, n->kids[i], SQL_C_STRING, &args[i]) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  *out = arena_printf(w->a, "sp_str_to_map(%s, %s, %s)", args[0], args[1], args[2]);
  return CHN_OK;
}

// ---- JSON -------------------------------------------------------------------------------------

// The structure that json_transform reads: {"a":"INTEGER"}, ["VARCHAR"], "MAP(VARCHAR, BIGINT)".
static chn_status json_structure(struct sql_writer *w, const struct sql_type *t, struct chn_buf *b)
{
  chn_status st = CHN_OK;
  if (strcmp(t->name, "struct") == 0) {
    chn_buf_addc(b, '{');
    for (int32_t i = 0; i < t->n_kids && st == CHN_OK; i++) {
      chn_buf_addf(b, "%s\"%s\":", i ? "," : "", t->fields[i]);
      st = json_structure(w, t->kids[i], b);
    }
    chn_buf_addc(b, '}');
  } else if (strcmp(t->name, "array") == 0) {
    chn_buf_addc(b, '[');
    st = json_structure(w, t->kids[0], b);
    chn_buf_addc(b, ']');
  } else {
    const char *name = NULL;
    st = sql_write_type(w, t, &name);
    chn_buf_addf(b, "\"%s\"", st == CHN_OK ? name : "");
  }
  return st;
}

static chn_status write_from_json(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const struct sql_node *schema = n->kids[1];
  if (schema->kind != SQL_STRING || strpbrk(schema->text, "\"\\")) {
    return sql_error_at(w->err, w->text, schema->pos, "from_json: the schema must be a literal");
  }
  // 'a INT, b STRING' is a struct without its frame
  struct sql_parser p;
  const struct sql_type *type = NULL;
  const bool whole = strchr(schema->text, '<') && !strpbrk(schema->text, " ");
  const char *text = whole ? schema->text : arena_printf(w->a, "struct<%s>", schema->text);
  if (sql_parser_init(&p, w->a, text, w->err) != CHN_OK || sql_parse_type(&p, &type) != CHN_OK) {
    text = schema->text;
    if (sql_parser_init(&p, w->a, text, w->err) != CHN_OK || sql_parse_type(&p, &type) != CHN_OK) {
      return sql_error_at(w->err, w->text, schema->pos,
                          "from_json: schema \"%s\" is not understood", schema->text);
    }
  }
  const char *x = NULL;
  struct chn_buf b = { 0 };
  chn_status st = sql_write_as(w, n->kids[0], SQL_C_STRING, &x);
  st = st == CHN_OK ? json_structure(w, type, &b) : st;
  const char *result = NULL;
  st = st == CHN_OK ? sql_write_type(w, type, &result) : st;
  *out = arena_printf(w->a, "CAST(CASE WHEN json_valid(%s) THEN json_transform(%s, %s) END AS %s)",
                      x, x, sql_quote(w->a, chn_buf_str(&b)), result ? result : "");
  chn_buf_deinit(&b);
  return st;
}

static const struct {
  const char *name;
  sql_special write;
} specials[] = {
  { "array", write_array },
  { "map", write_map },
  { "struct", write_struct },
  { "named_struct", write_named_struct },
  { "sort_array", write_sort_array },
  { "array_join", write_array_join },
  { "sequence", write_sequence },
  { "arrays_zip", write_arrays_zip },
  { "transform", write_transform },
  { "filter", write_filter },
  { "exists", write_exists },
  { "forall", write_exists },
  { "aggregate", write_aggregate },
  { "reduce", write_aggregate },
  { "zip_with", write_zip_with },
  { "map_filter", write_map_filter },
  { "transform_values", write_transform_map },
  { "transform_keys", write_transform_map },
  { "str_to_map", write_str_to_map },
  { "from_json", write_from_json },
};

sql_special sql_special_collection_find(const char *name)
{
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    if (strcmp(name, specials[i].name) == 0) {
      return specials[i].write;
    }
  }
  return NULL;
}
