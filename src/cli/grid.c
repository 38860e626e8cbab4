#include "cli/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/glyph.h"
#include "codec/json.h"

enum { MAX_CELL = 60, NAME_LIMIT = 40 };

static const char BOLD[] = "\033[1m", DIM[] = "\033[2m", PLAIN[] = "\033[0m", NUMBER[] = "\033[36m",
                  TIME[] = "\033[33m";

void cli_grid_init(struct cli_grid *g, const struct cli_column *columns, int32_t n)
{
  *g = (struct cli_grid){ .columns = columns, .n_columns = n };
}

void cli_grid_deinit(struct cli_grid *g)
{
  free(g->cells);
  arena_deinit(&g->arena);
}

void cli_grid_add(struct cli_grid *g, const char *text)
{
  if (g->n_cells == g->cap_cells) {
    g->cap_cells = g->cap_cells ? 2 * g->cap_cells : 64;
    g->cells = chn_realloc(g->cells, g->cap_cells * sizeof *g->cells);
  }
  g->cells[g->n_cells++] = text ? arena_strdup(&g->arena, text) : NULL;
}

void cli_grid_addf(struct cli_grid *g, const char *fmt, ...)
{
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  cli_grid_add(g, text);
}

int32_t cli_text_width(const char *text)
{
  return chn_text_width(text);
}

// What a cell shows: control characters escaped, cut to `max` columns.
static void add_shown(struct chn_buf *out, const char *text, int32_t max)
{
  int32_t width = 0;
  uint32_t p;
  const bool cut = cli_text_width(text) > max;
  while (*text) {
    const size_t n = chn_glyph(text, &p);
    const bool control = p < 0x20 || (p >= 0x7F && p < 0xA0);
    width += control ? 4 : chn_glyph_width(p);
    if (cut && width >= max) {
      chn_buf_adds(out, "…");
      return;
    }
    if (p == '\n' || p == '\t') {
      chn_buf_adds(out, p == '\n' ? "\\n" : "\\t");
    } else if (control) {
      chn_buf_addf(out, "\\x%02x", p);
    } else {
      chn_buf_add(out, text, n);
    }
    text += n;
  }
}

static void pad(struct chn_buf *out, int32_t n)
{
  for (; n > 0; n--) {
    chn_buf_addc(out, ' ');
  }
}

static const char *cell_of(const struct cli_grid *g, size_t row, int32_t column)
{
  return g->cells[row * (size_t)g->n_columns + (size_t)column];
}

static size_t row_count(const struct cli_grid *g)
{
  return g->n_columns ? g->n_cells / (size_t)g->n_columns : 0;
}

// The cells as they will be shown, so that widths are measured on what is printed.
static char **shown_cells(const struct cli_grid *g, struct arena *a, int32_t max)
{
  char **shown = arena_alloc(a, g->n_cells * sizeof *shown);
  struct chn_buf text = { 0 };
  for (size_t i = 0; i < g->n_cells; i++) {
    chn_buf_clear(&text);
    add_shown(&text, g->cells[i] ? g->cells[i] : "NULL", max);
    shown[i] = arena_strdup(a, chn_buf_str(&text));
  }
  chn_buf_deinit(&text);
  return shown;
}

static int32_t measure(const struct cli_grid *g, char **shown, int32_t *widths)
{
  int32_t total = 0;
  for (int32_t c = 0; c < g->n_columns; c++) {
    widths[c] = cli_text_width(g->columns[c].name);
    for (size_t r = 0; r < row_count(g); r++) {
      const int32_t w = cli_text_width(shown[r * (size_t)g->n_columns + (size_t)c]);
      widths[c] = w > widths[c] ? w : widths[c];
    }
    total += widths[c] + (c ? 2 : 0);
  }
  return total;
}

static void add_cell(struct chn_buf *out, const char *text, int32_t width, bool right, bool last)
{
  const int32_t space = width - cli_text_width(text);
  if (right) {
    pad(out, space);
  }
  chn_buf_adds(out, text);
  if (!right && !last) {
    pad(out, space);
  }
}

/// What makes a cell look like its kind; "" for plain text.
static const char *color_of(const struct cli_grid *g, size_t row, int32_t column, bool color)
{
  if (!color) {
    return "";
  }
  return !cell_of(g, row, column)       ? DIM
         : g->columns[column].number    ? NUMBER
         : g->times && g->times[column] ? TIME
                                        : "";
}

static void print_across(const struct cli_grid *g, char **shown, const int32_t *widths, bool color,
                         struct chn_buf *out)
{
  chn_buf_adds(out, color ? BOLD : "");
  for (int32_t c = 0; c < g->n_columns; c++) {
    chn_buf_adds(out, c ? "  " : "");
    add_cell(out, g->columns[c].name, widths[c], g->columns[c].number, c + 1 == g->n_columns);
  }
  chn_buf_adds(out, color ? PLAIN : "");
  chn_buf_addc(out, '\n');
  for (size_t r = 0; r < row_count(g); r++) {
    for (int32_t c = 0; c < g->n_columns; c++) {
      const char *look = color_of(g, r, c, color);
      chn_buf_adds(out, c ? "  " : "");
      chn_buf_adds(out, look);
      add_cell(out, shown[r * (size_t)g->n_columns + (size_t)c], widths[c], g->columns[c].number,
               c + 1 == g->n_columns);
      chn_buf_adds(out, *look ? PLAIN : "");
    }
    chn_buf_addc(out, '\n');
  }
}

