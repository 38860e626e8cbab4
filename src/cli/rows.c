#include "cli/rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

enum { FLUSH_BYTES = 1 << 16 };

struct printer {
  const struct cli_context *ctx;
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

static chn_status stream_rows(struct printer *p, struct chn_err *err)
{
  const bool json = p->ctx->style.format == CLI_JSON;
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
      if (p->out.len > FLUSH_BYTES && !cli_print(&p->out)) {
        return chn_fail(err, CHN_E_IO, "stdout cannot be written");
      }
    }
  }
  if (json) {
    chn_buf_adds(&p->out, done ? "\n]\n" : "]\n");
  }
  cli_print(&p->out);
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

static chn_status grid_rows(struct printer *p, int32_t max_rows, struct chn_err *err)
{
  struct cli_column *columns = chn_calloc((size_t)p->schema->n_fields + 1, sizeof *columns);
  for (int32_t c = 0; c < p->schema->n_fields; c++) {
    columns[c].name = p->schema->fields[c].name;
    columns[c].number = cli_kind_is_number(p->schema->fields[c].type->kind);
  }
  struct cli_grid grid;
  cli_grid_init(&grid, columns, p->schema->n_fields);
  bool more = false;
  const chn_status status = fill_grid(p, &grid, max_rows, &more, err);
  if (status == CHN_OK) {
    cli_grid_print(&grid, &p->ctx->style, &p->out);
    cli_print(&p->out);
  }
  if (more) {
    fflush(stdout);
    cli_note(p->ctx, "the first %d rows; --max-rows 0 shows all", max_rows);
  }
  cli_grid_deinit(&grid);
  free(columns);
  return status;
}

chn_status cli_rows_print(const struct cli_context *ctx, struct wh_result *result, int32_t max_rows,
                          struct chn_err *err)
{
  const enum cli_format format = ctx->style.format;
  struct printer p = { .ctx = ctx, .result = result, .schema = wh_result_schema(result) };
  p.cols = chn_calloc((size_t)p.schema->n_fields + 1, sizeof *p.cols);
  const chn_status status =
      format == CLI_JSON || format == CLI_CSV ? stream_rows(&p, err) : grid_rows(&p, max_rows, err);
  chn_buf_deinit(&p.out);
  chn_buf_deinit(&p.cell);
  free(p.cols);
  return status;
}
