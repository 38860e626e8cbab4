// APPROX_HISTOGRAM_K: the k most frequent values and their counts, in bounded memory.
//
// The answer is the k entries with the largest counts, equal counts by the bytes of the key. The
// backfill engine computes it exactly. Here counts are exact until more than ROOM(k) = max(64, 6 k)
// different values were seen; then the median count is taken off every entry, entries that reach 0
// are dropped, and the sum of what was taken off is kept as `error` (Misra and Gries, with the
// purge of DataSketches' frequent items). An answer is then count + error, which is the upper
// bound that upstream reports too.
//
// Upstream is exact up to k different values, then keeps about 3/4 of the next power of two above
// k, and answers only with entries that are provably frequent, which is often the empty map {}
// although the counts are plain. So wherever upstream is exact this is, and where it gives up this
// goes on counting with at least eight times the room.
//
// Keys are the values as Java's String.valueOf writes them (agg/text.h).
//
// Stored form: Apache DataSketches' frequent items sketch of strings, version 1, which its Java,
// C++ and Python libraries read, and whose bytes are read here. (Upstream stores its sketch inside
// a Java object stream, which nobody else can read.) Little-endian:
//
//     offset  bytes
//     0       1     longs in front of the counts: 4; 1 when nothing was seen
//     1       2     01 0a: version, family
//     3       2     binary logarithms of the map's largest and present size
//     5       3     flags, 5 when nothing was seen, else 0; 2 bytes of nothing
//     8       8     n, number of entries, u32; 4 bytes of nothing
//     16      8     weight: how many values were seen
//     24      8     error ("offset"), i64 >= 0
//     32      8 n   counts, i64 > 0, without the error; here by count descending, then by key
//     32+8n         n times a key: its length, u32, and its UTF-8
//
// Where nothing was seen the bytes end at offset 8.
#include <stdlib.h>
#include <string.h>

#include "agg/tally_int.h"
#include "agg/text.h"
#include "base/buf.h"

enum { EMPTY = 8, HEADER = 32, LG_MIN = 3, LG_MAX = 31 };

struct approx {
  struct agg_tally tally;
  int64_t weight;
  int64_t error;
};

static int32_t room(const struct agg_part *p)
{
  return p->k > 10 ? 6 * p->k : 64;
}

/// Wraps like the counts do, should stored states of any origin add up that far.
static int64_t sum(int64_t x, int64_t y)
{
  return (int64_t)((uint64_t)x + (uint64_t)y);
}

/// Takes the median count off all entries and rebuilds the tally from those that stay.
static void purge(struct approx *s)
{
  int32_t n = 0;
  int32_t *ids = agg_tally_ranked(&s->tally, 0, &n);
  const int64_t median = s->tally.counts[ids[n / 2]];
  struct agg_tally kept = { 0 };
  for (int32_t i = 0; i < n && s->tally.counts[ids[i]] > median; i++) {
    size_t len = 0;
    const char *key = chn_dict_bytes(s->tally.keys, ids[i], &len);
    agg_tally_add(&kept, key, len, s->tally.counts[ids[i]] - median);
  }
  free(ids);
  agg_tally_free(&s->tally);
  s->tally = kept;
  s->error = sum(s->error, median);
}

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)ts;
  struct approx *s = state;
  char text[32];
  size_t len = 0;
  const char *key = agg_text(c, row, text, &len);
  agg_tally_add(&s->tally, key, len, 1);
  s->weight = sum(s->weight, 1);
  if (s->tally.live > room(p)) {
    purge(s);
  }
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  struct approx *s = into;
  const struct approx *other = from;
  agg_tally_merge(&s->tally, &other->tally);
  s->weight = sum(s->weight, other->weight);
  s->error = sum(s->error, other->error);
  while (s->tally.live > room(p)) {
    purge(s);
  }
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct approx *s = state;
  int32_t n = 0;
  int32_t *ids = agg_tally_ranked(&s->tally, p->k, &n);
  struct row_builder *entry = row_builder_child(out, 0);
  for (int32_t i = 0; i < n; i++) {
    size_t len = 0;
    const char *key = chn_dict_bytes(s->tally.keys, ids[i], &len);
    row_builder_string(row_builder_child(entry, 0), key, len);
    row_builder_value(row_builder_child(entry, 1),
                      &(int64_t){ sum(s->tally.counts[ids[i]], s->error) });
    row_builder_close_struct(entry);
  }
  row_builder_close_list(out);
  free(ids);
}

