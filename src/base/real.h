/// real.h: the decimal digits of binary floating point numbers.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { CHN_DIGITS_SIZE = 20 };

/// The fewest significant digits that read back as `value`, of those the nearest to it, without
/// trailing zeros and with a NUL behind; *exponent is the power of ten of the first. `value` is
/// finite and not negative; 0 is "0". Returns the number of digits, 1 to 17.
int32_t chn_digits_of_double(double value, char digits[CHN_DIGITS_SIZE], int32_t *exponent);

/// The same of a float, 1 to 9 digits.
int32_t chn_digits_of_float(float value, char digits[CHN_DIGITS_SIZE], int32_t *exponent);

/// The double nearest to a number in JSON's form (which the caller has checked), whatever the
/// locale; what is too large is infinite, what is too small 0.
double chn_double_of_text(const char *text, size_t len);
