// Temporary folders that nobody has to clean up after.
//
// A folder holds a file `lock`, which stays locked as long as its process lives. Whoever makes the
// next one beside it removes those whose lock is free: their processes are dead.
#include "warehouse/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *lock_of(struct arena *a, const char *folder)
{
  return arena_printf(a, "%s/lock", folder);
}

/// Whether it is a folder with a lock, no link to one, and of this user: others may write to where
/// it lies.
static bool is_ours(struct arena *a, const char *folder)
{
  struct stat st;
  return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
         fs_exists(lock_of(a, folder));
}

void fs_temp_sweep(const char *parent, const char *prefix)
{
  struct arena a = { 0 };
  const struct fs_list names = fs_names(&a, parent, true);
  for (size_t i = 0; i < names.n; i++) {
    if (strncmp(names.at[i], prefix, strlen(prefix)) != 0) {
      continue;
    }
    const char *folder = arena_printf(&a, "%s/%s", parent, names.at[i]);
    int fd = -1;
    if (is_ours(&a, folder) && fs_lock(lock_of(&a, folder), &fd, NULL) == CHN_OK && fd >= 0) {
      fs_temp_remove(folder, fd);
    }
  }
  arena_deinit(&a);
}

chn_status fs_temp(struct arena *a, const char *parent, const char *prefix, const char **path,
                   int *fd, struct chn_err *err)
{
  fs_temp_sweep(parent, prefix);
  chn_status s = fs_make(parent, err);
  *fd = -1;
  // Another process may take the new folder for a dead one's before it is locked: then once more.
  while (s == CHN_OK && *fd < 0) {
    char *folder = arena_printf(a, "%s/%sXXXXXX", parent, prefix);
    if (mkdtemp(folder) == NULL) {
      return chn_fail(err, CHN_E_IO, "create folder %s: %s", folder, strerror(errno));
    }
    *path = folder;
    s = fs_lock(lock_of(a, folder), fd, err);
    if (s != CHN_OK && !fs_exists(folder)) {
      s = CHN_OK;
    }
  }
  return s;
}

void fs_temp_remove(const char *path, int fd)
{
  fs_remove(path);
  close(fd);
}
