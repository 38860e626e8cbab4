/// decode_avro_int.h: columns out of records that have other types than they: Avro's promotions.
#pragma once
#include "codec/avro.h"
#include "stream/decode_int.h"

/// Where the columns of a row come from.
struct avro_image {
  int32_t *field; ///< of each column the field of that name, or -1: null
};

/// Finds the fields. CHN_E_ARGUMENT when one's type cannot become its column's, or when there is
/// none for any column.
chn_status avro_image_of(struct arena *a, const struct row_schema *columns,
                         const struct row_schema *fields, struct avro_image *out,
                         struct chn_err *err);

/// A field's column, whose row 0 is the message's.
struct avro_from {
  const struct row_col *(*column)(const void *self, int32_t field);
  const void *self;
};

/// Appends a row to the columns' builders, or fails, naming the column that cannot hold a value,
/// and appends nothing.
chn_status avro_image_take(const struct avro_image *image, const struct row_schema *columns,
                           const struct avro_from *from, struct row_builder **outs,
                           struct chn_err *err);

/// The integer in a row of a LONG, INT, SHORT or BYTE column; false where it is null.
bool avro_integer(const struct row_col *c, size_t row, int64_t *out);
