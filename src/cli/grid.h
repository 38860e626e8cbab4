/// grid.h: text cells as an aligned table, Markdown, CSV or JSON.
///
/// A table that is wider than the terminal is turned: one line a column for each row. In tables
/// and Markdown control characters are shown as escapes and long cells are cut with an ellipsis.
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum cli_format { CLI_TABLE, CLI_JSON, CLI_CSV, CLI_MARKDOWN };

struct cli_column {
  const char *name;
  bool number; ///< to the right, and bare in JSON
};

struct cli_grid {
  struct arena arena;
  const struct cli_column *columns;
  int32_t n_columns;
  const char **cells; ///< row by row; NULL is null
  size_t n_cells, cap_cells;
  const bool *times; ///< which columns are days or instants, for colours; NULL: not known
};

/// `columns` stay the caller's, as long as the grid.
void cli_grid_init(struct cli_grid *g, const struct cli_column *columns, int32_t n);
void cli_grid_deinit(struct cli_grid *g);

/// Appends the next cell (copied), from left to right, row by row; NULL for null.
void cli_grid_add(struct cli_grid *g, const char *text);
void cli_grid_addf(struct cli_grid *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct cli_grid_style {
  enum cli_format format;
  int32_t width; ///< of the terminal
  bool color;
  bool turned; ///< one line a column for each row, also where the table is not too wide
};

void cli_grid_print(const struct cli_grid *g, const struct cli_grid_style *style,
                    struct chn_buf *out);

/// Appends one CSV field (RFC 4180): quoted where needed, and where empty, because null is nothing.
void cli_csv_field(struct chn_buf *out, const char *text, size_t len);

/// Columns that `text` takes in a terminal: wide East Asian characters and emoji count two.
int32_t cli_text_width(const char *text);
