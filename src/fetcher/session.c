#include <stdlib.h>
#include <string.h>

#include "fetcher/fetcher_int.h"

// ---- builders ---------------------------------------------------------------------------------

void fetch_cols_fit(struct fetch_cols *c, const struct row_schema *schema)
{
  if (c->at == NULL) {
    c->n = schema->n_fields;
    c->at = chn_calloc((size_t)c->n + 1, sizeof(struct row_builder *));
    for (int32_t i = 0; i < c->n; i++) {
      c->at[i] = row_builder_new(schema->fields[i].type);
    }
  }
  fetch_cols_clear(c);
}

void fetch_cols_clear(struct fetch_cols *c)
{
  for (int32_t i = 0; i < c->n; i++) {
    row_builder_clear(c->at[i]);
  }
}

void fetch_cols_free(struct fetch_cols *c)
{
  for (int32_t i = 0; i < c->n; i++) {
    row_builder_free(c->at[i]);
  }
  free(c->at);
  *c = (struct fetch_cols){ 0 };
}

// ---- states of a plan -------------------------------------------------------------------------

static void fit_group_by(struct fetch_work *w)
{
  const struct fetch_gb *gb = &w->plan->gb;
  if (!gb->temporal) {
    return;
  }
  w->own = agg_batch_ir_new(gb->aggs, gb->entities ? AGG_BATCH_ENTITIES : AGG_BATCH_EVENTS);
  w->ir = agg_ir_new(gb->aggs->parts, gb->aggs->n_parts);
  w->tile = gb->tiled ? agg_ir_new(gb->aggs->bases, gb->aggs->n_bases) : NULL;
  w->fast = gb->entities
                ? NULL
                : agg_stream_new(gb->aggs, AGG_BATCH_EVENTS, gb->value, gb->stream, gb->tiled);
  const int32_t cached = w->plan->fetcher->options.batch_cache;
  w->cache = cached > 0 && !agg_stream_is_simple(w->fast) ? fetch_cache_new(cached) : NULL;
  w->stream_cols = chn_calloc((size_t)gb->stream->n_fields + 1, sizeof *w->stream_cols);
  w->inputs = chn_calloc((size_t)gb->aggs->inputs.n_fields + 1, sizeof *w->inputs);
}

static struct fetch_work *new_work(struct fetch_plan *plan)
{
  struct fetch_work *w = chn_calloc(1, sizeof *w);
  fetch_plan_retain(plan);
  w->plan = plan;
  if (plan->kind == FETCH_GROUP_BY) {
    fit_group_by(w);
  }
  w->ts = row_builder_new(row_scalar(ROW_LONG));
  w->ds = row_builder_new(row_scalar(ROW_STRING));
  return w;
}

static void free_work(struct fetch_work *w)
{
  agg_batch_ir_free(w->own);
  agg_batch_ir_free(w->spare);
  fetch_cache_free(w->cache);
  agg_ir_free(w->ir);
  agg_ir_free(w->tile);
  agg_stream_free(w->fast);
  fetch_cols_free(&w->value);
  fetch_cols_free(&w->stream);
  for (int32_t i = 0; i < w->n_outs; i++) {
    fetch_cols_free(&w->outs[i]);
    fetch_cols_free(&w->derived[i]);
  }
  free(w->outs);
  free(w->derived);
  free(w->stream_cols);
  free(w->inputs);
  wh_eval_close(w->eval);
  row_builder_free(w->ts);
  row_builder_free(w->ds);
  fetch_plan_release(w->plan);
  free(w);
}

int32_t fetch_work_use(struct fetch_work *w)
{
  const int32_t use = w->n_used++;
  if (use == w->n_outs) {
    w->n_outs++;
    w->outs = chn_realloc(w->outs, (size_t)w->n_outs * sizeof *w->outs);
    w->derived = chn_realloc(w->derived, (size_t)w->n_outs * sizeof *w->derived);
    w->outs[use] = w->derived[use] = (struct fetch_cols){ 0 };
  }
  return use;
}

struct fetch_work *fetch_session_work(struct fetch_session *s, struct fetch_plan *plan)
{
  struct fetch_work **at = &s->works;
  while (*at != NULL && (*at)->plan != plan) {
    at = &(*at)->next;
  }
  struct fetch_work *w = *at;
  if (w == NULL) {
    w = new_work(plan);
  } else {
    *at = w->next;
  }
  w->next = s->works; // used last, found first
  s->works = w;
  return w;
}

void fetch_session_again(struct fetch_session *s)
{
  s->n_gets = 0;
  chn_buf_clear(&s->keys);
  for (struct fetch_work *w = s->works; w != NULL; w = w->next) {
    w->n_used = 0;
  }
}

void fetch_session_begin(struct fetch_session *s)
{
  arena_reset(&s->arena);
  for (size_t i = 0; i < s->n_temps; i++) {
    row_builder_free(s->temps[i]);
  }
  s->n_temps = 0;
  s->renew_error = NULL;
  fetch_session_again(s);
  const long long swaps = atomic_load(&s->fetcher->swaps);
  for (struct fetch_work **at = &s->works; *at != NULL;) {
    struct fetch_work *w = *at;
    if (swaps != s->swaps && atomic_load(&w->plan->retired)) {
      *at = w->next;
      free_work(w);
    } else {
      at = &w->next;
    }
  }
  s->swaps = swaps;
}

struct row_builder *fetch_session_temp(struct fetch_session *s, const struct row_type *type)
{
  if (s->n_temps == s->temps_room) {
    s->temps_room = s->temps_room > 0 ? 2 * s->temps_room : 8;
    s->temps = chn_realloc(s->temps, s->temps_room * sizeof(struct row_builder *));
  }
  return s->temps[s->n_temps++] = row_builder_new(type);
}

chn_status fetch_session_open(struct fetcher *f, struct fetch_session **out, struct chn_err *err)
{
  struct fetch_session *s = chn_calloc(1, sizeof *s);
  s->fetcher = f;
  const chn_status status = kv_reader_open(&s->reader, f->store, err);
  if (status != CHN_OK) {
    fetch_session_close(s);
    return status;
  }
  *out = s;
  return CHN_OK;
}

void fetch_session_close(struct fetch_session *s)
{
  if (s == NULL) {
    return;
  }
  while (s->works != NULL) {
    struct fetch_work *w = s->works;
    s->works = w->next;
    free_work(w);
  }
  for (size_t i = 0; i < s->n_temps; i++) {
    row_builder_free(s->temps[i]);
  }
  free(s->temps);
  free(s->gets);
  free(s->key_at);
  chn_buf_deinit(&s->keys);
  kv_reader_close(s->reader);
  arena_deinit(&s->arena);
  free(s);
}

chn_status fetch_plan_get(struct fetch_session *s, enum fetch_kind kind, const char *name,
                          const struct fetch_plan **out, struct chn_err *err)
{
  struct fetch_plan *plan = NULL;
  struct fetch_meta_slot *slot = fetch_meta_slot(s->fetcher, kind, name, false);
  const chn_status status = slot != NULL
                                ? fetch_meta_plan(s->fetcher, s->reader, slot, &plan, err)
                                : fetch_meta_first(s->fetcher, s->reader, kind, name, &plan, err);
  *out = plan;
  return status;
}
