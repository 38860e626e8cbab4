/// md5.h: MD5 (RFC 1321), only because others' formats hold it: stored states of
/// BOUNDED_UNIQUE_COUNT, hashes of logged schemas, the sample of what is logged.
#pragma once
#include <stddef.h>
#include <stdint.h>

void chn_md5(const void *bytes, size_t len, uint8_t out[16]);

/// Writes the 32 lower-case hexadecimal digits of the digest, and a NUL.
void chn_md5_hex(const void *bytes, size_t len, char out[33]);
