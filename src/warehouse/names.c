#include "warehouse/wh_int.h"

#include "base/near.h"

#include <string.h>

enum { MAX_NAME = 200 }; ///< leaves room for what is put around it in a file name of 255

const char *wh_quote_string(struct arena *a, const char *text)
{
  const size_t len = strlen(text);
  char *out = arena_alloc(a, 2 * len + 3);
  char *p = out;
  *p++ = '\'';
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\'') {
      *p++ = '\'';
    }
    *p++ = text[i];
  }
  *p++ = '\'';
  *p = '\0';
  return out;
}

const char *wh_quote_name(struct arena *a, const char *name)
{
  const size_t len = strlen(name);
  char *out = arena_alloc(a, 2 * len + 3);
  char *p = out;
  *p++ = '"';
  for (size_t i = 0; i < len; i++) {
    if (name[i] == '"') {
      *p++ = '"';
    }
    *p++ = name[i];
  }
  *p++ = '"';
  *p = '\0';
  return out;
}

/// A part becomes a folder's name: it must be one, and must not be hidden.
static const char *bad_part(const char *part)
{
  static const char *const reserved[] = { "memory", "temp", "system", "information_schema",
                                          "pg_catalog" };
  if (part[0] == '\0') {
    return "a part is empty";
  }
  if (part[0] == '.' || part[0] == '_') {
    return part[0] == '.' ? "a part begins with a dot" : NULL;
  }
  if (strlen(part) > MAX_NAME) {
    return "a part is longer than 200 bytes";
  }
  for (const char *p = part; *p != '\0'; p++) {
    if (*p == '/' || (unsigned char)*p < ' ' || *p == 127) {
      return "a part holds a slash or a control character";
    }
  }
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
    if (strcmp(part, reserved[i]) == 0) {
      return "the SQL engine keeps the namespaces memory, temp, system, information_schema and "
             "pg_catalog for itself";
    }
  }
  return NULL;
}

chn_status wh_name_parse(struct arena *a, const char *text, struct wh_name *out,
                         struct chn_err *err)
{
  const char *dot = strchr(text, '.');
  out->ns = dot != NULL ? arena_strndup(a, text, (size_t)(dot - text)) : "default";
  out->table = arena_strdup(a, dot != NULL ? dot + 1 : text);
  out->full = arena_printf(a, "%s.%s", out->ns, out->table);
  const char *why = bad_part(out->ns);
  if (why == NULL) {
    why = bad_part(out->table);
  }
  if (why == NULL && strchr(out->table, '.') != NULL) {
    why = "it has more than two parts";
  }
  if (why != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "table name \"%s\": %s (want namespace.table)", text, why);
  }
  return CHN_OK;
}

chn_status wh_name_new(struct arena *a, const char *text, struct wh_name *out, struct chn_err *err)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  chn_status s = wh_name_parse(a, text, out, err);
  if (s != CHN_OK) {
    return s;
  }
  const bool ns = out->ns[strspn(out->ns, letters)] == '\0';
  if (ns && out->table[strspn(out->table, letters)] == '\0') {
    return CHN_OK;
  }
  return chn_fail(err, CHN_E_ARGUMENT,
                  "table \"%s\" cannot be made: its %s may have letters, digits and _ only", text,
                  ns ? "name" : "namespace");
}

const char *wh_source_path(const struct wh *wh, const char *name)
{
  for (int32_t i = 0; i < wh->n_sources; i++) {
    if (strcmp(wh->sources[i].table, name) == 0) {
      return wh->sources[i].path;
    }
  }
  return NULL;
}

const char *wh_table_folder(const struct wh *wh, struct arena *a, const struct wh_name *name)
{
  return arena_printf(a, "%s/%s/%s", wh->root, name->ns, name->table);
}

const char *wh_table_beside(const struct wh *wh, struct arena *a, const struct wh_name *name,
                            const char *what)
{
  return arena_printf(a, "%s/%s/.%s.%s", wh->root, name->ns, name->table, what);
}

/// The known table whose name without the namespace is most like `table`.
static const char *near_table(struct arena *a, const char *table, const struct fs_list *known)
{
  const char **bare = arena_alloc(a, (known->n + 1) * sizeof *bare);
  for (size_t i = 0; i < known->n; i++) {
    const char *dot = strchr(known->at[i], '.');
    bare[i] = dot != NULL ? dot + 1 : known->at[i];
  }
  const char *near = chn_near(table, bare, known->n);
  for (size_t i = 0; i < known->n; i++) {
    if (bare[i] == near) {
      return known->at[i];
    }
  }
  return NULL;
}

chn_status wh_no_table(struct wh *wh, const char *name, struct chn_err *err)
{
  struct arena a = { 0 };
  struct fs_list known = { 0 };
  for (int32_t i = 0; i < wh->n_sources; i++) {
    fs_list_add(&a, &known, arena_strdup(&a, wh->sources[i].table));
  }
  const struct fs_list spaces = fs_names(&a, wh->root, false);
  for (size_t i = 0; i < spaces.n; i++) {
    const char *folder = arena_printf(&a, "%s/%s", wh->root, spaces.at[i]);
    const struct fs_list tables = fs_names(&a, folder, false);
    for (size_t k = 0; k < tables.n; k++) {
      fs_list_add(&a, &known, arena_printf(&a, "%s.%s", spaces.at[i], tables.at[k]));
    }
  }
  const char *near = chn_near(name, (const char *const *)known.at, known.n);
  struct wh_name parts = { 0 };
  const bool named = wh_name_parse(&a, name, &parts, NULL) == CHN_OK;
  if (near == NULL && named && strcmp(parts.ns, "default") == 0) {
    near = near_table(&a, parts.table, &known);
  }
  const chn_status s = near != NULL
                           ? chn_fail(err, CHN_E_NOT_FOUND,
                                      "table %s does not exist (did you mean \"%s\"?)", name, near)
                           : chn_fail(err, CHN_E_NOT_FOUND,
                                      "table %s does not exist: neither a --table gives its path "
                                      "nor is there a folder %s",
                                      name, named ? wh_table_folder(wh, &a, &parts) : wh->root);
  arena_deinit(&a);
  return s;
}
