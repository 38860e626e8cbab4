#include "fetcher/fetcher.h"

#include <stdlib.h>
#include <string.h>

#include "fetcher/keep_int.h"
#include "model/json.h"
#include "model/names.h"

enum { TTL_MS = 2 * 3600 * 1000, REFRESH_MS = 8000, EXTERNAL_MS = 1000 };

static const char *copied(struct fetcher *f, const char *text)
{
  return text != NULL ? arena_strdup(&f->arena, text) : NULL;
}

chn_status fetcher_open(struct kv_store *store, const struct fetcher_options *options,
                        struct fetcher **out, struct chn_err *err)
{
  struct fetcher *f = chn_calloc(1, sizeof *f);
  f->store = store;
  if (options != NULL) {
    f->options = *options;
  }
  struct fetcher_options *o = &f->options;
  o->repo = copied(f, o->repo);
  o->metadata = copied(f, o->metadata);
  o->ttl_ms = o->ttl_ms > 0 ? o->ttl_ms : TTL_MS;
  o->refresh_ms = o->refresh_ms > 0 ? o->refresh_ms : REFRESH_MS;
  o->external_ms = o->external_ms > 0 ? o->external_ms : EXTERNAL_MS;
  o->answer_cache = kv_has_snapshots(store) ? o->answer_cache : 0;
  f->keep = o->answer_cache > 0 ? keep_new((size_t)o->answer_cache) : NULL;
  pthread_mutex_init(&f->lock, NULL);
  pthread_mutex_init(&f->loading, NULL);
  pthread_mutex_init(&f->wh_lock, NULL);
  pthread_cond_init(&f->wake, NULL);
  const chn_status s = fetch_meta_open(f, err);
  if (s != CHN_OK) {
    fetcher_close(f);
    return s;
  }
  *out = f;
  return CHN_OK;
}

const struct fetcher_options *fetcher_settings(const struct fetcher *f)
{
  return &f->options;
}

void fetcher_close(struct fetcher *f)
{
  if (f == NULL) {
    return;
  }
  fetch_meta_close(f);
  wh_close(f->wh);
  keep_free(f->keep);
  free(f->handlers);
  pthread_mutex_destroy(&f->lock);
  pthread_mutex_destroy(&f->loading);
  pthread_mutex_destroy(&f->wh_lock);
  pthread_cond_destroy(&f->wake);
  arena_deinit(&f->arena);
  free(f);
}

chn_status fetcher_wh(struct fetcher *f, struct wh **out, struct chn_err *err)
{
  // No tables are read, and a request's few rows are no work for several threads.
  const struct wh_options options = { .root = "/nonexistent", .threads = 1 };
  pthread_mutex_lock(&f->wh_lock);
  const chn_status s = f->wh != NULL ? CHN_OK : wh_open(&options, &f->wh, err);
  *out = f->wh;
  pthread_mutex_unlock(&f->wh_lock);
  return s;
}

chn_status fetcher_add_join(struct fetcher *f, const char *text, size_t len, struct chn_err *err)
{
  struct arena a = { 0 };
  struct model_conf conf;
  chn_status s = model_read_json(&a, text, len, MODEL_JOIN, "the join", &conf, err);
  if (s == CHN_OK && conf.name == NULL) {
    s = chn_fail(err, CHN_E_ARGUMENT, "the join has no metaData.name");
  }
  if (s == CHN_OK) {
    pthread_mutex_lock(&f->lock);
    struct fetch_join_text *j = arena_calloc(&f->arena, 1, sizeof *j);
    char *name = arena_strdup(&f->arena, conf.name);
    char *dot = strchr(name, '/') == NULL ? strchr(name, '.') : NULL;
    if (dot != NULL) {
      *dot = '/';
    }
    *j = (struct fetch_join_text){ f->joins, name, arena_strndup(&f->arena, text, len), len };
    f->joins = j;
    pthread_mutex_unlock(&f->lock);
  }
  arena_deinit(&a);
  return s;
}

