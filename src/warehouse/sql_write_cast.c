// CAST and the conversions that Spark makes by itself. Those that DuckDB makes in the same way are
// DuckDB's casts; the others are sp_<type>(x), which look at the type of x when they run
// (sql_exec_cast.c).
#include "warehouse/sql_int.h"
#include <string.h>

static const struct {
  const char *spark;
  const char *duckdb;
} simple_types[] = {
  { "boolean", "BOOLEAN" }, { "tinyint", "TINYINT" },       { "smallint", "SMALLINT" },
  { "int", "INTEGER" },     { "bigint", "BIGINT" },         { "float", "FLOAT" },
  { "double", "DOUBLE" },   { "string", "VARCHAR" },        { "binary", "BLOB" },
  { "date", "DATE" },       { "timestamp", "TIMESTAMPTZ" }, { "timestamp_ntz", "TIMESTAMP" },
};

static chn_status write_nested_type(struct sql_writer *w, const struct sql_type *t,
                                    const char **out)
{
  struct chn_buf b = { 0 };
  chn_status st = CHN_OK;
  for (int32_t i = 0; i < t->n_kids && st == CHN_OK; i++) {
    const char *kid = NULL;
    st = sql_write_type(w, t->kids[i], &kid);
    chn_buf_addf(&b, "%s%s%s%s", i ? ", " : "",
                 t->fields[i] ? sql_quote_name(w->a, t->fields[i]) : "", t->fields[i] ? " " : "",
                 kid ? kid : "");
  }
  *out = strcmp(t->name, "array") == 0 ? arena_printf(w->a, "%s[]", chn_buf_str(&b))
         : strcmp(t->name, "map") == 0 ? arena_printf(w->a, "MAP(%s)", chn_buf_str(&b))
                                       : arena_printf(w->a, "STRUCT(%s)", chn_buf_str(&b));
  chn_buf_deinit(&b);
  return st;
}

chn_status sql_write_type(struct sql_writer *w, const struct sql_type *t, const char **out)
{
  for (size_t i = 0; i < sizeof simple_types / sizeof *simple_types; i++) {
    if (strcmp(t->name, simple_types[i].spark) == 0) {
      *out = simple_types[i].duckdb;
      return CHN_OK;
    }
  }
  if (strcmp(t->name, "decimal") == 0) {
    *out = arena_printf(w->a, "DECIMAL(%d,%d)", t->precision, t->scale);
    return CHN_OK;
  }
  return write_nested_type(w, t, out);
}

static bool is_exact(enum sql_class from, const char *to)
{
  if (strcmp(to, "bigint") == 0 || strcmp(to, "double") == 0) {
    return from == SQL_C_INT || (from == SQL_C_LONG && to[0] == 'd');
  }
  return false;
}

chn_status sql_write_cast(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *type = NULL;
  const enum sql_class from = sql_class_of(n->kids[0]);
  if (sql_write_expr(w, n->kids[0], &x) != CHN_OK || sql_write_type(w, n->type, &type) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const char *to = n->type->name;
  if (from == SQL_C_NULL || is_exact(from, to)) {
    *out = arena_printf(w->a, "CAST(%s AS %s)", x, type);
  } else if (strcmp(to, "decimal") == 0) {
    *out = arena_printf(w->a, "TRY_CAST(sp_decimal_text(%s, %d::INTEGER) AS %s)", x, n->type->scale,
                        type);
  } else if (n->type->n_kids) {
    *out = arena_printf(w->a, "TRY_CAST(%s AS %s)", x, type);
  } else {
    *out = arena_printf(w->a, "sp_%s(%s)", to, x);
  }
  return CHN_OK;
}

chn_status sql_write_as(struct sql_writer *w, struct sql_node *n, enum sql_class want,
                        const char **out)
{
  static const char *const casts[] = {
    [SQL_C_STRING] = "sp_string",       [SQL_C_INT] = "sp_int",
    [SQL_C_LONG] = "sp_bigint",         [SQL_C_DOUBLE] = "sp_double",
    [SQL_C_NUMBER] = "sp_num",          [SQL_C_BOOL] = "sp_boolean",
    [SQL_C_TIMESTAMP] = "sp_timestamp", [SQL_C_DATE] = "sp_date",
    [SQL_C_BINARY] = "sp_binary",       [SQL_C_STRUCT] = NULL,
  };
  const enum sql_class have = sql_class_of(n);
  if (sql_write_expr(w, n, out) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  const bool number = want == SQL_C_NUMBER && have >= SQL_C_INT && have <= SQL_C_NUMBER;
  const bool plain = (want == SQL_C_STRING && sql_is_plain(w, n, true)) ||
                     (want == SQL_C_NUMBER && sql_is_plain(w, n, false));
  if (want != have && !number && !plain && casts[want]) {
    *out = arena_printf(w->a, "%s(%s%s)", casts[want], *out, have == SQL_C_NULL ? "::VARCHAR" : "");
  }
  return CHN_OK;
}
