// A bulk load into Redis, over a connection of its own.
//
//   begin   takes {NAME}:load by SET NX. Its value names the server's process and this connection,
//           so that the next load can ask the server whether the holder is still there: no lease
//           that runs out during a slow load, none to wait for after a crash. The new generation
//           is put among the doomed at once: a load that dies needs no one to notice.
//   add     pipelined, some hundred at a time.
//   commit  one transaction of one slot: :live, the doomed, the record.
//   sweep   doomed generations are deleted a few hundred keys at a time; then :load goes.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/time.h"
#include "kv/redis_int.h"

enum { FLUSH_ADDS = 500, FLUSH_BYTES = 1 << 20, PER_ADD = 3, SWEEP_KEYS = 500 };

struct load {
  struct kv_load base;
  struct redis_conn conn;
  char *name;
  int64_t ts;
  int64_t generation;
  char holder[96]; ///< what {NAME}:load is set to
  bool holds;
  size_t adds, bytes; ///< pushed since the last flush
  struct chn_buf a, b, lock, doomed;
};

static void free_load(struct load *l)
{
  redis_conn_deinit(&l->conn);
  chn_buf_deinit(&l->a);
  chn_buf_deinit(&l->b);
  chn_buf_deinit(&l->lock);
  chn_buf_deinit(&l->doomed);
  free(l->name);
  free(l);
}

// --- who loads ---

// <run id of the server>:<id of this connection>
static chn_status name_holder(struct load *l, struct chn_err *err)
{
  redisReply *info;
  redisReply *id = NULL;
  chn_status status = redis_ask(
      &l->conn, &info, err, (struct redis_word[]){ redis_text("INFO"), redis_text("server") }, 2);
  if (!status) {
    const char *at = strstr(info->str, "run_id:");
    snprintf(l->conn.run_id, sizeof l->conn.run_id, "%.40s", at ? at + strlen("run_id:") : "");
    freeReplyObject(info);
    status = redis_ask(&l->conn, &id, err,
                       (struct redis_word[]){ redis_text("CLIENT"), redis_text("ID") }, 2);
  }
  if (!status) {
    snprintf(l->holder, sizeof l->holder, "%s:%lld", l->conn.run_id, id->integer);
    freeReplyObject(id);
  }
  return status;
}

// Whether the connection of a holder still stands.
static chn_status is_alive(struct load *l, const char *holder, bool *alive, struct chn_err *err)
{
  const char *colon = strchr(holder, ':');
  const size_t run = strlen(l->conn.run_id);
  *alive = false;
  if (!colon || (size_t)(colon - holder) != run || memcmp(holder, l->conn.run_id, run) != 0) {
    return CHN_OK; // of a server that is gone
  }
  redisReply *clients;
  const chn_status status =
      redis_ask(&l->conn, &clients, err,
                (struct redis_word[]){ redis_text("CLIENT"), redis_text("LIST") }, 2);
  if (status) {
    return status;
  }
  char field[64];
  snprintf(field, sizeof field, "id=%.40s ", colon + 1);
  for (const char *line = clients->str; line && !*alive;) {
    *alive = strncmp(line, field, strlen(field)) == 0;
    line = strchr(line, '\n');
    line = line ? line + 1 : NULL;
  }
  freeReplyObject(clients);
  return CHN_OK;
}

// A dead holder's lock is removed unless someone else was quicker.
static chn_status break_lock(struct load *l, struct chn_err *err)
{
  redisReply *holder = NULL;
  redis_push(&l->conn, (struct redis_word[]){ redis_text("WATCH"), redis_buf(&l->lock) }, 2);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("GET"), redis_buf(&l->lock) }, 2);
  chn_status status = redis_drop(&l->conn, 1, err);
  if (!status) {
    status = redis_take(&l->conn, &holder, err);
  }
  bool alive = false;
  if (!status && holder->type == REDIS_REPLY_STRING) {
    status = is_alive(l, holder->str, &alive, err);
  }
  freeReplyObject(holder);
  if (!status && alive) {
    status = chn_fail(err, CHN_E_CONFLICT, "dataset %s: another load of it is under way", l->name);
  }
  if (status) {
    return status;
  }
  redis_push(&l->conn, (struct redis_word[]){ redis_text("MULTI") }, 1);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("DEL"), redis_buf(&l->lock) }, 2);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("EXEC") }, 1);
  return redis_drop(&l->conn, 3, err);
}

static chn_status take_lock(struct load *l, struct chn_err *err)
{
  enum { ATTEMPTS = 3 };
  for (int i = 0; i < ATTEMPTS; i++) {
    redisReply *reply;
    chn_status status = redis_ask(&l->conn, &reply, err,
                                  (struct redis_word[]){ redis_text("SET"), redis_buf(&l->lock),
                                                         redis_text(l->holder), redis_text("NX") },
                                  4);
    l->holds = !status && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    if (!status && !l->holds) {
      status = break_lock(l, err);
    }
    if (status || l->holds) {
      return status;
    }
  }
  return chn_fail(err, CHN_E_CONFLICT, "dataset %s: another load of it is under way", l->name);
}

