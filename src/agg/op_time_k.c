// FIRST_K and LAST_K: the k earliest, oldest first, and the k latest, newest first. Of equal
// instants FIRST_K puts earlier arrivals first and LAST_K later ones, so that both are the ends of
// one order by (ts, arrival). In a merge the left state's rows are the earlier arrivals.
#include "agg/kept_int.h"

static bool earlier(const struct agg_part *p, const struct agg_kept_item *x,
                    const struct agg_kept_item *y)
{
  (void)p;
  return x->ts < y->ts;
}

static bool not_earlier(const struct agg_part *p, const struct agg_kept_item *x,
                        const struct agg_kept_item *y)
{
  (void)p;
  return x->ts >= y->ts;
}

static void add(const struct agg_part *p, struct agg_kept *s, const struct row_col *c, size_t row,
                int64_t ts, agg_kept_before before)
{
  struct agg_kept_item x = { .ts = ts };
  if (s->n == p->k && !before(p, &x, &s->items[s->n - 1])) {
    return;
  }
  agg_value_read(&x.value, c, row);
  agg_kept_add(p, s, x, before);
}

static void update_first(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                         int64_t ts)
{
  add(p, state, c, row, ts, earlier);
}

static void update_last(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                        int64_t ts)
{
  add(p, state, c, row, ts, not_earlier);
}

static void merge_first(const struct agg_part *p, void *into, const void *from)
{
  agg_kept_merge(p, into, from, earlier, false);
}

static void merge_last(const struct agg_part *p, void *into, const void *from)
{
  agg_kept_merge(p, into, from, not_earlier, true);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct agg_kept *s = state;
  struct row_builder *pair = row_builder_child(out, 0);
  for (int32_t i = s->n - 1; i >= 0; i--) {
    row_builder_value(row_builder_child(pair, 0), &s->items[i].ts);
    agg_value_emit(&s->items[i].value, p->value, row_builder_child(pair, 1));
    row_builder_close_struct(pair);
  }
  row_builder_close_list(out);
}

/// Stored is the worst first, which is a valid heap to upstream's readers; any order is read.
static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  struct agg_kept *s = state;
  const bool last = p->op == AGG_LAST_K;
  const struct agg_list l = agg_list_at(c, row);
  for (size_t i = 0; i < l.n; i++) {
    const size_t at = l.from + (last ? i : l.n - 1 - i);
    const struct row_col *pair = l.col;
    if (row_is_null(pair, at) || row_is_null(&pair->child[0], at) ||
        row_is_null(&pair->child[1], at)) {
      return agg_corrupt(p, err, "a TimePair, or a field of one, is null");
    }
    const int64_t ts = agg_read_int(&pair->child[0], at);
    add(p, s, &pair->child[1], at, ts, last ? not_earlier : earlier);
  }
  return CHN_OK;
}

const struct agg_kind agg_op_first_k = {
  .size = sizeof(struct agg_kept),
  .update = update_first,
  .merge = merge_first,
  .finish = agg_kept_finish,
  .store = store,
  .load = load,
  .free = agg_kept_free,
};

const struct agg_kind agg_op_last_k = {
  .size = sizeof(struct agg_kept),
  .update = update_last,
  .merge = merge_last,
  .finish = agg_kept_finish,
  .store = store,
  .load = load,
  .free = agg_kept_free,
};
