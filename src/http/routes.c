#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "http/http_int.h"

enum { GET = 1 << HTTP_GET, POST = 1 << HTTP_POST, SAY_EVERY_MS = 1000 };

const char http_json_type[] = "application/json";

const struct http_route http_routes[] = {
  { "/v1/features/join/", "join", GET | POST, false, HTTP_READ, NULL, http_answer_join,
    "Features of a join for a list of keys" },
  { "/v1/features/groupby/", "groupby", GET | POST, false, HTTP_READ, NULL, http_answer_group_by,
    "Features of a GroupBy for a list of keys" },
  { "/ping", "ping", GET, false, HTTP_OPEN, NULL, http_answer_ping, "Pong!" },
  { "/config", "config", GET, false, HTTP_SCOPED, NULL, http_answer_config,
    "The settings of this server" },
  { "/healthz", "healthz", GET, false, HTTP_OPEN, NULL, http_answer_health,
    "Whether the process is alive" },
  { "/readyz", "readyz", GET, true, HTTP_OPEN, NULL, http_answer_ready,
    "Whether it can answer: the store is there and metadata can be read" },
  { "/metrics", "metrics", GET, true, HTTP_SCOPED, "metrics", http_answer_metrics,
    "Counters and histograms as Prometheus reads them" },
  { "/admin/reload", "reload", POST, true, HTTP_SCOPED, "admin", http_answer_reload,
    "Reads metadata and tokens again" },
  { "/openapi.json", "openapi", GET, false, HTTP_OPEN, NULL, http_answer_openapi, "This document" },
  { .path = NULL },
};

// ---- answers ----------------------------------------------------------------------------------

void http_done(struct http_request *r, int32_t status, const char *type)
{
  r->status = status;
  r->type = type;
}

/// Makes text of what a client sent or the buffer cut; of a line no byte may move the cursor.
static void clean(char *text, bool line)
{
  unsigned char *s = (unsigned char *)text;
  const unsigned char *end = s + strlen(text);
  while (s < end) {
    const size_t n = *s < 0x80 ? 1 : codec_utf8_length(s, end);
    if (n == 0 || (line && (*s < ' ' || *s == 0x7f))) {
      *s = '?';
    }
    s += n > 0 ? n : 1;
  }
}

void http_fail(struct http_request *r, int32_t status, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char text[2400];
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  clean(text, false);
  struct codec_json_writer w;
  chn_buf_clear(&r->reply);
  codec_json_writer_init(&w, &r->reply, CODEC_JSON_COMPACT);
  codec_json_begin(&w, '{');
  codec_json_key(&w, "errors");
  codec_json_begin(&w, '[');
  codec_json_string(&w, text, strlen(text));
  codec_json_end(&w, ']');
  codec_json_end(&w, '}');
  http_done(r, status, http_json_type);
}

static void say(struct http_server *s, int left_out, const char *fmt, va_list args)
{
  char line[2400];
  const int n = vsnprintf(line, sizeof line, fmt, args);
  if (left_out > 0 && n > 0 && (size_t)n < sizeof line) {
    snprintf(line + n, sizeof line - (size_t)n, " (%d lines before were left out)", left_out);
  }
  clean(line, true);
  if (s->options.say != NULL) {
    s->options.say(s->options.say_self, line);
  }
}

void http_tell(struct http_server *s, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  say(s, 0, fmt, args);
  va_end(args);
}

void http_say(struct http_server *s, const char *fmt, ...)
{
  const long long now = (long long)chn_monotonic_ms();
  long long last = atomic_load(&s->said_ms);
  if ((last != 0 && now - last < SAY_EVERY_MS) ||
      !atomic_compare_exchange_strong(&s->said_ms, &last, now)) {
    atomic_fetch_add(&s->unsaid, 1);
    return;
  }
  va_list args;
  va_start(args, fmt);
  say(s, atomic_exchange(&s->unsaid, 0), fmt, args);
  va_end(args);
}

// ---- the table --------------------------------------------------------------------------------

static const struct http_route *find(struct http_request *r)
{
  const char *path = chn_buf_str(&r->target);
  for (const struct http_route *route = http_routes; route->path != NULL; route++) {
    const size_t len = strlen(route->path);
    const bool named = route->path[len - 1] == '/';
    if (strncmp(path, route->path, len) != 0) {
      continue;
    }
    if (named && path[len] != '\0' && strchr(path + len, '/') == NULL) {
      r->name = path + len;
      return route;
    }
    if (!named && path[len] == '\0') {
      return route;
    }
  }
  return NULL;
}

/// A route of features has a GET form where there are keys in its query; else it is Chronon's 405.
static bool takes(const struct http_request *r)
{
  const bool bare = r->name != NULL && r->method == HTTP_GET && r->query == NULL;
  return (r->route->methods & (1U << r->method)) != 0 && !bare;
}

static void check_token(struct http_request *r)
{
  struct http_server *s = r->worker->server;
  if (s->options.tokens == NULL || r->route->access == HTTP_OPEN) {
    return;
  }
  pthread_mutex_lock(&s->lock);
  r->tokens = s->tokens;
  http_tokens_retain(r->tokens);
  pthread_mutex_unlock(&s->lock);
  r->token = http_tokens_find(r->tokens, r->authorization);
  if (r->token == NULL) {
    r->challenge = true;
    http_fail(r, 401,
              r->authorization == NULL ? "a token is needed: Authorization: Bearer TOKEN"
                                       : "the token is not known: Authorization: Bearer TOKEN");
  } else if (r->route->scope != NULL && !http_token_may(r->token, r->route->scope)) {
    http_fail(r, 403, "the token has no scope \"%s\"", r->route->scope);
  }
}

void http_begin(struct http_request *r)
{
  r->route = find(r);
  if (r->route == NULL) {
    chn_buf_adds(&r->reply, "<html><body><h1>Resource not found</h1></body></html>");
    http_done(r, 404, "text/html; charset=utf-8");
  } else if (!takes(r)) {
    static const char *const allow[] = {
      [GET] = "GET, HEAD", [POST] = "POST", [GET | POST] = "GET, HEAD, POST"
    };
    r->allow = allow[r->route->methods];
    http_done(r, 405, NULL);
  } else {
    check_token(r);
  }
}
