/// longs.h: int64 values to dense ids, in order of first appearance; dict.h for whole columns of
/// numbers, with the value in the slot and the memory of the slots fetched ahead.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chn_longs;

struct chn_longs *chn_longs_new(size_t expected);
void chn_longs_free(struct chn_longs *d);

/// Writes the id of each of n values to ids. A value whose bit in `valid` (one a value, lowest
/// first; NULL: all set) is 0 gets -1; an unknown one gets -1, or the next id when `intern` is set.
void chn_longs_ids(struct chn_longs *d, const int64_t *values, const uint64_t *valid, size_t n,
                   bool intern, int32_t *ids);

int32_t chn_longs_size(const struct chn_longs *d);
