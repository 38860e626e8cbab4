// Expiry in an LMDB folder: a walk over a dataset, some thousand entries a transaction. Of a block
// that is older in part the rest is written again, at its old place.
#include <stdlib.h>
#include <string.h>

#include "kv/lmdb_int.h"

enum { EXPIRE_LOOKED = 50000, EXPIRE_REMOVED = 10000 };

struct expire {
  const char *name;
  int64_t before;
  struct lmdb_space *space;
  uint8_t at[KV_PLACE_MAX]; ///< where to go on; a step that fails has not moved it
  size_t at_len;
  uint32_t generation;
  int64_t removed; ///< by the step
  bool done;
  uint8_t next[KV_PLACE_MAX];
  size_t next_len;
};

static int trim(struct expire *x, MDB_cursor *cursor, const struct kv_stored *stored, MDB_val *key,
                size_t *removed, size_t *bytes)
{
  const struct kv_version *v = lmdb_space_versions(x->space, &stored->block);
  if (!v) {
    return MDB_CORRUPTED;
  }
  size_t n = 0;
  for (; v[n].ts < x->before; n++) {
    *bytes += v[n].len;
  }
  *removed = n;
  MDB_val data =
      lmdb_space_block(x->space, stored->key, stored->key_len, v + n, stored->block.count - n);
  struct kv_place place = { .len = key->mv_size };
  memcpy(place.bytes, key->mv_data, key->mv_size);
  *key = (MDB_val){ .mv_size = place.len, .mv_data = place.bytes };
  return mdb_cursor_put(cursor, key, &data, MDB_CURRENT);
}

// One entry: removed, trimmed, or passed.
static int expire_entry(const struct lmdb_env *e, struct expire *x, MDB_cursor *cursor,
                        MDB_val *key, const MDB_val *data, struct lmdb_record *record)
{
  struct kv_stored stored;
  if (!kv_stored_read(&stored, key->mv_data, key->mv_size, data->mv_data, data->mv_size)) {
    return MDB_CORRUPTED;
  }
  if (stored.generation != record->live) {
    return MDB_NOTFOUND;
  }
  const struct kv_block *block = &stored.block;
  if (block->first >= x->before) {
    return 0;
  }
  const size_t key_len = stored.key_len;
  lmdb_wrote_key(e, stored.key, key_len, stored.generation);
  size_t removed = block->count;
  size_t bytes = block->values_len;
  int rc;
  if (kv_block_last(block) < x->before) {
    rc = mdb_cursor_del(cursor, 0);
  } else {
    bytes = 0;
    rc = trim(x, cursor, &stored, key, &removed, &bytes);
  }
  record->versions -= (int64_t)removed;
  record->bytes -= (int64_t)(removed * key_len + bytes);
  x->removed += (int64_t)removed;
  return rc;
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
    if (looked == EXPIRE_LOOKED || x->removed >= EXPIRE_REMOVED) {
      memcpy(x->next, key.mv_data, key.mv_size);
      x->next_len = key.mv_size;
      break;
    }
    rc = expire_entry(e, x, cursor, &key, &data, record);
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
    return rc == MDB_NOTFOUND ? lmdb_unknown_dataset(e, txn, x->name, err) : rc;
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
  struct lmdb_space space = { 0 };
  struct expire x = { .name = name, .before = before, .space = &space };
  chn_status status = CHN_OK;
  while (!x.done && !status) {
    status = lmdb_write(((struct lmdb_store *)store)->env, expire_step, &x, err);
    *removed += status ? 0 : x.removed;
    memcpy(x.at, x.next, x.next_len);
    x.at_len = x.next_len;
  }
  lmdb_space_deinit(&space);
  return status;
}
