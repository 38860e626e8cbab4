// HISTOGRAM: exact counts of strings. With k > 0 the answer is cut to the k largest counts, equal
// ones by their bytes (upstream: by a hash map's order); what is kept and stored is everything. An
// entry that deletes bring to 0 is gone, but an empty map is not NULL.
#include <stdlib.h>

#include "agg/tally_int.h"

static void add(void *state, const struct row_col *c, size_t row, int64_t by)
{
  const struct row_str *s = (const struct row_str *)c->data + row;
  agg_tally_add(state, row_str_bytes(s), s->len, by);
}

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)p, (void)ts;
  add(state, c, row, 1);
}

static void take_back(const struct agg_part *p, void *state, const struct row_col *c, size_t row)
{
  (void)p;
  add(state, c, row, -1);
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  (void)p;
  agg_tally_merge(into, from);
}

static void emit(const struct agg_tally *t, int32_t most, struct row_builder *out)
{
  int32_t n = 0;
  int32_t *ids = agg_tally_ranked(t, most, &n);
  struct row_builder *entry = row_builder_child(out, 0);
  for (int32_t i = 0; i < n; i++) {
    size_t len = 0;
    const char *key = chn_dict_bytes(t->keys, ids[i], &len);
    row_builder_string(row_builder_child(entry, 0), key, len);
    row_builder_value(row_builder_child(entry, 1), &(int32_t){ (int32_t)t->counts[ids[i]] });
    row_builder_close_struct(entry);
  }
  row_builder_close_list(out);
  free(ids);
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  emit(state, p->k, out);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  emit(state, 0, out);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  const struct agg_list l = agg_list_at(c, row);
  const struct row_col *keys = &l.col->child[0];
  const struct row_col *counts = &l.col->child[1];
  for (size_t i = l.from; i < l.from + l.n; i++) {
    if (row_is_null(keys, i) || row_is_null(counts, i)) {
      return agg_corrupt(p, err, "a key or a count is null");
    }
    add(state, keys, i, agg_read_int(counts, i));
  }
  return CHN_OK;
}

static void release(const struct agg_part *p, void *state)
{
  (void)p;
  agg_tally_free(state);
}

const struct agg_kind agg_op_histogram = {
  .size = sizeof(struct agg_tally),
  .update = update,
  .remove = take_back,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
