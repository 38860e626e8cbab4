/// json_scan.h: JSON read once, from front to back, without a document in between.
///
/// Strict as codec/json.h (RFC 8259, UTF-8, as deep), but a value is only looked at when it is
/// asked for: a stream reads a few members of millions of small objects. So keys that stand twice,
/// and numbers beyond the range of double, are for the caller to refuse.
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct json_scan {
  const char *at;
  const char *end;
  const char *begin;   ///< for the place in messages
  const char *failure; ///< NULL while all is well
};

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/// A value as it stands. STRING: the bytes between the quotes.
struct json_value {
  enum json_kind kind;
  bool boolean;
  bool escaped;    ///< STRING: has a backslash
  int64_t integer; ///< INT: fits
  const char *text;
  size_t len;
};

void json_scan_init(struct json_scan *s, const void *bytes, size_t len);

/// Reads the next value whole, containers with all that is in them. False: s->failure says why.
bool json_scan_value(struct json_scan *s, struct json_value *out);

/// Enters an object or array whose value lies in [text, text + len).
void json_scan_enter(struct json_scan *s, const struct json_value *container);

/// The next member of the object that was entered: its key (as it stands) and value. False at the
/// end, or with s->failure.
bool json_scan_member(struct json_scan *s, struct json_value *key, struct json_value *value);

/// The next element of the array that was entered.
bool json_scan_element(struct json_scan *s, struct json_value *value);

/// Nothing but blanks is left.
bool json_scan_at_end(struct json_scan *s);

/// The value of an INT or REAL; infinite beyond the range of double.
double json_scan_real(const struct json_value *number);

/// The exact value of an INT or REAL that is an integer, however it is written (5, 5.0, 5e0, 1e3).
/// False when it is none, or does not fit.
bool json_scan_integer(const struct json_value *number, int64_t *out);

/// Whether a string means these bytes.
bool json_scan_is(const struct json_value *string, const char *bytes, size_t len);

/// Appends what a string means; it was read by json_scan_value, so it is well-formed.
void json_scan_unescape(const struct json_value *string, struct chn_buf *out);