// --- sweep ---

static chn_status delete_some(struct load *l, int64_t generation, bool *empty, struct chn_err *err)
{
  char number[16];
  snprintf(number, sizeof number, "%d", SWEEP_KEYS);
  redis_index_key(&l->a, l->name, generation);
  redisReply *keys;
  const chn_status status = redis_ask(
      &l->conn, &keys, err,
      (struct redis_word[]){ redis_text("SRANDMEMBER"), redis_buf(&l->a), redis_text(number) }, 3);
  if (status) {
    return status;
  }
  const size_t n = keys->elements;
  *empty = n == 0;
  for (size_t i = 0; i < n; i++) {
    redis_data_key(&l->b, l->name, generation, keys->element[i]->str, keys->element[i]->len);
    redis_push(&l->conn, (struct redis_word[]){ redis_text("UNLINK"), redis_buf(&l->b) }, 2);
  }
  for (size_t i = 0; i < n; i++) {
    const struct redis_word key = { keys->element[i]->str, keys->element[i]->len };
    redis_push(&l->conn, (struct redis_word[]){ redis_text("SREM"), redis_buf(&l->a), key }, 3);
  }
  freeReplyObject(keys);
  return redis_drop(&l->conn, 2 * n, err);
}

static chn_status sweep(struct load *l, struct chn_err *err)
{
  redisReply *doomed;
  chn_status status =
      redis_ask(&l->conn, &doomed, err,
                (struct redis_word[]){ redis_text("SMEMBERS"), redis_buf(&l->doomed) }, 2);
  if (status) {
    return status;
  }
  for (size_t i = 0; i < doomed->elements && !status; i++) {
    const char *generation = doomed->element[i]->str;
    for (bool empty = false; !empty && !status;) {
      status = delete_some(l, strtoll(generation, NULL, 10), &empty, err);
    }
    if (!status) {
      redis_push(&l->conn,
                 (struct redis_word[]){ redis_text("SREM"), redis_buf(&l->doomed),
                                        redis_text(generation) },
                 3);
      status = redis_drop(&l->conn, 1, err);
    }
  }
  freeReplyObject(doomed);
  return status;
}

// The lock goes only while it is ours; over a lost connection the next load breaks it.
static void give_up(struct load *l)
{
  if (l->holds && l->conn.context && l->conn.pushed == 0) {
    sweep(l, NULL);
    redis_push(&l->conn, (struct redis_word[]){ redis_text("DEL"), redis_buf(&l->lock) }, 2);
    redis_drop(&l->conn, 1, NULL);
  }
  free_load(l);
}

// --- begin, add, commit ---

static chn_status start_generation(struct load *l, struct chn_err *err)
{
  redisReply *next;
  redis_dataset_key(&l->a, l->name, "");
  chn_status status = redis_ask(&l->conn, &next, err,
                                (struct redis_word[]){ redis_text("HINCRBY"), redis_buf(&l->a),
                                                       redis_text("next"), redis_text("1") },
                                4);
  if (status) {
    return status;
  }
  l->generation = next->integer;
  freeReplyObject(next);
  char number[32];
  snprintf(number, sizeof number, "%" PRId64, l->generation);
  redis_push(&l->conn,
             (struct redis_word[]){ redis_text("SADD"), redis_buf(&l->doomed), redis_text(number) },
             3);
  return redis_drop(&l->conn, 1, err);
}

chn_status redis_load_begin(struct kv_load **out, struct kv_store *store, const char *name,
                            int64_t ts, struct chn_err *err)
{
  struct load *l = chn_calloc(1, sizeof *l);
  *l = (struct load){ .name = chn_strdup(name), .ts = ts };
  redis_conn_init(&l->conn, &((struct redis_store *)store)->url);
  redis_dataset_key(&l->lock, name, ":load");
  redis_dataset_key(&l->doomed, name, ":doomed");
  chn_status (*const steps[])(struct load *, struct chn_err *) = { name_holder, take_lock, sweep,
                                                                   start_generation };
  chn_status status = redis_ready(&l->conn, err);
  if (!status) {
    status = redis_make_dataset(&l->conn, name, err);
  }
  for (size_t i = 0; i < sizeof steps / sizeof *steps && !status; i++) {
    status = steps[i](l, err);
  }
  if (status) {
    give_up(l);
    return status;
  }
  *out = &l->base;
  return CHN_OK;
}

static chn_status flush(struct load *l, struct chn_err *err)
{
  const size_t pushed = l->adds * PER_ADD;
  l->adds = 0;
  l->bytes = 0;
  return redis_drop(&l->conn, pushed, err);
}

