#include "warehouse/gather.h"

#include <stdlib.h>
#include <string.h>

/// Which rows: 64 bits, because elements of lists may be more than 2^31.
static void gather(duckdb_vector to, const struct row_col *from, const int64_t *rows, size_t n);

static void gather_8(uint8_t *to, const uint8_t *from, const int64_t *rows, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    to[i] = rows[i] >= 0 ? from[rows[i]] : 0;
  }
}

static void gather_16(uint16_t *to, const uint16_t *from, const int64_t *rows, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    to[i] = rows[i] >= 0 ? from[rows[i]] : 0;
  }
}

static void gather_32(uint32_t *to, const uint32_t *from, const int64_t *rows, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    to[i] = rows[i] >= 0 ? from[rows[i]] : 0;
  }
}

static void gather_64(uint64_t *to, const uint64_t *from, const int64_t *rows, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    to[i] = rows[i] >= 0 ? from[rows[i]] : 0;
  }
}

/// Behind a null any bytes may lie in `from`, also a wild pointer: DuckDB gets empty strings.
static void gather_strings(struct row_str *to, const struct row_col *from, const int64_t *rows,
                           size_t n)
{
  const struct row_str *s = from->data;
  for (size_t i = 0; i < n; i++) {
    const bool null = rows[i] < 0 || row_is_null(from, (size_t)rows[i]);
    to[i] = null ? (struct row_str){ 0 } : s[rows[i]];
  }
}

static void gather_valid(duckdb_vector to, const struct row_col *from, const int64_t *rows,
                         size_t n)
{
  uint64_t *valid = NULL;
  for (size_t i = 0; i < n; i++) {
    if (rows[i] < 0 || row_is_null(from, (size_t)rows[i])) {
      if (valid == NULL) {
        duckdb_vector_ensure_validity_writable(to);
        valid = duckdb_vector_get_validity(to);
      }
      valid[i / 64] &= ~((uint64_t)1 << (i % 64));
    }
  }
}

/// LIST and MAP: the spans are laid end to end, then their elements gathered at once.
static void gather_spans(duckdb_vector to, const struct row_col *from, const int64_t *rows,
                         size_t n)
{
  const struct row_span *spans = from->data;
  struct row_span *out = duckdb_vector_get_data(to);
  size_t total = 0;
  for (size_t i = 0; i < n; i++) {
    const bool null = rows[i] < 0 || row_is_null(from, (size_t)rows[i]);
    out[i].offset = total;
    out[i].length = null ? 0 : spans[rows[i]].length;
    total += out[i].length;
  }
  int64_t *elements = chn_malloc((total + 1) * sizeof *elements);
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    for (uint64_t k = 0; k < out[i].length; k++) {
      elements[at++] = (int64_t)(spans[rows[i]].offset + k);
    }
  }
  duckdb_list_vector_reserve(to, total);
  duckdb_list_vector_set_size(to, total);
  gather(duckdb_list_vector_get_child(to), from->child, elements, total);
  free(elements);
}

static void gather(duckdb_vector to, const struct row_col *from, const int64_t *rows, size_t n)
{
  gather_valid(to, from, rows, n);
  void *data = duckdb_vector_get_data(to);
  switch (from->type->kind) {
  case ROW_STRING:
  case ROW_BINARY: gather_strings(data, from, rows, n); return;
  case ROW_LIST:
  case ROW_MAP: gather_spans(to, from, rows, n); return;
  case ROW_STRUCT:
    for (int32_t i = 0; i < from->n_child; i++) {
      gather(duckdb_struct_vector_get_child(to, (idx_t)i), &from->child[i], rows, n);
    }
    return;
  default: break;
  }
  switch (row_kind_width(from->type->kind)) {
  case 1: gather_8(data, from->data, rows, n); break;
  case 2: gather_16(data, from->data, rows, n); break;
  case 4: gather_32(data, from->data, rows, n); break;
  case 8: gather_64(data, from->data, rows, n); break;
  default: break;
  }
}

void wh_gather(duckdb_vector to, const struct row_col *from, const int32_t *index, size_t first,
               size_t n)
{
  int64_t rows[2048];
  for (size_t i = 0; i < n; i++) {
    rows[i] = index != NULL ? index[i] : (int64_t)(first + i);
  }
  const size_t width = row_kind_width(from->type->kind);
  if (index == NULL && width > 0 && width <= 8) {
    memcpy(duckdb_vector_get_data(to), (const char *)from->data + first * width, n * width);
    gather_valid(to, from, rows, n);
    return;
  }
  gather(to, from, rows, n);
}
