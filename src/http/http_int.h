/// http_int.h: what the files of this room share.
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/dict.h"
#include "fetcher/fetch_json.h"
#include "fetcher/fetcher.h"
#include "fetcher/log.h"
#include "http/http.h"
#include "kv/kv.h"
#include "obs/metrics.h"

enum http_method { HTTP_GET, HTTP_POST, HTTP_OTHER }; ///< HEAD is a GET whose body is not sent

enum http_access {
  HTTP_OPEN,   ///< needs no token
  HTTP_READ,   ///< a token that may read the name's team
  HTTP_SCOPED, ///< a token with the route's scope
};

enum { HTTP_ROUTES = 12, HTTP_STATUSES = 16 };

struct http_request;

struct http_route {
  const char *path;  ///< one that ends in `/` is followed by a name
  const char *label; ///< in metrics
  uint32_t methods;  ///< bits, 1 << enum http_method
  bool control;      ///< answered by the control thread: it may take long
  enum http_access access;
  const char *scope;
  void (*answer)(struct http_request *r);
  const char *doc;
};

/// What a thread needs to answer; the control thread has one too. Made when it first answers.
struct http_worker {
  struct http_worker *next; ///< of the server
  struct http_server *server;
  struct fetch_session *session; ///< NULL until it could be opened
  struct fetch_json *json;
  int64_t *at; ///< instants of a request's rows
  size_t at_room;
  struct chn_dict *names; ///< kind and name of a plan to its series
  struct obs_series **series;
  int64_t last_id; ///< of the plan that was last asked for its series
  struct obs_series *last_series;
  struct http_request *free; ///< requests that ended, with their buffers
};

/// One a connection. The sweeper cuts it when the deadline has passed.
struct http_conn {
  struct http_conn *prev;
  struct http_conn *next;
  int fd;
  atomic_llong deadline; ///< monotonic ms
};

enum http_stage { HTTP_NEW, HTTP_BODY, HTTP_WAITING };

struct http_request {
  struct http_request *next;
  struct http_worker *worker;
  struct http_conn *conn;
  void *connection; ///< libmicrohttpd's
  enum http_stage stage;
  const struct http_route *route; ///< NULL: no such path
  enum http_method method;
  struct arena arena;        ///< until the request ends
  struct chn_buf target;     ///< path and query as they came; the path ends with a NUL
  const char *query;         ///< behind the `?`, or NULL
  const char *name;          ///< behind a route's path, still encoded; or NULL
  const char *authorization; ///< the header, in the connection's memory; or NULL
  const struct http_tokens *tokens;
  const struct http_token *token;
  struct chn_buf body;
  int64_t body_seen; ///< bytes that came, kept or not
  double started_ms; ///< when it was there as a whole

  int32_t status; ///< 0: no answer yet
  const char *type;
  struct chn_buf reply;
  const char *allow; ///< header of a 405
  bool challenge;    ///< header of a 401
  bool close;        ///< the connection ends with the answer
};

struct http_server {
  struct http_options options; ///< defaults filled in
  struct kv_store *store;
  struct fetcher *fetcher;
  struct arena arena;
  const char *url;
  int32_t port;
  int listener;
  int wake;   ///< an eventfd that the control thread waits on
  char *cert; ///< PEM texts, NULL without TLS
  char *key;
  void *daemon;        ///< libmicrohttpd's
  char complaint[512]; ///< what it said while it could not start
  pthread_key_t worker_key;
  bool has_key;

  pthread_mutex_t lock; ///< of the lists and the tokens
  struct http_worker *workers;
  struct http_conn *conns;
  struct http_request *jobs; ///< for the control thread, oldest first
  struct http_request **jobs_end;
  struct http_tokens *tokens;
  struct http_worker *control;
  bool closing; ///< the control thread takes no more jobs

  atomic_bool started;
  atomic_bool stopping;
  atomic_int open; ///< connections
  atomic_int under_way;
  atomic_llong said_ms; ///< for http_say
  atomic_int unsaid;

  int64_t opened_ms; ///< epoch
  struct chn_buf config;
  struct chn_buf openapi;
  struct obs_metrics *metrics;
  struct obs_series *in_flight;
  struct obs_series *connections;
  struct obs_series *dropped;
  struct obs_series *bytes_in;
  struct obs_series *bytes_out;
  struct obs_series *rows;
  struct obs_series *reloads[2]; ///< failed, done
  struct obs_series *_Atomic seconds[HTTP_ROUTES + 1][HTTP_STATUSES];
};