chn_status redis_load_add(struct kv_load *load, const void *key, size_t key_len, const void *value,
                          size_t value_len, struct chn_err *err)
{
  struct load *l = (struct load *)load;
  redis_data_key(&l->a, l->name, l->generation, key, key_len);
  chn_buf_clear(&l->b);
  redis_add_ts(&l->b, '\0', l->ts);
  if (value_len) {
    chn_buf_add(&l->b, value, value_len);
  }
  redis_push(&l->conn,
             (struct redis_word[]){ redis_text("ZREMRANGEBYLEX"), redis_buf(&l->a), redis_text("-"),
                                    redis_text("+") },
             4);
  redis_push(&l->conn,
             (struct redis_word[]){ redis_text("ZADD"), redis_buf(&l->a), redis_text("0"),
                                    redis_buf(&l->b) },
             4);
  redis_index_key(&l->a, l->name, l->generation);
  redis_push(&l->conn,
             (struct redis_word[]){ redis_text("SADD"), redis_buf(&l->a), { key, key_len } }, 3);
  l->adds++;
  l->bytes += key_len + value_len;
  return l->adds < FLUSH_ADDS && l->bytes < FLUSH_BYTES ? CHN_OK : flush(l, err);
}

// What the switch is planned from: the lock, still ours; the old generation; how many keys there
// are now.
static chn_status before_switch(struct load *l, int64_t *old, int64_t *versions,
                                struct chn_err *err)
{
  redisReply *replies[3] = { 0 };
  redis_dataset_key(&l->a, l->name, ":live");
  redis_index_key(&l->b, l->name, l->generation);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("WATCH"), redis_buf(&l->lock) }, 2);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("GET"), redis_buf(&l->lock) }, 2);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("GET"), redis_buf(&l->a) }, 2);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("SCARD"), redis_buf(&l->b) }, 2);
  chn_status status = redis_drop(&l->conn, 1, err);
  for (int i = 0; i < 3 && !status; i++) {
    status = redis_take(&l->conn, &replies[i], err);
  }
  if (!status) {
    l->holds = replies[0]->type == REDIS_REPLY_STRING && strcmp(replies[0]->str, l->holder) == 0;
    *old = redis_number(replies[1]);
    *versions = replies[2]->integer;
  }
  for (int i = 0; i < 3; i++) {
    freeReplyObject(replies[i]);
  }
  return status;
}

static void push_switch(struct load *l, int64_t old, int64_t versions)
{
  char numbers[5][32];
  const int64_t values[5] = { l->generation, old, versions, l->ts, chn_now_ms() };
  for (int i = 0; i < 5; i++) {
    snprintf(numbers[i], sizeof numbers[i], "%" PRId64, values[i]);
  }
  redis_push(&l->conn, (struct redis_word[]){ redis_text("MULTI") }, 1);
  redis_push(&l->conn,
             (struct redis_word[]){ redis_text("SET"), redis_buf(&l->a), redis_text(numbers[0]) },
             3);
  redis_push(
      &l->conn,
      (struct redis_word[]){ redis_text("SREM"), redis_buf(&l->doomed), redis_text(numbers[0]) },
      3);
  redis_push(
      &l->conn,
      (struct redis_word[]){ redis_text("SADD"), redis_buf(&l->doomed), redis_text(numbers[1]) },
      3);
  redis_dataset_key(&l->b, l->name, "");
  redis_push(&l->conn,
             (struct redis_word[]){ redis_text("HSET"), redis_buf(&l->b), redis_text("versions"),
                                    redis_text(numbers[2]), redis_text("version_ts"),
                                    redis_text(numbers[3]), redis_text("switched_ms"),
                                    redis_text(numbers[4]) },
             8);
  redis_push(&l->conn, (struct redis_word[]){ redis_text("EXEC") }, 1);
}

static chn_status switch_over(struct load *l, struct chn_err *err)
{
  int64_t old = 0;
  int64_t versions = 0;
  chn_status status = before_switch(l, &old, &versions, err);
  redisReply *reply = NULL;
  if (!status && l->holds) {
    push_switch(l, old, versions);
    status = redis_drop(&l->conn, 5, err);
  }
  if (!status && l->holds) {
    status = redis_take(&l->conn, &reply, err);
    l->holds = !status && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
  }
  if (!status && !l->holds) {
    status = chn_fail(err, CHN_E_CONFLICT, "dataset %s: another load took over", l->name);
  }
  return status;
}

chn_status redis_load_commit(struct kv_load *load, struct chn_err *err)
{
  struct load *l = (struct load *)load;
  chn_status status = flush(l, err);
  if (!status) {
    status = switch_over(l, err);
  }
  give_up(l); // sweeps what is doomed now, the old generation or the new one, and frees the lock
  return status;
}

void redis_load_abort(struct kv_load *load)
{
  struct load *l = (struct load *)load;
  flush(l, NULL);
  give_up(l);
}
