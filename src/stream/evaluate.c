#include "stream/evaluate.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "warehouse/eval.h"
#include "warehouse/sql.h"

/// Where an output comes from.
struct output {
  const char *name;
  const struct row_type *type; ///< that it must have; NULL: any
  int32_t column;              ///< a decoded column as it lies; -1: an expression
  int32_t expr;
};

struct stream_evaluate {
  struct arena arena;
  const struct row_schema *columns;
  const struct model_query *query;
  struct output *outs; ///< keys, inputs, then the time
  int32_t n_outs;
  int32_t n_keys;
  bool mutations;
  int32_t where; ///< expression, or -1
  struct wh_expr *exprs;
  const char **authored; ///< what each expression is: `select "x"`
  int32_t n_exprs;
  struct wh_eval *eval; ///< NULL without expressions
  struct row_builder **built;
  struct row_col *cols; ///< of the outputs
  uint8_t *failed;      ///< rows on which an expression failed
  uint32_t *row;
  uint32_t *from;
  size_t room;
};

// ---- what is asked ----------------------------------------------------------------------------

/// The expression of a name: a select of the definition, or the column itself.
static const char *expression_of(const struct stream_evaluate *e, const char *name)
{
  for (int32_t i = 0; e->query != NULL && i < e->query->n_selects; i++) {
    if (strcmp(e->query->selects[i].key, name) == 0) {
      return e->query->selects[i].value;
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

static int32_t add_expr(struct stream_evaluate *e, const char *authored, const char *sql)
{
  e->authored[e->n_exprs] = authored;
  e->exprs[e->n_exprs] = (struct wh_expr){ arena_printf(&e->arena, "__%d", e->n_exprs), sql };
  return e->n_exprs++;
}

static chn_status add_output(struct stream_evaluate *e, const char *name, const char *spark,
                             const struct row_type *type, struct chn_err *err)
{
  struct output *o = &e->outs[e->n_outs];
  *o = (struct output){ .name = name, .type = type, .column = -1, .expr = -1 };
  if (spark == NULL) {
    spark = name;
    if (plain_column(e->columns, name) < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is neither selected nor a column of the stream",
                      name);
    }
  }
  const int32_t column = plain_column(e->columns, spark);
  if (column >= 0 && row_type_equal(e->columns->fields[column].type, type)) {
    o->column = column;
  } else {
    char *sql = NULL;
    const chn_status s = sql_render_expr(&e->arena, spark, &sql, err);
    if (s != CHN_OK) {
      return chn_wrap(err, "select \"%s\"", name);
    }
    // A time may be any number; everything else must already be what the upload says.
    const bool time = strcmp(name, "ts") == 0 || strcmp(name, "mutation_ts") == 0;
    o->expr = add_expr(e, arena_printf(&e->arena, "select \"%s\"", name),
                       time ? arena_printf(&e->arena, "CAST(%s AS BIGINT)", sql) : sql);
  }
  e->n_outs++;
  return CHN_OK;
}

static chn_status add_where(struct stream_evaluate *e, struct chn_err *err)
{
  struct chn_buf all = { 0 };
  chn_status s = CHN_OK;
  for (int32_t i = 0; e->query != NULL && i < e->query->n_wheres && s == CHN_OK; i++) {
    char *sql = NULL;
    s = sql_render_expr(&e->arena, e->query->wheres[i], &sql, err);
    if (s != CHN_OK) {
      chn_wrap(err, "where \"%s\"", e->query->wheres[i]);
    } else {
      chn_buf_addf(&all, "%s(%s)", all.len > 0 ? " AND " : "", sql);
    }
  }
  if (s == CHN_OK && all.len > 0) {
    e->where =
        add_expr(e, "wheres", arena_printf(&e->arena, "CAST(%s AS BOOLEAN)", chn_buf_str(&all)));
  }
  chn_buf_deinit(&all);
  return s;
}

/// A select named ts, the time column, or the column ts. mutation_ts and is_before are what the
/// decoder or a select calls so, whatever the definition's columns of its mutation table are
/// called.
static const char *time_of(const struct stream_evaluate *e)
{
  const char *select = expression_of(e, "ts");
  return select != NULL ? select : e->query != NULL ? e->query->time_column : NULL;
}

static chn_status add_inputs(struct stream_evaluate *e, const struct model_serving *serving,
                             struct chn_err *err)
{
  const struct row_schema fields =
      serving->tiled ? serving->aggs->inputs : avro_columns(&e->arena, serving->stream, true);
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < fields.n_fields && s == CHN_OK; i++) {
    const char *name = fields.fields[i].name;
    const bool time = serving->entities && i == serving->ts_field;
    const char *spark = time ? time_of(e) : expression_of(e, name);
    s = add_output(e, name, spark, fields.fields[i].type, err);
  }
  return s;
}

static chn_status add_all(struct stream_evaluate *e, const struct model_serving *serving,
                          struct chn_err *err)
{
  const size_t most = (size_t)(serving->keys.n_fields + serving->selected.n_fields) + 8;
  e->outs = arena_calloc(&e->arena, most, sizeof *e->outs);
  e->exprs = arena_calloc(&e->arena, most, sizeof *e->exprs);
  e->authored = arena_calloc(&e->arena, most, sizeof *e->authored);
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < serving->keys.n_fields && s == CHN_OK; i++) {
    const struct row_field *key = &serving->keys.fields[i];
    s = add_output(e, key->name, expression_of(e, key->name), key->type, err);
  }
  e->n_keys = serving->keys.n_fields;
  if (s == CHN_OK) {
    s = add_inputs(e, serving, err);
  }
  if (s == CHN_OK && e->mutations) {
    s = add_output(e, "mutation_ts", expression_of(e, "mutation_ts"), row_scalar(ROW_LONG), err);
  } else if (s == CHN_OK) {
    s = add_output(e, "ts", time_of(e), row_scalar(ROW_LONG), err);
  }
  return s == CHN_OK ? add_where(e, err) : s;
}

