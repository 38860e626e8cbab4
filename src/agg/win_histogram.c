// HISTOGRAM and APPROX_HISTOGRAM_K: counts by value, the k largest of them where there is a k (ties
// by the bytes of the key). Both are exact here; see agg/ir.h for the stored form of the second.
//
// A stretch of overlapping ranges gets ids in the order of the keys' bytes. Rows enter and leave
// a table of counts; a short range among many different values is sorted instead of scanning all.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agg/text.h"
#include "agg/win_int.h"

struct entry {
  uint32_t id;
  uint32_t count;
};

/// The work of one stretch of ranges.
struct histogram {
  struct win_call *c;
  uint32_t first; ///< position of id[0]
  uint32_t *id;
  uint32_t n_ids;
  struct row_str *text; ///< by id
  uint32_t *count;      ///< of rows [from, to)
  uint32_t from;
  uint32_t to;
  struct entry *entries;
  uint32_t *ids; ///< scratch of a short range
};

struct named {
  struct row_str text;
  uint32_t id;
};

static int by_text(const void *x, const void *y)
{
  return row_str_compare(&((const struct named *)x)->text, &((const struct named *)y)->text);
}

/// The key of the value at a stream position.
static struct row_str text_of(struct win_call *c, size_t pos)
{
  const struct win_leaf leaf = win_leaf_of(c->task->frame, c->elems->input, c->elems->shape);
  if (leaf.code != NULL) {
    return leaf.dict->strings[win_codes(c)[pos]];
  }
  char text[AGG_TEXT_SIZE];
  const bool floating = leaf.kind == ROW_FLOAT || leaf.kind == ROW_DOUBLE;
  const size_t len =
      floating ? agg_text_double(win_f64(c)[pos], text)
               : (size_t)snprintf(text, sizeof text, "%" PRId64, win_i64(c, WIN_I64)[pos]);
  return row_str_make(len <= 12 ? text : arena_strndup(&c->task->texts, text, len), len);
}

/// Gives the stretch's values ids in the order of their texts.
static void name_values(struct histogram *h, const int64_t *keys, uint32_t end)
{
  struct arena *a = &h->c->task->scratch;
  struct win_ids dense;
  h->id = win_densify(a, keys + h->first, end - h->first, &dense);
  h->n_ids = (uint32_t)dense.n_ids;
  struct named *names = arena_alloc(a, h->n_ids * sizeof *names);
  for (uint32_t i = 0; i < h->n_ids; i++) {
    names[i] = (struct named){ text_of(h->c, h->first + dense.first[i]), i };
  }
  qsort(names, h->n_ids, sizeof *names, by_text);
  uint32_t *place = arena_alloc(a, h->n_ids * sizeof *place);
  h->text = arena_alloc(a, h->n_ids * sizeof *h->text);
  for (uint32_t i = 0; i < h->n_ids; i++) {
    place[names[i].id] = i;
    h->text[i] = names[i].text;
  }
  for (uint32_t i = 0; i < end - h->first; i++) {
    h->id[i] = place[h->id[i]];
  }
  h->count = arena_calloc(a, h->n_ids, sizeof *h->count);
  h->entries = arena_alloc(a, h->n_ids * sizeof *h->entries);
  h->ids = arena_alloc(a, h->n_ids * sizeof *h->ids);
}

static int by_id(const void *x, const void *y)
{
  const uint32_t a = *(const uint32_t *)x;
  const uint32_t b = *(const uint32_t *)y;
  return (a > b) - (a < b);
}

/// Entries of a short range, by sorting its ids.
static uint32_t count_short(struct histogram *h, uint32_t lo, uint32_t hi)
{
  const uint32_t n = hi - lo;
  memcpy(h->ids, h->id + (lo - h->first), n * sizeof *h->ids);
  qsort(h->ids, n, sizeof *h->ids, by_id);
  uint32_t m = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (m == 0 || h->entries[m - 1].id != h->ids[i]) {
      h->entries[m++] = (struct entry){ h->ids[i], 0 };
    }
    h->entries[m - 1].count++;
  }
  return m;
}

static uint32_t count_all(struct histogram *h, uint32_t lo, uint32_t hi)
{
  for (; h->to < hi; h->to++) {
    h->count[h->id[h->to - h->first]]++;
  }
  for (; h->from < lo; h->from++) {
    h->count[h->id[h->from - h->first]]--;
  }
  uint32_t m = 0;
  for (uint32_t i = 0; i < h->n_ids; i++) {
    if (h->count[i] > 0) {
      h->entries[m++] = (struct entry){ i, h->count[i] };
    }
  }
  return m;
}

/// Leaves the k entries with the largest counts, in the order of ids; of equal counts the smaller
/// id stays. Entries come in the order of ids, so one that only equals the least kept goes.
static uint32_t keep_largest(struct entry *e, uint32_t m, uint32_t k)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < m; i++) {
    const struct entry next = e[i];
    if (n == k && next.count <= e[n - 1].count) {
      continue;
    }
    uint32_t at = n < k ? n++ : n - 1;
    for (; at > 0 && e[at - 1].count < next.count; at--) {
      e[at] = e[at - 1];
    }
    e[at] = next;
  }
  qsort(e, n, sizeof *e, by_id); // the id comes first in an entry
  return n;
}

static void write_map(struct histogram *h, uint32_t m, struct row_span *span)
{
  const uint32_t k = (uint32_t)h->c->part->k;
  if (k > 0 && m > k) {
    m = keep_largest(h->entries, m, k);
  }
  struct win_vals *out = h->c->out;
  *span = (struct row_span){ out->child.n, m };
  struct row_str *keys = win_buf_add(&out->key, m);
  uint8_t *cells = win_buf_add(&out->child, m);
  for (uint32_t i = 0; i < m; i++) {
    keys[i] = h->text[h->entries[i].id];
    if (out->child.width == sizeof(int32_t)) {
      ((int32_t *)(void *)cells)[i] = (int32_t)h->entries[i].count;
    } else {
      ((int64_t *)(void *)cells)[i] = h->entries[i].count;
    }
  }
}

void win_histogram(struct win_call *c)
{
  const int64_t *keys = win_keys(c);
  struct row_span *spans = win_buf_add(&c->out->cell, c->n);
  uint8_t *valid = win_buf_add(&c->out->valid, c->n);
  for (size_t i = 0, to; i < c->n; i = to) {
    to = win_stretch(c, i);
    struct histogram h = { .c = c, .first = c->lo[i], .from = c->lo[i], .to = c->lo[i] };
    name_values(&h, keys, c->hi[to - 1]);
    for (size_t q = i; q < to; q++) {
      const uint32_t lo = c->lo[q];
      const uint32_t hi = c->hi[q];
      const bool is_short = hi - lo < h.n_ids / 8;
      valid[q] = hi > lo;
      write_map(&h, is_short ? count_short(&h, lo, hi) : count_all(&h, lo, hi), &spans[q]);
    }
  }
}
