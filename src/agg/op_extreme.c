// MIN and MAX: Java's order, with Math.min and Math.max for floats: NaN wins whatever else there
// is (and is NULL in the end), -0.0 is less than 0.0.
#include <math.h>

#include "agg/op_int.h"

struct extreme {
  bool has; ///< false only in a zero state
  struct agg_value value;
};

static bool is_nan(const struct row_type *t, const struct agg_value *v)
{
  return agg_is_float(t) && isnan(v->as.f);
}

/// Takes x over when it beats what is kept; sign is 1 for MAX, -1 for MIN.
static void offer(const struct agg_part *p, struct extreme *s, const struct agg_value *x, int sign)
{
  const struct row_type *t = p->value;
  const bool better = !s->has || (!is_nan(t, &s->value) &&
                                  (is_nan(t, x) || sign * agg_value_compare(t, x, &s->value) > 0));
  if (better) {
    agg_value_copy(&s->value, t, x);
    s->has = true;
  }
}

/// A value of the column without a copy of its bytes: valid as long as the column.
static struct agg_value borrow(const struct row_col *c, size_t row)
{
  struct agg_value v = { 0 };
  if (agg_is_bytes(c->type)) {
    const struct row_str *s = (const struct row_str *)c->data + row;
    // Never written through: offer() only reads and copies.
    v.as.s.bytes = (char *)(uintptr_t)row_str_bytes(s);
    v.as.s.len = s->len;
  } else {
    agg_value_read(&v, c, row);
  }
  return v;
}

static void update_min(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       int64_t ts)
{
  (void)ts;
  const struct agg_value x = borrow(c, row);
  offer(p, state, &x, -1);
}

static void update_max(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       int64_t ts)
{
  (void)ts;
  const struct agg_value x = borrow(c, row);
  offer(p, state, &x, 1);
}

static void merge_min(const struct agg_part *p, void *into, const void *from)
{
  offer(p, into, &((const struct extreme *)from)->value, -1);
}

static void merge_max(const struct agg_part *p, void *into, const void *from)
{
  offer(p, into, &((const struct extreme *)from)->value, 1);
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct extreme *s = state;
  if (agg_is_float(p->value)) {
    agg_emit_final(p, out, p->value, s->value.as.f);
  } else {
    agg_value_emit(&s->value, p->value, out);
  }
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  agg_value_emit(&((const struct extreme *)state)->value, p->value, out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  (void)p, (void)err;
  struct extreme *s = state;
  agg_value_read(&s->value, c, row);
  s->has = true;
  return CHN_OK;
}

static void release(const struct agg_part *p, void *state)
{
  agg_value_free(&((struct extreme *)state)->value, p->value);
}

const struct agg_kind agg_op_min = {
  .size = sizeof(struct extreme),
  .update = update_min,
  .merge = merge_min,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};

const struct agg_kind agg_op_max = {
  .size = sizeof(struct extreme),
  .update = update_max,
  .merge = merge_max,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
