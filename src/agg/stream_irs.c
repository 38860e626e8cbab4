// Stored IRs to folds: the batch value with its hops, and tiles.
#include "agg/stream_bytes_int.h"

// ---- stored IRs -------------------------------------------------------------------------------

/// The fields of a record's IR: AvgIr, VarianceIr, TimePair.
static bool take_record(struct stream_reader *r, const struct stream_ir *ir,
                        struct stream_fold *out)
{
  bool ok = false;
  struct stream_value x = { 0 };
  const struct avro_schema *s = ir->schema;
  switch (ir->part->op) {
  case AGG_AVERAGE:
    ok = take_field(r, s, 0, &out->v) && take_field(r, s, 1, &x);
    out->count = x.whole;
    return ok;
  case AGG_VARIANCE:
    if (!take_field(r, s, 0, &x) || x.whole <= 0 || !take_field(r, s, 1, &out->v)) {
      return false;
    }
    out->count = x.whole;
    ok = take_field(r, s, 2, &x);
    out->m2 = x.real;
    return ok;
  default: // FIRST, LAST
    if (!take_field(r, s, 0, &x)) {
      return false;
    }
    out->ts = x.whole;
    return take_field(r, s, 1, &out->v);
  }
}

/// An IR behind its branch.
static bool take_state(struct stream_reader *r, const struct stream_ir *ir, struct stream_fold *out)
{
  if (ir->schema->kind == AVRO_RECORD) {
    return take_record(r, ir, out);
  }
  if (!take_value(r, ir->schema, &out->v)) {
    return false;
  }
  out->count = out->v.whole; // COUNT
  return true;
}

static bool take_ir(const struct agg_stream *s, struct stream_reader *r, const struct stream_ir *ir,
                    struct stream_fold *out)
{
  if (ir->code == STREAM_REST) {
    return stream_take_alone(r, ir->alone, s->keeps ? ir->into : NULL);
  }
  return take_branch(r, &out->has) && (!out->has || take_state(r, ir, out));
}

static chn_status corrupt_ir(const struct stream_ir *ir, struct chn_err *err)
{
  return chn_fail(err, CHN_E_CORRUPT, "stored %s: the bytes are no state of it", ir->part->name);
}

// ---- the batch value --------------------------------------------------------------------------

/// The head of a block: how many items follow, 0 at the end.
static bool take_count(struct stream_reader *r, int64_t *n)
{
  int64_t size = 0;
  if (!take_long(r, n) || *n == INT64_MIN) {
    return false;
  }
  if (*n < 0) {
    *n = -*n;
    return take_long(r, &size);
  }
  return true;
}

static void merge_hop(struct agg_stream *s, int32_t size, int64_t start)
{
  for (int32_t k = 0; k < s->n_windows; k++) {
    const struct stream_window *w = &s->windows[k];
    if (w->size != size || start < w->from || start >= w->until) {
      continue;
    }
    for (int32_t i = 0; i < w->n_parts; i++) {
      const struct stream_ir *ir = &s->parts[w->parts[i]];
      stream_merge(ir, &s->of_parts[w->parts[i]], &s->hop[ir->part->base]);
    }
  }
}

static chn_status take_hop(struct agg_stream *s, struct stream_reader *r, int32_t size,
                           int64_t *before, struct chn_err *err)
{
  for (int32_t i = 0; i < s->plan->n_bases; i++) {
    if (!take_ir(s, r, &s->hops[i], &s->hop[i])) {
      return corrupt_ir(&s->hops[i], err);
    }
  }
  int64_t start = 0;
  if (!take_set(r) || !take_long(r, &start)) {
    return chn_fail(err, CHN_E_CORRUPT, "a tail hop without its time");
  }
  if (start <= *before) {
    return chn_fail(err, CHN_E_CORRUPT, "tail hops that are not in the order of time");
  }
  *before = start;
  merge_hop(s, size, start);
  stream_rest_close_hop(s, start);
  return CHN_OK;
}

/// The hops of one size.
static chn_status take_list(struct agg_stream *s, struct stream_reader *r, int32_t size,
                            struct chn_err *err)
{
  int64_t before = INT64_MIN;
  int64_t n = 0;
  do {
    if (!take_count(r, &n)) {
      return chn_fail(err, CHN_E_CORRUPT, "tail hops that end inside a list");
    }
    for (int64_t i = 0; i < n; i++) {
      const chn_status status = take_hop(s, r, size, &before, err);
      if (status != CHN_OK) {
        return status;
      }
    }
  } while (n > 0);
  return CHN_OK;
}

static chn_status take_hops(struct agg_stream *s, struct stream_reader *r, struct chn_err *err)
{
  int32_t size = 0;
  int64_t n = 0;
  do {
    if (!take_count(r, &n) || n > AGG_HOP_SIZES - size) {
      return chn_fail(err, CHN_E_CORRUPT, "tail hops of no %d sizes", (int)AGG_HOP_SIZES);
    }
    for (int64_t i = 0; i < n; i++, size++) {
      const chn_status status = take_list(s, r, size, err);
      if (status != CHN_OK) {
        return status;
      }
      stream_rest_close_list(s);
    }
  } while (n > 0);
  return size == AGG_HOP_SIZES ? CHN_OK
                               : chn_fail(err, CHN_E_CORRUPT, "tail hops of %d sizes, want %d",
                                          (int)size, (int)AGG_HOP_SIZES);
}

