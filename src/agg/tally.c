#include <stdlib.h>
#include <string.h>

#include "agg/tally_int.h"

void agg_tally_add(struct agg_tally *t, const char *key, size_t len, int64_t by)
{
  if (t->keys == NULL) {
    t->keys = chn_dict_new(0);
  }
  const int32_t id = chn_dict_intern(t->keys, key, len);
  if (id >= t->room) {
    const int32_t room = t->room > 0 ? 2 * t->room : 16;
    t->counts = chn_realloc(t->counts, (size_t)room * sizeof *t->counts);
    memset(t->counts + t->room, 0, (size_t)(room - t->room) * sizeof *t->counts);
    t->room = room;
  }
  const bool was = t->counts[id] != 0;
  t->counts[id] = (int64_t)((uint64_t)t->counts[id] + (uint64_t)by);
  t->live += (t->counts[id] != 0) - was;
}

void agg_tally_merge(struct agg_tally *t, const struct agg_tally *from)
{
  const int32_t n = from->keys != NULL ? chn_dict_size(from->keys) : 0;
  for (int32_t i = 0; i < n; i++) {
    if (from->counts[i] != 0) {
      size_t len = 0;
      const char *key = chn_dict_bytes(from->keys, i, &len);
      agg_tally_add(t, key, len, from->counts[i]);
    }
  }
}

struct ranked {
  const char *key;
  size_t len;
  int64_t count;
  int32_t id;
};

static int by_rank(const void *x, const void *y)
{
  const struct ranked *a = x;
  const struct ranked *b = y;
  if (a->count != b->count) {
    return a->count > b->count ? -1 : 1;
  }
  const int order = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);
  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

int32_t *agg_tally_ranked(const struct agg_tally *t, int32_t most, int32_t *n)
{
  const int32_t all = t->keys != NULL ? chn_dict_size(t->keys) : 0;
  struct ranked *entries = chn_calloc((size_t)all + 1, sizeof *entries);
  int32_t live = 0;
  for (int32_t i = 0; i < all; i++) {
    if (t->counts[i] != 0) {
      struct ranked *e = &entries[live++];
      e->key = chn_dict_bytes(t->keys, i, &e->len);
      e->count = t->counts[i];
      e->id = i;
    }
  }
  qsort(entries, (size_t)live, sizeof *entries, by_rank);
  *n = most > 0 && most < live ? most : live;
  int32_t *ids = chn_calloc((size_t)*n + 1, sizeof *ids);
  for (int32_t i = 0; i < *n; i++) {
    ids[i] = entries[i].id;
  }
  free(entries);
  return ids;
}

void agg_tally_free(struct agg_tally *t)
{
  chn_dict_free(t->keys);
  free(t->counts);
  *t = (struct agg_tally){ 0 };
}
