// The store in an LMDB folder: reading. How a version lies is told in layout.c, the folder in
// lmdb_env.c, writing in lmdb_write.c and lmdb_load.c.
//
// A reader keeps its transaction and cursor and renews them, which takes no lock and no memory. To
// know the live generation of a dataset costs nothing while no one committed; after a commit one
// small get tells whether any dataset changed its generation.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "kv/lmdb_int.h"

struct lmdb_slot {
  uint64_t seen; ///< `changes` + 1 of when it was looked up; 0: never
  uint32_t live; ///< 0: no such dataset
};

static struct lmdb_env *env_of(const struct kv_store *store)
{
  return ((const struct lmdb_store *)store)->env;
}

static chn_status lmdb_open(struct kv_store **out, const struct kv_url *url, bool create,
                            struct chn_err *err)
{
  struct lmdb_env *e;
  const chn_status status = lmdb_env_open(&e, url, create, err);
  if (status) {
    return status;
  }
  struct lmdb_store *s = chn_calloc(1, sizeof *s);
  s->env = e;
  *out = &s->base;
  return CHN_OK;
}

static void lmdb_close(struct kv_store *store)
{
  lmdb_env_close(env_of(store));
  free(store);
}

// --- readers ---

static chn_status lmdb_reader_open(struct kv_reader **out, struct kv_store *store,
                                   struct chn_err *err)
{
  (void)err;
  struct lmdb_reader *r = chn_calloc(1, sizeof *r);
  r->env = env_of(store);
  pthread_mutex_lock(&r->env->readers_lock);
  r->next = r->env->readers;
  r->env->readers = r;
  pthread_mutex_unlock(&r->env->readers_lock);
  *out = &r->base;
  return CHN_OK;
}

static void drop_txn(struct lmdb_reader *r)
{
  if (r->txn) {
    mdb_cursor_close(r->cursor);
    mdb_txn_abort(r->txn);
    r->txn = NULL;
    r->cursor = NULL;
  }
}

static void lmdb_reader_close(struct kv_reader *reader)
{
  struct lmdb_reader *r = (struct lmdb_reader *)reader;
  lmdb_enter(r); // the transaction's slot lies in the lock file, but its cursor may look at the map
  drop_txn(r);
  lmdb_leave(r);
  pthread_mutex_lock(&r->env->readers_lock);
  struct lmdb_reader **link = &r->env->readers;
  while (*link != r) {
    link = &(*link)->next;
  }
  *link = r->next;
  pthread_mutex_unlock(&r->env->readers_lock);
  free(r->slots);
  free(r);
}

// LMDB takes the last commit's number, then copies where its trees begin from the one of two pages
// that belongs to even or odd numbers. A reader that slept in between, for two commits, has the
// tree of the later one under the number of the first: it is late, and begins anew.
static int start_txn(struct lmdb_reader *r)
{
  int rc = r->txn ? mdb_txn_renew(r->txn) : mdb_txn_begin(r->env->env, NULL, MDB_RDONLY, &r->txn);
  size_t before = 0;
  while (rc == 0 && (rc = lmdb_guard_txn(r->env, r->txn, &before)) == LMDB_LATE) {
    mdb_txn_reset(r->txn);
    rc = mdb_txn_renew(r->txn);
  }
  if (rc == LMDB_OVERWRITTEN) {
    mdb_txn_reset(r->txn);
  }
  if (rc == 0) {
    rc = r->cursor ? mdb_cursor_renew(r->txn, r->cursor)
                   : mdb_cursor_open(r->txn, r->env->data, &r->cursor);
    if (rc) {
      mdb_txn_reset(r->txn);
    }
  }
  return rc;
}

// Which changes of the catalogue this snapshot has seen.
static int look_at_root(struct lmdb_reader *r)
{
  const size_t id = mdb_txn_id(r->txn);
  if (id == r->txn_id) {
    return 0;
  }
  struct lmdb_root root;
  const int rc = lmdb_get_root(r->env, r->txn, &root);
  r->changes = rc ? r->changes : root.changes;
  r->txn_id = rc ? r->txn_id : id;
  return rc;
}

