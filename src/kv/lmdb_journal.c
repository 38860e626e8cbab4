// Which keys each commit changed, so that an answer can be kept until a key of it is written.
//
// Every write transaction that writes anything also writes the journal, in the catalogue's tree:
//
//     key                             value
//     j                               struct head
//     j <number, 8, BE> <part, 2, BE> numbers of 4 bytes: which hash the watches are by, then up
//                                     to PART watches (kv_watch) of keys that it changed
//
// `number` is LMDB's of the transaction, which is also kv_read_snapshot of those who read what it
// left. LMDB counts one up with each commit. So `last`, which each commit sets, tells whether all
// since have kept the journal: a program of before the journal, which may have the folder open for
// weeks, leaves a gap, and so does a copy whose numbers begin again (mdb_copy -c). After a gap, and
// after what may have changed any key (a dataset made, a load switched, more keys than a journal
// should hold), the journal is empty and complete since then. No format of the folder changed for
// this: programs of before go on reading and writing, and only cost others their kept answers.
//
// A part is small enough for two to share a page: a large value would need pages in a row, which
// LMDB searches long for and, not finding them, takes from the end of the file.
//
// The journal is bounded. A commit removes the oldest parts, not more than it has watches, and
// `since` moves on.
//
// A process applies what is new to a table: for each of SLOTS classes of watches the number of the
// last commit that changed one. One thread does so, from its own snapshot; who comes meanwhile is
// told that something may have changed. Readers of the table take no lock. Its entries only grow,
// so that one of an older snapshot sees at most a change too many.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kv/lmdb_int.h"

enum {
  PART = 480,
  MOST_PARTS = 4096,
  MOST_WATCHES = 1 << 18,
  MOST_OF_A_COMMIT = MOST_WATCHES / 2,
  SLOTS = 1 << 20,
  KEY = 1 + 8 + 2
};

struct head {
  uint64_t since;   ///< later changes are in the parts, all of them
  uint64_t last;    ///< commit that kept the journal
  uint64_t parts;   ///< how many there are
  uint64_t watches; ///< in all of them
};

struct lmdb_journal {
  // of the transaction under way
  uint32_t *watches;
  size_t count, cap;
  bool wrote, all;
  // of readers
  pthread_mutex_t lock; ///< for who writes these
  _Atomic(uint64_t) applied;
  _Atomic(uint64_t) known_from; ///< of earlier snapshots nothing is known
  _Atomic(uint64_t) *changed;   ///< SLOTS; NULL until something is applied
};

struct lmdb_journal *lmdb_journal_new(void)
{
  struct lmdb_journal *j = chn_calloc(1, sizeof *j);
  pthread_mutex_init(&j->lock, NULL);
  return j;
}

void lmdb_journal_free(struct lmdb_journal *j)
{
  pthread_mutex_destroy(&j->lock);
  free(j->watches);
  free(j->changed);
  free(j);
}

// --- what a step says ---

void lmdb_journal_start(struct lmdb_journal *j)
{
  j->count = 0;
  j->wrote = false;
  j->all = false;
}

void lmdb_wrote(const struct lmdb_env *e)
{
  e->journal->wrote = true;
}

void lmdb_wrote_all(const struct lmdb_env *e)
{
  e->journal->wrote = true;
  e->journal->all = true;
}

void lmdb_wrote_key(const struct lmdb_env *e, const void *key, size_t key_len, uint32_t generation)
{
  struct lmdb_journal *j = e->journal;
  if (j->all || j->count == MOST_OF_A_COMMIT) {
    lmdb_wrote_all(e);
    return;
  }
  const uint32_t watch =
      kv_watch(&(struct kv_get){ .key = key, .key_len = key_len, .generation = generation });
  j->wrote = true;
  if (j->count > 0 && j->watches[j->count - 1] == watch) { // the next block of an expired key
    return;
  }
  if (j->count == j->cap) {
    j->cap = j->cap ? j->cap * 2 : 256;
    j->watches = chn_realloc(j->watches, j->cap * sizeof *j->watches);
  }
  j->watches[j->count++] = watch;
}

