// How partitions appear: whole, or not at all.
//
// A writer of table ns.t holds the lock file `<root>/ns/.t.lock` and works in a hidden folder
// beside the table:
//
//     <root>/ns/.t.writing-<id>/new/ds=2024-01-01/<id>-0-0.parquet   staged partitions
//                              /new/data/<id>-0.parquet              ... or un-partitioned data
//                              /_chronon.json                        the table's next properties
//                              /COMMIT                               the decision
//                              /old/0 ...                            what could not be exchanged
//
// Commit is four steps, and a kill may come between any two system calls of them:
//
//  1. Every staged file and folder is synced. Killed before step 2: there is no COMMIT; the next
//     one to hold the lock removes the folder, and nothing was ever visible.
//  2. COMMIT is created and synced. From here on the write has happened: whoever comes next and
//     gets the lock (a dead process holds none) takes over at step 3.
//  3. `_chronon.json` is renamed into the table (a reader tolerates a column that no file has yet,
//     not one that is unknown), then each partition is put in the place of the live one:
//     renameat2 exchanges the two folders in one step, so a reader sees the old or the new one.
//     A file system without exchange needs two renames, live to `old/`, new to live; killed
//     between them, the partition is missing until the next wh_use or writer takes over.
//     Taking over repeats this step: the name of a file begins with its writer's id, so that a
//     folder in `new/` which holds another writer's files was exchanged already and is left.
//  4. The table's folder is synced and the staging folder removed, with the old partitions in it.
//
// Writers that are shared (the ranges of one job) hold the lock together and publish one after the
// other, each under `<root>/ns/.t.commit`, from step 2 on. Nobody takes over while any of them is
// alive: its staging folder is not to be touched.
//
// The lock is the file's flock, which ends with its process; an id is never used twice, so no
// file is ever replaced by one of the same path, and DuckDB's file cache cannot mix them up.
#include "warehouse/wh_int.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

chn_status wh_decide(const char *staging, struct chn_err *err)
{
  struct arena a = { 0 };
  chn_status s = fs_sync_tree(staging, err);
  if (s == CHN_OK) {
    s = fs_sync_folder(arena_printf(&a, "%s/..", staging), err);
  }
  if (s == CHN_OK) {
    s = fs_write(arena_printf(&a, "%s/COMMIT", staging), "", 0, err);
  }
  arena_deinit(&a);
  return s;
}

struct publish {
  struct arena a;
  const char *staging;
  const char *id;
  int32_t moved;
};

/// Whether a staged folder holds files of this write, not those it was exchanged for.
static bool holds_new(struct publish *p, const struct fs_list *names)
{
  return names->n > 0 && strncmp(names->at[0], p->id, strlen(p->id)) == 0;
}

static bool is_leaf(struct publish *p, const char *folder, const struct fs_list *names)
{
  for (size_t i = 0; i < names->n; i++) {
    if (fs_is_folder(arena_printf(&p->a, "%s/%s", folder, names->at[i]))) {
      return false;
    }
  }
  return true;
}

static chn_status move_folders(struct publish *p, const char *from, const char *to,
                               struct chn_err *err)
{
  chn_status s = fs_make(to, err);
  const struct fs_list names = fs_names(&p->a, from, false);
  for (size_t i = 0; i < names.n && s == CHN_OK; i++) {
    const char *staged = arena_printf(&p->a, "%s/%s", from, names.at[i]);
    const char *live = arena_printf(&p->a, "%s/%s", to, names.at[i]);
    const struct fs_list inner = fs_names(&p->a, staged, false);
    if (!is_leaf(p, staged, &inner)) {
      s = move_folders(p, staged, live, err);
    } else if (holds_new(p, &inner)) {
      const char *aside = arena_printf(&p->a, "%s/old/%d", p->staging, (int)p->moved);
      s = fs_swap(staged, live, aside, err);
      p->moved++;
    }
  }
  return s == CHN_OK ? fs_sync_folder(to, err) : s;
}

chn_status wh_publish(const char *staging, const char *folder, int32_t *partitions,
                      struct chn_err *err)
{
  struct publish p = { .staging = staging };
  p.id = strrchr(staging, '-') + 1;
  chn_status s = fs_make(folder, err);
  const char *meta = arena_printf(&p.a, "%s/_chronon.json", staging);
  if (s == CHN_OK && fs_exists(meta)) {
    const char *aside = arena_printf(&p.a, "%s/meta", staging);
    s = fs_swap(meta, arena_printf(&p.a, "%s/_chronon.json", folder), aside, err);
  }
  if (s == CHN_OK) {
    s = fs_make(arena_printf(&p.a, "%s/old", staging), err);
  }
  if (s == CHN_OK) {
    s = move_folders(&p, arena_printf(&p.a, "%s/new", staging), folder, err);
  }
  if (s == CHN_OK) {
    s = fs_sync_folder(arena_printf(&p.a, "%s/..", folder), err);
  }
  if (s == CHN_OK) {
    fs_remove(staging);
  }
  *partitions = p.moved;
  arena_deinit(&p.a);
  return s;
}

