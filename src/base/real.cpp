// The standard library of C++ has the shortest digits (std::to_chars, by Ryu); C's would be asked
// for one more digit again and again, a hundred times slower.
#include <charconv>
#include <cstring>

extern "C" {
#include "base/real.h"
}

namespace {

template <typename Real> int32_t digits_of(Real value, char *digits, int32_t *exponent)
{
  char text[32]; // d.ddde-308
  const char *end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  const char *mark =
      static_cast<const char *>(std::memchr(text, 'e', static_cast<size_t>(end - text)));
  int32_t n = 0;
  for (const char *p = text; p < mark; p++) {
    if (*p != '.') {
      digits[n++] = *p;
    }
  }
  digits[n] = '\0';
  int power = 0;
  std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, power);
  *exponent = power;
  return n;
}

} // namespace

extern "C" int32_t chn_digits_of_double(double value, char digits[CHN_DIGITS_SIZE],
                                        int32_t *exponent)
{
  return digits_of(value, digits, exponent);
}

extern "C" int32_t chn_digits_of_float(float value, char digits[CHN_DIGITS_SIZE], int32_t *exponent)
{
  return digits_of(value, digits, exponent);
}
