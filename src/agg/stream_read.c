// Avro's bytes to folds and tallies. Everything hot is in this file, so that it is inlined.
#include <math.h>
#include <string.h>

#include "agg/stream_int.h"

struct reader {
  const unsigned char *at;
  const unsigned char *end;
};

// ---- values -----------------------------------------------------------------------------------

static bool take_long_slowly(struct reader *r, int64_t *out)
{
  const unsigned char *p = r->at;
  uint64_t value = 0;
  for (int shift = 0; shift < 70 && p < r->end; shift += 7) {
    const uint64_t byte = *p++;
    if (shift == 63 && byte > 1) {
      return false;
    }
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      r->at = p;
      *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
      return true;
    }
  }
  return false;
}

/// A zig-zag varint. Up to 8 bytes, of which an instant has 6, are brought together without a loop:
/// the highest bits say where it ends, three steps close the gaps that they leave. Lengths are
/// jumped on, not added, so that what follows need not wait for them.
static inline bool take_long(struct reader *r, int64_t *out)
{
  uint64_t x = 0;
  if (r->end - r->at < (ptrdiff_t)sizeof x) {
    return take_long_slowly(r, out);
  }
  memcpy(&x, r->at, sizeof x);
  if ((x & 0x80) == 0) {
    r->at += 1;
    x &= 0x7f;
  } else if ((x & 0x8000) == 0) {
    r->at += 2;
    x = (x & 0x7f) | (x & 0x7f00) >> 1;
  } else {
    const uint64_t ends = ~x & 0x8080808080808080;
    if (ends == 0) {
      return take_long_slowly(r, out);
    }
    const int n = (__builtin_ctzll(ends) + 1) / 8;
    if (n == 6) {
      r->at += 6;
    } else {
      r->at += n;
    }
    x &= ends ^ (ends - 1); // up to the lowest end
    x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
    x = (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
    x = (x & 0x000000000fffffff) | (x & 0x0fffffff00000000) >> 4;
  }
  *out = (int64_t)(x >> 1) ^ -(int64_t)(x & 1);
  return true;
}

static bool take_raw(struct reader *r, size_t n, void *out)
{
  if (n > (size_t)(r->end - r->at)) {
    return false;
  }
  memcpy(out, r->at, n);
  r->at += n;
  return true;
}

static bool take_int(struct reader *r, enum row_kind kind, int64_t *out)
{
  const int64_t max = kind == ROW_BYTE ? INT8_MAX : kind == ROW_SHORT ? INT16_MAX : INT32_MAX;
  return take_long(r, out) && *out <= max && *out >= -max - 1;
}

static bool take_text(struct reader *r, struct stream_value *v)
{
  int64_t n = 0;
  if (!take_long(r, &n) || n < 0 || n > r->end - r->at || n > INT32_MAX) {
    return false;
  }
  v->bytes = r->at;
  v->len = (size_t)n;
  r->at += n;
  return true;
}

/// One value behind its branch.
static bool take_value(struct reader *r, const struct avro_schema *s, struct stream_value *v)
{
  bool ok = false;
  float narrow = 0;
  unsigned char flag = 0;
  switch (s->kind) {
  case AVRO_DOUBLE: return take_raw(r, sizeof v->real, &v->real);
  case AVRO_LONG:
    ok = take_long(r, &v->whole);
    v->real = (double)v->whole;
    return ok;
  case AVRO_INT:
    ok = take_int(r, s->type->kind, &v->whole);
    v->real = (double)v->whole;
    return ok;
  case AVRO_FLOAT:
    ok = take_raw(r, sizeof narrow, &narrow);
    v->real = (double)narrow;
    return ok;
  case AVRO_BOOLEAN:
    ok = take_raw(r, 1, &flag) && flag <= 1;
    v->whole = flag;
    return ok;
  default: return take_text(r, v); // STRING, BYTES
  }
}

/// The branch of ["null", T].
static bool take_branch(struct reader *r, bool *has)
{
  if (r->at == r->end || (*r->at != 0 && *r->at != 2)) {
    return false;
  }
  *has = *r->at++ == 2;
  return true;
}

/// The branch of a value that must not be null.
static inline bool take_set(struct reader *r)
{
  bool has = false;
  return take_branch(r, &has) && has;
}

/// A field that must not be null.
static bool take_field(struct reader *r, const struct avro_schema *record, int32_t i,
                       struct stream_value *v)
{
  return take_set(r) && take_value(r, record->fields[i].schema, v);
}

// ---- stored IRs -------------------------------------------------------------------------------

/// The fields of a record's IR: AvgIr, VarianceIr, TimePair.
static bool take_record(struct reader *r, const struct stream_ir *ir, struct stream_fold *out)
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
static bool take_state(struct reader *r, const struct stream_ir *ir, struct stream_fold *out)
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

static bool take_ir(struct reader *r, const struct stream_ir *ir, struct stream_fold *out)
{
  return take_branch(r, &out->has) && (!out->has || take_state(r, ir, out));
}

static chn_status corrupt_ir(const struct stream_ir *ir, struct chn_err *err)
{
  return chn_fail(err, CHN_E_CORRUPT, "stored %s: the bytes are no state of it", ir->part->name);
}

// ---- the batch value --------------------------------------------------------------------------

/// The head of a block: how many items follow, 0 at the end.
static bool take_count(struct reader *r, int64_t *n)
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

static chn_status take_hop(struct agg_stream *s, struct reader *r, int32_t size, int64_t *before,
                           struct chn_err *err)
{
  for (int32_t i = 0; i < s->plan->n_bases; i++) {
    if (!take_ir(r, &s->hops[i], &s->hop[i])) {
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
  return CHN_OK;
}

/// The hops of one size.
static chn_status take_list(struct agg_stream *s, struct reader *r, int32_t size,
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

static chn_status take_hops(struct agg_stream *s, struct reader *r, struct chn_err *err)
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
    }
  } while (n > 0);
  return size == AGG_HOP_SIZES ? CHN_OK
                               : chn_fail(err, CHN_E_CORRUPT, "tail hops of %d sizes, want %d",
                                          (int)size, (int)AGG_HOP_SIZES);
}

chn_status agg_stream_batch(struct agg_stream *s, const void *bytes, size_t len,
                            struct chn_err *err)
{
  struct reader r = { bytes, (const unsigned char *)bytes + len };
  bool has = false;
  if (!take_branch(&r, &has)) {
    return chn_fail(err, CHN_E_CORRUPT, "no branch of the collapsed IR's union");
  }
  for (int32_t i = 0; i < s->plan->n_parts && has; i++) {
    if (!take_ir(&r, &s->parts[i], &s->of_parts[i])) {
      return corrupt_ir(&s->parts[i], err);
    }
  }
  if (!take_branch(&r, &has)) {
    return chn_fail(err, CHN_E_CORRUPT, "no branch of the tail hops' union");
  }
  const chn_status status = has ? take_hops(s, &r, err) : CHN_OK;
  return status == CHN_OK && r.at != r.end
             ? chn_fail(err, CHN_E_CORRUPT, "%zu bytes behind the value", (size_t)(r.end - r.at))
             : status;
}

// ---- streamed rows ----------------------------------------------------------------------------

struct stream_value stream_value_at(const struct avro_schema *s, const unsigned char *at,
                                    const unsigned char *end)
{
  struct stream_value v = { 0 };
  struct reader r = { at, end };
  take_value(&r, s, &v);
  return v;
}

/// A row's value on its way to the tallies.
struct fed {
  const unsigned char *at;
  const unsigned char *end;
  int64_t ts;
  unsigned needs;
};

static void feed_ends(struct stream_tally *t, const struct fed *x)
{
  if (x->ts > t->last_ts) {
    t->last_ts = x->ts;
    t->last = x->at;
    t->last_end = x->end;
  }
  if (x->ts < t->first_ts) {
    t->first_ts = x->ts;
    t->first = x->at;
    t->first_end = x->end;
  }
}

static void feed_variance(struct stream_tally *t, double v)
{
  const double delta = v - t->mean;
  t->mean += delta / (double)t->count;
  t->m2 += delta * (v - t->mean);
}

static inline void feed_real(struct stream_tally *t, double v, const struct fed *x)
{
  t->count++;
  t->real += v;
  if ((x->needs & STREAM_EXTREMES) != 0) {
    t->nan = t->nan || isnan(v);
    t->min = v < t->min || (v == t->min && signbit(v)) ? v : t->min;
    t->max = v > t->max || (v == t->max && !signbit(v)) ? v : t->max;
  }
  if ((x->needs & STREAM_ENDS) != 0) {
    feed_ends(t, x);
  }
  if ((x->needs & STREAM_VARIANCE) != 0) {
    feed_variance(t, v);
  }
}

static inline void feed_whole(struct stream_tally *t, int64_t v, const struct fed *x)
{
  t->count++;
  t->whole = (int64_t)((uint64_t)t->whole + (uint64_t)v);
  t->real += (double)v;
  if ((x->needs & STREAM_EXTREMES) != 0) {
    t->least = v < t->least ? v : t->least;
    t->greatest = v > t->greatest ? v : t->greatest;
  }
  if ((x->needs & STREAM_ENDS) != 0) {
    feed_ends(t, x);
  }
  if ((x->needs & STREAM_VARIANCE) != 0) {
    feed_variance(t, (double)v);
  }
}

/// Kinds that are rare.
static bool feed_other(const struct stream_field *f, struct reader *r, struct fed *x, int32_t n)
{
  struct stream_value v = { 0 };
  if (!take_value(r, f->schema, &v)) {
    return false;
  }
  x->end = r->at;
  for (int32_t g = 0; g < n; g++) {
    if (f->kind == AVRO_FLOAT) {
      feed_real(&f->tallies[g], v.real, x);
    } else {
      feed_whole(&f->tallies[g], v.whole, x);
    }
  }
  return true;
}

/// One value behind its branch, for the first n tallies.
static inline bool feed_field(const struct stream_field *f, struct reader *r, int64_t ts, int32_t n)
{
  struct fed x = { r->at, NULL, ts, f->needs };
  struct stream_value v;
  switch (f->kind) {
  case AVRO_DOUBLE:
    if (!take_raw(r, sizeof v.real, &v.real)) {
      return false;
    }
    x.end = r->at;
    for (int32_t g = 0; g < n; g++) {
      feed_real(&f->tallies[g], v.real, &x);
    }
    return true;
  case AVRO_LONG:
    if (!take_long(r, &v.whole)) {
      return false;
    }
    x.end = r->at;
    for (int32_t g = 0; g < n; g++) {
      feed_whole(&f->tallies[g], v.whole, &x);
    }
    return true;
  case AVRO_BYTES:
  case AVRO_STRING: // only its count and its ends are asked for
    if (!take_text(r, &v)) {
      return false;
    }
    x.end = r->at;
    for (int32_t g = 0; g < n; g++) {
      f->tallies[g].count++;
      feed_ends(&f->tallies[g], &x);
    }
    return true;
  default: return feed_other(f, r, &x, n);
  }
}

/// How many groups hold an instant.
static inline int32_t groups_at(const struct agg_stream *s, int64_t ts)
{
  int32_t n = 0;
  while (ts < s->q && n < s->n_groups && ts >= s->group_from[n]) {
    n++;
  }
  return n;
}

static chn_status add_rows(struct agg_stream *s, const struct agg_streamed *values, size_t count,
                           struct chn_err *err)
{
  const int32_t n_fields = s->n_fields;
  for (size_t k = 0; k < count; k++) {
    const struct agg_streamed *v = &values[k];
    const int32_t n = groups_at(s, v->ts);
    struct reader r = { v->bytes, (const unsigned char *)v->bytes + v->len };
    do {
      for (int32_t i = 0; i < n_fields && v->ts >= s->end; i++) {
        bool has = false;
        if (!take_branch(&r, &has) || (has && !feed_field(&s->fields[i], &r, v->ts, n))) {
          return chn_fail(err, CHN_E_CORRUPT, "%s.%s: no value of its type", s->name,
                          s->fields[i].name);
        }
      }
    } while (r.at < r.end && v->ts >= s->end);
  }
  return CHN_OK;
}

// ---- tiles ------------------------------------------------------------------------------------

static inline bool merge_average(struct reader *r, struct stream_fold *folds, int32_t n)
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

static inline bool merge_ends(struct reader *r, const struct stream_ir *ir,
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
static inline bool merge_ir(struct reader *r, const struct stream_ir *ir, struct stream_fold *folds,
                            int32_t n)
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

static chn_status take_tile(struct agg_stream *s, struct reader *r, int32_t n, struct chn_err *err)
{
  bool has = false;
  if (!take_branch(r, &has)) {
    return chn_fail(err, CHN_E_CORRUPT, "%s.collapsedIr: no branch of its union", s->name);
  }
  for (int32_t i = 0; i < s->plan->n_bases && has; i++) {
    bool set = false;
    if (!take_branch(r, &set) ||
        (set && !merge_ir(r, &s->tiles[i], s->of_tiles + i * s->n_windows, n))) {
      return corrupt_ir(&s->tiles[i], err);
    }
  }
  unsigned char complete = 0;
  if (!take_branch(r, &has) || (has && (!take_raw(r, 1, &complete) || complete > 1))) {
    return chn_fail(err, CHN_E_CORRUPT, "%s.isComplete: no value of its type", s->name);
  }
  return CHN_OK;
}

static chn_status add_tiles(struct agg_stream *s, const struct agg_streamed *values, size_t count,
                            struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (size_t k = 0; k < count && status == CHN_OK; k++) {
    const struct agg_streamed *v = &values[k];
    struct reader r = { v->bytes, (const unsigned char *)v->bytes + v->len };
    const int32_t n = groups_at(s, v->ts);
    for (bool more = v->ts >= s->end; more && status == CHN_OK; more = r.at < r.end) {
      status = take_tile(s, &r, n, err);
    }
  }
  return status;
}

chn_status agg_stream_add(struct agg_stream *s, const struct agg_streamed *values, size_t n,
                          struct chn_err *err)
{
  return s->tiles != NULL ? add_tiles(s, values, n, err) : add_rows(s, values, n, err);
}
