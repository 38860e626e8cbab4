#include "agg/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agg/value_int.h"
#include "base/real.h"

static size_t plain(const char *sign, const char *digits, int n, int exponent, char *out)
{
  if (exponent < 0) {
    return (size_t)sprintf(out, "%s0.%.*s%s", sign, -exponent - 1, "000", digits);
  }
  const int whole = exponent + 1;
  if (n <= whole) {
    return (size_t)sprintf(out, "%s%s%.*s.0", sign, digits, whole - n, "0000000");
  }
  return (size_t)sprintf(out, "%s%.*s.%s", sign, whole, digits, digits + whole);
}

static size_t number_text(double value, bool single, char out[32])
{
  const char *sign = signbit(value) && !isnan(value) ? "-" : "";
  if (isnan(value) || isinf(value) || value == 0.0) {
    const char *name = isnan(value) ? "NaN" : isinf(value) ? "Infinity" : "0.0";
    return (size_t)sprintf(out, "%s%s", sign, name);
  }
  char digits[CHN_DIGITS_SIZE];
  int32_t exponent = 0;
  const int32_t n = single ? chn_digits_of_float((float)fabs(value), digits, &exponent)
                           : chn_digits_of_double(fabs(value), digits, &exponent);
  if (exponent >= -3 && exponent < 7) {
    return plain(sign, digits, n, exponent, out);
  }
  return (size_t)sprintf(out, "%s%c.%sE%d", sign, digits[0], n > 1 ? digits + 1 : "0", exponent);
}

size_t agg_text_double(double value, char out[32])
{
  return number_text(value, false, out);
}

size_t agg_text_float(float value, char out[32])
{
  return number_text((double)value, true, out);
}

const char *agg_text(const struct row_col *c, size_t row, char out[32], size_t *len)
{
  if (c->type->kind == ROW_STRING) {
    const struct row_str *s = (const struct row_str *)c->data + row;
    *len = s->len;
    return row_str_bytes(s);
  }
  if (c->type->kind == ROW_FLOAT || c->type->kind == ROW_DOUBLE) {
    *len = agg_text_double(agg_read_double(c, row), out);
  } else {
    *len = (size_t)sprintf(out, "%" PRId64, agg_read_int(c, row));
  }
  return out;
}
