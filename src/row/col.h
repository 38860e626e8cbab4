/// col.h: columns.
///
/// A column is typed, dense memory in DuckDB's vector layout, so that a chunk of DuckDB is read
/// where it lies:
///
///     fixed width   data = values, in the C type of the kind (bool is one byte)
///     STRING, BINARY data = struct row_str, 16 bytes, short ones in place
///     LIST          data = struct row_span into child[0]
///     MAP           data = struct row_span into child[0], a STRUCT of key and value
///     STRUCT        data = NULL, one child a field, all as long as the column
///
/// `valid` has one bit a row, lowest first, 1 where there is a value; NULL means that all are.
/// Where a row is null, its data are undefined (a span is then {0, 0} in columns built here).
#pragma once
#include "row/type.h"

/// A string of at most 12 bytes lies in `inl`, zero-padded; a longer one behind `ref.ptr`. Packed,
/// because the pointer's natural alignment would move the union to byte 8.
struct row_str {
  uint32_t len;
  union {
    char inl[12];
    struct {
      char prefix[4];
      const char *ptr;
    } __attribute__((packed)) ref;
  } as;
} __attribute__((aligned(8)));

struct row_span {
  uint64_t offset;
  uint64_t length;
};

struct row_col {
  const struct row_type *type;
  void *data;
  uint64_t *valid;
  struct row_col *child;
  int32_t n_child;
  size_t count; ///< rows; of a child of LIST or MAP: all elements
};

bool row_is_null(const struct row_col *c, size_t row);
void row_set_null(struct row_col *c, size_t row);

/// The bytes of a string, wherever they are; valid as long as *s.
const char *row_str_bytes(const struct row_str *s);

/// A row_str over bytes that the caller keeps alive (long ones are not copied).
struct row_str row_str_make(const char *bytes, size_t len);

/// Binary order of two strings: by unsigned bytes, which is code point order in UTF-8.
int row_str_compare(const struct row_str *x, const struct row_str *y);

// ---- building -------------------------------------------------------------------------------

/// A growable column. Long strings are copied into the builder's arena.
struct row_builder;

struct row_builder *row_builder_new(const struct row_type *type);
void row_builder_free(struct row_builder *b);

/// Forgets all rows, finished or not, and keeps the memory.
void row_builder_clear(struct row_builder *b);

/// Appends rows[i] of src for i in [0, n); a negative index appends NULL. src has b's type.
void row_builder_gather(struct row_builder *b, const struct row_col *src, const int64_t *rows,
                        size_t n);

/// Appends rows [from, from + n) of src.
void row_builder_append(struct row_builder *b, const struct row_col *src, size_t from, size_t n);

void row_builder_null(struct row_builder *b);

/// Appends one value of a fixed-width kind; `value` points to its C type.
void row_builder_value(struct row_builder *b, const void *value);
void row_builder_string(struct row_builder *b, const char *bytes, size_t len);

/// Appends one LIST or MAP row whose elements are those that the caller appended to the child
/// since the last row: for a map the child is a STRUCT whose own children take key and value.
void row_builder_close_list(struct row_builder *b);

/// Appends one STRUCT row; the caller has appended one row to each child.
void row_builder_close_struct(struct row_builder *b);

struct row_builder *row_builder_child(struct row_builder *b, int32_t i);

size_t row_builder_count(const struct row_builder *b);

/// Bytes of memory it holds, children and strings included.
size_t row_builder_memory(const struct row_builder *b);

/// The column so far; valid until the next append. The builder keeps owning it.
const struct row_col *row_builder_col(struct row_builder *b);
