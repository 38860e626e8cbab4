#include "cli/rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

enum { FLUSH_BYTES = 1 << 16 };

struct printer {
  const struct cli_grid_style *style;
  FILE *file;
  struct wh_result *result;
  const struct row_schema *schema;
  struct row_col *cols;
  struct chn_buf out;
  struct chn_buf cell;
};

// ---- CSV --------------------------------------------------------------------------------------

static void csv_header(struct printer *p)
{
  for (int32_t c = 0; c < p->schema->n_fields; c++) {
    const char *name = p->schema->fields[c].name;
    chn_buf_adds(&p->out, c ? "," : "");
    cli_csv_field(&p->out, name, strlen(name));
  }
  chn_buf_addc(&p->out, '\n');
}

// Lists, maps and structs are JSON in their field: a reader can take them apart again.
static void csv_value(struct printer *p, const struct row_col *c, size_t row)
{
  const enum row_kind kind = c->type->kind;
  if (kind != ROW_OTHER && row_is_null(c, row)) {
    return;
  }
  chn_buf_clear(&p->cell);
  if (kind == ROW_LIST || kind == ROW_MAP || kind == ROW_STRUCT) {
    struct codec_json_writer w;
    codec_json_writer_init(&w, &p->cell, CODEC_JSON_COMPACT);
    cli_value_json(&w, c, row);
  } else {
    cli_value_print(&p->cell, c, row);
  }
  cli_csv_field(&p->out, chn_buf_str(&p->cell), p->cell.len);
}

static void csv_row(struct printer *p, size_t row)
{
  for (int32_t c = 0; c < p->schema->n_fields; c++) {
    chn_buf_adds(&p->out, c ? "," : "");
    csv_value(p, &p->cols[c], row);
  }
  chn_buf_addc(&p->out, '\n');
}

// ---- JSON -------------------------------------------------------------------------------------

// An array with one row a line: whole for a parser, and readable line by line for grep.
static void json_row(struct printer *p, size_t row, bool first)
{
  struct codec_json_writer w;
  chn_buf_adds(&p->out, first ? "\n" : ",\n");
  codec_json_writer_init(&w, &p->out, CODEC_JSON_SPACED);
  codec_json_begin(&w, '{');
  for (int32_t c = 0; c < p->schema->n_fields; c++) {
    codec_json_key(&w, p->schema->fields[c].name);
    cli_value_json(&w, &p->cols[c], row);
  }
  codec_json_end(&w, '}');
}

static bool flush_rows(struct printer *p)
{
  const bool ok =
      fwrite(chn_buf_str(&p->out), 1, p->out.len, p->file) == p->out.len && !ferror(p->file);
  chn_buf_clear(&p->out);
  return ok;
}

static chn_status stream_rows(struct printer *p, struct chn_err *err)
{
  const bool json = p->style->format == CLI_JSON;
  uint64_t done = 0;
  if (json) {
    chn_buf_addc(&p->out, '[');
  } else {
    csv_header(p);
  }
  for (;;) {
    size_t n;
    if (wh_result_next(p->result, p->cols, &n, err) != CHN_OK) {
      return err->code;
    }
    if (n == 0) {
      break;
    }
    for (size_t row = 0; row < n; row++, done++) {
      if (json) {
        json_row(p, row, done == 0);
      } else {
        csv_row(p, row);
      }
      if (p->out.len > FLUSH_BYTES && !flush_rows(p)) {
        return chn_fail(err, CHN_E_IO, "stdout cannot be written");
      }
    }
  }
  if (json) {
    chn_buf_adds(&p->out, done ? "\n]\n" : "]\n");
  }
  flush_rows(p);
  return CHN_OK;
}

// ---- tables -----------------------------------------------------------------------------------

