#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/run_modes.h"
#include "model/names.h"

static const char *const formats[] = { "csv", "json", "parquet" };

bool run_local_wanted(const struct cli_context *ctx)
{
  return cli_get(&ctx->args, "local-table-export-path") != NULL ||
         cli_get(&ctx->args, "expected-result-table") != NULL;
}

chn_status run_local_check(struct cli_context *ctx, const struct run_mode *mode,
                           struct chn_err *err)
{
  const char *format = cli_get(&ctx->args, "local-table-export-format");
  bool known = false;
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    known |= strcmp(format, formats[i]) == 0;
  }
  if (!known) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "--local-table-export-format %s: csv, json or parquet is needed", format);
  }
  const bool whole =
      strcmp(mode->name, "backfill") == 0 || strcmp(mode->name, "backfill-final") == 0;
  if (run_local_wanted(ctx) && (!whole || cli_args_find(&ctx->args, "selected-join-parts")->n)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "--local-table-export-path and --expected-result-table are of backfills that "
                    "write an output table");
  }
  return CHN_OK;
}

// ---- --local-data-path --------------------------------------------------------------------------

/// NAME of NAME.csv and the like; NULL for other files.
static const char *table_of_file(struct arena *a, const char *file)
{
  static const char *const endings[] = { ".csv", ".json", ".jsonl", ".parquet" };
  const char *dot = strrchr(file, '.');
  for (size_t i = 0; dot != NULL && dot > file && i < sizeof endings / sizeof *endings; i++) {
    if (strcmp(dot, endings[i]) == 0) {
      return arena_strndup(a, file, (size_t)(dot - file));
    }
  }
  return NULL;
}

/// What --table names wins; two files of one table are refused where sources are gathered.
static void add_source(struct cli_context *ctx, int32_t given, const char *table, const char *path)
{
  struct cli_value *v = cli_args_find(&ctx->args, "table");
  const size_t len = strlen(table);
  for (int32_t i = 0; i < given; i++) {
    if (strncmp(v->texts[i], table, len) == 0 && v->texts[i][len] == '=') {
      return;
    }
  }
  const char **texts = arena_calloc(&ctx->arena, (size_t)v->n + 1, sizeof *texts);
  for (int32_t i = 0; i < v->n; i++) {
    texts[i] = v->texts[i];
  }
  texts[v->n++] = arena_printf(&ctx->arena, "%s=%s", table, path);
  v->texts = texts;
  v->source = CLI_FROM_FLAG;
}

/// The files of a folder; those of its folders where `space` is NULL. Returns how many are tables.
static int32_t add_folder(struct cli_context *ctx, int32_t given, const char *folder,
                          const char *space)
{
  struct arena *a = &ctx->arena;
  struct dirent **entries = NULL;
  int32_t found = 0;
  const int n = scandir(folder, &entries, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    const char *file = entries[i]->d_name;
    const char *path = arena_printf(a, "%s/%s", folder, file);
    const char *table = file[0] != '.' ? table_of_file(a, file) : NULL;
    struct stat st;
    if (table == NULL && space == NULL && file[0] != '.' && stat(path, &st) == 0 &&
        S_ISDIR(st.st_mode)) {
      found += add_folder(ctx, given, path, arena_strdup(a, file));
    } else if (table != NULL) {
      const bool whole = space == NULL && strchr(table, '.') != NULL;
      add_source(ctx, given,
                 whole ? table : arena_printf(a, "%s.%s", space ? space : "default", table), path);
      found++;
    }
    free(entries[i]);
  }
  free(entries);
  return found;
}

chn_status run_local_sources(struct cli_context *ctx, struct chn_err *err)
{
  const char *folder = cli_get(&ctx->args, "local-data-path");
  const int32_t given = cli_args_find(&ctx->args, "table")->n;
  if (folder != NULL && add_folder(ctx, given, folder, NULL) == 0) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "--local-data-path %s: no .csv, .json, .jsonl or .parquet file there", folder);
  }
  return CHN_OK;
}

// ---- after a backfill ---------------------------------------------------------------------------

static const char *quoted(struct arena *a, const char *table)
{
  const char *dot = strchr(table, '.');
  if (dot == NULL) {
    return wh_quote_name(a, table);
  }
  return arena_printf(a, "%s.%s", wh_quote_name(a, arena_strndup(a, table, (size_t)(dot - table))),
                      wh_quote_name(a, dot + 1));
}

