// Tables as views of the SQL engine, and what is known of them.
//
// wh_use lists a table's files and makes the view again when the list changed. Nothing else is
// remembered, so a commit of this or another process shows at the next wh_use.
#include "warehouse/wh_int.h"

#include "base/hash.h"
#include "warehouse/sql.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct wh_view {
  struct wh_view *next;
  char *name;
  uint64_t signature; ///< 0: to be made again
  struct arena arena; ///< of the schema
  struct row_schema schema;
  bool described; ///< whether schema was asked for since the view was made
};

void wh_views_close(struct wh *wh)
{
  while (wh->views != NULL) {
    struct wh_view *v = wh->views;
    wh->views = v->next;
    arena_deinit(&v->arena);
    free(v->name);
    free(v);
  }
}

/// SQL ignores the case of names: two tables that differ only in it would be one view.
static struct wh_view *view_of(struct wh *wh, const char *name)
{
  struct wh_view *v = wh->views;
  while (v != NULL && strcasecmp(v->name, name) != 0) {
    v = v->next;
  }
  if (v == NULL) {
    v = chn_calloc(1, sizeof *v);
    v->name = chn_strdup(name);
    v->next = wh->views;
    wh->views = v;
  }
  return v;
}

static void forget(struct wh_view *view)
{
  view->signature = 0;
  view->described = false;
  arena_deinit(&view->arena);
}

void wh_view_forget(struct wh *wh, const char *name)
{
  forget(view_of(wh, name));
}

bool wh_is_table(struct arena *a, const char *folder)
{
  if (fs_exists(arena_printf(a, "%s/_chronon.json", folder)) ||
      fs_is_folder(arena_printf(a, "%s/data", folder))) {
    return true;
  }
  struct wh_layout layout;
  return fs_is_folder(folder) && wh_layout_read(a, "", folder, &layout, NULL) == CHN_OK &&
         layout.files.n > 0;
}

// ---- what a table is --------------------------------------------------------------------------

struct found {
  struct wh_name name;
  const char *path;
  bool managed;
  struct wh_layout layout;
  struct wh_meta meta;
};

static chn_status look(struct wh *wh, struct arena *a, const char *table, struct found *out,
                       struct chn_err *err)
{
  *out = (struct found){ 0 };
  chn_status s = wh_name_parse(a, table, &out->name, err);
  if (s != CHN_OK) {
    return s;
  }
  out->path = wh_source_path(wh, out->name.full);
  if (out->path == NULL) {
    out->managed = true;
    out->path = wh_table_folder(wh, a, &out->name);
    wh_repair(wh, &out->name);
    if (!fs_is_folder(out->path)) {
      return wh_no_table(wh, out->name.full, err);
    }
    s = wh_meta_read(a, out->path, &out->meta, err);
  }
  if (s == CHN_OK) {
    s = wh_layout_read(a, out->name.full, out->path, &out->layout, err);
  }
  if (s == CHN_OK && out->layout.files.n == 0 && !out->meta.found) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "table %s: %s holds no .parquet, .csv, .tsv, .json, .jsonl or .ndjson file",
                    out->name.full, out->path);
  }
  return s;
}

static uint64_t signature_of(const struct found *f)
{
  uint64_t hash = f->layout.signature;
  if (f->meta.view != NULL) {
    hash = chn_hash(f->meta.view, strlen(f->meta.view) + 1, hash);
  }
  for (size_t i = 0; i < f->meta.columns.n; i++) {
    hash = chn_hash(f->meta.columns.at[i], strlen(f->meta.columns.at[i]) + 1, hash);
    hash = chn_hash(f->meta.types.at[i], strlen(f->meta.types.at[i]) + 1, hash);
  }
  return hash != 0 ? hash : 1;
}

