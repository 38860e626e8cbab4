/// sha256.h: SHA-256 (FIPS 180-4).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHN_SHA256_SIZE = 32 };

void chn_sha256(const void *bytes, size_t len, uint8_t out[32]);

/// Whether n bytes are the same, in a time that depends on n alone.
bool chn_same_bytes(const void *a, const void *b, size_t n);
