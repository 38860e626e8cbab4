/// real.h: the decimal digits of binary floating point numbers.
#pragma once
#include <stdint.h>

enum { CHN_DIGITS_SIZE = 20 };

/// The fewest significant digits that read back as `value`, of those the nearest to it, without
/// trailing zeros and with a NUL behind; *exponent is the power of ten of the first. `value` is
/// finite and not negative; 0 is "0". Returns the number of digits, 1 to 17.
int32_t chn_digits_of_double(double value, char digits[CHN_DIGITS_SIZE], int32_t *exponent);

/// The same of a float, 1 to 9 digits.
int32_t chn_digits_of_float(float value, char digits[CHN_DIGITS_SIZE], int32_t *exponent);
