#include <string.h>

#include "compile/compile_int.h"

void names_add(struct arena *a, struct names *names, const char *name)
{
  if ((names->n & (names->n - 1)) == 0) { // full at each power of two
    const char **items = arena_calloc(a, names->n ? 2 * (size_t)names->n : 1, sizeof *items);
    if (names->n > 0) {
      memcpy(items, names->items, (size_t)names->n * sizeof *items);
    }
    names->items = items;
  }
  names->items[names->n++] = name;
}

bool names_has(const struct names *names, const char *name)
{
  for (int32_t i = 0; i < names->n; i++) {
    if (strcmp(names->items[i], name) == 0) {
      return true;
    }
  }
  return false;
}