// ---- listen.c ---------------------------------------------------------------------------------

/// Binds and listens; sets listener, port and url. Refuses what is beyond loopback unless it is
/// guarded or waived.
chn_status http_listen(struct http_server *s, struct chn_err *err);

// ---- daemon.c: the only file that knows libmicrohttpd -----------------------------------------

chn_status http_daemon_start(struct http_server *s, struct chn_err *err);
void http_daemon_quiet(struct http_server *s); ///< accepts no more connections
void http_daemon_stop(struct http_server *s);  ///< cuts all; nothing answers any more

/// Wakes the control thread; from any thread, also in a signal handler. server.c
void http_wake(struct http_server *s);

/// Lets the request's thread send the answer that the control thread made.
void http_daemon_resume(struct http_request *r);

/// Cuts connections whose deadline has passed.
void http_daemon_sweep(struct http_server *s);

// ---- worker.c ---------------------------------------------------------------------------------

struct http_worker *http_worker_new(struct http_server *s);
void http_worker_free(struct http_worker *w);

/// Opens the session where there is none yet.
chn_status http_worker_ready(struct http_worker *w, struct chn_err *err);

/// After a very large request: gives its memory back.
void http_worker_shrink(struct http_worker *w);

/// The histogram of a plan's answers.
struct obs_series *http_worker_series(struct http_worker *w, const struct fetch_plan *plan);

struct http_request *http_request_new(struct http_worker *w, const char *target);
void http_request_end(struct http_request *r); ///< back to its worker

// ---- routes.c ---------------------------------------------------------------------------------

extern const struct http_route http_routes[]; ///< ends with a NULL path

/// When the headers are there: finds the route, checks method and token; answers at once what
/// cannot go on.
void http_begin(struct http_request *r);

/// The answer `{"errors":["..."]}`.
void http_fail(struct http_request *r, int32_t status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// The answer that is in r->reply.
void http_done(struct http_request *r, int32_t status, const char *type);

extern const char http_json_type[];

/// A line for the operator about what he did.
void http_tell(struct http_server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// The same about requests, at most one a second; how many were left out is said with the next.
void http_say(struct http_server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// ---- url.c ------------------------------------------------------------------------------------

/// Decodes %XX, and in a query `+`. NULL where that is no text: a bad escape, a NUL byte.
const char *http_decode(struct arena *a, const char *text, size_t len, bool query);

struct http_param {
  const char *name;
  const char *value; ///< NULL without a `=`
};

/// The parameter at *at, which moves behind it; false at the end. *bad: it cannot be decoded.
bool http_next_param(struct arena *a, const char **at, struct http_param *out, bool *bad);

// ---- tokens.c ---------------------------------------------------------------------------------

struct http_tokens;
struct http_token;

chn_status http_tokens_read(const char *path, struct http_tokens **out, struct chn_err *err);
void http_tokens_retain(const struct http_tokens *t);
void http_tokens_release(const struct http_tokens *t); ///< NULL is allowed

/// The token of an Authorization header, or NULL. Takes the same time for any that is not there.
const struct http_token *http_tokens_find(const struct http_tokens *t, const char *header);
bool http_token_may(const struct http_token *t, const char *scope);

/// Whether it may read what is named `team.file.var` or `team/file.var`.
bool http_token_may_read(const struct http_token *t, const char *name);

// ---- routes -----------------------------------------------------------------------------------

void http_answer_join(struct http_request *r);     // features.c
void http_answer_group_by(struct http_request *r); //
void http_answer_ping(struct http_request *r);     // admin.c
void http_answer_config(struct http_request *r);
void http_answer_health(struct http_request *r);
void http_answer_ready(struct http_request *r);
void http_answer_reload(struct http_request *r);
void http_answer_openapi(struct http_request *r);
void http_answer_metrics(struct http_request *r); // metrics.c

void http_config_write(struct http_server *s);  ///< makes s->config; admin.c
void http_openapi_write(struct http_server *s); ///< makes s->openapi; openapi.c

/// Reads metadata and tokens again; *changed counts plans. admin.c
chn_status http_reload(struct http_server *s, int32_t *changed, struct chn_err *err);

void http_metrics_open(struct http_server *s);     // metrics.c
void http_metrics_request(struct http_request *r); ///< counts a request that was answered
