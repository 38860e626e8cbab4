// Avro's bytes to folds and tallies. Everything hot is in this file, so that it is inlined.
#include <math.h>
#include <string.h>

#include "agg/stream_int.h"

struct reader {
  const unsigned char *at;
  const unsigned char *end;
};

// ---- values -----------------------------------------------------------------------------------

static bool take_long(struct reader *r, int64_t *out)
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

/// A field that must not be null.
static bool take_field(struct reader *r, const struct avro_schema *record, int32_t i,
                       struct stream_value *v)
{
  bool has = false;
  return take_branch(r, &has) && has && take_value(r, record->fields[i].schema, v);
}

// ---- stored IRs -------------------------------------------------------------------------------

/// The fields of a record's IR: AvgIr, VarianceIr, TimePair.
static bool take_record(struct reader *r, const struct stream_ir *ir, struct stream_fold *out)
{
  struct stream_value x = { 0 };
  const struct avro_schema *s = ir->schema;
  switch (ir->part->op) {
  case AGG_AVERAGE:
    if (!take_field(r, s, 0, &out->v) || !take_field(r, s, 1, &x)) {
      return false;
    }
    out->count = x.whole;
    return true;
  case AGG_VARIANCE:
    if (!take_field(r, s, 0, &x) || x.whole <= 0 || !take_field(r, s, 1, &out->v)) {
      return false;
    }
    out->count = x.whole;
    if (!take_field(r, s, 2, &x)) {
      return false;
    }
    out->m2 = x.real;
    return true;
  default: // FIRST, LAST
    if (!take_field(r, s, 0, &x)) {
      return false;
    }
    out->ts = x.whole;
    return take_field(r, s, 1, &out->v);
  }
}

static bool take_ir(struct reader *r, const struct stream_ir *ir, struct stream_fold *out)
{
  if (!take_branch(r, &out->has)) {
    return false;
  }
  if (!out->has) {
    return true;
  }
  if (ir->schema->kind == AVRO_RECORD) {
    return take_record(r, ir, out);
  }
  if (!take_value(r, ir->schema, &out->v)) {
    return false;
  }
  out->count = out->v.whole; // COUNT
  return true;
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
  bool has = false;
  int64_t start = 0;
  if (!take_branch(r, &has) || !has || !take_long(r, &start)) {
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
    if (!take_count(r, &n)) {
      return chn_fail(err, CHN_E_CORRUPT, "tail hops that end inside a list");
    }
    for (int64_t i = 0; i < n && size <= AGG_HOP_SIZES; i++, size++) {
      const chn_status status = size < AGG_HOP_SIZES ? take_list(s, r, size, err) : CHN_OK;
      if (status != CHN_OK) {
        return status;
      }
    }
  } while (n > 0 && size <= AGG_HOP_SIZES);
  return size == AGG_HOP_SIZES
             ? CHN_OK
             : chn_fail(err, CHN_E_CORRUPT, "tail hops of %s sizes, want %d",
                        size > AGG_HOP_SIZES ? "more" : "fewer", (int)AGG_HOP_SIZES);
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

// ---- streamed values --------------------------------------------------------------------------

static void feed_extremes(struct stream_tally *t, const struct stream_value *v)
{
  t->least = v->whole < t->least ? v->whole : t->least;
  t->greatest = v->whole > t->greatest ? v->whole : t->greatest;
  t->nan = t->nan || isnan(v->real);
  if (v->real < t->min || (v->real == t->min && signbit(v->real))) {
    t->min = v->real;
  }
  if (v->real > t->max || (v->real == t->max && !signbit(v->real))) {
    t->max = v->real;
  }
}

static void feed_ends(struct stream_tally *t, const struct stream_value *v, int64_t ts)
{
  if (t->count == 0 || ts < t->first_ts) {
    t->first_ts = ts;
    t->first = *v;
  }
  if (t->count == 0 || ts > t->last_ts) {
    t->last_ts = ts;
    t->last = *v;
  }
}

static void feed(unsigned needs, struct stream_tally *t, const struct stream_value *v, int64_t ts)
{
  if ((needs & STREAM_EXTREMES) != 0) {
    feed_extremes(t, v);
  }
  if ((needs & STREAM_ENDS) != 0) {
    feed_ends(t, v, ts);
  }
  t->count++;
  t->whole = (int64_t)((uint64_t)t->whole + (uint64_t)v->whole);
  t->real += v->real;
  if ((needs & STREAM_VARIANCE) != 0) {
    const double delta = v->real - t->mean;
    t->mean += delta / (double)t->count;
    t->m2 += delta * (v->real - t->mean);
  }
}

/// One row. `counts`: it is of [end, q).
static chn_status take_row(struct agg_stream *s, struct reader *r, int64_t ts, bool counts,
                           struct chn_err *err)
{
  const int32_t n_groups = counts ? s->n_groups : 0;
  for (int32_t i = 0; i < s->n_fields; i++) {
    const struct stream_field *f = &s->fields[i];
    struct stream_value v = { 0 };
    bool has = false;
    if (!take_branch(r, &has)) {
      return chn_fail(err, CHN_E_CORRUPT, "%s.%s: no branch of its union", s->name, f->name);
    }
    if (!has) {
      continue;
    }
    if (!take_value(r, f->schema, &v)) {
      return chn_fail(err, CHN_E_CORRUPT, "%s.%s: no value of its type", s->name, f->name);
    }
    struct stream_tally *tallies = s->of_rows + i * s->n_windows;
    for (int32_t g = 0; g < n_groups; g++) {
      if (ts >= s->group_from[g]) {
        feed(f->needs, &tallies[g], &v, ts);
      }
    }
  }
  return CHN_OK;
}

static chn_status take_tile(struct agg_stream *s, struct reader *r, int64_t ts, bool counts,
                            struct chn_err *err)
{
  const int32_t n_groups = counts ? s->n_groups : 0;
  bool has = false;
  if (!take_branch(r, &has)) {
    return chn_fail(err, CHN_E_CORRUPT, "%s.collapsedIr: no branch of its union", s->name);
  }
  for (int32_t i = 0; i < s->plan->n_bases && has; i++) {
    struct stream_fold x;
    memset(&x, 0, sizeof x);
    if (!take_ir(r, &s->tiles[i], &x)) {
      return corrupt_ir(&s->tiles[i], err);
    }
    struct stream_fold *folds = s->of_tiles + i * s->n_windows;
    for (int32_t g = 0; g < n_groups; g++) {
      if (ts >= s->group_from[g]) {
        stream_merge(&s->tiles[i], &folds[g], &x);
      }
    }
  }
  bool flag = false;
  unsigned char complete = 0;
  if (!take_branch(r, &flag) || (flag && (!take_raw(r, 1, &complete) || complete > 1))) {
    return chn_fail(err, CHN_E_CORRUPT, "%s.isComplete: no value of its type", s->name);
  }
  return CHN_OK;
}

chn_status agg_stream_add(struct agg_stream *s, const void *bytes, size_t len, int64_t ts,
                          struct chn_err *err)
{
  struct reader r = { bytes, (const unsigned char *)bytes + len };
  const bool counts = ts >= s->end && ts < s->q;
  chn_status status = CHN_OK;
  do {
    status =
        s->tiles != NULL ? take_tile(s, &r, ts, counts, err) : take_row(s, &r, ts, counts, err);
  } while (status == CHN_OK && r.at < r.end);
  return status;
}
