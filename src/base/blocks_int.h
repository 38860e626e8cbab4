/// blocks_int.h: what MD5 and SHA-256 share: the message in blocks of 64 bytes, then a 1 bit, zeros
/// and its length in bits.
#pragma once
#include "base/err.h"

/// Gives each block to `fold`. `big` is the byte order of the length.
void chn_each_block(const void *bytes, size_t len, bool big, uint32_t *state,
                    void (*fold)(uint32_t *state, const uint8_t *block));