static chn_status lmdb_read_begin(struct kv_reader *reader, struct chn_err *err)
{
  struct lmdb_reader *r = (struct lmdb_reader *)reader;
  enum { ATTEMPTS = 10 };
  int rc = 0;
  if (lmdb_guard_size(r->env, err) != CHN_OK) {
    return CHN_E_IO;
  }
  for (int i = 0; i < ATTEMPTS; i++) {
    lmdb_enter(r);
    rc = start_txn(r);
    if (rc == 0) {
      rc = look_at_root(r);
      if (rc == 0) {
        return CHN_OK;
      }
      mdb_txn_reset(r->txn);
    }
    lmdb_leave(r);
    int dead;
    if (rc == MDB_MAP_RESIZED) {
      const chn_status status = lmdb_adopt_size(r->env, err);
      if (status) {
        return status;
      }
    } else if (rc != MDB_READERS_FULL || mdb_reader_check(r->env->env, &dead) != 0) {
      break;
    }
  }
  return lmdb_fail(r->env, rc, err);
}

static void lmdb_read_end(struct kv_reader *reader)
{
  struct lmdb_reader *r = (struct lmdb_reader *)reader;
  mdb_txn_reset(r->txn);
  lmdb_leave(r);
}

static uint64_t lmdb_snapshot(struct kv_reader *reader)
{
  return ((struct lmdb_reader *)reader)->txn_id;
}

// --- gets ---

static int look_up(struct lmdb_reader *r, const char *name, uint32_t *live)
{
  struct lmdb_record record;
  const int rc = lmdb_get_record(r->env, r->txn, name, &record);
  *live = rc ? 0 : record.live;
  return rc == MDB_NOTFOUND ? 0 : rc;
}

// The live generation of a handle, as this snapshot knows it.
static chn_status live_of(struct lmdb_reader *r, int32_t dataset, uint32_t *live,
                          struct chn_err *err)
{
  if (dataset >= 0 && (size_t)dataset < r->slot_count && r->slots[dataset].seen == r->changes + 1) {
    *live = r->slots[dataset].live;
    return CHN_OK;
  }
  const char *name = kv_name(r->base.store, dataset);
  if (!name) {
    return chn_fail(err, CHN_E_ARGUMENT, "%d is no dataset of this store: ask kv_dataset", dataset);
  }
  const size_t needed = (size_t)dataset + 1;
  if (needed > r->slot_count) {
    r->slots = chn_realloc(r->slots, needed * 2 * sizeof *r->slots);
    memset(r->slots + r->slot_count, 0, (needed * 2 - r->slot_count) * sizeof *r->slots);
    r->slot_count = needed * 2;
  }
  const int rc = look_up(r, name, live);
  if (rc) {
    return lmdb_fail(r->env, rc, err);
  }
  r->slots[dataset] = (struct lmdb_slot){ .seen = r->changes + 1, .live = *live };
  return CHN_OK;
}

// The versions of one block with ts >= after.
static int answer_block(struct kv_answers *a, const void *data, size_t len, int64_t after)
{
  struct kv_block block;
  if (!kv_block_open(&block, data, len)) {
    return MDB_CORRUPTED;
  }
  struct kv_version *versions = kv_answers_room(a, block.count);
  if (!kv_block_versions(&block, versions)) {
    return MDB_CORRUPTED;
  }
  if (block.first < after) { // only the first block of an answer can be older in part
    size_t n = 0;
    while (n < block.count && versions[n].ts < after) {
      n++;
    }
    a->start += n;
  }
  return 0;
}

