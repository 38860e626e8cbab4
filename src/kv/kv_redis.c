// The store in a Redis server: keys, and reading. Writing is in redis_write.c and redis_load.c,
// scanning in redis_scan.c, the connection in redis_conn.c.
//
//     chronon:1:datasets            set: names of datasets
//     chronon:1:{NAME}              hash: next (generation), versions, version_ts, switched_ms
//     chronon:1:{NAME}:live         string: the generation that readers use
//     chronon:1:{NAME}:load         string: whose bulk load is under way, the server's run id and
//                                   the id of the connection
//     chronon:1:{NAME}:doomed       set: generations to be deleted, the one being loaded included
//     chronon:1:{NAME}:<gen>:keys   set: the keys of a generation, to scan and to delete it
//     chronon:1:NAME:<gen>:{<key>}  sorted set: all versions of a key
//     chronon:1:mark:<name>         string: a mark
//
// A member of a key's sorted set is 8 bytes of ts, big endian with the sign bit turned, and then
// the value. All scores are 0, so that members are ordered by their bytes: by time.
//
// A dataset's switch. Data of a generation are deleted only after :live has left it. So a read asks
// for the data of the generation it last saw and *then* for :live: if that is still the same, the
// data were whole; if not, it asks again. One round trip as long as nothing switches. There is no
// snapshot beyond that: two kv_read of one kv_read_begin may see two days.
//
// Writes watch :live and the marks: a commit that meets a switch or another writer is repeated.
//
// An appending put is a script of one key, run by the server inside the commit's MULTI: what is
// stored is neither read nor watched by the client, so that writers who append to the same versions
// lose nothing and do not wait for each other, however many keys a commit has. (Under WATCH each
// would refuse all others that share one of its keys.) Every such put carries the script's text,
// 190 bytes: a digest of it (EVALSHA) that the server has forgotten would fail amid the
// transaction, whose other commands Redis does not take back.
//
// Redis Cluster. What belongs together has one slot: a key's versions are one sorted set; a key of
// the batch and the streaming dataset share the tag {<key>}; the records of a dataset share {NAME},
// so that the switch is one transaction of one slot. What spans slots is a commit of several keys:
// a cluster refuses that transaction (CROSSSLOT), and this client does not follow redirections: use
// a proxy that does both, or one server. The layout needs no change then.
#include "kv/redis_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

// --- names ---

void redis_dataset_key(struct chn_buf *b, const char *name, const char *suffix)
{
  chn_buf_clear(b);
  chn_buf_addf(b, "chronon:1:{%s}%s", name, suffix);
}

void redis_index_key(struct chn_buf *b, const char *name, int64_t generation)
{
  chn_buf_clear(b);
  chn_buf_addf(b, "chronon:1:{%s}:%" PRId64 ":keys", name, generation);
}

void redis_data_key(struct chn_buf *b, const char *name, int64_t generation, const void *key,
                    size_t key_len)
{
  chn_buf_clear(b);
  chn_buf_addf(b, "chronon:1:%s:%" PRId64 ":{", name, generation);
  if (key_len) {
    chn_buf_add(b, key, key_len);
  }
  chn_buf_addc(b, '}');
}

void redis_mark_key(struct chn_buf *b, const char *name)
{
  chn_buf_clear(b);
  chn_buf_addf(b, "chronon:1:mark:%s", name);
}

void redis_add_ts(struct chn_buf *b, char before, int64_t ts)
{
  const uint64_t turned = __builtin_bswap64((uint64_t)ts ^ (1ULL << 63));
  if (before) {
    chn_buf_addc(b, before);
  }
  chn_buf_add(b, &turned, sizeof turned);
}

int64_t redis_ts(const char *member)
{
  uint64_t turned;
  memcpy(&turned, member, sizeof turned);
  return (int64_t)(__builtin_bswap64(turned) ^ (1ULL << 63));
}

int64_t redis_number(const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_INTEGER) {
    return reply->integer;
  }
  return reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
}

// --- opening ---

static char *copy_of(const char *s)
{
  return s ? chn_strdup(s) : NULL;
}

static chn_status redis_open(struct kv_store **out, const struct kv_url *url, bool create,
                             struct chn_err *err)
{
  (void)create;
  (void)err;
  struct redis_store *s = chn_calloc(1, sizeof *s);
  s->url = (struct kv_url){ .scheme = copy_of(url->scheme),
                            .user = copy_of(url->user),
                            .password = copy_of(url->password),
                            .host = copy_of(url->host),
                            .ca = copy_of(url->ca),
                            .port = url->port,
                            .db = url->db,
                            .timeout_ms = url->timeout_ms };
  pthread_mutex_init(&s->lock, NULL);
  redis_conn_init(&s->conn, &s->url);
  *out = &s->base;
  return CHN_OK;
}

