/// near.h: the name that a wrong name most likely meant, for "did you mean".
#pragma once
#include <stddef.h>

/// The candidate with the smallest edit distance to `word` (letter case costs nothing, two swapped
/// neighbours one edit), when that is at most a third of the word's length, and at least 1; else
/// NULL. The first one wins a tie.
const char *chn_near(const char *word, const char *const *names, size_t n);

/// The candidates with the smallest such distances, whatever they are, nearest first, the first one
/// first where they tie. Fills `out`, at most `most` of them (and 16), and returns how many.
size_t chn_nearest(const char *word, const char *const *names, size_t n, const char **out,
                   size_t most);
