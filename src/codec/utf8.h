/// utf8.h: whether bytes of any origin are text.
#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Bytes of the valid UTF-8 sequence at s, or 0. Overlong forms and surrogates are not valid.
size_t codec_utf8_length(const unsigned char *s, const unsigned char *end);

bool codec_utf8_valid(const void *bytes, size_t len);
