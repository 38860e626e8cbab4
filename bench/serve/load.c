// A client of many connections that stay open, in one thread, for our server and for the bare one.
//
//     serve_load port=P path=/v1/... users=U [first=0] [keys=1] [order=0] [connections=8]
//                [seconds=5] [rate=R] [requests=N] [body=TEXT%TEXT] [key=TEXT%TEXT]
//
// Closed loop: each connection asks again as soon as it has its answer. With `rate` it is open:
// requests are due at fixed instants, whoever is late, and times count from when a request was due.
// A body asks for `keys` random ones of U users, from number `first` on; with order=1 for the next
// ones. `seconds` is when it stops asking, after N requests if that is sooner. For servers that are
// asked in other words: a body is `body`, `[%]` if it is not told, with the keys in place of its
// first %, and a key is `key`, `{"user_id":"%"}`, with the user in place of it. Prints lines `name
// value`.
//
// It never sleeps. Waking a client that does is the server's work, within the send of its answer,
// and a server that is slower than the client pays for it at every request, while a faster one
// never does: the slower one would look slower than it is.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_CONNECTIONS = 512,
  EVENTS = 64,
  USER_BYTES = 11, ///< of user_000000
  READ_ROOM = 1 << 16,
  SILENCE_US = 60000000
};

struct connection {
  int fd;
  double due_us; ///< when the request should have left
  bool busy;
  char *out;
  size_t out_len;
  size_t out_at;
  char *in;
  size_t in_len;
  size_t in_room;
  size_t want; ///< bytes of the whole answer; 0: its head is not there yet
  size_t body; ///< of them the body's
};

/// A text with a place in it.
struct around {
  const char *before;
  int n_before;
  const char *after;
  int n_after;
};

struct load {
  int port;
  const char *path;
  struct around body;
  struct around key;
  uint32_t first;
  uint32_t users;
  int keys;
  bool in_order;
  int n;
  double seconds;
  double rate;
  size_t requests;
  int epoll;
  struct connection c[MAX_CONNECTIONS];
  int idle[MAX_CONNECTIONS];
  int n_idle;
  uint64_t state;
  uint64_t asked; ///< keys in order so far
  double start_us;
  double end_us;
  size_t sent;
  size_t done;
  size_t body_bytes;
  float *us;
  size_t us_room;
};

static void fail(const char *what, const char *more)
{
  fprintf(stderr, "serve_load: %s %s\n", what, more);
  exit(1);
}

static void *grow(void *p, size_t bytes)
{
  void *q = realloc(p, bytes);
  if (q == NULL) {
    fail("no memory", "");
  }
  return q;
}

static double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static uint64_t next_random(uint64_t *state)
{
  uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

// ---- a request --------------------------------------------------------------------------------

/// False when the text has no place.
static bool split(struct around *a, const char *text)
{
  const char *at = strchr(text, '%');
  if (at == NULL) {
    return false;
  }
  *a = (struct around){ text, (int)(at - text), at + 1, (int)strlen(at + 1) };
  return true;
}

/// Bytes of a body: keys stand between commas.
static size_t body_bytes(const struct load *l)
{
  const int key = l->key.n_before + USER_BYTES + l->key.n_after;
  return (size_t)(l->body.n_before + l->keys * (key + 1) - 1 + l->body.n_after);
}

static void write_request(struct load *l, struct connection *c)
{
  char *at = c->out;
  at += sprintf(at,
                "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                "Content-Length: %zu\r\n\r\n%.*s",
                l->path, body_bytes(l), l->body.n_before, l->body.before);
  for (int i = 0; i < l->keys; i++) {
    const uint64_t which = l->in_order ? l->asked++ : next_random(&l->state);
    at += sprintf(at, "%s%.*suser_%06u%s", i ? "," : "", l->key.n_before, l->key.before,
                  l->first + (unsigned)(which % l->users), l->key.after);
  }
  at += sprintf(at, "%s", l->body.after);
  c->out_len = (size_t)(at - c->out);
  c->out_at = 0;
}

static void watch(struct load *l, struct connection *c, uint32_t events)
{
  struct epoll_event e = { .events = events, .data.ptr = c };
  epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void push(struct load *l, struct connection *c)
{
  const bool waited = c->out_at > 0;
  while (c->out_at < c->out_len) {
    const ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      watch(l, c, EPOLLIN | EPOLLOUT);
      return;
    }
    if (n <= 0) {
      fail("cannot send:", strerror(errno));
    }
    c->out_at += (size_t)n;
  }
  if (waited) {
    watch(l, c, EPOLLIN);
  }
}

static void ask(struct load *l, struct connection *c, double due_us)
{
  write_request(l, c);
  c->due_us = due_us;
  c->busy = true;
  c->in_len = 0;
  c->want = 0;
  l->sent++;
  push(l, c);
}

// ---- an answer --------------------------------------------------------------------------------

static void read_head(struct connection *c)
{
  c->in[c->in_len] = '\0';
  const char *end = strstr(c->in, "\r\n\r\n");
  if (end == NULL) {
    return;
  }
  const char *length = strcasestr(c->in, "\r\ncontent-length:");
  if (strncmp(c->in, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end) {
    fail("not a good answer:", c->in);
  }
  c->body = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
  c->want = (size_t)(end - c->in) + 4 + c->body;
}

/// True when the whole answer is there.
static bool pull(struct connection *c)
{
  for (;;) {
    if (c->in_room - c->in_len < READ_ROOM) {
      c->in_room += 2 * READ_ROOM;
      c->in = grow(c->in, c->in_room);
    }
    const ssize_t n = recv(c->fd, c->in + c->in_len, c->in_room - c->in_len - 1, 0);
    if (n < 0 && errno == EAGAIN) {
      return false;
    }
    if (n <= 0) {
      fail("the server has closed a connection:", n < 0 ? strerror(errno) : "");
    }
    c->in_len += (size_t)n;
    if (c->want == 0) {
      read_head(c);
    }
    if (c->want > 0 && c->in_len >= c->want) {
      return true;
    }
  }
}

static void check_body(const struct connection *c)
{
  const char *bad[] = { "_exception", "Failure", "\"NOT_FOUND\"" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (memmem(c->in, c->in_len, bad[i], strlen(bad[i])) != NULL) {
      c->in[c->in_len] = '\0';
      fail("an answer with errors:", c->in);
    }
  }
}

static void finish(struct load *l, struct connection *c, double now)
{
  if (l->done == l->us_room) {
    l->us_room = l->us_room > 0 ? 2 * l->us_room : 1 << 16;
    l->us = grow(l->us, l->us_room * sizeof *l->us);
  }
  if (l->done % 64 == 0) {
    check_body(c);
  }
  l->us[l->done++] = (float)(now - c->due_us);
  l->body_bytes += c->body;
  c->busy = false;
}

// ---- the loop ---------------------------------------------------------------------------------

static bool more(const struct load *l, double now)
{
  return now < l->end_us && (l->requests == 0 || l->sent < l->requests);
}

static void ask_due(struct load *l, double now)
{
  while (l->n_idle > 0 && more(l, now)) {
    const double due = l->rate > 0 ? l->start_us + (double)l->sent * 1e6 / l->rate : now;
    if (due > now) {
      return;
    }
    ask(l, &l->c[l->idle[--l->n_idle]], due);
  }
}

static void run(struct load *l)
{
  struct epoll_event events[EVENTS];
  l->start_us = now_us();
  l->end_us = l->start_us + l->seconds * 1e6;
  double now = l->start_us;
  double heard = now; ///< when the last answer came
  while (more(l, now) || l->n_idle < l->n) {
    ask_due(l, now);
    const int n = epoll_wait(l->epoll, events, EVENTS, 0);
    now = now_us();
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) {
        push(l, c);
      }
      if (c->busy && pull(c)) {
        now = now_us();
        heard = now;
        finish(l, c, now);
        l->idle[l->n_idle++] = (int)(c - l->c);
      }
    }
    if (l->n_idle < l->n && now > heard + SILENCE_US) {
      fail("the server does not answer", "");
    }
  }
  l->end_us = now;
}

