/// lmdb_int.h: what the files of the LMDB store share. The essay on its catalogue is above
/// lmdb_catalogue.c.
#pragma once
#include <lmdb.h>
#include <stdatomic.h>

#include "kv/kv_int.h"
#include "kv/layout_int.h"

struct lmdb_reader {
  struct kv_reader base;
  struct lmdb_env *env;
  struct lmdb_reader *next;
  atomic_bool active; ///< uses the map
  MDB_txn *txn;
  MDB_cursor *cursor;
  size_t txn_id;           ///< of the read under way
  uint64_t changes;        ///< of the catalogue, as of txn_id
  struct lmdb_slot *slots; ///< by dataset handle
  size_t slot_count;
};

/// An LMDB folder open in this process: one, however many stores were opened from it.
struct lmdb_env {
  struct lmdb_env *next;
  dev_t dev;
  ino_t ino;
  int users;
  char *path;
  bool read_only;
  MDB_env *env;
  MDB_dbi data, catalogue;
  pthread_mutex_t write_lock; ///< one write of this process at a time, and changes of the map
  atomic_bool resizing;
  pthread_mutex_t readers_lock;
  struct lmdb_reader *readers;
  struct lmdb_journal *journal;
  atomic_llong file_bytes; ///< the most that data.mdb had
  atomic_llong looked;     ///< monotonic ns, when its size was last looked at
  atomic_bool cut;         ///< it had less than before
  ino_t lock_ino;          ///< of lock.mdb; 0: not known
};

struct lmdb_store {
  struct kv_store base;
  struct lmdb_env *env;
};

enum {
  LMDB_FAILED = -1,      ///< a step has filled in *err itself
  LMDB_OVERWRITTEN = -2, ///< another file was copied over data.mdb
  LMDB_LATE = -3,        ///< a read must begin anew
};

/// The catalogue's records; lmdb_catalogue.c tells where they lie.
struct lmdb_root {
  char magic[8];
  uint64_t changes;
  uint32_t next_generation;
  uint32_t unused;
};

struct lmdb_record {
  int64_t versions, bytes, version_ts, switched_ms;
  uint32_t live;
  uint32_t loading; ///< 0: none
};

chn_status lmdb_env_open(struct lmdb_env **out, const struct kv_url *url, bool create,
                         struct chn_err *err);
void lmdb_env_close(struct lmdb_env *e);

/// The failure for LMDB's code `rc`.
chn_status lmdb_fail(const struct lmdb_env *e, int rc, struct chn_err *err);

// --- whether the file is still the one that was opened (lmdb_guard.c) ---

/// Called once the environment is open.
void lmdb_guard_open(struct lmdb_env *e);

/// Fails when the file has become shorter, for good: the map must not be touched any more.
chn_status lmdb_guard_size(struct lmdb_env *e, struct chn_err *err);

/// Of a read that has just begun: 0, LMDB_LATE or LMDB_OVERWRITTEN. *before is 0 at its first
/// attempt, and kept for the next.
int lmdb_guard_txn(const struct lmdb_env *e, MDB_txn *txn, size_t *before);

/// Fails when the folder holds other files than those that are open.
chn_status lmdb_guard_file(const struct lmdb_env *e, struct chn_err *err);

/// Runs `step` in a write transaction and commits it. Where the map is too small it grows and the
/// step runs again, from the start. A step returns 0, a code of LMDB, or LMDB_FAILED.
typedef int lmdb_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err);
chn_status lmdb_write(struct lmdb_env *e, lmdb_step *step, void *job, struct chn_err *err);

// --- the journal of changed keys (lmdb_journal.c) ---

struct lmdb_journal *lmdb_journal_new(void);
void lmdb_journal_free(struct lmdb_journal *j);

/// What a step tells of the transaction it is in, under the write lock: that it wrote something,
/// that a get of this key may be answered otherwise from now on, or any get.
void lmdb_wrote(const struct lmdb_env *e);
void lmdb_wrote_key(const struct lmdb_env *e, const void *key, size_t key_len, uint32_t generation);
void lmdb_wrote_all(const struct lmdb_env *e);

/// Before a step, and between it and its commit.
void lmdb_journal_start(struct lmdb_journal *j);
int lmdb_journal_write(const struct lmdb_env *e, MDB_txn *txn);

bool lmdb_unchanged(struct kv_reader *reader, uint64_t since, const uint32_t *watches,
                    size_t count);

/// Waits for a map that is being changed, and keeps it until lmdb_leave.
void lmdb_enter(struct lmdb_reader *r);
void lmdb_leave(struct lmdb_reader *r);