static void redis_close(struct kv_store *store)
{
  struct redis_store *s = (struct redis_store *)store;
  redis_conn_deinit(&s->conn);
  pthread_mutex_destroy(&s->lock);
  kv_url_deinit(&s->url);
  free(s);
}

static chn_status redis_ping(struct kv_store *store, struct chn_err *err)
{
  struct redis_store *s = (struct redis_store *)store;
  pthread_mutex_lock(&s->lock);
  chn_status status = redis_ready(&s->conn, err);
  if (!status) {
    redis_push(&s->conn, (struct redis_word[]){ redis_text("PING") }, 1);
    status = redis_drop(&s->conn, 1, err);
  }
  pthread_mutex_unlock(&s->lock);
  return status;
}

// --- listing ---

static void read_info(struct kv_info *info, const redisReply *hash)
{
  for (size_t i = 0; i + 1 < hash->elements; i += 2) {
    const char *field = hash->element[i]->str;
    const int64_t value = redis_number(hash->element[i + 1]);
    if (strcmp(field, "versions") == 0) {
      info->versions = value;
    } else if (strcmp(field, "version_ts") == 0) {
      info->version_ts = value;
    } else if (strcmp(field, "switched_ms") == 0) {
      info->switched_ms = value;
    }
  }
}

chn_status redis_list_all(struct redis_conn *c, struct kv_info **list, size_t *count,
                          struct chn_err *err)
{
  redisReply *names;
  chn_status status = redis_ready(c, err);
  if (!status) {
    status = redis_ask(
        c, &names, err,
        (struct redis_word[]){ redis_text("SMEMBERS"), redis_text("chronon:1:datasets") }, 2);
  }
  if (status) {
    return status;
  }
  struct chn_buf key = { 0 };
  *list = chn_calloc(names->elements + 1, sizeof **list);
  for (size_t i = 0; i < names->elements; i++) {
    struct kv_info *info = &(*list)[(*count)++];
    *info = (struct kv_info){ .bytes = -1, .version_ts = INT64_MIN };
    snprintf(info->name, sizeof info->name, "%s", names->element[i]->str);
    redis_dataset_key(&key, info->name, "");
    redis_push(c, (struct redis_word[]){ redis_text("HGETALL"), redis_buf(&key) }, 2);
    redis_dataset_key(&key, info->name, ":load");
    redis_push(c, (struct redis_word[]){ redis_text("EXISTS"), redis_buf(&key) }, 2);
  }
  for (size_t i = 0; i < *count && !status; i++) {
    redisReply *hash;
    redisReply *loading = NULL;
    status = redis_take(c, &hash, err);
    if (!status) {
      read_info(&(*list)[i], hash);
      status = redis_take(c, &loading, err);
    }
    (*list)[i].loading = loading && loading->integer;
    freeReplyObject(hash);
    freeReplyObject(loading);
  }
  chn_buf_deinit(&key);
  freeReplyObject(names);
  return status;
}

static chn_status redis_list(struct kv_store *store, struct kv_info **list, size_t *count,
                             struct chn_err *err)
{
  struct redis_store *s = (struct redis_store *)store;
  pthread_mutex_lock(&s->lock);
  const chn_status status = redis_list_all(&s->conn, list, count, err);
  pthread_mutex_unlock(&s->lock);
  return status;
}

// --- reading ---

static chn_status redis_reader_open(struct kv_reader **out, struct kv_store *store,
                                    struct chn_err *err)
{
  (void)err;
  struct redis_reader *r = chn_calloc(1, sizeof *r);
  redis_conn_init(&r->conn, &((struct redis_store *)store)->url);
  *out = &r->base;
  return CHN_OK;
}

static void drop_replies(struct redis_reader *r)
{
  for (size_t i = 0; i < r->reply_count; i++) {
    freeReplyObject(r->replies[i]);
  }
  r->reply_count = 0;
}

static void redis_reader_close(struct kv_reader *reader)
{
  struct redis_reader *r = (struct redis_reader *)reader;
  drop_replies(r);
  redis_conn_deinit(&r->conn);
  chn_buf_deinit(&r->key);
  chn_buf_deinit(&r->bound);
  free(r->replies);
  free(r->slots);
  free(r->asks);
  free(r);
}