static void print_turned(const struct cli_grid *g, const struct cli_grid_style *style,
                         struct chn_buf *out)
{
  int32_t names = 0;
  for (int32_t c = 0; c < g->n_columns; c++) {
    const int32_t w = cli_text_width(g->columns[c].name);
    names = w > names ? w : names;
  }
  const int32_t room =
      style->width - names - 2 > NAME_LIMIT ? style->width - names - 2 : NAME_LIMIT;
  for (size_t r = 0; r < row_count(g); r++) {
    chn_buf_addf(out, "%s-- row %zu%s\n", style->color ? BOLD : "", r + 1,
                 style->color ? PLAIN : "");
    for (int32_t c = 0; c < g->n_columns; c++) {
      const char *text = cell_of(g, r, c);
      add_cell(out, g->columns[c].name, names, false, false);
      const char *look = color_of(g, r, c, style->color);
      chn_buf_addf(out, "  %s", look);
      add_shown(out, text ? text : "NULL", room);
      chn_buf_addf(out, "%s\n", *look ? PLAIN : "");
    }
  }
}

static void print_table(const struct cli_grid *g, const struct cli_grid_style *style,
                        struct chn_buf *out)
{
  struct arena scratch = { 0 };
  char **shown = shown_cells(g, &scratch, MAX_CELL);
  int32_t *widths = arena_calloc(&scratch, (size_t)g->n_columns + 1, sizeof *widths);
  const bool fits = measure(g, shown, widths) <= style->width && !style->turned;
  if (fits || row_count(g) == 0) {
    print_across(g, shown, widths, style->color, out);
  } else {
    print_turned(g, style, out);
  }
  arena_deinit(&scratch);
}

static void add_markdown(struct chn_buf *out, const char *text)
{
  for (; *text; text++) {
    if (*text == '|') {
      chn_buf_adds(out, "\\|");
    } else {
      chn_buf_addc(out, *text == '\n' ? ' ' : *text);
    }
  }
}

static void print_markdown(const struct cli_grid *g, struct chn_buf *out)
{
  for (int32_t c = 0; c < g->n_columns; c++) {
    chn_buf_adds(out, "| ");
    add_markdown(out, g->columns[c].name);
    chn_buf_addc(out, ' ');
  }
  chn_buf_adds(out, "|\n");
  for (int32_t c = 0; c < g->n_columns; c++) {
    chn_buf_adds(out, g->columns[c].number ? "|---:" : "|---");
  }
  chn_buf_adds(out, "|\n");
  for (size_t i = 0; i < g->n_cells; i++) {
    chn_buf_adds(out, "| ");
    add_markdown(out, g->cells[i] ? g->cells[i] : "NULL");
    chn_buf_adds(out, (i + 1) % (size_t)g->n_columns ? " " : " |\n");
  }
}

void cli_csv_field(struct chn_buf *out, const char *text, size_t len)
{
  if (len && !memchr(text, '"', len) && !memchr(text, ',', len) && !memchr(text, '\n', len) &&
      !memchr(text, '\r', len)) {
    chn_buf_add(out, text, len);
    return;
  }
  chn_buf_addc(out, '"');
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '"') {
      chn_buf_addc(out, '"');
    }
    chn_buf_addc(out, text[i]);
  }
  chn_buf_addc(out, '"');
}

static void print_csv(const struct cli_grid *g, struct chn_buf *out)
{
  for (int32_t c = 0; c < g->n_columns; c++) {
    chn_buf_adds(out, c ? "," : "");
    cli_csv_field(out, g->columns[c].name, strlen(g->columns[c].name));
  }
  chn_buf_addc(out, '\n');
  for (size_t i = 0; i < g->n_cells; i++) {
    if (g->cells[i]) {
      cli_csv_field(out, g->cells[i], strlen(g->cells[i]));
    }
    chn_buf_addc(out, (i + 1) % (size_t)g->n_columns ? ',' : '\n');
  }
}

static void print_json(const struct cli_grid *g, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '[');
  for (size_t r = 0; r < row_count(g); r++) {
    codec_json_begin(&w, '{');
    for (int32_t c = 0; c < g->n_columns; c++) {
      const char *text = cell_of(g, r, c);
      codec_json_key(&w, g->columns[c].name);
      if (!text) {
        codec_json_null(&w);
      } else if (g->columns[c].number) {
        codec_json_int(&w, strtoll(text, NULL, 10));
      } else {
        codec_json_string(&w, text, strlen(text));
      }
    }
    codec_json_end(&w, '}');
  }
  codec_json_end(&w, ']');
  chn_buf_addc(out, '\n');
}

void cli_grid_print(const struct cli_grid *g, const struct cli_grid_style *style,
                    struct chn_buf *out)
{
  switch (style->format) {
  case CLI_TABLE: print_table(g, style, out); break;
  case CLI_MARKDOWN: print_markdown(g, out); break;
  case CLI_CSV: print_csv(g, out); break;
  case CLI_JSON: print_json(g, out); break;
  }
}
