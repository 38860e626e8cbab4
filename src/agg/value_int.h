/// value_int.h: one value outside of a column, as the states of operations keep it. Private to
/// agg/.
#pragma once
#include "agg/plan.h"
#include "row/col.h"

/// All zero is an empty one. Which member holds the value follows from the type that the owner
/// knows; strings and nested values are copies of its own.
struct agg_value {
  union {
    int64_t i; ///< BOOLEAN, BYTE, SHORT, INT, LONG
    double f;  ///< FLOAT, DOUBLE
    struct {
      char *bytes;
      size_t len;
      size_t room;
    } s;                        ///< STRING, BINARY
    struct row_builder *nested; ///< LIST, MAP, STRUCT: a column of one row
  } as;
};

/// Replaces *v by a non-null value of a column.
void agg_value_read(struct agg_value *v, const struct row_col *c, size_t row);
void agg_value_copy(struct agg_value *v, const struct row_type *t, const struct agg_value *from);
void agg_value_free(struct agg_value *v, const struct row_type *t);
void agg_value_emit(const struct agg_value *v, const struct row_type *t, struct row_builder *out);

/// Java's order (compareTo, Double.compare): NaN is the greatest, -0.0 < 0.0, strings by UTF-16
/// units. Types with an order only: numbers and STRING.
int agg_value_compare(const struct row_type *t, const struct agg_value *x,
                      const struct agg_value *y);

/// Strings by UTF-16 units: as by bytes, but that characters beyond U+FFFF (surrogates D800..DFFF)
/// come before U+E000..U+FFFF.
int agg_utf16_compare(const char *x, size_t nx, const char *y, size_t ny);

/// A whole number or boolean; a float or double; any number as double.
int64_t agg_read_int(const struct row_col *c, size_t row);
double agg_read_double(const struct row_col *c, size_t row);
double agg_read_number(const struct row_col *c, size_t row);

bool agg_is_float(const struct row_type *t);
bool agg_is_bytes(const struct row_type *t);

/// Appends a whole number to a builder of BOOLEAN .. LONG, or a double to one of FLOAT or DOUBLE.
void agg_emit_int(struct row_builder *out, const struct row_type *t, int64_t value);
void agg_emit_double(struct row_builder *out, const struct row_type *t, double value);

/// A part whose result is one value a row, not inside a LIST or MAP of results: there NaN and the
/// infinities become null when they are finished (spec/03 §3).
bool agg_part_is_plain(const struct agg_part *p);

/// Appends the final floating value of a part, of type t.
void agg_emit_final(const struct agg_part *p, struct row_builder *out, const struct row_type *t,
                    double value);
