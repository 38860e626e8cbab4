// Which days a table has.
#include "warehouse/wh_int.h"

#include "base/near.h"

#include <stdio.h>
#include <string.h>

/// A walk over k=v folders that wants the values of one key.
struct hunt {
  struct arena *a;
  const char *column;
  const char *const *filters;
  int32_t n_filters;
  struct fs_list found;
};

/// Whether a folder `key`=`value` is left in by the filters.
static bool passes(const struct hunt *h, const char *key, const char *value)
{
  const size_t len = strlen(key);
  for (int32_t i = 0; i < h->n_filters; i++) {
    if (strncmp(h->filters[i], key, len) == 0 && h->filters[i][len] == '=' &&
        strcmp(h->filters[i] + len + 1, value) != 0) {
      return false;
    }
  }
  return true;
}

/// Whether data lie below that pass the filters.
static bool hunt(struct hunt *h, const char *folder)
{
  const struct fs_list names = fs_names(h->a, folder, false);
  bool any = false;
  for (size_t i = 0; i < names.n; i++) {
    const char *equals = strchr(names.at[i], '=');
    const char *path = arena_printf(h->a, "%s/%s", folder, names.at[i]);
    if (equals == NULL) {
      any = true;
      continue;
    }
    const char *key = arena_strndup(h->a, names.at[i], (size_t)(equals - names.at[i]));
    char *text = wh_hive_decode(h->a, equals + 1, strlen(equals + 1));
    const bool wanted = strcmp(key, h->column) == 0;
    if (passes(h, key, text) && hunt(h, path)) {
      any = true;
      if (wanted) {
        fs_list_add(h->a, &h->found, text);
      }
    }
  }
  return any;
}

static void distinct(struct fs_list *list)
{
  fs_list_sort(list);
  size_t n = 0;
  for (size_t i = 0; i < list->n; i++) {
    if (n == 0 || strcmp(list->at[n - 1], list->at[i]) != 0) {
      list->at[n++] = list->at[i];
    }
  }
  list->n = n;
}

static chn_status filter_sql(struct arena *a, struct chn_buf *out, const char *filter,
                             struct chn_err *err)
{
  const char *equals = strchr(filter, '=');
  if (equals == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "partition filter \"%s\" is not key=value", filter);
  }
  const char *key = arena_strndup(a, filter, (size_t)(equals - filter));
  chn_buf_addf(out, " AND %s::VARCHAR = %s", wh_quote_name(a, key), wh_quote_string(a, equals + 1));
  return CHN_OK;
}

static chn_status select_values(struct wh *wh, struct arena *a, const char *sql,
                                struct fs_list *found, struct chn_err *err)
{
  duckdb_result result;
  const chn_status s = wh_run(wh->side, sql, &result, err);
  if (s != CHN_OK) {
    return s;
  }
  const idx_t n = duckdb_row_count(&result);
  for (idx_t i = 0; i < n; i++) {
    char *value = duckdb_value_varchar(&result, 0, i);
    fs_list_add(a, found, arena_strdup(a, value));
    duckdb_free(value);
  }
  duckdb_destroy_result(&result);
  return CHN_OK;
}

/// Files without folders for the column: their rows tell.
static chn_status select_partitions(struct wh *wh, const struct wh_table *table, struct hunt *h,
                                    struct chn_err *err)
{
  if (row_schema_find(&table->schema, h->column) < 0) {
    const char **names = arena_calloc(h->a, (size_t)table->schema.n_fields + 1, sizeof *names);
    for (int32_t i = 0; i < table->schema.n_fields; i++) {
      names[i] = table->schema.fields[i].name;
    }
    const char *near = chn_near(h->column, names, (size_t)table->schema.n_fields);
    return chn_fail(err, CHN_E_NOT_FOUND, "table %s has no partition column \"%s\"%s%s%s",
                    table->name, h->column, near != NULL ? " (did you mean \"" : "",
                    near != NULL ? near : "", near != NULL ? "\"?)" : "");
  }
  struct wh_name name;
  chn_status s = wh_name_parse(h->a, table->name, &name, err);
  const char *column = wh_quote_name(h->a, h->column);
  struct chn_buf sql = { 0 };
  chn_buf_addf(&sql, "SELECT DISTINCT %s::VARCHAR FROM %s.%s WHERE %s IS NOT NULL", column,
               wh_quote_name(h->a, name.ns), wh_quote_name(h->a, name.table), column);
  for (int32_t i = 0; i < h->n_filters && s == CHN_OK; i++) {
    s = filter_sql(h->a, &sql, h->filters[i], err);
  }
  if (s == CHN_OK) {
    s = select_values(wh, h->a, chn_buf_str(&sql), &h->found, err);
  }
  chn_buf_deinit(&sql);
  return s;
}

chn_status wh_partitions(struct wh *wh, const char *table, const char *column,
                         const char *const *filters, int32_t n_filters, struct arena *a,
                         char ***out, size_t *n, struct chn_err *err)
{
  struct hunt h = { .a = a, .column = column, .filters = filters, .n_filters = n_filters };
  *out = NULL;
  *n = 0;
  struct wh_name name;
  chn_status s = wh_name_parse(a, table, &name, err);
  if (s != CHN_OK) {
    return s;
  }
  const char *path = wh_source_path(wh, name.full);
  const char *folder = path != NULL ? path : wh_table_folder(wh, a, &name);
  if (path == NULL) {
    wh_repair(wh, &name);
    if (!wh_is_table(a, folder)) {
      return CHN_OK;
    }
  }
  hunt(&h, folder);
  if (h.found.n == 0) {
    struct wh_table t;
    s = wh_table_find(wh, table, a, &t, err);
    if (s == CHN_OK) {
      s = select_partitions(wh, &t, &h, err);
    }
  }
  distinct(&h.found);
  *out = h.found.at;
  *n = h.found.n;
  return s;
}
