// Rows of a sealed frame as columns again: strings from their codes, nested values gathered, the
// rest where it lies.
#include <stdlib.h>
#include <string.h>

#include "agg/frame_int.h"

struct agg_frame_reader {
  const struct agg_frame *f;
  int32_t n_inputs;
  uint64_t **valid;            ///< by input, of AGG_READ_MAX bits
  struct row_str **strings;    ///< FRAME_CODED
  struct row_builder **nested; ///< FRAME_NESTED
};

struct agg_frame_reader *agg_frame_reader_new(const struct agg_frame *f)
{
  const size_t n = (size_t)f->plan->inputs.n_fields;
  struct agg_frame_reader *r = chn_calloc(1, sizeof *r);
  r->f = f;
  r->n_inputs = f->plan->inputs.n_fields;
  r->valid = chn_calloc(n, sizeof *r->valid);
  r->strings = chn_calloc(n, sizeof *r->strings);
  r->nested = chn_calloc(n, sizeof *r->nested);
  for (size_t j = 0; j < n; j++) {
    const struct frame_col *c = &f->cols[j];
    r->valid[j] = chn_calloc(AGG_READ_MAX / 64, sizeof **r->valid);
    if (c->form == FRAME_CODED) {
      r->strings[j] = chn_calloc(AGG_READ_MAX, sizeof **r->strings);
    } else if (c->form == FRAME_NESTED) {
      r->nested[j] = row_builder_new(c->type);
    }
  }
  return r;
}

void agg_frame_reader_free(struct agg_frame_reader *r)
{
  if (r == NULL) {
    return;
  }
  for (int32_t j = 0; j < r->n_inputs; j++) {
    free(r->valid[j]);
    free(r->strings[j]);
    row_builder_free(r->nested[j]);
  }
  free(r->valid);
  free(r->strings);
  free(r->nested);
  free(r);
}

static void read_fixed(struct agg_frame_reader *r, int32_t j, size_t at, size_t n,
                       struct row_col *out)
{
  const struct frame_col *c = &r->f->cols[j];
  out->data = c->data.sorted + at * c->data.width;
  if (!c->has_null) {
    return;
  }
  out->valid = r->valid[j];
  memset(out->valid, 0xff, AGG_READ_MAX / 8);
  for (size_t i = 0; i < n; i++) {
    if (c->valid.sorted[at + i] == 0) {
      row_set_null(out, i);
    }
  }
}

static void read_strings(struct agg_frame_reader *r, int32_t j, size_t at, size_t n,
                         struct row_col *out)
{
  const struct frame_col *c = &r->f->cols[j];
  const int32_t *codes = (const int32_t *)(const void *)c->data.sorted + at;
  out->data = r->strings[j];
  out->valid = r->valid[j];
  memset(out->valid, 0xff, AGG_READ_MAX / 8);
  for (size_t i = 0; i < n; i++) {
    if (codes[i] == FRAME_NO_CODE) {
      row_set_null(out, i);
    } else {
      r->strings[j][i] = c->dict->strings[codes[i]];
    }
  }
}

static void read_nested(struct agg_frame_reader *r, int32_t j, size_t at, size_t n,
                        struct row_col *out)
{
  const struct frame_col *c = &r->f->cols[j];
  const int32_t *rows = (const int32_t *)(const void *)c->data.sorted + at;
  row_builder_clear(r->nested[j]);
  for (size_t i = 0; i < n; i++) {
    row_builder_gather(r->nested[j], c->nested, &(int64_t){ rows[i] }, 1);
  }
  *out = *row_builder_col(r->nested[j]);
}

size_t agg_frame_read(struct agg_frame_reader *r, int32_t key, size_t from, struct row_col *cols)
{
  const struct agg_frame *f = r->f;
  const size_t rows = agg_frame_key_rows(f, key, NULL);
  const size_t left = from < rows ? rows - from : 0;
  const size_t n = left < AGG_READ_MAX ? left : AGG_READ_MAX;
  if (n == 0) {
    return 0;
  }
  const size_t at = f->start[key] + from;
  for (int32_t j = 0; j < r->n_inputs; j++) {
    cols[j] = (struct row_col){ .type = f->cols[j].type, .count = n };
    switch (f->cols[j].form) {
    case FRAME_FIXED: read_fixed(r, j, at, n, &cols[j]); break;
    case FRAME_CODED: read_strings(r, j, at, n, &cols[j]); break;
    case FRAME_NESTED: read_nested(r, j, at, n, &cols[j]); break;
    }
  }
  return n;
}
