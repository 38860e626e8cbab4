// TOP_K and BOTTOM_K. Around a pivot (win_sum.c) the k best of the suffix are kept for every
// different tail, and those of the stretch grow in place; a query merges the two. A row costs one
// comparison unless it is among the k best.
#include <string.h>

#include "agg/win_int.h"

enum { MOST_KEPT = 1 << 20 }; ///< values that one pivot's suffixes may keep

/// The best so far, best first.
struct best {
  int64_t *v;
  uint32_t n;
  uint32_t k;
};

static void offer(struct best *b, int64_t x)
{
  if (b->n == b->k) {
    if (x <= b->v[b->n - 1]) {
      return;
    }
    b->n--;
  }
  uint32_t i = b->n++;
  for (; i > 0 && b->v[i - 1] < x; i--) {
    b->v[i] = b->v[i - 1];
  }
  b->v[i] = x;
}

static uint32_t merge(const struct best *a, const struct best *b, int64_t *out)
{
  uint32_t i = 0;
  uint32_t j = 0;
  uint32_t n = 0;
  while (n < a->k && (i < a->n || j < b->n)) {
    const bool left = j == b->n || (i < a->n && a->v[i] >= b->v[j]);
    out[n++] = left ? a->v[i++] : b->v[j++];
  }
  return n;
}

/// The work of one call.
struct top {
  struct win_call *c;
  const int64_t *x;
  int64_t turn;
  uint32_t k;
  int64_t *ord; ///< answers, k a query
  uint32_t *len;
  int64_t *kept;      ///< suffixes, k each
  uint32_t *kept_n;   ///< values in each
  size_t kept_room;   ///< suffixes
  uint32_t *of_query; ///< the suffix of a query
};

/// The queries from i on that hold the row before i's head, as many as their suffixes may take.
static size_t reach(const struct top *t, size_t i)
{
  const struct win_call *c = t->c;
  size_t tails = 0;
  size_t end = i;
  for (; end < c->n && c->lo[end] < c->hi[i]; end++) {
    tails += end == i || c->lo[end] != c->lo[end - 1];
    if (tails > t->kept_room) {
      break;
    }
  }
  return end;
}

static void around_pivot(struct top *t, size_t i, size_t end)
{
  const struct win_call *c = t->c;
  const uint32_t pivot = c->hi[i];
  struct best b = { .v = t->ord + i * t->k, .k = t->k }; // room that the answer of i takes later
  size_t at = pivot;
  uint32_t n_kept = 0;
  for (size_t q = end; q-- > i;) {
    if (n_kept == 0 || c->lo[q] != c->lo[q + 1]) {
      while (at > c->lo[q]) {
        offer(&b, t->x[--at] ^ t->turn);
      }
      memcpy(t->kept + (size_t)n_kept * t->k, b.v, b.n * sizeof *b.v);
      t->kept_n[n_kept++] = b.n;
    }
    t->of_query[q] = n_kept - 1;
  }
  int64_t *stretch = t->kept + t->kept_room * t->k;
  b = (struct best){ .v = stretch, .k = t->k };
  for (size_t q = i; q < end; q++) {
    for (at = q > i ? c->hi[q - 1] : pivot; at < c->hi[q]; at++) {
      offer(&b, t->x[at] ^ t->turn);
    }
    const uint32_t s = t->of_query[q];
    const struct best suffix = { t->kept + (size_t)s * t->k, t->kept_n[s], t->k };
    t->len[q] = merge(&suffix, &b, t->ord + q * t->k);
  }
}

static void write_lists(struct top *t)
{
  struct win_call *c = t->c;
  struct row_span *spans = win_buf_add(&c->out->cell, c->n);
  uint8_t *valid = win_buf_add(&c->out->valid, c->n);
  size_t n = 0;
  for (size_t i = 0; i < c->n; i++) {
    spans[i] = (struct row_span){ c->out->child.n + n, t->len[i] };
    valid[i] = t->len[i] > 0;
    for (uint32_t j = 0; j < t->len[i]; j++) {
      t->ord[n++] = t->ord[i * t->k + j] ^ t->turn; // n never overtakes i * k + j
    }
  }
  win_put_ords(c, t->ord, n, win_buf_add(&c->out->child, n));
}

void win_top_k(struct win_call *c)
{
  struct arena *a = &c->task->scratch;
  size_t longest = 0;
  for (size_t i = 0; i < c->n; i++) {
    const size_t n = c->hi[i] - c->lo[i];
    longest = n > longest ? n : longest;
  }
  // No list is longer than the longest range, whatever k says.
  const size_t k = longest < (size_t)c->part->k ? longest : (size_t)c->part->k;
  struct top t = { .c = c, .x = win_i64(c, WIN_ORD), .k = (uint32_t)k };
  t.turn = c->part->op == AGG_TOP_K ? 0 : -1;
  t.kept_room = MOST_KEPT / (k + 1) + 1;
  t.kept_room = t.kept_room < c->n ? t.kept_room : c->n;
  t.ord = arena_alloc(a, c->n * k * sizeof *t.ord);
  t.len = arena_calloc(a, c->n, sizeof *t.len);
  t.kept = arena_alloc(a, (t.kept_room + 1) * k * sizeof *t.kept);
  t.kept_n = arena_alloc(a, t.kept_room * sizeof *t.kept_n);
  t.of_query = arena_alloc(a, c->n * sizeof *t.of_query);
  for (size_t i = 0; i < c->n;) {
    const size_t end = reach(&t, i);
    if (end > i) {
      around_pivot(&t, i, end);
    }
    i = end > i ? end : i + 1;
  }
  write_lists(&t);
}
