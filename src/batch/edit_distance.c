// Whatever is neither inserted nor deleted is common to both lists in their order, so the longest
// common subsequence says everything: inserts = n_left - common, deletes = n_right - common.
#include "batch/edit_distance.h"

#include <stdlib.h>

#include "base/arena.h"

/// best[j]: the longest common subsequence of the right elements so far and the first j of left.
static size_t common(const int32_t *left, size_t n_left, const int32_t *right, size_t n_right)
{
  if (n_left == 0 || n_right == 0) {
    return 0;
  }
  uint32_t *best = chn_calloc(n_left + 1, sizeof *best);
  for (size_t i = 0; i < n_right; i++) {
    uint32_t before = 0; // best[j - 1] without right[i]
    for (size_t j = 1; j <= n_left; j++) {
      const uint32_t above = best[j];
      if (right[i] == left[j - 1]) {
        best[j] = before + 1;
      } else if (best[j - 1] > above) {
        best[j] = best[j - 1];
      }
      before = above;
    }
  }
  const size_t result = best[n_left];
  free(best);
  return result;
}

struct edit_distance edit_distance_of(const int32_t *left, size_t n_left, const int32_t *right,
                                      size_t n_right)
{
  while (n_left > 0 && n_right > 0 && left[n_left - 1] == right[n_right - 1]) {
    n_left--;
    n_right--;
  }
  while (n_left > 0 && n_right > 0 && left[0] == right[0]) {
    left++, right++;
    n_left--;
    n_right--;
  }
  const size_t kept = common(left, n_left, right, n_right);
  return (struct edit_distance){ (int32_t)(n_left - kept), (int32_t)(n_right - kept) };
}
