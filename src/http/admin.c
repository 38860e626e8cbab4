// Routes about the server itself.
#include <string.h>

#include "base/time.h"
#include "codec/json.h"
#include "http/http_int.h"

void http_answer_ping(struct http_request *r)
{
  chn_buf_adds(&r->reply, "\"Pong!\"");
  http_done(r, 200, http_json_type);
}

void http_answer_health(struct http_request *r)
{
  chn_buf_adds(&r->reply, "{\"status\":\"ok\"}");
  http_done(r, 200, http_json_type);
}

static void member(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  codec_json_string(w, text, strlen(text));
}

static void number(struct codec_json_writer *w, const char *key, int64_t value)
{
  codec_json_key(w, key);
  codec_json_int(w, value);
}

static void truth(struct codec_json_writer *w, const char *key, bool value)
{
  codec_json_key(w, key);
  codec_json_bool(w, value);
}

void http_config_write(struct http_server *s)
{
  const struct http_options *o = &s->options;
  const struct fetcher_options *f = fetcher_settings(s->fetcher);
  struct codec_json_writer w;
  codec_json_writer_init(&w, &s->config, CODEC_JSON_JACKSON);
  codec_json_begin(&w, '{');
  member(&w, "server.host", o->host);
  number(&w, "server.port", s->port);
  number(&w, "server.threads", o->threads);
  number(&w, "server.max_body", o->max_body);
  number(&w, "server.max_keys", o->max_rows);
  number(&w, "server.max_connections", o->max_connections);
  number(&w, "server.request_ms", o->request_ms);
  number(&w, "server.idle_ms", o->idle_ms);
  number(&w, "server.stop_ms", o->stop_ms);
  truth(&w, "server.tls", s->cert != NULL);
  truth(&w, "server.tokens", o->tokens != NULL);
  truth(&w, "server.log", o->log != NULL);
  number(&w, "fetcher.metadata_ttl_ms", f->ttl_ms);
  number(&w, "fetcher.external_ms", f->external_ms);
  number(&w, "fetcher.batch_cache", f->batch_cache);
  number(&w, "fetcher.answer_cache_bytes", f->answer_cache);
  truth(&w, "fetcher.check_entities", f->check_entities);
  member(&w, "store", kv_url(s->store));
  member(&w, "version", CHRONON_VERSION);
  codec_json_end(&w, '}');
}

void http_answer_config(struct http_request *r)
{
  const struct chn_buf *text = &r->worker->server->config;
  chn_buf_add(&r->reply, chn_buf_str(text), text->len);
  http_done(r, 200, http_json_type);
}

void http_answer_openapi(struct http_request *r)
{
  const struct chn_buf *text = &r->worker->server->openapi;
  chn_buf_add(&r->reply, chn_buf_str(text), text->len);
  http_done(r, 200, http_json_type);
}

/// That metadata can be read: whatever the store says of a key that is not there.
static chn_status read_metadata(struct http_server *s, struct chn_err *err)
{
  struct kv_reader *reader = NULL;
  struct kv_get get = { .key = "joins", .key_len = 5, .after_ts = INT64_MIN };
  chn_status status = kv_dataset(s->store, "ZIPLINE_METADATA", &get.dataset, err);
  if (status == CHN_OK) {
    status = kv_reader_open(&reader, s->store, err);
  }
  if (status == CHN_OK) {
    status = kv_read_begin(reader, err);
    if (status == CHN_OK) {
      status = kv_read(reader, &get, 1, err);
      kv_read_end(reader);
    }
  }
  kv_reader_close(reader);
  return status;
}

void http_answer_ready(struct http_request *r)
{
  struct http_server *s = r->worker->server;
  struct chn_err err;
  if (atomic_load(&s->stopping)) {
    http_fail(r, 503, "the server is being stopped");
  } else if (kv_ping(s->store, &err) != CHN_OK || read_metadata(s, &err) != CHN_OK) {
    http_fail(r, 503, "%s", err.msg);
  } else {
    chn_buf_adds(&r->reply, "{\"status\":\"ready\"}");
    http_done(r, 200, http_json_type);
  }
}

chn_status http_reload(struct http_server *s, int32_t *changed, struct chn_err *err)
{
  chn_status status = fetcher_reload(s->fetcher, changed, err);
  if (s->options.tokens != NULL) {
    struct http_tokens *fresh = NULL;
    const chn_status tokens =
        http_tokens_read(s->options.tokens, &fresh, status == CHN_OK ? err : NULL);
    status = status == CHN_OK ? tokens : status;
    if (tokens == CHN_OK) {
      pthread_mutex_lock(&s->lock);
      struct http_tokens *old = s->tokens;
      s->tokens = fresh;
      pthread_mutex_unlock(&s->lock);
      http_tokens_release(old);
    }
  }
  obs_add(s->reloads[status == CHN_OK], 1);
  return status;
}

void http_answer_reload(struct http_request *r)
{
  int32_t changed = 0;
  struct chn_err err;
  if (http_reload(r->worker->server, &changed, &err) == CHN_OK) {
    chn_buf_addf(&r->reply, "{\"status\":\"ok\",\"changed\":%d}", (int)changed);
    http_done(r, 200, http_json_type);
  } else {
    http_fail(r, 500, "%s", err.msg);
  }
}
