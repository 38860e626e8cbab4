/// arena.h: memory by lifetime.
///
/// An arena hands out memory that is freed all at once. Three lifetimes exist, each passed in as a
/// parameter: process (configuration), batch (a partition, a poll, a request) and row (scratch).
/// When the system has no memory left the process ends with a message (docs/decisions/0003): what
/// bounds memory is --memory-limit, checked where data is loaded, not every small allocation.
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
  struct arena_block *blocks; ///< newest first
  size_t used;                ///< bytes handed out of the newest block
  size_t total;               ///< bytes of all blocks
};

/// malloc, calloc and realloc that end the process instead of returning NULL.
void *chn_malloc(size_t size);
void *chn_calloc(size_t count, size_t size);
void *chn_realloc(void *p, size_t size);
char *chn_strdup(const char *s);

/// An all-zero arena is valid and empty; arena_init only says so by name.
void arena_init(struct arena *a);

/// Frees everything handed out; the arena is empty and usable again.
void arena_deinit(struct arena *a);

/// Forgets everything handed out but keeps the newest block for reuse.
void arena_reset(struct arena *a);

/// `size` uninitialised bytes, aligned to 16.
void *arena_alloc(struct arena *a, size_t size);

/// `count` x `size` zeroed bytes.
void *arena_calloc(struct arena *a, size_t count, size_t size);

char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
