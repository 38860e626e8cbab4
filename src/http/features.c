// Group-bys and joins: the answers are Chronon's (spec/06 §10), and beside them a GET form,
// instants and the detailed answer.
#include <string.h>

#include "base/time.h"
#include "codec/json.h"
#include "http/http_int.h"

// JSON values of a body: a bound of the memory that its document takes.
enum { MAX_VALUES = 1000000, MAX_REPLY = 256 << 20 };

struct asked {
  enum fetch_kind kind;
  const char *name;
  int64_t at; ///< INT64_MIN: now
  enum fetch_json_form form;
  bool has_at;
  bool has_detailed;
  bool browser; ///< a form that Chronon does not have, whose errors need not be Chronon's either
  struct chn_buf *body;
};

// ---- the query --------------------------------------------------------------------------------

static bool read_flag(struct http_request *r, const struct http_param *p, bool *out)
{
  static const char *const yes[] = { "", "1", "true" };
  static const char *const no[] = { "0", "false" };
  for (size_t i = 0; i < 3; i++) {
    if (p->value == NULL || strcmp(p->value, yes[i]) == 0) {
      *out = true;
      return true;
    }
  }
  if (strcmp(p->value, no[0]) == 0 || strcmp(p->value, no[1]) == 0) {
    *out = false;
    return true;
  }
  http_fail(r, 400, "%s=%s: 1 or 0 is needed", p->name, p->value);
  return false;
}

static bool once(struct http_request *r, bool *seen, const char *name)
{
  if (*seen) {
    http_fail(r, 400, "the query: %s stands twice", name);
    return false;
  }
  return *seen = true;
}

/// `at` and `detailed`; of a GET everything else is a key.
static bool read_param(struct http_request *r, struct asked *q, const struct http_param *p,
                       struct codec_json_writer *keys)
{
  struct chn_err err;
  if (strcmp(p->name, "at") == 0) {
    if (!once(r, &q->has_at, p->name)) {
      return false;
    }
    if (chn_ms_of_text(p->value != NULL ? p->value : "", &q->at, &err) != CHN_OK) {
      http_fail(r, 400, "at: %s", err.msg);
      return false;
    }
    return true;
  }
  if (strcmp(p->name, "detailed") == 0) {
    bool detailed = false;
    const bool good = once(r, &q->has_detailed, p->name) && read_flag(r, p, &detailed);
    q->form = detailed ? FETCH_JSON_DETAILED : FETCH_JSON_PLAIN;
    return good;
  }
  if (keys != NULL) {
    codec_json_key(keys, p->name);
    if (p->value != NULL) {
      codec_json_string(keys, p->value, strlen(p->value));
    } else {
      codec_json_null(keys);
    }
  }
  return true;
}

static bool read_query(struct http_request *r, struct asked *q)
{
  struct codec_json_writer keys;
  const char *at = r->query;
  struct http_param p;
  bool bad = false;
  codec_json_writer_init(&keys, &r->body, CODEC_JSON_COMPACT);
  if (r->method == HTTP_GET) {
    chn_buf_clear(&r->body);
    codec_json_begin(&keys, '[');
    codec_json_begin(&keys, '{');
  }
  while (http_next_param(&r->arena, &at, &p, &bad)) {
    if (bad) {
      http_fail(r, 400, "the query \"%s\" has a bad escape: %%XX is needed", r->query);
      return false;
    }
    if (!read_param(r, q, &p, r->method == HTTP_GET ? &keys : NULL)) {
      return false;
    }
  }
  if (r->method == HTTP_GET) {
    codec_json_end(&keys, '}');
    codec_json_end(&keys, ']');
  }
  return true;
}

// ---- the body ---------------------------------------------------------------------------------

/// Counts what a document of these bytes would have, without making it.
static void measure(const char *text, size_t len, int64_t *objects, int64_t *values)
{
  int64_t depth = 0;
  bool quoted = false;
  *objects = 0;
  *values = 1;
  for (size_t i = 0; i < len; i++) {
    const char c = text[i];
    if (quoted) {
      i += c == '\\';
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      *objects += c == '{' && depth == 1;
      *values += 1;
      depth++;
    } else if (c == '}' || c == ']') {
      depth--;
    } else {
      *values += c == ',';
    }
  }
}

static bool fits(struct http_request *r)
{
  int64_t objects = 0;
  int64_t values = 0;
  const int32_t most = r->worker->server->options.max_rows;
  if (r->body.len / 2 <= (size_t)most && r->body.len <= MAX_VALUES) {
    return true; // an object has two bytes at least, a value one
  }
  measure(chn_buf_str(&r->body), r->body.len, &objects, &values);
  if (objects > most) {
    http_fail(r, 413, "the body has %lld key objects; at most %d are answered at once",
              (long long)objects, most);
  } else if (values > MAX_VALUES) {
    http_fail(r, 413, "the body has %lld JSON values; at most %d are read", (long long)values,
              MAX_VALUES);
  }
  return r->status == 0;
}

// ---- answering --------------------------------------------------------------------------------

/// What is wrong with the keys; of a GET nobody wrote the body that the place is told of.
static void fail_keys(struct http_request *r, const struct chn_err *err)
{
  const char *what = r->method == HTTP_GET ? strstr(err->msg, ": ") : NULL;
  http_fail(r, 400, "%s%s", what != NULL ? "the query" : "", what != NULL ? what : err->msg);
}

