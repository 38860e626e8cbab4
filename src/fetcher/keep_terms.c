// What may be kept of a run, and how long it is good.
#include <string.h>

#include "base/time.h"
#include "fetcher/keep_int.h"

static enum keep_span shorter(enum keep_span a, enum keep_span b)
{
  return a < b ? a : b;
}

/// How long an input stays as it is for the same keys and values: `ts` is new with each request,
/// `ds` with each day.
static enum keep_span span_of_input(const struct fetch_derive *d, int32_t input)
{
  const int32_t ts = d->n_keys + d->n_base; // ds is behind it
  const int32_t at = d->input_at[input];
  return at < ts ? KEEP_ON : at == ts ? KEEP_NEVER : KEEP_DAY;
}

static enum keep_span span_of_derivations(const struct fetch_plan *plan)
{
  const struct fetch_derive *d = plan->derive;
  enum keep_span span = d == NULL || d->broken == NULL ? KEEP_ON : KEEP_NEVER;
  for (int32_t c = 0; d != NULL && c < plan->features.n_fields; c++) {
    const struct derive_out *o = &d->outs[c];
    span = o->source >= 0 ? shorter(span, span_of_input(d, o->source))
           : o->repeats   ? span
                          : KEEP_NEVER;
    for (int32_t i = 0; i < o->n_inputs; i++) {
      span = shorter(span, span_of_input(d, o->inputs[i]));
    }
  }
  return span;
}

enum keep_span keep_span_of(const struct fetch_plan *plan)
{
  enum keep_span span = span_of_derivations(plan);
  if (plan->kind == FETCH_GROUP_BY) {
    return plan->gb.entities && plan->gb.temporal ? KEEP_NEVER : span; // of mutations
  }
  const struct fetch_join *join = &plan->join;
  bool good = join->refused == NULL && join->codec_failure == NULL;
  for (int32_t i = 0; i < plan->keys.n_fields; i++) {
    good = good && plan->keys.fields[i].type->kind < ROW_MAP; // add_key takes no others
  }
  for (int32_t i = 0; i < join->n_exts; i++) {
    good = good && join->exts[i].contextual; // which repeats keys
  }
  for (int32_t i = 0; i < join->n_parts && good; i++) {
    const struct fetch_plan *part = join->parts[i].plan;
    span = part != NULL ? shorter(span, keep_span_of(part)) : KEEP_NEVER;
  }
  return good ? span : KEEP_NEVER;
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

/// Any instant may be asked for, and days are counted in 32 bits: those of base/time.h begin anew
/// some millions of years away.
static int64_t end_of_day(int64_t at)
{
  const int64_t into = at % CHN_DAY_MS;
  int64_t end = 0;
  return __builtin_add_overflow(at - into, into < 0 ? 0 : CHN_DAY_MS, &end) ? at : end;
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
  if (result->plan->keeps == KEEP_DAY) {
    out->until = end_of_day(out->from);
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
