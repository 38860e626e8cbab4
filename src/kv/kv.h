/// kv.h: the online store. Datasets of keys, each key with versions by time; all is bytes.
///
/// A store is opened from a URL and hides which kind it is:
///     lmdb:PATH       a folder; many processes read it while others write
///     redis://[[user]:password@]host[:port][/db]      rediss:// the same over TLS
///     memory:[NAME]   of this process; the same NAME is the same store
/// `?name=value&...` after it sets options: `timeout` (ms, Redis), `ca` (a file of certificates,
/// rediss), `map` (MiB, LMDB's first map size).
///
/// What every kind promises:
///  - a version is (dataset, key, ts); putting it again replaces its value, other ts stay;
///  - kv_commit writes all of its puts and marks or none;
///  - a bulk load appears at once: a kv_read sees one generation of a dataset, whole;
///  - errors are answers, within the time limit; nothing hangs on a dead server.
/// LMDB also gives one snapshot of all datasets from kv_read_begin to kv_read_end.
///
/// Threads: a store may be shared; a reader, a load and a scan belong to one thread at a time. A
/// process that forks must open the store after the fork.
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct kv_store;
struct kv_reader;
struct kv_load;
struct kv_scan;

/// INT64_MIN as a kv_put's ts means now, as a kv_get's after_ts it means every version.
enum { KV_NAME_MAX = 255 };

/// Opens a store; fails with CHN_E_ARGUMENT for a URL that means nothing, CHN_E_NOT_FOUND where the
/// folder is missing and `create` is false, CHN_E_CORRUPT where it is no store of ours, CHN_E_IO
/// otherwise. Redis connects at the first use, so that a server may start later than its clients;
/// kv_ping asks.
chn_status kv_open(struct kv_store **out, const char *url, bool create, struct chn_err *err);

/// Ends readers' use of it too: close those first. NULL is allowed.
void kv_close(struct kv_store *store);

/// The URL without its password, for messages.
const char *kv_url(const struct kv_store *store);

/// CHN_OK when the store answers. An LMDB folder that was removed or replaced while it is open
/// still gives its old values; here it is CHN_E_IO.
chn_status kv_ping(struct kv_store *store, struct chn_err *err);

// --- datasets ---

/// The handle of a name ([A-Za-z0-9_.-], at most KV_NAME_MAX), for kv_get and kv_put: small, dense,
/// valid until kv_close. The dataset need not exist yet.
chn_status kv_dataset(struct kv_store *store, const char *name, int32_t *dataset,
                      struct chn_err *err);

/// Makes the dataset; nothing happens where it exists.
chn_status kv_create(struct kv_store *store, int32_t dataset, struct chn_err *err);

struct kv_info {
  char name[256];
  int64_t versions;    ///< stored (key, ts) pairs of the live generation
  int64_t bytes;       ///< of their keys and values; -1 where the store does not count them (Redis)
  int64_t version_ts;  ///< ts of the last bulk load (the batch end); INT64_MIN before the first
  int64_t switched_ms; ///< when that load was committed, epoch ms; 0 before the first
  bool loading;        ///< a bulk load is under way, or was left unfinished
};

/// Every dataset, sorted by name. *list is freed with kv_list_free.
chn_status kv_list(struct kv_store *store, struct kv_info **list, size_t *count,
                   struct chn_err *err);
void kv_list_free(struct kv_info *list);

// --- reading ---

struct kv_version {
  int64_t ts; ///< epoch ms
  const void *data;
  size_t len;
};

struct kv_get {
  int32_t dataset;
  const void *key;
  size_t key_len;
  int64_t after_ts;                  ///< versions with ts >= this; INT64_MIN for all
  const struct kv_version *versions; ///< answer, ascending by ts; NULL where count is 0
  size_t count;                      ///< 0 for a key or a dataset that does not exist
  chn_status status;                 ///< of this request alone
  uint64_t generation; ///< that answered: another one after each bulk load; 0: no such dataset
};

/// One a thread, kept for its life: a read allocates nothing once it has seen its largest answer.
chn_status kv_reader_open(struct kv_reader **out, struct kv_store *store, struct chn_err *err);
void kv_reader_close(struct kv_reader *reader);

/// Everything answered between begin and end stays valid until end. Keep it short: LMDB cannot
/// reuse what an open read may still see, and an LMDB map grows only when this process has no read
/// open.
chn_status kv_read_begin(struct kv_reader *reader, struct chn_err *err);
void kv_read_end(struct kv_reader *reader);

/// Answers all requests, of any datasets, in one go. Where some fail, the others are still answered
/// and the return value is the status of the first that failed.
chn_status kv_read(struct kv_reader *reader, struct kv_get *gets, size_t count,
                   struct chn_err *err);

/// The newest version that `get` asks for, copied into the arena by a read of its own: no other is
/// open. *bytes is NULL where there is none.
chn_status kv_read_newest(struct kv_reader *reader, struct kv_get *get, struct arena *a,
                          const char **bytes, size_t *len, struct chn_err *err);

/// The value of a mark (see kv_commit), or *data = NULL where it was never set.
chn_status kv_read_mark(struct kv_reader *reader, const char *name, const void **data, size_t *len,
                        struct chn_err *err);

/// Whether this kind of store can tell what changed; where not, snapshots are 0 (Redis, memory).
bool kv_has_snapshots(const struct kv_store *store);

