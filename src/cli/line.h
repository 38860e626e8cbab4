/// line.h: opening the line editor; what it does stands in repl.h.
#pragma once
#include "cli/repl.h"

/// `path` is a file of history that is made when it is missing; NULL: none. NULL when the terminal
/// cannot be used.
struct cli_line *cli_line_open(const char *path);
void cli_line_close(struct cli_line *l);
