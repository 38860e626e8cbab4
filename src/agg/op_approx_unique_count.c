// APPROX_UNIQUE_COUNT: a CPC sketch of 2^k rows; the answer is the integer part of its estimate
// (agg/sketch.h). Stored as the sketch's own bytes.
#include <math.h>

#include "agg/op_int.h"
#include "agg/sketch.h"

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)ts;
  struct agg_cpc **s = state;
  if (*s == NULL) {
    *s = agg_cpc_new(p->k);
  }
  if (agg_is_bytes(c->type)) {
    const struct row_str *x = (const struct row_str *)c->data + row;
    agg_cpc_update_bytes(*s, row_str_bytes(x), x->len);
  } else if (agg_is_float(c->type)) {
    agg_cpc_update_double(*s, agg_read_double(c, row));
  } else {
    agg_cpc_update_long(*s, agg_read_int(c, row));
  }
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  struct agg_cpc **s = into;
  if (*s == NULL) {
    *s = agg_cpc_new(p->k);
  }
  agg_cpc_merge(*s, *(struct agg_cpc *const *)from);
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  const int64_t n = (int64_t)floor(agg_cpc_estimate(*(struct agg_cpc *const *)state));
  row_builder_value(out, &n);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  struct chn_buf bytes = { 0 };
  agg_cpc_store(*(struct agg_cpc *const *)state, &bytes);
  row_builder_string(out, bytes.data, bytes.len);
  chn_buf_deinit(&bytes);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  const struct row_str *s = (const struct row_str *)c->data + row;
  const chn_status status = agg_cpc_load(p->k, row_str_bytes(s), s->len, state, err);
  return status == CHN_OK ? status : chn_wrap(err, "stored %s", p->name);
}

static void release(const struct agg_part *p, void *state)
{
  (void)p;
  agg_cpc_free(*(struct agg_cpc **)state);
}

const struct agg_kind agg_op_approx_unique_count = {
  .size = sizeof(struct agg_cpc *),
  .update = update,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
