// A bulk load into an LMDB folder.
//
//   begin   one transaction: takes a number for the generation and notes it in the dataset's
//           record. The load holds a lock on the byte of that number in loads.lock; the system
//           frees it when the process ends, so a number noted but not locked is a dead load's,
//           and is doomed here.
//   add     pairs are sorted outside of LMDB (sort.c).
//   commit  the sorted pairs are written in transactions of some MiB, between which streams can
//           write. The last transaction makes the generation live and dooms the old one.
//   sweep   doomed generations are deleted in transactions of bounded size; what a crash leaves
//           doomed the next load deletes.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/time.h"
#include "kv/lmdb_int.h"
#include "kv/sort_int.h"

enum { SORT_BYTES = 64 << 20, BATCH_BYTES = 8 << 20, SWEEP_ENTRIES = 20000 };

struct load {
  struct kv_load base;
  struct lmdb_env *env;
  char *name;
  int64_t ts;
  uint32_t generation;
  int lock_fd;
  struct kv_sort *sort;
  struct lmdb_space space;
  struct arena batch;
  struct kv_pair *pairs; ///< of the batch
  size_t pair_count, pair_cap;
  bool append; ///< no place in the tree is beyond ours
  int64_t versions, bytes;
};

// --- begin ---

static struct flock byte_of(uint32_t generation)
{
  return (
      struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = generation, .l_len = 1 };
}

static bool is_alive(int fd, uint32_t generation)
{
  struct flock lock = byte_of(generation);
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static int begin_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  struct load *l = job;
  struct lmdb_record record;
  struct lmdb_root root;
  int rc = lmdb_make_dataset(e, txn, l->name, &record);
  if (rc == 0 && record.loading && is_alive(l->lock_fd, record.loading)) {
    chn_fail(err, CHN_E_CONFLICT, "dataset %s: another load of it is under way", l->name);
    return LMDB_FAILED;
  }
  if (rc == 0 && record.loading) {
    rc = lmdb_doom(e, txn, record.loading);
  }
  if (rc == 0) {
    rc = lmdb_get_root(e, txn, &root);
  }
  if (rc) {
    return rc;
  }
  l->generation = record.loading = root.next_generation++;
  struct flock lock = byte_of(l->generation);
  if (fcntl(l->lock_fd, F_OFD_SETLK, &lock) != 0) {
    return errno;
  }
  rc = lmdb_put_root(e, txn, &root);
  return rc ? rc : lmdb_put_record(e, txn, l->name, &record);
}

static void free_load(struct load *l)
{
  if (l->lock_fd >= 0) {
    close(l->lock_fd);
  }
  kv_sort_free(l->sort);
  arena_deinit(&l->batch);
  free(l->pairs);
  lmdb_space_deinit(&l->space);
  free(l->name);
  free(l);
}

// --- sweep ---

static int sweep_generation(struct lmdb_env *e, MDB_txn *txn, uint32_t generation, bool *empty)
{
  MDB_cursor *cursor;
  int rc = mdb_cursor_open(txn, e->data, &cursor);
  if (rc) {
    return rc;
  }
  struct kv_place start;
  kv_place_key(&start, generation, "", 0);
  MDB_val key = { .mv_size = 4, .mv_data = start.bytes };
  MDB_val data;
  rc = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
  int removed = 0;
  while (rc == 0 && removed < SWEEP_ENTRIES && key.mv_size >= 4 &&
         memcmp(key.mv_data, start.bytes, 4) == 0) {
    rc = mdb_cursor_del(cursor, 0);
    removed++;
    if (rc == 0) {
      rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
  }
  mdb_cursor_close(cursor);
  *empty = removed < SWEEP_ENTRIES;
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static int sweep_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  (void)err;
  bool *done = job;
  uint32_t generation;
  int rc = lmdb_doomed(e, txn, &generation);
  *done = rc == MDB_NOTFOUND;
  if (rc) {
    return *done ? 0 : rc;
  }
  bool empty;
  lmdb_wrote(e);
  rc = sweep_generation(e, txn, generation, &empty);
  return rc == 0 && empty ? lmdb_undoom(e, txn, generation) : rc;
}

static chn_status sweep(struct lmdb_env *e, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (bool done = false; !done && !status;) {
    status = lmdb_write(e, sweep_step, &done, err);
  }
  return status;
}

static int abort_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  (void)err;
  const struct load *l = job;
  struct lmdb_record record;
  int rc = lmdb_get_record(e, txn, l->name, &record);
  if (rc || record.loading != l->generation) {
    return rc;
  }
  record.loading = 0;
  rc = lmdb_put_record(e, txn, l->name, &record);
  return rc ? rc : lmdb_doom(e, txn, l->generation);
}

// What cannot be removed now, on a full disk for example, the next load removes.
static void give_up(struct load *l)
{
  if (lmdb_write(l->env, abort_step, l, NULL) == CHN_OK) {
    sweep(l->env, NULL);
  }
  free_load(l);
}

