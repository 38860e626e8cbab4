// Requests.
//
// Keys go through JSON, which is where Chronon's casts of keys live: one way in, one meaning.
#include "api/api_int.h"
#include "base/time.h"
#include "codec/json.h"

#include <string.h>

// ---- keys -------------------------------------------------------------------------------------

static chn_status write_key(struct codec_json_writer *w, const struct chronon_key *k,
                            struct chn_err *err)
{
  codec_json_key(w, k->name);
  switch (k->value.kind) {
  case CHRONON_NULL: codec_json_null(w); return CHN_OK;
  case CHRONON_BOOL: codec_json_bool(w, k->value.i != 0); return CHN_OK;
  case CHRONON_LONG: codec_json_int(w, k->value.i); return CHN_OK;
  case CHRONON_DOUBLE:
    if (k->value.d - k->value.d != 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "key %s: NaN and infinities are no keys", k->name);
    }
    codec_json_real(w, k->value.d);
    return CHN_OK;
  case CHRONON_STRING: codec_json_string(w, k->value.text, k->value.len); return CHN_OK;
  case CHRONON_BYTES:
  case CHRONON_JSON: break;
  }
  return chn_fail(err, CHN_E_ARGUMENT, "key %s: a value of kind %d is no key", k->name,
                  (int)k->value.kind);
}

static chn_status write_keys(chronon_session *s, const struct chronon_key *keys, size_t n_keys,
                             size_t n_rows, struct chn_err *err)
{
  struct codec_json_writer w;
  chn_status status = CHN_OK;
  chn_buf_clear(&s->body);
  codec_json_writer_init(&w, &s->body, CODEC_JSON_COMPACT);
  codec_json_begin(&w, '[');
  for (size_t r = 0; r < n_rows; r++) {
    codec_json_begin(&w, '{');
    for (size_t k = 0; k < n_keys && status == CHN_OK; k++) {
      status = write_key(&w, &keys[r * n_keys + k], err);
    }
    codec_json_end(&w, '}');
  }
  codec_json_end(&w, ']');
  return status == CHN_OK && s->body.truncated
             ? chn_fail(err, CHN_E_ARGUMENT, "the keys are more than 1 GiB: ask for fewer rows")
             : status;
}

// ---- fetching ---------------------------------------------------------------------------------

static chn_status take_plan(chronon_session *s, enum chronon_of of, const char *name,
                            struct chn_err *err)
{
  const struct fetch_plan *plan = NULL;
  const enum fetch_kind kind = of == CHRONON_JOIN ? FETCH_JOIN : FETCH_GROUP_BY;
  const chn_status status = fetch_plan_get(s->fetch, kind, name, &plan, err);
  if (status == CHN_OK) {
    if (s->plan != NULL) {
      fetch_plan_release(s->plan);
    }
    s->plan = plan;
  }
  return status;
}

static const int64_t *instants(chronon_session *s, size_t n, int64_t at)
{
  if (n > s->at_room) {
    s->at_room = n;
    s->at = chn_realloc(s->at, n * sizeof *s->at);
  }
  for (size_t r = 0; r < n; r++) {
    s->at[r] = at == CHRONON_NOW ? INT64_MIN : at;
  }
  return s->at;
}

/// What is asked of the fetcher; the answer before is gone.
static chn_status read_request(chronon_session *s, enum chronon_of of, const char *name,
                               const char *body, size_t len, int64_t at,
                               struct fetch_request *request, struct chn_err *err)
{
  arena_deinit(&s->answer.arena);
  s->answer = (chronon_answer){ 0 };
  if (at != CHRONON_NOW && !chn_ms_has_ds(at)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "at %lld is no instant of the years 1 to 9999, in epoch milliseconds",
                    (long long)at);
  }
  chn_status status = take_plan(s, of, name, err);
  if (status == CHN_OK) {
    status = fetch_json_read(s->json, s->plan, body, len, request, err);
  }
  if (status == CHN_OK) {
    request->at = instants(s, request->n, at);
    request->base = s->owner->log != NULL && fetch_log_wants(s->plan);
  }
  return status;
}

