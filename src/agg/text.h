/// text.h: values as Java's String.valueOf writes them, which is how APPROX_HISTOGRAM_K names its
/// entries (spec/03 §5).
#pragma once
#include "row/col.h"

enum { AGG_TEXT_SIZE = 32 }; ///< bytes that hold any number with its NUL

/// Double.toString: the shortest digits that read back as the same double, plain from 1e-3 up to
/// 1e7 ("953.79", "1.0") and scientific beyond ("1.0E7"). Returns the length.
size_t agg_text_double(double value, char out[32]);

/// Float.toString, likewise: "0.1".
size_t agg_text_float(float value, char out[32]);

/// The text of a non-null SHORT, INT, LONG, FLOAT (as double), DOUBLE or STRING; numbers are
/// written into `out`. Not NUL-terminated for strings; valid as long as the column and `out`.
const char *agg_text(const struct row_col *c, size_t row, char out[32], size_t *len);
