// Threads that write a store, and threads that keep what they read: whatever kv_unchanged is sure
// of is read again and must be equal. Several such processes may share an LMDB folder.
// Usage: kv_threads STORE MILLISECONDS SEED. Exits 1 when an answer was another.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/time.h"
#include "kv/kv.h"

enum { WRITERS = 2, READERS = 3, DATASETS = 3, KEYS = 100, KEPT = 50, GETS = 3, KEY = 16 };

static const char *const NAMES[DATASETS] = { "A", "B", "C" };

static struct kv_store *store;
static int32_t datasets[DATASETS];
static uint64_t seed;
static atomic_bool stop;
static atomic_long commits;
static atomic_long asked;
static atomic_long sure; ///< of an older snapshot
static atomic_long wrong;

static uint32_t below(uint64_t *state, uint32_t n)
{
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)((*state >> 33) % n);
}

static void must(chn_status status, const struct chn_err *err)
{
  if (status != CHN_OK) {
    fprintf(stderr, "kv_threads: %s\n", err->msg);
    exit(2);
  }
}

// --- writers ---

static void put_some(uint64_t *random)
{
  struct kv_put puts[8];
  char keys[8][KEY];
  uint64_t values[8];
  const uint32_t count = 1 + below(random, 8);
  for (uint32_t i = 0; i < count; i++) {
    values[i] = (uint64_t)below(random, UINT32_MAX) << 32 | below(random, UINT32_MAX);
    puts[i] =
        (struct kv_put){ .dataset = datasets[below(random, DATASETS)],
                         .key = keys[i],
                         .key_len = (size_t)snprintf(keys[i], KEY, "k%u", below(random, KEYS)),
                         .value = &values[i],
                         .value_len = sizeof values[i],
                         .ts = below(random, 50),
                         .replace = below(random, 3) == 0 };
    puts[i].append = !puts[i].replace && below(random, 3) == 0;
  }
  struct chn_err err;
  must(kv_commit(store, puts, count, NULL, 0, &err), &err);
}

static void load_some(uint64_t *random)
{
  struct chn_err err;
  struct kv_load *load;
  const chn_status status = kv_load_begin(&load, store, datasets[0], below(random, 50), &err);
  if (status == CHN_E_CONFLICT) {
    return; // another writer is at it
  }
  must(status, &err);
  for (uint32_t i = 0; i < KEYS; i++) {
    char key[KEY];
    const size_t n = (size_t)snprintf(key, sizeof key, "k%u", i);
    must(kv_load_add(load, key, n, random, sizeof *random, &err), &err);
  }
  must(kv_load_commit(load, &err), &err);
}

static void *write_on(void *arg)
{
  uint64_t random = seed * 1000 + (uint64_t)(size_t)arg;
  struct chn_err err;
  while (!atomic_load(&stop)) {
    const uint32_t what = below(&random, 100);
    if (what == 0) {
      load_some(&random);
    } else if (what < 4) {
      must(kv_expire(store, datasets[below(&random, DATASETS)], below(&random, 40), NULL, &err),
           &err);
    } else if (what < 8) {
      const struct kv_mark mark = { .name = "m", .data = &random, .len = sizeof random };
      must(kv_commit(store, NULL, 0, &mark, 1, &err), &err);
    } else {
      put_some(&random);
    }
    atomic_fetch_add(&commits, 1);
  }
  return NULL;
}

// --- readers ---

struct kept {
  uint64_t since; ///< 0: nothing is kept
  uint64_t hash;  ///< of the answers
  uint32_t watches[GETS];
  uint32_t keys[GETS];
  uint32_t sets[GETS];
};