static void open_connection(struct load *l, struct connection *c)
{
  const int yes = 1;
  struct sockaddr_in at = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)l->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at) != 0) {
    fail("cannot connect:", strerror(errno));
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->out = grow(NULL, strlen(l->path) + 256 + body_bytes(l));
  struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
  epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e);
}

static int by_value(const void *a, const void *b)
{
  const float x = *(const float *)a;
  const float y = *(const float *)b;
  return (x > y) - (x < y);
}

static void print(struct load *l)
{
  const double seconds = (l->end_us - l->start_us) / 1e6;
  if (l->done == 0) {
    fail("no answers", "");
  }
  qsort(l->us, l->done, sizeof *l->us, by_value);
  printf("requests %zu\nrps %.1f\nkeys_per_s %.1f\nbody_bytes %zu\n", l->done,
         (double)l->done / seconds, (double)l->done * l->keys / seconds, l->body_bytes / l->done);
  printf("p50_us %.1f\np99_us %.1f\nmax_us %.1f\n", l->us[l->done / 2],
         l->us[l->done - 1 - l->done / 100], l->us[l->done - 1]);
}

static bool option(struct load *l, const char *arg)
{
  const char *value = strchr(arg, '=');
  const size_t n = value != NULL ? (size_t)(value - arg) : 0;
  const char *names[] = { "port", "path",     "users", "keys",  "connections", "seconds",
                          "rate", "requests", "first", "order", "body",        "key" };
  size_t which = 0;
  while (which < 12 && (strlen(names[which]) != n || strncmp(names[which], arg, n) != 0)) {
    which++;
  }
  if (value == NULL) {
    return false;
  }
  const double number = atof(++value);
  switch (which) {
  case 0: l->port = (int)number; break;
  case 1: l->path = value; break;
  case 2: l->users = (uint32_t)number; break;
  case 3: l->keys = (int)number; break;
  case 4: l->n = (int)number; break;
  case 5: l->seconds = number; break;
  case 6: l->rate = number; break;
  case 7: l->requests = (size_t)number; break;
  case 8: l->first = (uint32_t)number; break;
  case 9: l->in_order = number != 0; break;
  case 10: return split(&l->body, value);
  case 11: return split(&l->key, value);
  default: return false;
  }
  return true;
}

int main(int argc, char **argv)
{
  static struct load l = { .keys = 1, .n = 8, .seconds = 5, .state = 11 };
  split(&l.body, "[%]");
  split(&l.key, "{\"user_id\":\"%\"}");
  for (int i = 1; i < argc; i++) {
    if (!option(&l, argv[i])) {
      fail("not a good option:", argv[i]);
    }
  }
  if (l.port == 0 || l.path == NULL || l.users == 0 || l.users > 1000000 || l.keys < 1 || l.n < 1 ||
      l.n > MAX_CONNECTIONS) {
    fail("port, path and users are needed; connections are at most 512", "");
  }
  l.epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < l.n; i++) {
    open_connection(&l, &l.c[i]);
    l.idle[l.n_idle++] = i;
  }
  run(&l);
  print(&l);
  return 0;
}
