// argMap: strings that stand for numbers.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agg/plan_int.h"

/// What `k` means to an operation, and the bounds it must keep.
struct k_rule {
  int32_t fallback; ///< -1: k is required; -2: there is no k
  int32_t min;
  int32_t max;
  const char *meaning;
};

static struct k_rule k_rule(enum agg_op op)
{
  switch (op) {
  case AGG_FIRST_K:
  case AGG_LAST_K:
  case AGG_TOP_K:
  case AGG_BOTTOM_K: return (struct k_rule){ -1, 1, INT32_MAX, "how many values are kept" };
  case AGG_APPROX_UNIQUE_COUNT:
    return (struct k_rule){ 8, 4, 26, "the base-2 logarithm of the sketch's size" };
  case AGG_APPROX_PERCENTILE: return (struct k_rule){ 128, 8, 65535, "the sketch's size" };
  case AGG_HISTOGRAM:
    return (struct k_rule){ 0, 0, INT32_MAX, "how many entries are kept, 0 for all" };
  case AGG_APPROX_HISTOGRAM_K: return (struct k_rule){ 8, 1, 1 << 24, "how many entries are kept" };
  case AGG_BOUNDED_UNIQUE_COUNT: return (struct k_rule){ 8, 1, INT32_MAX, "the highest count" };
  default: return (struct k_rule){ -2, 0, 0, "" };
  }
}

static const char *find_arg(const struct agg_def *def, const char *name)
{
  for (int32_t i = 0; i < def->n_args; i++) {
    if (strcmp(def->arg_names[i], name) == 0) {
      return def->arg_values[i];
    }
  }
  return NULL;
}

static chn_status read_k(const struct agg_def *def, struct agg_part *part, struct chn_err *err)
{
  const struct k_rule rule = k_rule(def->op);
  if (rule.fallback == -2) {
    return CHN_OK;
  }
  const char *text = find_arg(def, "k");
  if (text == NULL) {
    part->k = rule.fallback;
    return part->k >= 0
               ? CHN_OK
               : chn_fail(err, CHN_E_ARGUMENT, "k needs to be specified in the argMap for %s type",
                          agg_op_name(def->op));
  }
  char *end = NULL;
  errno = 0;
  const long long k = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || k < rule.min || k > rule.max) {
    return chn_fail(err, CHN_E_ARGUMENT, "k is \"%s\", want an integer from %d to %d: %s", text,
                    (int)rule.min, (int)rule.max, rule.meaning);
  }
  part->k = (int32_t)k;
  return CHN_OK;
}

static const char *skip_space(const char *p)
{
  while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') {
    p++;
  }
  return p;
}

/// Reads "[0.5, 0.9]" into out, which has room for one number per comma and one more; returns how
/// many there are, or -1 when the text is anything else.
static int32_t read_fractions(const char *p, double *out)
{
  int32_t n = 0;
  p = skip_space(p);
  if (*p++ != '[') {
    return -1;
  }
  p = skip_space(p);
  while (*p != ']') {
    char *end = NULL;
    out[n] = strtod(p, &end);
    if (end == p || !(out[n] >= 0.0 && out[n] <= 1.0)) {
      return -1;
    }
    n++;
    p = skip_space(end);
    if (*p == ',') {
      p = skip_space(p + 1);
      if (*p == ']') {
        return -1;
      }
    } else if (*p != ']') {
      return -1;
    }
  }
  return *skip_space(p + 1) == '\0' ? n : -1;
}

static chn_status read_percentiles(struct arena *a, const struct agg_def *def,
                                   struct agg_part *part, struct chn_err *err)
{
  const char *text = find_arg(def, "percentiles");
  if (text == NULL) {
    text = "[0.5]";
  }
  size_t room = 1;
  for (const char *p = text; *p != '\0'; p++) {
    room += *p == ',';
  }
  double *out = arena_calloc(a, room, sizeof *out);
  part->n_percentiles = read_fractions(text, out);
  part->percentiles = out;
  if (part->n_percentiles < 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "percentiles is \"%s\", want a JSON list of fractions from 0 to 1, for example "
                    "\"[0.5, 0.95]\"",
                    text);
  }
  return CHN_OK;
}

chn_status agg_plan_args(struct arena *a, const struct agg_def *def, struct agg_part *part,
                         struct chn_err *err)
{
  const chn_status status = read_k(def, part, err);
  if (status == CHN_OK && def->op == AGG_APPROX_PERCENTILE) {
    return read_percentiles(a, def, part, err);
  }
  return status;
}
