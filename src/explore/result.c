// Results: temporary tables of the engine, and what is done with them.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"
#include "explore/explore_int.h"
#include "warehouse/fs.h"
#include "warehouse/sql.h"

// ---- keeping ----------------------------------------------------------------------------------

static struct kept *find_kept(const struct explore *e, const char *name)
{
  for (int32_t i = 0; i < e->n_kept; i++) {
    if (strcasecmp(e->kept[i].name, name) == 0) { // as the engine compares names
      return &e->kept[i];
    }
  }
  return NULL;
}

bool explore_is_kept(const struct explore *e, const char *name)
{
  return strcmp(name, "_") == 0 ? e->n_kept > 0 : find_kept(e, name) != NULL;
}

static struct kept *add_kept(struct explore *e, const char *name, bool view)
{
  if (e->n_kept == e->cap_kept) {
    e->cap_kept = e->cap_kept != 0 ? 2 * e->cap_kept : 16;
    e->kept = chn_realloc(e->kept, (size_t)e->cap_kept * sizeof *e->kept);
  }
  struct kept *k = &e->kept[e->n_kept++];
  *k = (struct kept){ .name = chn_strdup(name), .view = view };
  return k;
}

static void tell_columns(struct kept *k, const struct row_schema *schema,
                         struct explore_result *out)
{
  const size_t n = (size_t)schema->n_fields;
  const char **names = arena_calloc(&k->arena, n + 1, sizeof *names);
  const char **types = arena_calloc(&k->arena, n + 1, sizeof *types);
  struct chn_buf text = { 0 };
  for (size_t i = 0; i < n; i++) {
    chn_buf_clear(&text);
    row_type_print(&text, schema->fields[i].type);
    names[i] = arena_strdup(&k->arena, schema->fields[i].name);
    types[i] = arena_strdup(&k->arena, chn_buf_str(&text));
  }
  chn_buf_deinit(&text);
  out->n_columns = schema->n_fields;
  out->names = names;
  out->types = types;
}

static chn_status count_rows(struct wh *wh, struct arena *a, const char *table, uint64_t *out,
                             struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  struct row_col col;
  const chn_status status =
      wh_rows_load(wh, arena_printf(a, "SELECT count(*) FROM %s", table), &rows, err);
  if (status == CHN_OK) {
    wh_rows_chunk(rows, 0, &col);
    *out = (uint64_t) * (const int64_t *)col.data;
    wh_rows_free(rows);
  }
  return status;
}

chn_status explore_keep(struct explore *e, const char *sql, struct explore_result *out,
                        struct chn_err *err)
{
  struct wh *wh;
  struct arena *a = &e->call;
  struct row_schema schema;
  const char *table = arena_printf(a, "result_%d", (int)e->last + 1);
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = wh_exec(wh, arena_printf(a, "CREATE TEMP TABLE %s AS %s", table, sql), err);
  }
  if (s != CHN_OK) {
    return s;
  }
  struct explore_result result = { 0 };
  s = wh_describe(wh, arena_printf(a, "SELECT * FROM %s", table), a, &schema, err);
  if (s == CHN_OK) {
    s = count_rows(wh, a, table, &result.rows, err);
  }
  if (s == CHN_OK) {
    s = wh_exec(wh, arena_printf(a, "CREATE OR REPLACE TEMP VIEW \"_\" AS SELECT * FROM %s", table),
                err);
  }
  if (s != CHN_OK) {
    struct chn_err ignored;
    wh_exec(wh, arena_printf(a, "DROP TABLE IF EXISTS %s", table), &ignored);
    return s;
  }
  e->last++;
  struct kept *k = add_kept(e, table, false);
  tell_columns(k, &schema, &result);
  result.table = k->name;
  *out = result;
  return CHN_OK;
}

void explore_drop(struct explore *e, const char *table)
{
  struct kept *k = find_kept(e, table);
  struct chn_err ignored;
  if (k == NULL) {
    return;
  }
  explore_begin(e);
  wh_exec(e->wh,
          arena_printf(&e->call, "DROP %s IF EXISTS %s", k->view ? "VIEW" : "TABLE",
                       wh_quote_name(&e->call, table)),
          &ignored);
  free(k->name);
  arena_deinit(&k->arena);
  *k = e->kept[--e->n_kept];
  explore_end(e, CHN_OK, &ignored);
}

// ---- SQL --------------------------------------------------------------------------------------

chn_status explore_use_all(struct explore *e, struct chn_err *err)
{
  struct fs_list names = { 0 };
  struct chn_err ignored;
  struct wh *wh;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s != CHN_OK) {
    return s;
  }
  explore_list(e, &e->call, &names);
  for (size_t i = 0; i < names.n; i++) {
    // A source whose files are not there yet is no reason to refuse a query that may not name it.
    wh_use(wh, names.at[i], &ignored);
  }
  return CHN_OK;
}

