// The values of a stream in the class an operation works on. DOUBLE and LONG columns without nulls
// are used where they lie; everything else is converted once a task, in one tight loop a type.
#include <math.h>
#include <string.h>

#include "agg/win_int.h"

struct win_leaf win_leaf_of(const struct agg_frame *f, int32_t input, enum agg_shape shape)
{
  const struct frame_col *c = &f->cols[input];
  struct win_leaf leaf = { .kind = c->type->kind, .data = c->data.sorted, .dict = c->dict };
  if (c->form == FRAME_CODED) {
    leaf.code = (const int32_t *)(const void *)c->data.sorted;
  } else if (c->form == FRAME_NESTED && shape != AGG_SHAPE_DIRECT) {
    leaf.kind = c->leaf->type->kind;
    leaf.data = c->leaf->data;
    leaf.code = c->leaf_code;
  }
  return leaf;
}

/// Where element i of a stream lies in its leaf.
struct source {
  struct win_leaf leaf;
  const uint32_t *elem; ///< NULL: first + i
  size_t first;
  size_t n;
};

static struct source source_of(const struct win_call *c)
{
  const struct win_elems *e = c->elems;
  return (struct source){ win_leaf_of(c->task->frame, e->input, e->shape), e->elem,
                          c->task->first_row, e->n };
}

// One loop for values that lie in order and one for picked ones.
#define CONVERT(from, expression)                                                                  \
  do {                                                                                             \
    const from *in = (const from *)(const void *)s->leaf.data;                                     \
    if (s->elem == NULL) {                                                                         \
      in += s->first;                                                                              \
      for (size_t i = 0; i < s->n; i++) {                                                          \
        const from x = in[i];                                                                      \
        out[i] = (expression);                                                                     \
      }                                                                                            \
    } else {                                                                                       \
      for (size_t i = 0; i < s->n; i++) {                                                          \
        const from x = in[s->elem[i]];                                                             \
        out[i] = (expression);                                                                     \
      }                                                                                            \
    }                                                                                              \
  } while (0)

static void load_f64(const struct source *s, double *out)
{
  switch (s->leaf.kind) {
  case ROW_SHORT: CONVERT(int16_t, (double)x); break;
  case ROW_INT: CONVERT(int32_t, (double)x); break;
  case ROW_LONG: CONVERT(int64_t, (double)x); break;
  case ROW_FLOAT: CONVERT(float, (double)x); break;
  default: CONVERT(double, x);
  }
}

static int64_t order_of(double x, int64_t nan)
{
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return isnan(x) ? nan : bits ^ ((bits >> 63) & INT64_MAX);
}

static double of_order(int64_t ord)
{
  const int64_t bits = ord ^ ((ord >> 63) & INT64_MAX);
  double x;
  memcpy(&x, &bits, sizeof x);
  return isnan(x) ? (double)NAN : x; // of all NaNs the usual one
}

/// The order of the one NaN when it is the largest: that of the canonical quiet NaN.
static const int64_t nan_high = 0x7ff8000000000000;
static const int64_t nan_low = INT64_MIN;

static void load_i64(const struct source *s, int64_t nan, int64_t *out)
{
  switch (s->leaf.kind) {
  case ROW_BOOLEAN: CONVERT(uint8_t, x); break;
  case ROW_SHORT: CONVERT(int16_t, x); break;
  case ROW_INT: CONVERT(int32_t, x); break;
  case ROW_FLOAT: CONVERT(float, order_of((double)x, nan)); break;
  case ROW_DOUBLE: CONVERT(double, order_of(x, nan)); break;
  default: CONVERT(int64_t, x);
  }
}

static void load_codes(const struct source *s, const int32_t *map, int64_t *wide, int32_t *narrow)
{
  for (size_t i = 0; i < s->n; i++) {
    const int32_t code = s->leaf.code[s->elem != NULL ? s->elem[i] : s->first + i];
    if (wide != NULL) {
      wide[i] = map[code];
    } else {
      narrow[i] = code;
    }
  }
}

/// The leaf itself when the stream is all of it and it has the wanted kind.
static bool in_place(const struct source *s, enum row_kind kind)
{
  return s->elem == NULL && s->leaf.kind == kind;
}

