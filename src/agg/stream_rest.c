// Operations that are not simple, in an answer of bytes: their values are decoded on the way past
// them, and IRs of a plan of their own answer them as they answer whole plans (batch_ir.h).
#include <stdlib.h>
#include <string.h>

#include "agg/stream_bytes_int.h"

/// What is gathered of a fetch.
struct stream_rest {
  struct agg_plan plan; ///< the parts and bases that are not simple; inputs are those of all
  int32_t *part_of;     ///< of its part the whole plan's
  struct arena arena;   ///< of types
  struct agg_batch_ir *own;
  const struct agg_batch_ir *batch; ///< own, or one that was given
  struct agg_ir *ir;
  struct agg_ir *tile;
  struct row_builder *stored[2]; ///< the columns of agg_batch_ir_columns
  struct row_builder **streamed; ///< of inputs; of tiles, of the bases; NULL: nobody asks
  struct row_col *cols;
  int32_t n_cols;
  struct row_builder **outs;
  int64_t *ts; ///< of the gathered rows or tiles
  size_t n;
  size_t room;
  bool ordered; ///< no row is earlier than one before it
  bool begun;
};

// ---- making -----------------------------------------------------------------------------------

/// The parts and bases that are not simple; bases get new numbers.
static void take_parts(struct stream_rest *t, const struct agg_plan *plan)
{
  struct agg_part *parts = chn_calloc((size_t)plan->n_parts, sizeof *parts);
  struct agg_part *bases = chn_calloc((size_t)plan->n_bases, sizeof *bases);
  int32_t *number = chn_calloc((size_t)plan->n_bases, sizeof *number);
  t->part_of = chn_calloc((size_t)plan->n_parts, sizeof *t->part_of);
  t->plan = *plan;
  t->plan.n_parts = 0;
  t->plan.n_bases = 0;
  for (int32_t i = 0; i < plan->n_bases; i++) {
    if (!stream_is_simple(&plan->bases[i])) {
      number[i] = t->plan.n_bases;
      bases[t->plan.n_bases] = plan->bases[i];
      bases[t->plan.n_bases].base = t->plan.n_bases;
      t->plan.n_bases++;
    }
  }
  for (int32_t i = 0; i < plan->n_parts; i++) {
    if (!stream_is_simple(&plan->parts[i])) {
      t->part_of[t->plan.n_parts] = i;
      parts[t->plan.n_parts] = plan->parts[i];
      parts[t->plan.n_parts].base = number[plan->parts[i].base];
      t->plan.n_parts++;
    }
  }
  t->plan.parts = parts;
  t->plan.bases = bases;
  free(number);
}

static const struct avro_schema *alone(struct stream_rest *t, const struct avro_field *field)
{
  struct avro_schema *record = arena_calloc(&t->arena, 1, sizeof *record);
  *record = (struct avro_schema){
    .kind = AVRO_RECORD, .name = field->name, .fields = field, .n_fields = 1
  };
  return record;
}

static void attach_ir(struct stream_rest *t, struct stream_ir *ir, const struct avro_field *field,
                      struct row_builder *into)
{
  ir->code = STREAM_REST;
  ir->alone = alone(t, field);
  ir->into = into;
}

static void attach_batch(struct agg_stream *s, const struct avro_schema *batch)
{
  struct stream_rest *t = s->rest;
  const struct avro_schema *hop = batch->fields[1].schema->fields[0].schema->fields[0].schema;
  struct row_builder *hops = row_builder_child(row_builder_child(t->stored[1], 0), 0);
  int32_t k = 0;
  for (int32_t i = 0; i < t->plan.n_parts; i++) {
    const int32_t part = t->part_of[i];
    attach_ir(t, &s->parts[part], &batch->fields[0].schema->fields[part],
              row_builder_child(t->stored[0], i));
  }
  for (int32_t i = 0; i < s->plan->n_bases; i++) {
    if (!stream_is_simple(&s->plan->bases[i])) {
      attach_ir(t, &s->hops[i], &hop->fields[i], row_builder_child(hops, k++));
    }
  }
}

static void attach_tiles(struct agg_stream *s, const struct avro_schema *tile)
{
  struct stream_rest *t = s->rest;
  int32_t k = 0;
  t->n_cols = t->plan.n_bases;
  for (int32_t i = 0; i < s->plan->n_bases; i++) {
    if (!stream_is_simple(&s->plan->bases[i])) {
      t->streamed[k] = row_builder_new(s->plan->bases[i].ir);
      attach_ir(t, &s->tiles[i], &tile->fields[0].schema->fields[i], t->streamed[k++]);
    }
  }
  t->tile = agg_ir_new(t->plan.bases, t->plan.n_bases);
}

