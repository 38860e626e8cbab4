/// complete.h: what may stand next on a command line, for shells.
#pragma once
#include "base/buf.h"

/// `words` are those behind `chronon`, the last one as far as it is typed (it may be empty).
/// Appends the candidates that begin with it, one a line: commands, options, modes and other
/// choices, names and paths of the repo's compiled definitions. None: the shell knows better
/// (files).
void cli_complete(int n, char **words, struct chn_buf *out);
