#include "batch/stats_days.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"

/// Reads "first:last" up to a comma or the end; false where it is none.
static bool read_range(const char *text, size_t len, struct days *out)
{
  char first[CHN_DS_SIZE] = { 0 };
  char last[CHN_DS_SIZE] = { 0 };
  if (len != 21 || text[10] != ':') {
    return false;
  }
  memcpy(first, text, 10);
  memcpy(last, text + 11, 10);
  struct chn_err ignored;
  return chn_day_of_ds(first, &out->first, &ignored) == CHN_OK &&
         chn_day_of_ds(last, &out->last, &ignored) == CHN_OK;
}

static bool says(const char *text, int32_t day)
{
  while (*text != '\0') {
    const size_t len = strcspn(text, ",");
    struct days range;
    if (read_range(text, len, &range) && range.first <= day && day <= range.last) {
      return true;
    }
    text += len + (text[len] == ',');
  }
  return false;
}

chn_status stats_days_read(struct batch_job *job, const char *table, struct day_set *out,
                           struct chn_err *err)
{
  char **ds = NULL;
  size_t n = 0;
  chn_status status = wh_partitions(job->wh, table, "ds", NULL, 0, job->arena, &ds, &n, err);
  if (status != CHN_OK) {
    return status;
  }
  *out = day_set_of(job->arena, ds, n);
  const char *text = wh_property(job->wh, table, "chronon_stats_days", job->arena);
  if (text != NULL) {
    size_t kept = 0;
    for (size_t i = 0; i < out->n; i++) {
      if (says(text, out->day[i])) {
        out->day[kept++] = out->day[i];
      }
    }
    out->n = kept;
  }
  return CHN_OK;
}

static int by_day(const void *x, const void *y)
{
  const int32_t a = *(const int32_t *)x;
  const int32_t b = *(const int32_t *)y;
  return (a > b) - (a < b);
}

const char *stats_days_text(struct arena *a, const struct day_set *read, struct days step)
{
  const size_t n_step = step.last < step.first ? 0 : (size_t)(step.last - step.first) + 1;
  int32_t *day = arena_alloc(a, (read->n + n_step + 1) * sizeof *day);
  size_t n = 0;
  for (size_t i = 0; i < read->n; i++) {
    day[n++] = read->day[i];
  }
  for (size_t i = 0; i < n_step; i++) {
    day[n++] = step.first + (int32_t)i;
  }
  qsort(day, n, sizeof *day, by_day);
  struct chn_buf text = { 0 };
  for (size_t i = 0; i < n;) {
    size_t last = i;
    while (last + 1 < n && day[last + 1] <= day[last] + 1) {
      last++;
    }
    char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
    chn_buf_addf(&text, "%s%s:%s", i > 0 ? "," : "", chn_ds_of_day(day[i], from),
                 chn_ds_of_day(day[last], to));
    i = last + 1;
  }
  const char *out = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return out;
}
