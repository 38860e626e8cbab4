#include "warehouse/eval.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "warehouse/wh_int.h"

struct wh_eval {
  struct wh *wh;
  struct arena arena;
  duckdb_connection con;
  duckdb_prepared_statement statement;
  const char *id; ///< of the frame that it reads
  struct wh_frame *frame;
  struct row_col *inputs; ///< empty columns that the frame is declared with
  struct row_schema schema;
  struct row_col *outs; ///< shapes that each chunk fills
  int32_t *index;       ///< rows of the inputs that are asked for
  size_t room;
};

/// One frame an evaluation, as long as that lives.
static chn_status add_frame(struct wh_eval *e, const struct row_schema *inputs, struct chn_err *err)
{
  static atomic_int serial;
  e->id = arena_printf(&e->arena, "eval %d", atomic_fetch_add(&serial, 1));
  e->inputs = arena_calloc(&e->arena, (size_t)inputs->n_fields + 1, sizeof *e->inputs);
  struct wh_extra *extras = arena_calloc(&e->arena, (size_t)inputs->n_fields + 1, sizeof *extras);
  for (int32_t i = 0; i < inputs->n_fields; i++) {
    e->inputs[i].type = inputs->fields[i].type;
    extras[i] = (struct wh_extra){ inputs->fields[i].name, &e->inputs[i], NULL };
  }
  const chn_status s = wh_frame_add(e->wh, e->id, NULL, 0, extras, inputs->n_fields, err);
  e->frame = s == CHN_OK ? wh_frame_find(e->wh, e->id) : NULL;
  return s;
}

static chn_status prepare(struct wh_eval *e, const struct wh_expr *exprs, int32_t n,
                          struct chn_err *err)
{
  struct chn_buf text = { 0 };
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(&text, "%s(%s) AS %s", i == 0 ? "SELECT " : ", ", exprs[i].sql,
                 wh_quote_name(&e->arena, exprs[i].name));
  }
  chn_buf_addf(&text, " FROM wh_frame(%s)", wh_quote_string(&e->arena, e->id));
  const char *sql = arena_strndup(&e->arena, chn_buf_str(&text), text.len);
  chn_buf_deinit(&text);
  chn_status s = wh_normalise(e->con, &e->arena, &sql, &e->schema, err);
  for (int32_t i = 0; i < e->schema.n_fields && s == CHN_OK; i++) {
    if (e->schema.fields[i].type->kind == ROW_OTHER) {
      s = chn_fail(err, CHN_E_ARGUMENT, "%s is of type %s, which features cannot have; cast it",
                   e->schema.fields[i].name, e->schema.fields[i].type->name);
    }
  }
  return s == CHN_OK ? wh_prepare(e->con, sql, &e->statement, err) : s;
}

chn_status wh_eval_open(struct wh *wh, const struct row_schema *inputs, const struct wh_expr *exprs,
                        int32_t n, struct wh_eval **out, struct chn_err *err)
{
  struct wh_eval *e = chn_calloc(1, sizeof *e);
  e->wh = wh;
  chn_status s = duckdb_connect(wh->db, &e->con) == DuckDBSuccess
                     ? CHN_OK
                     : chn_fail(err, CHN_E_INTERNAL, "the SQL engine gives no connection");
  if (s == CHN_OK) {
    s = add_frame(e, inputs, err);
  }
  if (s == CHN_OK) {
    s = prepare(e, exprs, n, err);
  }
  if (s != CHN_OK) {
    wh_eval_close(e);
    return s;
  }
  e->outs = arena_calloc(&e->arena, (size_t)e->schema.n_fields + 1, sizeof *e->outs);
  for (int32_t i = 0; i < e->schema.n_fields; i++) {
    wh_col_shape(&e->arena, e->schema.fields[i].type, &e->outs[i]);
  }
  *out = e;
  return CHN_OK;
}

void wh_eval_close(struct wh_eval *e)
{
  if (e == NULL) {
    return;
  }
  duckdb_destroy_prepare(&e->statement);
  duckdb_disconnect(&e->con);
  if (e->frame != NULL) {
    wh_frame_remove(e->wh, e->id);
  }
  free(e->index);
  arena_deinit(&e->arena);
  free(e);
}

const struct row_schema *wh_eval_schema(const struct wh_eval *e)
{
  return &e->schema;
}

/// Appends the rows of a chunk.
static void take(struct wh_eval *e, duckdb_data_chunk chunk, struct row_builder *const *outs)
{
  const size_t n = duckdb_data_chunk_get_size(chunk);
  for (int32_t i = 0; i < e->schema.n_fields; i++) {
    wh_col_fill(&e->outs[i], duckdb_data_chunk_get_vector(chunk, (idx_t)i), n);
    row_builder_append(outs[i], &e->outs[i], 0, n);
  }
}

chn_status wh_eval_run(struct wh_eval *e, const struct row_col *cols, size_t from, size_t n,
                       struct row_builder *const *outs, struct chn_err *err)
{
  if (n == 0) {
    return CHN_OK;
  }
  if (n > e->room) {
    e->index = chn_realloc(e->index, n * sizeof *e->index);
    e->room = n;
  }
  for (size_t i = 0; i < n; i++) {
    e->index[i] = (int32_t)(from + i);
  }
  wh_frame_point(e->frame, cols, e->index, n);
  duckdb_result result;
  chn_status s = CHN_OK;
  if (duckdb_execute_prepared(e->statement, &result) != DuckDBSuccess) {
    s = wh_duck_fail(err, duckdb_result_error_type(&result), duckdb_result_error(&result));
  }
  // Materialised: an error comes before the first row is taken.
  for (duckdb_data_chunk chunk = NULL;
       s == CHN_OK && (chunk = duckdb_fetch_chunk(result)) != NULL;) {
    take(e, chunk, outs);
    duckdb_destroy_data_chunk(&chunk);
  }
  duckdb_destroy_result(&result);
  return s;
}
