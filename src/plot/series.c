// A line of Braille dots: two columns and four rows of them in each character.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/glyph.h"
#include "plot/plot_int.h"

enum { DOTS_X = 2, DOTS_Y = 4, HEIGHT = 8, BRAILLE = 0x2800 };

struct canvas {
  uint8_t *cells;
  int32_t columns;
  int32_t rows;
};

static void dot(struct canvas *c, int32_t x, int32_t y)
{
  static const uint8_t bits[DOTS_Y][DOTS_X] = {
    { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 }
  };
  uint8_t *cell = &c->cells[(y / DOTS_Y) * c->columns + x / DOTS_X];
  *cell = (uint8_t)(*cell | bits[y % DOTS_Y][x % DOTS_X]);
}

static void draw(struct canvas *c, int32_t x0, int32_t y0, int32_t x1, int32_t y1)
{
  const int32_t wide = abs(x1 - x0), high = abs(y1 - y0);
  const int32_t steps = wide > high ? wide : high;
  for (int32_t i = 0; i <= steps; i++) {
    const double share = steps > 0 ? (double)i / steps : 0;
    dot(c, (int32_t)lround(x0 + share * (x1 - x0)), (int32_t)lround(y0 + share * (y1 - y0)));
  }
}

static void draw_values(const struct plot *p, struct canvas *c, const struct plot_scale *x,
                        const struct plot_scale *y)
{
  const int32_t right = c->columns * DOTS_X - 1, bottom = c->rows * DOTS_Y - 1;
  int32_t last_x = 0, last_y = 0;
  bool joined = false;
  for (int32_t i = 0; i < p->n; i++) {
    if (!isfinite(p->values[i])) {
      joined = false;
      continue;
    }
    const int32_t at = (int32_t)lround(plot_share(x, plot_at(p, i)) * right);
    const int32_t up = (int32_t)lround((1 - plot_share(y, p->values[i])) * bottom);
    draw(c, joined ? last_x : at, joined ? last_y : up, at, up);
    last_x = at;
    last_y = up;
    joined = true;
  }
}

static void add_cells(const struct canvas *c, int32_t row, struct chn_buf *line)
{
  for (int32_t i = 0; i < c->columns; i++) {
    const uint32_t point = BRAILLE + c->cells[row * c->columns + i];
    if (point == BRAILLE) {
      chn_buf_addc(line, ' ');
    } else {
      chn_buf_addc(line, (char)(0xE0 | point >> 12));
      chn_buf_addc(line, (char)(0x80 | (point >> 6 & 0x3F)));
      chn_buf_addc(line, (char)(0x80 | (point & 0x3F)));
    }
  }
}

static void pad(struct chn_buf *line, int32_t n)
{
  for (; n > 0; n--) {
    chn_buf_addc(line, ' ');
  }
}

/// Where the scale begins and ends, under the field.
static void add_ends(const struct plot *p, const struct plot_scale *x, int32_t margin,
                     int32_t columns, struct chn_buf *line)
{
  char from[PLOT_NUMBER_SIZE], until[PLOT_NUMBER_SIZE];
  const double span = x->high - x->low;
  plot_place(p, x->low, span, from);
  plot_place(p, x->high, span, until);
  const int32_t between = columns - (int32_t)(strlen(from) + strlen(until));
  pad(line, margin);
  chn_buf_adds(line, from);
  if (strcmp(from, until) != 0) {
    pad(line, between > 1 ? between : 1);
    chn_buf_adds(line, until);
  }
}

/// ├─ label ─┤ below the columns that it spans.
static void add_window(const struct plot_window *w, const struct plot_scale *x, int32_t margin,
                       int32_t columns, struct chn_buf *line)
{
  const int32_t from = (int32_t)(plot_share(x, w->from) * (columns - 1));
  const int32_t until = (int32_t)(plot_share(x, w->until) * (columns - 1));
  const int32_t inner = until - from - 1;
  const char *label = w->label != NULL ? w->label : "";
  const bool inside = *label && inner >= chn_text_width(label) + 2;
  pad(line, margin + from);
  chn_buf_adds(line, until > from ? "├" : "│");
  if (inside) {
    chn_buf_adds(line, " ");
    const int32_t taken = plot_label(line, label, inner - 2);
    chn_buf_adds(line, " ");
    for (int32_t i = taken + 2; i < inner; i++) {
      chn_buf_adds(line, "─");
    }
  }
  for (int32_t i = 0; i < inner && !inside; i++) {
    chn_buf_adds(line, "─");
  }
  chn_buf_adds(line, until > from ? "┤" : "");
  if (*label && !inside) {
    chn_buf_adds(line, " ");
    plot_label(line, label, columns);
  }
}

void plot_text_series(const struct plot *p, int32_t width, int32_t height, struct chn_buf *out)
{
  const struct plot_scale x = plot_places(p), y = plot_scale_of(p->values, p->n, p->zero);
  struct canvas c = { .rows = height > 0 ? height : HEIGHT };
  struct chn_buf line = { 0 };
  char high[PLOT_NUMBER_SIZE], low[PLOT_NUMBER_SIZE];
  const int32_t n_high = (int32_t)strlen(plot_number(y.high, high));
  const int32_t n_low = (int32_t)strlen(plot_number(y.low, low));
  int32_t margin = (n_high > n_low ? n_high : n_low) + 1;
  margin = margin > width / 2 ? 0 : margin;
  c.columns = width - margin;
  c.cells = chn_calloc((size_t)c.columns * (size_t)c.rows, 1);
  draw_values(p, &c, &x, &y);
  for (int32_t row = 0; row < c.rows; row++) {
    const bool bottom = row == c.rows - 1 && (row > 0 || y.low == y.high);
    const char *label = row == 0 && y.low < y.high ? high : bottom ? low : "";
    chn_buf_clear(&line);
    if (margin > 0) {
      pad(&line, margin - 1 - (int32_t)strlen(label));
      chn_buf_addf(&line, "%s ", label);
    }
    add_cells(&c, row, &line);
    plot_line(out, chn_buf_str(&line), width);
  }
  chn_buf_clear(&line);
  add_ends(p, &x, margin, c.columns, &line);
  plot_line(out, chn_buf_str(&line), width);
  for (int32_t i = 0; i < p->n_windows; i++) {
    chn_buf_clear(&line);
    add_window(&p->windows[i], &x, margin, c.columns, &line);
    plot_line(out, chn_buf_str(&line), width);
  }
  free(c.cells);
  chn_buf_deinit(&line);
}
