#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 16 * 1024, BLOCK_MAX = 4 * 1024 * 1024, ALIGNMENT = 16 };

struct arena_block {
  struct arena_block *next;
  size_t size; ///< of data[]
  _Alignas(16) unsigned char data[];
};

static void out_of_memory(size_t size)
{
  fprintf(stderr, "chronon: out of memory (asked for %zu bytes)\n", size);
  exit(1);
}

void *chn_malloc(size_t size)
{
  void *p = malloc(size ? size : 1);
  if (p == NULL) {
    out_of_memory(size);
  }
  return p;
}

void *chn_calloc(size_t count, size_t size)
{
  void *p = calloc(count ? count : 1, size ? size : 1);
  if (p == NULL) {
    out_of_memory(count * size);
  }
  return p;
}

void *chn_realloc(void *p, size_t size)
{
  void *q = realloc(p, size ? size : 1);
  if (q == NULL) {
    out_of_memory(size);
  }
  return q;
}

char *chn_strdup(const char *s)
{
  const size_t n = strlen(s) + 1;
  return memcpy(chn_malloc(n), s, n);
}

void arena_init(struct arena *a)
{
  *a = (struct arena){ 0 };
}

void arena_deinit(struct arena *a)
{
  struct arena_block *b = a->blocks;
  while (b != NULL) {
    struct arena_block *next = b->next;
    free(b);
    b = next;
  }
  *a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
  struct arena_block *keep = a->blocks;
  if (keep == NULL) {
    return;
  }
  struct arena rest = { .blocks = keep->next };
  arena_deinit(&rest);
  keep->next = NULL;
  *a = (struct arena){ .blocks = keep, .used = 0, .total = keep->size };
}

void *arena_alloc(struct arena *a, size_t size)
{
  const size_t need = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  if (a->blocks == NULL || a->blocks->size - a->used < need) {
    size_t grow = a->total < BLOCK_MIN ? BLOCK_MIN : a->total; // doubles until BLOCK_MAX
    grow = grow > BLOCK_MAX ? BLOCK_MAX : grow;
    const size_t block_size = need > grow ? need : grow;
    struct arena_block *b = chn_malloc(sizeof *b + block_size);
    b->next = a->blocks;
    b->size = block_size;
    a->blocks = b;
    a->used = 0;
    a->total += block_size;
  }
  void *p = a->blocks->data + a->used;
  a->used += need;
  return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
  void *p = arena_alloc(a, count * size);
  return memset(p, 0, count * size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
  char *p = arena_alloc(a, n + 1);
  if (n > 0) { // an empty text may have no bytes to point to
    memcpy(p, s, n);
  }
  p[n] = '\0';
  return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
  return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  va_list again;
  va_copy(again, ap);
  const int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *p = arena_alloc(a, (size_t)n + 1);
  vsnprintf(p, (size_t)n + 1, fmt, again);
  va_end(again);
  return p;
}