/// "ns"."table", and the bare "table" too for the namespace "default".
static chn_status make_view(struct wh *wh, struct arena *a, const struct found *f,
                            struct chn_err *err)
{
  const char *select = NULL;
  char *rendered = NULL;
  chn_status s = CHN_OK;
  if (f->meta.view != NULL) {
    s = sql_render_query(a, f->meta.view, &rendered, err);
    s = s == CHN_OK ? s : chn_wrap(err, "view %s", f->name.full);
    select = rendered;
  } else {
    s = wh_view_sql(wh, a, f->name.full, &f->layout, &f->meta, &select, err);
  }
  const char *ns = wh_quote_name(a, f->name.ns);
  const char *table = wh_quote_name(a, f->name.table);
  if (s == CHN_OK) {
    s = wh_do(wh->side, arena_printf(a, "CREATE SCHEMA IF NOT EXISTS %s", ns), err);
  }
  if (s == CHN_OK) {
    const char *sql = arena_printf(a, "CREATE OR REPLACE VIEW %s.%s AS %s", ns, table, select);
    s = wh_do(wh->side, sql, err);
  }
  if (s == CHN_OK && strcmp(f->name.ns, "default") == 0) {
    s = wh_do(wh->side, arena_printf(a, "CREATE OR REPLACE VIEW main.%s AS %s", table, select),
              err);
  }
  return s;
}

enum { DEPTH_MAX = 16 }; ///< of views over views: more means that one reads itself

static chn_status use(struct wh *wh, struct arena *a, const char *table, int depth, struct found *f,
                      struct chn_err *err);

/// Makes known what a view reads. The engine remembers the types of a view's columns, so that it
/// is made again when a table below it changed: their signatures go into its own.
static chn_status use_below(struct wh *wh, struct arena *a, const struct found *f, int depth,
                            uint64_t *signature, struct chn_err *err)
{
  char **tables = NULL;
  size_t n = 0;
  if (f->meta.view == NULL) {
    return CHN_OK;
  }
  chn_status s = depth < DEPTH_MAX
                     ? sql_query_tables(a, f->meta.view, &tables, &n, err)
                     : chn_fail(err, CHN_E_CONFLICT, "more than %d views deep, or a circle of them",
                                (int)DEPTH_MAX);
  for (size_t i = 0; i < n && s == CHN_OK; i++) {
    struct found below;
    s = use(wh, a, tables[i], depth + 1, &below, err);
    if (s == CHN_OK) {
      const uint64_t other = view_of(wh, below.name.full)->signature;
      *signature = chn_hash(&other, sizeof other, *signature);
    }
  }
  return s == CHN_OK || depth >= DEPTH_MAX - 1 ? s : chn_wrap(err, "view %s", f->name.full);
}

static chn_status use(struct wh *wh, struct arena *a, const char *table, int depth, struct found *f,
                      struct chn_err *err)
{
  chn_status s = look(wh, a, table, f, err);
  if (s != CHN_OK) {
    return s;
  }
  struct wh_view *view = view_of(wh, f->name.full);
  if (strcmp(view->name, f->name.full) != 0) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "tables %s and %s differ only in case, which SQL does not see (rename one)",
                    view->name, f->name.full);
  }
  uint64_t signature = signature_of(f);
  s = use_below(wh, a, f, depth, &signature, err);
  if (s != CHN_OK || view->signature == signature) {
    return s;
  }
  forget(view);
  s = make_view(wh, a, f, err);
  if (s == CHN_OK) {
    view->signature = signature;
  }
  return s;
}

chn_status wh_use(struct wh *wh, const char *table, struct chn_err *err)
{
  struct arena a = { 0 };
  struct found f;
  const chn_status s = use(wh, &a, table, 0, &f, err);
  arena_deinit(&a);
  return s;
}

/// The columns of a view that was just made or found to be of today's files.
static chn_status schema_of(struct wh *wh, struct arena *a, const struct found *f,
                            struct row_schema *out, struct chn_err *err)
{
  struct wh_view *view = view_of(wh, f->name.full);
  if (!view->described) {
    struct row_schema schema;
    const char *sql = arena_printf(a, "SELECT * FROM %s.%s", wh_quote_name(a, f->name.ns),
                                   wh_quote_name(a, f->name.table));
    chn_status s = wh_normalise(wh->side, &view->arena, &sql, &schema, err);
    if (s != CHN_OK) {
      return s;
    }
    view->schema = schema;
    view->described = true;
  }
  *out = row_schema_copy(a, &view->schema);
  return CHN_OK;
}

