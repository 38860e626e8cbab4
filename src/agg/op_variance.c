// VARIANCE of the population: m2 / count, m2 the sum of squared distances from the mean.
// Welford's update and Chan's merge, in the order of operations that upstream has, so that stored
// states agree to the last digits (spec/03 §5).
#include "agg/op_int.h"

struct variance {
  int32_t count;
  double mean;
  double m2;
};

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)p, (void)ts;
  struct variance *s = state;
  const double x = agg_read_number(c, row);
  s->count = (int32_t)((uint32_t)s->count + 1);
  const double delta = x - s->mean;
  s->mean += delta / s->count;
  s->m2 += delta * (x - s->mean);
}

/// Far apart in weight, the heavier one moves towards the lighter; else the plain formula loses
/// less.
double agg_combined_mean(double n1, double mean1, double n2, double mean2)
{
  const bool left = n1 >= n2;
  const double n = left ? n1 : n2;
  const double a = left ? mean1 : mean2;
  const double k = left ? n2 : n1;
  const double b = left ? mean2 : mean1;
  const double total = n + k;
  if (total == 0.0) {
    return 0.0;
  }
  if (total == n) {
    return a;
  }
  const double share = k / total;
  return share < 0.1 ? a + (b - a) * share : (n * a + k * b) / total;
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  (void)p;
  struct variance *s = into;
  const struct variance *other = from;
  if (s->count == 0) {
    *s = *other;
    return;
  }
  const double n1 = s->count;
  const double n2 = other->count;
  const double delta = other->mean - s->mean;
  const double delta_n = delta / (n1 + n2);
  s->m2 += other->m2 + delta * delta_n * n1 * n2;
  s->mean = agg_combined_mean(n1, s->mean, n2, other->mean);
  s->count = (int32_t)((uint32_t)s->count + (uint32_t)other->count);
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct variance *s = state;
  agg_emit_final(p, out, row_scalar(ROW_DOUBLE), s->m2 / s->count);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  const struct variance *s = state;
  row_builder_value(row_builder_child(out, 0), &s->count);
  row_builder_value(row_builder_child(out, 1), &s->mean);
  row_builder_value(row_builder_child(out, 2), &s->m2);
  row_builder_close_struct(out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  for (int32_t i = 0; i < 3; i++) {
    if (row_is_null(&c->child[i], row)) {
      return agg_corrupt(p, err, "a field of VarianceIr is null");
    }
  }
  struct variance *s = state;
  s->count = (int32_t)agg_read_int(&c->child[0], row);
  s->mean = agg_read_double(&c->child[1], row);
  s->m2 = agg_read_double(&c->child[2], row);
  return s->count > 0 ? CHN_OK : agg_corrupt(p, err, "the count of VarianceIr is not positive");
}

const struct agg_kind agg_op_variance = {
  .size = sizeof(struct variance),
  .update = update,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
};
