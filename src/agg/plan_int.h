/// plan_int.h: what plan.c and plan_type.c share.
#pragma once
#include "agg/plan.h"

/// FIRST, LAST, FIRST_K, LAST_K: they look at time and keep values whole.
bool agg_op_is_timed(enum agg_op op);

/// How values of `input` reach `op`; fails when the operation takes no such input.
/// `*value` is the type that reaches it.
chn_status agg_plan_shape(enum agg_op op, const struct row_type *input, bool element_wise,
                          enum agg_shape *shape, const struct row_type **value,
                          struct chn_err *err);

/// Fills part->output and part->ir from its op, value, shape and bucket.
void agg_plan_types(struct arena *a, struct agg_part *part);

/// Fills part->k and part->percentiles from argMap.
chn_status agg_plan_args(struct arena *a, const struct agg_def *def, struct agg_part *part,
                         struct chn_err *err);
