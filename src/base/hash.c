#include "base/hash.h"

#include <string.h>
#include <xxhash.h>

uint64_t chn_hash(const void *bytes, size_t len, uint64_t seed)
{
  return XXH3_64bits_withSeed(bytes, len, seed);
}

void chn_digest(const void *bytes, size_t len, uint8_t out[16])
{
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, len));
  memcpy(out, canonical.digest, sizeof canonical.digest);
}