// ---- opening ----------------------------------------------------------------------------------

static chn_status check_types(const struct stream_evaluate *e, struct chn_err *err)
{
  const struct row_schema *have = wh_eval_schema(e->eval);
  for (int32_t i = 0; i < e->n_outs; i++) {
    const struct output *o = &e->outs[i];
    if (o->expr < 0 || row_type_equal(have->fields[o->expr].type, o->type)) {
      continue;
    }
    struct chn_buf is = { 0 };
    struct chn_buf wanted = { 0 };
    row_type_print(&is, have->fields[o->expr].type);
    row_type_print(&wanted, o->type);
    const chn_status s = chn_fail(
        err, CHN_E_ARGUMENT, "select \"%s\" is %s over the stream and %s in the upload; cast it",
        o->name, chn_buf_str(&is), chn_buf_str(&wanted));
    chn_buf_deinit(&is);
    chn_buf_deinit(&wanted);
    return s;
  }
  return CHN_OK;
}

/// The engine does not say which of the expressions it cannot run: each is tried by itself.
static chn_status blame(struct stream_evaluate *e, struct wh *wh, struct chn_err *err)
{
  for (int32_t i = 0; i < e->n_exprs; i++) {
    struct wh_eval *alone = NULL;
    const struct wh_expr expr = { "it", e->exprs[i].sql };
    if (wh_eval_open(wh, e->columns, &expr, 1, &alone, err) != CHN_OK) {
      return chn_wrap(err, "%s", e->authored[i]);
    }
    wh_eval_close(alone);
  }
  return err->code;
}

static chn_status open_eval(struct stream_evaluate *e, struct wh *wh, struct chn_err *err)
{
  if (e->n_exprs == 0) {
    return CHN_OK;
  }
  if (wh_eval_open(wh, e->columns, e->exprs, e->n_exprs, &e->eval, err) != CHN_OK) {
    return blame(e, wh, err);
  }
  const chn_status s = check_types(e, err);
  if (s != CHN_OK) {
    return s;
  }
  const struct row_schema *have = wh_eval_schema(e->eval);
  e->built = arena_calloc(&e->arena, (size_t)e->n_exprs, sizeof *e->built);
  for (int32_t i = 0; i < e->n_exprs; i++) {
    e->built[i] = row_builder_new(have->fields[i].type);
  }
  return CHN_OK;
}

chn_status stream_evaluate_open(struct wh *wh, const struct model_serving *serving,
                                const struct model_query *query, const struct row_schema *columns,
                                struct stream_evaluate **out, struct chn_err *err)
{
  struct stream_evaluate *e = chn_calloc(1, sizeof *e);
  e->columns = columns;
  e->query = query;
  e->mutations = serving->entities;
  e->where = -1;
  chn_status s = add_all(e, serving, err);
  if (s == CHN_OK) {
    s = open_eval(e, wh, err);
  }
  if (s != CHN_OK) {
    stream_evaluate_close(e);
    return s;
  }
  e->cols = arena_calloc(&e->arena, (size_t)e->n_outs, sizeof *e->cols);
  *out = e;
  return CHN_OK;
}

