#include <string.h>

#include "http/http_int.h"

static int hex(char c)
{
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = (char)(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Whether these are the bytes of UTF-8, which is what names and JSON are made of.
static bool is_utf8(const unsigned char *s, size_t n)
{
  for (size_t i = 0; i < n;) {
    const unsigned char c = s[i++];
    const int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : 3;
    if (more == 3 && (c < 0xf0 || c > 0xf4)) {
      return false;
    }
    const unsigned char next = i < n ? s[i] : 0;
    const bool over = (c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
                      (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f);
    if (over) {
      return false;
    }
    for (int k = 0; k < more; k++, i++) {
      if (i >= n || (s[i] & 0xc0) != 0x80) {
        return false;
      }
    }
  }
  return true;
}

const char *http_decode(struct arena *a, const char *text, size_t len, bool query)
{
  char *out = arena_alloc(a, len + 1);
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    int c = (unsigned char)text[i];
    if (c == '%') {
      const int high = i + 2 < len ? hex(text[i + 1]) : -1;
      const int low = high >= 0 ? hex(text[i + 2]) : -1;
      c = low < 0 ? 0 : high * 16 + low;
      i += 2;
    } else if (c == '+' && query) {
      c = ' ';
    }
    if (c == 0) {
      return NULL;
    }
    out[n++] = (char)c;
  }
  out[n] = '\0';
  return is_utf8((const unsigned char *)out, n) ? out : NULL;
}

bool http_next_param(struct arena *a, const char **at, struct http_param *out, bool *bad)
{
  const char *p = *at;
  while (p != NULL && *p == '&') {
    p++;
  }
  if (p == NULL || *p == '\0') {
    return false;
  }
  const size_t len = strcspn(p, "&");
  const char *eq = memchr(p, '=', len);
  const size_t name = eq != NULL ? (size_t)(eq - p) : len;
  out->name = http_decode(a, p, name, true);
  out->value = eq != NULL ? http_decode(a, eq + 1, len - name - 1, true) : NULL;
  *bad = out->name == NULL || (eq != NULL && out->value == NULL);
  *at = p + len;
  return true;
}
