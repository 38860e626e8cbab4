#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_int.h"

enum { SPARE_FILES = 64 };

static bool is_loopback(const struct sockaddr *a)
{
  if (a->sa_family == AF_INET) {
    return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
  }
  const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static chn_status check_guard(const struct http_server *s, const struct sockaddr *a,
                              struct chn_err *err)
{
  const struct http_options *o = &s->options;
  const bool tokens = o->tokens != NULL;
  const bool tls = s->cert != NULL;
  if (is_loopback(a) || o->insecure || (tokens && tls)) {
    return CHN_OK;
  }
  return chn_fail(
      err, CHN_E_ARGUMENT,
      "%s is not loopback, and whoever reaches it would read all features: give %s%s%s, "
      "or --insecure to serve without",
      o->host, tokens ? "" : "--tokens", tokens || tls ? "" : " and ",
      tls ? "" : "--tls-cert and --tls-key");
}

static chn_status bind_to(struct http_server *s, const struct addrinfo *a, struct chn_err *err)
{
  const int yes = 1;
  const struct http_options *o = &s->options;
  s->listener = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s->listener < 0) {
    return chn_fail(err, CHN_E_IO, "a socket for %s: %s", o->host, strerror(errno));
  }
  setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(s->listener, a->ai_addr, a->ai_addrlen) == 0 && listen(s->listener, SOMAXCONN) == 0) {
    return CHN_OK;
  }
  switch (errno) {
  case EADDRINUSE:
    return chn_fail(
        err, CHN_E_CONFLICT,
        "%s port %d is in use by another program: --port takes another one, --port 0 any "
        "that is free",
        o->host, o->port);
  case EACCES:
    return chn_fail(
        err, CHN_E_IO,
        "%s port %d: permission denied; ports below 1024 are the system's, --port takes "
        "another one",
        o->host, o->port);
  case EADDRNOTAVAIL:
    return chn_fail(err, CHN_E_ARGUMENT, "%s is no address of this machine", o->host);
  default: return chn_fail(err, CHN_E_IO, "%s port %d: %s", o->host, o->port, strerror(errno));
  }
}

static void name_it(struct http_server *s)
{
  struct sockaddr_storage a = { 0 };
  socklen_t len = sizeof a;
  char host[NI_MAXHOST] = "";
  getsockname(s->listener, (struct sockaddr *)&a, &len);
  getnameinfo((struct sockaddr *)&a, len, host, sizeof host, NULL, 0, NI_NUMERICHOST);
  s->port = ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&a)->sin_port
                                         : ((struct sockaddr_in6 *)(void *)&a)->sin6_port);
  s->url =
      arena_printf(&s->arena, "http%s://%s%s%s:%d", s->cert != NULL ? "s" : "",
                   strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "", (int)s->port);
}

/// A connection is a file; many systems allow 1024 unless more are asked for.
static void allow_files(const struct http_server *s)
{
  struct rlimit limit;
  const rlim_t want = (rlim_t)s->options.max_connections + SPARE_FILES;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < want) {
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

chn_status http_listen(struct http_server *s, struct chn_err *err)
{
  const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                  .ai_socktype = SOCK_STREAM,
                                  .ai_flags = AI_NUMERICSERV | AI_PASSIVE };
  struct addrinfo *found = NULL;
  char port[16];
  snprintf(port, sizeof port, "%d", (int)s->options.port);
  const int failed = getaddrinfo(s->options.host, port, &hints, &found);
  if (failed != 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "--host %s: %s", s->options.host, gai_strerror(failed));
  }
  chn_status status = check_guard(s, found->ai_addr, err);
  if (status == CHN_OK) {
    status = bind_to(s, found, err);
  }
  freeaddrinfo(found);
  if (status == CHN_OK) {
    name_it(s);
    allow_files(s);
  }
  return status;
}