static uint64_t answer(struct kv_reader *reader, struct kept *k)
{
  struct chn_err err;
  struct kv_get gets[GETS] = { { 0 } };
  char keys[GETS][KEY];
  for (int i = 0; i < GETS; i++) {
    gets[i] = (struct kv_get){ .dataset = datasets[k->sets[i]],
                               .key = keys[i],
                               .key_len = (size_t)snprintf(keys[i], KEY, "k%u", k->keys[i]),
                               .after_ts = INT64_MIN };
  }
  must(kv_read(reader, gets, GETS, &err), &err);
  uint64_t hash = 1;
  for (int i = 0; i < GETS; i++) {
    k->watches[i] = kv_watch(&gets[i]);
    hash = chn_hash(&gets[i].generation, sizeof gets[i].generation, hash + gets[i].count);
    for (size_t v = 0; v < gets[i].count; v++) {
      const struct kv_version *version = &gets[i].versions[v];
      hash = chn_hash(version->data, version->len, hash ^ (uint64_t)version->ts);
    }
  }
  return hash;
}

static void ask(struct kv_reader *reader, struct kept *k)
{
  const uint64_t now = kv_read_snapshot(reader);
  const uint64_t since = k->since;
  const bool same = kv_unchanged(reader, since, k->watches, GETS);
  const uint64_t hash = answer(reader, k);
  atomic_fetch_add(&asked, 1);
  if (same && since != now) {
    atomic_fetch_add(&sure, 1);
  }
  if (same && hash != k->hash) {
    fprintf(stderr, "not as of %llu in %llu (seed %llu): %s k%u, ...\n", (unsigned long long)since,
            (unsigned long long)now, (unsigned long long)seed, NAMES[k->sets[0]], k->keys[0]);
    atomic_fetch_add(&wrong, 1);
  }
  if (!same || seed % 2 == 0) { // what was kept stays as old as it is, in every other process
    k->hash = hash;
    k->since = now;
  }
}

static void *read_on(void *arg)
{
  uint64_t random = seed * 2000 + (uint64_t)(size_t)arg;
  struct chn_err err;
  struct kv_reader *reader;
  struct kept *kept = calloc(KEPT, sizeof *kept);
  must(kv_reader_open(&reader, store, &err), &err);
  for (size_t i = 0; i < KEPT; i++) {
    for (int g = 0; g < GETS; g++) {
      kept[i].keys[g] = below(&random, KEYS);
      kept[i].sets[g] = below(&random, DATASETS);
    }
  }
  while (!atomic_load(&stop)) {
    must(kv_read_begin(reader, &err), &err);
    for (uint32_t n = below(&random, 5); n > 0; n--) {
      ask(reader, &kept[below(&random, KEPT)]);
    }
    kv_read_end(reader);
    nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL); // lets writers write in between
  }
  kv_reader_close(reader);
  free(kept);
  return NULL;
}

int main(int argc, char **argv)
{
  struct chn_err err;
  pthread_t threads[WRITERS + READERS];
  if (argc != 4) {
    fprintf(stderr, "usage: kv_threads STORE MILLISECONDS SEED\n");
    return 2;
  }
  seed = strtoull(argv[3], NULL, 10);
  must(kv_open(&store, argv[1], true, &err), &err);
  for (int i = 0; i < DATASETS; i++) {
    must(kv_dataset(store, NAMES[i], &datasets[i], &err), &err);
    must(kv_create(store, datasets[i], &err), &err);
  }
  for (size_t i = 0; i < WRITERS + READERS; i++) {
    pthread_create(&threads[i], NULL, i < WRITERS ? write_on : read_on, (void *)i);
  }
  const double until = chn_monotonic_ms() + strtod(argv[2], NULL);
  while (chn_monotonic_ms() < until) {
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
  }
  atomic_store(&stop, true);
  for (int i = 0; i < WRITERS + READERS; i++) {
    pthread_join(threads[i], NULL);
  }
  kv_close(store);
  printf("%ld commits, %ld asked, %ld sure of an older snapshot, %ld wrong\n",
         atomic_load(&commits), atomic_load(&asked), atomic_load(&sure), atomic_load(&wrong));
  return atomic_load(&wrong) ? 1 : 0;
}
