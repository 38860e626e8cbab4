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
// Stored form, little-endian (upstream's is a Java object stream, which nobody else can read):
//
//     offset  bytes
//     0       2     "H" 0x01
//     2       8     error, i64 >= 0
//     10      4     n, number of entries
//     14            n times, by count descending, then by key:
//             8     count, i64 > 0, without the error
//             4     length of the key
//             ...   the key, UTF-8
#include <stdlib.h>
#include <string.h>

#include "agg/tally_int.h"
#include "agg/text.h"
#include "base/buf.h"

enum { HEADER = 14, ENTRY = 12 };

struct approx {
  struct agg_tally tally;
  int64_t error;
};

static int32_t room(const struct agg_part *p)
{
  return p->k > 10 ? 6 * p->k : 64;
}

/// Wraps like the counts do, should stored states of any origin add up that far.
static void add_error(struct approx *s, int64_t more)
{
  s->error = (int64_t)((uint64_t)s->error + (uint64_t)more);
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
  add_error(s, median);
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
  if (s->tally.live > room(p)) {
    purge(s);
  }
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  struct approx *s = into;
  const struct approx *other = from;
  agg_tally_merge(&s->tally, &other->tally);
  add_error(s, other->error);
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
                      &(uint64_t){ (uint64_t)s->tally.counts[ids[i]] + (uint64_t)s->error });
    row_builder_close_struct(entry);
  }
  row_builder_close_list(out);
  free(ids);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  (void)p;
  const struct approx *s = state;
  int32_t n = 0;
  int32_t *ids = agg_tally_ranked(&s->tally, 0, &n);
  struct chn_buf bytes = { 0 };
  chn_buf_add(&bytes, "H\1", 2);
  chn_buf_add(&bytes, &s->error, 8);
  chn_buf_add(&bytes, &n, 4);
  for (int32_t i = 0; i < n; i++) {
    size_t len = 0;
    const char *key = chn_dict_bytes(s->tally.keys, ids[i], &len);
    chn_buf_add(&bytes, &s->tally.counts[ids[i]], 8);
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
  size_t at = HEADER;
  for (uint32_t i = 0; i < n; i++) {
    int64_t count = 0;
    uint32_t size = 0;
    if (len - at < ENTRY) {
      return false;
    }
    memcpy(&count, p + at, 8);
    memcpy(&size, p + at + 8, 4);
    at += ENTRY;
    if (count <= 0 || size > len - at) {
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
  if (str->len < HEADER || memcmp(bytes, "H\1", 2) != 0) {
    return agg_corrupt(p, err, "not the bytes of an APPROX_HISTOGRAM_K of this program");
  }
  memcpy(&s->error, bytes + 2, 8);
  memcpy(&n, bytes + 10, 4);
  if (s->error < 0 || !read_entries(s, bytes, str->len, n)) {
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
