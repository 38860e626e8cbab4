#include "base/glyph.h"

size_t chn_glyph(const char *text, uint32_t *point)
{
  const unsigned char *u = (const unsigned char *)text;
  const size_t n = u[0] < 0xC0 ? 1 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;
  *point = n == 1 ? u[0] : u[0] & (0x7FU >> n);
  for (size_t i = 1; i < n; i++) {
    if ((u[i] & 0xC0) != 0x80) {
      *point = u[0];
      return 1;
    }
    *point = *point << 6 | (u[i] & 0x3FU);
  }
  return n;
}

int32_t chn_glyph_width(uint32_t point)
{
  static const uint32_t wide[][2] = { { 0x1100, 0x115F },   { 0x2E80, 0xA4CF },  { 0xAC00, 0xD7A3 },
                                      { 0xF900, 0xFAFF },   { 0xFE30, 0xFE6F },  { 0xFF00, 0xFF60 },
                                      { 0x1F300, 0x1FAFF }, { 0x20000, 0x3FFFD } };
  if (point >= 0x300 && point <= 0x36F) {
    return 0; // combining marks
  }
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
    if (point >= wide[i][0] && point <= wide[i][1]) {
      return 2;
    }
  }
  return 1;
}

int32_t chn_text_width(const char *text)
{
  int32_t width = 0;
  uint32_t point;
  while (*text) {
    text += chn_glyph(text, &point);
    width += chn_glyph_width(point);
  }
  return width;
}

size_t chn_text_fit(const char *text, int32_t width)
{
  size_t fit = 0;
  while (text[fit]) {
    uint32_t point;
    const size_t n = chn_glyph(text + fit, &point);
    width -= chn_glyph_width(point);
    if (width < 0) {
      break;
    }
    fit += n;
  }
  return fit;
}
