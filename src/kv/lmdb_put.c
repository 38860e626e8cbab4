// A key's versions in the write transaction of a cursor: the puts of a commit are merged into the
// blocks they belong to (layout.c), so that a block is written once a commit.
//
// LMDB gives pointers into its pages, and any write may move those. So all new blocks are put
// together in the space first; only then is the tree changed.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kv/lmdb_int.h"

struct lmdb_chunk {
  size_t at, len; ///< in the space's bytes
  int64_t bound;
};

void lmdb_space_deinit(struct lmdb_space *s)
{
  free(s->versions);
  free(s->bytes);
  free(s->chunks);
  free(s->joined.bytes);
}

void lmdb_joined_start(struct lmdb_joined *j, size_t bytes)
{
  j->len = 0;
  if (bytes > j->cap) {
    j->cap = bytes * 2;
    j->bytes = chn_realloc(j->bytes, j->cap);
  }
}

void lmdb_joined_add(struct lmdb_joined *j, struct kv_version *v, const void *data, size_t len)
{
  if (len == 0) {
    return;
  }
  if (v->len == 0) {
    v->data = j->bytes + j->len;
  }
  memcpy(j->bytes + j->len, data, len);
  j->len += len;
  v->len += len;
}

static struct kv_version *room(struct lmdb_space *s, size_t count)
{
  if (count > s->version_cap) {
    s->version_cap = count * 2;
    s->versions = chn_realloc(s->versions, s->version_cap * sizeof *s->versions);
  }
  return s->versions;
}

struct kv_version *lmdb_space_versions(struct lmdb_space *s, const struct kv_block *block)
{
  struct kv_version *versions = room(s, block->count);
  return kv_block_versions(block, versions) ? versions : NULL;
}

static void start_chunks(struct lmdb_space *s)
{
  s->len = 0;
  s->chunk_count = 0;
}

// Puts a block of these versions behind those that are there.
static void add_chunk(struct lmdb_space *s, const void *key, size_t key_len,
                      const struct kv_version *v, size_t count, int64_t bound)
{
  const size_t before = kv_long_size(key_len);
  const size_t len = before + kv_block_size(v, count);
  if (s->len + len > s->cap) {
    s->cap = (s->len + len) * 2;
    s->bytes = chn_realloc(s->bytes, s->cap);
  }
  if (s->chunk_count == s->chunk_cap) {
    s->chunk_cap = s->chunk_cap * 2 + 8;
    s->chunks = chn_realloc(s->chunks, s->chunk_cap * sizeof *s->chunks);
  }
  uint8_t *out = s->bytes + s->len;
  if (before) {
    kv_long_write(out, key, key_len);
  }
  kv_block_write(out + before, v, count);
  s->chunks[s->chunk_count++] = (struct lmdb_chunk){ .at = s->len, .len = len, .bound = bound };
  s->len += len;
}

MDB_val lmdb_space_block(struct lmdb_space *s, const void *key, size_t key_len,
                         const struct kv_version *v, size_t count)
{
  start_chunks(s);
  add_chunk(s, key, key_len, v, count, INT64_MAX);
  return (MDB_val){ .mv_size = s->len, .mv_data = s->bytes };
}

// --- finding blocks ---

static bool is_place(const struct lmdb_key *k, const MDB_val *place)
{
  return place->mv_size == k->place.len &&
         memcmp(place->mv_data, k->place.bytes, k->place.stem) == 0;
}

static int open_block(const struct lmdb_key *k, const MDB_val *data, struct kv_block *block)
{
  const size_t before = kv_long_size(k->key_len);
  return data->mv_size >= before && kv_block_open(block, (const uint8_t *)data->mv_data + before,
                                                  data->mv_size - before)
             ? 0
             : MDB_CORRUPTED;
}

