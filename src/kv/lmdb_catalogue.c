// The catalogue of an LMDB folder: the tree `chronon.catalogue` with
//
//     key                    value
//     c                      struct lmdb_root: magic with the format's number, how often a
//                            dataset's live generation changed, the next generation's number
//     d <name>               struct lmdb_record: a dataset's live generation, the one being
//                            loaded, counts
//     g <generation, 4, BE>  nothing: this generation is no one's and waits to be deleted
//     j, j <...>             the journal of changed keys (lmdb_journal.c)
//     m <name>               a mark
//
// Numbers are in the machine's order, as LMDB's own are: a folder does not move between kinds of
// machines.
#include <string.h>

#include "base/arena.h"
#include "kv/lmdb_int.h"

struct name_key {
  MDB_val val;
  char bytes[1 + KV_NAME_MAX];
};

static MDB_val *key_of(struct name_key *k, char kind, const void *name, size_t len)
{
  k->bytes[0] = kind;
  memcpy(k->bytes + 1, name, len);
  k->val = (MDB_val){ .mv_size = len + 1, .mv_data = k->bytes };
  return &k->val;
}

// Records of another size are of another program: LMDB itself would not hand them out.
static int get_fixed(const struct lmdb_env *e, MDB_txn *txn, MDB_val *key, void *out, size_t size)
{
  MDB_val value;
  const int rc = mdb_get(txn, e->catalogue, key, &value);
  if (rc) {
    return rc;
  }
  if (value.mv_size != size) {
    return MDB_CORRUPTED;
  }
  memcpy(out, value.mv_data, size);
  return 0;
}

static int put_fixed(const struct lmdb_env *e, MDB_txn *txn, MDB_val *key, const void *data,
                     size_t size)
{
  MDB_val value = { .mv_size = size, .mv_data = (void *)(uintptr_t)data };
  lmdb_wrote(e);
  return mdb_put(txn, e->catalogue, key, &value, 0);
}

int lmdb_get_root(const struct lmdb_env *e, MDB_txn *txn, struct lmdb_root *root)
{
  struct name_key k;
  return get_fixed(e, txn, key_of(&k, 'c', "", 0), root, sizeof *root);
}

int lmdb_put_root(const struct lmdb_env *e, MDB_txn *txn, const struct lmdb_root *root)
{
  struct name_key k;
  return put_fixed(e, txn, key_of(&k, 'c', "", 0), root, sizeof *root);
}

int lmdb_get_record(const struct lmdb_env *e, MDB_txn *txn, const char *name,
                    struct lmdb_record *record)
{
  struct name_key k;
  return get_fixed(e, txn, key_of(&k, 'd', name, strlen(name)), record, sizeof *record);
}

int lmdb_put_record(const struct lmdb_env *e, MDB_txn *txn, const char *name,
                    const struct lmdb_record *record)
{
  struct name_key k;
  return put_fixed(e, txn, key_of(&k, 'd', name, strlen(name)), record, sizeof *record);
}

int lmdb_make_dataset(const struct lmdb_env *e, MDB_txn *txn, const char *name,
                      struct lmdb_record *record)
{
  int rc = lmdb_get_record(e, txn, name, record);
  if (rc != MDB_NOTFOUND) {
    return rc;
  }
  struct lmdb_root root;
  rc = lmdb_get_root(e, txn, &root);
  if (rc) {
    return rc;
  }
  *record = (struct lmdb_record){ .live = root.next_generation++, .version_ts = INT64_MIN };
  root.changes++;
  lmdb_wrote_all(e); // who asked for it was told that there is none
  rc = lmdb_put_root(e, txn, &root);
  return rc ? rc : lmdb_put_record(e, txn, name, record);
}

int lmdb_list_all(const struct lmdb_env *e, MDB_txn *txn, struct kv_info **list, size_t *count)
{
  MDB_cursor *cursor;
  int rc = mdb_cursor_open(txn, e->catalogue, &cursor);
  if (rc) {
    return rc;
  }
  struct name_key k;
  MDB_val *key = key_of(&k, 'd', "", 0);
  MDB_val value;
  size_t cap = 0;
  for (rc = mdb_cursor_get(cursor, key, &value, MDB_SET_RANGE); rc == 0;
       rc = mdb_cursor_get(cursor, key, &value, MDB_NEXT)) {
    const char *name = key->mv_data;
    struct lmdb_record record;
    if (key->mv_size < 2 || key->mv_size > 1 + KV_NAME_MAX || *name != 'd' ||
        value.mv_size != sizeof record) {
      rc = *name == 'd' ? MDB_CORRUPTED : MDB_NOTFOUND;
      break;
    }
    memcpy(&record, value.mv_data, sizeof record);
    if (*count == cap) {
      cap = cap ? cap * 2 : 16;
      *list = chn_realloc(*list, cap * sizeof **list);
    }
    struct kv_info *info = &(*list)[(*count)++];
    *info = (struct kv_info){ .versions = record.versions,
                              .bytes = record.bytes,
                              .version_ts = record.version_ts,
                              .switched_ms = record.switched_ms,
                              .loading = record.loading != 0 };
    memcpy(info->name, name + 1, key->mv_size - 1);
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int lmdb_get_mark(const struct lmdb_env *e, MDB_txn *txn, const char *name, MDB_val *value)
{
  struct name_key k;
  return mdb_get(txn, e->catalogue, key_of(&k, 'm', name, strlen(name)), value);
}

int lmdb_put_mark(const struct lmdb_env *e, MDB_txn *txn, const struct kv_mark *mark)
{
  struct name_key k;
  return put_fixed(e, txn, key_of(&k, 'm', mark->name, strlen(mark->name)), mark->data, mark->len);
}

static MDB_val *doomed_key(struct name_key *k, uint32_t generation)
{
  const uint32_t big = __builtin_bswap32(generation);
  return key_of(k, 'g', &big, sizeof big);
}

int lmdb_doom(const struct lmdb_env *e, MDB_txn *txn, uint32_t generation)
{
  struct name_key k;
  return put_fixed(e, txn, doomed_key(&k, generation), "", 0);
}

int lmdb_undoom(const struct lmdb_env *e, MDB_txn *txn, uint32_t generation)
{
  struct name_key k;
  lmdb_wrote(e);
  return mdb_del(txn, e->catalogue, doomed_key(&k, generation), NULL);
}

int lmdb_doomed(const struct lmdb_env *e, MDB_txn *txn, uint32_t *generation)
{
  MDB_cursor *cursor;
  int rc = mdb_cursor_open(txn, e->catalogue, &cursor);
  if (rc) {
    return rc;
  }
  struct name_key k;
  MDB_val *key = key_of(&k, 'g', "", 0);
  MDB_val value;
  rc = mdb_cursor_get(cursor, key, &value, MDB_SET_RANGE);
  uint32_t big = 0;
  if (rc == 0 && (key->mv_size != 1 + sizeof big || *(const char *)key->mv_data != 'g')) {
    rc = MDB_NOTFOUND;
  }
  if (rc == 0) {
    memcpy(&big, (const char *)key->mv_data + 1, sizeof big);
    *generation = __builtin_bswap32(big);
  }
  mdb_cursor_close(cursor);
  return rc;
}
