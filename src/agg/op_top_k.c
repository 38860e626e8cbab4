// TOP_K and BOTTOM_K: the k largest values, largest first, and the k smallest, smallest first;
// duplicates are kept. The order is Java's, in which NaN is the greatest (upstream's heap compares
// with NaN inconsistently).
#include "agg/kept_int.h"

static bool larger(const struct agg_part *p, const struct agg_kept_item *x,
                   const struct agg_kept_item *y)
{
  return agg_value_compare(p->value, &x->value, &y->value) > 0;
}

static bool smaller(const struct agg_part *p, const struct agg_kept_item *x,
                    const struct agg_kept_item *y)
{
  return agg_value_compare(p->value, &x->value, &y->value) < 0;
}

static void add(const struct agg_part *p, struct agg_kept *s, const struct row_col *c, size_t row)
{
  struct agg_kept_item x = { 0 };
  agg_value_read(&x.value, c, row);
  agg_kept_add(p, s, x, p->op == AGG_TOP_K ? larger : smaller);
}

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)ts;
  add(p, state, c, row);
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  agg_kept_merge(p, into, from, p->op == AGG_TOP_K ? larger : smaller, false);
}

/// The worst first, which is a valid heap to upstream's readers; any order is read.
static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct agg_kept *s = state;
  for (int32_t i = s->n - 1; i >= 0; i--) {
    agg_value_emit(&s->items[i].value, p->value, row_builder_child(out, 0));
  }
  row_builder_close_list(out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  const struct agg_list l = agg_list_at(c, row);
  const chn_status status = agg_check_no_nulls(p, &l, err);
  for (size_t i = 0; status == CHN_OK && i < l.n; i++) {
    add(p, state, l.col, l.from + i);
  }
  return status;
}

const struct agg_kind agg_op_top_k = {
  .size = sizeof(struct agg_kept),
  .update = update,
  .merge = merge,
  .finish = agg_kept_finish,
  .store = store,
  .load = load,
  .free = agg_kept_free,
};

const struct agg_kind agg_op_bottom_k = {
  .size = sizeof(struct agg_kept),
  .update = update,
  .merge = merge,
  .finish = agg_kept_finish,
  .store = store,
  .load = load,
  .free = agg_kept_free,
};
