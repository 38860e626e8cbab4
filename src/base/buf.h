/// buf.h: a growable byte buffer, always NUL-terminated, born with a ceiling.
///
/// No append is lost unseen. Who sets `max` looks at `truncated` before he uses what is there: the
/// first append over the ceiling is dropped whole and so are all after it, so that what is there is
/// a beginning of what was meant. Who leaves `max` at 0 need not look: over CHN_BUF_MAX the process
/// ends, as it does without memory (arena.h). What grows with data in a process that is to live on
/// (a reply, a batch of a stream, a value of SQL) sets `max`, and fails with an error.
#pragma once
#include "base/err.h"

enum { CHN_BUF_MAX = 1 << 30 };

struct chn_buf {
  char *data;     ///< owned; NULL while empty
  size_t len;     ///< without the NUL
  size_t cap;     ///< bytes allocated
  size_t max;     ///< ceiling of len; 0: CHN_BUF_MAX, and nobody looks
  bool truncated; ///< an append went over `max`, until the buffer is cleared
};

void chn_buf_deinit(struct chn_buf *b);

/// Empties it and keeps the memory.
void chn_buf_clear(struct chn_buf *b);

void chn_buf_add(struct chn_buf *b, const void *bytes, size_t n);
void chn_buf_adds(struct chn_buf *b, const char *s);
void chn_buf_addc(struct chn_buf *b, char c);
void chn_buf_addf(struct chn_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// Appends n bytes, which the caller writes where it says; NULL, and nothing is appended, over
/// `max`.
char *chn_buf_extend(struct chn_buf *b, size_t n);

/// The text, "" while empty; valid until the next change of the buffer.
const char *chn_buf_str(const struct chn_buf *b);
