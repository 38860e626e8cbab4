// VARIANCE, SKEW, KURTOSIS: central moments, updated and merged as spec/03 §5 says. Few or short
// ranges are computed each by itself, row after row; many long ones are cut at pivots (win_sum.c),
// where a range is the merge of a suffix and a stretch. Means are combined as a + (b - a) * share,
// which leaves equal means alone: a range of equal values has no variance, not a tiny one.
#include <math.h>

#include "agg/win_int.h"

struct moments {
  double n;
  double mean;
  double m2;
  double m3;
  double m4;
};

/// All that VARIANCE needs; with infinities it is NaN, as upstream's.
static void update_variance(struct moments *m, double x)
{
  m->n += 1;
  const double d = x - m->mean;
  m->mean += d / m->n;
  m->m2 += d * (x - m->mean);
}

static void update_all(struct moments *m, double x)
{
  const double before = m->n;
  m->n += 1;
  const double d = x - m->mean;
  const double dn = d / m->n;
  const double dn2 = dn * dn;
  const double t = d * dn * before;
  m->m4 += t * dn2 * (m->n * m->n - 3 * m->n + 3) + 6 * dn2 * m->m2 - 4 * dn * m->m3;
  m->m3 += t * dn * (m->n - 2) - 3 * dn * m->m2;
  m->m2 += t;
  m->mean += dn;
}

static void update(enum agg_op op, struct moments *m, double x)
{
  if (op == AGG_VARIANCE) {
    update_variance(m, x);
  } else {
    update_all(m, x);
  }
}

static struct moments merge(const struct moments *a, const struct moments *b)
{
  if (a->n == 0 || b->n == 0) {
    return a->n == 0 ? *b : *a;
  }
  const double n = a->n + b->n;
  const double d = b->mean - a->mean;
  const double dn = d / n;
  const double ab = a->n * b->n;
  struct moments m = { .n = n, .mean = a->mean + d * (b->n / n) };
  m.m2 = a->m2 + b->m2 + d * dn * ab;
  m.m3 = a->m3 + b->m3 + d * dn * dn * ab * (a->n - b->n) + 3 * dn * (a->n * b->m2 - b->n * a->m2);
  m.m4 = a->m4 + b->m4 + d * dn * dn * dn * ab * (a->n * a->n - ab + b->n * b->n) +
         6 * dn * dn * (a->n * a->n * b->m2 + b->n * b->n * a->m2) +
         4 * dn * (a->n * b->m3 - b->n * a->m3);
  return m;
}

static double finish(enum agg_op op, const struct moments *m)
{
  if (op == AGG_VARIANCE) {
    return m->m2 / m->n;
  }
  if (m->n < (op == AGG_SKEW ? 3 : 4) || m->m2 == 0) {
    return NAN;
  }
  return op == AGG_SKEW ? sqrt(m->n) * m->m3 / pow(m->m2, 1.5) : m->n * m->m4 / (m->m2 * m->m2) - 3;
}

/// Each of ranges i..end - 1 by itself.
static void one_by_one(const struct win_call *c, const double *x, size_t i, size_t end,
                       struct moments *out)
{
  for (; i < end; i++) {
    struct moments m = { 0 };
    for (size_t at = c->lo[i]; at < c->hi[i]; at++) {
      update(c->part->op, &m, x[at]);
    }
    out[i] = m;
  }
}

static void around_pivot(const struct win_call *c, const double *x, size_t i, size_t end,
                         struct moments *out)
{
  const uint32_t pivot = c->hi[i];
  struct moments m = { 0 };
  size_t at = pivot;
  for (size_t k = end; k-- > i;) {
    while (at > c->lo[k]) {
      update(c->part->op, &m, x[--at]);
    }
    out[k] = m;
  }
  m = (struct moments){ 0 };
  at = pivot;
  for (size_t k = i; k < end; k++) {
    while (at < c->hi[k]) {
      update(c->part->op, &m, x[at++]);
    }
    out[k] = merge(&out[k], &m);
  }
}

void win_moments(struct win_call *c)
{
  const double *x = win_f64(c);
  struct moments *m = arena_calloc(&c->task->scratch, c->n, sizeof *m);
  for (size_t i = 0; i < c->n;) {
    size_t end = i;
    size_t rows = 0;
    while (end < c->n && c->lo[end] < c->hi[i]) {
      rows += c->hi[end] - c->lo[end];
      end++;
    }
    if (end == i) {
      i++;
      continue;
    }
    if (rows <= 4 * (size_t)(c->hi[end - 1] - c->lo[i])) {
      one_by_one(c, x, i, end, m);
    } else {
      around_pivot(c, x, i, end, m);
    }
    i = end;
  }
  uint8_t *valid;
  double *out = win_out(c, &valid);
  for (size_t i = 0; i < c->n; i++) {
    out[i] = m[i].n > 0 ? finish(c->part->op, &m[i]) : 0;
  }
}
