// Counts of texts in bounded memory: where there are too many, those that came rarely are
// forgotten, all at once.
#include <stdlib.h>
#include <string.h>

#include "base/dict.h"
#include "batch/describe_column.h"

enum { MOST_TEXTS = 8192, SHOWN_BYTES = 200, TOP = 10, MOST_TOP = 100 };

static const size_t most_memory = 8u << 20;

struct describe_tally {
  struct chn_dict *texts;
  int64_t *counts; ///< by id
  bool exact;
};

struct counted {
  const char *text;
  size_t len;
  int64_t count;
};

struct describe_tally *describe_tally_new(void)
{
  struct describe_tally *t = chn_calloc(1, sizeof *t);
  t->texts = chn_dict_new(64);
  t->counts = chn_calloc(MOST_TEXTS, sizeof *t->counts);
  t->exact = true;
  return t;
}

void describe_tally_free(struct describe_tally *t)
{
  if (t != NULL) {
    chn_dict_free(t->texts);
    free(t->counts);
    free(t);
  }
}

static int by_count(const void *x, const void *y)
{
  const struct counted *a = x, *b = y;
  if (a->count != b->count) {
    return a->count < b->count ? 1 : -1;
  }
  const int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/// The most frequent first; the caller frees them.
static struct counted *ranked(const struct describe_tally *t, int32_t *n)
{
  *n = chn_dict_size(t->texts);
  struct counted *all = chn_calloc((size_t)*n + 1, sizeof *all);
  for (int32_t i = 0; i < *n; i++) {
    all[i].text = chn_dict_bytes(t->texts, i, &all[i].len);
    all[i].count = t->counts[i];
  }
  qsort(all, (size_t)*n, sizeof *all, by_count);
  return all;
}

/// Keeps the most frequent quarter.
static void forget(struct describe_tally *t)
{
  int32_t n;
  struct counted *all = ranked(t, &n);
  struct chn_dict *kept = chn_dict_new(64);
  for (int32_t i = 0; i < n / 4; i++) {
    t->counts[chn_dict_intern(kept, all[i].text, all[i].len)] = all[i].count;
  }
  free(all);
  chn_dict_free(t->texts);
  t->texts = kept;
  t->exact = false;
}

void describe_tally_add(struct describe_tally *t, const char *text, size_t len)
{
  if (chn_dict_size(t->texts) == MOST_TEXTS || chn_dict_memory(t->texts) > most_memory) {
    forget(t);
  }
  const int32_t before = chn_dict_size(t->texts);
  const int32_t id = chn_dict_intern(t->texts, text, len);
  t->counts[id] = id == before ? 1 : t->counts[id] + 1;
}

void describe_tally_finish(const struct describe_tally *t, const struct describe_options *o,
                           struct describe_column *c, struct arena *a)
{
  int32_t n;
  struct counted *all = ranked(t, &n);
  const int32_t most = o->top <= 0 ? TOP : o->top > MOST_TOP ? MOST_TOP : o->top;
  c->n_top = n < most ? n : most;
  c->top = arena_calloc(a, (size_t)c->n_top + 1, sizeof *c->top);
  c->top_exact = t->exact;
  for (int32_t i = 0; i < c->n_top; i++) {
    size_t len = all[i].len < SHOWN_BYTES ? all[i].len : SHOWN_BYTES;
    while (len < all[i].len && len > 0 && (all[i].text[len] & 0xC0) == 0x80) {
      len--; // not within a character
    }
    c->top[i] = (struct describe_top){ arena_strndup(a, all[i].text, len), all[i].count };
  }
  free(all);
}
