#include <string.h>

#include "base/time.h"
#include "cli/context.h"

static bool has_ds(const struct wh_table *t)
{
  return row_schema_find(&t->schema, "ds") >= 0;
}

static const char *kind_of(const struct wh_table *t)
{
  return t->view != NULL ? "view" : t->managed ? "managed" : "source";
}

static chn_status partitions_of(struct cli_context *ctx, struct wh *wh, const struct wh_table *t,
                                char ***days, size_t *n, struct chn_err *err)
{
  *n = 0;
  return has_ds(t) ? wh_partitions(wh, t->name, "ds", NULL, 0, &ctx->arena, days, n, err) : CHN_OK;
}

// Sources may wait for their data; a table of ours that cannot be read is broken.
static chn_status tell_unreadable(const struct cli_context *ctx, const struct wh_table *tables,
                                  size_t n, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (size_t i = 0; i < n; i++) {
    if (tables[i].error && tables[i].managed && status == CHN_OK) {
      status = chn_fail(err, CHN_E_CORRUPT, "table %s cannot be read: %s", tables[i].name,
                        tables[i].error);
    } else if (tables[i].error) {
      const bool named = strstr(tables[i].error, tables[i].name) != NULL;
      cli_note(ctx, "warning: %s%s%s", named ? "" : tables[i].name, named ? "" : ": ",
               tables[i].error);
    }
  }
  return status;
}

// A list stays a list: where paths would turn it into a line a column, it goes without them.
// `chronon tables NAME` shows the path.
static bool paths_fit(const struct cli_grid_style *style, const struct wh_table *tables, size_t n)
{
  enum { OTHERS = 56 }; // kind, columns, partitions and two days, with the blanks between
  int32_t name = 0, path = 0;
  for (size_t i = 0; i < n; i++) {
    const int32_t a = cli_text_width(tables[i].name);
    const int32_t b = tables[i].path != NULL ? cli_text_width(tables[i].path) : 0;
    name = a > name ? a : name;
    path = b > path ? b : path;
  }
  return style->format != CLI_TABLE || style->turned || name + path + OTHERS <= style->width;
}

static chn_status list_tables(struct cli_context *ctx, struct wh *wh, struct chn_err *err)
{
  static const struct cli_column columns[] = {
    { "table", false },    { "kind", false },    { "columns", true }, { "partitions", true },
    { "first_ds", false }, { "last_ds", false }, { "path", false },
  };
  struct wh_table *tables;
  size_t n;
  if (wh_table_list(wh, &ctx->arena, &tables, &n, err) != CHN_OK) {
    return err->code;
  }
  struct cli_grid grid;
  const bool paths = paths_fit(&ctx->style, tables, n);
  cli_grid_init(&grid, columns, (int32_t)(sizeof columns / sizeof *columns) - !paths);
  for (size_t i = 0; i < n; i++) {
    char **days;
    size_t n_days;
    if (partitions_of(ctx, wh, &tables[i], &days, &n_days, err) != CHN_OK) {
      cli_grid_deinit(&grid);
      return err->code;
    }
    cli_grid_add(&grid, tables[i].name);
    cli_grid_add(&grid, kind_of(&tables[i]));
    cli_grid_addf(&grid, "%d", tables[i].schema.n_fields);
    cli_grid_addf(&grid, "%zu", n_days);
    cli_grid_add(&grid, n_days ? days[0] : NULL);
    cli_grid_add(&grid, n_days ? days[n_days - 1] : NULL);
    if (paths) {
      cli_grid_add(&grid, tables[i].path);
    }
  }
  struct chn_buf out = { 0 };
  cli_grid_print(&grid, &ctx->style, &out);
  cli_print(&out);
  chn_buf_deinit(&out);
  cli_grid_deinit(&grid);
  if (n == 0) {
    cli_note(ctx, "no tables: neither in %s nor by --table or teams.json%s",
             cli_warehouse_root(ctx),
             ctx->repo.root != NULL && ctx->repo.teams != NULL
                 ? ""
                 : "; this is no repo: there is no teams.json here or above");
  }
  return tell_unreadable(ctx, tables, n, err);
}

// Days between the first and the last one that have no partition.
static size_t count_holes(char **days, size_t n, int32_t *first_hole)
{
  size_t holes = 0;
  int32_t previous = 0, day;
  for (size_t i = 0; i < n; i++) {
    if (chn_day_of_ds(days[i], &day, NULL) != CHN_OK) {
      return 0;
    }
    if (i && day > previous + 1) {
      *first_hole = holes ? *first_hole : previous + 1;
      holes += (size_t)(day - previous - 1);
    }
    previous = day;
  }
  return holes;
}

