#include "stream/target.h"

#include <stdlib.h>

#include "agg/ir.h"

enum { COLLAPSED = 0, COMPLETE = 1 }; // fields of a tile's record

struct stream_target {
  const struct stream_form *form;
  struct agg_ir *ir; ///< of the bases; NULL for rows
  struct row_builder *tile[2];
  const struct stream_batch *batch;
  struct row_col *cols; ///< of its fields
  size_t *widths;       ///< of their values; 0 where those are no array
  int32_t n_cols;
  struct chn_buf tried, next; ///< the tile so far, row by row
};

struct stream_target *target_new(const struct stream_form *form)
{
  struct stream_target *t = chn_calloc(1, sizeof *t);
  t->form = form;
  t->n_cols = form->fields.n_fields;
  t->cols = chn_calloc((size_t)t->n_cols + 1, sizeof *t->cols);
  t->widths = chn_calloc((size_t)t->n_cols + 1, sizeof *t->widths);
  for (int32_t i = 0; i < t->n_cols; i++) {
    t->widths[i] = row_kind_width(form->fields.fields[i].type->kind);
  }
  if (form->tile_ms > 0) {
    const struct agg_plan *aggs = form->serving->aggs;
    t->ir = agg_ir_new(aggs->bases, aggs->n_bases);
    for (int32_t i = 0; i < 2; i++) {
      t->tile[i] = row_builder_new(form->serving->stream->fields[i].schema->type);
    }
  }
  return t;
}

void target_free(struct stream_target *t)
{
  if (t == NULL) {
    return;
  }
  agg_ir_free(t->ir);
  row_builder_free(t->tile[COLLAPSED]);
  row_builder_free(t->tile[COMPLETE]);
  free(t->cols);
  free(t->widths);
  chn_buf_deinit(&t->tried);
  chn_buf_deinit(&t->next);
  free(t);
}

void target_begin(struct stream_target *t, const struct stream_batch *b)
{
  t->batch = b;
  for (int32_t i = 0; i < t->n_cols && t->ir != NULL; i++) {
    t->cols[i] = *row_builder_col(b->fields[i]);
  }
}

void target_prefetch(const struct stream_target *t, const struct batch_target *rows)
{
  enum { MOST = 32 };
  for (size_t i = 0; i < rows->n && i < MOST; i++) {
    const uint32_t row = rows->rows[i];
    __builtin_prefetch(&t->batch->ts[row]);
    for (int32_t c = 0; c < t->n_cols; c++) {
      if (t->widths[c] > 0) {
        __builtin_prefetch((const char *)t->cols[c].data + row * t->widths[c]);
      }
    }
  }
}

static void clear(struct stream_target *t)
{
  agg_ir_clear(t->ir);
  row_builder_clear(t->tile[COLLAPSED]);
  row_builder_clear(t->tile[COMPLETE]);
}

static chn_status load(struct stream_target *t, const void *stored, size_t len, struct chn_err *err)
{
  const struct agg_plan *aggs = t->form->serving->aggs;
  chn_status s = avro_decode(t->form->serving->stream, stored, len, t->tile, err);
  const struct row_col *ir = s == CHN_OK ? row_builder_col(t->tile[COLLAPSED]) : NULL;
  for (int32_t i = 0; i < aggs->n_bases && s == CHN_OK && !row_is_null(ir, 0); i++) {
    s = agg_ir_load(t->ir, i, &ir->child[i], 0, err);
  }
  row_builder_clear(t->tile[COLLAPSED]);
  row_builder_clear(t->tile[COMPLETE]);
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "the stored tile");
}

static chn_status store(struct stream_target *t, bool complete, struct chn_buf *out,
                        struct chn_err *err)
{
  for (int32_t i = 0; i < t->form->serving->aggs->n_bases; i++) {
    agg_ir_store(t->ir, i, row_builder_child(t->tile[COLLAPSED], i));
  }
  row_builder_close_struct(t->tile[COLLAPSED]);
  row_builder_value(t->tile[COMPLETE], &complete);
  const struct row_col cols[2] = { *row_builder_col(t->tile[COLLAPSED]),
                                   *row_builder_col(t->tile[COMPLETE]) };
  return avro_encode(t->form->serving->stream, cols, 0, out, err);
}

/// The tile with one more row, or as it was.
static chn_status try_row(struct stream_target *t, uint32_t row, bool complete, struct chn_err *err)
{
  clear(t);
  const bool none = t->tried.len == 0;
  chn_status s = none ? CHN_OK : load(t, t->tried.data, t->tried.len, err);
  if (s == CHN_OK) {
    s = agg_ir_update(t->ir, t->cols, row, t->batch->ts[row], err);
  }
  chn_buf_clear(&t->next);
  if (s == CHN_OK) {
    s = store(t, complete, &t->next, err);
  }
  if (s == CHN_OK) {
    const struct chn_buf last = t->tried;
    t->tried = t->next;
    t->next = last;
  }
  return s;
}

/// Row by row, each through the stored form, so that one that fails leaves nothing behind.
static chn_status one_by_one(struct stream_target *t, const struct batch_target *rows,
                             const void *stored, size_t stored_len, bool complete,
                             const struct target_refuse *refuse, struct chn_buf *out,
                             struct chn_err *err)
{
  chn_status s = CHN_OK;
  size_t taken = 0;
  chn_buf_clear(&t->tried);
  if (stored != NULL) {
    chn_buf_add(&t->tried, stored, stored_len);
  }
  for (size_t i = 0; i < rows->n && s == CHN_OK; i++) {
    s = try_row(t, rows->rows[i], complete, err);
    taken += s == CHN_OK;
    if (s == CHN_E_ARGUMENT) {
      refuse->row(refuse->self, rows->rows[i], rows->version, err->msg);
      s = CHN_OK;
    }
  }
  if (s == CHN_OK && taken > 0) {
    chn_buf_add(out, t->tried.data, t->tried.len);
  }
  return s;
}

chn_status target_tile(struct stream_target *t, const struct batch_target *rows, const void *stored,
                       size_t stored_len, bool complete, const struct target_refuse *refuse,
                       struct chn_buf *out, struct chn_err *err)
{
  clear(t);
  chn_status s = stored != NULL ? load(t, stored, stored_len, err) : CHN_OK;
  for (size_t i = 0; i < rows->n && s == CHN_OK; i++) {
    s = agg_ir_update(t->ir, t->cols, rows->rows[i], t->batch->ts[rows->rows[i]], err);
  }
  if (s == CHN_OK) {
    s = store(t, complete, out, err);
  }
  // Hardly ever: what fails has left the parts before it changed.
  return s == CHN_E_ARGUMENT ? one_by_one(t, rows, stored, stored_len, complete, refuse, out, err)
                             : s;
}

void target_rows(const struct stream_batch *b, const struct batch_target *rows, struct chn_buf *out)
{
  for (size_t i = 0; i < rows->n; i++) {
    const uint32_t row = rows->rows[i];
    const size_t from = row > 0 ? b->value_at[row - 1] : 0;
    chn_buf_add(out, b->values.data + from, b->value_at[row] - from);
  }
}
