/// shell.h: Lua for the person at the keyboard.
///
/// Unlike definitions (luart.h), what is typed runs with all of Lua: io, os, ffi, debug. Modules of
/// lua/ come out of the program; `repl.headers` is the text of C headers by path, for ffi.cdef. The
/// JIT is off, because compiled loops do not hear Ctrl-C.
#pragma once
#include "base/err.h"

struct luart_shell;

chn_status luart_shell_open(struct luart_shell **out, struct chn_err *err);
void luart_shell_close(struct luart_shell *sh);

/// Calls the function that `module` returns with `host`, as a pointer, and `protect`; what it
/// returns becomes *code. An error that leaves it is CHN_E_INTERNAL.
///
/// `protect(f, ...)` is pcall with tracebacks behind the message, as a second value, and the only
/// place where luart_shell_interrupt is heard: everything inside it then raises "interrupted".
chn_status luart_shell_run(struct luart_shell *sh, const char *module, void *host, int *code,
                           struct chn_err *err);

/// Async-signal-safe.
void luart_shell_interrupt(struct luart_shell *sh);
