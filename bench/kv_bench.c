// What the store interface costs over LMDB itself: a request's reads of 3 parts, once of batch values alone
// and once with the streamed versions of each key, by kv_read and by bare cursors over the same folder.
//
//     ninja -C build/release kv_bench && build/release/kv_bench FOLDER
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "kv/kv.h"
#include "kv/layout_int.h"

enum { KEYS = 100000, PARTS = 3, STREAMED_KEYS = 4000, TILES = 300, READS = 200000, STREAMED_READS = 20000 };

static const char *const NAMES[2 * PARTS] = {"A_BATCH",     "B_BATCH",     "C_BATCH",
                                             "A_STREAMING", "B_STREAMING", "C_STREAMING"};

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
  enum { POLL = 100 };
  static struct kv_put puts[POLL * TILES];
  static char keys[POLL][32];
  struct chn_err err;
  for (uint32_t first = 0; first < STREAMED_KEYS; first += POLL) {
    for (uint32_t i = 0; i < POLL; i++) {
      const size_t n = key_of(keys[i], first + i);
      for (int t = 0; t < TILES; t++) {
        puts[i * TILES + (uint32_t)t] = (struct kv_put){dataset, keys[i], n, value, 60, 1000 + t, false};
      }
    }
    must(kv_commit(store, puts, POLL * TILES, NULL, 0, &err), &err);
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

static double by_store(struct kv_store *store, const int32_t *datasets, size_t gets, uint32_t keys, int reads)
{
  struct chn_err err;
  struct kv_reader *reader;
  must(kv_reader_open(&reader, store, &err), &err);
  uint64_t state = 1;
  uint64_t seen = 0;
  const double start = chn_monotonic_ms();
  for (int i = 0; i < reads; i++) {
    char key[32];
    const size_t n = key_of(key, random_below(&state, keys));
    struct kv_get get[2 * PARTS];
    for (size_t g = 0; g < gets; g++) {
      get[g] = (struct kv_get){.dataset = datasets[g], .key = key, .key_len = n, .after_ts = 1000};
    }
    must(kv_read_begin(reader, &err), &err);
    must(kv_read(reader, get, gets, &err), &err);
    for (size_t g = 0; g < gets; g++) {
      for (size_t v = 0; v < get[g].count; v++) {
        seen += *(const uint8_t *)get[g].versions[v].data;
      }
    }
    kv_read_end(reader);
  }
  const double ms = chn_monotonic_ms() - start;
  kv_reader_close(reader);
  fprintf(stderr, "%s", seen == 0 ? "nothing was read\n" : "");
  return ms * 1e6 / reads;
}

static double by_lmdb(const char *folder, const uint32_t *generations, size_t gets, uint32_t keys, int reads)
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
      MDB_val k = {place.len, place.bytes};
      MDB_val v;
      int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
      for (size_t t = 0; rc == 0 && t < (g < PARTS ? 1 : TILES); t++) {
        seen += *(const uint8_t *)v.mv_data;
        rc = g < PARTS ? 0 : mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
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

// The generation in the record of a dataset (lmdb_env.c), past four counts of 8 bytes.
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
    MDB_val k = {(size_t)snprintf(name, sizeof name, "d%s", NAMES[i]), name};
    MDB_val v;
    bare(mdb_get(txn, dbi, &k, &v));
    memcpy(&generations[i], (const char *)v.mv_data + 32, sizeof generations[i]);
  }
  mdb_txn_abort(txn);
  mdb_env_close(env);
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: kv_bench FOLDER\n");
    return 2;
  }
  struct chn_err err;
  char url[4096];
  snprintf(url, sizeof url, "lmdb:%s", argv[1]);
  struct kv_store *store;
  must(kv_open(&store, url, true, &err), &err);
  int32_t datasets[2 * PARTS];
  for (int i = 0; i < 2 * PARTS; i++) {
    must(kv_dataset(store, NAMES[i], &datasets[i], &err), &err);
  }
  const double start = chn_monotonic_ms();
  fill(store, datasets);
  printf("filled in %.0f ms\n", chn_monotonic_ms() - start);
  const double batch = by_store(store, datasets, PARTS, KEYS, READS);
  const double all = by_store(store, datasets, 2 * PARTS, STREAMED_KEYS, STREAMED_READS);
  kv_close(store);
  uint32_t generations[2 * PARTS];
  find_generations(argv[1], generations);
  const double bare_batch = by_lmdb(argv[1], generations, PARTS, KEYS, READS);
  const double bare_all = by_lmdb(argv[1], generations, 2 * PARTS, STREAMED_KEYS, STREAMED_READS);
  printf("3 batch values          kv %8.0f ns   lmdb %8.0f ns   x %.2f\n", batch, bare_batch, batch / bare_batch);
  printf("and 3 x %d streamed    kv %8.0f ns   lmdb %8.0f ns   x %.2f\n", TILES, all, bare_all, all / bare_all);
  return 0;
}
