#include "warehouse/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void fs_list_add(struct arena *a, struct fs_list *list, char *text)
{
  if (list->n == list->cap) {
    const size_t cap = list->cap ? list->cap * 2 : 16;
    char **at = arena_alloc(a, cap * sizeof *at);
    if (list->n > 0) {
      memcpy(at, list->at, list->n * sizeof *at);
    }
    list->at = at;
    list->cap = cap;
  }
  list->at[list->n++] = text;
}

static int by_text(const void *x, const void *y)
{
  return strcmp(*(char *const *)x, *(char *const *)y);
}

void fs_list_sort(struct fs_list *list)
{
  if (list->n > 1) {
    qsort(list->at, list->n, sizeof *list->at, by_text);
  }
}

bool fs_exists(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0;
}

bool fs_is_folder(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *fs_absolute(struct arena *a, const char *path)
{
  char *real = realpath(path, NULL);
  const char *copy = arena_strdup(a, real != NULL ? real : path);
  free(real);
  return copy;
}

struct fs_list fs_names(struct arena *a, const char *folder, bool hidden)
{
  struct fs_list list = { 0 };
  DIR *dir = opendir(folder);
  if (dir == NULL) {
    return list;
  }
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    const bool dots = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (!dots && (hidden || (e->d_name[0] != '.' && e->d_name[0] != '_'))) {
      fs_list_add(a, &list, arena_strdup(a, e->d_name));
    }
  }
  closedir(dir);
  fs_list_sort(&list);
  return list;
}

static chn_status fail_errno(struct chn_err *err, const char *what, const char *path)
{
  const int e = errno;
  const char *hint = e == ENOSPC || e == EDQUOT ? " (free some space and run again)" : "";
  return chn_fail(err, CHN_E_IO, "cannot %s %s: %s%s", what, path, strerror(e), hint);
}

chn_status fs_make(const char *path, struct chn_err *err)
{
  char *copy = chn_strdup(path);
  chn_status s = CHN_OK;
  for (char *p = copy + 1; s == CHN_OK && *p != '\0'; p++) {
    if (*p == '/') {
      *p = '\0';
      if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
        s = fail_errno(err, "create folder", copy);
      }
      *p = '/';
    }
  }
  if (s == CHN_OK && mkdir(path, 0777) != 0 && errno != EEXIST) {
    s = fail_errno(err, "create folder", path);
  }
  if (s == CHN_OK && !fs_is_folder(path)) {
    s = chn_fail(err, CHN_E_IO, "cannot create folder %s: a file of that name exists", path);
  }
  free(copy);
  return s;
}

static void remove_at(int parent, const char *name)
{
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
    return;
  }
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  if (dir == NULL) {
    return;
  }
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
      remove_at(fd, e->d_name);
    }
  }
  closedir(dir);
  unlinkat(parent, name, AT_REMOVEDIR);
}

void fs_remove(const char *path)
{
  remove_at(AT_FDCWD, path);
}

static bool write_all(int fd, const char *bytes, size_t len)
{
  while (len > 0) {
    const ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno != EINTR) {
      return false;
    }
    if (n > 0) {
      bytes += n;
      len -= (size_t)n;
    }
  }
  return true;
}

chn_status fs_write(const char *path, const char *bytes, size_t len, struct chn_err *err)
{
  const char *slash = strrchr(path, '/');
  const int folder_len = slash != NULL ? (int)(slash - path) : 1;
  struct arena a = { 0 };
  const char *folder = arena_printf(&a, "%.*s", folder_len, slash != NULL ? path : ".");
  const char *temp =
      arena_printf(&a, "%s/.%s.%ld", folder, slash != NULL ? slash + 1 : path, (long)getpid());
  chn_status s = CHN_OK;
  const int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    s = fail_errno(err, "create", temp);
  } else {
    const bool written = write_all(fd, bytes, len) && fsync(fd) == 0;
    if (!written) {
      s = fail_errno(err, "write", path);
    }
    close(fd);
    if (s == CHN_OK && rename(temp, path) != 0) {
      s = fail_errno(err, "write", path);
    }
    if (s != CHN_OK) {
      unlink(temp);
    }
  }
  if (s == CHN_OK) {
    s = fs_sync_folder(folder, err);
  }
  arena_deinit(&a);
  return s;
}

bool fs_read(const char *path, struct chn_buf *out)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  out->max = CHN_BUF_MAX;
  char bytes[8192];
  ssize_t n;
  while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
    chn_buf_add(out, bytes, n > 0 ? (size_t)n : 0);
  }
  close(fd);
  return n == 0 && !out->truncated;
}

static chn_status sync_path(const char *path, int flags, struct chn_err *err)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) {
    return fail_errno(err, "open", path);
  }
  chn_status s = CHN_OK;
  // Some file systems cannot sync a folder and say EINVAL: they have nothing to sync.
  if (fsync(fd) != 0 && errno != EINVAL) {
    s = fail_errno(err, "sync", path);
  }
  close(fd);
  return s;
}

chn_status fs_sync_folder(const char *path, struct chn_err *err)
{
  return sync_path(path, O_DIRECTORY, err);
}

chn_status fs_sync_tree(const char *path, struct chn_err *err)
{
  if (!fs_is_folder(path)) {
    return sync_path(path, 0, err);
  }
  struct arena a = { 0 };
  const struct fs_list names = fs_names(&a, path, true);
  chn_status s = CHN_OK;
  for (size_t i = 0; i < names.n && s == CHN_OK; i++) {
    s = fs_sync_tree(arena_printf(&a, "%s/%s", path, names.at[i]), err);
  }
  arena_deinit(&a);
  return s == CHN_OK ? fs_sync_folder(path, err) : s;
}

// The file is removed on unlock, so a waiter may lock a file that has no name any more: it looks
// again whether the name still leads to what it locked.
static chn_status take_lock(const char *path, int how, int *fd, struct chn_err *err)
{
  for (;;) {
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) {
      return fail_errno(err, "create lock", path);
    }
    if (flock(*fd, how | LOCK_NB) != 0) {
      const bool held = errno == EWOULDBLOCK;
      const chn_status s = held ? CHN_OK : fail_errno(err, "lock", path);
      close(*fd);
      *fd = -1;
      return s;
    }
    struct stat mine;
    struct stat named;
    if (fstat(*fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino) {
      return CHN_OK;
    }
    close(*fd);
  }
}

chn_status fs_lock(const char *path, int *fd, struct chn_err *err)
{
  return take_lock(path, LOCK_EX, fd, err);
}

chn_status fs_lock_shared(const char *path, int *fd, struct chn_err *err)
{
  return take_lock(path, LOCK_SH, fd, err);
}

void fs_unlock(const char *path, int fd)
{
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) { // nobody shares it
    unlink(path);
  }
  close(fd);
}

chn_status fs_swap(const char *from, const char *to, const char *aside, struct chn_err *err)
{
  if (!fs_exists(to)) {
    return rename(from, to) == 0 ? CHN_OK : fail_errno(err, "move into place", to);
  }
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
    return CHN_OK;
  }
  if (rename(to, aside) != 0) {
    return fail_errno(err, "move aside", to);
  }
  if (rename(from, to) != 0) {
    const chn_status s = fail_errno(err, "move into place", to);
    rename(aside, to);
    return s;
  }
  return CHN_OK;
}
