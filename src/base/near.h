/// near.h: the name that a wrong name most likely meant, for "did you mean".
#pragma once
#include <stddef.h>

/// The candidate with the smallest edit distance to `word` (letter case costs nothing, two swapped
/// neighbours one edit), when that is at most a third of the word's length, and at least 1; else
/// NULL. The first one wins a tie.
const char *chn_near(const char *word, const char *const *names, size_t n);
