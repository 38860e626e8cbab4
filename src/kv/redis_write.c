// Puts, marks and expiry in Redis: one MULTI, under WATCH of what it was planned from.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "kv/redis_int.h"

struct commit {
  struct redis_conn *conn;
  struct kv_store *store;
  const struct kv_put *puts;
  const struct kv_mark *marks;
  size_t put_count, mark_count;
  int64_t *live;    ///< by handle; NOT_USED, or the generation that takes the puts
  int64_t *changed; ///< by handle: versions added
  size_t handles;
  struct chn_buf a, b, c, d;
};

enum { NOT_USED = -1 };

chn_status redis_make_dataset(struct redis_conn *c, const char *name, struct chn_err *err)
{
  struct chn_buf hash = { 0 };
  struct chn_buf live = { 0 };
  redisReply *reply;
  redis_dataset_key(&hash, name, "");
  redis_dataset_key(&live, name, ":live");
  chn_status status =
      redis_ask(c, &reply, err, (struct redis_word[]){ redis_text("EXISTS"), redis_buf(&live) }, 2);
  const bool there = !status && reply->integer;
  freeReplyObject(reply);
  if (!status && !there) {
    status = redis_ask(c, &reply, err,
                       (struct redis_word[]){ redis_text("HINCRBY"), redis_buf(&hash),
                                              redis_text("next"), redis_text("1") },
                       4);
  }
  if (!status && !there) {
    char number[32];
    snprintf(number, sizeof number, "%lld", reply->integer);
    freeReplyObject(reply);
    redis_push(
        c, (struct redis_word[]){ redis_text("SETNX"), redis_buf(&live), redis_text(number) }, 3);
    redis_push(c,
               (struct redis_word[]){ redis_text("SADD"), redis_text("chronon:1:datasets"),
                                      redis_text(name) },
               3);
    status = redis_drop(c, 2, err);
  }
  chn_buf_deinit(&hash);
  chn_buf_deinit(&live);
  return status;
}

chn_status redis_create(struct kv_store *store, const char *name, struct chn_err *err)
{
  struct redis_store *s = (struct redis_store *)store;
  pthread_mutex_lock(&s->lock);
  chn_status status = redis_ready(&s->conn, err);
  if (!status) {
    status = redis_make_dataset(&s->conn, name, err);
  }
  pthread_mutex_unlock(&s->lock);
  return status;
}

static chn_status unknown_dataset(struct redis_conn *c, const char *name, struct chn_err *err)
{
  struct kv_info *list = NULL;
  size_t count = 0;
  chn_status status = redis_list_all(c, &list, &count, err);
  if (!status) {
    status = kv_no_dataset(err, name, list, count);
  }
  free(list);
  return status;
}

// --- commit ---

// Watches and asks for the generations and marks; pushes, then takes.
static chn_status plan(struct commit *c, struct chn_err *err)
{
  size_t watched = 0;
  for (size_t i = 0; i < c->handles; i++) {
    if (c->live[i] != NOT_USED) {
      redis_dataset_key(&c->a, kv_name(c->store, (int32_t)i), ":live");
      redis_push(c->conn, (struct redis_word[]){ redis_text("WATCH"), redis_buf(&c->a) }, 2);
      watched++;
    }
  }
  for (size_t i = 0; i < c->mark_count; i++) {
    redis_mark_key(&c->a, c->marks[i].name);
    redis_push(c->conn, (struct redis_word[]){ redis_text("WATCH"), redis_buf(&c->a) }, 2);
    watched++;
  }
  for (size_t i = 0; i < c->handles; i++) {
    if (c->live[i] != NOT_USED) {
      redis_dataset_key(&c->a, kv_name(c->store, (int32_t)i), ":live");
      redis_push(c->conn, (struct redis_word[]){ redis_text("GET"), redis_buf(&c->a) }, 2);
    }
  }
  for (size_t i = 0; i < c->mark_count; i++) {
    redis_mark_key(&c->a, c->marks[i].name);
    redis_push(c->conn, (struct redis_word[]){ redis_text("GET"), redis_buf(&c->a) }, 2);
  }
  return redis_drop(c->conn, watched, err);
}

