// The online store of the serving benches: fills streams, and times a fetch in process beside the
// LMDB reads that it cannot do without.
//
//     serve_store fill URL team/group_by.v1 END_MS SPAN_MS FIRST USERS EACH
//     serve_store write URL team/join.v1 AT_MS FIRST USERS RATE
//     serve_store fetch URL team/join.v1 AT_MS FIRST USERS CALLS
//     serve_store bare FOLDER team/join.v1 AT_MS FIRST USERS CALLS
//
// `fill` streams EACH rows, or tiles of 5 minutes, over SPAN_MS to each of USERS users from number
// FIRST on. `write` streams to them until SIGTERM. `fetch` and `bare` ask for random ones of them,
// the same in the same order, and print lines `name value`.
#include "store.h"
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kv/kv_int.h"
#include "kv/layout_int.h"

enum { MAX_PARTS = 8 };

void must(chn_status status, const struct chn_err *err)
{
  if (status != CHN_OK) {
    fprintf(stderr, "serve_store: %s\n", err->msg);
    exit(1);
  }
}

void need(bool good, const char *what)
{
  if (!good) {
    fprintf(stderr, "serve_store: %s\n", what);
    exit(1);
  }
}

uint64_t next_random(uint64_t *state)
{
  uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

size_t user_name(char out[32], uint32_t user)
{
  return (size_t)snprintf(out, 32, "user_%06" PRIu32, user);
}

double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

void open_all(struct opened *o, const char *url, enum fetch_kind kind, const char *name)
{
  struct chn_err err;
  const struct fetcher_options options = { 0 };
  must(kv_open(&o->store, url, false, &err), &err);
  must(fetcher_open(o->store, &options, &o->fetcher, &err), &err);
  must(fetch_session_open(o->fetcher, &o->session, &err), &err);
  must(fetch_plan_get(o->session, kind, name, &o->plan, &err), &err);
}

void close_all(struct opened *o)
{
  fetch_plan_release(o->plan);
  fetch_session_close(o->session);
  fetcher_close(o->fetcher);
  kv_close(o->store);
}

// ---- timing -----------------------------------------------------------------------------------

struct timing {
  float *us;
  size_t n;
  double total_us;
};

static int by_value(const void *a, const void *b)
{
  const float x = *(const float *)a;
  const float y = *(const float *)b;
  return (x > y) - (x < y);
}

static void timing_print(struct timing *t)
{
  qsort(t->us, t->n, sizeof *t->us, by_value);
  printf("p50_us %.3f\np99_us %.3f\nmean_us %.3f\n", t->us[t->n / 2], t->us[t->n - 1 - t->n / 100],
         t->total_us / (double)t->n);
}

static void timing_add(struct timing *t, double us)
{
  t->us[t->n++] = (float)us;
  t->total_us += us;
}

/// Memory of this process that is no file's, in KB.
static long anonymous_kb(void)
{
  char line[256];
  long kb = -1;
  FILE *f = fopen("/proc/self/status", "r");
  while (f != NULL && fgets(line, sizeof line, f) != NULL) {
    if (sscanf(line, "RssAnon: %ld", &kb) == 1) {
      break;
    }
  }
  if (f != NULL) {
    fclose(f);
  }
  return kb;
}

/// Every cell a value: a bench of nulls would be one of nothing.
static void check_result(const struct fetch_result *r)
{
  const int32_t n = fetch_plan_features(r->plan)->n_fields;
  need(r->n_errors == 0 && r->rows[0] == FETCH_ROW_VALUES, "a fetch has errors");
  for (int32_t c = 0; c < n; c++) {
    need(r->cells[c] == FETCH_VALUE, "a feature is null");
  }
}

static void time_fetch(char **argv)
{
  struct opened o;
  struct row key;
  struct chn_err err;
  struct fetch_result result;
  char name[32];
  const int64_t at = strtoll(argv[2], NULL, 10);
  const uint32_t first = (uint32_t)strtoul(argv[3], NULL, 10);
  const uint32_t users = (uint32_t)strtoul(argv[4], NULL, 10);
  const size_t calls = strtoull(argv[5], NULL, 10);
  struct timing t = { .us = chn_calloc(calls, sizeof *t.us) };
  open_all(&o, argv[0], FETCH_JOIN, argv[1]);
  row_make(&key, fetch_plan_keys(o.plan));
  const struct fetch_request q = { .plan = o.plan, .n = 1, .keys = key.cols, .at = &at };
  long early_kb = 0;
  uint64_t state = 7;
  for (size_t i = 0; i < calls; i++) {
    row_builder_clear(key.builders[0]);
    row_builder_string(key.builders[0], name,
                       user_name(name, first + (uint32_t)(next_random(&state) % users)));
    row_done(&key);
    const double start = now_us();
    must(fetch_run(o.session, &q, 1, &result, &err), &err);
    timing_add(&t, now_us() - start);
    if (i % 256 == 0) {
      check_result(&result);
    }
    if (i == calls / 10) {
      early_kb = anonymous_kb();
    }
  }
  // The times themselves are pages that fill up: they are no growth of the fetcher.
  const long times_kb = (long)((calls - calls / 10) * sizeof *t.us / 1024);
  const long end_kb = anonymous_kb();
  timing_print(&t);
  printf("features %d\nrss_mb %.1f\ngrowth_mb %.2f\n", fetch_plan_features(o.plan)->n_fields,
         (double)(end_kb - (long)(calls * sizeof *t.us / 1024)) / 1024,
         (double)(end_kb - early_kb - times_kb) / 1024);
  free(t.us);
  row_free(&key);
  close_all(&o);
}

// ---- LMDB alone -------------------------------------------------------------------------------

static void lmdb(int rc)
{
  need(rc == 0, mdb_strerror(rc));
}

/// The datasets of a join: their generations, and where the stream begins.
struct bare {
  int n;
  char names[2 * MAX_PARTS][KV_NAME_MAX + 1]; ///< batch and stream of each part
  uint32_t generations[2 * MAX_PARTS];
  int64_t end;
};

static void bare_names(struct bare *b, const struct opened *o)
{
  const struct fetch_join *j = &o->plan->join;
  need(j->n_parts <= MAX_PARTS, "too many parts");
  b->end = fetch_plan_batch_end(o->plan);
  for (int32_t i = 0; i < j->n_parts; i++) {
    const struct fetch_gb *gb = &j->parts[i].plan->gb;
    snprintf(b->names[b->n++], sizeof b->names[0], "%s", kv_name(o->store, gb->batch_set));
    snprintf(b->names[b->n++], sizeof b->names[0], "%s", kv_name(o->store, gb->stream_set));
  }
}

/// Keys as Avro of the users, one length for all.
static char *bare_keys(const struct opened *o, uint32_t first, uint32_t users, size_t *len)
{
  struct row key;
  struct chn_buf out = { 0 };
  struct chn_err err;
  char name[32];
  row_make(&key, &o->plan->join.parts[0].plan->keys);
  for (uint32_t u = 0; u < users; u++) {
    row_builder_clear(key.builders[0]);
    row_builder_string(key.builders[0], name, user_name(name, first + u));
    row_done(&key);
    must(avro_encode(o->plan->join.parts[0].plan->gb.key, key.cols, 0, &out, &err), &err);
  }
  *len = out.len / users;
  row_free(&key);
  return out.data;
}

/// The generation in the record of a dataset (lmdb_catalogue.c), past four counts of 8 bytes.
static void bare_generations(struct bare *b, MDB_txn *txn)
{
  MDB_dbi dbi;
  lmdb(mdb_dbi_open(txn, "chronon.catalogue", 0, &dbi));
  for (int i = 0; i < b->n; i++) {
    char name[KV_NAME_MAX + 2];
    MDB_val k = { (size_t)snprintf(name, sizeof name, "d%s", b->names[i]), name };
    MDB_val v;
    lmdb(mdb_get(txn, dbi, &k, &v));
    memcpy(&b->generations[i], (const char *)v.mv_data + 32, sizeof b->generations[i]);
  }
}

/// Steps through the blocks of a key that have versions from `after` on, and looks at a byte of
/// each cache line, as no reader can do without. Returns how many versions the blocks hold.
static uint64_t bare_get(MDB_cursor *cursor, uint32_t generation, const char *key, size_t key_len,
                         int64_t after, uint64_t *seen)
{
  struct kv_place place;
  kv_place_key(&place, generation, key, key_len);
  kv_place_ts(&place, after);
  MDB_val k = { place.len, place.bytes };
  MDB_val v;
  uint64_t n = 0;
  int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
  while (rc == 0 && k.mv_size == place.len && memcmp(k.mv_data, place.bytes, place.stem) == 0) {
    struct kv_stored stored;
    if (kv_stored_read(&stored, k.mv_data, k.mv_size, v.mv_data, v.mv_size)) {
      n += stored.block.count;
    }
    for (size_t at = 0; at < v.mv_size; at += 64) {
      *seen += ((const uint8_t *)v.mv_data)[at];
    }
    rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
  }
  return n;
}

static void bare_run(const struct bare *b, MDB_env *env, const char *keys, size_t key_len,
                     uint32_t users, size_t calls)
{
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_cursor *cursor;
  struct timing t = { .us = chn_calloc(calls, sizeof *t.us) };
  uint64_t state = 7;
  uint64_t seen = 0;
  uint64_t versions = 0;
  lmdb(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
  lmdb(mdb_dbi_open(txn, "chronon.data", 0, &dbi));
  lmdb(mdb_txn_commit(txn)); // makes the handle the environment's
  lmdb(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
  lmdb(mdb_cursor_open(txn, dbi, &cursor));
  for (size_t i = 0; i < calls; i++) {
    const char *key = keys + next_random(&state) % users * key_len;
    const double start = now_us();
    mdb_txn_reset(txn);
    lmdb(mdb_txn_renew(txn));
    lmdb(mdb_cursor_renew(txn, cursor));
    for (int d = 0; d < b->n; d++) {
      versions +=
          bare_get(cursor, b->generations[d], key, key_len, d % 2 ? b->end : INT64_MIN, &seen);
    }
    timing_add(&t, now_us() - start);
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  need(seen > 0, "nothing was read");
  timing_print(&t);
  printf("versions %.1f\n", (double)versions / (double)calls);
  free(t.us);
}

static void time_bare(char **argv)
{
  struct opened o;
  struct bare b = { 0 };
  MDB_env *env;
  MDB_txn *txn;
  char url[4096];
  size_t key_len = 0;
  const uint32_t first = (uint32_t)strtoul(argv[3], NULL, 10);
  const uint32_t users = (uint32_t)strtoul(argv[4], NULL, 10);
  snprintf(url, sizeof url, "lmdb:%s", argv[0]);
  open_all(&o, url, FETCH_JOIN, argv[1]);
  bare_names(&b, &o);
  char *keys = bare_keys(&o, first, users, &key_len);
  close_all(&o);
  lmdb(mdb_env_create(&env));
  lmdb(mdb_env_set_maxdbs(env, 4));
  lmdb(mdb_env_open(env, argv[0], MDB_NOTLS | MDB_RDONLY | MDB_NORDAHEAD, 0664));
  lmdb(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
  bare_generations(&b, txn);
  mdb_txn_abort(txn);
  bare_run(&b, env, keys, key_len, users, strtoull(argv[5], NULL, 10));
  mdb_env_close(env);
  free(keys);
}

int main(int argc, char **argv)
{
  if (argc == 9 && strcmp(argv[1], "fill") == 0) {
    fill(argv + 2);
  } else if (argc == 8 && strcmp(argv[1], "write") == 0) {
    write_stream(argv + 2);
  } else if (argc == 8 && strcmp(argv[1], "fetch") == 0) {
    time_fetch(argv + 2);
  } else if (argc == 8 && strcmp(argv[1], "bare") == 0) {
    time_bare(argv + 2);
  } else {
    fprintf(stderr, "usage: serve_store fill URL GROUP_BY END_MS SPAN_MS FIRST USERS EACH\n"
                    "       serve_store write URL JOIN AT_MS FIRST USERS RATE\n"
                    "       serve_store fetch URL JOIN AT_MS FIRST USERS CALLS\n"
                    "       serve_store bare FOLDER JOIN AT_MS FIRST USERS CALLS\n");
    return 2;
  }
  return 0;
}
