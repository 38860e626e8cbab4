// libmicrohttpd's callbacks. A pool of threads, each with its own epoll set, accepts from one
// socket; a connection stays with its thread, and so do its requests.
//
// A request: on_line (its first line came) takes a request object; on_request is called when the
// headers are there, for each piece of the body, at the body's end, and again when the control
// thread has answered; on_ended gives the object back when the last byte is sent or the client
// gone.
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/time.h"
#include "http/http_int.h"

enum {
  HEADER_BYTES = 32 << 10, // of a connection: its request line, headers and a piece of the body
  DRAINED = 4,             // times the largest body: so much is read before a connection is cut
  SMALL_BODY = 64 << 10, // is read to its end although it is refused, so that the connection stays
};

static void set_deadline(const struct http_server *s, struct http_conn *c, int64_t more_ms)
{
  const long long at = (long long)chn_monotonic_ms() + s->options.request_ms + more_ms;
  atomic_store_explicit(&c->deadline, at, memory_order_relaxed);
}

// ---- connections ------------------------------------------------------------------------------

static void opened(struct http_server *s, struct MHD_Connection *connection, void **context)
{
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  struct http_conn *c = chn_calloc(1, sizeof *c);
  c->fd = info != NULL ? info->connect_fd : -1;
  set_deadline(s, c, 0);
  pthread_mutex_lock(&s->lock);
  c->next = s->conns;
  if (c->next != NULL) {
    c->next->prev = c;
  }
  s->conns = c;
  pthread_mutex_unlock(&s->lock);
  obs_add(s->connections, 1);
  atomic_fetch_add(&s->open, 1);
  *context = c;
}

static void closed(struct http_server *s, struct http_conn *c)
{
  pthread_mutex_lock(&s->lock);
  if (c->next != NULL) {
    c->next->prev = c->prev;
  }
  if (c->prev != NULL) {
    c->prev->next = c->next;
  } else {
    s->conns = c->next;
  }
  pthread_mutex_unlock(&s->lock);
  obs_add(s->connections, -1);
  atomic_fetch_sub(&s->open, 1);
  free(c);
}

// Called before libmicrohttpd closes the socket: the sweeper, under the lock, never sees another
// connection's.
static void on_connection(void *self, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    opened(self, connection, context);
  } else if (*context != NULL) {
    closed(self, *context);
    *context = NULL;
  }
}

void http_daemon_sweep(struct http_server *s)
{
  const long long now = (long long)chn_monotonic_ms();
  pthread_mutex_lock(&s->lock);
  for (struct http_conn *c = s->conns; c != NULL; c = c->next) {
    if (now > atomic_load_explicit(&c->deadline, memory_order_relaxed) && c->fd >= 0) {
      shutdown(c->fd, SHUT_RDWR); // the connection's thread sees the end and cleans up
      c->fd = -1;
      obs_add(s->dropped, 1);
    }
  }
  pthread_mutex_unlock(&s->lock);
}

// ---- requests ---------------------------------------------------------------------------------

static struct http_worker *this_worker(struct http_server *s)
{
  struct http_worker *w = pthread_getspecific(s->worker_key);
  if (w == NULL) {
    w = http_worker_new(s);
    pthread_setspecific(s->worker_key, w);
  }
  return w;
}

/// libmicrohttpd would now make a record of each parameter, in the memory of the headers, and where
/// that is too small it never answers. The query has been copied, so there need be none for it.
static void hide_query(const char *target)
{
  char *query = strchr(target, '?'); // in the connection's own buffer, which is about to be cut
  if (query != NULL) {
    query[1] = '\0';
  }
}

static void *on_line(void *self, const char *target, struct MHD_Connection *connection)
{
  struct http_server *s = self;
  struct http_request *r = http_request_new(this_worker(s), target);
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  hide_query(target);
  r->connection = connection;
  r->conn = info != NULL ? info->socket_context : NULL;
  if (r->conn != NULL) {
    set_deadline(s, r->conn, 0);
  }
  atomic_fetch_add(&s->under_way, 1);
  obs_add(s->in_flight, 1);
  return r;
}

static void on_ended(void *self, struct MHD_Connection *connection, void **context,
                     enum MHD_RequestTerminationCode code)
{
  struct http_server *s = self;
  struct http_request *r = *context;
  (void)connection;
  (void)code;
  if (r == NULL) {
    return;
  }
  if (r->conn != NULL) {
    set_deadline(s, r->conn, s->options.idle_ms);
  }
  http_request_end(r);
  *context = NULL;
  obs_add(s->in_flight, -1);
  atomic_fetch_sub(&s->under_way, 1);
}

