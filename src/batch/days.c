#include "batch/days.h"

#include <stdlib.h>

#include "base/time.h"

static int by_day(const void *x, const void *y)
{
  const int32_t a = *(const int32_t *)x;
  const int32_t b = *(const int32_t *)y;
  return (a > b) - (a < b);
}

struct day_set day_set_of(struct arena *a, char *const *ds, size_t n)
{
  struct day_set s = { .day = arena_alloc(a, n * sizeof(int32_t)) };
  for (size_t i = 0; i < n; i++) {
    if (chn_day_of_ds(ds[i], &s.day[s.n], NULL) == CHN_OK) {
      s.n++;
    }
  }
  qsort(s.day, s.n, sizeof *s.day, by_day);
  size_t kept = 0;
  for (size_t i = 0; i < s.n; i++) {
    if (kept == 0 || s.day[kept - 1] != s.day[i]) {
      s.day[kept++] = s.day[i];
    }
  }
  s.n = kept;
  return s;
}

bool day_set_has(const struct day_set *s, int32_t day)
{
  return s->n > 0 && bsearch(&day, s->day, s->n, sizeof *s->day, by_day) != NULL;
}

bool days_expired(const struct days_request *r, int32_t day)
{
  return !r->run_first_hole && r->output->n > 0 && day < r->output->day[0] &&
         (r->open_from == NULL || day < *r->open_from);
}

static bool is_missing(const struct days_request *r, int32_t day)
{
  if (day_set_has(r->output, day) || days_expired(r, day)) {
    return false;
  }
  for (int32_t i = 0; i < r->n_inputs; i++) {
    if (day_set_has(&r->inputs[i], day + r->input_shift)) {
      return true;
    }
  }
  return r->n_inputs == 0;
}

void days_missing(struct arena *a, const struct days_request *r, int32_t step_days,
                  struct days **out, size_t *n)
{
  const struct days range = r->range;
  *n = 0;
  *out = NULL;
  if (range.last < range.first) {
    return;
  }
  struct days *steps = arena_alloc(a, (size_t)(range.last - range.first + 1) * sizeof *steps);
  struct days *open = NULL;
  for (int32_t day = range.first; day <= range.last; day++) {
    if (!is_missing(r, day)) {
      open = NULL;
    } else if (open == NULL || open->last - open->first + 1 == step_days) {
      open = &steps[(*n)++];
      *open = (struct days){ day, day };
    } else {
      open->last = day;
    }
  }
  *out = steps;
}
