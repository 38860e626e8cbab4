#include "http/scrape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "obs/metrics.h"

enum { CONNECTIONS = 16, TIMEOUT_S = 10 };

struct http_scrape {
  struct MHD_Daemon *daemon;
  struct obs_metrics *metrics;
};

static enum MHD_Result answer(void *self, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **state)
{
  (void)version;
  (void)upload;
  (void)state;
  const struct http_scrape *s = self;
  const bool found = strcmp(url, "/metrics") == 0;
  const bool get = strcmp(method, "GET") == 0;
  *upload_len = 0;
  struct chn_buf text = { 0 };
  if (found && get) {
    obs_metrics_write(s->metrics, &text);
  } else {
    chn_buf_adds(&text,
                 found ? "GET is what /metrics answers\n" : "GET /metrics is all there is\n");
  }
  struct MHD_Response *response =
      MHD_create_response_from_buffer(text.len, text.data, MHD_RESPMEM_MUST_COPY);
  chn_buf_deinit(&text);
  MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  const enum MHD_Result r = MHD_queue_response(connection,
                                               found && get ? MHD_HTTP_OK
                                               : found      ? MHD_HTTP_METHOD_NOT_ALLOWED
                                                            : MHD_HTTP_NOT_FOUND,
                                               response);
  MHD_destroy_response(response);
  return r;
}

chn_status http_scrape_open(int32_t port, struct obs_metrics *metrics, struct http_scrape **out,
                            struct chn_err *err)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct http_scrape *s = chn_calloc(1, sizeof *s);
  s->metrics = metrics;
  s->daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port, NULL, NULL, answer, s, MHD_OPTION_SOCK_ADDR,
      (struct sockaddr *)&at, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)TIMEOUT_S, MHD_OPTION_END);
  if (s->daemon == NULL) {
    const int code = errno;
    free(s);
    return chn_fail(err, code == EADDRINUSE ? CHN_E_CONFLICT : CHN_E_IO,
                    "metrics at 127.0.0.1:%d: %s", port, strerror(code));
  }
  *out = s;
  return CHN_OK;
}

int32_t http_scrape_port(const struct http_scrape *s)
{
  return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void http_scrape_close(struct http_scrape *s)
{
  if (s != NULL) {
    MHD_stop_daemon(s->daemon);
    free(s);
  }
}
