/// stream_bytes_int.h: Avro's values, read where they lie. Private to agg/stream*.c; the bodies are
/// here to be inlined into loops over rows, hops and tiles, which do little else.
#pragma once
#include <string.h>

#include "agg/stream_int.h"

struct stream_reader {
  const unsigned char *at;
  const unsigned char *end;
};

// ---- values -----------------------------------------------------------------------------------

static inline bool take_long_slowly(struct stream_reader *r, int64_t *out)
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
static inline bool take_long(struct stream_reader *r, int64_t *out)
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

static inline bool take_raw(struct stream_reader *r, size_t n, void *out)
{
  if (n > (size_t)(r->end - r->at)) {
    return false;
  }
  memcpy(out, r->at, n);
  r->at += n;
  return true;
}

static inline bool take_int(struct stream_reader *r, enum row_kind kind, int64_t *out)
{
  const int64_t max = kind == ROW_BYTE ? INT8_MAX : kind == ROW_SHORT ? INT16_MAX : INT32_MAX;
  return take_long(r, out) && *out <= max && *out >= -max - 1;
}

static inline bool take_text(struct stream_reader *r, struct stream_value *v)
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
static inline bool take_value(struct stream_reader *r, const struct avro_schema *s,
                              struct stream_value *v)
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
static inline bool take_branch(struct stream_reader *r, bool *has)
{
  if (r->at == r->end || (*r->at != 0 && *r->at != 2)) {
    return false;
  }
  *has = *r->at++ == 2;
  return true;
}

/// The branch of a value that must not be null.
static inline bool take_set(struct stream_reader *r)
{
  bool has = false;
  return take_branch(r, &has) && has;
}

/// A field that must not be null.
static inline bool take_field(struct stream_reader *r, const struct avro_schema *record, int32_t i,
                              struct stream_value *v)
{
  return take_set(r) && take_value(r, record->fields[i].schema, v);
}

/// A value with its branch, appended to `into`; NULL skips it.
bool stream_take_alone(struct stream_reader *r, const struct avro_schema *record,
                       struct row_builder *into);

/// Whether an instant is of the stream that this answer holds.
static inline bool is_held(const struct agg_stream *s, int64_t ts)
{
  return ts >= s->end && ts < s->q;
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