/// Takes over the size that another process gave the map. The caller is in no transaction.
chn_status lmdb_adopt_size(struct lmdb_env *e, struct chn_err *err);

int lmdb_get_root(const struct lmdb_env *e, MDB_txn *txn, struct lmdb_root *root);
int lmdb_put_root(const struct lmdb_env *e, MDB_txn *txn, const struct lmdb_root *root);

/// MDB_NOTFOUND when there is no such dataset.
int lmdb_get_record(const struct lmdb_env *e, MDB_txn *txn, const char *name,
                    struct lmdb_record *record);
int lmdb_put_record(const struct lmdb_env *e, MDB_txn *txn, const char *name,
                    const struct lmdb_record *record);
int lmdb_make_dataset(const struct lmdb_env *e, MDB_txn *txn, const char *name,
                      struct lmdb_record *record);

/// Appends every dataset.
int lmdb_list_all(const struct lmdb_env *e, MDB_txn *txn, struct kv_info **list, size_t *count);

int lmdb_get_mark(const struct lmdb_env *e, MDB_txn *txn, const char *name, MDB_val *value);
int lmdb_put_mark(const struct lmdb_env *e, MDB_txn *txn, const struct kv_mark *mark);

/// The generations to be deleted: `lmdb_doom` adds one, `lmdb_doomed` gives any.
int lmdb_doom(const struct lmdb_env *e, MDB_txn *txn, uint32_t generation);
int lmdb_doomed(const struct lmdb_env *e, MDB_txn *txn, uint32_t *generation);
int lmdb_undoom(const struct lmdb_env *e, MDB_txn *txn, uint32_t generation);

// --- the blocks of a key, in a write transaction (lmdb_put.c) ---

/// Values made of several, in memory that stays where it is until the next start. {0} is empty.
struct lmdb_joined {
  uint8_t *bytes;
  size_t len, cap;
};

/// Forgets what is there and makes room for so many bytes.
void lmdb_joined_start(struct lmdb_joined *j, size_t bytes);

/// Puts bytes behind v's value, which is empty or the last that was joined.
void lmdb_joined_add(struct lmdb_joined *j, struct kv_version *v, const void *data, size_t len);

/// Memory for that, kept from key to key. {0} is empty.
struct lmdb_space {
  struct kv_version *versions;
  size_t version_cap;
  uint8_t *bytes;
  size_t len, cap;
  struct lmdb_chunk *chunks;
  size_t chunk_count, chunk_cap;
  struct lmdb_joined joined; ///< values that were appended to
};

void lmdb_space_deinit(struct lmdb_space *s);

/// The block's versions, valid until the next call; NULL where its bytes are damaged.
struct kv_version *lmdb_space_versions(struct lmdb_space *s, const struct kv_block *block);

/// The data of an entry of one block, valid until the next call.
MDB_val lmdb_space_block(struct lmdb_space *s, const void *key, size_t key_len,
                         const struct kv_version *v, size_t count);

struct lmdb_key {
  MDB_cursor *cursor;
  struct kv_place place; ///< kv_place_key has been called on it
  const void *key;
  size_t key_len;
  struct lmdb_record *record; ///< its counts are kept
  struct lmdb_space *space;
};

struct lmdb_new {
  struct kv_version version;
  bool append; ///< its bytes go behind those of the stored version, if there is one
};

/// Puts versions, ascending and without doubles.
int lmdb_put_versions(struct lmdb_key *k, const struct lmdb_new *news, size_t count,
                      struct chn_err *err);

/// Removes all versions.
int lmdb_clear_key(struct lmdb_key *k);

/// LMDB_FAILED with the nearest name, or a code of LMDB.
int lmdb_unknown_dataset(struct lmdb_env *e, MDB_txn *txn, const char *name, struct chn_err *err);

// lmdb_write.c, lmdb_expire.c and lmdb_load.c: callbacks of the table in kv_lmdb.c
chn_status lmdb_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                       const struct kv_mark *marks, size_t mark_count, struct chn_err *err);
chn_status lmdb_expire(struct kv_store *store, const char *name, int64_t before, int64_t *removed,
                       struct chn_err *err);
chn_status lmdb_create(struct kv_store *store, const char *name, struct chn_err *err);
chn_status lmdb_load_begin(struct kv_load **out, struct kv_store *store, const char *name,
                           int64_t ts, struct chn_err *err);
chn_status lmdb_load_add(struct kv_load *load, const void *key, size_t key_len, const void *value,
                         size_t value_len, struct chn_err *err);
chn_status lmdb_load_commit(struct kv_load *load, struct chn_err *err);
void lmdb_load_abort(struct kv_load *load);
