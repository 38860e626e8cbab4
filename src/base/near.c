#include "base/near.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 64 }; // a longer name is never near

static size_t least(size_t x, size_t y)
{
  return x < y ? x : y;
}

/// Levenshtein's distance of two strings of at most LONGEST bytes.
static size_t distance(const char *x, size_t nx, const char *y, size_t ny)
{
  size_t row[LONGEST + 1];
  for (size_t j = 0; j <= ny; j++) {
    row[j] = j;
  }
  for (size_t i = 1; i <= nx; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= ny; j++) {
      const size_t above = row[j];
      const int same = tolower((unsigned char)x[i - 1]) == tolower((unsigned char)y[j - 1]);
      row[j] = least(diagonal + (same ? 0 : 1), least(above, row[j - 1]) + 1);
      diagonal = above;
    }
  }
  return row[ny];
}

const char *chn_near(const char *word, const char *const *names, size_t n)
{
  const size_t len = strlen(word);
  size_t best = len < 3 ? 2 : len / 3 + 1;
  const char *found = NULL;
  for (size_t i = 0; i < n && len <= LONGEST; i++) {
    const size_t other = strlen(names[i]);
    if (other > LONGEST) {
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
