/// value.h: one value of a column, for people and as JSON.
#pragma once
#include "codec/json.h"
#include "row/col.h"

/// Appends the value for a person: 1.5, some text, [1, 2], {a: 1}, 2024-01-01 10:00:00; of NULL:
/// "NULL". Only `cli_value_is_text` kinds are ambiguous with it.
void cli_value_print(struct chn_buf *out, const struct row_col *c, size_t row);

/// Writes the value as JSON: dates and instants as text, binary in hex, maps as objects whose keys
/// are text, NaN and infinities as the strings "NaN", "Infinity", "-Infinity".
void cli_value_json(struct codec_json_writer *w, const struct row_col *c, size_t row);

/// Whether values of this kind are compared by size and so stand to the right.
bool cli_kind_is_number(enum row_kind kind);

enum { CLI_INSTANT_SIZE = 32 };

/// An instant in epoch milliseconds as 2024-03-10 12:30:05.250, UTC. Returns `out`.
const char *cli_instant_text(int64_t ms, char out[CLI_INSTANT_SIZE]);