void stream_evaluate_close(struct stream_evaluate *e)
{
  if (e == NULL) {
    return;
  }
  for (int32_t i = 0; e->built != NULL && i < e->n_exprs; i++) {
    row_builder_free(e->built[i]);
  }
  wh_eval_close(e->eval);
  free(e->failed);
  free(e->row);
  free(e->from);
  arena_deinit(&e->arena);
  free(e);
}

// ---- running ----------------------------------------------------------------------------------

static void make_room(struct stream_evaluate *e, size_t n)
{
  if (n >= e->room) {
    e->room = n + 1;
    e->failed = chn_realloc(e->failed, e->room);
    e->row = chn_realloc(e->row, e->room * sizeof *e->row);
    e->from = chn_realloc(e->from, e->room * sizeof *e->from);
  }
}

struct run {
  struct stream_evaluate *e;
  const struct decoded *rows;
  const struct stream_message *messages;
  struct stream_rejects *rejects;
};

/// Evaluates a range; where that fails, its halves, down to the row that is to blame.
static chn_status run_range(const struct run *r, size_t from, size_t n, struct chn_err *err)
{
  struct stream_evaluate *e = r->e;
  struct chn_err why;
  if (n == 0) {
    return CHN_OK;
  }
  if (wh_eval_run(e->eval, r->rows->cols, from, n, e->built, &why) == CHN_OK) {
    // An aggregate, or what makes several rows of one: every row after it would be another's.
    return row_builder_count(e->built[0]) == from + n
               ? CHN_OK
               : chn_fail(err, CHN_E_ARGUMENT,
                          "the selects make %zu rows of %zu; a stream's selects are about one row",
                          row_builder_count(e->built[0]) - from, n);
  }
  if (n > 1) {
    const chn_status s = run_range(r, from, n / 2, err);
    return s == CHN_OK ? run_range(r, from + n / 2, n - n / 2, err) : s;
  }
  e->failed[from] = 1;
  for (int32_t i = 0; i < e->n_exprs; i++) {
    row_builder_null(e->built[i]);
  }
  return stream_reject(r->rejects, &r->messages[r->rows->from[from]], STREAM_BAD_EVALUATE, why.msg,
                       err);
}

static bool passes(const struct stream_evaluate *e, size_t row)
{
  if (e->failed[row]) {
    return false;
  }
  if (e->where >= 0) {
    const struct row_col *c = row_builder_col(e->built[e->where]);
    if (row_is_null(c, row) || !((const bool *)c->data)[row]) {
      return false;
    }
  }
  for (int32_t i = 0; i < e->n_keys; i++) {
    if (!row_is_null(&e->cols[i], row)) {
      return true;
    }
  }
  return e->n_keys == 0;
}

static void take_columns(struct stream_evaluate *e, const struct decoded *rows)
{
  for (int32_t i = 0; i < e->n_outs; i++) {
    const struct output *o = &e->outs[i];
    e->cols[i] = o->column >= 0 ? rows->cols[o->column] : *row_builder_col(e->built[o->expr]);
  }
}

chn_status stream_evaluate_run(struct stream_evaluate *e, const struct decoded *rows,
                               const struct stream_message *messages,
                               struct stream_rejects *rejects, struct evaluated *out,
                               struct chn_err *err)
{
  make_room(e, rows->n);
  memset(e->failed, 0, rows->n);
  for (int32_t i = 0; i < e->n_exprs; i++) {
    row_builder_clear(e->built[i]);
  }
  const struct run r = { e, rows, messages, rejects };
  chn_status s = e->n_exprs > 0 ? run_range(&r, 0, rows->n, err) : CHN_OK;
  take_columns(e, rows);
  size_t n = 0;
  for (size_t i = 0; i < rows->n && s == CHN_OK; i++) {
    if (!passes(e, i)) {
      continue;
    }
    if (row_is_null(&e->cols[e->n_outs - 1], i)) {
      s = stream_reject(rejects, &messages[rows->from[i]], STREAM_NO_TIME,
                        e->mutations ? "mutation_ts is null" : "its time column is null", err);
      continue;
    }
    e->row[n] = (uint32_t)i;
    e->from[n++] = rows->from[i];
  }
  *out = (struct evaluated){ .keys = e->cols,
                             .inputs = e->cols + e->n_keys,
                             .ts = e->cols[e->n_outs - 1].data,
                             .row = e->row,
                             .from = e->from,
                             .n = n };
  return s;
}
