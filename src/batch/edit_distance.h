/// edit_distance.h: how far apart two lists are when elements can only be inserted and deleted.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct edit_distance {
  int32_t inserts; ///< into right, to make it left: what right lacks
  int32_t deletes; ///< from right: what it has too much
};

/// Elements are equal where their numbers are. An element that is replaced counts as one insert and
/// one delete. Takes O(n_left * n_right) time, without what both lists begin or end with.
struct edit_distance edit_distance_of(const int32_t *left, size_t n_left, const int32_t *right,
                                      size_t n_right);
