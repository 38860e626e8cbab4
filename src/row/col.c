#include "row/col.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct row_str) == 16, "the layout of duckdb_string_t");

bool row_is_null(const struct row_col *c, size_t row)
{
  return c->valid != NULL && (c->valid[row / 64] >> (row % 64) & 1) == 0;
}

void row_set_null(struct row_col *c, size_t row)
{
  c->valid[row / 64] &= ~((uint64_t)1 << (row % 64));
}

const char *row_str_bytes(const struct row_str *s)
{
  return s->len <= sizeof s->as.inl ? s->as.inl : s->as.ref.ptr;
}

struct row_str row_str_make(const char *bytes, size_t len)
{
  struct row_str s = { .len = (uint32_t)len };
  if (len <= sizeof s.as.inl) {
    memset(s.as.inl, 0, sizeof s.as.inl);
    if (len > 0) {
      memcpy(s.as.inl, bytes, len);
    }
  } else {
    memcpy(s.as.ref.prefix, bytes, sizeof s.as.ref.prefix);
    s.as.ref.ptr = bytes;
  }
  return s;
}

int row_str_compare(const struct row_str *x, const struct row_str *y)
{
  const size_t n = x->len < y->len ? x->len : y->len;
  const int order = memcmp(row_str_bytes(x), row_str_bytes(y), n);
  return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

// ---- building -------------------------------------------------------------------------------

struct row_builder {
  struct row_col col; ///< col.data and col.valid are owned; col.child mirrors the children
  size_t capacity;    ///< rows that data has room for
  size_t valid_words; ///< allocated words of valid
  size_t open_from;   ///< LIST, MAP: where the next row's elements begin
  struct arena strings;
  struct row_type *entry; ///< MAP: the type of its child
  struct row_builder **children;
};

struct row_builder *row_builder_new(const struct row_type *type)
{
  struct row_builder *b = chn_calloc(1, sizeof *b);
  b->col.type = type;
  if (type->kind == ROW_MAP) {
    // The child is the STRUCT of key and value: it shares the map's fields.
    b->entry = chn_malloc(sizeof *b->entry);
    *b->entry = (struct row_type){ ROW_STRUCT, NULL, type->fields, 2 };
    b->col.n_child = 1;
    b->children = chn_calloc(1, sizeof *b->children);
    b->children[0] = row_builder_new(b->entry);
  } else if (type->n_fields > 0) {
    b->col.n_child = type->n_fields;
    b->children = chn_calloc((size_t)type->n_fields, sizeof(struct row_builder *));
    for (int32_t i = 0; i < type->n_fields; i++) {
      b->children[i] = row_builder_new(type->fields[i].type);
    }
  }
  if (b->col.n_child > 0) {
    b->col.child = chn_calloc((size_t)b->col.n_child, sizeof *b->col.child);
  }
  return b;
}

void row_builder_free(struct row_builder *b)
{
  if (b == NULL) {
    return;
  }
  for (int32_t i = 0; i < b->col.n_child; i++) {
    row_builder_free(b->children[i]);
  }
  free(b->entry);
  free(b->children);
  free(b->col.child);
  free(b->col.data);
  free(b->col.valid);
  arena_deinit(&b->strings);
  free(b);
}

void row_builder_clear(struct row_builder *b)
{
  for (int32_t i = 0; i < b->col.n_child; i++) {
    row_builder_clear(b->children[i]);
  }
  if (b->col.valid != NULL) {
    memset(b->col.valid, 0xff, b->valid_words * sizeof *b->col.valid);
  }
  b->col.count = 0;
  b->open_from = 0;
  arena_reset(&b->strings);
}

static void reserve(struct row_builder *b, size_t more)
{
  const size_t need = b->col.count + more;
  if (need > b->capacity) {
    size_t cap = b->capacity ? b->capacity * 2 : 64;
    cap = cap < need ? need : cap;
    const size_t width = row_kind_width(b->col.type->kind);
    if (width > 0) {
      b->col.data = chn_realloc(b->col.data, cap * width);
    }
    b->capacity = cap;
  }
  if (b->col.valid != NULL && (need + 63) / 64 > b->valid_words) {
    const size_t words = (b->capacity + 63) / 64;
    b->col.valid = chn_realloc(b->col.valid, words * sizeof *b->col.valid);
    memset(b->col.valid + b->valid_words, 0xff, (words - b->valid_words) * sizeof *b->col.valid);
    b->valid_words = words;
  }
}

/// Marks row `i`, which reserve() has made room for, as null.
static void mark_null(struct row_builder *b, size_t i)
{
  if (b->col.valid == NULL) {
    b->valid_words = (b->capacity + 63) / 64;
    b->col.valid = chn_malloc(b->valid_words * sizeof *b->col.valid);
    memset(b->col.valid, 0xff, b->valid_words * sizeof *b->col.valid);
  }
  row_set_null(&b->col, i);
}

void row_builder_null(struct row_builder *b)
{
  reserve(b, 1);
  mark_null(b, b->col.count);
  const size_t width = row_kind_width(b->col.type->kind);
  if (width > 0) {
    memset((char *)b->col.data + b->col.count * width, 0, width);
  }
  if (b->col.type->kind == ROW_STRUCT) {
    for (int32_t i = 0; i < b->col.n_child; i++) {
      row_builder_null(b->children[i]);
    }
  }
  b->col.count++;
}

void row_builder_value(struct row_builder *b, const void *value)
{
  reserve(b, 1);
  const size_t width = row_kind_width(b->col.type->kind);
  memcpy((char *)b->col.data + b->col.count * width, value, width);
  b->col.count++;
}

void row_builder_string(struct row_builder *b, const char *bytes, size_t len)
{
  reserve(b, 1);
  const char *kept = len <= 12 ? bytes : arena_strndup(&b->strings, bytes, len);
  ((struct row_str *)b->col.data)[b->col.count++] = row_str_make(kept, len);
}

void row_builder_close_list(struct row_builder *b)
{
  reserve(b, 1);
  const size_t end = b->children[0]->col.count;
  ((struct row_span *)b->col.data)[b->col.count++] =
      (struct row_span){ b->open_from, end - b->open_from };
  b->open_from = end;
}

void row_builder_close_struct(struct row_builder *b)
{
  reserve(b, 1);
  b->col.count++;
}

/// Appends one non-null row of src.
static void append_one(struct row_builder *b, const struct row_col *src, size_t row)
{
  switch (b->col.type->kind) {
  case ROW_STRING:
  case ROW_BINARY: {
    const struct row_str *s = (const struct row_str *)src->data + row;
    row_builder_string(b, row_str_bytes(s), s->len);
    break;
  }
  case ROW_LIST:
  case ROW_MAP: {
    const struct row_span span = ((const struct row_span *)src->data)[row];
    row_builder_append(b->children[0], &src->child[0], span.offset, span.length);
    row_builder_close_list(b);
    break;
  }
  case ROW_STRUCT:
    for (int32_t i = 0; i < b->col.n_child; i++) {
      row_builder_append(b->children[i], &src->child[i], row, 1);
    }
    row_builder_close_struct(b);
    break;
  default: {
    const size_t width = row_kind_width(b->col.type->kind);
    row_builder_value(b, (const char *)src->data + row * width);
  }
  }
}

void row_builder_gather(struct row_builder *b, const struct row_col *src, const int64_t *rows,
                        size_t n)
{
  reserve(b, n);
  for (size_t i = 0; i < n; i++) {
    if (rows[i] < 0 || row_is_null(src, (size_t)rows[i])) {
      row_builder_null(b);
    } else {
      append_one(b, src, (size_t)rows[i]);
    }
  }
}

void row_builder_append(struct row_builder *b, const struct row_col *src, size_t from, size_t n)
{
  reserve(b, n);
  const enum row_kind kind = b->col.type->kind;
  const size_t width = row_kind_width(kind);
  const bool flat = width > 0 && width <= 8;
  if (flat && n > 0) {
    memcpy((char *)b->col.data + b->col.count * width, (const char *)src->data + from * width,
           n * width);
    for (size_t i = 0; src->valid != NULL && i < n; i++) {
      if (row_is_null(src, from + i)) {
        mark_null(b, b->col.count + i);
      }
    }
    b->col.count += n;
    return;
  }
  for (size_t i = from; i < from + n; i++) {
    if (row_is_null(src, i)) {
      row_builder_null(b);
    } else {
      append_one(b, src, i);
    }
  }
}

struct row_builder *row_builder_child(struct row_builder *b, int32_t i)
{
  return b->children[i];
}

size_t row_builder_count(const struct row_builder *b)
{
  return b->col.count;
}

size_t row_builder_memory(const struct row_builder *b)
{
  size_t bytes = sizeof *b + b->capacity * row_kind_width(b->col.type->kind);
  bytes += b->valid_words * sizeof *b->col.valid + b->strings.total;
  for (int32_t i = 0; i < b->col.n_child; i++) {
    bytes += sizeof *b->col.child + row_builder_memory(b->children[i]);
  }
  return bytes;
}

const struct row_col *row_builder_col(struct row_builder *b)
{
  for (int32_t i = 0; i < b->col.n_child; i++) {
    b->col.child[i] = *row_builder_col(b->children[i]);
  }
  return &b->col;
}