/// Writes beside the file and renames, so that a reader never sees half of it.
static chn_status export_table(struct cli_context *ctx, struct wh *wh, const char *table,
                               struct chn_err *err)
{
  struct arena *a = &ctx->arena;
  const char *folder = cli_get(&ctx->args, "local-table-export-path");
  const char *format = cli_get(&ctx->args, "local-table-export-format");
  const char *prefix = cli_get(&ctx->args, "local-table-export-prefix");
  const char *path = arena_printf(a, "%s/%s%s%s.%s", folder, prefix ? prefix : "",
                                  prefix ? "." : "", table, format);
  const char *part = arena_printf(a, "%s.part", path);
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
    return chn_fail(err, CHN_E_IO, "%s: %s", folder, strerror(errno));
  }
  chn_status status = wh_use(wh, table, err);
  if (status == CHN_OK) {
    status = wh_exec(wh,
                     arena_printf(a, "COPY (SELECT * FROM %s) TO %s (FORMAT %s%s)",
                                  quoted(a, table), wh_quote_string(a, part), format,
                                  strcmp(format, "csv") == 0 ? ", HEADER" : ""),
                     err);
  }
  if (status == CHN_OK && rename(part, path) != 0) {
    status = chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
  }
  if (status == CHN_OK) {
    cli_note(ctx, "%s is written to %s", table, path);
  } else {
    remove(part);
  }
  return status;
}

/// The columns of both tables, "a", "b"; fails where they differ, whatever their order.
static chn_status common_columns(struct cli_context *ctx, struct wh *wh, const char *table,
                                 const char *expected, const char **out, struct chn_err *err)
{
  struct arena *a = &ctx->arena;
  struct wh_table have, want;
  if (wh_table_find(wh, table, a, &have, err) != CHN_OK ||
      wh_table_find(wh, expected, a, &want, err) != CHN_OK) {
    return err->code;
  }
  struct chn_buf columns = { 0 };
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < have.schema.n_fields && status == CHN_OK; i++) {
    const struct row_field *f = &have.schema.fields[i];
    const int32_t at = row_schema_find(&want.schema, f->name);
    if (at < 0) {
      status = chn_fail(err, CHN_E_CONFLICT, "%s has no column \"%s\"", expected, f->name);
    } else if (!row_type_equal(f->type, want.schema.fields[at].type)) {
      status =
          chn_fail(err, CHN_E_CONFLICT, "column \"%s\" has another type in %s", f->name, expected);
    }
    chn_buf_addf(&columns, "%s%s", i > 0 ? ", " : "", wh_quote_name(a, f->name));
  }
  for (int32_t i = 0; i < want.schema.n_fields && status == CHN_OK; i++) {
    if (row_schema_find(&have.schema, want.schema.fields[i].name) < 0) {
      status = chn_fail(err, CHN_E_CONFLICT, "%s has the column \"%s\" too", expected,
                        want.schema.fields[i].name);
    }
  }
  *out = arena_strdup(a, chn_buf_str(&columns));
  chn_buf_deinit(&columns);
  return status;
}

/// How many rows of x are not in y, as many times as they are there.
static chn_status count_missing(struct arena *a, struct wh *wh, const char *columns, const char *x,
                                const char *y, int64_t *out, struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  struct row_col col;
  chn_status status = wh_rows_load(
      wh,
      arena_printf(a, "SELECT count(*) AS n FROM (SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s)",
                   columns, quoted(a, x), columns, quoted(a, y)),
      &rows, err);
  if (status == CHN_OK) {
    wh_rows_chunk(rows, 0, &col);
    *out = *(const int64_t *)col.data;
    wh_rows_free(rows);
  }
  return status;
}

static chn_status compare(struct cli_context *ctx, struct wh *wh, const char *table,
                          const char *expected, struct chn_err *err)
{
  const char *columns = NULL;
  int64_t extra = 0, missing = 0;
  if (common_columns(ctx, wh, table, expected, &columns, err) != CHN_OK ||
      wh_use(wh, table, err) != CHN_OK || wh_use(wh, expected, err) != CHN_OK ||
      count_missing(&ctx->arena, wh, columns, table, expected, &extra, err) != CHN_OK ||
      count_missing(&ctx->arena, wh, columns, expected, table, &missing, err) != CHN_OK) {
    return chn_wrap(err, "--expected-result-table %s", expected);
  }
  if (extra > 0 || missing > 0) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "--expected-result-table %s: %lld rows of %s are not in it, and %lld of its "
                    "rows are not in %s",
                    expected, (long long)extra, table, (long long)missing, table);
  }
  cli_note(ctx, "%s has the rows of %s", table, expected);
  return CHN_OK;
}

chn_status run_local_after(struct cli_context *ctx, const struct model_conf *conf, struct wh *wh,
                           struct chn_err *err)
{
  const char *table = conf->kind == MODEL_JOIN ? model_join_output_table(&ctx->arena, conf->as.join)
                                               : model_table(&ctx->arena, conf->meta_data, "");
  if (!wh_table_exists(wh, table)) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s was not written: no rows", table);
  }
  const char *expected = cli_get(&ctx->args, "expected-result-table");
  chn_status status = CHN_OK;
  if (cli_get(&ctx->args, "local-table-export-path") != NULL) {
    status = export_table(ctx, wh, table, err);
  }
  return status == CHN_OK && expected != NULL ? compare(ctx, wh, table, expected, err) : status;
}
