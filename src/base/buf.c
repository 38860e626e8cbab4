#include "base/buf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/// False; ends the process where nobody looks, who would take the beginning for the whole.
static bool refuse(struct chn_buf *b, size_t more)
{
  if (b->max == 0) {
    fprintf(stderr, "chronon: a text or value of more than 1 GiB (%zu bytes and %zu more)\n",
            b->len, more);
    exit(1);
  }
  b->truncated = true;
  return false;
}

static bool reserve(struct chn_buf *b, size_t more)
{
  const size_t max = b->max ? b->max : (size_t)CHN_BUF_MAX;
  if (b->truncated || more > max || b->len > max - more) {
    return refuse(b, more);
  }
  if (b->len + more + 1 > b->cap) {
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->len + more + 1) {
      cap *= 2;
    }
    b->data = chn_realloc(b->data, cap);
    b->cap = cap;
  }
  return true;
}

void chn_buf_deinit(struct chn_buf *b)
{
  free(b->data);
  *b = (struct chn_buf){ .max = b->max };
}

void chn_buf_clear(struct chn_buf *b)
{
  b->len = 0;
  b->truncated = false;
  if (b->data != NULL) {
    b->data[0] = '\0';
  }
}

void chn_buf_add(struct chn_buf *b, const void *bytes, size_t n)
{
  if (!reserve(b, n)) {
    return;
  }
  if (n > 0) {
    memcpy(b->data + b->len, bytes, n);
  }
  b->len += n;
  b->data[b->len] = '\0';
}

char *chn_buf_extend(struct chn_buf *b, size_t n)
{
  if (!reserve(b, n)) {
    return NULL;
  }
  char *at = b->data + b->len;
  b->len += n;
  b->data[b->len] = '\0';
  return at;
}

void chn_buf_adds(struct chn_buf *b, const char *s)
{
  chn_buf_add(b, s, strlen(s));
}

void chn_buf_addc(struct chn_buf *b, char c)
{
  chn_buf_add(b, &c, 1);
}

void chn_buf_addf(struct chn_buf *b, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  va_list again;
  va_copy(again, ap);
  const int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) { // more than an int counts
    refuse(b, (size_t)INT_MAX + 1);
  } else if (n > 0 && reserve(b, (size_t)n)) {
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

const char *chn_buf_str(const struct chn_buf *b)
{
  return b->data ? b->data : "";
}
