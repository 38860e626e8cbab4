// What there is to read: tables of the warehouse, results, definitions by name.
#include <string.h>

#include "explore/explore_int.h"
#include "warehouse/fs.h"

static const char *kind_of(const struct wh_table *t)
{
  return t->view != NULL ? "view" : t->managed ? "managed" : "source";
}

static chn_status add_table(struct explore *e, struct out *o, const struct wh_table *t,
                            struct chn_err *err)
{
  char **days = NULL;
  size_t n = 0;
  if (t->error == NULL && row_schema_find(&t->schema, "ds") >= 0 &&
      wh_partitions(e->wh, t->name, "ds", NULL, 0, &e->call, &days, &n, err) != CHN_OK) {
    return err->code;
  }
  out_text(o, 0, t->name);
  out_text(o, 1, kind_of(t));
  if (t->error != NULL) {
    row_builder_null(o->builders[2]);
  } else {
    out_long(o, 2, t->schema.n_fields);
  }
  out_long(o, 3, (int64_t)n);
  out_text(o, 4, n > 0 ? days[0] : NULL);
  out_text(o, 5, n > 0 ? days[n - 1] : NULL);
  return CHN_OK;
}

/// Results have names, too: they stand behind the tables.
static void add_results(const struct explore *e, struct out *o)
{
  for (int32_t i = 0; i < e->n_kept; i++) {
    out_text(o, 0, e->kept[i].name);
    out_text(o, 1, e->kept[i].view ? "name" : "result");
    for (int32_t c = 2; c < o->n; c++) {
      row_builder_null(o->builders[c]);
    }
  }
}

static chn_status list_tables(struct explore *e, struct explore_result *out, struct chn_err *err)
{
  static const char *const columns[] = { "table",      "kind",     "columns",
                                         "partitions", "first_ds", "last_ds" };
  struct wh_table *tables;
  size_t n;
  struct wh *wh;
  struct out o = { .n = 0 };
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = wh_table_list(wh, &e->call, &tables, &n, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  for (int32_t i = 0; i < 6; i++) {
    out_column(&o, columns[i], i == 2 || i == 3 ? ROW_LONG : ROW_STRING);
  }
  for (size_t i = 0; i < n && s == CHN_OK; i++) {
    s = add_table(e, &o, &tables[i], err);
  }
  if (s == CHN_OK) {
    add_results(e, &o);
    return out_keep(e, &o, out, err);
  }
  for (int32_t i = 0; i < o.n; i++) {
    row_builder_free(o.builders[i]);
  }
  return s;
}

chn_status explore_tables(struct explore *e, struct explore_result *out, struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, list_tables(e, out, err), err);
}

static chn_status describe(struct explore *e, const char *table, struct explore_result *out,
                           struct chn_err *err)
{
  struct wh *wh;
  struct row_schema schema;
  struct wh_table found;
  struct chn_buf type = { 0 };
  struct out o = { .n = 0 };
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK && explore_is_kept(e, table)) {
    const char *sql = arena_printf(&e->call, "SELECT * FROM %s", wh_quote_name(&e->call, table));
    s = wh_describe(wh, sql, &e->call, &schema, err);
  } else if (s == CHN_OK) {
    s = wh_table_find(wh, table, &e->call, &found, err);
    schema = s == CHN_OK ? found.schema : (struct row_schema){ 0 };
  }
  if (s != CHN_OK) {
    return s;
  }
  out_column(&o, "column", ROW_STRING);
  out_column(&o, "type", ROW_STRING);
  for (int32_t i = 0; i < schema.n_fields; i++) {
    chn_buf_clear(&type);
    row_type_print(&type, schema.fields[i].type);
    out_text(&o, 0, schema.fields[i].name);
    out_text(&o, 1, chn_buf_str(&type));
  }
  chn_buf_deinit(&type);
  return out_keep(e, &o, out, err);
}

chn_status explore_describe(struct explore *e, const char *table, struct explore_result *out,
                            struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, describe(e, table, out, err), err);
}

// ---- names ------------------------------------------------------------------------------------

void explore_list(struct explore *e, struct arena *a, struct fs_list *out)
{
  const char *root = e->options.warehouse;
  for (int32_t i = 0; i < e->options.n_sources; i++) {
    fs_list_add(a, out, arena_strdup(a, e->options.sources[i].table));
  }
  const struct fs_list spaces = fs_names(a, root, false);
  for (size_t i = 0; i < spaces.n; i++) {
    const struct fs_list tables = fs_names(a, arena_printf(a, "%s/%s", root, spaces.at[i]), false);
    for (size_t k = 0; k < tables.n; k++) {
      fs_list_add(a, out, arena_printf(a, "%s.%s", spaces.at[i], tables.at[k]));
    }
  }
}

static void add_names(const struct fs_list *names, struct chn_buf *out)
{
  for (size_t i = 0; i < names->n; i++) {
    chn_buf_adds(out, names->at[i]);
    chn_buf_addc(out, '\n');
  }
}

void explore_table_names(struct explore *e, struct chn_buf *out)
{
  struct arena a = { 0 };
  struct fs_list names = { 0 };
  explore_list(e, &a, &names);
  add_names(&names, out);
  for (int32_t i = 0; i < e->n_kept; i++) {
    chn_buf_addf(out, "%s\n", e->kept[i].name);
  }
  arena_deinit(&a);
}

/// Tests stand beside definitions and define none.
static bool is_test(const char *name)
{
  static const char suffix[] = "_test.lua";
  const size_t n = strlen(name), tail = sizeof suffix - 1;
  return n > tail && strcmp(name + n - tail, suffix) == 0;
}

/// The files below `<repo>/<folder>` by their names with dots: "team.file", those that end with
/// `suffix`, which becomes `instead`.
static void add_files(struct arena *a, const char *folder, const char *prefix, const char *suffix,
                      const char *instead, int depth, struct fs_list *out)
{
  const struct fs_list names = fs_names(a, folder, false);
  for (size_t i = 0; i < names.n && depth < 8; i++) {
    const char *path = arena_printf(a, "%s/%s", folder, names.at[i]);
    const size_t n = strlen(names.at[i]), tail = strlen(suffix);
    if (fs_is_folder(path)) {
      add_files(a, path, arena_printf(a, "%s%s.", prefix, names.at[i]), suffix, instead, depth + 1,
                out);
    } else if (depth > 0 && n > tail && !is_test(names.at[i]) &&
               strcmp(names.at[i] + n - tail, suffix) == 0) {
      fs_list_add(a, out,
                  arena_printf(a, "%s%.*s%s", prefix, (int)(n - tail), names.at[i], instead));
    }
  }
}

void explore_definition_names(struct explore *e, struct chn_buf *out)
{
  static const char *const folders[] = { "group_bys", "joins", "staging_queries" };
  struct arena a = { 0 };
  struct fs_list names = { 0 };
  for (size_t i = 0; e->options.repo != NULL && i < 3; i++) {
    const char *repo = e->options.repo;
    add_files(&a, arena_printf(&a, "%s/production/%s", repo, folders[i]), "", "", "", 0, &names);
    add_files(&a, arena_printf(&a, "%s/%s", repo, folders[i]), "", ".lua", ".", 0, &names);
  }
  fs_list_sort(&names);
  add_names(&names, out);
  arena_deinit(&a);
}
