#include "stream/select.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "warehouse/eval.h"
#include "warehouse/sql.h"

/// Where a wanted column comes from.
struct output {
  int32_t column; ///< a decoded column as it lies; -1: an expression
  int32_t expr;
};

struct stream_select {
  struct arena arena;
  const struct row_schema *columns;
  const struct select_want *wants;
  struct output *outs;
  int32_t n;
  int32_t where; ///< expression, or -1
  struct wh_expr *exprs;
  const char **authored; ///< what each expression is: `select "x"`
  int32_t n_exprs;
  struct wh_eval *eval; ///< NULL without expressions
  struct row_builder **built;
  struct row_schema schema;
  struct row_col *cols;
  uint8_t *failed; ///< rows on which an expression failed
  size_t room;
};

// ---- what is asked ----------------------------------------------------------------------------

const char *select_expression(const struct model_query *query, const char *name)
{
  for (int32_t i = 0; query != NULL && i < query->n_selects; i++) {
    if (strcmp(query->selects[i].key, name) == 0) {
      return query->selects[i].value;
    }
  }
  return NULL;
}

/// The column that a text names and does nothing else, or -1.
static int32_t plain_column(const struct row_schema *columns, const char *text)
{
  while (isspace((unsigned char)*text)) {
    text++;
  }
  size_t len = strlen(text);
  while (len > 0 && isspace((unsigned char)text[len - 1])) {
    len--;
  }
  if (len > 2 && text[0] == '`' && text[len - 1] == '`') {
    text++;
    len -= 2;
  }
  for (int32_t i = 0; i < columns->n_fields; i++) {
    const char *name = columns->fields[i].name;
    if (strlen(name) == len && strncasecmp(name, text, len) == 0) {
      return i;
    }
  }
  return -1;
}

static int32_t add_expr(struct stream_select *s, const char *authored, const char *sql)
{
  s->authored[s->n_exprs] = authored;
  s->exprs[s->n_exprs] = (struct wh_expr){ arena_printf(&s->arena, "__%d", s->n_exprs), sql };
  return s->n_exprs++;
}

/// What a number is converted to; NULL: not a number.
static const char *cast_name(const struct row_type *t)
{
  switch (t->kind) {
  case ROW_BYTE: return "TINYINT";
  case ROW_SHORT: return "SMALLINT";
  case ROW_INT: return "INTEGER";
  case ROW_LONG: return "BIGINT";
  case ROW_FLOAT: return "FLOAT";
  case ROW_DOUBLE: return "DOUBLE";
  default: return NULL;
  }
}

static chn_status add_output(struct stream_select *s, const struct select_want *want,
                             struct output *o, struct chn_err *err)
{
  *o = (struct output){ -1, -1 };
  const char *spark = want->spark != NULL ? want->spark : want->name;
  const int32_t column = plain_column(s->columns, spark);
  if (want->spark == NULL && column < 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is neither selected nor a column of the stream",
                    want->name);
  }
  if (column >= 0 &&
      (want->type == NULL || row_type_equal(s->columns->fields[column].type, want->type))) {
    o->column = column;
    return CHN_OK;
  }
  char *sql = NULL;
  const chn_status status = sql_render_expr(&s->arena, spark, &sql, err);
  if (status != CHN_OK) {
    return chn_wrap(err, "select \"%s\"", want->name);
  }
  const char *cast = want->cast && want->type != NULL ? cast_name(want->type) : NULL;
  o->expr = add_expr(s, arena_printf(&s->arena, "select \"%s\"", want->name),
                     cast != NULL ? arena_printf(&s->arena, "CAST(%s AS %s)", sql, cast) : sql);
  return CHN_OK;
}

