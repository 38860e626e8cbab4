// What the store interface costs over LMDB itself: a request's reads of 3 parts, once of batch
// values alone and once with the streamed versions of each key, by kv_read and by bare cursors over
// the same entries. Then a stream's puts, a poll a commit: events as versions of their own, and
// tiles that are put again.
//
//     ninja -C build/release kv_bench && build/release/kv_bench FOLDER [VERSIONS A KEY]
#include <inttypes.h>
#include <lmdb.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "kv/kv.h"
#include "kv/layout_int.h"

enum {
  KEYS = 100000,
  PARTS = 3,
  STREAMED_KEYS = 4000,
  MOST = 1000,
  READS = 200000,
  STREAMED_READS = 20000,
  CACHE_LINE = 64,
  ROUNDS = 5
};
enum { MOST_PUTS = 200000, PUTS = 2000000, POLLS_A_TILE = 10 };

static int versions = 300; // of a streamed key

static const char *const NAMES[2 * PARTS] = { "A_BATCH",     "B_BATCH",     "C_BATCH",
                                              "A_STREAMING", "B_STREAMING", "C_STREAMING" };

static void must(chn_status status, const struct chn_err *err)
{
  if (status) {
    fprintf(stderr, "kv_bench: %s\n", err->msg);
    exit(1);
  }
}

static void bare(int rc)
{
  if (rc) {
    fprintf(stderr, "kv_bench: %s\n", mdb_strerror(rc));
    exit(1);
  }
}

static size_t key_of(char *out, uint32_t i)
{
  return (size_t)snprintf(out, 32, "\x02user_%08" PRIu32, i);
}

static uint32_t random_below(uint64_t *state, uint32_t n)
{
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)((*state >> 33) % n);
}

// A poll's worth of keys a transaction.
static void fill_streamed(struct kv_store *store, int32_t dataset, const char *value)
{
  enum { SOME = 100 };
  static struct kv_put puts[SOME * MOST];
  static char keys[SOME][32];
  struct chn_err err;
  for (uint32_t first = 0; first < STREAMED_KEYS; first += SOME) {
    size_t count = 0;
    for (uint32_t i = 0; i < SOME; i++) {
      const size_t n = key_of(keys[i], first + i);
      for (int t = 0; t < versions; t++) {
        puts[count++] = (struct kv_put){ .dataset = dataset,
                                         .key = keys[i],
                                         .key_len = n,
                                         .value = value,
                                         .value_len = 60,
                                         .ts = 1000 + t };
      }
    }
    must(kv_commit(store, puts, count, NULL, 0, &err), &err);
  }
}

static void fill(struct kv_store *store, const int32_t *datasets)
{
  struct chn_err err;
  char key[32];
  char value[400];
  memset(value, 'v', sizeof value);
  for (int part = 0; part < PARTS; part++) {
    const double start = chn_monotonic_ms();
    struct kv_load *load;
    must(kv_load_begin(&load, store, datasets[part], 1000, &err), &err);
    for (uint32_t i = 0; i < KEYS; i++) {
      must(kv_load_add(load, key, key_of(key, i), value, sizeof value, &err), &err);
    }
    must(kv_load_commit(load, &err), &err);
    printf("%d values loaded in %.0f ms\n", KEYS, chn_monotonic_ms() - start);
    must(kv_create(store, datasets[PARTS + part], &err), &err);
    fill_streamed(store, datasets[PARTS + part], value);
  }
}

