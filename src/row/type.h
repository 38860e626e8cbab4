/// type.h: data types and schemas, in Chronon's vocabulary.
///
/// Kinds carry api.thrift's DataKind numbers. Types are immutable, live in an arena and may share
/// their children.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum row_kind {
  ROW_BOOLEAN = 0,
  ROW_BYTE = 1,
  ROW_SHORT = 2,
  ROW_INT = 3,
  ROW_LONG = 4,
  ROW_FLOAT = 5,
  ROW_DOUBLE = 6,
  ROW_STRING = 7,
  ROW_BINARY = 8,
  ROW_DATE = 9,       ///< int32 days since 1970-01-01
  ROW_TIMESTAMP = 10, ///< int64 microseconds since 1970-01-01 UTC
  ROW_MAP = 11,       ///< children: key, value
  ROW_LIST = 12,      ///< children: elem
  ROW_STRUCT = 13,    ///< children: the fields
  ROW_OTHER = 14,     ///< a type of the warehouse that features cannot use (DECIMAL, ...)
};

struct row_type {
  enum row_kind kind;
  const char *name; ///< of a STRUCT, or the warehouse's name of an OTHER; else NULL
  const struct row_field *fields;
  int32_t n_fields; ///< MAP 2 (key, value), LIST 1 (elem), STRUCT n, others 0
};

struct row_field {
  const char *name;
  const struct row_type *type;
};

struct row_schema {
  const struct row_field *fields;
  int32_t n_fields;
};

/// The shared type of a kind without children.
const struct row_type *row_scalar(enum row_kind kind);

const struct row_type *row_list_of(struct arena *a, const struct row_type *elem);
const struct row_type *row_map_of(struct arena *a, const struct row_type *key,
                                  const struct row_type *value);
const struct row_type *row_struct_of(struct arena *a, const char *name,
                                     const struct row_field *fields, int32_t n);

/// Equal in kind and children; struct names do not count, field names do.
bool row_type_equal(const struct row_type *x, const struct row_type *y);

/// INT, LONG, SHORT, BYTE, FLOAT, DOUBLE.
bool row_kind_is_numeric(enum row_kind kind);

/// Bytes of one value in a column of this kind (structs have no data of their own: 0).
size_t row_kind_width(enum row_kind kind);

/// Appends Spark's name of the type: bigint, array<string>, map<string,double>, struct<a:int>.
void row_type_print(struct chn_buf *out, const struct row_type *t);

/// Index of a field by its exact name, or -1.
int32_t row_schema_find(const struct row_schema *s, const char *name);

/// A copy that shares nothing with the original.
struct row_schema row_schema_copy(struct arena *a, const struct row_schema *s);
