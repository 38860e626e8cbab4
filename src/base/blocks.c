#include "base/blocks_int.h"

#include <string.h>

enum { BLOCK = 64, LENGTH = 8 };

void chn_each_block(const void *bytes, size_t len, bool big, uint32_t *state,
                    void (*fold)(uint32_t *state, const uint8_t *block))
{
  const uint8_t *p = bytes;
  size_t left = len;
  for (; left >= BLOCK; left -= BLOCK, p += BLOCK) {
    fold(state, p);
  }
  uint8_t tail[2 * BLOCK] = { 0 };
  if (left > 0) {
    memcpy(tail, p, left);
  }
  tail[left] = 0x80;
  const size_t end = left < BLOCK - LENGTH ? BLOCK : 2 * BLOCK;
  const uint64_t bits = (uint64_t)len * 8;
  for (size_t i = 0; i < LENGTH; i++) {
    tail[end - LENGTH + i] = (uint8_t)(bits >> (8 * (big ? LENGTH - 1 - i : i)));
  }
  for (size_t i = 0; i < end; i += BLOCK) {
    fold(state, tail + i);
  }
}
