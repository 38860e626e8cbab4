// Views: a folder of the warehouse whose `_chronon.json` holds a Spark SELECT instead of columns
// (decision 0012). It is rendered when it is read, as a definition's SQL is, so a warehouse that
// comes from elsewhere can make this program read tables, and nothing else.
#include "warehouse/wh_int.h"

#include "warehouse/sql.h"

#include <string.h>

/// Whether the SELECT can be run now.
static chn_status check(struct wh *wh, struct arena *a, const char *spark, struct chn_err *err)
{
  char **tables = NULL;
  size_t n = 0;
  char *sql = NULL;
  struct row_schema schema;
  chn_status s = sql_query_tables(a, spark, &tables, &n, err);
  for (size_t i = 0; i < n && s == CHN_OK; i++) {
    s = wh_use(wh, tables[i], err);
  }
  if (s == CHN_OK) {
    s = sql_render_query(a, spark, &sql, err);
  }
  return s == CHN_OK ? wh_describe(wh, sql, a, &schema, err) : s;
}

static chn_status store(struct wh *wh, struct arena *a, const struct wh_name *name,
                        const struct wh_meta *meta, struct chn_err *err)
{
  const char *folder = wh_table_folder(wh, a, name);
  struct wh_meta old;
  chn_status s = wh_repair_locked(wh, name, err);
  if (s == CHN_OK) {
    s = wh_meta_read(a, folder, &old, err);
  }
  if (s == CHN_OK && old.view == NULL && wh_is_table(a, folder)) {
    s = chn_fail(err, CHN_E_CONFLICT,
                 "there is a table of that name: drop it, or use another name");
  }
  if (s == CHN_OK) {
    s = fs_make(folder, err);
  }
  if (s == CHN_OK) {
    s = wh_meta_write(folder, meta, err);
  }
  if (s == CHN_OK && old.view != NULL) {
    // Only a view that was there already can be read by one that it reads now.
    s = wh_use(wh, name->full, err);
    if (s != CHN_OK) {
      wh_meta_write(folder, &old, NULL);
    }
  }
  return s;
}

chn_status wh_view_create(struct wh *wh, const char *view, const char *spark,
                          const char *const *names, const char *const *values, int32_t n,
                          struct chn_err *err)
{
  struct arena a = { 0 };
  struct wh_name name;
  struct wh_meta meta = { .found = true, .view = spark };
  int lock = -1;
  chn_status s = wh_name_new(&a, view, &name, err);
  if (s == CHN_OK && wh_source_path(wh, name.full) != NULL) {
    s = chn_fail(err, CHN_E_CONFLICT, "it is a source, read from %s",
                 wh_source_path(wh, name.full));
  }
  if (s == CHN_OK) {
    s = check(wh, &a, spark, err);
  }
  for (int32_t i = 0; i < n; i++) {
    wh_meta_set_property(&a, &meta, names[i], values[i]);
  }
  if (s == CHN_OK) {
    s = fs_make(arena_printf(&a, "%s/%s", wh->root, name.ns), err);
  }
  if (s == CHN_OK) {
    s = wh_lock(wh, &name, &lock, err);
  }
  if (s == CHN_OK) {
    s = store(wh, &a, &name, &meta, err);
    wh_unlock(wh, &name, lock);
  }
  arena_deinit(&a);
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "view %s", view);
}