// --- in the tree ---

// Watches of another hash are worth nothing, and kv_watch may be another in the next release.
static uint32_t hash_kind(void)
{
  static const char text[] =
      "Keys of all lengths, as a hash treats short ones otherwise than those "
      "of some lines: this one is long enough for the last of its ways, of "
      "more than two hundred and forty bytes, and is cut for all of the "
      "others, of which there are some more below sixteen.";
  static const size_t lengths[] = { 0, 3, 8, 16, 100, 200, sizeof text };
  uint32_t kind = 1;
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    kind = kv_watch(&(struct kv_get){ .key = text, .key_len = lengths[i], .generation = kind });
  }
  return kind;
}

static MDB_val key_of(uint8_t *out, uint64_t number, size_t part)
{
  const uint64_t big = __builtin_bswap64(number);
  out[0] = 'j';
  memcpy(out + 1, &big, sizeof big);
  out[9] = (uint8_t)(part >> 8);
  out[10] = (uint8_t)part;
  return (MDB_val){ .mv_size = KEY, .mv_data = out };
}

static bool is_part(const MDB_val *key)
{
  return key->mv_size == KEY && *(const char *)key->mv_data == 'j';
}

static uint64_t number_of(const MDB_val *key)
{
  uint64_t big;
  memcpy(&big, (const char *)key->mv_data + 1, sizeof big);
  return __builtin_bswap64(big);
}

static size_t watches_of(const MDB_val *part)
{
  return part->mv_size / sizeof(uint32_t) - 1;
}