static chn_status redis_read_begin(struct kv_reader *reader, struct chn_err *err)
{
  (void)reader;
  (void)err;
  return CHN_OK;
}

static void redis_read_end(struct kv_reader *reader)
{
  drop_replies((struct redis_reader *)reader);
}

static void keep_reply(struct redis_reader *r, redisReply *reply)
{
  if (r->reply_count == r->reply_cap) {
    r->reply_cap = r->reply_cap ? r->reply_cap * 2 : 64;
    r->replies = chn_realloc(r->replies, r->reply_cap * sizeof(redisReply *));
  }
  r->replies[r->reply_count++] = reply;
}

static struct redis_slot *slot_of(struct redis_reader *r, int32_t dataset)
{
  const size_t needed = (size_t)dataset + 1;
  if (needed > r->slot_count) {
    r->slots = chn_realloc(r->slots, needed * 2 * sizeof *r->slots);
    memset(r->slots + r->slot_count, 0, (needed * 2 - r->slot_count) * sizeof *r->slots);
    r->slot_count = needed * 2;
  }
  return &r->slots[dataset];
}

static void push_get(struct redis_reader *r, const struct kv_get *get, const char *name,
                     int64_t generation)
{
  redis_data_key(&r->key, name, generation, get->key, get->key_len);
  chn_buf_clear(&r->bound);
  if (get->after_ts == INT64_MIN) {
    chn_buf_addc(&r->bound, '-');
  } else {
    redis_add_ts(&r->bound, '[', get->after_ts);
  }
  redis_push(&r->conn,
             (struct redis_word[]){ redis_text("ZRANGEBYLEX"), redis_buf(&r->key),
                                    redis_buf(&r->bound), redis_text("+") },
             4);
}

static void answer(struct redis_reader *r, struct kv_get *get, const redisReply *reply)
{
  struct kv_answers *a = &r->base.answers;
  kv_answers_start(a);
  for (size_t i = 0; reply && i < reply->elements; i++) {
    const redisReply *member = reply->element[i];
    if (member->type == REDIS_REPLY_STRING && member->len >= REDIS_TS) {
      kv_answers_add(a, redis_ts(member->str), member->str + REDIS_TS, member->len - REDIS_TS);
    }
  }
  kv_answers_finish(a, get);
}

// Sends what one attempt needs: the data, where a generation is known, and then :live of each
// dataset.
static void push_attempt(struct redis_reader *r, const struct kv_get *gets, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    struct redis_slot *slot = slot_of(r, gets[i].dataset);
    struct redis_asked *ask = &r->asks[i];
    ask->generation = ask->pending && slot->known ? slot->live : 0;
    if (ask->generation) {
      push_get(r, &gets[i], kv_name(r->base.store, gets[i].dataset), ask->generation);
    }
  }
  for (size_t i = 0; i < count; i++) {
    struct redis_slot *slot = slot_of(r, gets[i].dataset);
    if (r->asks[i].pending && !slot->asked) {
      slot->asked = true;
      redis_dataset_key(&r->key, kv_name(r->base.store, gets[i].dataset), ":live");
      redis_push(&r->conn, (struct redis_word[]){ redis_text("GET"), redis_buf(&r->key) }, 2);
    }
  }
}

// The versions, in the order of push_attempt.
static chn_status take_versions(struct redis_reader *r, struct kv_get *gets, size_t count,
                                chn_status *first, struct chn_err *err)
{
  for (size_t i = 0; i < count; i++) {
    redisReply *reply;
    if (!r->asks[i].generation) {
      continue;
    }
    const chn_status status = redis_take(&r->conn, &reply, *first ? NULL : err);
    if (status && !r->conn.context) {
      return status;
    }
    if (status) { // the server's word on this one alone
      gets[i].status = status;
      *first = *first ? *first : status;
    } else {
      keep_reply(r, reply);
      answer(r, &gets[i], reply);
    }
  }
  return CHN_OK;
}

static chn_status take_live(struct redis_reader *r, const struct kv_get *gets, size_t count,
                            struct chn_err *err)
{
  for (size_t i = 0; i < count; i++) {
    struct redis_slot *slot = slot_of(r, gets[i].dataset);
    redisReply *reply;
    if (slot->asked) {
      const chn_status status = redis_take(&r->conn, &reply, err);
      if (status) {
        return status;
      }
      slot->asked = false;
      slot->known = true;
      slot->live = redis_number(reply);
      freeReplyObject(reply);
    }
  }
  return CHN_OK;
}

