// A day without rows has no partition, and so looks like one that was never computed. The table
// property `chronon_empty_days` tells them apart: "2024-01-03, 2024-01-08..2024-01-10", sorted,
// ends inclusive. Only empty days are listed: the partition is the proof of all others.
#include "warehouse/wh_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"

static const char NAME[] = "chronon_empty_days";

struct spans {
  struct {
    int32_t first;
    int32_t last;
  } * at;
  size_t n;
};

static void add(struct arena *a, struct spans *s, int32_t first, int32_t last)
{
  if (s->n > 0 && s->at[s->n - 1].last + 1 == first) {
    s->at[s->n - 1].last = last;
    return;
  }
  const size_t size = sizeof *s->at;
  void *all = arena_alloc(a, (s->n + 1) * size);
  if (s->n > 0) {
    memcpy(all, s->at, s->n * size);
  }
  s->at = all;
  s->at[s->n].first = first;
  s->at[s->n++].last = last;
}

/// What the property says; a text that is none of ours ends it.
static struct spans parse(struct arena *a, const char *text)
{
  enum { DAY = sizeof "2024-01-01" - 1 };
  struct spans out = { 0 };
  while (text != NULL && strlen(text) >= DAY) {
    int32_t first = 0;
    int32_t last = 0;
    if (chn_day_of_ds(arena_strndup(a, text, DAY), &first, NULL) != CHN_OK) {
      break;
    }
    last = first;
    text += DAY;
    if (strncmp(text, "..", 2) == 0 && strlen(text) >= DAY + 2) {
      if (chn_day_of_ds(arena_strndup(a, text + 2, DAY), &last, NULL) != CHN_OK) {
        break;
      }
      text += DAY + 2;
    }
    add(a, &out, first, last);
    text = strncmp(text, ", ", 2) == 0 ? text + 2 : NULL;
  }
  return out;
}

static const char *print(struct arena *a, const struct spans *s)
{
  struct chn_buf text = { 0 };
  for (size_t i = 0; i < s->n; i++) {
    char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
    chn_buf_addf(&text, "%s%s", i > 0 ? ", " : "", chn_ds_of_day(s->at[i].first, from));
    if (s->at[i].last > s->at[i].first) {
      chn_buf_addf(&text, "..%s", chn_ds_of_day(s->at[i].last, to));
    }
  }
  const char *copy = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return copy;
}

/// The part of spans that lies in [from, to].
static void add_within(struct arena *a, struct spans *out, const struct spans *s, int32_t from,
                       int32_t to)
{
  for (size_t i = 0; i < s->n; i++) {
    const int32_t first = s->at[i].first > from ? s->at[i].first : from;
    const int32_t last = s->at[i].last < to ? s->at[i].last : to;
    if (first <= last) {
      add(a, out, first, last);
    }
  }
}

void wh_mark_empty(struct arena *a, struct wh_meta *meta, const char *staged, const char *first_ds,
                   const char *last_ds)
{
  int32_t first = 0;
  int32_t last = 0;
  if (chn_day_of_ds(first_ds, &first, NULL) != CHN_OK ||
      chn_day_of_ds(last_ds, &last, NULL) != CHN_OK) {
    return;
  }
  const char *was = wh_meta_property(meta, NAME);
  const struct spans old = parse(a, was);
  struct spans now = { 0 };
  add_within(a, &now, &old, INT32_MIN, first - 1);
  for (int32_t day = first; day <= last; day++) {
    char ds[CHN_DS_SIZE];
    if (!fs_exists(arena_printf(a, "%s/ds=%s", staged, chn_ds_of_day(day, ds)))) {
      add(a, &now, day, day);
    }
  }
  add_within(a, &now, &old, last + 1, INT32_MAX);
  if (now.n > 0 || was != NULL) {
    wh_meta_set_property(a, meta, NAME, print(a, &now));
  }
}

void wh_follow_empty(struct arena *a, struct wh_meta *meta, const struct wh_meta *now)
{
  const char *text = wh_meta_property(now, NAME);
  if (text != NULL) {
    wh_meta_set_property(a, meta, NAME, text);
  }
}

size_t wh_empty_days(struct wh *wh, const char *table, struct arena *a, char ***out)
{
  const struct spans s = parse(a, wh_property(wh, table, NAME, a));
  struct fs_list days = { 0 };
  for (size_t i = 0; i < s.n; i++) {
    for (int32_t day = s.at[i].first; day <= s.at[i].last; day++) {
      char ds[CHN_DS_SIZE];
      fs_list_add(a, &days, arena_strdup(a, chn_ds_of_day(day, ds)));
    }
  }
  *out = days.at;
  return days.n;
}