// The block that a version of `ts` belongs to; block->count is 0 where the key has none.
static int find_block(struct lmdb_key *k, int64_t ts, struct kv_block *block, int64_t *bound,
                      struct chn_err *err)
{
  kv_place_ts(&k->place, ts);
  MDB_val key = { .mv_size = k->place.len, .mv_data = k->place.bytes };
  MDB_val data;
  int rc = mdb_cursor_get(k->cursor, &key, &data, MDB_SET_RANGE);
  if (rc == MDB_NOTFOUND || (rc == 0 && !is_place(k, &key))) {
    *bound = INT64_MAX;
    block->count = 0;
    return 0;
  }
  if (rc) {
    return rc;
  }
  if (k->place.is_long && !kv_long_is(data.mv_data, data.mv_size, k->key, k->key_len)) {
    chn_fail(err, CHN_E_ARGUMENT, "two keys of more than %d bytes have one digest", KV_KEY_PLAIN);
    return LMDB_FAILED;
  }
  *bound = kv_place_time(key.mv_data, key.mv_size);
  return open_block(k, &data, block);
}

// The block before the cursor's; block->count is 0 where there is none.
static int find_previous(struct lmdb_key *k, struct kv_block *block, int64_t *bound)
{
  block->count = 0;
  MDB_val key;
  MDB_val data;
  const int rc = mdb_cursor_get(k->cursor, &key, &data, MDB_PREV);
  if (rc || !is_place(k, &key)) {
    return rc == MDB_NOTFOUND ? 0 : rc;
  }
  *bound = kv_place_time(key.mv_data, key.mv_size);
  return open_block(k, &data, block);
}

// --- writing blocks ---

static int write_chunks(struct lmdb_key *k, unsigned flags)
{
  int rc = 0;
  for (size_t i = 0; i < k->space->chunk_count && rc == 0; i++) {
    const struct lmdb_chunk *c = &k->space->chunks[i];
    kv_place_ts(&k->place, c->bound);
    MDB_val key = { .mv_size = k->place.len, .mv_data = k->place.bytes };
    MDB_val data = { .mv_size = c->len, .mv_data = k->space->bytes + c->at };
    rc = mdb_cursor_put(k->cursor, &key, &data, flags);
  }
  return rc;
}

static void add_chunks(struct lmdb_key *k, const struct kv_version *v, size_t count, size_t bytes,
                       int64_t last_bound)
{
  for (size_t n = 0; count; v += n, count -= n) {
    n = kv_block_fits(v, count, bytes);
    add_chunk(k->space, k->key, k->key_len, v, n, n == count ? last_bound : v[n - 1].ts);
  }
}

// The older half of a full tail becomes sealed, behind what the newest sealed block has where both
// fit into one.
static int seal(struct lmdb_key *k, size_t count, bool has_entry)
{
  struct lmdb_space *s = k->space;
  const size_t kept = kv_block_fits_last(s->versions, count, KV_TAIL_BYTES / 2);
  const size_t sealed = count - kept;
  struct kv_block before = { 0 };
  int64_t bound = 0;
  int rc = has_entry ? find_previous(k, &before, &bound) : 0;
  if (rc) {
    return rc;
  }
  struct kv_version *all = s->versions;
  if (before.count) {
    all = room(s, before.count + count);
    memmove(all + before.count, all, count * sizeof *all);
    if (!kv_block_versions(&before, all)) {
      return MDB_CORRUPTED;
    }
    const size_t together = before.count + sealed;
    if (kv_block_fits(all, together, KV_SEALED_BYTES) < together) {
      all += before.count;
      before.count = 0;
    }
  }
  add_chunks(k, all, before.count + sealed, KV_SEALED_BYTES, all[before.count + sealed - 1].ts);
  add_chunk(s, k->key, k->key_len, all + before.count + sealed, kept, INT64_MAX);
  if (before.count) {
    rc = mdb_cursor_del(k->cursor, 0); // the bound of what takes its place is another
  }
  return rc ? rc : write_chunks(k, 0);
}

// What the block's place has from now on: the first `count` versions of the space.
static int rewrite(struct lmdb_key *k, size_t count, int64_t bound, bool has_entry)
{
  struct lmdb_space *s = k->space;
  const size_t most = bound == INT64_MAX ? (size_t)KV_TAIL_BYTES : (size_t)KV_SEALED_BYTES;
  start_chunks(s);
  if (kv_block_fits(s->versions, count, most) == count) {
    add_chunk(s, k->key, k->key_len, s->versions, count, bound);
    return write_chunks(k, has_entry ? MDB_CURRENT : 0);
  }
  if (bound == INT64_MAX) {
    return seal(k, count, has_entry);
  }
  add_chunks(k, s->versions, count, most * 2 / 3, bound); // with room for what is late again
  return write_chunks(k, 0);
}

