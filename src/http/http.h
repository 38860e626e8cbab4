/// http.h: the server of features (spec/06 §10; docs/reference/http.md).
///
/// A server answers on one address with a pool of threads, each with a session of the fetcher. The
/// thread that calls http_run is its *control thread*: it takes signals, answers the routes that
/// may take long (readiness, metrics, reload), drops slow clients and ends the server.
///
///     http_open(store, fetcher, &options, &server, err)      it accepts connections from here on
///     http_run(server, err)                                  until SIGTERM, SIGINT or http_stop
///     http_close(server)
///
/// On SIGHUP, and by POST /admin/reload, metadata and tokens are read again, while requests go on.
#pragma once
#include "base/err.h"

struct fetch_log;
struct fetcher;
struct http_server;
struct kv_store;

/// All zero takes the defaults.
struct http_options {
  const char *host;        ///< NULL: 127.0.0.1
  int32_t port;            ///< 0: any that is free
  int32_t threads;         ///< 0: one a core
  int64_t max_body;        ///< bytes of a request's body; 0: 16 MiB
  int32_t max_rows;        ///< key objects of a request; 0: 10,000
  int32_t max_connections; ///< open at once, others wait to be accepted; 0: 1,000
  int32_t request_ms;      ///< to bring a request, and to take its answer; 0: 30 s
  int32_t idle_ms;         ///< of a connection between requests; 0: 60 s
  int32_t stop_ms;         ///< for requests under way when the server is stopped; 0: 10 s
  const char *tokens;      ///< file of bearer tokens (docs/reference/http.md); NULL: none are asked
  const char *tls_cert;    ///< PEM files; both or none
  const char *tls_key;
  bool insecure;                             ///< serve beyond loopback without tokens or TLS
  struct fetch_log *log;                     ///< takes what was served; may be NULL
  void (*say)(void *self, const char *line); ///< takes what goes wrong while it runs; any thread
  void *say_self;
};

/// Binds and starts. The store and the fetcher must outlive the server. CHN_E_ARGUMENT for options
/// that do not fit together, CHN_E_CONFLICT when the port is taken, CHN_E_IO otherwise.
chn_status http_open(struct kv_store *store, struct fetcher *fetcher,
                     const struct http_options *options, struct http_server **out,
                     struct chn_err *err);

/// "http://127.0.0.1:8080", with the port that was chosen.
const char *http_url(const struct http_server *s);
int32_t http_port(const struct http_server *s);
int32_t http_threads(const struct http_server *s);

/// Serves until it is stopped, then lets requests that are under way end. Only one server of a
/// process may be in here, since signals are the process's.
chn_status http_run(struct http_server *s, struct chn_err *err);

/// Makes http_run end; from any thread, before it too.
void http_stop(struct http_server *s);

/// Cuts what is still open. NULL is allowed.
void http_close(struct http_server *s);
