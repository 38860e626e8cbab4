// Removing, renaming and relabelling managed tables.
#include "warehouse/wh_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static chn_status managed(struct wh *wh, struct arena *a, const char *table, struct wh_name *name,
                          const char **folder, struct chn_err *err)
{
  chn_status s = wh_name_parse(a, table, name, err);
  if (s != CHN_OK) {
    return s;
  }
  if (wh_source_path(wh, name->full) != NULL) {
    return chn_fail(err, CHN_E_CONFLICT, "table %s is a source, read from %s: it is left alone",
                    name->full, wh_source_path(wh, name->full));
  }
  *folder = wh_table_folder(wh, a, name);
  return fs_is_folder(*folder) ? CHN_OK : wh_no_table(wh, name->full, err);
}

static void drop_view(struct wh *wh, struct arena *a, const struct wh_name *name)
{
  const char *table = wh_quote_name(a, name->table);
  const char *ns = wh_quote_name(a, name->ns);
  wh_do(wh->side, arena_printf(a, "DROP VIEW IF EXISTS %s.%s", ns, table), NULL);
  if (strcmp(name->ns, "default") == 0) {
    wh_do(wh->side, arena_printf(a, "DROP VIEW IF EXISTS main.%s", table), NULL);
  }
  wh_view_forget(wh, name->full);
}

static chn_status move(const char *from, const char *to, struct chn_err *err)
{
  return rename(from, to) == 0
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "cannot move %s to %s: %s", from, to, strerror(errno));
}

chn_status wh_table_drop(struct wh *wh, const char *table, struct chn_err *err)
{
  struct arena a = { 0 };
  struct wh_name name;
  const char *folder = NULL;
  int lock = -1;
  chn_status s = managed(wh, &a, table, &name, &folder, err);
  if (s == CHN_OK) {
    s = wh_lock(wh, &name, &lock, err);
  }
  if (s == CHN_OK) {
    s = wh_repair_locked(wh, &name, err);
    char hex[9];
    wh_random_hex(hex);
    const char *gone = wh_table_beside(wh, &a, &name, arena_printf(&a, "dropped-%s", hex));
    if (s == CHN_OK) {
      s = move(folder, gone, err);
    }
    if (s == CHN_OK) {
      drop_view(wh, &a, &name);
      fs_remove(gone);
    }
    wh_unlock(wh, &name, lock);
  }
  arena_deinit(&a);
  return s;
}

static chn_status rename_locked(struct wh *wh, struct arena *a, const struct wh_name *from,
                                const struct wh_name *to, struct chn_err *err)
{
  const char *target = wh_table_folder(wh, a, to);
  chn_status s = wh_repair_locked(wh, from, err);
  if (s == CHN_OK && (fs_exists(target) || wh_source_path(wh, to->full) != NULL)) {
    s = chn_fail(err, CHN_E_CONFLICT, "table %s cannot be renamed to %s, which exists", from->full,
                 to->full);
  }
  if (s == CHN_OK) {
    s = move(wh_table_folder(wh, a, from), target, err);
  }
  if (s == CHN_OK) {
    drop_view(wh, a, from);
    s = fs_sync_folder(arena_printf(a, "%s/..", target), err);
  }
  return s;
}

chn_status wh_table_rename(struct wh *wh, const char *table, const char *to, struct chn_err *err)
{
  struct arena a = { 0 };
  struct wh_name old;
  struct wh_name new;
  const char *folder = NULL;
  int lock_old = -1;
  int lock_new = -1;
  chn_status s = managed(wh, &a, table, &old, &folder, err);
  if (s == CHN_OK) {
    s = wh_name_new(&a, to, &new, err);
  }
  if (s == CHN_OK) {
    s = fs_make(arena_printf(&a, "%s/%s", wh->root, new.ns), err);
  }
  if (s == CHN_OK) {
    s = wh_lock(wh, &old, &lock_old, err);
  }
  if (s == CHN_OK) {
    s = wh_lock(wh, &new, &lock_new, err);
  }
  if (s == CHN_OK) {
    s = rename_locked(wh, &a, &old, &new, err);
  }
  if (lock_new >= 0) {
    wh_unlock(wh, &new, lock_new);
  }
  if (lock_old >= 0) {
    wh_unlock(wh, &old, lock_old);
  }
  arena_deinit(&a);
  return s;
}

chn_status wh_property_set(struct wh *wh, const char *table, const char *key, const char *value,
                           struct chn_err *err)
{
  struct arena a = { 0 };
  struct wh_name name;
  struct wh_meta meta;
  const char *folder = NULL;
  int lock = -1;
  chn_status s = managed(wh, &a, table, &name, &folder, err);
  if (s == CHN_OK) {
    s = wh_lock(wh, &name, &lock, err);
  }
  if (s == CHN_OK) {
    s = wh_meta_read(&a, folder, &meta, err);
    if (s == CHN_OK) {
      if (value != NULL) {
        wh_meta_set_property(&a, &meta, key, value);
      } else {
        wh_meta_unset_property(&meta, key);
      }
      s = wh_meta_write(folder, &meta, err);
    }
    wh_unlock(wh, &name, lock);
  }
  arena_deinit(&a);
  return s;
}
