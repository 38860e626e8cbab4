#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_int.h"

// What a request may leave behind in buffers that are used again.
enum { KEEP_BYTES = 256 << 10, KEEP_REQUEST = 1 << 20 };

struct http_worker *http_worker_new(struct http_server *s)
{
  struct http_worker *w = chn_calloc(1, sizeof *w);
  w->server = s;
  pthread_mutex_lock(&s->lock);
  w->next = s->workers;
  s->workers = w;
  pthread_mutex_unlock(&s->lock);
  return w;
}

static void free_request(struct http_request *r)
{
  arena_deinit(&r->arena);
  chn_buf_deinit(&r->target);
  chn_buf_deinit(&r->body);
  chn_buf_deinit(&r->reply);
  free(r);
}

static void close_session(struct http_worker *w)
{
  fetch_json_free(w->json);
  fetch_session_close(w->session);
  free(w->at);
  w->json = NULL;
  w->session = NULL;
  w->at = NULL;
  w->at_room = 0;
}

void http_worker_free(struct http_worker *w)
{
  while (w->free != NULL) {
    struct http_request *r = w->free;
    w->free = r->next;
    free_request(r);
  }
  close_session(w);
  chn_dict_free(w->names);
  free(w->series);
  free(w);
}

chn_status http_worker_ready(struct http_worker *w, struct chn_err *err)
{
  if (w->json == NULL) {
    w->json = fetch_json_new();
  }
  return w->session != NULL ? CHN_OK : fetch_session_open(w->server->fetcher, &w->session, err);
}

void http_worker_shrink(struct http_worker *w)
{
  close_session(w);
}

struct obs_series *http_worker_series(struct http_worker *w, const struct fetch_plan *plan)
{
  if (w->last_id == fetch_plan_id(plan)) {
    return w->last_series;
  }
  const char *name = fetch_plan_name(plan);
  const bool join = fetch_plan_kind(plan) == FETCH_JOIN;
  char key[256];
  const int len = snprintf(key, sizeof key, "%c%s", join ? 'j' : 'g', name);
  const size_t n = len < (int)sizeof key ? (size_t)len : sizeof key - 1;
  if (w->names == NULL) {
    w->names = chn_dict_new(0);
  }
  const int32_t known = chn_dict_size(w->names);
  const int32_t id = chn_dict_intern(w->names, key, n);
  if (id == known) {
    struct chn_buf labels = { 0 };
    obs_label(&labels, join ? "join" : "group_by", name);
    w->series = chn_realloc(w->series, ((size_t)id + 1) * sizeof(struct obs_series *));
    w->series[id] =
        obs_histogram(w->server->metrics, "chronon_fetch_seconds", chn_buf_str(&labels),
                      "Time to read, fetch and write an answer, by what was asked.", NULL, 0);
    chn_buf_deinit(&labels);
  }
  w->last_id = fetch_plan_id(plan);
  w->last_series = w->series[id];
  return w->last_series;
}

// ---- requests ---------------------------------------------------------------------------------

/// A proxy is asked with a whole URL.
static const char *skip_host(const char *target)
{
  const char *host = *target != '/' ? strstr(target, "://") : NULL;
  const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
  return path != NULL ? path : target;
}

struct http_request *http_request_new(struct http_worker *w, const char *target)
{
  struct http_request *r = w->free;
  if (r != NULL) {
    w->free = r->next;
  } else {
    r = chn_calloc(1, sizeof *r);
    r->worker = w;
  }
  r->next = NULL;
  r->stage = HTTP_NEW;
  chn_buf_adds(&r->target, skip_host(target));
  char *query = r->target.data != NULL ? strchr(r->target.data, '?') : NULL;
  if (query != NULL) {
    *query++ = '\0';
  }
  r->query = query;
  return r;
}

static void clear(struct chn_buf *b)
{
  if (b->cap > KEEP_BYTES) {
    const size_t max = b->max;
    chn_buf_deinit(b);
    *b = (struct chn_buf){ .max = max };
  } else {
    chn_buf_clear(b);
  }
}

void http_request_end(struct http_request *r)
{
  struct http_worker *w = r->worker;
  const bool large = r->body.len > KEEP_REQUEST || r->reply.len > 4 * KEEP_REQUEST;
  http_tokens_release(r->tokens);
  if (r->arena.total > KEEP_BYTES) {
    arena_deinit(&r->arena);
  } else {
    arena_reset(&r->arena);
  }
  clear(&r->target);
  clear(&r->body);
  clear(&r->reply);
  *r = (struct http_request){ .next = w->free,
                              .worker = w,
                              .arena = r->arena,
                              .target = r->target,
                              .body = r->body,
                              .reply = r->reply };
  w->free = r;
  if (large) {
    http_worker_shrink(w);
  }
}
