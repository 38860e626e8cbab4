// A connection that comes back: every wait has the URL's time-out, a failure closes it, and after a
// failed attempt to connect the next one waits, 50 ms and then twice as long up to 5 s. Requests in
// between fail at once instead of waiting for a server that is away.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/time.h"
#include "kv/redis_int.h"

#ifdef CHRONON_REDIS_TLS
#include <hiredis/hiredis_ssl.h>
#endif

enum {
  FIRST_WAIT_MS = 50,
  MAX_DOUBLINGS = 7,
  LONGEST_WAIT_MS = 5000,
  IDLE_MS = 1000,
  MAX_WORDS = 8
};

struct redis_word redis_text(const char *s)
{
  return (struct redis_word){ s, strlen(s) };
}

struct redis_word redis_buf(const struct chn_buf *b)
{
  return (struct redis_word){ chn_buf_str(b), b->len };
}

void redis_conn_init(struct redis_conn *c, const struct kv_url *url)
{
  *c = (struct redis_conn){ .url = url };
}

void redis_hang_up(struct redis_conn *c)
{
  if (c->context) {
    redisFree(c->context);
  }
  c->context = NULL;
  c->pushed = 0;
  c->run_id[0] = '\0';
}

void redis_conn_deinit(struct redis_conn *c)
{
  redis_hang_up(c);
}

static chn_status io_failure(struct redis_conn *c, struct chn_err *err)
{
  char why[256] = "connection lost";
  if (c->context && (c->context->err == REDIS_ERR_IO || c->context->err == REDIS_ERR_EOF)) {
    const bool late = c->context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (late) {
      snprintf(why, sizeof why, "no answer within %d ms", c->url->timeout_ms);
    } else {
      snprintf(why, sizeof why, "%s", c->context->errstr);
    }
  } else if (c->context && c->context->err) {
    snprintf(why, sizeof why, "%s", c->context->errstr);
  }
  redis_hang_up(c);
  return chn_fail(err, CHN_E_IO, "%s", why);
}

void redis_push(struct redis_conn *c, const struct redis_word *words, int count)
{
  const char *argv[MAX_WORDS];
  size_t lens[MAX_WORDS];
  for (int i = 0; i < count; i++) {
    argv[i] = words[i].data ? words[i].data : "";
    lens[i] = words[i].len;
  }
  if (c->context) {
    redisAppendCommandArgv(c->context, count, argv,
                           lens); // what goes wrong here redis_take reports
  }
  c->pushed++;
}

chn_status redis_take(struct redis_conn *c, redisReply **reply, struct chn_err *err)
{
  *reply = NULL;
  void *got = NULL;
  if (!c->context || redisGetReply(c->context, &got) != REDIS_OK || !got) {
    return io_failure(c, err);
  }
  c->pushed--;
  c->used_at = chn_monotonic_ms();
  *reply = got;
  if ((*reply)->type == REDIS_REPLY_ERROR) {
    const chn_status status = chn_fail(err, CHN_E_IO, "the server replied: %s", (*reply)->str);
    freeReplyObject(*reply);
    *reply = NULL;
    return status;
  }
  return CHN_OK;
}

chn_status redis_drop(struct redis_conn *c, size_t count, struct chn_err *err)
{
  chn_status first = CHN_OK;
  for (size_t i = 0; i < count && c->context; i++) {
    redisReply *reply;
    const chn_status status = redis_take(c, &reply, first ? NULL : err);
    first = first ? first : status;
    freeReplyObject(reply);
  }
  return first || c->context ? first : chn_fail(err, CHN_E_IO, "connection lost");
}

chn_status redis_ask(struct redis_conn *c, redisReply **reply, struct chn_err *err,
                     const struct redis_word *words, int count)
{
  redis_push(c, words, count);
  return redis_take(c, reply, err);
}

// --- connecting ---

