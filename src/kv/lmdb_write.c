// Puts, marks and expiry in an LMDB folder: each a step of lmdb_write, repeated when the map grows.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kv/lmdb_int.h"

struct use { // of a dataset by one commit
  bool known;
  struct lmdb_record record;
};

struct commit {
  struct kv_store *store;
  const struct kv_put *puts;
  const struct kv_mark *marks;
  size_t put_count, mark_count;
  struct use *uses; ///< by handle
  size_t use_count;
  uint8_t *data; ///< of a long key
};

static struct lmdb_env *env_of(struct kv_store *store)
{
  return ((struct lmdb_store *)store)->env;
}

static int unknown_dataset(struct lmdb_env *e, MDB_txn *txn, const char *name, struct chn_err *err)
{
  struct kv_info *list = NULL;
  size_t count = 0;
  const int rc = lmdb_list_all(e, txn, &list, &count);
  if (rc == 0) {
    kv_no_dataset(err, name, list, count);
  }
  free(list);
  return rc ? rc : LMDB_FAILED;
}

static int use_of(struct lmdb_env *e, MDB_txn *txn, struct commit *c, int32_t dataset,
                  struct use **out, struct chn_err *err)
{
  struct use *use = &c->uses[dataset];
  *out = use;
  if (use->known) {
    return 0;
  }
  const char *name = kv_name(c->store, dataset);
  const int rc = lmdb_get_record(e, txn, name, &use->record);
  use->known = rc == 0;
  return rc == MDB_NOTFOUND ? unknown_dataset(e, txn, name, err) : rc;
}

// Removes every version of the key.
static int clear_key(struct lmdb_env *e, MDB_txn *txn, const struct kv_put *p,
                     struct lmdb_record *record)
{
  MDB_cursor *cursor;
  int rc = mdb_cursor_open(txn, e->data, &cursor);
  if (rc) {
    return rc;
  }
  struct kv_place place;
  kv_place_key(&place, record->live, p->key, p->key_len);
  kv_place_ts(&place, INT64_MIN);
  MDB_val key = { .mv_size = place.len, .mv_data = place.bytes };
  MDB_val data;
  rc = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
  while (rc == 0 && key.mv_size == place.len && memcmp(key.mv_data, place.bytes, place.stem) == 0) {
    if (!place.is_long || kv_long_is(data.mv_data, data.mv_size, p->key, p->key_len)) {
      record->versions--;
      record->bytes -= (int64_t)(p->key_len + data.mv_size - kv_long_size(p->key_len));
      rc = mdb_cursor_del(cursor, 0);
    }
    if (rc == 0) {
      rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

// What is stored for a put: the value, behind the key where that is long.
static MDB_val data_of(struct commit *c, const struct kv_put *p)
{
  const size_t n = kv_long_size(p->key_len);
  if (n == 0) {
    return (MDB_val){ .mv_size = p->value_len, .mv_data = (void *)(uintptr_t)p->value };
  }
  c->data = chn_realloc(c->data, n + p->value_len);
  kv_long_write(c->data, p->key, p->key_len);
  if (p->value_len) {
    memcpy(c->data + n, p->value, p->value_len);
  }
  return (MDB_val){ .mv_size = n + p->value_len, .mv_data = c->data };
}

static int put(struct lmdb_env *e, MDB_txn *txn, struct commit *c, const struct kv_put *p,
               struct chn_err *err)
{
  struct use *use;
  int rc = use_of(e, txn, c, p->dataset, &use, err);
  if (rc == 0 && p->replace) {
    rc = clear_key(e, txn, p, &use->record);
  }
  if (rc) {
    return rc;
  }
  struct kv_place place;
  kv_place_key(&place, use->record.live, p->key, p->key_len);
  kv_place_ts(&place, p->ts);
  MDB_val key = { .mv_size = place.len, .mv_data = place.bytes };
  MDB_val data = data_of(c, p);
  MDB_val old = data;
  rc = mdb_put(txn, e->data, &key, &old, MDB_NOOVERWRITE);
  if (rc == MDB_KEYEXIST) {
    if (place.is_long && !kv_long_is(old.mv_data, old.mv_size, p->key, p->key_len)) {
      chn_fail(err, CHN_E_CONFLICT, "two keys of more than %d bytes have one digest", KV_KEY_PLAIN);
      return LMDB_FAILED;
    }
    use->record.bytes += (int64_t)data.mv_size - (int64_t)old.mv_size;
    return mdb_put(txn, e->data, &key, &data, 0);
  }
  use->record.versions++;
  use->record.bytes += (int64_t)(p->key_len + p->value_len);
  return rc;
}

static int set_mark(struct lmdb_env *e, MDB_txn *txn, const struct kv_mark *mark,
                    struct chn_err *err)
{
  MDB_val now = { 0 };
  const int rc = lmdb_get_mark(e, txn, mark->name, &now);
  if (rc && rc != MDB_NOTFOUND) {
    return rc;
  }
  if (kv_mark_check(mark, rc == 0 ? now.mv_data : NULL, now.mv_size, err)) {
    return LMDB_FAILED;
  }
  return lmdb_put_mark(e, txn, mark);
}

static int commit_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  struct commit *c = job;
  memset(c->uses, 0, c->use_count * sizeof *c->uses);
  int rc = 0;
  for (size_t i = 0; i < c->mark_count && rc == 0; i++) {
    rc = set_mark(e, txn, &c->marks[i], err);
  }
  for (size_t i = 0; i < c->put_count && rc == 0; i++) {
    rc = put(e, txn, c, &c->puts[i], err);
  }
  for (size_t i = 0; i < c->use_count && rc == 0; i++) {
    if (c->uses[i].known) {
      rc = lmdb_put_record(e, txn, kv_name(c->store, (int32_t)i), &c->uses[i].record);
    }
  }
  return rc;
}

chn_status lmdb_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                       const struct kv_mark *marks, size_t mark_count, struct chn_err *err)
{
  struct commit c = { .store = store,
                      .puts = puts,
                      .put_count = put_count,
                      .marks = marks,
                      .mark_count = mark_count,
                      .use_count = 1 };
  for (size_t i = 0; i < put_count; i++) {
    const size_t needed = (size_t)puts[i].dataset + 1;
    c.use_count = needed > c.use_count ? needed : c.use_count;
  }
  c.uses = chn_calloc(c.use_count, sizeof *c.uses);
  const chn_status status = lmdb_write(env_of(store), commit_step, &c, err);
  free(c.uses);
  free(c.data);
  return status;
}

static int create_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  (void)err;
  struct lmdb_record record;
  return lmdb_make_dataset(e, txn, job, &record);
}

