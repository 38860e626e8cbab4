/// hash.h: a fast hash of bytes. Not for hostile input, not stable across releases.
#pragma once
#include <stddef.h>
#include <stdint.h>

uint64_t chn_hash(const void *bytes, size_t len, uint64_t seed);
