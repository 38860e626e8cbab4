/// json.h: JSON documents in memory, and the textual forms this program writes.
///
/// The reader takes bytes of any origin. It is strict (RFC 8259: no comments, no trailing commas,
/// valid UTF-8 only) and keeps what others lose: the order of members, the difference of 5 and 5.0,
/// the place of every value. A duplicate key is an error, because whichever value won, the other
/// would be lost in silence.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
  CODEC_JSON_MAX_DEPTH = 200,     ///< nested arrays and objects
  CODEC_JSON_MAX_BYTES = 1 << 26, ///< 64 MiB
};

enum codec_json_kind {
  CODEC_JSON_NULL,
  CODEC_JSON_BOOL,
  CODEC_JSON_INT,  ///< a number without fraction and exponent that fits int64
  CODEC_JSON_REAL, ///< any other number
  CODEC_JSON_STRING,
  CODEC_JSON_ARRAY,
  CODEC_JSON_OBJECT,
};

struct codec_json {
  enum codec_json_kind kind;
  int32_t line;   ///< of the first byte, from 1
  int32_t column; ///< in bytes, from 1
  int32_t n;      ///< members of an ARRAY or OBJECT
  union {
    bool boolean;
    int64_t integer; ///< of an INT
    double real;     ///< of a REAL
  } as;
  const char *text;                  ///< STRING: the bytes, NUL-terminated; numbers: as authored
  size_t text_len;                   ///< a STRING may hold NUL bytes
  struct codec_json_member *members; ///< of an ARRAY with key NULL
};

struct codec_json_member {
  const char *key; ///< without NUL bytes
  struct codec_json value;
};

/// Reads one document into the arena. `what` names it in messages: `what:line:column: ...`. Fails
/// with CHN_E_CORRUPT; *out is then unchanged.
chn_status codec_json_parse(struct arena *a, const char *text, size_t len, const char *what,
                            const struct codec_json **out, struct chn_err *err);

/// The member of an OBJECT, or NULL (also when v is NULL or no object).
const struct codec_json *codec_json_get(const struct codec_json *v, const char *key);

/// "an object", "a string", "true or false", ...: for messages.
const char *codec_json_kind_name(enum codec_json_kind kind);

// ---- writing --------------------------------------------------------------------------------

enum codec_json_style {
  CODEC_JSON_INDENT,  ///< Python's json.dumps(indent=2): ASCII, no trailing newline
  CODEC_JSON_SPACED,  ///< Python's json.dumps: one line, `, ` and `: `, ASCII
  CODEC_JSON_COMPACT, ///< no blanks, UTF-8 kept: Thrift's TSimpleJSON
  CODEC_JSON_JACKSON, ///< Jackson's pretty printer: a line a member, `"k" : v`, arrays in a line
};

/// Writes a document piece by piece. The caller keeps the pieces in order: in an object a key
/// before each value, as many ends as begins.
struct codec_json_writer {
  struct chn_buf *out;
  enum codec_json_style style;
  int32_t depth;  ///< open containers; JACKSON: open objects
  bool empty;     ///< nothing was written yet since the last begin
  bool after_key; ///< a key was written and its value not yet
};

void codec_json_writer_init(struct codec_json_writer *w, struct chn_buf *out,
                            enum codec_json_style style);
void codec_json_begin(struct codec_json_writer *w, char bracket); ///< '{' or '['
void codec_json_end(struct codec_json_writer *w, char bracket);   ///< '}' or ']'
void codec_json_key(struct codec_json_writer *w, const char *key);
void codec_json_key_bytes(struct codec_json_writer *w, const char *key, size_t len);
void codec_json_string(struct codec_json_writer *w, const char *bytes, size_t len);
void codec_json_int(struct codec_json_writer *w, int64_t value);

/// As Python prints a float: the shortest text that reads back the same, always with a fraction or
/// an exponent (5.0, 0.1, 1e-05, 1e+16); NaN, Infinity, -Infinity.
void codec_json_real(struct codec_json_writer *w, double value);
void codec_json_bool(struct codec_json_writer *w, bool value);
void codec_json_null(struct codec_json_writer *w);

/// A value out of a document, with all that is in it; numbers as authored.
void codec_json_value(struct codec_json_writer *w, const struct codec_json *v);

/// Appends a whole document; numbers are written as authored.
void codec_json_write(const struct codec_json *v, enum codec_json_style style, struct chn_buf *out);

/// Writes `value` as codec_json_real does into out (of at least 40 bytes) and returns it.
char *codec_json_real_text(double value, char *out);
