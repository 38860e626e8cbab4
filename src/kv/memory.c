// What the memory store keeps: datasets, their generations, the versions of a key in order, and the
// graveyard of what an open read may still point at.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kv/memory_int.h"

struct mem_generation *mem_generation_new(void)
{
  static atomic_ullong ids;
  struct mem_generation *g = chn_calloc(1, sizeof *g);
  g->id = atomic_fetch_add(&ids, 1) + 1;
  g->keys = chn_dict_new(16);
  return g;
}

void mem_generation_free(struct mem_generation *g)
{
  for (size_t i = 0; i < g->cap; i++) {
    for (size_t v = 0; v < g->of_key[i].count; v++) {
      free(g->of_key[i].list[v]);
    }
    free(g->of_key[i].list);
  }
  free(g->of_key);
  chn_dict_free(g->keys);
  free(g);
}

void mem_bury_dead(struct mem_core *c)
{
  while (c->reads == 0 && c->dead_values) {
    struct mem_value *v = c->dead_values;
    c->dead_values = v->next;
    free(v);
  }
  while (c->reads == 0 && c->dead_generations) {
    struct mem_generation *g = c->dead_generations;
    c->dead_generations = g->next;
    mem_generation_free(g);
  }
}

void mem_bury(struct mem_core *c, struct mem_value *v)
{
  if (v) {
    v->next = c->dead_values;
    c->dead_values = v;
  }
}

struct mem_value *mem_value_new(int64_t ts, const void *data, size_t len)
{
  struct mem_value *v = chn_malloc(sizeof *v + len);
  *v = (struct mem_value){ .ts = ts, .len = len };
  if (len) {
    memcpy(v->data, data, len);
  }
  return v;
}

struct mem_value *mem_value_join(const struct mem_value *v, const void *data, size_t len)
{
  struct mem_value *joined = chn_malloc(sizeof *joined + v->len + len);
  *joined = (struct mem_value){ .ts = v->ts, .len = v->len + len };
  memcpy(joined->data, v->data, v->len);
  if (len) {
    memcpy(joined->data + v->len, data, len);
  }
  return joined;
}

struct mem_versions *mem_versions_of(struct mem_generation *g, const void *key, size_t len)
{
  const size_t id = (size_t)chn_dict_intern(g->keys, len ? key : "", len);
  if (id >= g->cap) {
    const size_t cap = g->cap ? g->cap * 2 : 16;
    g->of_key = chn_realloc(g->of_key, cap * sizeof *g->of_key);
    memset(g->of_key + g->cap, 0, (cap - g->cap) * sizeof *g->of_key);
    g->cap = cap;
  }
  return &g->of_key[id];
}

size_t mem_place(const struct mem_versions *k, int64_t ts)
{
  size_t low = 0;
  size_t high = k->count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (k->list[middle]->ts < ts) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

struct mem_value *mem_set_version(struct mem_versions *k, struct mem_value *v)
{
  const size_t at = mem_place(k, v->ts);
  if (at < k->count && k->list[at]->ts == v->ts) {
    struct mem_value *old = k->list[at];
    k->list[at] = v;
    return old;
  }
  if (k->count == k->cap) {
    k->cap = k->cap ? k->cap * 2 : 1;
    k->list = chn_realloc(k->list, k->cap * sizeof(struct mem_value *));
  }
  memmove(k->list + at + 1, k->list + at, (k->count - at) * sizeof(struct mem_value *));
  k->list[at] = v;
  k->count++;
  return NULL;
}

struct mem_dataset *mem_find_dataset(struct mem_core *c, const char *name)
{
  const int32_t id = chn_dict_find(c->names, name, strlen(name));
  return id == CHN_DICT_NONE ? NULL : &c->datasets[id];
}

struct mem_dataset *mem_make_dataset(struct mem_core *c, const char *name)
{
  struct mem_dataset *d = mem_find_dataset(c, name);
  if (d) {
    return d;
  }
  const size_t id = (size_t)chn_dict_intern(c->names, name, strlen(name));
  if (id >= c->dataset_cap) {
    c->dataset_cap = id * 2 + 8;
    c->datasets = chn_realloc(c->datasets, c->dataset_cap * sizeof *c->datasets);
  }
  c->datasets[id] = (struct mem_dataset){ .live = mem_generation_new(), .version_ts = INT64_MIN };
  return &c->datasets[id];
}

struct mem_mark *mem_find_mark(struct mem_core *c, const char *name)
{
  for (size_t i = 0; i < c->mark_count; i++) {
    if (strcmp(c->marks[i].name, name) == 0) {
      return &c->marks[i];
    }
  }
  return NULL;
}