// A stream's commits, of `poll` puts each: random keys, times that grow, so that a tile gets
// `polls` commits, an event (polls 0) one.
static void stream(struct kv_store *store, const char *name, const char *what, int poll, int polls)
{
  static struct kv_put puts[MOST_PUTS];
  static char keys[MOST_PUTS][32];
  struct chn_err err;
  int32_t dataset;
  must(kv_dataset(store, name, &dataset, &err), &err);
  must(kv_create(store, dataset, &err), &err);
  char value[60];
  memset(value, 's', sizeof value);
  uint64_t state = 7;
  const double start = chn_monotonic_ms();
  const clock_t cpu = clock();
  for (int n = 0; n < PUTS / poll; n++) {
    for (int i = 0; i < poll; i++) {
      const size_t len = key_of(keys[i], random_below(&state, KEYS));
      const int64_t ts = polls ? n / polls : (int64_t)n * poll + i;
      puts[i] = (struct kv_put){ .dataset = dataset,
                                 .key = keys[i],
                                 .key_len = len,
                                 .value = value,
                                 .value_len = sizeof value,
                                 .ts = ts * 1000 };
    }
    must(kv_commit(store, puts, (size_t)poll, NULL, 0, &err), &err);
  }
  const double ms = chn_monotonic_ms() - start;
  const double cpu_ms = (double)(clock() - cpu) * 1000 / CLOCKS_PER_SEC;
  printf("%-22s polls of %6d %8.0f puts a second, %5.2f us of CPU each\n", what, poll,
         PUTS / ms * 1000, cpu_ms * 1000 / PUTS);
}

// Brings the bytes in from memory, as whoever decodes them must.
static uint64_t touch(const void *data, size_t len)
{
  uint64_t seen = 0;
  for (size_t at = 0; at < len; at += CACHE_LINE) {
    seen += ((const uint8_t *)data)[at];
  }
  return seen;
}

static void find_datasets(struct kv_store *store, int32_t *datasets)
{
  struct chn_err err;
  for (int i = 0; i < 2 * PARTS; i++) {
    must(kv_dataset(store, NAMES[i], &datasets[i], &err), &err);
  }
}

static double by_store(const char *url, size_t gets, uint32_t keys, int reads)
{
  struct chn_err err;
  struct kv_store *store;
  struct kv_reader *reader;
  int32_t datasets[2 * PARTS];
  must(kv_open(&store, url, false, &err), &err);
  find_datasets(store, datasets);
  must(kv_reader_open(&reader, store, &err), &err);
  uint64_t state = 1;
  uint64_t seen = 0;
  const double start = chn_monotonic_ms();
  for (int i = 0; i < reads; i++) {
    char key[32];
    const size_t n = key_of(key, random_below(&state, keys));
    struct kv_get get[2 * PARTS];
    for (size_t g = 0; g < gets; g++) {
      get[g] =
          (struct kv_get){ .dataset = datasets[g], .key = key, .key_len = n, .after_ts = 1000 };
    }
    must(kv_read_begin(reader, &err), &err);
    must(kv_read(reader, get, gets, &err), &err);
    for (size_t g = 0; g < gets; g++) {
      for (size_t v = 0; v < get[g].count; v++) {
        seen += touch(get[g].versions[v].data, get[g].versions[v].len);
      }
    }
    kv_read_end(reader);
  }
  const double ms = chn_monotonic_ms() - start;
  kv_reader_close(reader);
  kv_close(store);
  fprintf(stderr, "%s", seen == 0 ? "nothing was read\n" : "");
  return ms * 1e6 / reads;
}

