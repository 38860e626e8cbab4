/// repl.h: what the shell in lua/repl has of the program: the session, the terminal, printing.
///
/// lua/repl calls this through LuaJIT's FFI.
#pragma once
#include "cli/grid.h"
#include "explore/explore.h"

struct cli_line;

struct cli_repl {
  struct explore *explore;
  struct cli_line *line;    ///< NULL: nobody types
  const char *const *codes; ///< of -c, run in order
  int32_t n_codes;
  const char *file; ///< of -f; "-" is standard input; NULL: none
  struct cli_grid_style style;
  int32_t height;   ///< lines of the terminal; 0: there is none
  int32_t max_rows; ///< of a table
  bool quiet;
  const char *repo; ///< or NULL
  const char *version;
};

/// Takes the terminal's size as it is now.
void cli_repl_resize(struct cli_repl *r);

/// Appends a result as a table or Markdown, at most style->max_rows; *more says there are others.
chn_status cli_repl_text(struct cli_repl *r, const char *table, struct chn_buf *out, bool *more,
                         struct chn_err *err);

/// Writes a result as JSON or CSV to a `FILE *`.
chn_status cli_repl_stream(struct cli_repl *r, const char *table, void *file, struct chn_err *err);

// ---- lines (line.c) ---------------------------------------------------------------------------

enum cli_line_end { CLI_LINE_DONE = 0, CLI_LINE_CANCELLED, CLI_LINE_EOF };

/// Reads a line, without its end; valid until the next call. NULL at Ctrl-C and Ctrl-D, as *end
/// says.
const char *cli_line_read(struct cli_line *l, const char *prompt, enum cli_line_end *end);

/// Adds to the history, and to its file.
void cli_line_add(struct cli_line *l, const char *text);

/// Asked at a Tab with the text before the cursor. Answers a text of lines: how many bytes before
/// the cursor the candidates replace, then the candidates; NULL or "" for none. Must not raise.
typedef const char *(*cli_line_complete_fn)(const char *before);
void cli_line_completer(struct cli_line *l, cli_line_complete_fn fn);
