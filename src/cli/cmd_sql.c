#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/near.h"
#include "cli/definitions.h"
#include "cli/rows.h"
#include "warehouse/sql.h"

enum { MAX_QUERY = 1 << 24 };

static chn_status read_stream(FILE *f, const char *what, struct arena *a, const char **out,
                              struct chn_err *err)
{
  struct chn_buf text = { .max = MAX_QUERY };
  char chunk[4096];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) {
    chn_buf_add(&text, chunk, n);
  }
  const bool failed = ferror(f) || text.truncated;
  *out = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return failed ? chn_fail(err, CHN_E_IO, "%s: cannot be read, or is longer than 16 MB", what)
                : CHN_OK;
}

// The query: the argument, -f FILE, or stdin for `-` and when nothing is given.
static chn_status read_query(struct cli_context *ctx, const char **out, struct chn_err *err)
{
  const char *file = cli_get(&ctx->args, "file");
  const char *word = ctx->args.n_positional ? ctx->args.positional[0] : NULL;
  if (file && word) {
    return chn_fail(err, CHN_E_ARGUMENT, "a query or --file, not both");
  }
  if (word && strcmp(word, "-") != 0) {
    *out = word;
    return CHN_OK;
  }
  if (file && strcmp(file, "-") != 0) {
    FILE *f = fopen(file, "rb");
    if (!f) {
      return chn_fail(err, CHN_E_NOT_FOUND, "%s: %s", file, strerror(errno));
    }
    const chn_status status = read_stream(f, file, &ctx->arena, out, err);
    fclose(f);
    return status;
  }
  if (!word && !file && isatty(STDIN_FILENO)) {
    return chn_fail(err, CHN_E_ARGUMENT, "a query is needed: chronon sql \"SELECT 1\"");
  }
  return read_stream(stdin, "stdin", &ctx->arena, out, err);
}

static const char *without_semicolon(struct arena *a, const char *text)
{
  size_t n = strlen(text);
  while (n && strchr(" \t\r\n;", text[n - 1])) {
    n--;
  }
  return arena_strndup(a, text, n);
}

// What stands in DuckDB's own SQL is not parsed here: every table is made known.
static chn_status use_all(struct cli_context *ctx, struct wh *wh, struct chn_err *err)
{
  struct wh_table *tables;
  size_t n;
  chn_status status = wh_table_list(wh, &ctx->arena, &tables, &n, err);
  for (size_t i = 0; status == CHN_OK && i < n; i++) {
    status = wh_use(wh, tables[i].name, err);
  }
  return status;
}

static chn_status render(struct cli_context *ctx, struct wh *wh, const char *spark,
                         const char **out, struct chn_err *err)
{
  char **tables, *sql;
  size_t n;
  if (sql_query_tables(&ctx->arena, spark, &tables, &n, err) != CHN_OK ||
      sql_render_query(&ctx->arena, spark, &sql, err) != CHN_OK) {
    return err->code;
  }
  for (size_t i = 0; i < n; i++) {
    if (wh_use(wh, tables[i], err) != CHN_OK) {
      return err->code;
    }
  }
  *out = sql;
  return CHN_OK;
}

// The engine knows no column of that name; the tables of the query know one that is like it.
static void add_hint(struct cli_context *ctx, struct wh *wh, const char *spark, struct chn_err *err)
{
  char column[256];
  char **tables;
  size_t n_tables = 0;
  const char *named = strstr(err->msg, "does not have a column named ");
  if (sscanf(err->msg, "column \"%255[^\"]\" does not exist", column) != 1 &&
      (!named || sscanf(named, "does not have a column named \"%255[^\"]\"", column) != 1)) {
    return;
  }
  if (sql_query_tables(&ctx->arena, spark, &tables, &n_tables, NULL) != CHN_OK) {
    return;
  }
  for (size_t i = 0; i < n_tables; i++) {
    struct wh_table t = { 0 };
    if (wh_table_find(wh, tables[i], &ctx->arena, &t, NULL) != CHN_OK) {
      continue;
    }
    const size_t n = (size_t)t.schema.n_fields;
    const char **names = arena_calloc(&ctx->arena, n + 1, sizeof *names);
    for (size_t c = 0; c < n; c++) {
      names[c] = t.schema.fields[c].name;
    }
    const char *near = chn_near(column, names, n);
    if (near) {
      const char *known = strstr(err->msg, " (known: ");
      const size_t len = known ? (size_t)(known - err->msg) : strlen(err->msg);
      const char *message = arena_strndup(&ctx->arena, err->msg, len);
      chn_fail(err, err->code, "%s (did you mean \"%s\" of %s?)", message, near, t.name);
      return;
    }
  }
}

static chn_status run_query(struct cli_context *ctx, struct wh *wh, const char *query,
                            int32_t max_rows, struct chn_err *err)
{
  const bool raw = cli_is_set(&ctx->args, "duckdb");
  const char *sql = query;
  if ((raw ? use_all(ctx, wh, err) : render(ctx, wh, query, &sql, err)) != CHN_OK) {
    return err->code;
  }
  if (cli_is_set(&ctx->args, "show")) {
    printf("%s\n", sql);
    return CHN_OK;
  }
  struct wh_result *result;
  const bool numbers = ctx->style.format == CLI_JSON;
  if (wh_readable(wh, &ctx->arena, numbers, &sql, err) != CHN_OK ||
      wh_query(wh, sql, &result, err) != CHN_OK) {
    if (!raw) {
      add_hint(ctx, wh, query, err);
    }
    return err->code;
  }
  const chn_status status = cli_rows_print(ctx, result, max_rows, err);
  wh_result_close(result);
  return status;
}

static int run_sql(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  int32_t max_rows = 40;
  const char *query = NULL;
  if (read_query(ctx, &query, &err) != CHN_OK ||
      cli_get_int(&ctx->args, "max-rows", 0, INT32_MAX, &max_rows, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  query = without_semicolon(&ctx->arena, query);
  if (!*query) {
    chn_fail(&err, CHN_E_ARGUMENT, "the query is empty");
    return cli_fail(ctx, &err, true);
  }
  struct wh *wh = NULL;
  if (cli_repo_find(ctx, CLI_REPO_MAY_LACK, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  if (cli_warehouse_open(ctx, &wh, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  const chn_status status = run_query(ctx, wh, query, max_rows, &err);
  cli_warehouse_close(wh);
  cli_tell_maker(ctx, &err);
  return status == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

static const struct cli_option options[] = {
  { "file", 'f', CLI_VALUE, "FILE", NULL, NULL, "read the query from a file; - is stdin" },
  { "max-rows", 'n', CLI_VALUE, "N", "40", NULL, "rows of a table or Markdown; 0 shows all" },
  { "duckdb", 0, CLI_FLAG, NULL, NULL, NULL, "the query is DuckDB's SQL, not Spark's" },
  { "show", 0, CLI_FLAG, NULL, NULL, NULL, "print the SQL that DuckDB would run, and run nothing" },
  { .name = NULL },
};

const struct cli_command cli_cmd_sql = {
  .name = "sql",
  .args = "[QUERY]",
  .max_args = 1,
  .summary = "query the tables with Spark SQL",
  .examples = "chronon sql \"SELECT carrier, count(*) AS n FROM raw.flights GROUP BY carrier\"\n"
              "chronon sql -o csv -f query.sql >rows.csv\n"
              "echo \"SELECT 1\" | chronon sql -o json\n"
              "chronon sql --table my.events=events.parquet \"SELECT * FROM my.events LIMIT 3\"",
  .options = options,
  .uses_repo = true,
  .uses_warehouse = true,
  .run = run_sql,
};
