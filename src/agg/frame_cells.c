#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agg/frame_int.h"

enum { HUGE_PAGE = 2 * 1024 * 1024 };

void *frame_big_alloc(size_t size)
{
  if (size < 2 * (size_t)HUGE_PAGE) {
    return chn_malloc(size);
  }
  void *p = NULL;
  const size_t whole = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
  if (posix_memalign(&p, HUGE_PAGE, whole) != 0) {
    return chn_malloc(size); // ends the process with its message
  }
  // Written in many streams at once: with small pages every write would miss the TLB.
  madvise(p, whole, MADV_HUGEPAGE);
  return p;
}

uint8_t *frame_cells_chunk(struct frame_cells *c, size_t at)
{
  const size_t chunk = at >> FRAME_CHUNK_BITS;
  while (c->n_chunks <= chunk) {
    if (c->n_chunks == c->room) {
      c->room = c->room ? c->room * 2 : 16;
      c->chunks = chn_realloc(c->chunks, c->room * sizeof *c->chunks);
    }
    c->chunks[c->n_chunks++] = chn_malloc((size_t)FRAME_CHUNK * c->width);
  }
  return c->chunks[chunk];
}

// One loop a width: the compiler then knows the size of the copies.
static void pick(uint8_t *dst, const uint8_t *src, const int64_t *idx, size_t n, uint32_t width)
{
  switch (width) {
  case 1:
    for (size_t i = 0; i < n; i++) {
      dst[i] = src[idx[i]];
    }
    break;
  case 2:
    for (size_t i = 0; i < n; i++) {
      memcpy(dst + i * 2, src + idx[i] * 2, 2);
    }
    break;
  case 4:
    for (size_t i = 0; i < n; i++) {
      memcpy(dst + i * 4, src + idx[i] * 4, 4);
    }
    break;
  default:
    for (size_t i = 0; i < n; i++) {
      memcpy(dst + i * 8, src + idx[i] * 8, 8);
    }
  }
}

void frame_cells_put(struct frame_cells *c, size_t at, const void *src, const int64_t *idx,
                     size_t n)
{
  uint8_t *dst = frame_cells_chunk(c, at) + (at & (FRAME_CHUNK - 1)) * c->width;
  if (idx == NULL) {
    memcpy(dst, src, n * c->width);
  } else {
    pick(dst, src, idx, n, c->width);
  }
}

void frame_cells_fill(struct frame_cells *c, size_t n)
{
  for (size_t at = 0; at < n; at += FRAME_CHUNK) {
    memset(frame_cells_chunk(c, at), 1, FRAME_CHUNK);
  }
}

void frame_cells_drop_chunk(struct frame_cells *c, size_t chunk)
{
  if (chunk < c->n_chunks) {
    free(c->chunks[chunk]);
    c->chunks[chunk] = NULL;
  }
}

void frame_cells_free(struct frame_cells *c)
{
  for (size_t i = 0; i < c->n_chunks; i++) {
    free(c->chunks[i]);
  }
  free(c->chunks);
  free(c->sorted);
  *c = (struct frame_cells){ .width = c->width };
}

size_t frame_cells_memory(const struct frame_cells *c, size_t n)
{
  return c->n_chunks * ((size_t)FRAME_CHUNK * c->width) + (c->sorted != NULL ? n * c->width : 0);
}
