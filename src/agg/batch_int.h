/// batch_int.h: where windows begin and end in a batch IR. Private to agg/.
#pragma once
#include "agg/batch_ir.h"

/// Of a part at a batch end.
struct agg_edges {
  int32_t size;       ///< of the part's tail hops: 1 day, 1 hour, 5 minutes
  int64_t tail_from;  ///< INT64_MIN of an unbounded part
  int64_t tail_until; ///< rows from here on are collapsed; INT64_MIN of an unbounded part
};

struct agg_edges agg_edges_of(const struct agg_part *p, enum agg_batch_rule rule, int64_t end);

/// The first instant that a window at q holds.
int64_t agg_tail_at(const struct agg_part *p, int64_t q);
