// The least that a server on libmicrohttpd can do: reads a request and replies bytes that were
// there before.
//
//     serve_bare THREADS BYTES
//
// The flags are those of src/http/daemon.c. Prints `port N` and serves until SIGTERM.
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *n, void **context)
{
  static char begun;
  (void)url;
  (void)method;
  (void)version;
  (void)upload;
  if (*context == NULL) {
    *context = &begun;
    return MHD_YES;
  }
  if (*n > 0) {
    *n = 0;
    return MHD_YES;
  }
  return MHD_queue_response(connection, 200, self);
}

int main(int argc, char **argv)
{
  if (argc != 3) {
    fprintf(stderr, "usage: serve_bare THREADS BYTES\n");
    return 2;
  }
  const unsigned threads = (unsigned)atoi(argv[1]);
  const size_t bytes = strtoull(argv[2], NULL, 10);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, NULL);
  char *body = malloc(bytes + 1);
  if (body == NULL) {
    return 1;
  }
  memset(body, 'x', bytes);
  struct MHD_Response *reply = MHD_create_response_from_buffer(bytes, body, MHD_RESPMEM_MUST_FREE);
  MHD_add_response_header(reply, "content-type", "application/json");
  struct sockaddr_in loopback = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct MHD_OptionItem pool[2] = { { MHD_OPTION_THREAD_POOL_SIZE, threads, NULL },
                                    { MHD_OPTION_END, 0, NULL } };
  struct MHD_Daemon *daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG | MHD_USE_TURBO, 0, NULL,
      NULL, on_request, reply, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_ARRAY,
      threads > 1 ? pool : pool + 1, MHD_OPTION_END);
  const union MHD_DaemonInfo *info =
      daemon != NULL ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
  if (info == NULL) {
    fprintf(stderr, "serve_bare: cannot serve\n");
    return 1;
  }
  printf("port %u\n", (unsigned)info->port);
  fflush(stdout);
  int signal_seen;
  sigwait(&stop, &signal_seen);
  MHD_stop_daemon(daemon);
  MHD_destroy_response(reply);
  return 0;
}
