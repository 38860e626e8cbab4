#include "codec/base64.h"

static int digit_of(char c)
{
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// Length without padding, or -1 where the padding is wrong.
static ptrdiff_t significant(const char *text, size_t len)
{
  size_t n = len;
  while (n > 0 && len - n < 2 && text[n - 1] == '=') {
    n--;
  }
  const bool padded = n < len;
  return n % 4 == 1 || (padded && len % 4 != 0) ? -1 : (ptrdiff_t)n;
}

/// Takes back what was appended.
static bool back(struct chn_buf *out, size_t len)
{
  if (out->data != NULL) {
    out->len = len;
    out->data[len] = '\0';
  }
  return false;
}

bool codec_base64_decode(const char *text, size_t len, struct chn_buf *out)
{
  const ptrdiff_t n = significant(text, len);
  const size_t before = out->len;
  uint32_t bits = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    const int digit = digit_of(text[i]);
    if (digit < 0) {
      return back(out, before);
    }
    bits = bits << 6 | (uint32_t)digit;
    if (i % 4 != 0) {
      chn_buf_addc(out, (char)(bits >> (6 - 2 * (i % 4))));
    }
  }
  return n >= 0;
}

void codec_base64_encode(const void *bytes, size_t n, struct chn_buf *out)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *b = bytes;
  for (size_t i = 0; i < n; i += 3) {
    const size_t have = n - i < 3 ? n - i : 3;
    const uint32_t bits = (uint32_t)b[i] << 16 | (have > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
                          (have > 2 ? (uint32_t)b[i + 2] : 0);
    const char text[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
                           have > 1 ? digits[bits >> 6 & 63] : '=',
                           have > 2 ? digits[bits & 63] : '=' };
    chn_buf_add(out, text, sizeof text);
  }
}