// A head of another size is of a program that keeps another journal: as good as none.
static int get_head(const struct lmdb_env *e, MDB_txn *txn, struct head *head)
{
  MDB_val key = { .mv_size = 1, .mv_data = "j" };
  MDB_val value;
  const int rc = mdb_get(txn, e->catalogue, &key, &value);
  *head = (struct head){ 0 };
  if (rc == 0 && value.mv_size == sizeof *head) {
    memcpy(head, value.mv_data, sizeof *head);
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static int put_head(const struct lmdb_env *e, MDB_txn *txn, const struct head *head)
{
  MDB_val key = { .mv_size = 1, .mv_data = "j" };
  MDB_val value = { .mv_size = sizeof *head, .mv_data = (void *)(uintptr_t)head };
  return mdb_put(txn, e->catalogue, &key, &value, 0);
}

static int add_parts(const struct lmdb_env *e, MDB_txn *txn, struct head *head)
{
  const struct lmdb_journal *j = e->journal;
  uint32_t part[1 + PART] = { hash_kind() };
  int rc = 0;
  for (size_t at = 0, n = 0; at < j->count && rc == 0; at += n) {
    uint8_t bytes[KEY];
    MDB_val key = key_of(bytes, mdb_txn_id(txn), at / PART);
    n = j->count - at < PART ? j->count - at : (size_t)PART;
    memcpy(part + 1, j->watches + at, n * sizeof *part);
    MDB_val value = { .mv_size = (1 + n) * sizeof *part, .mv_data = part };
    rc = mdb_put(txn, e->catalogue, &key, &value, 0);
    head->parts++;
    head->watches += n;
  }
  return rc;
}

// Removes the oldest parts: all, or as many as are too many.
static int cut(const struct lmdb_env *e, MDB_txn *txn, struct head *head, bool all)
{
  MDB_cursor *cursor;
  int rc = mdb_cursor_open(txn, e->catalogue, &cursor);
  if (rc) {
    return rc;
  }
  while (all || head->parts > MOST_PARTS || head->watches > MOST_WATCHES) {
    uint8_t bytes[KEY];
    MDB_val key = key_of(bytes, 0, 0);
    MDB_val value;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc || !is_part(&key)) {
      break;
    }
    head->since = number_of(&key);
    head->parts--;
    head->watches -= watches_of(&value);
    rc = mdb_cursor_del(cursor, 0);
    if (rc) {
      break;
    }
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int lmdb_journal_write(const struct lmdb_env *e, MDB_txn *txn)
{
  const struct lmdb_journal *j = e->journal;
  if (!j->wrote) { // LMDB commits nothing then and gives the number again
    return 0;
  }
  const uint64_t number = mdb_txn_id(txn);
  struct head head;
  int rc = get_head(e, txn, &head);
  if (rc) {
    return rc;
  }
  if (j->all || head.last != number - 1) {
    rc = cut(e, txn, &head, true);
    head = (struct head){ .since = number };
  } else if (j->count) {
    rc = add_parts(e, txn, &head);
    rc = rc ? rc : cut(e, txn, &head, false);
  }
  head.last = number;
  return rc ? rc : put_head(e, txn, &head);
}

// --- the table ---

static void apply_part(struct lmdb_journal *j, const MDB_val *part, uint64_t number)
{
  const uint32_t kind = hash_kind();
  const uint8_t *bytes = part->mv_data;
  if (part->mv_size < sizeof kind || memcmp(bytes, &kind, sizeof kind) != 0) {
    atomic_store_explicit(&j->known_from, number, memory_order_relaxed);
    return;
  }
  const size_t count = watches_of(part);
  for (size_t i = 0; i < count; i++) {
    uint32_t watch;
    memcpy(&watch, bytes + (1 + i) * sizeof watch, sizeof watch);
    atomic_store_explicit(&j->changed[watch % SLOTS], number, memory_order_relaxed);
  }
}

// Takes the journal over as this read sees it. False where it does not tell all.
static bool apply(const struct lmdb_reader *r, struct lmdb_journal *j)
{
  struct head head;
  MDB_cursor *cursor;
  // Another number, even a larger one, is a commit without a journal: see above.
  if (get_head(r->env, r->txn, &head) != 0 || head.last != r->txn_id ||
      mdb_cursor_open(r->txn, r->env->catalogue, &cursor) != 0) {
    return false;
  }
  if (!j->changed) {
    j->changed = chn_calloc(SLOTS, sizeof *j->changed);
  }
  uint64_t from = atomic_load_explicit(&j->applied, memory_order_relaxed);
  if (from < head.since) {
    from = head.since;
    atomic_store_explicit(&j->known_from, from, memory_order_relaxed);
  }
  uint8_t bytes[KEY];
  MDB_val key = key_of(bytes, from + 1, 0);
  MDB_val part;
  int rc = mdb_cursor_get(cursor, &key, &part, MDB_SET_RANGE);
  while (rc == 0 && is_part(&key)) {
    apply_part(j, &part, number_of(&key));
    rc = mdb_cursor_get(cursor, &key, &part, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  if (rc != 0 && rc != MDB_NOTFOUND) {
    return false;
  }
  atomic_store_explicit(&j->applied, r->txn_id, memory_order_release);
  return true;
}

static bool catch_up(const struct lmdb_reader *r, struct lmdb_journal *j)
{
  if (pthread_mutex_trylock(&j->lock) != 0) {
    return false;
  }
  const bool done =
      atomic_load_explicit(&j->applied, memory_order_relaxed) >= r->txn_id || apply(r, j);
  pthread_mutex_unlock(&j->lock);
  return done;
}

bool lmdb_unchanged(struct kv_reader *reader, uint64_t since, const uint32_t *watches, size_t count)
{
  const struct lmdb_reader *r = (const struct lmdb_reader *)reader;
  struct lmdb_journal *j = r->env->journal;
  if (since > r->txn_id ||
      (atomic_load_explicit(&j->applied, memory_order_acquire) < r->txn_id && !catch_up(r, j)) ||
      since < atomic_load_explicit(&j->known_from, memory_order_relaxed)) {
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    if (atomic_load_explicit(&j->changed[watches[i] % SLOTS], memory_order_relaxed) > since) {
      return false;
    }
  }
  return true;
}
