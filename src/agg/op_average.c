// AVERAGE: sum and count, because two means cannot be merged. The count has 32 bits, as in the
// stored form. Deleting everything leaves 0 / 0, which is NaN and so NULL.
#include "agg/op_int.h"

struct average {
  double sum;
  uint32_t count; ///< two's complement; negative after deletes on an empty state
};

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)p, (void)ts;
  struct average *s = state;
  s->sum += agg_read_number(c, row);
  s->count += 1;
}

static void take_back(const struct agg_part *p, void *state, const struct row_col *c, size_t row)
{
  (void)p;
  struct average *s = state;
  s->sum -= agg_read_number(c, row);
  s->count -= 1;
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  (void)p;
  struct average *s = into;
  const struct average *other = from;
  s->sum += other->sum;
  s->count += other->count;
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct average *s = state;
  agg_emit_final(p, out, row_scalar(ROW_DOUBLE), s->sum / (double)(int32_t)s->count);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  const struct average *s = state;
  row_builder_value(row_builder_child(out, 0), &s->sum);
  row_builder_value(row_builder_child(out, 1), &s->count);
  row_builder_close_struct(out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  if (row_is_null(&c->child[0], row) || row_is_null(&c->child[1], row)) {
    return agg_corrupt(p, err, "a field of AvgIr is null");
  }
  struct average *s = state;
  s->sum = agg_read_double(&c->child[0], row);
  s->count = (uint32_t)agg_read_int(&c->child[1], row);
  return CHN_OK;
}

const struct agg_kind agg_op_average = {
  .size = sizeof(struct average),
  .update = update,
  .remove = take_back,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
};
