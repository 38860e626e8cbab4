// SUM: whole numbers and booleans in 64 bits, wrapping around as Java's long does; floats in
// double, added from left to right without correction, so that it rounds as upstream rounds.
#include "agg/op_int.h"

union sum {
  uint64_t whole; ///< two's complement: unsigned, so that wrapping is defined
  double real;
};

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)ts;
  union sum *s = state;
  if (agg_is_float(p->value)) {
    s->real += agg_read_double(c, row);
  } else {
    s->whole += (uint64_t)agg_read_int(c, row);
  }
}

static void take_back(const struct agg_part *p, void *state, const struct row_col *c, size_t row)
{
  union sum *s = state;
  if (agg_is_float(p->value)) {
    s->real -= agg_read_double(c, row);
  } else {
    s->whole -= (uint64_t)agg_read_int(c, row);
  }
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  union sum *s = into;
  const union sum *other = from;
  if (agg_is_float(p->value)) {
    s->real += other->real;
  } else {
    s->whole += other->whole;
  }
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const union sum *s = state;
  if (agg_is_float(p->value)) {
    agg_emit_final(p, out, row_scalar(ROW_DOUBLE), s->real);
  } else {
    row_builder_value(out, &s->whole);
  }
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  row_builder_value(out, state);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  (void)err;
  union sum *s = state;
  if (agg_is_float(p->value)) {
    s->real = agg_read_double(c, row);
  } else {
    s->whole = (uint64_t)agg_read_int(c, row);
  }
  return CHN_OK;
}

const struct agg_kind agg_op_sum = {
  .size = sizeof(union sum),
  .update = update,
  .remove = take_back,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
};