static enum MHD_Result send_reply(struct http_request *r)
{
  struct http_server *s = r->worker->server;
  // The bytes are the request's, which lives until they are sent.
  struct MHD_Response *response = MHD_create_response_from_buffer(
      r->reply.len, r->reply.len > 0 ? r->reply.data : "", MHD_RESPMEM_PERSISTENT);
  if (response == NULL) {
    return MHD_NO;
  }
  if (r->type != NULL) {
    MHD_add_response_header(response, "content-type", r->type);
  }
  if (r->allow != NULL) {
    MHD_add_response_header(response, "allow", r->allow);
  }
  if (r->challenge) {
    MHD_add_response_header(response, "www-authenticate", "Bearer");
  }
  if (r->close || atomic_load_explicit(&s->stopping, memory_order_relaxed)) {
    MHD_add_response_header(response, "connection", "close");
  }
  if (r->conn != NULL) {
    set_deadline(s, r->conn, 0);
  }
  http_metrics_request(r);
  const enum MHD_Result result = MHD_queue_response(r->connection, (unsigned)r->status, response);
  MHD_destroy_response(response);
  return result;
}

static void read_method(struct http_request *r, const char *method)
{
  if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
    r->method = HTTP_GET;
  } else {
    r->method = strcmp(method, "POST") == 0 ? HTTP_POST : HTTP_OTHER;
  }
}

static void refuse_large(struct http_request *r)
{
  r->close = true;
  http_fail(r, 413, "the body is larger than %lld bytes",
            (long long)r->worker->server->options.max_body);
}

/// What the headers say of the body's end.
struct framing {
  long long bytes;
  int lengths;
  int codings;
  bool chunked;
  bool expects;
};

static enum MHD_Result on_header(void *self, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
  struct framing *f = self;
  (void)kind;
  if (strcasecmp(name, "content-length") == 0) {
    f->lengths++;
    f->bytes = strtoll(value, NULL, 10);
  } else if (strcasecmp(name, "transfer-encoding") == 0) {
    f->codings++;
    f->chunked = strcasecmp(value, "chunked") == 0;
  } else if (strcasecmp(name, "expect") == 0) {
    f->expects = true;
  }
  return MHD_YES;
}

/// Where two could read two ends of a body, what one of them takes for the next request was never
/// sent as one; and other codings are not known here.
static void check_framing(struct http_request *r, const struct framing *f)
{
  const char *why = f->lengths > 1 || f->codings > 1 ? "its length is told twice"
                    : f->lengths + f->codings > 1 && f->chunked
                        ? "Content-Length and Transfer-Encoding are both there"
                    : f->codings > 0 && !f->chunked ? "of Transfer-Encoding only chunked is known"
                                                    : NULL;
  if (why != NULL) {
    r->close = true;
    http_fail(r, 400, "the end of the body is not known: %s", why);
  }
}

/// The headers are there. What is refused with a small body, or none, is answered at its end; at
/// once where that is not known, would be cut, or is waited with.
static enum MHD_Result start(struct http_request *r, const char *method)
{
  const long long most = (long long)r->worker->server->options.max_body;
  struct framing f = { 0 };
  MHD_get_connection_values(r->connection, MHD_HEADER_KIND, on_header, &f);
  r->stage = HTTP_BODY;
  r->started_ms = chn_monotonic_ms();
  r->authorization = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "authorization");
  read_method(r, method);
  http_begin(r);
  if (r->status == 0 && f.bytes > most) {
    refuse_large(r);
  }
  r->close = r->close || (r->status != 0 && f.bytes > SMALL_BODY);
  check_framing(r, &f);
  const bool unsure = r->close && (f.codings > 0 || f.lengths > 1 || f.bytes > DRAINED * most);
  return r->status != 0 && (f.expects || unsure) ? send_reply(r) : MHD_YES;
}

/// A piece of the body. One that is too large is still read for a while, so that the client, which
/// only then looks for an answer, gets one.
static enum MHD_Result take_body(struct http_request *r, const char *bytes, size_t *n)
{
  const int64_t most = r->worker->server->options.max_body;
  r->body_seen += (int64_t)*n;
  if (r->status == 0 && r->body_seen > most) {
    refuse_large(r);
  }
  if (r->status == 0) {
    chn_buf_add(&r->body, bytes, *n);
  }
  *n = 0;
  return r->body_seen > DRAINED * most ? MHD_NO : MHD_YES;
}

