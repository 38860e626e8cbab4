// Blocks of versions; their bytes are told above layout.c.
//
// The directory stands before the values, times and ends apart, so that a reader walks two dense
// arrays and asks for the values' bytes while it does, which takes a fourth off a read that memory
// bounds. Times are 32-bit differences, ends 16-bit: a block is cut where either would not do,
// after 49 days for example.
#include "kv/block_int.h"

#include <string.h>

enum { FIRST_AT = 0, COUNT_AT = 8, HEADER = 10, DELTA = 4, END = 2, DIRECTORY = DELTA + END };

static uint32_t get32(const uint8_t *in)
{
  uint32_t v;
  memcpy(&v, in, sizeof v);
  return v;
}

static uint16_t get16(const uint8_t *in)
{
  uint16_t v;
  memcpy(&v, in, sizeof v);
  return v;
}

bool kv_block_open(struct kv_block *out, const void *data, size_t len)
{
  if (len < HEADER) {
    return false;
  }
  const uint8_t *p = data;
  const size_t others = (size_t)get16(p + COUNT_AT) - 1;
  if (others > UINT16_MAX || len - HEADER < others * DIRECTORY) {
    return false;
  }
  memcpy(&out->first, p + FIRST_AT, sizeof out->first);
  out->count = others + 1;
  out->deltas = p + HEADER;
  out->ends = out->deltas + others * DELTA;
  out->values = out->ends + others * END;
  out->values_len = len - HEADER - others * DIRECTORY;
  return kv_block_last(out) >= out->first;
}

static int64_t later(int64_t first, uint32_t delta)
{
  return (int64_t)((uint64_t)first + delta);
}

int64_t kv_block_last(const struct kv_block *b)
{
  return b->count == 1 ? b->first : later(b->first, get32(b->deltas + (b->count - 2) * DELTA));
}

bool kv_block_versions(const struct kv_block *b, struct kv_version *out)
{
  const size_t others = b->count - 1;
  uint32_t delta = 0;
  size_t start = 0;
  bool bad = false;
  for (size_t i = 0; i < others; i++) {
    const size_t end = get16(b->ends + i * END);
    const uint32_t next = get32(b->deltas + i * DELTA);
    bad |= end < start || next <= delta;
    out[i] = (struct kv_version){ .ts = later(b->first, delta),
                                  .data = b->values + start,
                                  .len = end - start };
    __builtin_prefetch(b->values + start);
    start = end;
    delta = next;
  }
  bad |= start > b->values_len;
  out[others] = (struct kv_version){ .ts = later(b->first, delta),
                                     .data = b->values + start,
                                     .len = b->values_len - start };
  return !bad;
}

size_t kv_block_size(const struct kv_version *v, size_t count)
{
  size_t size = HEADER + (count - 1) * DIRECTORY;
  for (size_t i = 0; i < count; i++) {
    size += v[i].len;
  }
  return size;
}

void kv_block_write(void *out, const struct kv_version *v, size_t count)
{
  const size_t others = count - 1;
  uint8_t *deltas = (uint8_t *)out + HEADER;
  uint8_t *ends = deltas + others * DELTA;
  uint8_t *value = ends + others * END;
  const uint8_t *values = value;
  const uint16_t n = (uint16_t)count;
  memcpy((uint8_t *)out + FIRST_AT, &v[0].ts, sizeof v[0].ts);
  memcpy((uint8_t *)out + COUNT_AT, &n, sizeof n);
  for (size_t i = 0; i < count; i++) {
    if (v[i].len) {
      memcpy(value, v[i].data, v[i].len);
      value += v[i].len;
    }
    if (i < others) {
      const uint32_t delta = (uint32_t)((uint64_t)v[i + 1].ts - (uint64_t)v[0].ts);
      const uint16_t end = (uint16_t)(value - values);
      memcpy(deltas + i * DELTA, &delta, sizeof delta);
      memcpy(ends + i * END, &end, sizeof end);
    }
  }
}

static bool one_block(const struct kv_version *first, const struct kv_version *last)
{
  return (uint64_t)last->ts - (uint64_t)first->ts <= UINT32_MAX;
}

size_t kv_block_fits(const struct kv_version *v, size_t count, size_t bytes)
{
  size_t size = HEADER + v[0].len;
  size_t n = 1;
  while (n < count && size <= bytes && DIRECTORY + v[n].len <= bytes - size &&
         one_block(&v[0], &v[n])) {
    size += DIRECTORY + v[n].len;
    n++;
  }
  return n;
}

size_t kv_block_fits_last(const struct kv_version *v, size_t count, size_t bytes)
{
  const struct kv_version *last = &v[count - 1];
  size_t size = HEADER + last->len;
  size_t n = 1;
  while (n < count && size <= bytes) {
    const struct kv_version *next = &v[count - 1 - n];
    if (DIRECTORY + next->len > bytes - size || !one_block(next, last)) {
      break;
    }
    size += DIRECTORY + next->len;
    n++;
  }
  return n;
}

size_t kv_block_merge(const struct kv_version *a, size_t a_count, const struct kv_version *b,
                      size_t b_count, struct kv_version *out)
{
  size_t n = 0;
  size_t i = 0;
  for (size_t j = 0; j < b_count; j++) {
    while (i < a_count && a[i].ts < b[j].ts) {
      out[n++] = a[i++];
    }
    i += i < a_count && a[i].ts == b[j].ts;
    out[n++] = b[j];
  }
  while (i < a_count) {
    out[n++] = a[i++];
  }
  return n;
}
