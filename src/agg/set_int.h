/// set_int.h: a set of values of one type, as UNIQUE_COUNT and BOUNDED_UNIQUE_COUNT keep it.
///
/// Equality is Java's: 0.0 and -0.0 are two values, NaN is one; byte arrays are equal by content
/// (upstream compares their identity, so that every row counts).
#pragma once
#include "agg/op_int.h"
#include "base/dict.h"

/// Adds a value; the dictionary is made when it is needed.
void agg_set_add(struct chn_dict **set, const struct row_col *c, size_t row);
void agg_set_merge(struct chn_dict **set, const struct chn_dict *from);
int32_t agg_set_size(const struct chn_dict *set);

/// Appends value `id` of the set to a builder of its type t.
void agg_set_emit(const struct chn_dict *set, int32_t id, const struct row_type *t,
                  struct row_builder *out);
