/// queries.h: from rows that ask to the distinct, sorted queries that the engine answers.
#pragma once
#include "agg/frame.h"

/// Distinct (key, instant) pairs sorted by key, then instant, and for each asking row the position
/// of its query, or -1 where it asks nothing (key < 0).
struct query_set {
  struct agg_queries queries;
  int32_t *key; ///< owned; what queries points at
  int64_t *at;  ///< owned
  int32_t *position;
  size_t n_rows;
};

/// key[i], at[i] belong to row i; n_keys is above every key. n is at most INT32_MAX.
void query_set_init(struct query_set *q, const int32_t *key, const int64_t *at, size_t n,
                    int32_t n_keys);
void query_set_deinit(struct query_set *q);
