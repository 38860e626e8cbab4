// COUNT: non-null inputs. Deleting more than was counted leaves a negative count, as upstream.
#include "agg/op_int.h"

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)p, (void)c, (void)row, (void)ts;
  *(int64_t *)state += 1;
}

static void take_back(const struct agg_part *p, void *state, const struct row_col *c, size_t row)
{
  (void)p, (void)c, (void)row;
  *(int64_t *)state -= 1;
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  (void)p;
  uint64_t *sum = into;
  *sum += *(const uint64_t *)from;
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  row_builder_value(out, state);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  (void)p, (void)err;
  *(int64_t *)state = agg_read_int(c, row);
  return CHN_OK;
}

const struct agg_kind agg_op_count = {
  .size = sizeof(int64_t),
  .update = update,
  .remove = take_back,
  .merge = merge,
  .finish = finish,
  .store = finish,
  .load = load,
};
