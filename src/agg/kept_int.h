/// kept_int.h: the k best values, in order. What FIRST_K, LAST_K, TOP_K and BOTTOM_K share.
///
/// Upstream keeps a bounded heap, whose answer among equals depends on its history. Here the kept
/// values are a sorted array, best first, and equals are ordered by arrival.
#pragma once
#include "agg/op_int.h"

struct agg_kept_item {
  int64_t ts; ///< of TOP_K and BOTTOM_K: 0
  struct agg_value value;
};

struct agg_kept {
  struct agg_kept_item *items;
  int32_t n;
  int32_t room;
};

/// True when the new item x belongs before the kept item y.
typedef bool (*agg_kept_before)(const struct agg_part *p, const struct agg_kept_item *x,
                                const struct agg_kept_item *y);

/// Puts *x, which it takes over, into its place among the p->k best, or frees it.
void agg_kept_add(const struct agg_part *p, struct agg_kept *s, struct agg_kept_item x,
                  agg_kept_before before);

/// Adds copies of all items of `from`, in arrival order: forwards, or from the last to the first.
void agg_kept_merge(const struct agg_part *p, struct agg_kept *s, const struct agg_kept *from,
                    agg_kept_before before, bool backwards);

/// Appends one LIST row of the values.
void agg_kept_finish(const struct agg_part *p, const void *state, struct row_builder *out);
void agg_kept_free(const struct agg_part *p, void *state);