static void grid_row(struct printer *p, struct cli_grid *grid, size_t row)
{
  for (int32_t c = 0; c < p->schema->n_fields; c++) {
    const struct row_col *col = &p->cols[c];
    if (col->type->kind != ROW_OTHER && row_is_null(col, row)) {
      cli_grid_add(grid, NULL);
      continue;
    }
    chn_buf_clear(&p->cell);
    cli_value_print(&p->cell, col, row);
    cli_grid_add(grid, chn_buf_str(&p->cell));
  }
}

static chn_status fill_grid(struct printer *p, struct cli_grid *grid, int32_t max_rows, bool *more,
                            struct chn_err *err)
{
  int32_t shown = 0;
  for (;;) {
    size_t n;
    if (wh_result_next(p->result, p->cols, &n, err) != CHN_OK) {
      return err->code;
    }
    if (n == 0) {
      return CHN_OK;
    }
    for (size_t row = 0; row < n; row++) {
      if (max_rows && shown == max_rows) {
        *more = true;
        return CHN_OK;
      }
      grid_row(p, grid, row);
      shown++;
    }
  }
}

static chn_status grid_rows(struct printer *p, int32_t max_rows, struct chn_buf *out, bool *more,
                            struct chn_err *err)
{
  struct cli_column *columns = chn_calloc((size_t)p->schema->n_fields + 1, sizeof *columns);
  bool *times = chn_calloc((size_t)p->schema->n_fields + 1, sizeof *times);
  for (int32_t c = 0; c < p->schema->n_fields; c++) {
    const enum row_kind kind = p->schema->fields[c].type->kind;
    columns[c].name = p->schema->fields[c].name;
    columns[c].number = cli_kind_is_number(kind);
    times[c] = kind == ROW_DATE || kind == ROW_TIMESTAMP;
  }
  struct cli_grid grid;
  cli_grid_init(&grid, columns, p->schema->n_fields);
  grid.times = times;
  const chn_status status = fill_grid(p, &grid, max_rows, more, err);
  if (status == CHN_OK) {
    cli_grid_print(&grid, p->style, out);
  }
  cli_grid_deinit(&grid);
  free(columns);
  free(times);
  return status;
}

// ---- the whole --------------------------------------------------------------------------------

static struct printer printer_of(const struct cli_grid_style *style, struct wh_result *result)
{
  struct printer p = { .style = style, .result = result, .schema = wh_result_schema(result) };
  p.cols = chn_calloc((size_t)p.schema->n_fields + 1, sizeof *p.cols);
  return p;
}

static void printer_deinit(struct printer *p)
{
  chn_buf_deinit(&p->out);
  chn_buf_deinit(&p->cell);
  free(p->cols);
}

chn_status cli_rows_text(const struct cli_grid_style *style, struct wh_result *result,
                         int32_t max_rows, struct chn_buf *out, bool *more, struct chn_err *err)
{
  struct printer p = printer_of(style, result);
  *more = false;
  const chn_status status = grid_rows(&p, max_rows, out, more, err);
  printer_deinit(&p);
  return status;
}

chn_status cli_rows_stream(const struct cli_grid_style *style, struct wh_result *result, FILE *file,
                           struct chn_err *err)
{
  struct printer p = printer_of(style, result);
  p.file = file;
  const chn_status status = stream_rows(&p, err);
  printer_deinit(&p);
  return status;
}

chn_status cli_rows_print(const struct cli_context *ctx, struct wh_result *result, int32_t max_rows,
                          struct chn_err *err)
{
  const enum cli_format format = ctx->style.format;
  if (format == CLI_JSON || format == CLI_CSV) {
    return cli_rows_stream(&ctx->style, result, stdout, err);
  }
  struct chn_buf out = { 0 };
  bool more;
  const chn_status status = cli_rows_text(&ctx->style, result, max_rows, &out, &more, err);
  if (status == CHN_OK) {
    cli_print(&out);
  }
  if (more) {
    fflush(stdout);
    cli_note(ctx, "the first %d rows; --max-rows 0 shows all", max_rows);
  }
  chn_buf_deinit(&out);
  return status;
}