chn_status agg_stream_batch(struct agg_stream *s, const void *bytes, size_t len,
                            const struct agg_batch_ir *kept, struct chn_err *err)
{
  struct stream_reader r = { bytes, (const unsigned char *)bytes + len };
  bool has = false;
  if (s->rest != NULL) {
    stream_rest_give(s, kept);
  }
  if (!take_branch(&r, &has)) {
    return chn_fail(err, CHN_E_CORRUPT, "no branch of the collapsed IR's union");
  }
  for (int32_t i = 0; i < s->plan->n_parts && has; i++) {
    if (!take_ir(s, &r, &s->parts[i], &s->of_parts[i])) {
      return corrupt_ir(&s->parts[i], err);
    }
  }
  stream_rest_close_parts(s, has);
  if (!take_branch(&r, &has)) {
    return chn_fail(err, CHN_E_CORRUPT, "no branch of the tail hops' union");
  }
  const chn_status status = has ? take_hops(s, &r, err) : CHN_OK;
  if (status == CHN_OK && r.at != r.end) {
    return chn_fail(err, CHN_E_CORRUPT, "%zu bytes behind the value", (size_t)(r.end - r.at));
  }
  return status == CHN_OK ? stream_rest_load(s, has, err) : status;
}

// ---- tiles ------------------------------------------------------------------------------------

static inline bool merge_average(struct stream_reader *r, struct stream_fold *folds, int32_t n)
{
  double sum = 0;
  int64_t count = 0;
  if (!take_set(r) || !take_raw(r, sizeof sum, &sum) || !take_set(r) ||
      !take_int(r, ROW_INT, &count)) {
    return false;
  }
  for (int32_t g = 0; g < n; g++) {
    folds[g].has = true;
    folds[g].v.real += sum;
    folds[g].count += count;
  }
  return true;
}

static inline bool merge_ends(struct stream_reader *r, const struct stream_ir *ir,
                              struct stream_fold *folds, int32_t n)
{
  int64_t ts = 0;
  struct stream_value v;
  v.whole = 0;
  if (!take_set(r) || !take_long(r, &ts) || !take_field(r, ir->schema, 1, &v)) {
    return false;
  }
  const bool last = ir->part->op == AGG_LAST;
  for (int32_t g = 0; g < n; g++) {
    struct stream_fold *f = &folds[g];
    if (!f->has || (last ? ts > f->ts : ts < f->ts)) {
      f->has = true;
      f->ts = ts;
      f->v = v;
    }
  }
  return true;
}

/// Reads an IR and merges it to the first n folds: the frequent ones without a fold between.
static inline bool merge_ir(struct stream_reader *r, const struct stream_ir *ir,
                            struct stream_fold *folds, int32_t n)
{
  struct stream_value v;
  switch (ir->code) {
  case STREAM_ADDS_REAL:
  case STREAM_BEST_REAL:
    if (!take_raw(r, sizeof v.real, &v.real)) {
      return false;
    }
    for (int32_t g = 0; g < n; g++) {
      if (ir->code == STREAM_ADDS_REAL) {
        folds[g].v.real += v.real;
      } else if (!folds[g].has || stream_is_better(ir, &v, &folds[g].v)) {
        folds[g].v.real = v.real;
      }
      folds[g].has = true;
    }
    return true;
  case STREAM_ADDS_WHOLE:
    if (!take_long(r, &v.whole)) {
      return false;
    }
    for (int32_t g = 0; g < n; g++) {
      folds[g].has = true;
      folds[g].v.whole = (int64_t)((uint64_t)folds[g].v.whole + (uint64_t)v.whole);
      folds[g].count = folds[g].v.whole;
    }
    return true;
  case STREAM_AVERAGE: return merge_average(r, folds, n);
  case STREAM_ENDS_IR: return merge_ends(r, ir, folds, n);
  default: break;
  }
  struct stream_fold x = { .has = true };
  if (!take_state(r, ir, &x)) {
    return false;
  }
  for (int32_t g = 0; g < n; g++) {
    stream_merge(ir, &folds[g], &x);
  }
  return true;
}

/// An IR of a tile.
static bool take_tile_ir(struct agg_stream *s, struct stream_reader *r, int32_t base, int32_t n,
                         bool held)
{
  const struct stream_ir *ir = &s->tiles[base];
  bool set = false;
  if (ir->code == STREAM_REST) {
    return stream_take_alone(r, ir->alone, held ? ir->into : NULL);
  }
  return take_branch(r, &set) && (!set || merge_ir(r, ir, s->of_tiles + base * s->n_windows, n));
}

static chn_status take_tile(struct agg_stream *s, struct stream_reader *r, int64_t ts,
                            struct chn_err *err)
{
  const int32_t n = groups_at(s, ts);
  const bool held = is_held(s, ts);
  bool has = false;
  if (!take_branch(r, &has)) {
    return chn_fail(err, CHN_E_CORRUPT, "%s.collapsedIr: no branch of its union", s->name);
  }
  for (int32_t i = 0; i < s->plan->n_bases && has; i++) {
    if (!take_tile_ir(s, r, i, n, held)) {
      return corrupt_ir(&s->tiles[i], err);
    }
  }
  if (s->rest != NULL && has && held) {
    stream_rest_row(s, ts);
  }
  unsigned char complete = 0;
  if (!take_branch(r, &has) || (has && (!take_raw(r, 1, &complete) || complete > 1))) {
    return chn_fail(err, CHN_E_CORRUPT, "%s.isComplete: no value of its type", s->name);
  }
  return CHN_OK;
}

chn_status stream_add_tiles(struct agg_stream *s, const struct agg_streamed *values, size_t count,
                            struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (size_t k = 0; k < count && status == CHN_OK; k++) {
    const struct agg_streamed *v = &values[k];
    struct stream_reader r = { v->bytes, (const unsigned char *)v->bytes + v->len };
    for (bool more = v->ts >= s->end; more && status == CHN_OK; more = r.at < r.end) {
      status = take_tile(s, &r, v->ts, err);
    }
  }
  return status;
}