static chn_status add_where(struct stream_select *s, const struct model_query *query,
                            struct chn_err *err)
{
  struct chn_buf all = { 0 };
  chn_status status = CHN_OK;
  for (int32_t i = 0; query != NULL && i < query->n_wheres && status == CHN_OK; i++) {
    char *sql = NULL;
    status = sql_render_expr(&s->arena, query->wheres[i], &sql, err);
    if (status != CHN_OK) {
      chn_wrap(err, "where \"%s\"", query->wheres[i]);
    } else {
      chn_buf_addf(&all, "%s(%s)", all.len > 0 ? " AND " : "", sql);
    }
  }
  if (status == CHN_OK && all.len > 0) {
    s->where =
        add_expr(s, "wheres", arena_printf(&s->arena, "CAST(%s AS BOOLEAN)", chn_buf_str(&all)));
  }
  chn_buf_deinit(&all);
  return status;
}

// ---- opening ----------------------------------------------------------------------------------

static const struct row_type *type_of(const struct stream_select *s, int32_t i)
{
  const struct output *o = &s->outs[i];
  return o->column >= 0 ? s->columns->fields[o->column].type
                        : wh_eval_schema(s->eval)->fields[o->expr].type;
}

static chn_status check_type(const struct stream_select *s, int32_t i, struct chn_err *err)
{
  const struct select_want *want = &s->wants[i];
  if (want->type == NULL || row_type_equal(type_of(s, i), want->type)) {
    return CHN_OK;
  }
  struct chn_buf is = { 0 };
  struct chn_buf wanted = { 0 };
  row_type_print(&is, type_of(s, i));
  row_type_print(&wanted, want->type);
  const chn_status status = chn_fail(
      err, CHN_E_ARGUMENT, "select \"%s\" is %s over the stream and %s in the upload; cast it",
      want->name, chn_buf_str(&is), chn_buf_str(&wanted));
  chn_buf_deinit(&is);
  chn_buf_deinit(&wanted);
  return status;
}

/// The engine does not say which of the expressions it cannot run: each is tried by itself.
static chn_status blame(struct stream_select *s, struct wh *wh, struct chn_err *err)
{
  for (int32_t i = 0; i < s->n_exprs; i++) {
    struct wh_eval *alone = NULL;
    const struct wh_expr expr = { "it", s->exprs[i].sql };
    if (wh_eval_open(wh, s->columns, &expr, 1, &alone, err) != CHN_OK) {
      return chn_wrap(err, "%s", s->authored[i]);
    }
    wh_eval_close(alone);
  }
  return err->code;
}

static chn_status open_eval(struct stream_select *s, struct wh *wh, struct chn_err *err)
{
  if (s->n_exprs == 0) {
    return CHN_OK;
  }
  if (wh_eval_open(wh, s->columns, s->exprs, s->n_exprs, &s->eval, err) != CHN_OK) {
    return blame(s, wh, err);
  }
  const struct row_schema *have = wh_eval_schema(s->eval);
  s->built = arena_calloc(&s->arena, (size_t)s->n_exprs, sizeof *s->built);
  for (int32_t i = 0; i < s->n_exprs; i++) {
    s->built[i] = row_builder_new(have->fields[i].type);
  }
  return CHN_OK;
}

static chn_status set_schema(struct stream_select *s, struct chn_err *err)
{
  struct row_field *fields = arena_calloc(&s->arena, (size_t)s->n + 1, sizeof *fields);
  for (int32_t i = 0; i < s->n; i++) {
    if (check_type(s, i, err) != CHN_OK) {
      return err->code;
    }
    fields[i] = (struct row_field){ .name = s->wants[i].name, .type = type_of(s, i) };
  }
  s->schema = (struct row_schema){ fields, s->n };
  s->cols = arena_calloc(&s->arena, (size_t)s->n + 1, sizeof *s->cols);
  return CHN_OK;
}