/// The size of the library's map, which fills it up to three quarters, as a binary logarithm.
static uint8_t log_size(int64_t entries)
{
  uint8_t lg = LG_MIN;
  while (lg < LG_MAX && ((int64_t)3 << lg) / 4 < entries) {
    lg++;
  }
  return lg;
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct approx *s = state;
  int32_t n = 0;
  int32_t *ids = agg_tally_ranked(&s->tally, 0, &n);
  const bool empty = n == 0 && s->weight == 0;
  const uint8_t lg_max = log_size(n > room(p) ? n : room(p));
  const uint8_t head[EMPTY] = { empty ? 1 : 4, 1, 10, lg_max, log_size(n), empty ? 5 : 0 };
  struct chn_buf bytes = { 0 };
  chn_buf_add(&bytes, head, sizeof head);
  if (!empty) {
    chn_buf_add(&bytes, &(uint64_t){ (uint32_t)n }, 8);
    chn_buf_add(&bytes, &s->weight, 8);
    chn_buf_add(&bytes, &s->error, 8);
  }
  for (int32_t i = 0; i < n; i++) {
    chn_buf_add(&bytes, &s->tally.counts[ids[i]], 8);
  }
  for (int32_t i = 0; i < n; i++) {
    size_t len = 0;
    const char *key = chn_dict_bytes(s->tally.keys, ids[i], &len);
    chn_buf_add(&bytes, &(uint32_t){ (uint32_t)len }, 4);
    chn_buf_add(&bytes, key, len);
  }
  row_builder_string(out, bytes.data, bytes.len);
  chn_buf_deinit(&bytes);
  free(ids);
}

/// Reads the entries behind the header; false when they do not fill the bytes exactly, a count is
/// not positive, or a key comes twice.
static bool read_entries(struct approx *s, const char *p, size_t len, uint32_t n)
{
  if (n > (len - HEADER) / 12) { // a count and the length of a key
    return false;
  }
  size_t at = HEADER + (size_t)8 * n;
  for (uint32_t i = 0; i < n; i++) {
    int64_t count = 0;
    uint32_t size = 0;
    memcpy(&count, p + HEADER + (size_t)8 * i, 8);
    if (count <= 0 || len - at < 4) {
      return false;
    }
    memcpy(&size, p + at, 4);
    at += 4;
    if (size > len - at) {
      return false;
    }
    agg_tally_add(&s->tally, p + at, size, count);
    at += size;
  }
  return at == len && s->tally.live == (int64_t)n &&
         (n == 0 || chn_dict_size(s->tally.keys) == s->tally.live);
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  struct approx *s = state;
  const struct row_str *str = (const struct row_str *)c->data + row;
  const char *bytes = row_str_bytes(str);
  uint32_t n = 0;
  if (str->len < EMPTY || memcmp(bytes + 1, "\x01\x0a", 2) != 0) {
    return agg_corrupt(p, err, "not the bytes of a frequent items sketch");
  }
  if (bytes[0] == 1 && (bytes[5] & 5) != 0 && str->len == EMPTY) {
    return CHN_OK;
  }
  if (bytes[0] != 4 || (bytes[5] & 5) != 0 || str->len < HEADER) {
    return agg_corrupt(p, err, "its header contradicts its length");
  }
  memcpy(&n, bytes + 8, 4);
  memcpy(&s->weight, bytes + 16, 8);
  memcpy(&s->error, bytes + 24, 8);
  if (s->weight < 0 || s->error < 0 || !read_entries(s, bytes, str->len, n)) {
    return agg_corrupt(p, err, "its entries contradict its length");
  }
  while (s->tally.live > room(p)) {
    purge(s);
  }
  return CHN_OK;
}

static void release(const struct agg_part *p, void *state)
{
  (void)p;
  agg_tally_free(&((struct approx *)state)->tally);
}

const struct agg_kind agg_op_approx_histogram_k = {
  .size = sizeof(struct approx),
  .update = update,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