/// A failure of the store, which concerns all rows.
static void fail_store(struct http_request *r, const struct asked *q, const struct chn_err *err)
{
  http_fail(r, 500, "%s", err->msg);
  http_say(r->worker->server, "%s %s: %s", r->route->label, q->name, err->msg);
}

/// There is no such plan: for a GroupBy Chronon has a failure in each row, for a join its server's
/// own page of errors.
static void refuse(struct http_request *r, const struct asked *q, const struct chn_err *err)
{
  struct chn_err why = *err;
  if (q->kind == FETCH_GROUP_BY) {
    struct chn_err bad;
    if (err->code == CHN_E_IO) {
      fail_store(r, q, &why);
    } else if (fetch_json_refuse(r->worker->json, chn_buf_str(q->body), q->body->len, err->msg,
                                 q->form, &r->reply, &bad) == CHN_OK) {
      http_done(r, 200, http_json_type);
    } else {
      fail_keys(r, &bad);
    }
  } else if (err->code != CHN_E_NOT_FOUND) {
    fail_store(r, q, &why);
  } else if (q->browser) {
    http_fail(r, 404, "%s", err->msg);
  } else {
    http_say(r->worker->server, "join %s: %s", q->name, err->msg);
    chn_buf_adds(&r->reply, "Internal Server Error");
    http_done(r, 500, NULL);
  }
}

static const int64_t *instants(struct http_worker *w, size_t n, int64_t at)
{
  if (at == INT64_MIN) {
    return NULL;
  }
  if (n > w->at_room) {
    w->at_room = n;
    w->at = chn_realloc(w->at, n * sizeof *w->at);
  }
  for (size_t i = 0; i < n; i++) {
    w->at[i] = at;
  }
  return w->at;
}

/// The detailed answer, and what is logged, which wants columns.
static chn_status run_columns(struct http_request *r, const struct asked *q,
                              const struct fetch_request *request, struct chn_err *err)
{
  struct http_worker *w = r->worker;
  struct fetch_result result;
  const chn_status status = fetch_run(w->session, request, 1, &result, err);
  if (status == CHN_OK) {
    fetch_json_write(w->json, &result, q->form, &r->reply);
    fetch_log_add(w->server->options.log, &result);
  }
  return status;
}

static void run(struct http_request *r, const struct asked *q, const struct fetch_plan *plan)
{
  struct http_worker *w = r->worker;
  struct fetch_request request;
  struct chn_err err;
  chn_status (*const read)(struct fetch_json *, const struct fetch_plan *, const char *, size_t,
                           struct fetch_request *, struct chn_err *) =
      r->method == HTTP_GET ? fetch_json_read_words : fetch_json_read;
  if (read(w->json, plan, chn_buf_str(q->body), q->body->len, &request, &err) != CHN_OK) {
    fail_keys(r, &err);
    return;
  }
  request.at = instants(w, request.n, q->at);
  request.base = w->server->options.log != NULL && fetch_log_wants(plan);
  r->reply.max = MAX_REPLY;
  const chn_status status = q->form == FETCH_JSON_PLAIN && !request.base
                                ? fetch_json_answer(w->json, w->session, &request, &r->reply, &err)
                                : run_columns(r, q, &request, &err);
  if (status != CHN_OK) {
    fail_store(r, q, &err);
    return;
  }
  obs_add(w->server->rows, (int64_t)request.n);
  if (r->reply.truncated) {
    http_fail(r, 500, "the answer has more than %d MiB: ask for fewer keys", MAX_REPLY >> 20);
  } else {
    http_done(r, 200, http_json_type);
  }
}

static bool may_read(struct http_request *r, const char *name)
{
  if (r->token == NULL || http_token_may_read(r->token, name)) {
    return true;
  }
  http_fail(r, 403, "the token may not read the features of team \"%.*s\"",
            (int)strcspn(name, "/."), name);
  return false;
}

static void answer(struct http_request *r, enum fetch_kind kind)
{
  struct http_worker *w = r->worker;
  const struct fetch_plan *plan = NULL;
  struct chn_err err;
  struct asked q = { .kind = kind, .at = INT64_MIN, .body = &r->body };
  q.name = http_decode(&r->arena, r->name, strlen(r->name), false);
  if (q.name == NULL) {
    http_fail(r, 400, "the name \"%s\" has a bad escape: %%XX is needed", r->name);
    return;
  }
  if (!may_read(r, q.name) || !read_query(r, &q) || !fits(r)) {
    return;
  }
  q.browser = r->method == HTTP_GET || q.form == FETCH_JSON_DETAILED;
  if (http_worker_ready(w, &err) != CHN_OK) {
    fail_store(r, &q, &err);
    return;
  }
  if (fetch_plan_get(w->session, kind, q.name, &plan, &err) != CHN_OK) {
    refuse(r, &q, &err);
    return;
  }
  if (may_read(r, fetch_plan_name(plan))) {
    run(r, &q, plan);
    obs_observe(http_worker_series(w, plan), (chn_monotonic_ms() - r->started_ms) / 1000);
  }
  fetch_plan_release(plan);
}

void http_answer_join(struct http_request *r)
{
  answer(r, FETCH_JOIN);
}

void http_answer_group_by(struct http_request *r)
{
  answer(r, FETCH_GROUP_BY);
}