/// What the read under way sees, as a number that grows with what is committed: reads with the same
/// number see the same bytes.
uint64_t kv_read_snapshot(struct kv_reader *reader);

/// What a get asked for, once it is answered, as a number to ask kv_unchanged about. Several keys
/// may share one; what they have in common is then a false alarm.
uint32_t kv_watch(const struct kv_get *get);

/// Whether kv_read would answer gets with these watches as a read of snapshot `since` answered
/// them. False is no promise of a change.
bool kv_unchanged(struct kv_reader *reader, uint64_t since, const uint32_t *watches, size_t count);

// --- writing ---

struct kv_put {
  int32_t dataset; ///< must exist (kv_create), else CHN_E_NOT_FOUND
  const void *key;
  size_t key_len; ///< may be 0
  const void *value;
  size_t value_len; ///< may be 0
  int64_t ts;       ///< INT64_MIN for now
  bool replace;     ///< all other versions of the key go
  bool append;      ///< see below; not together with `replace`
};

/// An appending put lets the version (key, ts) end with the value's bytes: behind those that are
/// stored or that an earlier put of the same commit has brought, or alone where there are none. It
/// is part of the commit like any other, so that writers who know nothing of each other may append
/// to one version: no bytes are lost, and those of one commit stay together in their order.

/// A named value beside the data: a consumer's offset, a checkpoint.
struct kv_mark {
  const char *name; ///< at most KV_NAME_MAX bytes
  const void *data;
  size_t len;
  bool fenced;        ///< refuse everything with CHN_E_CONFLICT unless the mark now is `expect`
  const void *expect; ///< NULL: not set yet
  size_t expect_len;
};

/// Writes all puts and marks in one transaction, or nothing, as if one after the other: the last
/// put of one (key, ts) wins, or appends. The more versions of a key a commit brings, the cheaper
/// each is: LMDB writes a key's block once. On Redis Cluster, where no transaction spans slots, see
/// src/kv/kv_redis.c.
///
/// A stream that counts each event once keeps its offset in a mark:
///  1. kv_read_mark gives the offset (NULL: from the start); only then are values read that the
///     next commit builds on.
///  2. kv_commit has the poll's puts and the mark, fenced: `expect` is what 1 or the last commit of
///     its own made of it.
///  3. CHN_E_CONFLICT: another writer has committed since; nothing was written. Forget what was
///  read
///     and go back to 1. A consumer that was replaced without knowing gets this at its next commit.
///     To stop it sooner its successor commits the mark alone, with an epoch of its own in it.
///  4. CHN_E_IO: Redis may have written all or nothing before the connection ended. Go back to 1;
///     the mark tells.
/// So a writer alone on its keys may keep their values in memory from commit to commit. Where
/// several add to the same keys (partitions of a topic that are not by key), they share a second
/// mark, which each commit counts up, fenced; whoever is refused reads its values again.
chn_status kv_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                     const struct kv_mark *marks, size_t mark_count, struct chn_err *err);

/// Removes the versions with ts < before of a dataset, in transactions of bounded size. *removed
/// (may be NULL) counts them, also on failure.
chn_status kv_expire(struct kv_store *store, int32_t dataset, int64_t before, int64_t *removed,
                     struct chn_err *err);

// --- bulk load ---

/// Starts a new generation of a dataset (made when missing), all of whose versions have this ts.
/// Removes what a dead load of this dataset left. CHN_E_CONFLICT while another load of it is alive.
chn_status kv_load_begin(struct kv_load **out, struct kv_store *store, int32_t dataset, int64_t ts,
                         struct chn_err *err);

/// Adds one key, in any order; a key's last value wins. Copies both. After a failure only abort is
/// useful.
chn_status kv_load_add(struct kv_load *load, const void *key, size_t key_len, const void *value,
                       size_t value_len, struct chn_err *err);

/// Makes the generation the dataset's content in one instant, then removes the old one in bounded
/// steps. Frees `load` either way; after a failure readers keep the old content.
chn_status kv_load_commit(struct kv_load *load, struct chn_err *err);

/// Removes what was added and frees `load`. NULL is allowed.
void kv_load_abort(struct kv_load *load);

// --- scanning ---

struct kv_item {
  const void *key;
  size_t key_len;
  struct kv_version version;
};

/// Walks the versions of the keys that begin with `prefix` (may be empty), each key's together and
/// ascending, keys in the store's own order. `token` (NULL: from the start) is where an earlier
/// scan of the same dataset and prefix stood. The reader must be between begin and end, and is busy
/// until kv_scan_close.
chn_status kv_scan_open(struct kv_scan **out, struct kv_reader *reader, int32_t dataset,
                        const void *prefix, size_t prefix_len, const char *token,
                        struct chn_err *err);

/// *found = false at the end. The item is valid until the next call (until kv_read_end on LMDB).
chn_status kv_scan_next(struct kv_scan *scan, struct kv_item *item, bool *found,
                        struct chn_err *err);

/// Where the scan stands, as text: the next item is the first a new scan with this token gives,
/// unless it was removed. On Redis, whose keys have no order, items of the same page may come
/// again. Valid until kv_scan_close.
const char *kv_scan_token(struct kv_scan *scan);
void kv_scan_close(struct kv_scan *scan);
