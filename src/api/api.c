// Handles: opening, sessions, errors.
#include "api/api_int.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)CHRONON_E_INTERNAL == (int)CHN_E_INTERNAL, "codes are the program's");
_Static_assert(sizeof((struct chronon_error *)0)->message == sizeof((struct chn_err *)0)->msg,
               "a message fits");

const char *chronon_version(void)
{
  return CHRONON_VERSION;
}

int api_error(const struct chn_err *err, struct chronon_error *out)
{
  if (out != NULL) {
    out->code = (int)err->code;
    memcpy(out->message, err->msg, sizeof out->message);
  }
  return (int)err->code;
}

static chn_status open_log(chronon *c, const struct chronon_options *o, struct chn_err *err)
{
  const struct fetch_log_options log = {
    .warehouse = o->warehouse,
    .log_table = o->log_table != NULL ? o->log_table : "logs.served",
    .schema_table = o->schema_table != NULL ? o->schema_table : "logs.served_schemas"
  };
  return o->warehouse == NULL ? CHN_OK : fetch_log_open(&log, &c->log, err);
}

static chn_status open_all(chronon *c, const struct chronon_options *o, struct chn_err *err)
{
  const struct fetcher_options f = { .repo = o->repo,
                                     .ttl_ms = o->metadata_ttl_ms,
                                     .batch_cache = o->batch_cache,
                                     .answer_cache = o->answer_cache,
                                     .refresh_in_background = true };
  if (o->store == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "options.store is NULL: lmdb:DIR or redis://HOST");
  }
  chn_status s = kv_open(&c->store, o->store, false, err);
  if (s == CHN_OK) {
    s = fetcher_open(c->store, &f, &c->fetcher, err);
  }
  return s == CHN_OK ? open_log(c, o, err) : s;
}

int chronon_open(const struct chronon_options *options, chronon **out, struct chronon_error *error)
{
  struct chn_err err = { 0 };
  chronon *c = chn_calloc(1, sizeof *c);
  if (open_all(c, options, &err) != CHN_OK) {
    chronon_close(c, NULL);
    return api_error(&err, error);
  }
  *out = c;
  return CHRONON_OK;
}

int chronon_close(chronon *c, struct chronon_error *error)
{
  struct chn_err err = { 0 };
  if (c == NULL) {
    return CHRONON_OK;
  }
  const chn_status s = fetch_log_close(c->log, &err);
  fetcher_close(c->fetcher);
  kv_close(c->store);
  free(c);
  return s == CHN_OK ? CHRONON_OK : api_error(&err, error);
}

int chronon_reload(chronon *c, int32_t *changed, struct chronon_error *error)
{
  struct chn_err err = { 0 };
  int32_t n = 0;
  if (fetcher_reload(c->fetcher, &n, &err) != CHN_OK) {
    return api_error(&err, error);
  }
  if (changed != NULL) {
    *changed = n;
  }
  return CHRONON_OK;
}

int chronon_session_open(chronon *c, chronon_session **out, struct chronon_error *error)
{
  struct chn_err err = { 0 };
  struct fetch_session *fetch = NULL;
  if (fetch_session_open(c->fetcher, &fetch, &err) != CHN_OK) {
    return api_error(&err, error);
  }
  chronon_session *s = chn_calloc(1, sizeof *s);
  s->owner = c;
  s->fetch = fetch;
  s->json = fetch_json_new();
  s->body.max = s->text.max = CHN_BUF_MAX; // the process is the caller's
  *out = s;
  return CHRONON_OK;
}

void chronon_session_close(chronon_session *s)
{
  if (s == NULL) {
    return;
  }
  if (s->plan != NULL) {
    fetch_plan_release(s->plan);
  }
  fetch_json_free(s->json);
  fetch_session_close(s->fetch);
  chn_buf_deinit(&s->body);
  chn_buf_deinit(&s->text);
  arena_deinit(&s->answer.arena);
  free(s->at);
  free(s);
}