static double by_lmdb(const char *folder, const uint32_t *generations, size_t gets, uint32_t keys,
                      int reads)
{
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_cursor *cursor;
  bare(mdb_env_create(&env));
  bare(mdb_env_set_maxdbs(env, 4));
  bare(mdb_env_open(env, folder, MDB_NOTLS | MDB_RDONLY, 0664));
  bare(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
  bare(mdb_dbi_open(txn, "chronon.data", 0, &dbi));
  bare(mdb_txn_commit(txn)); // makes the handle the environment's
  bare(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
  bare(mdb_cursor_open(txn, dbi, &cursor));
  uint64_t state = 1;
  uint64_t seen = 0;
  const double start = chn_monotonic_ms();
  for (int i = 0; i < reads; i++) {
    char key[32];
    const size_t n = key_of(key, random_below(&state, keys));
    mdb_txn_reset(txn);
    bare(mdb_txn_renew(txn));
    bare(mdb_cursor_renew(txn, cursor));
    for (size_t g = 0; g < gets; g++) {
      struct kv_place place;
      kv_place_key(&place, generations[g], key, n);
      kv_place_ts(&place, 1000);
      MDB_val k = { place.len, place.bytes };
      MDB_val v;
      int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
      while (rc == 0 && k.mv_size == place.len && memcmp(k.mv_data, place.bytes, place.stem) == 0) {
        seen += touch(v.mv_data, v.mv_size);
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
      }
    }
  }
  const double ms = chn_monotonic_ms() - start;
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  mdb_env_close(env);
  fprintf(stderr, "%s", seen == 0 ? "nothing was read\n" : "");
  return ms * 1e6 / reads;
}

// The generation in the record of a dataset (lmdb_catalogue.c), past four counts of 8 bytes.
static void find_generations(const char *folder, uint32_t *generations)
{
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  bare(mdb_env_create(&env));
  bare(mdb_env_set_maxdbs(env, 4));
  bare(mdb_env_open(env, folder, MDB_NOTLS | MDB_RDONLY, 0664));
  bare(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
  bare(mdb_dbi_open(txn, "chronon.catalogue", 0, &dbi));
  for (int i = 0; i < 2 * PARTS; i++) {
    char name[64];
    MDB_val k = { (size_t)snprintf(name, sizeof name, "d%s", NAMES[i]), name };
    MDB_val v;
    bare(mdb_get(txn, dbi, &k, &v));
    memcpy(&generations[i], (const char *)v.mv_data + 32, sizeof generations[i]);
  }
  mdb_txn_abort(txn);
  mdb_env_close(env);
}

// One by the other, several times: the fastest of each counts, the least disturbed.
static void read_both(const char *url, const char *folder, size_t gets, uint32_t keys, int reads,
                      const char *what)
{
  uint32_t generations[2 * PARTS];
  find_generations(folder, generations);
  double ours = 1e18;
  double bare = 1e18;
  for (int round = 0; round < ROUNDS; round++) {
    ours = fmin(ours, by_store(url, gets, keys, reads));
    bare = fmin(bare, by_lmdb(folder, generations, gets, keys, reads));
  }
  printf("%-22s kv %8.0f ns   lmdb %8.0f ns   x %.2f\n", what, ours, bare, ours / bare);
}

int main(int argc, char **argv)
{
  versions = argc == 3 ? atoi(argv[2]) : versions;
  if (argc < 2 || argc > 3 || versions < 1 || versions > MOST) {
    fprintf(stderr, "usage: kv_bench FOLDER [VERSIONS A KEY, up to %d]\n", MOST);
    return 2;
  }
  struct chn_err err;
  char url[4096];
  char what[64];
  snprintf(url, sizeof url, "lmdb:%s", argv[1]);
  struct kv_store *store;
  must(kv_open(&store, url, true, &err), &err);
  int32_t datasets[2 * PARTS];
  find_datasets(store, datasets);
  const double start = chn_monotonic_ms();
  fill(store, datasets);
  printf("filled in %.0f ms\n", chn_monotonic_ms() - start);
  kv_close(store);
  read_both(url, argv[1], PARTS, KEYS, READS, "3 batch values");
  snprintf(what, sizeof what, "and 3 x %d streamed", versions);
  read_both(url, argv[1], 2 * PARTS, STREAMED_KEYS, STREAMED_READS, what);
  must(kv_open(&store, url, true, &err), &err);
  stream(store, "EVENTS_STREAMING", "events", 20000, 0);
  stream(store, "TILES_STREAMING", "tiles, 10 polls each", 20000, POLLS_A_TILE);
  stream(store, "EVENTS2_STREAMING", "events", 200000, 0);
  stream(store, "TILES2_STREAMING", "tiles, 2 polls each", 200000, 2);
  kv_close(store);
  return 0;
}
