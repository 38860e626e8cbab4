/// kv_int.h: what a kind of store fills in, and what the kinds share.
#pragma once
#include <pthread.h>

#include "base/dict.h"
#include "kv/kv.h"

/// A URL taken apart. The strings are owned by it.
struct kv_url {
  char *text;     ///< without the password
  char *scheme;   ///< "lmdb", "redis", "rediss", "memory"
  char *path;     ///< lmdb: the folder; memory: the name; "" for the rest
  char *user;     ///< or NULL
  char *password; ///< or NULL
  char *host;
  int port;
  int db;
  int timeout_ms; ///< of one exchange with a server
  char *ca;       ///< rediss: a file of trusted certificates, or NULL for the system's
  int map_mib;    ///< 0: the store's default
};

chn_status kv_url_parse(struct kv_url *url, const char *text, struct chn_err *err);
void kv_url_deinit(struct kv_url *url);

/// A kind of store: one const table a file. Every function may assume valid handles and names; the
/// checks that all kinds share are in kv.c.
struct kv_ops {
  const char *schemes[2];
  chn_status (*open)(struct kv_store **out, const struct kv_url *url, bool create,
                     struct chn_err *err);
  void (*close)(struct kv_store *store);
  chn_status (*ping)(struct kv_store *store, struct chn_err *err);
  chn_status (*create)(struct kv_store *store, const char *name, struct chn_err *err);
  /// Appends to *list, a malloc'd array of *count.
  chn_status (*list)(struct kv_store *store, struct kv_info **list, size_t *count,
                     struct chn_err *err);

  chn_status (*reader_open)(struct kv_reader **out, struct kv_store *store, struct chn_err *err);
  void (*reader_close)(struct kv_reader *reader);
  chn_status (*read_begin)(struct kv_reader *reader, struct chn_err *err);
  void (*read_end)(struct kv_reader *reader);
  chn_status (*read)(struct kv_reader *reader, struct kv_get *gets, size_t count,
                     struct chn_err *err);
  chn_status (*read_mark)(struct kv_reader *reader, const char *name, const void **data,
                          size_t *len, struct chn_err *err);
  /// NULL of a kind that cannot tell. kv_unchanged is not asked about the snapshot at hand.
  uint64_t (*snapshot)(struct kv_reader *reader);
  bool (*unchanged)(struct kv_reader *reader, uint64_t since, const uint32_t *watches,
                    size_t count);

  /// No put has INT64_MIN as its ts here: kv.c has put the time in.
  chn_status (*commit)(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                       const struct kv_mark *marks, size_t mark_count, struct chn_err *err);
  chn_status (*expire)(struct kv_store *store, const char *name, int64_t before, int64_t *removed,
                       struct chn_err *err);

  chn_status (*load_begin)(struct kv_load **out, struct kv_store *store, const char *name,
                           int64_t ts, struct chn_err *err);
  chn_status (*load_add)(struct kv_load *load, const void *key, size_t key_len, const void *value,
                         size_t value_len, struct chn_err *err);
  chn_status (*load_commit)(struct kv_load *load, struct chn_err *err); ///< frees it
  void (*load_abort)(struct kv_load *load);

  chn_status (*scan_open)(struct kv_scan **out, struct kv_reader *reader, const char *name,
                          const void *prefix, size_t prefix_len, const char *token,
                          struct chn_err *err);
  chn_status (*scan_next)(struct kv_scan *scan, struct kv_item *item, bool *found,
                          struct chn_err *err);
  const char *(*scan_token)(struct kv_scan *scan);
  void (*scan_close)(struct kv_scan *scan);
};

extern const struct kv_ops kv_lmdb_ops;
extern const struct kv_ops kv_memory_ops;
extern const struct kv_ops kv_redis_ops;

/// The first member of every kind's struct; kv.c fills it in after open.
struct kv_store {
  const struct kv_ops *ops;
  char *url;
  pthread_mutex_t names_lock;
  struct chn_dict *names; ///< handle -> name
};

/// Versions collected for the gets of one read. Arrays that became too small are kept until the
/// read ends, because earlier answers point into them.
struct kv_answers {
  struct kv_version *versions;
  size_t count, cap;
  size_t start; ///< of the get being answered
  struct kv_answers_old *old;
};

void kv_answers_start(struct kv_answers *a);

/// Room for so many more, which the caller fills.
struct kv_version *kv_answers_room(struct kv_answers *a, size_t more);
void kv_answers_add(struct kv_answers *a, int64_t ts, const void *data, size_t len);
void kv_answers_finish(struct kv_answers *a, struct kv_get *get);
void kv_answers_clear(struct kv_answers *a);
void kv_answers_deinit(struct kv_answers *a);

struct kv_reader {
  struct kv_store *store;
  struct kv_answers answers;
  bool reading; ///< between begin and end
};

struct kv_load {
  struct kv_store *store;
};

struct kv_scan {
  struct kv_reader *reader;
};

/// The name of a handle, valid until kv_close; NULL for a number that kv_dataset never gave.
const char *kv_name(struct kv_store *store, int32_t dataset);

/// The failure for a dataset that does not exist, with the nearest of `count` names that do.
chn_status kv_no_dataset(struct chn_err *err, const char *name, const struct kv_info *list,
                         size_t count);

/// memcmp order, a shorter prefix first.
int kv_compare(const void *a, size_t a_len, const void *b, size_t b_len);

/// Whether `mark` may be set while it holds data[0..len) (data NULL: unset); fails with
/// CHN_E_CONFLICT.
chn_status kv_mark_check(const struct kv_mark *mark, const void *data, size_t len,
                         struct chn_err *err);
