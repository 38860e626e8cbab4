// A counting sort by key, then each key's instants by themselves: rows mostly arrive in time
// order, so that a key is usually sorted already and only looked over.
#include "batch/queries.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct ask {
  int64_t at;
  int32_t row;
};

static int by_instant(const void *x, const void *y)
{
  const struct ask *a = x;
  const struct ask *b = y;
  if (a->at != b->at) {
    return a->at < b->at ? -1 : 1;
  }
  return (a->row > b->row) - (a->row < b->row);
}

static void sort_key(struct ask *asks, size_t n)
{
  for (size_t i = 1; i < n; i++) {
    if (asks[i].at < asks[i - 1].at) {
      qsort(asks, n, sizeof *asks, by_instant);
      return;
    }
  }
}

/// Writes one key's distinct instants behind those of the keys before it.
static void emit_key(struct query_set *q, int32_t key, const struct ask *asks, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    const size_t last = q->queries.n;
    if (i == 0 || asks[i].at != asks[i - 1].at) {
      q->key[last] = key;
      q->at[last] = asks[i].at;
      q->queries.n++;
    }
    q->position[asks[i].row] = (int32_t)(q->queries.n - 1);
  }
}

void query_set_init(struct query_set *q, const int32_t *key, const int64_t *at, size_t n,
                    int32_t n_keys)
{
  size_t *start = chn_calloc((size_t)n_keys + 2, sizeof *start);
  for (size_t i = 0; i < n; i++) {
    if (key[i] >= 0) {
      start[key[i] + 2]++;
    }
  }
  for (int32_t k = 2; k <= n_keys + 1; k++) {
    start[k] += start[k - 1];
  }
  // start[k + 1] is where key k begins; filling moves it to where key k ends.
  struct ask *asks = chn_malloc(n * sizeof *asks);
  *q = (struct query_set){ .position = chn_malloc(n * sizeof(int32_t)), .n_rows = n };
  for (size_t i = 0; i < n; i++) {
    if (key[i] >= 0) {
      asks[start[key[i] + 1]++] = (struct ask){ at[i], (int32_t)i };
    } else {
      q->position[i] = -1;
    }
  }
  const size_t total = start[n_keys];
  q->key = chn_malloc(total * sizeof *q->key);
  q->at = chn_malloc(total * sizeof *q->at);
  for (int32_t k = 0; k < n_keys; k++) {
    const size_t count = start[k + 1] - start[k];
    if (count > 0) {
      sort_key(asks + start[k], count);
      emit_key(q, k, asks + start[k], count);
    }
  }
  q->queries.key = q->key;
  q->queries.at = q->at;
  free(asks);
  free(start);
}

void query_set_deinit(struct query_set *q)
{
  free(q->key);
  free(q->at);
  free(q->position);
  *q = (struct query_set){ 0 };
}
