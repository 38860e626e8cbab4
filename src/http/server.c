// Opening, the control thread, and the end.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"
#include "http/http_int.h"

enum {
  PORT_MAX = 65535,
  MAX_ROWS = 10000,
  MAX_CONNECTIONS = 1000,
  MAX_BODY = 16 << 20,
  REQUEST_MS = 30000,
  IDLE_MS = 60000,
  STOP_MS = 10000,
  SWEEP_MS = 500,
  LAST_CALL_MS = 100, // of quiet, before idle connections are cut
};

// ---- opening ----------------------------------------------------------------------------------

static int32_t or_else(int32_t given, int32_t fallback)
{
  return given > 0 ? given : fallback;
}

static const char *copied(struct http_server *s, const char *text)
{
  return text != NULL ? arena_strdup(&s->arena, text) : NULL;
}

static void fill_in(struct http_server *s, const struct http_options *given)
{
  struct http_options *o = &s->options;
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  *o = *given;
  o->host = copied(s, given->host != NULL ? given->host : "127.0.0.1");
  o->tokens = copied(s, given->tokens);
  o->tls_cert = copied(s, given->tls_cert);
  o->tls_key = copied(s, given->tls_key);
  o->threads = or_else(given->threads, cores > 0 ? (int32_t)cores : 1);
  o->max_body = given->max_body > 0 ? given->max_body : MAX_BODY;
  o->max_rows = or_else(given->max_rows, MAX_ROWS);
  o->max_connections = or_else(given->max_connections, MAX_CONNECTIONS);
  o->request_ms = or_else(given->request_ms, REQUEST_MS);
  o->idle_ms = or_else(given->idle_ms, IDLE_MS);
  o->stop_ms = or_else(given->stop_ms, STOP_MS);
}

static chn_status read_pem(const char *option, const char *path, char **out, struct chn_err *err)
{
  enum { MAX_PEM = 1 << 20 };
  FILE *f = fopen(path, "rbe");
  if (f == NULL) {
    return chn_fail(err, errno == ENOENT ? CHN_E_NOT_FOUND : CHN_E_IO, "%s %s: %s", option, path,
                    strerror(errno));
  }
  *out = chn_calloc(MAX_PEM + 1, 1);
  const size_t n = fread(*out, 1, MAX_PEM, f);
  fclose(f);
  *out = chn_realloc(*out, n + 1);
  if (strstr(*out, "-----BEGIN ") == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s %s: no PEM text is in it (-----BEGIN ..)", option,
                    path);
  }
  return CHN_OK;
}

static chn_status read_guards(struct http_server *s, struct chn_err *err)
{
  const struct http_options *o = &s->options;
  if ((o->tls_cert != NULL) != (o->tls_key != NULL)) {
    return chn_fail(err, CHN_E_ARGUMENT, "--tls-cert and --tls-key go together: %s is missing",
                    o->tls_cert != NULL ? "--tls-key" : "--tls-cert");
  }
  chn_status status = CHN_OK;
  if (o->tls_cert != NULL) {
    status = read_pem("--tls-cert", o->tls_cert, &s->cert, err);
    status = status == CHN_OK ? read_pem("--tls-key", o->tls_key, &s->key, err) : status;
  }
  if (status == CHN_OK && o->tokens != NULL &&
      (status = http_tokens_read(o->tokens, &s->tokens, err)) != CHN_OK) {
    return chn_wrap(err, "--tokens");
  }
  return status;
}

static chn_status start(struct http_server *s, struct chn_err *err)
{
  if (s->options.port < 0 || s->options.port > PORT_MAX) {
    return chn_fail(err, CHN_E_ARGUMENT, "port %d: 0 to 65535 is needed", s->options.port);
  }
  s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  s->has_key = pthread_key_create(&s->worker_key, NULL) == 0;
  if (s->wake < 0 || !s->has_key) {
    return chn_fail(err, CHN_E_IO, "the server cannot be set up: %s", strerror(errno));
  }
  chn_status status = read_guards(s, err);
  if (status == CHN_OK) {
    status = http_listen(s, err);
  }
  if (status == CHN_OK) {
    http_config_write(s);
    http_openapi_write(s);
    status = http_daemon_start(s, err);
  }
  return status;
}

chn_status http_open(struct kv_store *store, struct fetcher *fetcher,
                     const struct http_options *options, struct http_server **out,
                     struct chn_err *err)
{
  struct http_server *s = chn_calloc(1, sizeof *s);
  s->store = store;
  s->fetcher = fetcher;
  s->listener = -1;
  s->wake = -1;
  s->jobs_end = &s->jobs;
  s->opened_ms = chn_now_ms();
  pthread_mutex_init(&s->lock, NULL);
  fill_in(s, options);
  http_metrics_open(s);
  s->control = http_worker_new(s);
  const chn_status status = start(s, err);
  if (status != CHN_OK) {
    http_close(s);
    return status;
  }
  *out = s;
  return CHN_OK;
}

const char *http_url(const struct http_server *s)
{
  return s->url;
}

int32_t http_port(const struct http_server *s)
{
  return s->port;
}

int32_t http_threads(const struct http_server *s)
{
  return s->options.threads;
}

// ---- signals ----------------------------------------------------------------------------------

static volatile sig_atomic_t stops;
static volatile sig_atomic_t hangups;
static volatile sig_atomic_t signal_fd = -1;

