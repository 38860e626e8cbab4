#include "stream/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "stream/select.h"

struct stream_evaluate {
  struct stream_select *select; ///< keys, inputs, then the time
  int32_t n_outs;
  int32_t n_keys;
  bool mutations;
  uint32_t *row;
  uint32_t *from;
  size_t room;
};

// ---- what is asked ----------------------------------------------------------------------------

/// A select named ts, the time column, or the column ts. mutation_ts and is_before are what the
/// decoder or a select calls so, whatever the definition's columns of its mutation table are
/// called.
static const char *time_of(const struct model_query *query)
{
  const char *select = select_expression(query, "ts");
  return select != NULL ? select : query != NULL ? query->time_column : NULL;
}

/// A time may be any number; everything else must already be what the upload says.
static struct select_want want(const struct model_query *query, const struct row_field *field)
{
  const bool time = strcmp(field->name, "ts") == 0 || strcmp(field->name, "mutation_ts") == 0;
  return (struct select_want){ .name = field->name,
                               .spark = select_expression(query, field->name),
                               .type = field->type,
                               .cast = time };
}

static int32_t add_inputs(struct arena *a, const struct model_serving *serving,
                          const struct model_query *query, struct select_want *wants)
{
  const struct row_schema fields =
      serving->tiled ? serving->aggs->inputs : avro_columns(a, serving->stream, true);
  for (int32_t i = 0; i < fields.n_fields; i++) {
    wants[i] = want(query, &fields.fields[i]);
    if (serving->entities && i == serving->ts_field) {
      wants[i].spark = time_of(query);
    }
  }
  return fields.n_fields;
}

static int32_t add_all(struct arena *a, const struct model_serving *serving,
                       const struct model_query *query, struct select_want **out)
{
  const size_t most = (size_t)(serving->keys.n_fields + serving->selected.n_fields) + 8;
  struct select_want *wants = arena_calloc(a, most, sizeof *wants);
  int32_t n = 0;
  for (int32_t i = 0; i < serving->keys.n_fields; i++) {
    wants[n++] = want(query, &serving->keys.fields[i]);
  }
  n += add_inputs(a, serving, query, wants + n);
  wants[n++] =
      (struct select_want){ .name = serving->entities ? "mutation_ts" : "ts",
                            .spark = serving->entities ? select_expression(query, "mutation_ts")
                                                       : time_of(query),
                            .type = row_scalar(ROW_LONG),
                            .cast = true };
  *out = wants;
  return n;
}

chn_status stream_evaluate_open(struct wh *wh, const struct model_serving *serving,
                                const struct model_query *query, const struct row_schema *columns,
                                struct stream_evaluate **out, struct chn_err *err)
{
  struct stream_evaluate *e = chn_calloc(1, sizeof *e);
  struct arena a = { 0 };
  struct select_want *wants = NULL;
  e->n_keys = serving->keys.n_fields;
  e->mutations = serving->entities;
  e->n_outs = add_all(&a, serving, query, &wants);
  const chn_status s = stream_select_open(wh, columns, query, wants, e->n_outs, &e->select, err);
  arena_deinit(&a);
  if (s != CHN_OK) {
    stream_evaluate_close(e);
    return s;
  }
  *out = e;
  return CHN_OK;
}

void stream_evaluate_close(struct stream_evaluate *e)
{
  if (e == NULL) {
    return;
  }
  stream_select_close(e->select);
  free(e->row);
  free(e->from);
  free(e);
}

// ---- running ----------------------------------------------------------------------------------

static void make_room(struct stream_evaluate *e, size_t n)
{
  if (n >= e->room) {
    e->room = n + 1;
    e->row = chn_realloc(e->row, e->room * sizeof *e->row);
    e->from = chn_realloc(e->from, e->room * sizeof *e->from);
  }
}

static bool passes(const struct stream_evaluate *e, const struct row_col *cols, size_t row)
{
  if (!stream_select_passes(e->select, row)) {
    return false;
  }
  for (int32_t i = 0; i < e->n_keys; i++) {
    if (!row_is_null(&cols[i], row)) {
      return true;
    }
  }
  return e->n_keys == 0;
}

chn_status stream_evaluate_run(struct stream_evaluate *e, const struct decoded *rows,
                               const struct stream_message *messages,
                               struct stream_rejects *rejects, struct evaluated *out,
                               struct chn_err *err)
{
  make_room(e, rows->n);
  chn_status s = stream_select_run(e->select, rows, messages, rejects, err);
  const struct row_col *cols = stream_select_cols(e->select);
  const struct row_col *time = &cols[e->n_outs - 1];
  size_t n = 0;
  for (size_t i = 0; i < rows->n && s == CHN_OK; i++) {
    if (!passes(e, cols, i)) {
      continue;
    }
    if (row_is_null(time, i)) {
      s = stream_reject(rejects, &messages[rows->from[i]], STREAM_NO_TIME,
                        e->mutations ? "mutation_ts is null" : "its time column is null", err);
      continue;
    }
    e->row[n] = (uint32_t)i;
    e->from[n++] = rows->from[i];
  }
  *out = (struct evaluated){ .keys = cols,
                             .inputs = cols + e->n_keys,
                             .ts = time->data,
                             .row = e->row,
                             .from = e->from,
                             .n = n };
  return s;
}
