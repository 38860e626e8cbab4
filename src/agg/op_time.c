// FIRST and LAST: the value with the least or greatest instant, whole. Of equal instants the first
// arrival wins; in a merge the left state's rows are the earlier arrivals.
#include "agg/op_int.h"

struct timed {
  bool has; ///< false only in a zero state
  int64_t ts;
  struct agg_value value;
};

static void update_first(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                         int64_t ts)
{
  (void)p;
  struct timed *s = state;
  if (!s->has || ts < s->ts) {
    agg_value_read(&s->value, c, row);
    s->ts = ts;
    s->has = true;
  }
}

static void update_last(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                        int64_t ts)
{
  (void)p;
  struct timed *s = state;
  if (!s->has || ts > s->ts) {
    agg_value_read(&s->value, c, row);
    s->ts = ts;
    s->has = true;
  }
}

static void take_over(const struct agg_part *p, struct timed *s, const struct timed *other)
{
  agg_value_copy(&s->value, p->value, &other->value);
  s->ts = other->ts;
  s->has = true;
}

static void merge_first(const struct agg_part *p, void *into, const void *from)
{
  struct timed *s = into;
  const struct timed *other = from;
  if (!s->has || other->ts < s->ts) {
    take_over(p, s, other);
  }
}

static void merge_last(const struct agg_part *p, void *into, const void *from)
{
  struct timed *s = into;
  const struct timed *other = from;
  if (!s->has || other->ts > s->ts) {
    take_over(p, s, other);
  }
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct timed *s = state;
  if (agg_is_float(p->value)) {
    agg_emit_final(p, out, p->value, s->value.as.f);
  } else {
    agg_value_emit(&s->value, p->value, out);
  }
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct timed *s = state;
  row_builder_value(row_builder_child(out, 0), &s->ts);
  agg_value_emit(&s->value, p->value, row_builder_child(out, 1));
  row_builder_close_struct(out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  if (row_is_null(&c->child[0], row) || row_is_null(&c->child[1], row)) {
    return agg_corrupt(p, err, "a field of TimePair is null");
  }
  struct timed *s = state;
  s->ts = agg_read_int(&c->child[0], row);
  agg_value_read(&s->value, &c->child[1], row);
  s->has = true;
  return CHN_OK;
}

static void release(const struct agg_part *p, void *state)
{
  agg_value_free(&((struct timed *)state)->value, p->value);
}

const struct agg_kind agg_op_first = {
  .size = sizeof(struct timed),
  .update = update_first,
  .merge = merge_first,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};

const struct agg_kind agg_op_last = {
  .size = sizeof(struct timed),
  .update = update_last,
  .merge = merge_last,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
