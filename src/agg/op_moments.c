// SKEW and KURTOSIS (excess) from the first four moments: Pébay's one-pass update and pairwise
// merge (spec/03 §5). Stored as the list [n, m1, m2, m3, m4]; m1 is the mean, m2 to m4 are sums of
// powers of distances from it.
#include <math.h>

#include "agg/op_int.h"

struct moments {
  double n;
  double m1;
  double m2;
  double m3;
  double m4;
};

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)p, (void)ts;
  struct moments *s = state;
  const double x = agg_read_number(c, row);
  const double before = s->n;
  const double n = s->n = before + 1;
  const double delta = x - s->m1;
  const double delta_n = delta / n;
  const double delta_n2 = delta_n * delta_n;
  const double term = delta * delta_n * before;
  s->m1 += delta_n;
  s->m4 += term * delta_n2 * (n * n - 3 * n + 3) + 6 * delta_n2 * s->m2 - 4 * delta_n * s->m3;
  s->m3 += term * delta_n * (n - 2) - 3 * delta_n * s->m2;
  s->m2 += term;
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  (void)p;
  struct moments *a = into;
  const struct moments *b = from;
  if (a->n == 0) {
    *a = *b;
    return;
  }
  const double na = a->n;
  const double nb = b->n;
  const double n = na + nb;
  const double d = b->m1 - a->m1;
  const double d2 = d * d;
  const double m3 = a->m3 + b->m3 + d * d2 * na * nb * (na - nb) / (n * n) +
                    3 * d * (na * b->m2 - nb * a->m2) / n;
  const double m4 = a->m4 + b->m4 +
                    d2 * d2 * na * nb * (na * na - na * nb + nb * nb) / (n * n * n) +
                    6 * d2 * (na * na * b->m2 + nb * nb * a->m2) / (n * n) +
                    4 * d * (na * b->m3 - nb * a->m3) / n;
  // Equal means stay as they are, so that values that are all equal keep m2 == 0.
  const double m1 = d == 0.0 ? a->m1 : (na * a->m1 + nb * b->m1) / n;
  *a = (struct moments){ n, m1, a->m2 + b->m2 + d2 * na * nb / n, m3, m4 };
}

static void finish_skew(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct moments *s = state;
  const double skew = s->n < 3 || s->m2 == 0.0 ? (double)NAN : sqrt(s->n) * s->m3 / pow(s->m2, 1.5);
  agg_emit_final(p, out, row_scalar(ROW_DOUBLE), skew);
}

static void finish_kurtosis(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct moments *s = state;
  const double kurtosis =
      s->n < 4 || s->m2 == 0.0 ? (double)NAN : s->n * s->m4 / (s->m2 * s->m2) - 3;
  agg_emit_final(p, out, row_scalar(ROW_DOUBLE), kurtosis);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  const double *all = state;
  for (int i = 0; i < 5; i++) {
    row_builder_value(row_builder_child(out, 0), &all[i]);
  }
  row_builder_close_list(out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  const struct agg_list l = agg_list_at(c, row);
  if (l.n != 5 || agg_check_no_nulls(p, &l, NULL) != CHN_OK) {
    return agg_corrupt(p, err, "want five numbers: n, m1, m2, m3, m4");
  }
  double *all = state;
  for (size_t i = 0; i < 5; i++) {
    all[i] = agg_read_double(l.col, l.from + i);
  }
  return all[0] >= 1 ? CHN_OK : agg_corrupt(p, err, "n is not positive");
}

const struct agg_kind agg_op_skew = {
  .size = sizeof(struct moments),
  .update = update,
  .merge = merge,
  .finish = finish_skew,
  .store = store,
  .load = load,
};

const struct agg_kind agg_op_kurtosis = {
  .size = sizeof(struct moments),
  .update = update,
  .merge = merge,
  .finish = finish_kurtosis,
  .store = store,
  .load = load,
};
