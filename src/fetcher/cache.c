// Batch values kept decoded, the least recently used one leaves first. A cache belongs to one
// session and one plan, so it goes when the plan does, and needs no lock. It saves the decoding,
// not the read: an entry counts only while the store's bytes are those it was made of, so a switch
// of the dataset, or a value put by hand, is seen by the next fetch.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fetcher/fetcher_int.h"

struct fetch_cached {
  struct fetch_cached *next; ///< of the same bucket
  struct fetch_cached *newer;
  struct fetch_cached *older;
  struct agg_batch_ir *ir;
  uint64_t hash;
  size_t key_len;
  size_t len;
  char *bytes; ///< the key, then the value
};

struct fetch_cache {
  struct fetch_cached **buckets;
  size_t n_buckets; ///< a power of two
  int32_t n;
  int32_t max;
  struct fetch_cached *newest;
  struct fetch_cached *oldest;
};

struct fetch_cache *fetch_cache_new(int32_t max)
{
  struct fetch_cache *c = chn_calloc(1, sizeof *c);
  c->max = max;
  c->n_buckets = 64;
  while (c->n_buckets < (size_t)max) {
    c->n_buckets *= 2;
  }
  c->buckets = chn_calloc(c->n_buckets, sizeof(struct fetch_cached *));
  return c;
}

static void unlink_age(struct fetch_cache *c, struct fetch_cached *e)
{
  *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
  *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void make_newest(struct fetch_cache *c, struct fetch_cached *e)
{
  e->newer = NULL;
  e->older = c->newest;
  *(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
  c->newest = e;
}

/// Takes an entry out and gives its IR.
static struct agg_batch_ir *take_out(struct fetch_cache *c, struct fetch_cached *e)
{
  struct agg_batch_ir *ir = e->ir;
  struct fetch_cached **at = &c->buckets[e->hash & (c->n_buckets - 1)];
  while (*at != e) {
    at = &(*at)->next;
  }
  *at = e->next;
  unlink_age(c, e);
  free(e->bytes);
  free(e);
  c->n--;
  return ir;
}

void fetch_cache_free(struct fetch_cache *c)
{
  while (c != NULL && c->newest != NULL) {
    agg_batch_ir_free(take_out(c, c->newest));
  }
  if (c != NULL) {
    free(c->buckets);
  }
  free(c);
}

static struct fetch_cached *entry_of(struct fetch_cache *c, const struct kv_get *get, uint64_t hash)
{
  struct fetch_cached *e = c->buckets[hash & (c->n_buckets - 1)];
  while (e != NULL && !(e->hash == hash && e->key_len == get->key_len &&
                        memcmp(e->bytes, get->key, get->key_len) == 0)) {
    e = e->next;
  }
  return e;
}

struct agg_batch_ir *fetch_cache_find(struct fetch_cache *c, const struct kv_get *get,
                                      const struct kv_version *v)
{
  struct fetch_cached *e = entry_of(c, get, chn_hash(get->key, get->key_len, 0));
  if (e == NULL || agg_batch_end(e->ir) != v->ts || e->len != v->len ||
      memcmp(e->bytes + e->key_len, v->data, v->len) != 0) {
    return NULL;
  }
  unlink_age(c, e);
  make_newest(c, e);
  return e->ir;
}

struct agg_batch_ir *fetch_cache_put(struct fetch_cache *c, const struct kv_get *get,
                                     const struct kv_version *v, struct agg_batch_ir *ir)
{
  struct agg_batch_ir *spare = NULL;
  const uint64_t hash = chn_hash(get->key, get->key_len, 0);
  struct fetch_cached *e = entry_of(c, get, hash);
  e = e == NULL && c->n == c->max ? c->oldest : e;
  if (e != NULL) {
    spare = take_out(c, e);
  }
  e = chn_calloc(1, sizeof *e);
  e->ir = ir;
  e->hash = hash;
  e->key_len = get->key_len;
  e->len = v->len;
  e->bytes = chn_malloc(get->key_len + v->len + 1);
  memcpy(e->bytes, get->key, get->key_len);
  memcpy(e->bytes + get->key_len, v->data, v->len);
  struct fetch_cached **bucket = &c->buckets[hash & (c->n_buckets - 1)];
  e->next = *bucket;
  *bucket = e;
  make_newest(c, e);
  c->n++;
  return spare;
}