chn_status lmdb_load_begin(struct kv_load **out, struct kv_store *store, const char *name,
                           int64_t ts, struct chn_err *err)
{
  struct load *l = chn_calloc(1, sizeof *l);
  struct lmdb_env *e = ((struct lmdb_store *)store)->env;
  *l = (struct load){ .env = e, .name = chn_strdup(name), .ts = ts, .append = true };
  char path[4096];
  snprintf(path, sizeof path, "%s/loads.lock", e->path);
  l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
  chn_status status =
      l->lock_fd < 0 ? chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno)) : CHN_OK;
  if (!status) {
    int dead;
    mdb_reader_check(e->env, &dead);
    status = lmdb_write(e, begin_step, l, err);
  }
  if (status) {
    free_load(l);
    return status;
  }
  status = sweep(e, err);
  if (status) {
    give_up(l);
    return status;
  }
  l->sort = kv_sort_new(SORT_BYTES, e->path);
  *out = &l->base;
  return CHN_OK;
}

// --- add and commit ---

chn_status lmdb_load_add(struct kv_load *load, const void *key, size_t key_len, const void *value,
                         size_t value_len, struct chn_err *err)
{
  struct load *l = (struct load *)load;
  struct kv_place place;
  kv_place_key(&place, l->generation, key, key_len);
  kv_place_ts(&place, INT64_MAX);
  const struct kv_version version = { .ts = l->ts, .data = value, .len = value_len };
  const MDB_val data = lmdb_space_block(&l->space, key, key_len, &version, 1);
  return kv_sort_add(l->sort, place.bytes, place.len, data.mv_data, data.mv_size, err);
}

static int batch_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  (void)err;
  struct load *l = job;
  int rc = 0;
  lmdb_wrote(e);
  for (size_t i = 0; i < l->pair_count && rc == 0; i++) {
    const struct kv_pair *p = &l->pairs[i];
    MDB_val key = { .mv_size = p->key_len, .mv_data = (void *)(uintptr_t)p->key };
    MDB_val data = { .mv_size = p->value_len, .mv_data = (void *)(uintptr_t)p->value };
    rc = l->append ? mdb_put(txn, e->data, &key, &data, MDB_APPEND) : MDB_KEYEXIST;
    if (rc ==
        MDB_KEYEXIST) { // a younger generation of another dataset is there: ordinary puts then
      l->append = false;
      rc = mdb_put(txn, e->data, &key, &data, 0);
    }
  }
  return rc;
}

static void keep(struct load *l, const struct kv_pair *pair)
{
  if (l->pair_count == l->pair_cap) {
    l->pair_cap = l->pair_cap ? l->pair_cap * 2 : 1024;
    l->pairs = chn_realloc(l->pairs, l->pair_cap * sizeof *l->pairs);
  }
  uint8_t *copy = arena_alloc(&l->batch, pair->key_len + pair->value_len);
  memcpy(copy, pair->key, pair->key_len);
  memcpy(copy + pair->key_len, pair->value, pair->value_len);
  struct kv_pair *kept = &l->pairs[l->pair_count++];
  *kept = *pair;
  kept->key = copy;
  kept->value = copy + pair->key_len;
  struct kv_stored stored;
  if (kv_stored_read(&stored, kept->key, kept->key_len, kept->value, kept->value_len)) {
    l->versions++;
    l->bytes += (int64_t)(stored.key_len + stored.block.values_len);
  }
}

static chn_status write_batches(struct load *l, struct chn_err *err)
{
  chn_status status = kv_sort_finish(l->sort, err);
  size_t bytes = 0;
  for (bool found = true; found && !status;) {
    struct kv_pair pair;
    status = kv_sort_next(l->sort, &pair, &found, err);
    if (!status && found) {
      keep(l, &pair);
      bytes += pair.key_len + pair.value_len;
    }
    if (!status && l->pair_count && (!found || bytes > BATCH_BYTES)) {
      status = lmdb_write(l->env, batch_step, l, err);
      arena_reset(&l->batch);
      l->pair_count = 0;
      bytes = 0;
    }
  }
  return status;
}

static int switch_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  const struct load *l = job;
  struct lmdb_record record;
  struct lmdb_root root;
  int rc = lmdb_get_record(e, txn, l->name, &record);
  if (rc == 0) {
    rc = lmdb_get_root(e, txn, &root);
  }
  if (rc) {
    return rc;
  }
  if (record.loading != l->generation) {
    chn_fail(err, CHN_E_CONFLICT, "dataset %s: another load took over", l->name);
    return LMDB_FAILED;
  }
  rc = lmdb_doom(e, txn, record.live);
  record = (struct lmdb_record){ .versions = l->versions,
                                 .bytes = l->bytes,
                                 .version_ts = l->ts,
                                 .switched_ms = chn_now_ms(),
                                 .live = l->generation };
  root.changes++;
  lmdb_wrote_all(e);
  rc = rc ? rc : lmdb_put_root(e, txn, &root);
  return rc ? rc : lmdb_put_record(e, txn, l->name, &record);
}

chn_status lmdb_load_commit(struct kv_load *load, struct chn_err *err)
{
  struct load *l = (struct load *)load;
  chn_status status = write_batches(l, err);
  if (!status) {
    status = lmdb_write(l->env, switch_step, l, err);
  }
  if (status) {
    give_up(l);
    return status;
  }
  sweep(l->env, NULL); // the new content is live whether or not the old one can be removed now
  free_load(l);
  return CHN_OK;
}

void lmdb_load_abort(struct kv_load *load)
{
  give_up((struct load *)load);
}
