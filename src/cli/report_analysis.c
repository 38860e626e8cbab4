// What `run --mode analyze` and `metadata-export` print.
#include <inttypes.h>
#include <string.h>

#include "cli/report.h"

static void json_text(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  if (text) {
    codec_json_string(w, text, strlen(text));
  } else {
    codec_json_null(w);
  }
}

static void json_texts(struct codec_json_writer *w, const char *key, const char *const *texts,
                       int32_t n)
{
  codec_json_key(w, key);
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < n; i++) {
    codec_json_string(w, texts[i], strlen(texts[i]));
  }
  codec_json_end(w, ']');
}

static void json_column(struct codec_json_writer *w, const struct batch_column *c)
{
  codec_json_begin(w, '{');
  json_text(w, "role", c->role);
  json_text(w, "part", c->part);
  json_text(w, "name", c->name);
  json_text(w, "type", c->type);
  if (c->operation != NULL) {
    json_text(w, "operation", c->operation);
    json_text(w, "window", c->window);
    json_text(w, "input", c->input);
  }
  codec_json_end(w, '}');
}

static void json_hitters(struct codec_json_writer *w, const struct batch_analysis *a)
{
  codec_json_key(w, "heavy_hitters");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < a->n_hitters; i++) {
    codec_json_begin(w, '{');
    json_text(w, "table", a->hitters[i].table);
    json_text(w, "column", a->hitters[i].column);
    json_text(w, "value", a->hitters[i].value);
    codec_json_key(w, "count");
    codec_json_int(w, a->hitters[i].count);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

static void analysis_json(const struct batch_analysis *a, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  json_text(&w, "name", a->name);
  json_text(&w, "table", a->table);
  json_text(&w, "schema_table", a->schema_table);
  codec_json_key(&w, "columns");
  codec_json_begin(&w, '[');
  for (int32_t i = 0; i < a->n_columns; i++) {
    json_column(&w, &a->columns[i]);
  }
  codec_json_end(&w, ']');
  if (a->n_hitters > 0) {
    json_hitters(&w, a);
  }
  json_texts(&w, "warnings", a->warnings, a->n_warnings);
  json_texts(&w, "problems", a->problems, a->n_problems);
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

static void print_columns(const struct cli_context *ctx, const struct batch_analysis *a,
                          struct chn_buf *out)
{
  static const struct cli_column columns[] = {
    { "role", false }, { "part", false }, { "column", false }, { "type", false }
  };
  struct cli_grid grid;
  cli_grid_init(&grid, columns, 4);
  for (int32_t i = 0; i < a->n_columns; i++) {
    cli_grid_add(&grid, a->columns[i].role);
    cli_grid_add(&grid, a->columns[i].part ? a->columns[i].part : "");
    cli_grid_add(&grid, a->columns[i].name);
    cli_grid_add(&grid, a->columns[i].type);
  }
  cli_grid_print(&grid, &ctx->style, out);
  cli_grid_deinit(&grid);
}

static void print_hitters(const struct cli_context *ctx, const struct batch_analysis *a,
                          struct chn_buf *out)
{
  static const struct cli_column columns[] = {
    { "table", false }, { "column", false }, { "value", false }, { "count", true }
  };
  struct cli_grid grid;
  cli_grid_init(&grid, columns, 4);
  for (int32_t i = 0; i < a->n_hitters; i++) {
    cli_grid_add(&grid, a->hitters[i].table);
    cli_grid_add(&grid, a->hitters[i].column);
    cli_grid_add(&grid, a->hitters[i].value);
    cli_grid_addf(&grid, "%" PRId64, a->hitters[i].count);
  }
  chn_buf_addc(out, '\n');
  cli_grid_print(&grid, &ctx->style, out);
  cli_grid_deinit(&grid);
}

void cli_report_analysis(const struct cli_context *ctx, const struct batch_analysis *a)
{
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    analysis_json(a, &out);
    cli_print(&out);
    chn_buf_deinit(&out);
    return;
  }
  print_columns(ctx, a, &out);
  if (a->n_hitters > 0) {
    print_hitters(ctx, a, &out);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  for (int32_t i = 0; i < a->n_warnings; i++) {
    cli_note(ctx, "warning: %s", a->warnings[i]);
  }
  for (int32_t i = 0; i < a->n_problems; i++) {
    cli_note(ctx, "problem: %s", a->problems[i]);
  }
  if (a->schema_table != NULL) {
    cli_note(ctx, "the schema is in %s", a->schema_table);
  }
}

void cli_report_export(const struct cli_context *ctx, const struct batch_exported *e)
{
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    struct codec_json_writer w;
    codec_json_writer_init(&w, &out, CODEC_JSON_INDENT);
    codec_json_begin(&w, '{');
    codec_json_key(&w, "written");
    codec_json_int(&w, e->written);
    codec_json_key(&w, "exceptions");
    codec_json_int(&w, e->exceptions);
    json_texts(&w, "failures", e->failures, e->n_failures);
    codec_json_end(&w, '}');
    chn_buf_addc(&out, '\n');
  } else {
    chn_buf_addf(&out, "%d definition%s written, %d of them with an exception for features\n",
                 e->written, e->written == 1 ? "" : "s", e->exceptions);
    for (int32_t i = 0; i < e->n_failures; i++) {
      cli_note(ctx, "failed: %s", e->failures[i]);
    }
  }
  cli_print(&out);
  chn_buf_deinit(&out);
}
