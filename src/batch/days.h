/// days.h: which days a job must compute, and in which steps.
#pragma once
#include "base/arena.h"
#include "base/err.h"

/// Days first..last, both inclusive; empty when last < first.
struct days {
  int32_t first;
  int32_t last;
};

/// A sorted set of days, each once.
struct day_set {
  int32_t *day;
  size_t n;
};

/// Partition values as a set. Values that are not days are left out (tables may carry
/// "__HIVE_DEFAULT_PARTITION__" and the like).
struct day_set day_set_of(struct arena *a, char *const *ds, size_t n);

bool day_set_has(const struct day_set *s, int32_t day);

struct days_request {
  struct days range;
  const struct day_set *output; ///< partitions the output has
  const struct day_set *inputs; ///< of each source table; a day counts as present if any has it
  int32_t n_inputs;             ///< 0: inputs are not looked at
  int32_t input_shift;          ///< days added to an output day to find its input day
  bool run_first_hole;          ///< also days before the first partition of the output
  const int32_t *open_from;     ///< also those of them from this one on; NULL: none
};

/// The days of the range that the output lacks and an input has, as runs of consecutive days,
/// each cut into steps of at most step_days (spec/05 §3). Days before the output's first
/// partition count as expired, not missing, unless run_first_hole or open_from says otherwise.
bool days_expired(const struct days_request *r, int32_t day);
void days_missing(struct arena *a, const struct days_request *r, int32_t step_days,
                  struct days **out, size_t *n);
