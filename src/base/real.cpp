// The standard library of C++ has the shortest digits (std::to_chars, by Ryu); C's would be asked
// for one more digit again and again, a hundred times slower.
#include <charconv>
#include <cmath>
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

extern "C" double chn_double_of_text(const char *text, size_t len)
{
  double value = 0;
  const std::from_chars_result r = std::from_chars(text, text + len, value);
  if (r.ec != std::errc::result_out_of_range) {
    return value;
  }
  const bool negative = *text == '-';
  const char *digits = text + (negative ? 1 : 0);
  const char *e = static_cast<const char *>(std::memchr(text, 'e', len));
  e = e != nullptr ? e : static_cast<const char *>(std::memchr(text, 'E', len));
  const bool small = e != nullptr ? e[1] == '-' : *digits == '0';
  const double least = small ? 0.0 : HUGE_VAL;
  return negative ? -least : least;
}