chn_status wh_table_find(struct wh *wh, const char *name, struct arena *a, struct wh_table *out,
                         struct chn_err *err)
{
  struct found f;
  const chn_status s = use(wh, a, name, 0, &f, err);
  if (s != CHN_OK) {
    return s;
  }
  *out = (struct wh_table){
    .name = f.name.full, .path = f.path, .managed = f.managed, .view = f.meta.view
  };
  return schema_of(wh, a, &f, &out->schema, err);
}

bool wh_table_exists(struct wh *wh, const char *name)
{
  struct arena a = { 0 };
  struct found f;
  const bool exists = look(wh, &a, name, &f, NULL) == CHN_OK;
  arena_deinit(&a);
  return exists;
}

// ---- all tables -------------------------------------------------------------------------------

static struct fs_list known_names(struct wh *wh, struct arena *a)
{
  struct fs_list names = { 0 };
  for (int32_t i = 0; i < wh->n_sources; i++) {
    fs_list_add(a, &names, arena_strdup(a, wh->sources[i].table));
  }
  const struct fs_list spaces = fs_names(a, wh->root, false);
  for (size_t i = 0; i < spaces.n; i++) {
    const char *space = arena_printf(a, "%s/%s", wh->root, spaces.at[i]);
    const struct fs_list tables = fs_names(a, space, false);
    for (size_t k = 0; k < tables.n; k++) {
      char *name = arena_printf(a, "%s.%s", spaces.at[i], tables.at[k]);
      if (wh_source_path(wh, name) == NULL &&
          wh_is_table(a, arena_printf(a, "%s/%s", space, tables.at[k]))) {
        fs_list_add(a, &names, name);
      }
    }
  }
  fs_list_sort(&names);
  return names;
}

chn_status wh_table_list(struct wh *wh, struct arena *a, struct wh_table **out, size_t *n,
                         struct chn_err *err)
{
  (void)err;
  struct chn_err why = { 0 };
  const struct fs_list names = known_names(wh, a);
  *out = arena_calloc(a, names.n + 1, sizeof **out);
  *n = names.n;
  for (size_t i = 0; i < names.n; i++) {
    // One that cannot be read is listed all the same, without columns.
    if (wh_table_find(wh, names.at[i], a, &(*out)[i], &why) != CHN_OK) {
      struct wh_name name;
      const char *source = wh_source_path(wh, names.at[i]);
      (*out)[i] = (struct wh_table){ .name = names.at[i],
                                     .path = source,
                                     .error = arena_strdup(a, why.msg) };
      if (source == NULL && wh_name_parse(a, names.at[i], &name, NULL) == CHN_OK) {
        (*out)[i].path = wh_table_folder(wh, a, &name);
        (*out)[i].managed = true;
      }
    }
  }
  return CHN_OK;
}

size_t wh_properties(struct wh *wh, const char *table, struct arena *a, const char ***keys,
                     const char ***values)
{
  struct wh_name name;
  struct wh_meta meta;
  if (wh_name_parse(a, table, &name, NULL) != CHN_OK || wh_source_path(wh, name.full) != NULL ||
      wh_meta_read(a, wh_table_folder(wh, a, &name), &meta, NULL) != CHN_OK) {
    return 0;
  }
  *keys = (const char **)meta.property_names.at;
  *values = (const char **)meta.property_values.at;
  return meta.property_names.n;
}

const char *wh_property(struct wh *wh, const char *table, const char *key, struct arena *a)
{
  const char **keys = NULL, **values = NULL;
  const size_t n = wh_properties(wh, table, a, &keys, &values);
  for (size_t i = 0; i < n; i++) {
    if (strcmp(keys[i], key) == 0) {
      return values[i];
    }
  }
  return NULL;
}
