/// md5_int.h: MD5 (RFC 1321), only because stored states of BOUNDED_UNIQUE_COUNT hold it.
#pragma once
#include <stddef.h>

/// Writes the 32 lower-case hexadecimal digits of the digest, and a NUL.
void agg_md5_hex(const void *bytes, size_t len, char out[33]);
