// Rows that decoders make, and what mutations mean: the same for all of them.
#include <string.h>

#include "stream/decode_int.h"

void decode_event(struct decode_rows *r)
{
  if (r->n == r->room) {
    r->room = r->room > 0 ? 2 * r->room : 1024;
    r->from = chn_realloc(r->from, r->room * sizeof *r->from);
  }
  r->from[r->n++] = r->message;
}

static void clear(struct row_builder **b, int32_t n)
{
  for (int32_t i = 0; i < n; i++) {
    row_builder_clear(b[i]);
  }
}

void decode_forget(struct decode_rows *r)
{
  clear(r->after, r->columns->n_fields);
  clear(r->before, r->columns->n_fields);
}

static void add_image(struct decode_rows *r, struct row_builder **image, int64_t mutation_ts,
                      bool is_before)
{
  const int32_t n = r->columns->n_fields;
  for (int32_t i = 0; i < n; i++) {
    row_builder_append(r->outs[i], row_builder_col(image[i]), 0, 1);
  }
  if (mutation_ts == INT64_MIN) {
    row_builder_null(r->outs[n]);
  } else {
    row_builder_value(r->outs[n], &mutation_ts);
  }
  row_builder_value(r->outs[n + 1], &is_before);
  decode_event(r);
}

// ---- whether images are equal ------------------------------------------------------------------

static bool same(const struct row_col *x, size_t i, const struct row_col *y, size_t j);

static bool same_items(const struct row_col *x, size_t i, const struct row_col *y, size_t j)
{
  const struct row_span a = ((const struct row_span *)x->data)[i];
  const struct row_span b = ((const struct row_span *)y->data)[j];
  bool is = a.length == b.length;
  for (size_t k = 0; is && k < a.length; k++) {
    is = same(&x->child[0], a.offset + k, &y->child[0], b.offset + k);
  }
  return is;
}

/// To the last bit; maps in their order.
static bool same(const struct row_col *x, size_t i, const struct row_col *y, size_t j)
{
  if (row_is_null(x, i) || row_is_null(y, j)) {
    return row_is_null(x, i) && row_is_null(y, j);
  }
  switch (x->type->kind) {
  case ROW_STRING:
  case ROW_BINARY:
    return row_str_compare((const struct row_str *)x->data + i,
                           (const struct row_str *)y->data + j) == 0;
  case ROW_LIST:
  case ROW_MAP: return same_items(x, i, y, j);
  case ROW_STRUCT: {
    bool is = true;
    for (int32_t k = 0; is && k < x->n_child; k++) {
      is = same(&x->child[k], i, &y->child[k], j);
    }
    return is;
  }
  default: {
    const size_t width = row_kind_width(x->type->kind);
    return memcmp((const char *)x->data + i * width, (const char *)y->data + j * width, width) == 0;
  }
  }
}

static bool same_images(const struct decode_rows *r)
{
  bool is = true;
  for (int32_t i = 0; is && i < r->columns->n_fields; i++) {
    is = same(row_builder_col(r->after[i]), 0, row_builder_col(r->before[i]), 0);
  }
  return is;
}

void decode_mutation(struct decode_rows *r, bool after, bool before, int64_t mutation_ts)
{
  const bool nothing = after && before && same_images(r);
  if (after && !nothing) {
    add_image(r, r->after, mutation_ts, false);
  }
  if (before && !nothing) {
    add_image(r, r->before, mutation_ts, true);
  }
  decode_forget(r);
}

void decode_row_of_mutation(struct decode_rows *r, int64_t mutation_ts, bool is_before)
{
  add_image(r, r->after, mutation_ts, is_before);
  decode_forget(r);
}

// ---- values ------------------------------------------------------------------------------------

chn_status decode_refuse(struct chn_err *err, const char *column, const struct row_type *type,
                         const char *text, size_t len)
{
  struct chn_buf name = { 0 };
  row_type_print(&name, type);
  size_t shown = len < 40 ? len : 40;
  while (shown < len && ((unsigned char)text[shown] & 0xC0) == 0x80) {
    shown--; // not in the middle of a character
  }
  const chn_status s = chn_fail(err, CHN_E_CORRUPT, "\"%s\" is %s and cannot hold %.*s%s", column,
                                chn_buf_str(&name), (int)shown, text, shown < len ? "..." : "");
  chn_buf_deinit(&name);
  return s;
}

bool decode_fits(enum row_kind kind, int64_t x)
{
  const int64_t most = kind == ROW_BYTE    ? INT8_MAX
                       : kind == ROW_SHORT ? INT16_MAX
                       : kind == ROW_INT   ? INT32_MAX
                                           : INT64_MAX;
  return x <= most && x >= -most - 1;
}

void decode_add_integer(struct row_builder *out, enum row_kind kind, int64_t x)
{
  const int8_t byte = (int8_t)x;
  const int16_t small = (int16_t)x;
  const int32_t middle = (int32_t)x;
  row_builder_value(out, kind == ROW_LONG    ? (const void *)&x
                         : kind == ROW_INT   ? (const void *)&middle
                         : kind == ROW_SHORT ? (const void *)&small
                                             : (const void *)&byte);
}
