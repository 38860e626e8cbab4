/// glyph.h: UTF-8 text in a terminal's columns.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// One code point of NUL-terminated text, not at its end; returns its bytes. A byte that is no
/// UTF-8 stands for itself.
size_t chn_glyph(const char *text, uint32_t *point);

/// Columns that it takes: wide East Asian characters and emoji two, combining marks none.
int32_t chn_glyph_width(uint32_t point);

/// The same of a text.
int32_t chn_text_width(const char *text);

/// The bytes at its beginning that fit into `width` columns, whole code points.
size_t chn_text_fit(const char *text, int32_t width);