static chn_status take_plan(struct commit *c, const char **missing, chn_status *refused,
                            struct chn_err *err)
{
  redisReply *reply;
  chn_status status = CHN_OK;
  for (size_t i = 0; i < c->handles && !status; i++) {
    if (c->live[i] == NOT_USED) {
      continue;
    }
    status = redis_take(c->conn, &reply, err);
    if (!status) {
      c->live[i] = redis_number(reply);
      *missing = c->live[i] ? *missing : kv_name(c->store, (int32_t)i);
      freeReplyObject(reply);
    }
  }
  for (size_t i = 0; i < c->mark_count && !status; i++) {
    status = redis_take(c->conn, &reply, err);
    if (!status && !*refused) {
      const bool set = reply->type == REDIS_REPLY_STRING;
      *refused = kv_mark_check(&c->marks[i], set ? reply->str : NULL, set ? reply->len : 0, err);
    }
    freeReplyObject(reply);
  }
  return status;
}

// The member that has the put's time is ARGV[3] and then the value so far. The longer one is added
// first: a server without memory for it fails before anything is changed.
static const char append_script[] =
    "local k,o=KEYS[1],redis.call('ZRANGEBYLEX',KEYS[1],ARGV[1],ARGV[2])[1] "
    "local n=(o or ARGV[3])..ARGV[4] "
    "redis.call('ZADD',k,0,n) "
    "if o and o~=n then redis.call('ZREM',k,o) end "
    "return o and 0 or 1";

// The replies of a put: the versions removed (none by an append), those added, and the index's.
static size_t replies_of(const struct kv_put *p)
{
  return p->append ? 2 : 3;
}

// Both: c->a is the key, [c->b, c->c) the versions to be replaced, c->d begins the member.
static void push_replace(struct commit *c, const struct kv_put *p)
{
  if (p->value_len) {
    chn_buf_add(&c->d, p->value, p->value_len);
  }
  redis_push(c->conn,
             (struct redis_word[]){ redis_text("ZREMRANGEBYLEX"), redis_buf(&c->a),
                                    redis_buf(&c->b), redis_buf(&c->c) },
             4);
  redis_push(c->conn,
             (struct redis_word[]){ redis_text("ZADD"), redis_buf(&c->a), redis_text("0"),
                                    redis_buf(&c->d) },
             4);
}

static void push_append(struct commit *c, const struct kv_put *p)
{
  redis_push(c->conn,
             (struct redis_word[]){ redis_text("EVAL"),
                                    redis_text(append_script),
                                    redis_text("1"),
                                    redis_buf(&c->a),
                                    redis_buf(&c->b),
                                    redis_buf(&c->c),
                                    redis_buf(&c->d),
                                    { p->value, p->value_len } },
             8);
}

// A version takes the place of what has its time, or of everything; or it goes behind the first.
static void push_put(struct commit *c, const struct kv_put *p)
{
  const char *name = kv_name(c->store, p->dataset);
  const int64_t generation = c->live[p->dataset];
  redis_data_key(&c->a, name, generation, p->key, p->key_len);
  chn_buf_clear(&c->b);
  chn_buf_clear(&c->c);
  chn_buf_clear(&c->d);
  if (p->replace) {
    chn_buf_addc(&c->b, '-');
  } else {
    redis_add_ts(&c->b, '[', p->ts);
  }
  if (p->replace || p->ts == INT64_MAX) {
    chn_buf_addc(&c->c, '+');
  } else {
    redis_add_ts(&c->c, '(', p->ts + 1);
  }
  redis_add_ts(&c->d, '\0', p->ts);
  if (p->append) {
    push_append(c, p);
  } else {
    push_replace(c, p);
  }
  redis_index_key(&c->a, name, generation);
  redis_push(c->conn,
             (struct redis_word[]){ redis_text("SADD"), redis_buf(&c->a), { p->key, p->key_len } },
             3);
}

static void count_changes(struct commit *c, const redisReply *reply)
{
  redisReply **one = reply->element;
  for (size_t i = 0; i < c->put_count; one += replies_of(&c->puts[i++])) {
    const struct kv_put *p = &c->puts[i];
    c->changed[p->dataset] += p->append ? one[0]->integer : one[1]->integer - one[0]->integer;
  }
}