chn_status lmdb_create(struct kv_store *store, const char *name, struct chn_err *err)
{
  return lmdb_write(env_of(store), create_step, (void *)(uintptr_t)name, err);
}

// --- expiry: a walk over the dataset, some thousand entries a transaction ---

enum { EXPIRE_LOOKED = 50000, EXPIRE_REMOVED = 10000 };

struct expire {
  const char *name;
  int64_t before;
  uint8_t at[KV_PLACE_MAX]; ///< where to go on; a step that fails has not moved it
  size_t at_len;
  uint32_t generation;
  int64_t removed; ///< by the step
  bool done;
  uint8_t next[KV_PLACE_MAX];
  size_t next_len;
};

// One entry: removed, or passed.
static int expire_entry(struct expire *x, MDB_cursor *cursor, const MDB_val *key,
                        const MDB_val *data, struct lmdb_record *record)
{
  struct kv_stored stored;
  if (!kv_stored_read(&stored, key->mv_data, key->mv_size, data->mv_data, data->mv_size)) {
    return MDB_CORRUPTED;
  }
  if (stored.generation != record->live) {
    return MDB_NOTFOUND;
  }
  if (stored.ts >= x->before) {
    return 0;
  }
  record->versions--;
  record->bytes -= (int64_t)(stored.key_len + stored.value_len);
  x->removed++;
  return mdb_cursor_del(cursor, 0);
}

static int expire_walk(struct lmdb_env *e, MDB_txn *txn, struct expire *x,
                       struct lmdb_record *record)
{
  MDB_cursor *cursor;
  int rc = mdb_cursor_open(txn, e->data, &cursor);
  if (rc) {
    return rc;
  }
  MDB_val key = { .mv_size = x->at_len, .mv_data = x->at };
  MDB_val data;
  rc = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
  for (int looked = 0; rc == 0; looked++) {
    if (looked == EXPIRE_LOOKED || x->removed == EXPIRE_REMOVED) {
      memcpy(x->next, key.mv_data, key.mv_size);
      x->next_len = key.mv_size;
      break;
    }
    rc = expire_entry(x, cursor, &key, &data, record);
    if (rc == 0) {
      rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
  }
  mdb_cursor_close(cursor);
  x->done = rc == MDB_NOTFOUND;
  return x->done ? 0 : rc;
}

static int expire_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  struct expire *x = job;
  x->removed = 0;
  struct lmdb_record record;
  int rc = lmdb_get_record(e, txn, x->name, &record);
  if (rc) {
    return rc == MDB_NOTFOUND ? unknown_dataset(e, txn, x->name, err) : rc;
  }
  if (x->generation != record.live) { // the first step, or a load has put another generation in
    struct kv_place start;
    kv_place_key(&start, record.live, "", 0);
    memcpy(x->at, start.bytes, 4);
    x->at_len = 4;
    x->generation = record.live;
  }
  rc = expire_walk(e, txn, x, &record);
  return rc == 0 && x->removed ? lmdb_put_record(e, txn, x->name, &record) : rc;
}

chn_status lmdb_expire(struct kv_store *store, const char *name, int64_t before, int64_t *removed,
                       struct chn_err *err)
{
  struct expire x = { .name = name, .before = before };
  chn_status status = CHN_OK;
  while (!x.done && !status) {
    status = lmdb_write(env_of(store), expire_step, &x, err);
    *removed += status ? 0 : x.removed;
    memcpy(x.at, x.next, x.next_len);
    x.at_len = x.next_len;
  }
  return status;
}
