/// plan.h: a GroupBy's aggregations as the engine takes them.
#pragma once
#include "agg/plan.h"
#include "model/model.h"

/// Compiles the aggregations of a GroupBy that has some over the columns of `schema`: what its
/// sources select, or the selected columns of a serving info. As agg_plan_new; texts stay the
/// definition's.
chn_status model_plan(struct arena *a, const struct model_group_by *gb,
                      const struct row_schema *schema, struct agg_plan **out, struct chn_err *err);
