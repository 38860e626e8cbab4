#include <stdlib.h>
#include <string.h>

#include "agg/win_int.h"

void *win_buf_add(struct win_buf *b, size_t n)
{
  if (!b->borrowed && (b->n + n > b->room || b->data == NULL)) {
    b->room = b->room * 2 > b->n + n ? b->room * 2 : b->n + n + 16;
    b->data = chn_realloc(b->data, b->room * b->width);
  }
  uint8_t *first = b->data + b->n * b->width;
  b->n += n;
  return first;
}

void win_buf_free(struct win_buf *b)
{
  if (!b->borrowed) {
    free(b->data);
  }
  *b = (struct win_buf){ .width = b->width };
}

void win_vals_free(struct win_vals *v)
{
  win_buf_free(&v->cell);
  win_buf_free(&v->valid);
  win_buf_free(&v->child);
  win_buf_free(&v->key);
}

static bool is_nested(const struct row_type *t)
{
  return t->kind == ROW_LIST || t->kind == ROW_MAP || t->kind == ROW_STRUCT;
}

void win_form_of(const struct agg_part *part, struct win_form *out)
{
  const struct row_type *t = part->output;
  out->split =
      part->bucket >= 0 || part->shape == AGG_SHAPE_MAP || part->shape == AGG_SHAPE_ELEMENTS;
  if (out->split) {
    t = t->fields[t->kind == ROW_MAP ? 1 : 0].type;
  }
  out->nest = WIN_LEAF;
  switch (part->op) {
  case AGG_FIRST_K:
  case AGG_LAST_K:
  case AGG_TOP_K:
  case AGG_BOTTOM_K:
  case AGG_APPROX_PERCENTILE:
    out->nest = WIN_LIST;
    t = t->fields[0].type;
    break;
  case AGG_HISTOGRAM:
  case AGG_APPROX_HISTOGRAM_K:
    out->nest = WIN_MAP;
    t = t->fields[1].type;
    break;
  default: break;
  }
  out->leaf = t;
  out->is_ref = is_nested(t);
  out->width = out->is_ref ? sizeof(int32_t) : (uint32_t)row_kind_width(t->kind);
}

void win_vals_init(struct win_vals *v, const struct win_form *form)
{
  *v = (struct win_vals){ 0 };
  v->cell.width = form->nest == WIN_LEAF ? form->width : sizeof(struct row_span);
  v->valid.width = 1;
  v->child.width = form->width;
  v->key.width = sizeof(struct row_str);
}

win_eval *win_eval_of(enum agg_op op)
{
  static win_eval *const evals[AGG_OP_COUNT] = {
    [AGG_COUNT] = win_count,
    [AGG_SUM] = win_sum,
    [AGG_AVERAGE] = win_average,
    [AGG_MIN] = win_extreme,
    [AGG_MAX] = win_extreme,
    [AGG_FIRST] = win_endpoint,
    [AGG_LAST] = win_endpoint,
    [AGG_FIRST_K] = win_endpoint_k,
    [AGG_LAST_K] = win_endpoint_k,
    [AGG_TOP_K] = win_top_k,
    [AGG_BOTTOM_K] = win_top_k,
    [AGG_VARIANCE] = win_moments,
    [AGG_SKEW] = win_moments,
    [AGG_KURTOSIS] = win_moments,
    [AGG_UNIQUE_COUNT] = win_distinct,
    [AGG_BOUNDED_UNIQUE_COUNT] = win_distinct,
    [AGG_APPROX_UNIQUE_COUNT] = win_distinct,
    [AGG_HISTOGRAM] = win_histogram,
    [AGG_APPROX_HISTOGRAM_K] = win_histogram,
    [AGG_APPROX_PERCENTILE] = win_quantile,
  };
  return (int)op >= 0 && op < AGG_OP_COUNT ? evals[op] : NULL;
}

size_t win_stretch(const struct win_call *c, size_t from)
{
  size_t end = from + 1;
  while (end < c->n && c->lo[end] < c->hi[end - 1]) {
    end++;
  }
  return end;
}
