#include <stdlib.h>
#include <string.h>

#include "agg/kept_int.h"

void agg_kept_add(const struct agg_part *p, struct agg_kept *s, struct agg_kept_item x,
                  agg_kept_before before)
{
  int32_t low = 0;
  int32_t high = s->n;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (before(p, &x, &s->items[middle])) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low >= p->k) {
    agg_value_free(&x.value, p->value);
    return;
  }
  if (s->n == p->k) {
    agg_value_free(&s->items[--s->n].value, p->value);
  }
  if (s->n == s->room) {
    s->room = s->room > 0 ? 2 * s->room : 4;
    s->items = chn_realloc(s->items, (size_t)s->room * sizeof *s->items);
  }
  memmove(&s->items[low + 1], &s->items[low], (size_t)(s->n - low) * sizeof *s->items);
  s->items[low] = x;
  s->n++;
}

void agg_kept_merge(const struct agg_part *p, struct agg_kept *s, const struct agg_kept *from,
                    agg_kept_before before, bool backwards)
{
  for (int32_t i = 0; i < from->n; i++) {
    const struct agg_kept_item *item = &from->items[backwards ? from->n - 1 - i : i];
    struct agg_kept_item copy = { .ts = item->ts };
    agg_value_copy(&copy.value, p->value, &item->value);
    agg_kept_add(p, s, copy, before);
  }
}

void agg_kept_finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct agg_kept *s = state;
  for (int32_t i = 0; i < s->n; i++) {
    agg_value_emit(&s->items[i].value, p->value, row_builder_child(out, 0));
  }
  row_builder_close_list(out);
}

void agg_kept_free(const struct agg_part *p, void *state)
{
  struct agg_kept *s = state;
  for (int32_t i = 0; i < s->n; i++) {
    agg_value_free(&s->items[i].value, p->value);
  }
  free(s->items);
}
