/// avro.h: Avro schemas and Avro's binary form of rows, as Chronon stores them.
///
/// Chronon's records (spec/03 §7, spec/06 §2) have fields that are unions ["null", T], lists and
/// maps without nulls, maps with string keys, SHORT and BYTE as int with a logicalType. The bytes
/// have no header and no names, so whoever reads them must know the schema:
///
///     long, int   zig-zag varint: 0 -> 00, -1 -> 01, 1 -> 02, 64 -> 80 01; at most 10 bytes
///     boolean     one byte, 0 or 1
///     float       4 bytes, double 8 bytes, IEEE 754, little-endian
///     string      length as a long, then the bytes; bytes likewise; fixed without the length
///     union       the branch's index as a long (00 or 02), then the branch
///     array       blocks of: count as a long, the items; a count of 0 ends it. A negative count
///                 -n is followed by the size of the block in bytes. Map: the same, an item is a
///                 string and a value
///     record      its fields one after the other
///     enum        index of the symbol as an int
///
/// A schema is either made of row types (avro_schema_of) or read from text (avro_schema_parse) as
/// streams and serving infos bring it. Readers take bytes of any origin: nothing is read past the
/// end, memory stays proportional to the bytes, nesting is bounded by the schema's.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "row/col.h"

enum avro_kind {
  AVRO_BOOLEAN,
  AVRO_INT,
  AVRO_LONG,
  AVRO_FLOAT,
  AVRO_DOUBLE,
  AVRO_BYTES,
  AVRO_STRING,
  AVRO_FIXED,
  AVRO_ENUM,
  AVRO_ARRAY,
  AVRO_MAP,
  AVRO_RECORD,
};

enum {
  AVRO_MAX_DEPTH = 64,    ///< nested types of a schema
  AVRO_MAX_TYPES = 20000, ///< types of a schema, references to named types counted in full
};

/// How a value stands in its union, if it does.
enum avro_union {
  AVRO_PLAIN,      ///< no union
  AVRO_NULL_FIRST, ///< ["null", T]
  AVRO_NULL_LAST,  ///< [T, "null"]
  AVRO_ALONE,      ///< [T]
};

struct avro_field;

/// Immutable, in the arena it was made in.
struct avro_schema {
  enum avro_kind kind;
  enum avro_union in;
  const char *name;                ///< RECORD, ENUM, FIXED: without namespace
  const char *space;               ///< its namespace, "" for none
  const struct row_type *type;     ///< what a value becomes: ENUM a STRING, FIXED a BINARY, ...
  const struct avro_field *fields; ///< RECORD: its fields; ARRAY, MAP: one, the item or value
  int32_t n_fields;
  const char **symbols; ///< ENUM
  int32_t n_symbols;
  int32_t size;     ///< FIXED: bytes
  size_t min_bytes; ///< no value takes fewer
  int32_t n_types;  ///< this one and all below
  int32_t depth;
};

struct avro_field {
  const char *name;
  const struct avro_schema *schema;
};

// ---- schemas ----------------------------------------------------------------------------------

/// What structs inside are called.
enum avro_names {
  AVRO_NAMES_OF_TYPES, ///< as the type says; where it does not, as AVRO_NAMES_OF_PATHS
  AVRO_NAMES_OF_PATHS, ///< `<Field>Struct`, of list items `<Field>ElementStruct`, as Spark's rows
};

/// The record `name` of a schema's columns, every field nullable. Names are cut to [0-9a-zA-Z_];
/// since records and fields share one set of names, one that was used before gets
/// `_REPEATED_NAME_<i>`. Fails with CHN_E_ARGUMENT on DATE, TIMESTAMP, types of the warehouse, and
/// maps whose keys are not strings, naming the column. `columns` must live as long as the arena.
chn_status avro_schema_of(struct arena *a, const char *name, const struct row_schema *columns,
                          enum avro_names names, const struct avro_schema **out,
                          struct chn_err *err);

/// Reads a schema (JSON text). `what` names it in messages. CHN_E_CORRUPT when it is none,
/// CHN_E_ARGUMENT when it is one that rows cannot hold: unions of several types, recursion.
chn_status avro_schema_parse(struct arena *a, const char *text, size_t len, const char *what,
                             const struct avro_schema **out, struct chn_err *err);

/// Appends the schema's text, on one line without blanks, or `pretty`: as Avro's Java prints it
/// (`"type" : "record"`, two blanks an object), which is how serving infos carry schemas.
void avro_schema_print(const struct avro_schema *s, bool pretty, struct chn_buf *out);

/// The columns of a record. With `clean` everything from `_REPEATED_NAME_` on is cut off names,
/// those of fields of structs too.
struct row_schema avro_columns(struct arena *a, const struct avro_schema *record, bool clean);

// ---- rows -------------------------------------------------------------------------------------

/// Appends row `row` of a record's columns: cols[i] is field i. Fails with CHN_E_ARGUMENT on a null
/// where there is no union (in lists and maps), naming the field, and with CHN_E_MEMORY over
/// out->max; *out is then as before.
chn_status avro_encode(const struct avro_schema *record, const struct row_col *cols, size_t row,
                       struct chn_buf *out, struct chn_err *err);

/// Reads `len` bytes as one record and appends field i to fields[i], a builder of its type; NULL
/// skips the field. Fails with CHN_E_CORRUPT when the bytes are not exactly one record or a string
/// is not UTF-8; the builders then hold parts of the row and are good for row_builder_clear only.
/// Who wants to go on with the next row asks avro_check first.
chn_status avro_decode(const struct avro_schema *record, const void *bytes, size_t len,
                       struct row_builder *const *fields, struct chn_err *err);
chn_status avro_check(const struct avro_schema *record, const void *bytes, size_t len,
                      struct chn_err *err);

/// Reads one record from the front of `len` bytes; *used of them are its own.
chn_status avro_decode_first(const struct avro_schema *record, const void *bytes, size_t len,
                             struct row_builder *const *fields, size_t *used, struct chn_err *err);

/// Appends row `row` in Avro's JSON encoding, {"a":{"long":1},"b":null}. Compact, in UTF-8; bytes
/// are a string with one character each, as Avro has it.
void avro_json(const struct avro_schema *record, const struct row_col *cols, size_t row,
               struct chn_buf *out);