// Everything between MULTI and EXEC. *again: what it was planned from has changed.
static chn_status execute(struct commit *c, bool *again, struct chn_err *err)
{
  redis_push(c->conn, (struct redis_word[]){ redis_text("MULTI") }, 1);
  for (size_t i = 0; i < c->put_count; i++) {
    push_put(c, &c->puts[i]);
  }
  for (size_t i = 0; i < c->mark_count; i++) {
    redis_mark_key(&c->a, c->marks[i].name);
    redis_push(c->conn,
               (struct redis_word[]){
                   redis_text("SET"), redis_buf(&c->a), { c->marks[i].data, c->marks[i].len } },
               3);
  }
  size_t queued = 1 + c->mark_count;
  for (size_t i = 0; i < c->put_count; i++) {
    queued += replies_of(&c->puts[i]);
  }
  redis_push(c->conn, (struct redis_word[]){ redis_text("EXEC") }, 1);
  chn_status status = redis_drop(c->conn, queued, err);
  if (!c->conn->context) {
    return status;
  }
  redisReply *reply;
  const chn_status end = redis_take(c->conn, &reply, status ? NULL : err);
  status = status ? status : end;
  *again = !status && reply->type != REDIS_REPLY_ARRAY;
  for (size_t i = 0; !status && !*again && i < reply->elements; i++) {
    const redisReply *one = reply->element[i];
    if (one->type == REDIS_REPLY_ERROR) {
      status = chn_fail(err, CHN_E_IO, "the server replied: %s", one->str);
    }
  }
  if (!status && !*again) {
    count_changes(c, reply);
  }
  freeReplyObject(reply);
  return status;
}

// Counts are for people: they are not part of the transaction.
static void count_versions(struct commit *c)
{
  size_t pushed = 0;
  for (size_t i = 0; i < c->handles; i++) {
    if (c->changed[i]) {
      char number[32];
      snprintf(number, sizeof number, "%" PRId64, c->changed[i]);
      redis_dataset_key(&c->a, kv_name(c->store, (int32_t)i), "");
      redis_push(c->conn,
                 (struct redis_word[]){ redis_text("HINCRBY"), redis_buf(&c->a),
                                        redis_text("versions"), redis_text(number) },
                 4);
      pushed++;
    }
  }
  redis_drop(c->conn, pushed, NULL);
}

static chn_status try_commit(struct commit *c, bool *again, struct chn_err *err)
{
  const char *missing = NULL;
  chn_status refused = CHN_OK;
  *again = false;
  chn_status status = plan(c, err);
  if (!status) {
    status = take_plan(c, &missing, &refused, err);
  }
  if (!status && (missing || refused)) {
    redis_push(c->conn, (struct redis_word[]){ redis_text("UNWATCH") }, 1);
    redis_drop(c->conn, 1, NULL);
    return refused ? refused : unknown_dataset(c->conn, missing, err);
  }
  return status ? status : execute(c, again, err);
}

static chn_status run_commit(struct commit *c, struct chn_err *err)
{
  enum { ATTEMPTS = 50 };
  chn_status status = redis_ready(c->conn, err);
  bool again = true;
  for (int i = 0; i < ATTEMPTS && again && !status; i++) {
    nanosleep(&(struct timespec){ .tv_nsec = i * 100000L }, NULL);
    status = try_commit(c, &again, err);
  }
  if (!status && again) {
    return chn_fail(err, CHN_E_CONFLICT, "other writers were always faster; nothing was written");
  }
  if (status) {
    if (c->conn->pushed) {
      redis_hang_up(c->conn); // an open MULTI or WATCH ends with it
    }
    return status;
  }
  count_versions(c);
  return CHN_OK;
}

chn_status redis_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                        const struct kv_mark *marks, size_t mark_count, struct chn_err *err)
{
  struct redis_store *s = (struct redis_store *)store;
  struct commit c = { .conn = &s->conn,
                      .store = store,
                      .puts = puts,
                      .put_count = put_count,
                      .marks = marks,
                      .mark_count = mark_count };
  for (size_t i = 0; i < put_count; i++) {
    const size_t needed = (size_t)puts[i].dataset + 1;
    c.handles = needed > c.handles ? needed : c.handles;
  }
  c.live = chn_malloc((c.handles + 1) * sizeof *c.live);
  c.changed = chn_calloc(c.handles + 1, sizeof *c.changed);
  for (size_t i = 0; i < c.handles; i++) {
    c.live[i] = NOT_USED;
  }
  for (size_t i = 0; i < put_count; i++) {
    c.live[puts[i].dataset] = 0;
  }
  pthread_mutex_lock(&s->lock);
  const chn_status status = run_commit(&c, err);
  pthread_mutex_unlock(&s->lock);
  chn_buf_deinit(&c.a);
  chn_buf_deinit(&c.b);
  chn_buf_deinit(&c.c);
  chn_buf_deinit(&c.d);
  free(c.live);
  free(c.changed);
  return status;
}

// --- expiry: page by page of the keys ---

struct expire {
  struct redis_conn *conn;
  const char *name;
  int64_t live;
  struct chn_buf index, key, bound;
  char cursor[32];
};