static chn_status start_tls(struct redis_conn *c, struct chn_err *err)
{
#ifdef CHRONON_REDIS_TLS
  redisSSLContextError why = REDIS_SSL_CTX_NONE;
  redisInitOpenSSL();
  const char *ca = c->url->ca;
  redisSSLContext *tls =
      redisCreateSSLContext(ca, ca ? NULL : "/etc/ssl/certs", NULL, NULL, c->url->host, &why);
  if (!tls) {
    return chn_fail(err, CHN_E_IO, "TLS: %s", redisSSLContextGetError(why));
  }
  const int rc = redisInitiateSSLWithContext(c->context, tls);
  redisFreeSSLContext(tls); // the connection holds its own reference
  return rc == REDIS_OK ? CHN_OK : chn_fail(err, CHN_E_IO, "TLS: %s", c->context->errstr);
#else
  (void)c;
  return chn_fail(err, CHN_E_ARGUMENT,
                  "this build has no TLS to Redis: hiredis here is %d.%d, 1.0 or newer is needed",
                  HIREDIS_MAJOR, HIREDIS_MINOR);
#endif
}

static chn_status introduce(struct redis_conn *c, struct chn_err *err)
{
  const struct kv_url *url = c->url;
  size_t asked = 0;
  if (url->password) {
    struct redis_word words[3] = { redis_text("AUTH") };
    int n = 1;
    if (url->user) {
      words[n++] = redis_text(url->user);
    }
    words[n++] = redis_text(url->password);
    redis_push(c, words, n);
    asked++;
  }
  if (url->db) {
    char db[16];
    snprintf(db, sizeof db, "%d", url->db);
    redis_push(c, (struct redis_word[]){ redis_text("SELECT"), redis_text(db) }, 2);
    asked++;
  }
  redis_push(c, (struct redis_word[]){ redis_text("PING") }, 1);
  return redis_drop(c, asked + 1, err);
}

static chn_status connect_now(struct redis_conn *c, struct chn_err *err)
{
  const struct kv_url *url = c->url;
  const struct timeval wait = { .tv_sec = url->timeout_ms / CHN_SECOND_MS,
                                .tv_usec = url->timeout_ms % CHN_SECOND_MS * 1000 };
  c->pushed = 0;
  c->context = redisConnectWithTimeout(url->host, url->port, wait);
  if (!c->context || c->context->err) {
    return io_failure(c, err);
  }
  redisSetTimeout(c->context, wait);
  redisEnableKeepAlive(c->context);
  chn_status status = *(url->scheme + strlen("redis")) == 's' ? start_tls(c, err) : CHN_OK;
  if (!status) {
    status = introduce(c, err);
  }
  if (status) {
    redis_hang_up(c);
  }
  return status;
}

static chn_status connected(struct redis_conn *c, struct chn_err *err)
{
  const double now = chn_monotonic_ms();
  if (now < c->retry_at) {
    return chn_fail(err, CHN_E_IO, "not reachable; next attempt in %.0f ms", c->retry_at - now);
  }
  const chn_status status = connect_now(c, err);
  if (!status) {
    c->failures = 0;
    return CHN_OK;
  }
  const int doublings = c->failures < MAX_DOUBLINGS ? c->failures : MAX_DOUBLINGS;
  const int wait = FIRST_WAIT_MS << doublings;
  c->retry_at = chn_monotonic_ms() + (wait < LONGEST_WAIT_MS ? wait : LONGEST_WAIT_MS);
  c->failures++;
  return status;
}

/// Nothing was asked, so what can be read is the end of the connection, or no reply of ours. Of TLS
/// there may be records beside replies.
static bool is_stale(const struct redis_conn *c)
{
  struct pollfd fd = { .fd = c->context->fd, .events = POLLIN };
  const bool plain = *(c->url->scheme + strlen("redis")) != 's';
  return plain && (c->context->reader->len > c->context->reader->pos || poll(&fd, 1, 0) != 0);
}

chn_status redis_ready(struct redis_conn *c, struct chn_err *err)
{
  if (c->context && (c->pushed || is_stale(c))) {
    redis_hang_up(c); // a failure left replies behind that are no one's, or the server closed it
  }
  if (c->context && chn_monotonic_ms() - c->used_at > IDLE_MS) {
    redis_push(c, (struct redis_word[]){ redis_text("PING") }, 1);
    if (redis_drop(c, 1, NULL)) {
      redis_hang_up(c);
    }
  }
  return c->context ? CHN_OK : connected(c, err);
}
