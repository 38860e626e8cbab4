// Streamed rows to tallies.
#include <math.h>

#include "agg/stream_bytes_int.h"

struct stream_value stream_value_at(const struct avro_schema *s, const unsigned char *at,
                                    const unsigned char *end)
{
  struct stream_value v = { 0 };
  struct stream_reader r = { at, end };
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
static bool feed_other(const struct stream_field *f, struct stream_reader *r, struct fed *x,
                       int32_t n)
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
static inline bool feed_field(const struct stream_field *f, struct stream_reader *r, int64_t ts,
                              int32_t n)
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

/// A field for both: tallies of simple operations, and columns for the rest.
static bool take_both(const struct stream_field *f, struct stream_reader *r, int64_t ts, int32_t n,
                      bool held)
{
  struct stream_reader ahead = *r;
  bool has = false;
  if (!stream_take_alone(&ahead, f->alone, held ? f->into : NULL)) {
    return false;
  }
  if (f->plain && (!take_branch(r, &has) || (has && !feed_field(f, r, ts, n)))) {
    return false;
  }
  *r = ahead;
  return true;
}

chn_status stream_add_rows(struct agg_stream *s, const struct agg_streamed *values, size_t count,
                           struct chn_err *err)
{
  const int32_t n_fields = s->n_fields;
  for (size_t k = 0; k < count; k++) {
    const struct agg_streamed *v = &values[k];
    const int32_t n = groups_at(s, v->ts);
    const bool held = is_held(s, v->ts);
    struct stream_reader r = { v->bytes, (const unsigned char *)v->bytes + v->len };
    do {
      for (int32_t i = 0; i < n_fields && v->ts >= s->end; i++) {
        const struct stream_field *f = &s->fields[i];
        bool has = false;
        if (f->into != NULL || !f->plain
                ? !take_both(f, &r, v->ts, n, held)
                : !take_branch(&r, &has) || (has && !feed_field(f, &r, v->ts, n))) {
          return chn_fail(err, CHN_E_CORRUPT, "%s.%s: no value of its type", s->name,
                          s->fields[i].name);
        }
      }
      if (s->rest != NULL && held) {
        stream_rest_row(s, v->ts);
      }
    } while (r.at < r.end && v->ts >= s->end);
  }
  return CHN_OK;
}