static void count_change(struct lmdb_key *k, const struct kv_version *v, size_t count, int sign)
{
  k->record->versions += sign * (int64_t)count;
  for (size_t i = 0; i < count; i++) {
    k->record->bytes += sign * (int64_t)(k->key_len + v[i].len);
  }
}

// The version that `put` goes behind, or NULL. *at walks over `old` as the news ascend.
static const struct kv_version *appended_to(const struct lmdb_new *put,
                                            const struct kv_version *old, size_t count, size_t *at)
{
  while (*at < count && old[*at].ts < put->version.ts) {
    ++*at;
  }
  return put->append && *at < count && old[*at].ts == put->version.ts ? &old[*at] : NULL;
}

// What each of the news puts in the place of what is stored.
static void join(struct lmdb_joined *joined, const struct kv_version *old, size_t old_count,
                 const struct lmdb_new *news, size_t count, struct kv_version *out)
{
  size_t bytes = 0;
  for (size_t i = 0, at = 0; i < count; i++) {
    const struct kv_version *before = appended_to(&news[i], old, old_count, &at);
    bytes += before ? before->len + news[i].version.len : 0;
  }
  lmdb_joined_start(joined, bytes);
  for (size_t i = 0, at = 0; i < count; i++) {
    const struct kv_version *before = appended_to(&news[i], old, old_count, &at);
    out[i] = news[i].version;
    if (before) {
      out[i] = (struct kv_version){ .ts = before->ts };
      lmdb_joined_add(joined, &out[i], before->data, before->len);
      lmdb_joined_add(joined, &out[i], news[i].version.data, news[i].version.len);
    }
  }
}

// Merges news[0..count) into the block just found.
static int merge(struct lmdb_key *k, const struct kv_block *block, const struct lmdb_new *news,
                 size_t count, size_t *merged)
{
  struct kv_version *all = room(k->space, 2 * (block->count + count));
  struct kv_version *old = all + block->count + count;
  struct kv_version *fresh = old + block->count;
  if (block->count && !kv_block_versions(block, old)) {
    return MDB_CORRUPTED;
  }
  count_change(k, old, block->count, -1);
  join(&k->space->joined, old, block->count, news, count, fresh);
  *merged = kv_block_merge(old, block->count, fresh, count, all);
  count_change(k, all, *merged, 1);
  return 0;
}

int lmdb_put_versions(struct lmdb_key *k, const struct lmdb_new *news, size_t count,
                      struct chn_err *err)
{
  int rc = 0;
  for (size_t i = 0, n = 0; i < count && rc == 0; i += n) {
    struct kv_block block;
    int64_t bound = INT64_MAX;
    rc = find_block(k, news[i].version.ts, &block, &bound, err);
    for (n = 1; i + n < count && news[i + n].version.ts <= bound; n++) {
    }
    size_t merged = 0;
    rc = rc ? rc : merge(k, &block, &news[i], n, &merged);
    rc = rc ? rc : rewrite(k, merged, bound, block.count > 0);
  }
  return rc;
}

int lmdb_clear_key(struct lmdb_key *k)
{
  kv_place_ts(&k->place, INT64_MIN);
  MDB_val key = { .mv_size = k->place.len, .mv_data = k->place.bytes };
  MDB_val data;
  int rc = mdb_cursor_get(k->cursor, &key, &data, MDB_SET_RANGE);
  while (rc == 0 && is_place(k, &key)) {
    if (!k->place.is_long || kv_long_is(data.mv_data, data.mv_size, k->key, k->key_len)) {
      struct kv_block block;
      rc = open_block(k, &data, &block);
      if (rc == 0) {
        k->record->versions -= (int64_t)block.count;
        k->record->bytes -= (int64_t)(block.count * k->key_len + block.values_len);
        rc = mdb_cursor_del(k->cursor, 0);
      }
    }
    rc = rc ? rc : mdb_cursor_get(k->cursor, &key, &data, MDB_NEXT);
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}