static void ring(int fd)
{
  const uint64_t one = 1;
  const int saved = errno;
  const ssize_t ignored = write(fd, &one, sizeof one); // full: it is awake anyway
  (void)ignored;
  errno = saved;
}

static void on_signal(int number)
{
  if (number == SIGHUP) {
    hangups++;
  } else {
    stops++;
  }
  if (signal_fd >= 0) {
    ring(signal_fd);
  }
}

void http_wake(struct http_server *s)
{
  ring(s->wake);
}

void http_stop(struct http_server *s)
{
  atomic_store(&s->stopping, true);
  http_wake(s);
}

// ---- the control thread -----------------------------------------------------------------------

static struct http_request *take_job(struct http_server *s)
{
  pthread_mutex_lock(&s->lock);
  struct http_request *r = s->jobs;
  if (r != NULL) {
    s->jobs = r->next;
    s->jobs_end = s->jobs != NULL ? s->jobs_end : &s->jobs;
    r->next = NULL;
  }
  pthread_mutex_unlock(&s->lock);
  return r;
}

static void do_jobs(struct http_server *s)
{
  struct http_request *r = NULL;
  while ((r = take_job(s)) != NULL) {
    r->route->answer(r);
    http_daemon_resume(r);
  }
}

static void wait_a_while(struct http_server *s, int ms)
{
  struct pollfd fd = { .fd = s->wake, .events = POLLIN };
  uint64_t rung = 0;
  if (poll(&fd, 1, ms) > 0) {
    const ssize_t ignored = read(s->wake, &rung, sizeof rung);
    (void)ignored;
  }
  do_jobs(s);
  http_daemon_sweep(s);
}

static void reload(struct http_server *s)
{
  struct chn_err err;
  int32_t changed = 0;
  hangups = 0;
  if (http_reload(s, &changed, &err) == CHN_OK) {
    http_tell(s, "metadata was read again: %d changed", (int)changed);
  } else {
    http_tell(s, "metadata could not be read again, what is known stays: %s", err.msg);
  }
}

/// Connections that the system took for us are accepted first: their clients think that they are
/// served.
static void stop_accepting(struct http_server *s)
{
  struct pollfd fd = { .fd = s->listener, .events = POLLIN };
  const double until = chn_monotonic_ms() + LAST_CALL_MS;
  while (poll(&fd, 1, 0) > 0 && chn_monotonic_ms() < until) {
    usleep(1000);
  }
  http_daemon_quiet(s);
  shutdown(s->listener,
           SHUT_RDWR); // new ones are refused; closed when no thread can use it any more
}

/// No more connections; requests under way end, and those that idle connections bring meanwhile are
/// answered with the wish to close. A second signal does not wait.
static void wind_down(struct http_server *s)
{
  const double until = chn_monotonic_ms() + s->options.stop_ms;
  const int asked = stops;
  double quiet = chn_monotonic_ms();
  atomic_store(&s->stopping, true);
  stop_accepting(s);
  while (chn_monotonic_ms() < until && stops <= asked) {
    if (atomic_load(&s->under_way) > 0) {
      quiet = chn_monotonic_ms();
    } else if (atomic_load(&s->open) == 0 || chn_monotonic_ms() - quiet > LAST_CALL_MS) {
      break;
    }
    wait_a_while(s, LAST_CALL_MS / 5);
  }
  const int left = atomic_load(&s->under_way);
  if (left > 0) {
    http_tell(s, "%d request%s cut after %d ms", left, left == 1 ? " was" : "s were",
              (int)s->options.stop_ms);
  }
}

chn_status http_run(struct http_server *s, struct chn_err *err)
{
  static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
  struct sigaction old[3];
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
  (void)err;
  signal_fd = s->wake;
  for (int i = 0; i < 3; i++) {
    sigaction(numbers[i], &action, &old[i]);
  }
  while (stops == 0 && !atomic_load(&s->stopping)) {
    wait_a_while(s, SWEEP_MS);
    if (hangups > 0) {
      reload(s);
    }
  }
  wind_down(s);
  for (int i = 0; i < 3; i++) {
    sigaction(numbers[i], &old[i], NULL);
  }
  signal_fd = -1;
  stops = 0;
  return CHN_OK;
}

void http_close(struct http_server *s)
{
  if (s == NULL) {
    return;
  }
  pthread_mutex_lock(&s->lock);
  s->closing = true;
  pthread_mutex_unlock(&s->lock);
  do_jobs(s); // a suspended connection cannot be ended
  if (s->daemon != NULL) {
    http_daemon_stop(s);
  }
  if (s->listener >= 0) {
    close(s->listener);
  }
  if (s->wake >= 0) {
    close(s->wake);
  }
  while (s->workers != NULL) {
    struct http_worker *w = s->workers;
    s->workers = w->next;
    http_worker_free(w);
  }
  if (s->has_key) {
    pthread_key_delete(s->worker_key);
  }
  if (s->key != NULL) {
    explicit_bzero(s->key, strlen(s->key));
  }
  free(s->cert);
  free(s->key);
  http_tokens_release(s->tokens);
  chn_buf_deinit(&s->config);
  chn_buf_deinit(&s->openapi);
  obs_metrics_free(s->metrics);
  pthread_mutex_destroy(&s->lock);
  arena_deinit(&s->arena);
  free(s);
}