// What was asked of the generation that is still live is answered. Returns how many are not.
static size_t settle(struct redis_reader *r, struct kv_get *gets, size_t count)
{
  size_t left = 0;
  for (size_t i = 0; i < count; i++) {
    struct redis_asked *ask = &r->asks[i];
    const int64_t live = slot_of(r, gets[i].dataset)->live;
    if (ask->pending && live == 0) {
      answer(r, &gets[i], NULL);
    }
    gets[i].generation = ask->pending ? (uint64_t)live : gets[i].generation;
    ask->pending = ask->pending && live != 0 && ask->generation != live;
    left += ask->pending;
  }
  return left;
}

static chn_status attempt(struct redis_reader *r, struct kv_get *gets, size_t count, size_t *left,
                          chn_status *first, struct chn_err *err)
{
  chn_status status = redis_ready(&r->conn, err);
  if (!status) {
    push_attempt(r, gets, count);
    status = take_versions(r, gets, count, first, err);
  }
  if (!status) {
    status = take_live(r, gets, count, err);
  }
  if (status) {
    redis_hang_up(&r->conn);
    memset(r->slots, 0, r->slot_count * sizeof *r->slots);
    return status;
  }
  *left = settle(r, gets, count);
  return CHN_OK;
}

static chn_status check_gets(struct redis_reader *r, struct kv_get *gets, size_t count,
                             struct chn_err *err)
{
  for (size_t i = 0; i < count; i++) {
    r->asks[i] = (struct redis_asked){ .pending = true };
    gets[i].status = CHN_OK;
    gets[i].count = 0;
    gets[i].versions = NULL;
    if (!kv_name(r->base.store, gets[i].dataset)) {
      return chn_fail(err, CHN_E_ARGUMENT, "%d is no dataset of this store: ask kv_dataset",
                      gets[i].dataset);
    }
    slot_of(r, gets[i].dataset);
  }
  return CHN_OK;
}

static chn_status redis_read(struct kv_reader *reader, struct kv_get *gets, size_t count,
                             struct chn_err *err)
{
  struct redis_reader *r = (struct redis_reader *)reader;
  enum { ATTEMPTS = 20 }; // a dataset that switches that often in one read is none of ours
  if (count > r->ask_cap) {
    r->asks = chn_realloc(r->asks, count * sizeof *r->asks);
    r->ask_cap = count;
  }
  chn_status status = check_gets(r, gets, count, err);
  size_t left = count;
  chn_status first = CHN_OK;
  for (int i = 0; i < ATTEMPTS && left && !status; i++) {
    status = attempt(r, gets, count, &left, &first, err);
  }
  if (!status && left) {
    status = chn_fail(err, CHN_E_CONFLICT, "a dataset is switched again and again");
  }
  for (size_t i = 0; i < count && status; i++) {
    gets[i].status = status;
    gets[i].count = 0;
    gets[i].versions = NULL;
  }
  return status ? status : first;
}

static chn_status redis_read_mark(struct kv_reader *reader, const char *name, const void **data,
                                  size_t *len, struct chn_err *err)
{
  struct redis_reader *r = (struct redis_reader *)reader;
  chn_status status = redis_ready(&r->conn, err);
  redisReply *reply = NULL;
  if (!status) {
    redis_mark_key(&r->key, name);
    status = redis_ask(&r->conn, &reply, err,
                       (struct redis_word[]){ redis_text("GET"), redis_buf(&r->key) }, 2);
  }
  if (!status && reply->type == REDIS_REPLY_STRING) {
    *data = reply->str;
    *len = reply->len;
  }
  if (reply) {
    keep_reply(r, reply);
  }
  return status;
}

const struct kv_ops kv_redis_ops = {
  .schemes = { "redis", "rediss" },
  .open = redis_open,
  .close = redis_close,
  .ping = redis_ping,
  .create = redis_create,
  .list = redis_list,
  .reader_open = redis_reader_open,
  .reader_close = redis_reader_close,
  .read_begin = redis_read_begin,
  .read_end = redis_read_end,
  .read = redis_read,
  .read_mark = redis_read_mark,
  .commit = redis_commit,
  .expire = redis_expire,
  .load_begin = redis_load_begin,
  .load_add = redis_load_add,
  .load_commit = redis_load_commit,
  .load_abort = redis_load_abort,
  .scan_open = redis_scan_open,
  .scan_next = redis_scan_next,
  .scan_token = redis_scan_token,
  .scan_close = redis_scan_close,
};
