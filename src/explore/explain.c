// One served value taken apart, as rows.
#include <string.h>

#include "explore/explore_serve_int.h"
#include "fetcher/fetch_explain.h"

static const char *const kinds[] = { "batch", "hop", "row", "tile" };

/// `batch, 3 hops, 1 row`
static const char *made_of(struct arena *a, const struct fetch_explained *x)
{
  int32_t used[4] = { 0 };
  const char *text = "";
  for (size_t i = 0; i < x->n_pieces; i++) {
    used[x->pieces[i].kind] += x->pieces[i].used;
  }
  for (int32_t k = 0; k < 4; k++) {
    const char *comma = *text != '\0' ? ", " : "";
    if (used[k] > 0 && k == FETCH_PIECE_BATCH) {
      text = arena_printf(a, "%s%s%s", text, comma, kinds[k]);
    } else if (used[k] > 0) {
      text = arena_printf(a, "%s%s%d %s%s", text, comma, (int)used[k], kinds[k],
                          used[k] == 1 ? "" : "s");
    }
  }
  return *text == '\0' && x->expression != NULL ? x->expression : text;
}

static chn_status keep_features(struct explore *e, const struct fetch_explained *list, size_t n,
                                struct explore_result *out, struct chn_err *err)
{
  struct out o = { .n = 0 };
  out_column(&o, "feature", ROW_STRING);
  out_column(&o, "value", ROW_STRING);
  out_column(&o, "window_from", ROW_TIMESTAMP);
  out_column(&o, "upload_until", ROW_TIMESTAMP);
  out_column(&o, "made_of", ROW_STRING);
  for (size_t i = 0; i < n; i++) {
    const struct fetch_explained *x = &list[i];
    const bool windowed = x->column != NULL && x->hop_ms != 0 && x->window_ms != 0;
    out_text(&o, 0, x->feature);
    out_text(&o, 1, x->error != NULL ? x->error : x->value);
    out_instant(&o, 2, windowed ? x->window_from : INT64_MIN);
    out_instant(&o, 3, x->group_by != NULL ? x->batch_end : INT64_MIN);
    out_text(&o, 4, made_of(&e->call, x));
  }
  return out_keep(e, &o, out, err);
}

static chn_status keep_pieces(struct explore *e, const struct fetch_explained *x,
                              struct explore_result *out, struct chn_err *err)
{
  struct out o = { .n = 0 };
  out_column(&o, "piece", ROW_STRING);
  out_column(&o, "from", ROW_TIMESTAMP);
  out_column(&o, "until", ROW_TIMESTAMP);
  out_column(&o, "alone", ROW_STRING);
  out_column(&o, "used", ROW_BOOLEAN);
  out_column(&o, "note", ROW_STRING);
  for (size_t i = 0; i < x->n_pieces; i++) {
    const struct fetch_piece *p = &x->pieces[i];
    out_text(&o, 0, kinds[p->kind]);
    out_instant(&o, 1, p->kind == FETCH_PIECE_BATCH ? INT64_MIN : p->from);
    out_instant(&o, 2, p->until);
    out_text(&o, 3, p->value);
    out_bool(&o, 4, p->used);
    out_text(&o, 5, p->why != NULL && p->why[0] != '\0' ? p->why : NULL);
  }
  for (size_t i = 0; i < x->n_inputs; i++) { // of a derivation
    out_text(&o, 0, "input");
    out_instant(&o, 1, INT64_MIN);
    out_instant(&o, 2, INT64_MIN);
    out_text(&o, 3, x->inputs[i].value);
    out_bool(&o, 4, true);
    out_text(&o, 5, x->inputs[i].name);
  }
  return out_keep(e, &o, out, err);
}

static chn_status explain(struct explore *e, const struct asked *asked, const char *feature,
                          struct explore_result *out, struct chn_err *err)
{
  struct fetch_explained *list = NULL;
  size_t n = 0;
  if (asked->request.n != 1) {
    return chn_fail(err, CHN_E_ARGUMENT, "one row of keys is taken apart at a time");
  }
  if (asked->request.refused != NULL && asked->request.refused[0] != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s", asked->request.refused[0]);
  }
  const chn_status s =
      fetch_explain(e->fetches, &asked->request, 0, feature, &e->call, &list, &n, err);
  if (s != CHN_OK) {
    return s;
  }
  return feature != NULL && n > 0 ? keep_pieces(e, list, out, err)
                                  : keep_features(e, list, n, out, err);
}

chn_status explore_explain(struct explore *e, int32_t kind, const char *json, const char *keys,
                           const char *at, const char *feature, struct explore_result *out,
                           struct chn_err *err)
{
  struct asked asked;
  explore_begin(e);
  chn_status s = explore_ask(e, kind, json, keys, at, &asked, err);
  if (s == CHN_OK) {
    s = explain(e, &asked, feature, out, err);
  }
  explore_asked_release(&asked);
  return explore_end(e, s, err);
}
