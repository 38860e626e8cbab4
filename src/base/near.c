#include "base/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum {
  LONGEST = 256, ///< bytes of names that are compared
  NEAR = 64,     ///< a longer name is never near
  MOST = 16,
};

static size_t least(size_t x, size_t y)
{
  return x < y ? x : y;
}

static bool same(char x, char y)
{
  return tolower((unsigned char)x) == tolower((unsigned char)y);
}

/// Levenshtein's distance of two strings of at most LONGEST bytes, where two neighbours swapped,
/// the most common slip of fingers, count as one edit.
static size_t distance(const char *x, size_t nx, const char *y, size_t ny)
{
  size_t rows[3][LONGEST + 1];
  for (size_t j = 0; j <= ny; j++) {
    rows[0][j] = j;
  }
  for (size_t i = 1; i <= nx; i++) {
    size_t *row = rows[i % 3];
    const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= ny; j++) {
      const size_t change = above[j - 1] + (same(x[i - 1], y[j - 1]) ? 0 : 1);
      row[j] = least(change, least(above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && same(x[i - 1], y[j - 2]) && same(x[i - 2], y[j - 1])) {
        row[j] = least(row[j], two_above[j - 2] + 1);
      }
    }
  }
  return rows[nx % 3][ny];
}

const char *chn_near(const char *word, const char *const *names, size_t n)
{
  const size_t len = strlen(word);
  size_t best = len < 3 ? 2 : len / 3 + 1;
  const char *found = NULL;
  for (size_t i = 0; i < n && len <= NEAR; i++) {
    const size_t other = strlen(names[i]);
    if (other > NEAR) {
      continue;
    }
    const size_t d = distance(word, len, names[i], other);
    if (d < best) {
      best = d;
      found = names[i];
    }
  }
  return found;
}

size_t chn_nearest(const char *word, const char *const *names, size_t n, const char **out,
                   size_t most)
{
  size_t distances[MOST];
  size_t found = 0;
  const size_t len = least(strlen(word), LONGEST);
  most = least(most, MOST);
  for (size_t i = 0; i < n && most > 0; i++) {
    const size_t d = distance(word, len, names[i], least(strlen(names[i]), LONGEST));
    size_t at = found;
    while (at > 0 && distances[at - 1] > d) {
      at--;
    }
    if (at == most) {
      continue;
    }
    found = least(found + 1, most);
    memmove(&distances[at + 1], &distances[at], (found - at - 1) * sizeof *distances);
    memmove(&out[at + 1], &out[at], (found - at - 1) * sizeof *out);
    distances[at] = d;
    out[at] = names[i];
  }
  return found;
}
