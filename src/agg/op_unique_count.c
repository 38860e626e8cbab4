// UNIQUE_COUNT: the size of an exact set. Stored as the list of its values, in order of arrival.
#include "agg/set_int.h"

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)p, (void)ts;
  agg_set_add(state, c, row);
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  (void)p;
  agg_set_merge(into, *(struct chn_dict *const *)from);
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  const int64_t n = agg_set_size(*(struct chn_dict *const *)state);
  row_builder_value(out, &n);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct chn_dict *set = *(struct chn_dict *const *)state;
  for (int32_t i = 0; i < agg_set_size(set); i++) {
    agg_set_emit(set, i, p->value, row_builder_child(out, 0));
  }
  row_builder_close_list(out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  const struct agg_list l = agg_list_at(c, row);
  const chn_status status = agg_check_no_nulls(p, &l, err);
  for (size_t i = 0; status == CHN_OK && i < l.n; i++) {
    agg_set_add(state, l.col, l.from + i);
  }
  return status;
}

static void release(const struct agg_part *p, void *state)
{
  (void)p;
  chn_dict_free(*(struct chn_dict **)state);
}

const struct agg_kind agg_op_unique_count = {
  .size = sizeof(struct chn_dict *),
  .update = update,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