void fetcher_count(const struct fetcher *f, struct fetcher_counts *out)
{
  struct fetcher *g = (struct fetcher *)f;
  *out = (struct fetcher_counts){
    .requests = { atomic_load(&g->requests[0]), atomic_load(&g->requests[1]) },
    .failed_rows = atomic_load(&g->failed_rows),
    .errors = atomic_load(&g->errors),
    .keys_read = atomic_load(&g->keys_read),
    .batch_cached = atomic_load(&g->batch_cached),
    .answers_kept = atomic_load(&g->answers_kept),
    .plans = atomic_load(&g->plans),
    .plan_errors = atomic_load(&g->plan_errors),
  };
}

// ---- external sources -------------------------------------------------------------------------

struct fetch_handler fetcher_handler(struct fetcher *f, const char *source)
{
  struct fetch_handler found = { 0 };
  pthread_mutex_lock(&f->lock);
  for (int32_t i = 0; i < f->n_handlers; i++) {
    if (strcmp(f->handlers[i].source, source) == 0) {
      found = f->handlers[i];
    }
  }
  pthread_mutex_unlock(&f->lock);
  return found;
}

chn_status fetcher_register(struct fetcher *f, const char *source, fetch_external_fn fn, void *self,
                            struct chn_err *err)
{
  if (strcmp(source, "contextual") == 0 || fetcher_handler(f, source).fn != NULL) {
    return chn_fail(err, CHN_E_CONFLICT, "A handler by the name %s already exists", source);
  }
  pthread_mutex_lock(&f->lock);
  f->handlers =
      chn_realloc(f->handlers, (size_t)(f->n_handlers + 1) * sizeof(struct fetch_handler));
  f->handlers[f->n_handlers++] =
      (struct fetch_handler){ arena_strdup(&f->arena, source), fn, self };
  pthread_mutex_unlock(&f->lock);
  return CHN_OK;
}

// ---- plans ------------------------------------------------------------------------------------

struct fetch_plan *fetch_plan_new(struct fetcher *f, enum fetch_kind kind, const char *text,
                                  size_t len)
{
  static atomic_llong ids;
  struct fetch_plan *plan = chn_calloc(1, sizeof *plan);
  atomic_init(&plan->refs, 1);
  plan->id = atomic_fetch_add(&ids, 1) + 1;
  plan->fetcher = f;
  plan->kind = kind;
  plan->batch_end = INT64_MIN;
  plan->text = arena_strndup(&plan->arena, text, len);
  plan->text_len = len;
  return plan;
}

void fetch_plan_retain(struct fetch_plan *plan)
{
  atomic_fetch_add(&plan->refs, 1);
}

void fetch_plan_release(const struct fetch_plan *plan)
{
  struct fetch_plan *p = (struct fetch_plan *)plan;
  if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1) {
    return;
  }
  for (int32_t i = 0; i < p->join.n_parts; i++) {
    fetch_plan_release(p->join.parts[i].plan);
  }
  struct arena a = p->arena;
  arena_deinit(&a);
  free(p);
}

enum fetch_kind fetch_plan_kind(const struct fetch_plan *plan)
{
  return plan->kind;
}

int64_t fetch_plan_id(const struct fetch_plan *plan)
{
  return plan->id;
}

const char *fetch_plan_name(const struct fetch_plan *plan)
{
  return plan->name;
}

const struct row_schema *fetch_plan_keys(const struct fetch_plan *plan)
{
  return &plan->keys;
}

const struct row_schema *fetch_plan_features(const struct fetch_plan *plan)
{
  return &plan->features;
}

const struct row_schema *fetch_plan_base(const struct fetch_plan *plan)
{
  return &plan->base;
}

const struct model_join *fetch_plan_join(const struct fetch_plan *plan)
{
  return plan->kind == FETCH_JOIN ? plan->join.conf : NULL;
}

int64_t fetch_plan_batch_end(const struct fetch_plan *plan)
{
  return plan->batch_end;
}

const char *fetch_status_name(enum fetch_status status)
{
  static const char *const names[] = { "present", "null", "missing_key", "stale_batch", "error" };
  return names[status];
}
