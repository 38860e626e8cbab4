/// redis_int.h: a connection to a Redis server, and what the files of the Redis store share. The
/// essay on keys is above kv_redis.c.
#pragma once
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "kv/kv_int.h"

/// One server, reconnected when needed. Commands are pushed, then their replies taken in the same
/// order; nothing is sent before the first redis_take.
struct redis_conn {
  const struct kv_url *url;
  redisContext *context; ///< NULL while not connected
  char run_id[48];       ///< of the server's process, once asked for
  int failures;          ///< in a row
  double retry_at;       ///< chn_monotonic_ms; before it nothing is tried
  double used_at;        ///< when the last reply came
  size_t pushed;         ///< commands whose replies are not taken
};

struct redis_word {
  const void *data;
  size_t len;
};

struct redis_word redis_text(const char *s);
struct redis_word redis_buf(const struct chn_buf *b);

void redis_conn_init(struct redis_conn *c, const struct kv_url *url);
void redis_conn_deinit(struct redis_conn *c);

/// Connects where there is no connection, or the server has closed it, and where one has been idle
/// asks whether it still stands.
/// Fails at once while a server that could not be reached is given time.
chn_status redis_ready(struct redis_conn *c, struct chn_err *err);

/// Appends a command. The words are copied.
void redis_push(struct redis_conn *c, const struct redis_word *words, int count);

/// The next reply, to be freed with freeReplyObject. An error the server replies is CHN_E_IO (and
/// *reply NULL); after any other failure the connection is closed and the replies that were to come
/// are lost.
chn_status redis_take(struct redis_conn *c, redisReply **reply, struct chn_err *err);

/// Takes and drops `count` replies; the first failure is the answer.
chn_status redis_drop(struct redis_conn *c, size_t count, struct chn_err *err);

/// Pushes one command and takes its reply.
chn_status redis_ask(struct redis_conn *c, redisReply **reply, struct chn_err *err,
                     const struct redis_word *words, int count);

/// Gives up the connection, with whatever is under way.
void redis_hang_up(struct redis_conn *c);

struct redis_store {
  struct kv_store base;
  struct kv_url url;
  pthread_mutex_t lock; ///< of `conn`, which writes and lists
  struct redis_conn conn;
};

struct redis_slot { // what a reader knows of a dataset
  bool known;
  bool asked;   ///< :live is on its way
  int64_t live; ///< 0: no such dataset
};

struct redis_asked { // of one get in a kv_read
  bool pending;
  int64_t generation; ///< it was asked of; 0: not yet
};

struct redis_reader {
  struct kv_reader base;
  struct redis_conn conn;
  struct redis_slot *slots; ///< by handle
  size_t slot_count;
  redisReply **replies; ///< what answers point into, until the read ends
  size_t reply_count, reply_cap;
  struct chn_buf key, bound;
  struct redis_asked *asks; ///< by get
  size_t ask_cap;
};

/// chronon:1:{NAME}<suffix>
void redis_dataset_key(struct chn_buf *b, const char *name, const char *suffix);

/// chronon:1:{NAME}:<generation>:keys
void redis_index_key(struct chn_buf *b, const char *name, int64_t generation);

/// chronon:1:NAME:<generation>:{<key>}
void redis_data_key(struct chn_buf *b, const char *name, int64_t generation, const void *key,
                    size_t key_len);

void redis_mark_key(struct chn_buf *b, const char *name);

enum { REDIS_TS = 8 }; ///< bytes of the time that begin a member

/// `before` and the time in the order of bytes: a bound of ZRANGEBYLEX, or (before '\0') a member's
/// begin.
void redis_add_ts(struct chn_buf *b, char before, int64_t ts);
int64_t redis_ts(const char *member);

/// A reply that holds a number as text; 0 for nil.
int64_t redis_number(const redisReply *reply);

/// kv_list under the lock.
chn_status redis_list_all(struct redis_conn *c, struct kv_info **list, size_t *count,
                          struct chn_err *err);

// redis_write.c, redis_load.c and redis_scan.c: callbacks of the table in kv_redis.c
chn_status redis_create(struct kv_store *store, const char *name, struct chn_err *err);
chn_status redis_make_dataset(struct redis_conn *c, const char *name, struct chn_err *err);
chn_status redis_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                        const struct kv_mark *marks, size_t mark_count, struct chn_err *err);
chn_status redis_expire(struct kv_store *store, const char *name, int64_t before, int64_t *removed,
                        struct chn_err *err);
chn_status redis_load_begin(struct kv_load **out, struct kv_store *store, const char *name,
                            int64_t ts, struct chn_err *err);
chn_status redis_load_add(struct kv_load *load, const void *key, size_t key_len, const void *value,
                          size_t value_len, struct chn_err *err);
chn_status redis_load_commit(struct kv_load *load, struct chn_err *err);
void redis_load_abort(struct kv_load *load);
chn_status redis_scan_open(struct kv_scan **out, struct kv_reader *reader, const char *name,
                           const void *prefix, size_t prefix_len, const char *token,
                           struct chn_err *err);
chn_status redis_scan_next(struct kv_scan *scan, struct kv_item *item, bool *found,
                           struct chn_err *err);
const char *redis_scan_token(struct kv_scan *scan);
void redis_scan_close(struct kv_scan *scan);