/// Suspends the connection until the control thread has answered; false when there is none any
/// more.
static bool hand_over(struct http_server *s, struct http_request *r)
{
  pthread_mutex_lock(&s->lock);
  const bool taken = !s->closing;
  if (taken) {
    r->stage = HTTP_WAITING;
    MHD_suspend_connection(r->connection);
    *s->jobs_end = r;
    s->jobs_end = &r->next;
  } else {
    http_fail(r, 503, "the server is being stopped");
  }
  pthread_mutex_unlock(&s->lock);
  http_wake(s);
  return taken;
}

static enum MHD_Result finish(struct http_request *r)
{
  struct http_server *s = r->worker->server;
  r->started_ms = chn_monotonic_ms();
  if (r->status == 0 && r->route->control && hand_over(s, r)) {
    return MHD_YES;
  }
  if (r->status == 0) {
    r->route->answer(r);
  }
  return send_reply(r);
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *n, void **context)
{
  struct http_request *r = *context;
  (void)self;
  (void)connection;
  (void)url;
  (void)version;
  if (r == NULL) {
    return MHD_NO;
  }
  switch (r->stage) {
  case HTTP_NEW: return start(r, method);
  case HTTP_BODY: return *n > 0 ? take_body(r, upload, n) : finish(r);
  default: return send_reply(r);
  }
}

void http_daemon_resume(struct http_request *r)
{
  MHD_resume_connection(r->connection);
}

// ---- the daemon -------------------------------------------------------------------------------

/// What libmicrohttpd says: of its start a cause, afterwards lines for the operator.
static void on_log(void *self, const char *fmt, va_list args)
{
  struct http_server *s = self;
  char text[512];
  vsnprintf(text, sizeof text, fmt, args);
  text[strcspn(text, "\n")] = '\0';
  if (!atomic_load(&s->started)) {
    snprintf(s->complaint, sizeof s->complaint, "%s", text);
  } else {
    http_say(s, "%s", text);
  }
}

/// Paths and queries are decoded where they are used: a `%2F` of a name is no `/` of the path.
static size_t keep_escapes(void *self, struct MHD_Connection *connection, char *text)
{
  (void)self;
  (void)connection;
  return strlen(text);
}

chn_status http_daemon_start(struct http_server *s, struct chn_err *err)
{
  const struct http_options *o = &s->options;
  const unsigned idle = (unsigned)((o->idle_ms + 999) / 1000);
  struct MHD_OptionItem more[4] = { { MHD_OPTION_END, 0, NULL } };
  int n = 0;
  if (o->threads > 1) {
    more[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL };
  }
  if (s->cert != NULL) {
    more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert };
    more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, s->key };
  }
  more[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
  if (s->cert != NULL && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
    return chn_fail(err, CHN_E_ARGUMENT, "this libmicrohttpd was built without TLS");
  }
  const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
                         MHD_USE_ERROR_LOG | MHD_USE_TURBO |
                         (s->cert != NULL ? MHD_USE_TLS : MHD_NO_FLAG);
  s->daemon = MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
      MHD_OPTION_LISTEN_SOCKET, s->listener, MHD_OPTION_URI_LOG_CALLBACK, on_line, s,
      MHD_OPTION_NOTIFY_COMPLETED, on_ended, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
      MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_TIMEOUT, idle,
      MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      (size_t)HEADER_BYTES, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
  if (s->daemon == NULL) {
    const char *why = s->complaint[0] != '\0' ? s->complaint : "libmicrohttpd cannot start";
    return s->cert == NULL
               ? chn_fail(err, CHN_E_IO, "%s", why)
               : chn_fail(
                     err, CHN_E_ARGUMENT,
                     "TLS: %s is no certificate, %s no key, or they do not belong together: %s",
                     o->tls_cert, o->tls_key, why);
  }
  atomic_store(&s->started, true);
  return CHN_OK;
}

void http_daemon_quiet(struct http_server *s)
{
  MHD_quiesce_daemon(s->daemon);
}

void http_daemon_stop(struct http_server *s)
{
  MHD_stop_daemon(s->daemon);
}
