// `_chronon.json` of a managed table:
//
//     { "version": 1,
//       "columns": [ { "name": "user", "type": "BIGINT" }, ... ],   table order, SQL types
//       "partition_columns": [ "ds" ],
//       "properties": { "chronon_generated": "true", ... },
//       "view": "SELECT ..." }             of a view: Spark SQL; columns are then empty
#include "warehouse/wh_int.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

static const char *meta_path(struct arena *a, const char *folder)
{
  return arena_printf(a, "%s/_chronon.json", folder);
}

static bool take_columns(struct arena *a, struct wh_meta *out, json_t *columns)
{
  size_t i;
  json_t *column;
  json_array_foreach(columns, i, column)
  {
    const char *name = json_string_value(json_object_get(column, "name"));
    const char *type = json_string_value(json_object_get(column, "type"));
    if (name == NULL || type == NULL) {
      return false;
    }
    fs_list_add(a, &out->columns, arena_strdup(a, name));
    fs_list_add(a, &out->types, arena_strdup(a, type));
  }
  return json_is_array(columns);
}

static bool take(struct arena *a, struct wh_meta *out, json_t *root)
{
  if (!take_columns(a, out, json_object_get(root, "columns"))) {
    return false;
  }
  size_t i;
  json_t *value;
  json_array_foreach(json_object_get(root, "partition_columns"), i, value)
  {
    if (!json_is_string(value)) {
      return false;
    }
    fs_list_add(a, &out->partition_columns, arena_strdup(a, json_string_value(value)));
  }
  const char *key;
  json_object_foreach(json_object_get(root, "properties"), key, value)
  {
    if (!json_is_string(value)) {
      return false;
    }
    wh_meta_set_property(a, out, key, json_string_value(value));
  }
  value = json_object_get(root, "view");
  out->view = json_is_string(value) ? arena_strdup(a, json_string_value(value)) : NULL;
  return value == NULL || out->view != NULL;
}

chn_status wh_meta_read(struct arena *a, const char *folder, struct wh_meta *out,
                        struct chn_err *err)
{
  *out = (struct wh_meta){ 0 };
  const char *path = meta_path(a, folder);
  struct chn_buf text = { 0 };
  if (!fs_read(path, &text)) {
    chn_buf_deinit(&text);
    return fs_exists(path) ? chn_fail(err, CHN_E_IO, "cannot read %s", path) : CHN_OK;
  }
  json_error_t why;
  json_t *root = json_loadb(chn_buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &why);
  chn_buf_deinit(&text);
  chn_status s = CHN_OK;
  if (root == NULL) {
    s = chn_fail(err, CHN_E_CORRUPT, "%s line %d: %s", path, why.line, why.text);
  } else if (json_integer_value(json_object_get(root, "version")) > VERSION) {
    s = chn_fail(err, CHN_E_CONFLICT, "%s was written by a later version of chronon", path);
  } else if (!take(a, out, root)) {
    s = chn_fail(err, CHN_E_CORRUPT,
                 "%s: columns, partition_columns, properties or view are malformed", path);
  }
  out->found = s == CHN_OK;
  json_decref(root);
  return s;
}

chn_status wh_meta_write(const char *folder, const struct wh_meta *meta, struct chn_err *err)
{
  json_t *root = json_object();
  json_t *columns = json_array();
  for (size_t i = 0; i < meta->columns.n; i++) {
    json_array_append_new(
        columns, json_pack("{s:s, s:s}", "name", meta->columns.at[i], "type", meta->types.at[i]));
  }
  json_t *partition_columns = json_array();
  for (size_t i = 0; i < meta->partition_columns.n; i++) {
    json_array_append_new(partition_columns, json_string(meta->partition_columns.at[i]));
  }
  json_t *properties = json_object();
  for (size_t i = 0; i < meta->property_names.n; i++) {
    json_object_set_new(properties, meta->property_names.at[i],
                        json_string(meta->property_values.at[i]));
  }
  json_object_set_new(root, "version", json_integer(VERSION));
  json_object_set_new(root, "columns", columns);
  json_object_set_new(root, "partition_columns", partition_columns);
  json_object_set_new(root, "properties", properties);
  if (meta->view != NULL) {
    json_object_set_new(root, "view", json_string(meta->view));
  }
  struct arena a = { 0 };
  char *text = json_dumps(root, JSON_INDENT(2));
  json_decref(root);
  const chn_status s = text == NULL
                           ? chn_fail(err, CHN_E_ARGUMENT, "%s: a name is not UTF-8", folder)
                           : fs_write(meta_path(&a, folder), text, strlen(text), err);
  free(text);
  arena_deinit(&a);
  return s;
}

int32_t wh_meta_column(const struct wh_meta *meta, const char *name)
{
  for (size_t i = 0; i < meta->columns.n; i++) {
    if (strcmp(meta->columns.at[i], name) == 0) {
      return (int32_t)i;
    }
  }
  return -1;
}

chn_status wh_meta_no_view(const struct wh_meta *meta, const char *name, struct chn_err *err)
{
  return meta->view == NULL
             ? CHN_OK
             : chn_fail(err, CHN_E_CONFLICT,
                        "%s is a view: nothing is written to it (drop it, or use another name)",
                        name);
}

void wh_meta_set_property(struct arena *a, struct wh_meta *meta, const char *name,
                          const char *value)
{
  size_t i = 0;
  while (i < meta->property_names.n && strcmp(meta->property_names.at[i], name) < 0) {
    i++;
  }
  if (i < meta->property_names.n && strcmp(meta->property_names.at[i], name) == 0) {
    meta->property_values.at[i] = arena_strdup(a, value);
    return;
  }
  fs_list_add(a, &meta->property_names, NULL);
  fs_list_add(a, &meta->property_values, NULL);
  for (size_t k = meta->property_names.n - 1; k > i; k--) {
    meta->property_names.at[k] = meta->property_names.at[k - 1];
    meta->property_values.at[k] = meta->property_values.at[k - 1];
  }
  meta->property_names.at[i] = arena_strdup(a, name);
  meta->property_values.at[i] = arena_strdup(a, value);
}

static size_t find_property(const struct wh_meta *meta, const char *name)
{
  size_t i = 0;
  while (i < meta->property_names.n && strcmp(meta->property_names.at[i], name) != 0) {
    i++;
  }
  return i;
}

const char *wh_meta_property(const struct wh_meta *meta, const char *name)
{
  const size_t i = find_property(meta, name);
  return i < meta->property_names.n ? meta->property_values.at[i] : NULL;
}

void wh_meta_unset_property(struct wh_meta *meta, const char *name)
{
  const size_t i = find_property(meta, name);
  if (i == meta->property_names.n) {
    return;
  }
  for (size_t k = i + 1; k < meta->property_names.n; k++) {
    meta->property_names.at[k - 1] = meta->property_names.at[k];
    meta->property_values.at[k - 1] = meta->property_values.at[k];
  }
  meta->property_names.n--;
  meta->property_values.n--;
}
