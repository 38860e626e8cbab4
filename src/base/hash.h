/// hash.h: hashes of bytes.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Fast. Not for hostile input, not stable across releases.
uint64_t chn_hash(const void *bytes, size_t len, uint64_t seed);

/// 16 bytes that stay the same for the same input on every machine and release (XXH3, 128 bits,
/// canonical form): may be stored. Not cryptographic: whoever stores it must compare what it stands
/// for.
void chn_digest(const void *bytes, size_t len, uint8_t out[16]);
