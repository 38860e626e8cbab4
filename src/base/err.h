/// err.h: errors are values.
///
/// A function that can fail returns a chn_status and takes a `struct chn_err *` last. On
/// failure the message names the object, the cause and, where there is one, the way out; a
/// caller that knows more puts its own object in front with chn_wrap, so that a user reads
/// `join sample.v1: part 2 (purchases.v1): column "amount" is not in data.purchases`.
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chn_code {
  CHN_OK = 0,
  CHN_E_ARGUMENT,  ///< the caller or the definition asks for what cannot be
  CHN_E_NOT_FOUND, ///< a named thing does not exist
  CHN_E_CORRUPT,   ///< bytes from outside do not mean anything
  CHN_E_IO,        ///< the system refused: disk, network, permission
  CHN_E_CONFLICT,  ///< what exists contradicts what is asked
  CHN_E_MEMORY,    ///< a limit of memory is reached
  CHN_E_CANCELLED, ///< the user interrupted
  CHN_E_INTERNAL,  ///< a broken promise of this program: a bug
};
typedef enum chn_code chn_status;

struct chn_err {
  chn_status code;
  char msg[2048]; ///< UTF-8, NUL-terminated, no trailing newline; cut when too long
};

/// Fills *err (which may be NULL) and returns `code`, so that callers write `return chn_fail(...)`.
chn_status chn_fail(struct chn_err *err, chn_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// Puts a prefix and ": " in front of the message of *err, and returns its code.
chn_status chn_wrap(struct chn_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/// The class as a word for JSON output: "argument", "not_found", ...
const char *chn_code_name(chn_status code);
