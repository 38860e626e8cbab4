// Calls, by the rows of sql_functions.c. A row's `args` has one letter an argument (the last one
// repeats): what the argument is turned into where the text does not tell that it is already:
//   a as it is   s string   d double   i int   l bigint   n number   b boolean   t timestamp
//   D date       x binary   y string or binary   r as it is, decimals as doubles
//   f a lambda   c a literal
#include "warehouse/sql_int.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

chn_status sql_fill(struct sql_writer *w, uint32_t pos, const char *format, const char **args,
                    int32_t n, const char *distinct, const char *over, const char **out)
{
  struct chn_buf b = { .max = SQL_MAX_OUTPUT };
  for (const char *f = format; *f; f++) {
    if (*f != '$') {
      chn_buf_addc(&b, *f);
      continue;
    }
    f++;
    if (*f == 'D' || *f == 'O') {
      chn_buf_adds(&b, *f == 'D' ? distinct : over);
    } else if (*f == '*') {
      for (int32_t i = 0; i < n; i++) {
        chn_buf_addf(&b, "%s%s", i ? ", " : "", args[i]);
      }
    } else if (isdigit((unsigned char)*f) && *f - '0' <= n) {
      chn_buf_adds(&b, args[*f - '1']);
    }
  }
  const bool fits = !b.truncated;
  *out = arena_strdup(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return fits ? CHN_OK : sql_error_at(w->err, w->text, pos, "expression too large");
}

chn_status sql_write_over(struct sql_writer *w, const struct sql_node *n, const char **out)
{
  const char *filter = NULL;
  const char *window = NULL;
  *out = "";
  if (n->filter) {
    if (sql_write_expr(w, n->filter, &filter) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, " FILTER (WHERE %s)", filter);
  }
  if (n->over) {
    if (sql_write_window(w, n->over, &window) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "%s OVER %s", *out, window);
  }
  return CHN_OK;
}

static chn_status write_argument(struct sql_writer *w, struct sql_node *n, char letter,
                                 const char **out)
{
  static const struct {
    char letter;
    enum sql_class cls;
  } wants[] = {
    { 's', SQL_C_STRING }, { 'd', SQL_C_DOUBLE }, { 'i', SQL_C_INT },
    { 'l', SQL_C_LONG },   { 'n', SQL_C_NUMBER }, { 't', SQL_C_TIMESTAMP },
    { 'D', SQL_C_DATE },   { 'b', SQL_C_BOOL },   { 'x', SQL_C_BINARY },
  };
  if (letter == 'y' && sql_class_of(n) != SQL_C_BINARY) {
    return sql_write_as(w, n, SQL_C_STRING, out);
  }
  if (letter == 'r' && sql_class_of(n) == SQL_C_DECIMAL) {
    const chn_status st = sql_write_expr(w, n, out);
    *out = arena_printf(w->a, "CAST(%s AS DOUBLE)", *out);
    return st;
  }
  for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
    if (wants[i].letter == letter) {
      return sql_write_as(w, n, wants[i].cls, out);
    }
  }
  return sql_write_expr(w, n, out);
}

static chn_status check_count(struct sql_writer *w, const struct sql_node *n,
                              const struct sql_function *f)
{
  if (n->n_kids >= f->min && (f->max < 0 || n->n_kids <= f->max)) {
    return CHN_OK;
  }
  const char *want = f->max < 0         ? arena_printf(w->a, "at least %d", f->min)
                     : f->max == f->min ? arena_printf(w->a, "%d", f->min)
                                        : arena_printf(w->a, "%d to %d", f->min, f->max);
  return sql_error_at(w->err, w->text, n->pos, "%s takes %s argument%s, not %d", f->name, want,
                      f->max == 1 ? "" : "s", n->n_kids);
}

static chn_status unknown(struct sql_writer *w, const struct sql_node *n)
{
  const char *near = sql_function_nearest(n->op);
  return sql_error_at(w->err, w->text, n->pos,
                      "function \"%.80s\" is not supported%s%s%s; see docs/reference/sql.md",
                      n->text, near ? " (did you mean \"" : "", near ? near : "",
                      near ? "\"?)" : "");
}

static chn_status check_form(struct sql_writer *w, const struct sql_node *n,
                             const struct sql_function *f)
{
  if (f->state == SQL_REFUSED) {
    return sql_error_at(w->err, w->text, n->pos, "function \"%s\" is not supported: %s", f->name,
                        f->note);
  }
  if (f->kind == SQL_F_SCALAR && (n->over || n->filter || n->distinct)) {
    return sql_error_at(w->err, w->text, n->pos,
                        "%s is not an aggregate: no DISTINCT, FILTER or OVER", f->name);
  }
  if (f->kind == SQL_F_WINDOW && !n->over) {
    return sql_error_at(w->err, w->text, n->pos, "%s needs OVER (...)", f->name);
  }
  if (f->kind == SQL_F_GENERATOR) {
    return sql_error_at(w->err, w->text, n->pos,
                        "%s is a generator: use it alone in SELECT or in LATERAL VIEW", f->name);
  }
  return check_count(w, n, f);
}

chn_status sql_write_call(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const struct sql_function *f = sql_function_find(n->op);
  if (!f) {
    return unknown(w, n);
  }
  if (check_form(w, n, f) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (!f->render) {
    const sql_special special = sql_special_find(f->name);
    return special ? special(w, n, out) : unknown(w, n);
  }
  if (n->ignore_nulls) {
    return sql_error_at(w->err, w->text, n->pos, "%s: no IGNORE NULLS", f->name);
  }
  const char **args = arena_calloc(w->a, (size_t)n->n_kids + 1, sizeof *args);
  const char *over = "";
  for (int32_t i = 0; i < n->n_kids; i++) {
    const size_t letters = strlen(f->args);
    const char letter = letters == 0 ? 'a' : f->args[(size_t)i < letters ? (size_t)i : letters - 1];
    if (write_argument(w, n->kids[i], letter, &args[i]) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  if (sql_write_over(w, n, &over) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  return sql_fill(w, n->pos, f->render, args, n->n_kids, n->distinct ? "DISTINCT " : "", over, out);
}