static void attach_input(struct agg_stream *s, int32_t input)
{
  struct stream_rest *t = s->rest;
  const struct row_field *column = &s->plan->inputs.fields[input];
  for (int32_t i = 0; i < s->n_fields && t->streamed[input] == NULL; i++) {
    if (strcmp(s->fields[i].name, column->name) == 0) {
      t->streamed[input] = row_builder_new(column->type);
      s->fields[i].into = t->streamed[input];
    }
  }
}

static void attach_rows(struct agg_stream *s, const struct avro_schema *row)
{
  struct stream_rest *t = s->rest;
  t->n_cols = s->plan->inputs.n_fields;
  for (int32_t i = 0; i < t->plan.n_parts; i++) {
    const struct agg_part *p = &t->plan.parts[i];
    attach_input(s, p->input);
    if (p->bucket >= 0) {
      attach_input(s, p->bucket);
    }
  }
  for (int32_t i = 0; i < s->n_fields; i++) {
    s->fields[i].alone = alone(t, &row->fields[i]);
  }
}

void stream_rest_attach(struct agg_stream *s, const struct avro_schema *batch,
                        const struct avro_schema *streamed)
{
  struct stream_rest *t = chn_calloc(1, sizeof *t);
  s->rest = t;
  take_parts(t, s->plan);
  const struct row_schema columns = agg_batch_ir_columns(&t->arena, &t->plan);
  const size_t n_cols = (size_t)s->plan->inputs.n_fields + (size_t)s->plan->n_bases + 1;
  t->own = agg_batch_ir_new(&t->plan, s->rule);
  t->ir = agg_ir_new(t->plan.parts, t->plan.n_parts);
  t->stored[0] = row_builder_new(columns.fields[0].type);
  t->stored[1] = row_builder_new(columns.fields[1].type);
  t->streamed = chn_calloc(n_cols, sizeof(struct row_builder *));
  t->cols = chn_calloc(n_cols, sizeof *t->cols);
  t->outs = chn_calloc((size_t)t->plan.n_parts, sizeof(struct row_builder *));
  attach_batch(s, batch);
  if (s->tiles != NULL) {
    attach_tiles(s, streamed);
  } else {
    attach_rows(s, streamed);
  }
}

void stream_rest_free(struct stream_rest *t)
{
  if (t == NULL) {
    return;
  }
  for (int32_t i = 0; i < t->n_cols; i++) {
    row_builder_free(t->streamed[i]);
  }
  agg_batch_ir_free(t->own);
  agg_ir_free(t->ir);
  agg_ir_free(t->tile);
  row_builder_free(t->stored[0]);
  row_builder_free(t->stored[1]);
  free((struct agg_part *)t->plan.parts);
  free((struct agg_part *)t->plan.bases);
  free(t->part_of);
  free(t->streamed);
  free(t->cols);
  free(t->outs);
  free(t->ts);
  arena_deinit(&t->arena);
  free(t);
}

// ---- the batch value --------------------------------------------------------------------------

bool stream_take_alone(struct stream_reader *r, const struct avro_schema *record,
                       struct row_builder *into)
{
  size_t used = 0;
  if (avro_decode_first(record, r->at, (size_t)(r->end - r->at), &into, &used, NULL) != CHN_OK) {
    return false;
  }
  r->at += used;
  return true;
}

void stream_rest_begin(struct agg_stream *s)
{
  struct stream_rest *t = s->rest;
  row_builder_clear(t->stored[0]);
  row_builder_clear(t->stored[1]);
  agg_batch_ir_reset(t->own, s->end);
  t->batch = t->own;
  t->begun = false;
  s->keeps = true;
}

void stream_rest_give(struct agg_stream *s, const struct agg_batch_ir *kept)
{
  if (kept != NULL) {
    s->rest->batch = kept;
    s->keeps = false;
  }
}

static void close_struct(struct row_builder *b, bool has)
{
  if (has) {
    row_builder_close_struct(b);
  } else {
    row_builder_null(b);
  }
}

void stream_rest_close_parts(struct agg_stream *s, bool has)
{
  if (s->rest != NULL && s->keeps) {
    close_struct(s->rest->stored[0], has);
  }
}

void stream_rest_close_hop(struct agg_stream *s, int64_t start)
{
  if (s->rest != NULL && s->keeps) {
    struct row_builder *hop = row_builder_child(row_builder_child(s->rest->stored[1], 0), 0);
    row_builder_value(row_builder_child(hop, s->rest->plan.n_bases), &start);
    row_builder_close_struct(hop);
  }
}

void stream_rest_close_list(struct agg_stream *s)
{
  if (s->rest != NULL && s->keeps) {
    row_builder_close_list(row_builder_child(s->rest->stored[1], 0));
  }
}

chn_status stream_rest_load(struct agg_stream *s, bool has_hops, struct chn_err *err)
{
  struct stream_rest *t = s->rest;
  if (t == NULL || !s->keeps) {
    return CHN_OK;
  }
  if (has_hops) {
    row_builder_close_list(t->stored[1]);
  } else {
    row_builder_null(t->stored[1]);
  }
  const struct row_col cols[2] = { *row_builder_col(t->stored[0]), *row_builder_col(t->stored[1]) };
  return agg_batch_ir_load(t->own, cols, 0, err);
}

