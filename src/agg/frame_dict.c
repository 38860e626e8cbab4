// Strings become codes once, when they arrive. Most columns repeat a few strings, so a small
// direct-mapped cache over the 16 bytes of a row_str answers before the dictionary is asked: a
// short string lies wholly in them, and a long one is told by its pointer as long as the caller's
// memory lives, that is within one append (an era).
#include <stdlib.h>
#include <string.h>

#include "agg/frame_int.h"
#include "agg/sketch.h"
#include "agg/value_int.h"

enum { CACHE_BITS = 12 };

struct frame_dict *frame_dict_new(void)
{
  struct frame_dict *d = chn_calloc(1, sizeof *d);
  d->dict = chn_dict_new(1024);
  d->refs = 1;
  d->era = 1;
  d->cache = chn_calloc((size_t)1 << CACHE_BITS, sizeof *d->cache);
  for (size_t i = 0; i < (size_t)1 << CACHE_BITS; i++) {
    d->cache[i].head = UINT64_MAX; // no string is 4 GiB long
  }
  return d;
}

struct frame_dict *frame_dict_ref(struct frame_dict *d)
{
  __atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
  return d;
}

void frame_dict_unref(struct frame_dict *d)
{
  if (d == NULL || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0) {
    return;
  }
  chn_dict_free(d->dict);
  free(d->cache);
  free(d->strings);
  free(d->rank);
  free(d->by_rank);
  free(d->utf16_rank);
  free(d->by_utf16_rank);
  while (d->coupons != NULL) {
    struct frame_coupons *next = d->coupons->next;
    free(d->coupons->by_code);
    free(d->coupons);
    d->coupons = next;
  }
  free(d);
}

void frame_dict_next_era(struct frame_dict *d)
{
  d->era++;
}

static int32_t code_of(struct frame_dict *d, const struct row_str *s)
{
  uint64_t head;
  uint64_t tail;
  memcpy(&head, s, 8);
  memcpy(&tail, (const char *)s + 8, 8);
  const uint64_t mixed = (head ^ (tail * 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u;
  struct frame_cached_code *slot = &d->cache[mixed >> (64 - CACHE_BITS)];
  if (slot->head == head && slot->tail == tail && (s->len <= 12 || slot->era == d->era)) {
    return slot->code;
  }
  const int32_t code = chn_dict_intern(d->dict, row_str_bytes(s), s->len);
  *slot = (struct frame_cached_code){ head, tail, d->era, code };
  return code;
}

bool frame_dict_encode(struct frame_dict *d, const struct row_col *src, const int64_t *idx,
                       size_t from, size_t n, int32_t *out)
{
  const struct row_str *strings = src->data;
  bool null = false;
  for (size_t i = 0; i < n; i++) {
    const size_t row = idx != NULL ? (size_t)idx[from + i] : from + i;
    if (row_is_null(src, row)) {
      out[i] = FRAME_NO_CODE;
      null = true;
    } else {
      out[i] = code_of(d, &strings[row]);
    }
  }
  return null;
}

struct ranked {
  const struct row_str *s;
  int32_t code;
};

static int by_bytes(const void *x, const void *y)
{
  return row_str_compare(((const struct ranked *)x)->s, ((const struct ranked *)y)->s);
}

static int by_utf16(const void *x, const void *y)
{
  const struct row_str *a = ((const struct ranked *)x)->s;
  const struct row_str *b = ((const struct ranked *)y)->s;
  return agg_utf16_compare(row_str_bytes(a), a->len, row_str_bytes(b), b->len);
}

static void rank(const struct frame_dict *d, int (*order)(const void *, const void *),
                 int32_t **ranks, int32_t **inverse)
{
  const int32_t n = chn_dict_size(d->dict);
  struct ranked *all = chn_malloc((size_t)n * sizeof *all);
  for (int32_t i = 0; i < n; i++) {
    all[i] = (struct ranked){ &d->strings[i], i };
  }
  qsort(all, (size_t)n, sizeof *all, order);
  *ranks = chn_malloc((size_t)n * sizeof **ranks);
  *inverse = chn_malloc((size_t)n * sizeof **inverse);
  for (int32_t i = 0; i < n; i++) {
    (*ranks)[all[i].code] = i;
    (*inverse)[i] = all[i].code;
  }
  free(all);
}

void frame_dict_seal(struct frame_dict *d, bool utf16)
{
  free(d->cache);
  d->cache = NULL;
  const int32_t n = chn_dict_size(d->dict);
  d->strings = chn_malloc((size_t)n * sizeof *d->strings);
  for (int32_t i = 0; i < n; i++) {
    size_t len;
    const char *bytes = chn_dict_bytes(d->dict, i, &len);
    d->strings[i] = row_str_make(bytes, len);
  }
  rank(d, by_bytes, &d->rank, &d->by_rank);
  if (utf16) {
    rank(d, by_utf16, &d->utf16_rank, &d->by_utf16_rank);
  }
}

const int64_t *frame_dict_coupons(const struct frame_dict *d, int32_t lg_k)
{
  const struct frame_coupons *c = d->coupons;
  while (c != NULL && c->lg_k != lg_k) {
    c = c->next;
  }
  return c != NULL ? c->by_code : NULL;
}

void frame_dict_add_coupons(struct frame_dict *d, int32_t lg_k)
{
  if (frame_dict_coupons(d, lg_k) != NULL) {
    return;
  }
  const int32_t n = chn_dict_size(d->dict);
  struct frame_coupons *c = chn_malloc(sizeof *c);
  *c = (struct frame_coupons){ lg_k, chn_malloc((size_t)n * sizeof *c->by_code), d->coupons };
  for (int32_t i = 0; i < n; i++) {
    size_t len;
    const void *bytes = chn_dict_bytes(d->dict, i, &len);
    c->by_code[i] = agg_cpc_coupon_bytes(lg_k, bytes, len);
  }
  d->coupons = c;
}

size_t frame_dict_memory(const struct frame_dict *d)
{
  if (d == NULL) {
    return 0;
  }
  const size_t n = (size_t)chn_dict_size(d->dict);
  size_t each = 0;
  each += d->strings != NULL ? sizeof *d->strings : 0;
  each += d->rank != NULL ? 2 * sizeof *d->rank : 0;
  each += d->utf16_rank != NULL ? 2 * sizeof *d->utf16_rank : 0;
  for (const struct frame_coupons *c = d->coupons; c != NULL; c = c->next) {
    each += sizeof *c->by_code;
  }
  return chn_dict_memory(d->dict) + n * each +
         (d->cache != NULL ? sizeof *d->cache << CACHE_BITS : 0);
}
