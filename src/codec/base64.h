/// base64.h: text to bytes and back (RFC 4648, the alphabet with `+` and `/`).
#pragma once
#include "base/buf.h"

/// Appends the bytes that `text` stands for. As Java's basic decoder: padding may be missing, and
/// is right where it is there; no blanks, no line ends. False on anything else; *out is then as
/// before.
bool codec_base64_decode(const char *text, size_t len, struct chn_buf *out);

/// Appends the text of `n` bytes, with padding.
void codec_base64_encode(const void *bytes, size_t n, struct chn_buf *out);
