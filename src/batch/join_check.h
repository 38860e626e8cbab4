/// join_check.h: what would make a join's backfill fail, found by schemas alone and told before its
/// first step, all of it at once.
///
/// Looked at are the left side (reserved columns, skew keys, its times), the parts to be computed
/// (their tables and columns, keys on the left and of the same type) and bootstrap parts (keys,
/// columns of the join, and of its types). Of a part whose source is a join only the names of keys
/// are: that join may have no table yet, and is checked when it is computed.
#pragma once
#include "batch/join_side.h"
#include "batch/output.h"

/// Fails where the definition cannot be computed. Does nothing where `output`, for which `in` has
/// days, lacks none and was made by this definition, and in ranges after batch_prepare. `chosen`
/// are the numbers of the parts that are to be computed; NULL: all.
chn_status join_check(const struct join_side *s, const struct output *output,
                      const struct output_inputs *in, const int32_t *chosen, int32_t n_chosen,
                      struct chn_err *err);