const double *win_f64(const struct win_call *c)
{
  struct win_elems *e = c->elems;
  if (e->vals[WIN_F64] == NULL) {
    const struct source s = source_of(c);
    if (in_place(&s, ROW_DOUBLE)) {
      return (const double *)(const void *)s.leaf.data + s.first + c->from;
    }
    e->vals[WIN_F64] = arena_alloc(&c->task->arena, e->n * sizeof(double));
    load_f64(&s, e->vals[WIN_F64]);
  }
  return (const double *)e->vals[WIN_F64] + c->from;
}

const int64_t *win_i64(const struct win_call *c, enum win_class class)
{
  struct win_elems *e = c->elems;
  if (e->vals[class] == NULL) {
    const struct source s = source_of(c);
    if (in_place(&s, ROW_LONG)) {
      return (const int64_t *)(const void *)s.leaf.data + s.first + c->from;
    }
    e->vals[class] = arena_alloc(&c->task->arena, e->n * sizeof(int64_t));
    if (s.leaf.code != NULL) {
      load_codes(&s, s.leaf.dict->utf16_rank, e->vals[class], NULL);
    } else {
      load_i64(&s, class == WIN_ORD_LOW ? nan_low : nan_high, e->vals[class]);
    }
  }
  return (const int64_t *)e->vals[class] + c->from;
}

const int32_t *win_codes(const struct win_call *c)
{
  struct win_elems *e = c->elems;
  if (e->vals[WIN_CODE] == NULL) {
    const struct source s = source_of(c);
    if (s.elem == NULL) {
      return s.leaf.code + s.first + c->from;
    }
    e->vals[WIN_CODE] = arena_alloc(&c->task->arena, e->n * sizeof(int32_t));
    load_codes(&s, NULL, NULL, e->vals[WIN_CODE]);
  }
  return (const int32_t *)e->vals[WIN_CODE] + c->from;
}

// ---- writing back ----------------------------------------------------------------------------

void win_put_ords(const struct win_call *c, const int64_t *ord, size_t n, void *cells)
{
  const struct win_leaf leaf = win_leaf_of(c->task->frame, c->elems->input, c->elems->shape);
  for (size_t i = 0; i < n; i++) {
    switch (leaf.kind) {
    case ROW_SHORT: ((int16_t *)cells)[i] = (int16_t)ord[i]; break;
    case ROW_INT: ((int32_t *)cells)[i] = (int32_t)ord[i]; break;
    case ROW_LONG: ((int64_t *)cells)[i] = ord[i]; break;
    case ROW_FLOAT: ((float *)cells)[i] = (float)of_order(ord[i]); break;
    case ROW_DOUBLE: ((double *)cells)[i] = of_order(ord[i]); break;
    default: ((struct row_str *)cells)[i] = leaf.dict->strings[leaf.dict->by_utf16_rank[ord[i]]];
    }
  }
}

#define PICK(cell)                                                                                 \
  for (size_t i = 0; i < n; i++) {                                                                 \
    const size_t at = elem != NULL ? elem[pos[i]] : first + pos[i];                                \
    ((cell *)cells)[i] = ((const cell *)(const void *)in)[at];                                     \
  }

void win_put_payloads(const struct win_call *c, const uint32_t *pos, size_t n, void *cells)
{
  const struct win_elems *e = c->elems;
  const struct frame_col *col = &c->task->frame->cols[e->input];
  const uint8_t *in = col->data.sorted;
  const uint32_t *elem = e->elem != NULL ? e->elem + c->from : NULL;
  const size_t first = c->task->first_row + c->from;
  if (col->form == FRAME_CODED) {
    const int32_t *codes = (const int32_t *)(const void *)in;
    for (size_t i = 0; i < n; i++) {
      const size_t at = elem != NULL ? elem[pos[i]] : first + pos[i];
      ((struct row_str *)cells)[i] = col->dict->strings[codes[at]];
    }
    return;
  }
  switch (col->data.width) {
  case 1: PICK(uint8_t); break;
  case 2: PICK(uint16_t); break;
  case 4: PICK(uint32_t); break;
  default: PICK(uint64_t);
  }
}