// A key without versions leaves the index; one that was put to meanwhile comes back into it.
static chn_status drop_empty(struct expire *x, const redisReply *key, struct chn_err *err)
{
  redis_data_key(&x->key, x->name, x->live, key->str, key->len);
  const struct redis_word word = { key->str, key->len };
  redisReply *there = NULL;
  redis_push(x->conn, (struct redis_word[]){ redis_text("SREM"), redis_buf(&x->index), word }, 3);
  redis_push(x->conn, (struct redis_word[]){ redis_text("EXISTS"), redis_buf(&x->key) }, 2);
  chn_status status = redis_drop(x->conn, 1, err);
  if (!status) {
    status = redis_take(x->conn, &there, err);
  }
  if (!status && there->integer) {
    redis_push(x->conn, (struct redis_word[]){ redis_text("SADD"), redis_buf(&x->index), word }, 3);
    status = redis_drop(x->conn, 1, err);
  }
  freeReplyObject(there);
  return status;
}

static chn_status expire_keys(struct expire *x, const redisReply *keys, int64_t *removed,
                              struct chn_err *err)
{
  for (size_t i = 0; i < keys->elements; i++) {
    redis_data_key(&x->key, x->name, x->live, keys->element[i]->str, keys->element[i]->len);
    redis_push(x->conn,
               (struct redis_word[]){ redis_text("ZREMRANGEBYLEX"), redis_buf(&x->key),
                                      redis_text("-"), redis_buf(&x->bound) },
               4);
    redis_push(x->conn, (struct redis_word[]){ redis_text("EXISTS"), redis_buf(&x->key) }, 2);
  }
  chn_status status = CHN_OK;
  bool *empty = chn_calloc(keys->elements + 1, sizeof *empty);
  for (size_t i = 0; i < 2 * keys->elements && !status; i++) {
    redisReply *reply;
    status = redis_take(x->conn, &reply, err);
    if (!status && i % 2 == 0) {
      *removed += reply->integer;
    } else if (!status) {
      empty[i / 2] = reply->integer == 0;
    }
    freeReplyObject(reply);
  }
  for (size_t i = 0; i < keys->elements && !status; i++) {
    status = empty[i] ? drop_empty(x, keys->element[i], err) : CHN_OK;
  }
  free(empty);
  return status;
}

static chn_status expire_page(struct expire *x, int64_t *removed, struct chn_err *err)
{
  redisReply *page;
  chn_status status = redis_ask(x->conn, &page, err,
                                (struct redis_word[]){ redis_text("SSCAN"), redis_buf(&x->index),
                                                       redis_text(x->cursor), redis_text("COUNT"),
                                                       redis_text("500") },
                                5);
  if (!status) {
    snprintf(x->cursor, sizeof x->cursor, "%s", page->element[0]->str);
    status = expire_keys(x, page->element[1], removed, err);
  }
  freeReplyObject(page);
  return status;
}

static chn_status run_expire(struct expire *x, int64_t before, int64_t *removed,
                             struct chn_err *err)
{
  redisReply *live = NULL;
  chn_status status = redis_ready(x->conn, err);
  if (!status) {
    redis_dataset_key(&x->key, x->name, ":live");
    status = redis_ask(x->conn, &live, err,
                       (struct redis_word[]){ redis_text("GET"), redis_buf(&x->key) }, 2);
  }
  if (status) {
    return status;
  }
  x->live = redis_number(live);
  freeReplyObject(live);
  if (x->live == 0) {
    return unknown_dataset(x->conn, x->name, err);
  }
  redis_index_key(&x->index, x->name, x->live);
  redis_add_ts(&x->bound, '(', before);
  do {
    status = expire_page(x, removed, err);
  } while (!status && strcmp(x->cursor, "0") != 0);
  if (*removed && x->conn->context) {
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, -*removed);
    redis_dataset_key(&x->key, x->name, "");
    redis_push(x->conn,
               (struct redis_word[]){ redis_text("HINCRBY"), redis_buf(&x->key),
                                      redis_text("versions"), redis_text(number) },
               4);
    redis_drop(x->conn, 1, NULL);
  }
  return status;
}

chn_status redis_expire(struct kv_store *store, const char *name, int64_t before, int64_t *removed,
                        struct chn_err *err)
{
  struct redis_store *s = (struct redis_store *)store;
  struct expire x = { .conn = &s->conn, .name = name, .cursor = "0" };
  pthread_mutex_lock(&s->lock);
  const chn_status status = run_expire(&x, before, removed, err);
  if (status && x.conn->pushed) {
    redis_hang_up(x.conn);
  }
  pthread_mutex_unlock(&s->lock);
  chn_buf_deinit(&x.index);
  chn_buf_deinit(&x.key);
  chn_buf_deinit(&x.bound);
  return status;
}
