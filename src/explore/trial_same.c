// Values that were computed beside those that were expected.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "explore/trial_int.h"

static double real_of(const struct codec_json *v)
{
  return v->kind == CODEC_JSON_INT ? (double)v->as.integer : v->as.real;
}

static bool is_number(const struct codec_json *v)
{
  return v->kind == CODEC_JSON_INT || v->kind == CODEC_JSON_REAL;
}

static bool is_empty(const struct codec_json *v)
{
  return (v->kind == CODEC_JSON_ARRAY || v->kind == CODEC_JSON_OBJECT) && v->n == 0;
}

/// Doubles that were summed in another order differ in their last digits.
static bool same_numbers(const struct codec_json *x, const struct codec_json *y)
{
  if (x->kind == CODEC_JSON_INT && y->kind == CODEC_JSON_INT) {
    return x->as.integer == y->as.integer;
  }
  const double a = real_of(x), b = real_of(y);
  return a == b || fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

/// A number beyond 2^53 can only be written as a text; an instant is easier to.
static bool same_as_text(const struct codec_json *got, const struct codec_json *want)
{
  struct chn_err ignored;
  int64_t ms = 0;
  if (strlen(got->text) == want->text_len && strcmp(got->text, want->text) == 0) {
    return true;
  }
  return got->kind == CODEC_JSON_INT && strchr(want->text, '-') != NULL &&
         chn_ms_of_text(want->text, &ms, &ignored) == CHN_OK && ms == got->as.integer;
}

static bool same_lists(const struct codec_json *x, const struct codec_json *y)
{
  bool same = x->n == y->n;
  for (int32_t i = 0; same && i < x->n; i++) {
    same = trial_same(&x->members[i].value, &y->members[i].value);
  }
  return same;
}

static bool same_objects(const struct codec_json *x, const struct codec_json *y)
{
  bool same = x->n == y->n;
  for (int32_t i = 0; same && i < x->n; i++) {
    const struct codec_json *other = codec_json_get(y, x->members[i].key);
    same = other != NULL && trial_same(&x->members[i].value, other);
  }
  return same;
}

bool trial_same(const struct codec_json *got, const struct codec_json *want)
{
  const struct codec_json *approx = codec_json_get(want, "$approx");
  if (approx != NULL) {
    const double within = real_of(codec_json_get(want, "$within"));
    return is_number(got) && fabs(real_of(got) - real_of(approx)) <= within;
  }
  if (is_number(got) && is_number(want)) {
    return same_numbers(got, want);
  }
  if (is_number(got) && want->kind == CODEC_JSON_STRING) {
    return same_as_text(got, want);
  }
  if (is_empty(got) || is_empty(want)) {
    return is_empty(got) && is_empty(want);
  }
  if (got->kind != want->kind) {
    return false;
  }
  switch (got->kind) {
  case CODEC_JSON_BOOL: return got->as.boolean == want->as.boolean;
  case CODEC_JSON_STRING:
    return got->text_len == want->text_len && memcmp(got->text, want->text, got->text_len) == 0;
  case CODEC_JSON_ARRAY: return same_lists(got, want);
  case CODEC_JSON_OBJECT: return same_objects(got, want);
  default: return true; // both null
  }
}

const char *trial_show(struct arena *a, const struct codec_json *v)
{
  const struct codec_json *approx = codec_json_get(v, "$approx");
  struct chn_buf out = { 0 };
  if (approx != NULL) {
    const struct codec_json *within = codec_json_get(v, "$within");
    codec_json_write(approx, CODEC_JSON_COMPACT, &out);
    chn_buf_adds(&out, " ± ");
    codec_json_write(within, CODEC_JSON_COMPACT, &out);
  } else {
    codec_json_write(v, CODEC_JSON_SPACED, &out);
  }
  const char *text = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return text;
}

const char *trial_names(struct arena *a, const char *const *names, int32_t n)
{
  struct chn_buf out = { 0 };
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(&out, "%s%s", i > 0 ? ", " : "", names[i]);
  }
  const char *text = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return text;
}