static chn_status render(struct explore *e, struct wh *wh, const char *spark, const char **out,
                         struct chn_err *err)
{
  char **tables, *sql;
  size_t n;
  if (sql_query_tables(&e->call, spark, &tables, &n, err) != CHN_OK ||
      sql_render_query(&e->call, spark, &sql, err) != CHN_OK) {
    return err->code;
  }
  for (size_t i = 0; i < n; i++) {
    if (!explore_is_kept(e, tables[i]) && wh_use(wh, tables[i], err) != CHN_OK) {
      return err->code;
    }
  }
  *out = sql;
  return CHN_OK;
}

static const char *without_semicolon(struct arena *a, const char *text)
{
  size_t n = strlen(text);
  while (n > 0 && strchr(" \t\r\n;", text[n - 1]) != NULL) {
    n--;
  }
  return arena_strndup(a, text, n);
}

static chn_status run_sql(struct explore *e, const char *text, bool duckdb,
                          struct explore_result *out, struct chn_err *err)
{
  struct wh *wh;
  const char *sql = without_semicolon(&e->call, text);
  if (*sql == '\0') {
    return chn_fail(err, CHN_E_ARGUMENT, "the query is empty");
  }
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = duckdb ? explore_use_all(e, err) : render(e, wh, sql, &sql, err);
  }
  return s == CHN_OK ? explore_keep(e, sql, out, err) : s;
}

chn_status explore_sql(struct explore *e, const char *sql, bool duckdb, struct explore_result *out,
                       struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, run_sql(e, sql, duckdb, out, err), err);
}

static bool is_plain_name(const char *name)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
  return *name != '\0' && name[n] == '\0' && strchr(letters, *name) != NULL &&
         strcmp(name, "_") != 0 && strncmp(name, "result_", 7) != 0;
}

chn_status explore_name(struct explore *e, const char *table, const char *name, struct chn_err *err)
{
  if (!is_plain_name(name)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "\"%s\" cannot be the name of a result: letters, digits and _, and neither _ "
                    "nor result_...",
                    name);
  }
  explore_begin(e);
  const chn_status s =
      wh_exec(e->wh,
              arena_printf(&e->call, "CREATE OR REPLACE TEMP VIEW %s AS SELECT * FROM %s",
                           wh_quote_name(&e->call, name), wh_quote_name(&e->call, table)),
              err);
  if (s == CHN_OK && find_kept(e, name) == NULL) {
    add_kept(e, name, true);
  }
  return explore_end(e, s, err);
}

chn_status explore_readable(struct explore *e, const char *table, bool numbers, struct chn_buf *sql,
                            struct chn_err *err)
{
  struct wh *wh;
  explore_begin(e);
  const char *text = arena_printf(&e->call, "SELECT * FROM %s", wh_quote_name(&e->call, table));
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = wh_readable(wh, &e->call, numbers, &text, err);
  }
  if (s == CHN_OK) {
    chn_buf_adds(sql, text);
  }
  return explore_end(e, s, err);
}

// ---- saving -----------------------------------------------------------------------------------

static const char *format_of(const char *path)
{
  static const char *const formats[][2] = { { ".parquet", "FORMAT parquet" },
                                            { ".csv", "FORMAT csv, HEADER" },
                                            { ".json", "FORMAT json, ARRAY true" },
                                            { ".jsonl", "FORMAT json" } };
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot != NULL && i < sizeof formats / sizeof *formats; i++) {
    if (strcmp(dot, formats[i][0]) == 0) {
      return formats[i][1];
    }
  }
  return NULL;
}

chn_status explore_save(struct explore *e, const char *table, const char *path, struct chn_err *err)
{
  const char *format = format_of(path);
  struct wh *wh;
  if (format == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "%s: its ending says how it is saved: .parquet, .csv, .json or .jsonl", path);
  }
  explore_begin(e);
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = wh_exec(wh,
                arena_printf(&e->call, "COPY (SELECT * FROM %s) TO %s (%s)",
                             wh_quote_name(&e->call, table), wh_quote_string(&e->call, path),
                             format),
                err);
  }
  return explore_end(e, s, err);
}

static bool has_ds(struct explore *e, struct wh *wh, const char *select)
{
  struct row_schema schema;
  struct chn_err ignored;
  return wh_describe(wh, select, &e->call, &schema, &ignored) == CHN_OK &&
         row_schema_find(&schema, "ds") >= 0;
}

chn_status explore_write(struct explore *e, const char *table, const char *name,
                         struct chn_err *err)
{
  static const char *const by[] = { "ds" };
  struct wh *wh;
  struct wh_writer *writer = NULL;
  struct wh_written written;
  explore_begin(e);
  const char *select = arena_printf(&e->call, "SELECT * FROM %s", wh_quote_name(&e->call, table));
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    const struct wh_write_options options = { .partition_columns = by,
                                              .n_partition_columns = has_ds(e, wh, select) };
    s = wh_write_begin(wh, name, &options, &writer, err);
  }
  if (s == CHN_OK) {
    s = wh_write_select(writer, select, err);
    if (s == CHN_OK) {
      s = wh_write_commit(writer, &written, err);
    } else {
      wh_write_abort(writer);
    }
  }
  return explore_end(e, s, err);
}