static chn_status run(chronon_session *s, const struct fetch_request *request, struct chn_err *err)
{
  struct fetch_result *result = &s->answer.result;
  const chn_status status = fetch_run(s->fetch, request, 1, result, err);
  if (status != CHN_OK) {
    *result = (struct fetch_result){ 0 };
    return status;
  }
  fetch_log_add(s->owner->log, result);
  return CHN_OK;
}

int chronon_fetch(chronon_session *s, enum chronon_of of, const char *name,
                  const struct chronon_key *keys, size_t n_keys, size_t n_rows, int64_t at,
                  const chronon_answer **out, struct chronon_error *error)
{
  struct chn_err err = { 0 };
  chn_status status = write_keys(s, keys, n_keys, n_rows, &err);
  struct fetch_request request;
  if (status == CHN_OK) {
    status = read_request(s, of, name, chn_buf_str(&s->body), s->body.len, at, &request, &err);
  }
  if (status == CHN_OK) {
    status = run(s, &request, &err);
  }
  if (status != CHN_OK) {
    return api_error(&err, error);
  }
  *out = &s->answer;
  return CHRONON_OK;
}

int chronon_fetch_json(chronon_session *s, enum chronon_of of, const char *name, const char *keys,
                       size_t len, int64_t at, bool detailed, const char **out, size_t *out_len,
                       struct chronon_error *error)
{
  struct chn_err err = { 0 };
  struct fetch_request request;
  chn_status status = read_request(s, of, name, keys, len, at, &request, &err);
  chn_buf_clear(&s->text);
  if (status == CHN_OK && !detailed && !request.base) {
    status = fetch_json_answer(s->json, s->fetch, &request, &s->text, &err);
  } else if (status == CHN_OK) {
    status = run(s, &request, &err);
    if (status == CHN_OK) {
      fetch_json_write(s->json, &s->answer.result,
                       detailed ? FETCH_JSON_DETAILED : FETCH_JSON_PLAIN, &s->text);
    }
  }
  if (status == CHN_OK && s->text.truncated) {
    status = chn_fail(&err, CHN_E_MEMORY, "the answer has more than 1 GiB: ask for fewer keys");
  }
  if (status != CHN_OK) {
    return api_error(&err, error);
  }
  *out = chn_buf_str(&s->text);
  *out_len = s->text.len;
  return CHRONON_OK;
}

// ---- describing -------------------------------------------------------------------------------

static void write_fields(struct codec_json_writer *w, const char *key,
                         const struct row_schema *schema)
{
  struct chn_buf type = { 0 };
  codec_json_key(w, key);
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < schema->n_fields; i++) {
    const struct row_field *f = &schema->fields[i];
    chn_buf_clear(&type);
    row_type_print(&type, f->type);
    codec_json_begin(w, '{');
    codec_json_key(w, "name");
    codec_json_string(w, f->name, strlen(f->name));
    codec_json_key(w, "type");
    codec_json_string(w, chn_buf_str(&type), type.len);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
  chn_buf_deinit(&type);
}

int chronon_describe(chronon_session *s, enum chronon_of of, const char *name, const char **out,
                     size_t *out_len, struct chronon_error *error)
{
  struct chn_err err = { 0 };
  struct codec_json_writer w;
  const struct fetch_plan *plan = NULL;
  const enum fetch_kind kind = of == CHRONON_JOIN ? FETCH_JOIN : FETCH_GROUP_BY;
  if (fetch_plan_get(s->fetch, kind, name, &plan, &err) != CHN_OK) {
    return api_error(&err, error);
  }
  chn_buf_clear(&s->text);
  codec_json_writer_init(&w, &s->text, CODEC_JSON_COMPACT);
  codec_json_begin(&w, '{');
  codec_json_key(&w, "name");
  codec_json_string(&w, fetch_plan_name(plan), strlen(fetch_plan_name(plan)));
  write_fields(&w, "keys", fetch_plan_keys(plan));
  write_fields(&w, "features", fetch_plan_features(plan));
  codec_json_key(&w, "batch_end");
  if (fetch_plan_batch_end(plan) == INT64_MIN) {
    codec_json_null(&w);
  } else {
    codec_json_int(&w, fetch_plan_batch_end(plan));
  }
  codec_json_end(&w, '}');
  fetch_plan_release(plan);
  *out = chn_buf_str(&s->text);
  *out_len = s->text.len;
  return CHRONON_OK;
}