// ---- the lock, and what killed writers left ---------------------------------------------------

static chn_status locked(const struct wh_name *name, struct chn_err *err)
{
  return chn_fail(err, CHN_E_CONFLICT,
                  "table %s is being written by another run (wait until it ends, or stop it)",
                  name->full);
}

chn_status wh_lock(struct wh *wh, const struct wh_name *name, int *fd, struct chn_err *err)
{
  struct arena a = { 0 };
  chn_status s = fs_lock(wh_table_beside(wh, &a, name, "lock"), fd, err);
  if (s == CHN_OK && *fd < 0) {
    s = locked(name, err);
  }
  arena_deinit(&a);
  return s;
}

static void sleep_ms(long ms)
{
  const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep(&t, NULL);
}

chn_status wh_lock_shared(struct wh *wh, const struct wh_name *name, int *fd, struct chn_err *err)
{
  enum { WAIT_MS = 20, TRIES = 500 };
  struct arena a = { 0 };
  const char *path = wh_table_beside(wh, &a, name, "lock");
  chn_status s = fs_lock(path, fd, err);
  if (s == CHN_OK && *fd >= 0) {
    s = wh_repair_locked(wh, name, err);
    fs_unlock(path, *fd);
  }
  *fd = -1;
  for (int i = 0; i < TRIES && s == CHN_OK && *fd < 0; i++) {
    if (i > 0) {
      sleep_ms(WAIT_MS);
    }
    s = fs_lock_shared(path, fd, err);
  }
  arena_deinit(&a);
  return s == CHN_OK && *fd < 0 ? locked(name, err) : s;
}

chn_status wh_commit_lock(struct wh *wh, const struct wh_name *name, int *fd, struct chn_err *err)
{
  enum { WAIT_MS = 5, TRIES = 120000 };
  struct arena a = { 0 };
  chn_status s = CHN_OK;
  *fd = -1;
  for (int i = 0; i < TRIES && s == CHN_OK && *fd < 0; i++) {
    if (i > 0) {
      sleep_ms(WAIT_MS);
    }
    s = fs_lock(wh_table_beside(wh, &a, name, "commit"), fd, err);
  }
  arena_deinit(&a);
  return s == CHN_OK && *fd < 0 ? locked(name, err) : s;
}

void wh_commit_unlock(struct wh *wh, const struct wh_name *name, int fd)
{
  struct arena a = { 0 };
  fs_unlock(wh_table_beside(wh, &a, name, "commit"), fd);
  arena_deinit(&a);
}

void wh_unlock(struct wh *wh, const struct wh_name *name, int fd)
{
  struct arena a = { 0 };
  fs_unlock(wh_table_beside(wh, &a, name, "lock"), fd);
  arena_deinit(&a);
}

static struct fs_list leftovers(struct wh *wh, struct arena *a, const struct wh_name *name)
{
  const char *space = arena_printf(a, "%s/%s", wh->root, name->ns);
  const char *writing = arena_printf(a, ".%s.writing-", name->table);
  const char *dropped = arena_printf(a, ".%s.dropped-", name->table);
  const struct fs_list names = fs_names(a, space, true);
  struct fs_list out = { 0 };
  for (size_t i = 0; i < names.n; i++) {
    if (strncmp(names.at[i], writing, strlen(writing)) == 0 ||
        strncmp(names.at[i], dropped, strlen(dropped)) == 0) {
      fs_list_add(a, &out, arena_printf(a, "%s/%s", space, names.at[i]));
    }
  }
  return out;
}

chn_status wh_repair_locked(struct wh *wh, const struct wh_name *name, struct chn_err *err)
{
  struct arena a = { 0 };
  const struct fs_list left = leftovers(wh, &a, name);
  chn_status s = CHN_OK;
  for (size_t i = 0; i < left.n && s == CHN_OK; i++) {
    if (fs_exists(arena_printf(&a, "%s/COMMIT", left.at[i]))) {
      int32_t moved;
      s = wh_publish(left.at[i], wh_table_folder(wh, &a, name), &moved, err);
    } else {
      fs_remove(left.at[i]);
    }
  }
  arena_deinit(&a);
  return s;
}

void wh_repair(struct wh *wh, const struct wh_name *name)
{
  struct arena a = { 0 };
  if (leftovers(wh, &a, name).n > 0) {
    int fd = -1;
    if (wh_lock(wh, name, &fd, NULL) == CHN_OK) {
      wh_repair_locked(wh, name, NULL);
      wh_unlock(wh, name, fd);
    }
  }
  arena_deinit(&a);
}