chn_status stream_select_open(struct wh *wh, const struct row_schema *columns,
                              const struct model_query *query, const struct select_want *wants,
                              int32_t n, struct stream_select **out, struct chn_err *err)
{
  struct stream_select *s = chn_calloc(1, sizeof *s);
  struct select_want *copy = arena_calloc(&s->arena, (size_t)n + 1, sizeof *copy);
  memcpy(copy, wants, (size_t)n * sizeof *copy);
  s->columns = columns;
  s->wants = copy;
  s->n = n;
  s->where = -1;
  s->outs = arena_calloc(&s->arena, (size_t)n + 1, sizeof *s->outs);
  s->exprs = arena_calloc(&s->arena, (size_t)n + 1, sizeof *s->exprs);
  s->authored = arena_calloc(&s->arena, (size_t)n + 1, sizeof *s->authored);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    status = add_output(s, &wants[i], &s->outs[i], err);
  }
  if (status == CHN_OK) {
    status = add_where(s, query, err);
  }
  if (status == CHN_OK) {
    status = open_eval(s, wh, err);
  }
  if (status == CHN_OK) {
    status = set_schema(s, err);
  }
  if (status != CHN_OK) {
    stream_select_close(s);
    return status;
  }
  *out = s;
  return CHN_OK;
}

void stream_select_close(struct stream_select *s)
{
  if (s == NULL) {
    return;
  }
  for (int32_t i = 0; s->built != NULL && i < s->n_exprs; i++) {
    row_builder_free(s->built[i]);
  }
  wh_eval_close(s->eval);
  free(s->failed);
  arena_deinit(&s->arena);
  free(s);
}

// ---- running ----------------------------------------------------------------------------------

struct run {
  struct stream_select *s;
  const struct decoded *rows;
  const struct stream_message *messages;
  struct stream_rejects *rejects;
};

/// Evaluates a range; where that fails, its halves, down to the row that is to blame.
static chn_status run_range(const struct run *r, size_t from, size_t n, struct chn_err *err)
{
  struct stream_select *s = r->s;
  struct chn_err why;
  if (n == 0) {
    return CHN_OK;
  }
  if (wh_eval_run(s->eval, r->rows->cols, from, n, s->built, &why) == CHN_OK) {
    // An aggregate, or what makes several rows of one: every row after it would be another's.
    return row_builder_count(s->built[0]) == from + n
               ? CHN_OK
               : chn_fail(err, CHN_E_ARGUMENT,
                          "the selects make %zu rows of %zu; a stream's selects are about one row",
                          row_builder_count(s->built[0]) - from, n);
  }
  if (n > 1) {
    const chn_status status = run_range(r, from, n / 2, err);
    return status == CHN_OK ? run_range(r, from + n / 2, n - n / 2, err) : status;
  }
  s->failed[from] = 1;
  for (int32_t i = 0; i < s->n_exprs; i++) {
    row_builder_null(s->built[i]);
  }
  return stream_reject(r->rejects, &r->messages[r->rows->from[from]], STREAM_BAD_EVALUATE, why.msg,
                       err);
}

chn_status stream_select_run(struct stream_select *s, const struct decoded *rows,
                             const struct stream_message *messages, struct stream_rejects *rejects,
                             struct chn_err *err)
{
  if (rows->n > s->room) {
    s->room = rows->n;
    s->failed = chn_realloc(s->failed, s->room);
  }
  if (rows->n > 0) {
    memset(s->failed, 0, rows->n);
  }
  for (int32_t i = 0; i < s->n_exprs; i++) {
    row_builder_clear(s->built[i]);
  }
  const struct run r = { s, rows, messages, rejects };
  const chn_status status = s->n_exprs > 0 ? run_range(&r, 0, rows->n, err) : CHN_OK;
  for (int32_t i = 0; i < s->n; i++) {
    const struct output *o = &s->outs[i];
    s->cols[i] = o->column >= 0 ? rows->cols[o->column] : *row_builder_col(s->built[o->expr]);
  }
  return status;
}

const struct row_schema *stream_select_schema(const struct stream_select *s)
{
  return &s->schema;
}

const struct row_col *stream_select_cols(const struct stream_select *s)
{
  return s->cols;
}

bool stream_select_passes(const struct stream_select *s, size_t row)
{
  if (s->failed[row]) {
    return false;
  }
  if (s->where < 0) {
    return true;
  }
  const struct row_col *c = row_builder_col(s->built[s->where]);
  return !row_is_null(c, row) && ((const bool *)c->data)[row];
}
