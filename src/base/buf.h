/// buf.h: a growable byte buffer, always NUL-terminated, born with a ceiling.
#pragma once
#include "base/err.h"

struct chn_buf {
  char *data;     ///< owned; NULL while empty
  size_t len;     ///< without the NUL
  size_t cap;     ///< bytes allocated
  size_t max;     ///< ceiling of len; 0 means 1 GiB
  bool truncated; ///< an append went over the ceiling and was dropped whole
};

void chn_buf_deinit(struct chn_buf *b);

/// Empties it and keeps the memory.
void chn_buf_clear(struct chn_buf *b);

void chn_buf_add(struct chn_buf *b, const void *bytes, size_t n);
void chn_buf_adds(struct chn_buf *b, const char *s);
void chn_buf_addc(struct chn_buf *b, char c);
void chn_buf_addf(struct chn_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// Appends n bytes, which the caller writes where it says; NULL, and nothing is appended, over the
/// ceiling.
char *chn_buf_extend(struct chn_buf *b, size_t n);

/// The text, "" while empty; valid until the next change of the buffer.
const char *chn_buf_str(const struct chn_buf *b);