bool agg_stream_is_simple(const struct agg_stream *s)
{
  return s != NULL && s->rest == NULL;
}

struct agg_batch_ir *agg_stream_keep(struct agg_stream *s, struct agg_batch_ir *spare)
{
  struct stream_rest *t = s->rest;
  if (t == NULL) {
    return NULL;
  }
  struct agg_batch_ir *kept = t->own;
  t->own = spare != NULL ? spare : agg_batch_ir_new(&t->plan, s->rule);
  return kept;
}

// ---- the stream -------------------------------------------------------------------------------

void stream_rest_row(struct agg_stream *s, int64_t ts)
{
  struct stream_rest *t = s->rest;
  if (t->n == t->room) {
    t->room = t->room > 0 ? 2 * t->room : 64;
    t->ts = chn_realloc(t->ts, t->room * sizeof *t->ts);
  }
  t->ordered = t->n == 0 || (t->ordered && t->ts[t->n - 1] <= ts);
  t->ts[t->n++] = ts;
}

void stream_rest_clear(struct agg_stream *s)
{
  struct stream_rest *t = s->rest;
  for (int32_t i = 0; t != NULL && i < t->n_cols; i++) {
    if (t->streamed[i] != NULL) {
      row_builder_clear(t->streamed[i]);
    }
  }
  if (t != NULL) {
    t->n = 0;
  }
}

static chn_status begin_once(struct agg_stream *s, struct chn_err *err)
{
  struct stream_rest *t = s->rest;
  const bool begun = t->begun;
  t->begun = true;
  return begun ? CHN_OK : agg_serve_begin(t->batch, s->q, t->ir, err);
}

static chn_status add_tile(struct agg_stream *s, size_t row, struct chn_err *err)
{
  struct stream_rest *t = s->rest;
  chn_status status = CHN_OK;
  agg_ir_clear(t->tile);
  for (int32_t i = 0; i < t->n_cols && status == CHN_OK; i++) {
    status = agg_ir_load(t->tile, i, &t->cols[i], row, err);
  }
  return status == CHN_OK ? agg_serve_tile(t->batch, s->q, t->ir, t->tile, t->ts[row], err)
                          : status;
}

/// The first row that a part needs: of those in the order of time LAST_K keeps the last k alone.
static size_t first_row(const struct stream_rest *t, const struct agg_part *p)
{
  if (!t->ordered || p->op != AGG_LAST_K || p->shape != AGG_SHAPE_DIRECT || p->bucket >= 0) {
    return 0;
  }
  size_t at = t->n;
  for (int32_t left = p->k; at > 0 && left > 0; at--) {
    left -= row_is_null(&t->cols[p->input], at - 1) ? 0 : 1;
  }
  return at;
}

static chn_status add_rows(struct agg_stream *s, int32_t part, struct chn_err *err)
{
  struct stream_rest *t = s->rest;
  const struct agg_part *p = &t->plan.parts[part];
  const int64_t from = agg_tail_at(p, s->q);
  chn_status status = CHN_OK;
  for (size_t k = first_row(t, p); k < t->n && status == CHN_OK; k++) {
    if (t->ts[k] >= from) {
      status = agg_ir_update_part(t->ir, part, t->cols, k, t->ts[k], err);
    }
  }
  return status;
}

chn_status stream_rest_add(struct agg_stream *s, struct chn_err *err)
{
  struct stream_rest *t = s->rest;
  if (t == NULL || t->n == 0) {
    return CHN_OK;
  }
  for (int32_t i = 0; i < t->n_cols; i++) {
    if (t->streamed[i] != NULL) {
      t->cols[i] = *row_builder_col(t->streamed[i]);
    }
  }
  chn_status status = begin_once(s, err);
  for (size_t k = 0; k < t->n && s->tiles != NULL && status == CHN_OK; k++) {
    status = add_tile(s, k, err);
  }
  for (int32_t i = 0; i < t->plan.n_parts && s->tiles == NULL && status == CHN_OK; i++) {
    status = add_rows(s, i, err);
  }
  return status;
}

chn_status stream_rest_end(struct agg_stream *s, struct chn_err *err)
{
  const chn_status status = s->rest != NULL ? begin_once(s, err) : CHN_OK;
  return s->rest != NULL && status == CHN_OK ? agg_serve_end(s->rest->batch, s->q, s->rest->ir, err)
                                             : status;
}

void stream_rest_emit(struct agg_stream *s, struct row_builder *const *outs)
{
  struct stream_rest *t = s->rest;
  if (t != NULL) {
    for (int32_t i = 0; i < t->plan.n_parts; i++) {
      t->outs[i] = outs[t->part_of[i]];
    }
    agg_ir_finish(t->ir, t->outs);
  }
}
