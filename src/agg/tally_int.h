/// tally_int.h: counts by string, what HISTOGRAM and APPROX_HISTOGRAM_K keep.
#pragma once
#include "agg/op_int.h"
#include "base/dict.h"

/// All zero is empty. A count of 0 means that the entry is not there.
struct agg_tally {
  struct chn_dict *keys;
  int64_t *counts; ///< by id of keys
  int32_t room;    ///< of counts
  int32_t live;    ///< counts that are not 0
};

/// counts[key] += by, wrapping.
void agg_tally_add(struct agg_tally *t, const char *key, size_t len, int64_t by);
void agg_tally_merge(struct agg_tally *t, const struct agg_tally *from);

/// The ids of the live entries, largest counts first, equal ones by their bytes; the first `most`
/// of them when most > 0. *n is how many; the caller frees the array.
int32_t *agg_tally_ranked(const struct agg_tally *t, int32_t most, int32_t *n);
void agg_tally_free(struct agg_tally *t);