static void add_schema(struct cli_grid *grid, const struct row_schema *schema)
{
  struct chn_buf type = { 0 };
  for (int32_t i = 0; i < schema->n_fields; i++) {
    chn_buf_clear(&type);
    row_type_print(&type, schema->fields[i].type);
    cli_grid_add(grid, schema->fields[i].name);
    cli_grid_add(grid, chn_buf_str(&type));
  }
  chn_buf_deinit(&type);
}

static void write_text(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  codec_json_string(w, text, strlen(text));
}

// What is printed about one table.
struct facts {
  const struct wh_table *table;
  char **days;
  size_t n_days;
  const char **keys, **values; ///< its properties
  size_t n_properties;
};

static void table_json(const struct facts *f, struct chn_buf *out)
{
  const struct wh_table *t = f->table;
  struct codec_json_writer w;
  struct chn_buf type = { 0 };
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  write_text(&w, "table", t->name);
  write_text(&w, "kind", kind_of(t));
  write_text(&w, "path", t->path);
  codec_json_key(&w, "columns");
  codec_json_begin(&w, '[');
  for (int32_t i = 0; i < t->schema.n_fields; i++) {
    chn_buf_clear(&type);
    row_type_print(&type, t->schema.fields[i].type);
    codec_json_begin(&w, '{');
    write_text(&w, "name", t->schema.fields[i].name);
    write_text(&w, "type", chn_buf_str(&type));
    codec_json_end(&w, '}');
  }
  codec_json_end(&w, ']');
  codec_json_key(&w, "partitions");
  codec_json_begin(&w, '[');
  for (size_t i = 0; i < f->n_days; i++) {
    codec_json_string(&w, f->days[i], strlen(f->days[i]));
  }
  codec_json_end(&w, ']');
  codec_json_key(&w, "properties");
  codec_json_begin(&w, '{');
  for (size_t i = 0; i < f->n_properties; i++) {
    write_text(&w, f->keys[i], f->values[i]);
  }
  codec_json_end(&w, '}');
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
  chn_buf_deinit(&type);
}

static void table_text(const struct facts *f, struct chn_buf *out)
{
  const struct wh_table *t = f->table;
  const size_t n = f->n_days;
  int32_t first_hole = 0;
  char ds[CHN_DS_SIZE];
  chn_buf_addf(out, "%s: %s, %s\n", t->name, kind_of(t), t->path);
  if (has_ds(t) && n == 0) {
    chn_buf_adds(out, "no partitions\n");
  } else if (has_ds(t)) {
    const size_t holes = count_holes(f->days, n, &first_hole);
    chn_buf_addf(out, "%zu partition%s, %s to %s", n, n == 1 ? "" : "s", f->days[0],
                 f->days[n - 1]);
    if (holes) {
      chn_buf_addf(out, ", %zu missing between (the first: %s)", holes,
                   chn_ds_of_day(first_hole, ds));
    }
    chn_buf_addc(out, '\n');
  }
  for (size_t i = 0; i < f->n_properties; i++) {
    chn_buf_addf(out, "%s = %.60s%s\n", f->keys[i], f->values[i],
                 strlen(f->values[i]) > 60 ? "…" : "");
  }
  chn_buf_addc(out, '\n');
}

static chn_status show_table(struct cli_context *ctx, struct wh *wh, const char *name,
                             struct chn_err *err)
{
  static const struct cli_column columns[] = { { "column", false }, { "type", false } };
  struct wh_table t = { 0 };
  struct facts f = { .table = &t };
  if (wh_table_find(wh, name, &ctx->arena, &t, err) != CHN_OK ||
      partitions_of(ctx, wh, &t, &f.days, &f.n_days, err) != CHN_OK) {
    return err->code;
  }
  f.n_properties = wh_properties(wh, name, &ctx->arena, &f.keys, &f.values);
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    table_json(&f, &out);
  } else {
    struct cli_grid grid;
    cli_grid_init(&grid, columns, 2);
    add_schema(&grid, &t.schema);
    if (ctx->style.format == CLI_TABLE) {
      table_text(&f, &out);
    }
    cli_grid_print(&grid, &ctx->style, &out);
    cli_grid_deinit(&grid);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  return CHN_OK;
}

static int run_tables(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  struct wh *wh = NULL;
  if (cli_repo_find(ctx, CLI_REPO_MAY_LACK, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  if (cli_warehouse_open(ctx, &wh, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  const chn_status status = ctx->args.n_positional
                                ? show_table(ctx, wh, ctx->args.positional[0], &err)
                                : list_tables(ctx, wh, &err);
  cli_warehouse_close(wh);
  return status == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

const struct cli_command cli_cmd_tables = {
  .name = "tables",
  .args = "[NS.NAME]",
  .max_args = 1,
  .summary = "the tables, or one of them: columns and partitions",
  .examples = "chronon tables\n"
              "chronon tables raw.flights\n"
              "chronon tables raw.flights -o json",
  .uses_repo = true,
  .uses_warehouse = true,
  .run = run_tables,
};
