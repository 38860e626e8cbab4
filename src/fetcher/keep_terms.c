// What may be kept of a run, and how long it is good.
#include <string.h>

#include "fetcher/keep_int.h"

/// Derivations that only copy say the same at any instant, but for copies of the instant itself.
static bool derives_timelessly(const struct fetch_plan *plan)
{
  const struct fetch_derive *d = plan->derive;
  bool good = d == NULL || d->broken == NULL;
  for (int32_t i = 0; good && d != NULL && i < plan->features.n_fields; i++) {
    const int32_t input = d->outs[i].source;
    good = input >= 0 && d->input_at[input] < d->n_keys + d->n_base;
  }
  return good;
}

bool keep_takes(const struct fetch_plan *plan)
{
  if (!derives_timelessly(plan)) {
    return false;
  }
  if (plan->kind == FETCH_GROUP_BY) {
    return !plan->gb.entities;
  }
  const struct fetch_join *join = &plan->join;
  bool good = join->refused == NULL && join->codec_failure == NULL;
  for (int32_t i = 0; i < join->n_exts; i++) {
    good = good && join->exts[i].contextual; // which repeats keys
  }
  for (int32_t i = 0; i < join->n_parts && good; i++) {
    good = join->parts[i].plan != NULL && keep_takes(join->parts[i].plan);
  }
  return good;
}

// ---- questions --------------------------------------------------------------------------------

static void add_key(const struct row_col *c, size_t r, struct chn_buf *out)
{
  if (row_is_null(c, r)) {
    chn_buf_addc(out, 0);
    return;
  }
  chn_buf_addc(out, 1);
  if (c->type->kind == ROW_STRING || c->type->kind == ROW_BINARY) {
    const struct row_str *s = (const struct row_str *)c->data + r;
    chn_buf_add(out, &s->len, sizeof s->len);
    chn_buf_add(out, row_str_bytes(s), s->len);
  } else {
    const size_t width = row_kind_width(c->type->kind);
    chn_buf_add(out, (const char *)c->data + r * width, width);
  }
}

void keep_add_question(const struct fetch_request *q, size_t r, struct chn_buf *out)
{
  chn_buf_add(out, &q->plan->id, sizeof q->plan->id);
  for (int32_t i = 0; i < q->plan->keys.n_fields; i++) {
    add_key(&q->keys[i], r, out);
  }
}

// ---- terms ------------------------------------------------------------------------------------

static void watch(struct chn_buf *watches, const struct kv_get *get)
{
  const uint32_t w = kv_watch(get);
  chn_buf_add(watches, &w, sizeof w);
}

/// What one job read for a row.
static bool add_job(const struct fetch_session *s, const struct fetch_job *j, size_t r,
                    struct chn_buf *watches, struct keep_terms *terms)
{
  const struct fetch_gb *gb = &j->plan->gb;
  if (j->rows[r] == FETCH_ROW_DROPPED) {
    return true; // a key is null: nothing was read
  }
  if (j->rows[r] == FETCH_ROW_FAILED || j->ahead[r]) {
    return false;
  }
  watch(watches, &s->gets[j->gets[r]]);
  if (gb->temporal) {
    const int64_t until = agg_serve_until(gb->aggs, j->at[r]);
    watch(watches, &s->gets[j->gets[r] + 1]);
    terms->until = until < terms->until ? until : terms->until;
  }
  return true;
}

bool keep_terms_of(const struct fetch_session *s, const struct fetch_result *result, size_t r,
                   struct chn_buf *watches, struct keep_terms *out)
{
  const struct run_item *it = s->items; // a session keeps answers of runs of one request
  const bool answered = result->rows[r] == FETCH_ROW_VALUES || result->rows[r] == FETCH_ROW_NONE;
  chn_buf_clear(watches);
  *out = (struct keep_terms){ .snapshot = s->snapshot, .from = result->at[r], .until = INT64_MAX };
  if (s->snapshot == 0 || !answered) {
    return false;
  }
  bool good = true;
  const struct fetch_job *j = NULL;
  for (int32_t i = 0; good && (j = fetch_run_job(it, i)) != NULL; i++) {
    good = j->plan != NULL && add_job(s, j, r, watches, out);
  }
  out->watches = (const uint32_t *)(const void *)watches->data;
  out->n_watches = (uint32_t)(watches->len / sizeof *out->watches);
  return good;
}
