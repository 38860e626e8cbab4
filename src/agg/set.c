#include <math.h>
#include <string.h>

#include "agg/set_int.h"

/// A number as 8 bytes that are equal exactly when Java's values are.
static int64_t number_key(const struct row_col *c, size_t row)
{
  if (!agg_is_float(c->type)) {
    return agg_read_int(c, row);
  }
  double x = agg_read_double(c, row);
  if (isnan(x)) {
    x = (double)NAN;
  }
  int64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

void agg_set_add(struct chn_dict **set, const struct row_col *c, size_t row)
{
  if (*set == NULL) {
    *set = chn_dict_new(0);
  }
  if (agg_is_bytes(c->type)) {
    const struct row_str *s = (const struct row_str *)c->data + row;
    chn_dict_intern(*set, row_str_bytes(s), s->len);
  } else {
    const int64_t key = number_key(c, row);
    chn_dict_intern(*set, &key, sizeof key);
  }
}

void agg_set_merge(struct chn_dict **set, const struct chn_dict *from)
{
  for (int32_t i = 0; i < agg_set_size(from); i++) {
    if (*set == NULL) {
      *set = chn_dict_new(0);
    }
    size_t len = 0;
    const void *bytes = chn_dict_bytes(from, i, &len);
    chn_dict_intern(*set, bytes, len);
  }
}

int32_t agg_set_size(const struct chn_dict *set)
{
  return set != NULL ? chn_dict_size(set) : 0;
}

void agg_set_emit(const struct chn_dict *set, int32_t id, const struct row_type *t,
                  struct row_builder *out)
{
  size_t len = 0;
  const void *bytes = chn_dict_bytes(set, id, &len);
  if (agg_is_bytes(t)) {
    row_builder_string(out, bytes, len);
  } else if (agg_is_float(t)) {
    double x = 0;
    memcpy(&x, bytes, sizeof x);
    agg_emit_double(out, t, x);
  } else {
    int64_t x = 0;
    memcpy(&x, bytes, sizeof x);
    agg_emit_int(out, t, x);
  }
}