static int answer_key(struct lmdb_reader *r, const struct kv_get *get, struct kv_place *place)
{
  const size_t before = kv_long_size(get->key_len);
  MDB_val key = { .mv_size = place->len, .mv_data = place->bytes };
  MDB_val data;
  int rc = mdb_cursor_get(r->cursor, &key, &data, MDB_SET_RANGE);
  while (rc == 0 && key.mv_size == place->len &&
         memcmp(key.mv_data, place->bytes, place->stem) == 0) {
    if (!place->is_long || kv_long_is(data.mv_data, data.mv_size, get->key, get->key_len)) {
      if (data.mv_size < before) {
        return MDB_CORRUPTED;
      }
      rc = answer_block(&r->base.answers, (const uint8_t *)data.mv_data + before,
                        data.mv_size - before, get->after_ts);
    }
    if (rc || kv_place_time(key.mv_data, key.mv_size) == INT64_MAX) {
      return rc; // a tail is a key's last block
    }
    rc = mdb_cursor_get(r->cursor, &key, &data, MDB_NEXT);
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static chn_status answer(struct lmdb_reader *r, struct kv_get *get, struct chn_err *err)
{
  uint32_t live;
  const chn_status status = live_of(r, get->dataset, &live, err);
  if (status) {
    return status;
  }
  get->generation = live;
  kv_answers_start(&r->base.answers);
  struct kv_place place;
  kv_place_key(&place, live, get->key, get->key_len);
  kv_place_ts(&place, get->after_ts);
  const int rc = live ? answer_key(r, get, &place) : 0;
  if (rc) {
    return lmdb_fail(r->env, rc, err);
  }
  kv_answers_finish(&r->base.answers, get);
  return CHN_OK;
}

static chn_status lmdb_read(struct kv_reader *reader, struct kv_get *gets, size_t count,
                            struct chn_err *err)
{
  struct lmdb_reader *r = (struct lmdb_reader *)reader;
  chn_status first = CHN_OK;
  for (size_t i = 0; i < count; i++) {
    const chn_status status = answer(r, &gets[i], first ? NULL : err);
    if (status) {
      gets[i].versions = NULL;
      gets[i].count = 0;
      gets[i].status = status;
      first = first ? first : status;
    }
  }
  return first;
}

static chn_status lmdb_read_mark(struct kv_reader *reader, const char *name, const void **data,
                                 size_t *len, struct chn_err *err)
{
  struct lmdb_reader *r = (struct lmdb_reader *)reader;
  if (strlen(name) > KV_NAME_MAX) {
    return CHN_OK; // no such mark can be set
  }
  MDB_val value;
  const int rc = lmdb_get_mark(r->env, r->txn, name, &value);
  if (rc == MDB_NOTFOUND) {
    return CHN_OK;
  }
  if (rc) {
    return lmdb_fail(r->env, rc, err);
  }
  *data = value.mv_data;
  *len = value.mv_size;
  return CHN_OK;
}

static chn_status with_read(struct kv_store *store, struct kv_info **list, size_t *count,
                            struct chn_err *err)
{
  struct kv_reader *reader;
  chn_status status = lmdb_reader_open(&reader, store, err);
  if (status) {
    return status;
  }
  reader->store = store;
  status = lmdb_read_begin(reader, err);
  if (!status) {
    struct lmdb_reader *r = (struct lmdb_reader *)reader;
    const int rc = list ? lmdb_list_all(r->env, r->txn, list, count) : 0;
    status = rc ? lmdb_fail(r->env, rc, err) : CHN_OK;
    lmdb_read_end(reader);
  }
  lmdb_reader_close(reader);
  return status;
}

static chn_status lmdb_list(struct kv_store *store, struct kv_info **list, size_t *count,
                            struct chn_err *err)
{
  return with_read(store, list, count, err);
}

static chn_status lmdb_ping(struct kv_store *store, struct chn_err *err)
{
  const chn_status status = with_read(store, NULL, NULL, err);
  return status == CHN_OK ? lmdb_guard_file(env_of(store), err) : status;
}

// --- scanning ---

struct scan {
  struct kv_scan base;
  MDB_cursor *cursor;
  uint32_t live;
  uint8_t *prefix;
  size_t prefix_len;
  uint8_t at[KV_PLACE_MAX]; ///< the place of a block that ends with the version given last, had it
  size_t at_len;            ///< one; 0 before the first
  bool started;             ///< the cursor is on a block
  struct kv_stored stored;  ///< the block's key
  struct lmdb_space space;  ///< its versions
  size_t next;              ///< the one to be given
  char token[2 * KV_PLACE_MAX + 1];
};

// The token is that place without its generation, in hex: it outlives a switch, and blocks that are
// cut otherwise.
static bool read_token(struct scan *s, const char *token)
{
  const size_t n = strlen(token);
  if (n % 2 != 0 || n / 2 + 4 > KV_PLACE_MAX) {
    return false;
  }
  struct kv_place none;
  kv_place_key(&none, s->live, "", 0);
  memcpy(s->at, none.bytes, 4);
  for (size_t i = 0; i < n / 2; i++) {
    unsigned byte;
    if (sscanf(token + 2 * i, "%2x", &byte) != 1) {
      return false;
    }
    s->at[4 + i] = (uint8_t)byte;
  }
  s->at_len = n ? 4 + n / 2 : 0;
  return true;
}

static void lmdb_scan_close(struct kv_scan *scan)
{
  struct scan *s = (struct scan *)scan;
  mdb_cursor_close(s->cursor);
  lmdb_space_deinit(&s->space);
  free(s->prefix);
  free(s);
}

static chn_status lmdb_scan_open(struct kv_scan **out, struct kv_reader *reader, const char *name,
                                 const void *prefix, size_t prefix_len, const char *token,
                                 struct chn_err *err)
{
  struct lmdb_reader *r = (struct lmdb_reader *)reader;
  uint32_t live;
  int rc = look_up(r, name, &live);
  MDB_cursor *cursor = NULL;
  if (rc == 0) {
    rc = mdb_cursor_open(r->txn, r->env->data, &cursor);
  }
  if (rc) {
    return lmdb_fail(r->env, rc, err);
  }
  struct scan *s = chn_calloc(1, sizeof *s);
  *s = (struct scan){ .cursor = cursor, .live = live, .prefix_len = prefix_len };
  s->prefix = chn_malloc(prefix_len + 1);
  if (prefix_len) {
    memcpy(s->prefix, prefix, prefix_len);
  }
  if (token && !read_token(s, token)) {
    lmdb_scan_close(&s->base);
    return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is no token of a scan of this store", token);
  }
  *out = &s->base;
  return CHN_OK;
}

// Keys of one length lie together, ordered. Given an entry whose key has not the prefix: the place
// at or after which the next key with it can lie. False when there is none; `to` is the entry's own
// place when only its successor can tell (keys longer than what places show of them).
static bool jump(const struct scan *s, const uint8_t *at, size_t at_len, struct kv_place *to)
{
  const size_t head = s->prefix_len < KV_KEY_HEAD ? s->prefix_len : KV_KEY_HEAD;
  size_t n = (size_t)at[4] << 8 | at[5];
  const bool is_long = n == KV_KEY_LONG;
  const bool is_short = n < s->prefix_len;
  const int order = is_short ? 0 : memcmp(at + 6, s->prefix, is_long ? head : s->prefix_len);
  if (is_long && order > 0) {
    return false;
  }
  if (is_long && order == 0) {
    memcpy(to->bytes, at, at_len);
    to->len = at_len;
    return true;
  }
  n = is_short ? s->prefix_len : n + (order > 0);
  n = n > KV_KEY_PLAIN ? (size_t)KV_KEY_LONG : n;
  const size_t kept = n == KV_KEY_LONG ? head : s->prefix_len;
  kv_place_key(to, s->live, "", 0);
  to->bytes[4] = (uint8_t)(n >> 8);
  to->bytes[5] = (uint8_t)n;
  memcpy(to->bytes + 6, s->prefix, kept);
  to->len = 6 + kept;
  return true;
}

static int start(struct scan *s, MDB_val *key, MDB_val *data)
{
  if (!s->live) {
    return MDB_NOTFOUND;
  }
  struct kv_place first;
  kv_place_key(&first, s->live, "", 0);
  *key = s->at_len ? (MDB_val){ .mv_size = s->at_len, .mv_data = s->at }
                   : (MDB_val){ .mv_size = first.len, .mv_data = first.bytes };
  return mdb_cursor_get(s->cursor, key, data, MDB_SET_RANGE);
}

// The version to be given next: of a token's key those up to its time were given.
static size_t first_of(const struct scan *s, const MDB_val *place)
{
  size_t n = 0;
  if (!s->started && place->mv_size == s->at_len &&
      memcmp(place->mv_data, s->at, s->at_len - KV_STEM_TS) == 0) {
    const int64_t given = kv_place_time(s->at, s->at_len);
    while (n < s->stored.block.count && s->space.versions[n].ts <= given) {
      n++;
    }
  }
  return n;
}

static chn_status damaged(const struct lmdb_env *e, struct chn_err *err)
{
  return chn_fail(err, CHN_E_CORRUPT,
                  "%s holds an entry that is none of ours: remove the folder and upload again",
                  e->path);
}

// The next block of a key with the prefix that has versions to give; *found = false at the end.
static chn_status next_block(struct scan *s, const struct lmdb_env *e, bool *found,
                             struct chn_err *err)
{
  MDB_val key;
  MDB_val data;
  int rc = s->started ? mdb_cursor_get(s->cursor, &key, &data, MDB_NEXT) : start(s, &key, &data);
  while (rc == 0) {
    struct kv_stored *stored = &s->stored;
    if (!kv_stored_read(stored, key.mv_data, key.mv_size, data.mv_data, data.mv_size)) {
      return damaged(e, err);
    }
    if (stored->generation != s->live) {
      return CHN_OK;
    }
    struct kv_place to = { .len = 0 };
    if (stored->key_len >= s->prefix_len && memcmp(stored->key, s->prefix, s->prefix_len) == 0) {
      if (!lmdb_space_versions(&s->space, &stored->block)) {
        return damaged(e, err);
      }
      s->next = first_of(s, &key);
      s->started = true;
      if (s->next < stored->block.count) {
        memcpy(s->at, key.mv_data, key.mv_size);
        s->at_len = key.mv_size;
        *found = true;
        return CHN_OK;
      }
    } else if (!jump(s, key.mv_data, key.mv_size, &to)) {
      return CHN_OK;
    }
    const bool same =
        to.len == 0 || (to.len == key.mv_size && memcmp(to.bytes, key.mv_data, to.len) == 0);
    key = (MDB_val){ .mv_size = to.len, .mv_data = to.bytes };
    rc = mdb_cursor_get(s->cursor, &key, &data, same ? MDB_NEXT : MDB_SET_RANGE);
  }
  return rc == MDB_NOTFOUND ? CHN_OK : lmdb_fail(e, rc, err);
}

static chn_status lmdb_scan_next(struct kv_scan *scan, struct kv_item *item, bool *found,
                                 struct chn_err *err)
{
  struct scan *s = (struct scan *)scan;
  *found = s->started && s->next < s->stored.block.count;
  if (!*found) {
    const chn_status status = next_block(s, ((struct lmdb_reader *)scan->reader)->env, found, err);
    if (status || !*found) {
      return status;
    }
  }
  *item = (struct kv_item){ .key = s->stored.key,
                            .key_len = s->stored.key_len,
                            .version = s->space.versions[s->next++] };
  struct kv_place place = { .stem = s->at_len - KV_STEM_TS };
  kv_place_ts(&place, item->version.ts);
  memcpy(s->at + place.stem, place.bytes + place.stem, KV_STEM_TS);
  return CHN_OK;
}

static const char *lmdb_scan_token(struct kv_scan *scan)
{
  struct scan *s = (struct scan *)scan;
  s->token[0] = '\0';
  for (size_t i = 4; i < s->at_len; i++) {
    snprintf(s->token + 2 * (i - 4), 3, "%02x", s->at[i]);
  }
  return s->token;
}

const struct kv_ops kv_lmdb_ops = {
  .schemes = { "lmdb" },
  .open = lmdb_open,
  .close = lmdb_close,
  .ping = lmdb_ping,
  .create = lmdb_create,
  .list = lmdb_list,
  .reader_open = lmdb_reader_open,
  .reader_close = lmdb_reader_close,
  .read_begin = lmdb_read_begin,
  .read_end = lmdb_read_end,
  .read = lmdb_read,
  .read_mark = lmdb_read_mark,
  .snapshot = lmdb_snapshot,
  .unchanged = lmdb_unchanged,
  .commit = lmdb_commit,
  .expire = lmdb_expire,
  .load_begin = lmdb_load_begin,
  .load_add = lmdb_load_add,
  .load_commit = lmdb_load_commit,
  .load_abort = lmdb_load_abort,
  .scan_open = lmdb_scan_open,
  .scan_next = lmdb_scan_next,
  .scan_token = lmdb_scan_token,
  .scan_close = lmdb_scan_close,
};
