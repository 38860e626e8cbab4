// APPROX_PERCENTILE: a KLL sketch of floats; the answer is the list of its quantiles at the
// fractions asked for, in their order (agg/sketch.h). NaN is ignored, and with nothing else the
// answer is NULL. Stored as the sketch's own bytes.
#include <stdlib.h>

#include "agg/op_int.h"
#include "agg/sketch.h"

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)ts;
  struct agg_kll **s = state;
  if (*s == NULL) {
    *s = agg_kll_new(p->k);
  }
  agg_kll_update(*s, (float)agg_read_number(c, row));
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  (void)p;
  struct agg_kll **s = into;
  const struct agg_kll *more = *(struct agg_kll *const *)from;
  if (*s == NULL) {
    *s = agg_kll_copy(more); // merged into an empty sketch it would be thinned out once more
    return;
  }
  agg_kll_merge(*s, more);
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct agg_kll *s = *(struct agg_kll *const *)state;
  if (agg_kll_count(s) == 0) {
    row_builder_null(out);
    return;
  }
  float *values = chn_calloc((size_t)p->n_percentiles + 1, sizeof *values);
  agg_kll_quantiles(s, p->percentiles, p->n_percentiles, values);
  for (int32_t i = 0; i < p->n_percentiles; i++) {
    row_builder_value(row_builder_child(out, 0), &values[i]);
  }
  row_builder_close_list(out);
  free(values);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  struct chn_buf bytes = { 0 };
  agg_kll_store(*(struct agg_kll *const *)state, &bytes);
  row_builder_string(out, bytes.data, bytes.len);
  chn_buf_deinit(&bytes);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  const struct row_str *s = (const struct row_str *)c->data + row;
  const chn_status status = agg_kll_load(row_str_bytes(s), s->len, state, err);
  return status == CHN_OK ? status : chn_wrap(err, "stored %s", p->name);
}

static void release(const struct agg_part *p, void *state)
{
  (void)p;
  agg_kll_free(*(struct agg_kll **)state);
}

const struct agg_kind agg_op_approx_percentile = {
  .size = sizeof(struct agg_kll *),
  .update = update,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
