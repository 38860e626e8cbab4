#include "codec/utf8.h"

size_t codec_utf8_length(const unsigned char *s, const unsigned char *end)
{
  static const struct {
    unsigned char first, last, low, high; // of the first byte; of the second byte
    size_t length;
  } forms[] = {
    { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (*s < forms[i].first || *s > forms[i].last) {
      continue;
    }
    const size_t n = forms[i].length;
    if ((size_t)(end - s) < n || (n > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))) {
      return 0;
    }
    for (size_t k = 2; k < n; k++) {
      if ((s[k] & 0xc0) != 0x80) {
        return 0;
      }
    }
    return n;
  }
  return 0;
}

bool codec_utf8_valid(const void *bytes, size_t len)
{
  const unsigned char *s = bytes;
  const unsigned char *end = s + len;
  while (s < end) {
    const size_t n = *s < 0x80 ? 1 : codec_utf8_length(s, end);
    if (n == 0) {
      return false;
    }
    s += n;
  }
  return true;
}
