/// fs.h: folders and files, as the warehouse needs them.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/// A growing list of texts in an arena.
struct fs_list {
  char **at;
  size_t n;
  size_t cap;
};

void fs_list_add(struct arena *a, struct fs_list *list, char *text);
void fs_list_sort(struct fs_list *list);

bool fs_exists(const char *path);
bool fs_is_folder(const char *path);

/// The path from the root, links followed; the path itself where the system does not know it.
const char *fs_absolute(struct arena *a, const char *path);

/// The names in a folder, sorted, without those that begin with '.' or '_' unless `hidden`.
/// A folder that cannot be read gives none.
struct fs_list fs_names(struct arena *a, const char *folder, bool hidden);

/// Makes a folder and its parents; an existing one is fine.
chn_status fs_make(const char *path, struct chn_err *err);

/// Removes a file or a whole folder; what is not there is fine. Symbolic links are not followed.
void fs_remove(const char *path);

/// Writes `len` bytes to `path` through a hidden file beside it, which is synced and renamed.
chn_status fs_write(const char *path, const char *bytes, size_t len, struct chn_err *err);

/// Reads a whole file; false when it cannot be read, or has more than CHN_BUF_MAX bytes.
bool fs_read(const char *path, struct chn_buf *out);

/// Forces a folder's entries to the disk.
chn_status fs_sync_folder(const char *path, struct chn_err *err);

/// Forces a tree to the disk: files, then their folders.
chn_status fs_sync_tree(const char *path, struct chn_err *err);

/// Takes the lock file at `path` without waiting, creating it. *fd = -1 when another process (or
/// another writer of this one) holds it. fs_unlock removes the file.
chn_status fs_lock(const char *path, int *fd, struct chn_err *err);

/// The same, but for any number of holders that do not exclude each other. The last one to unlock
/// removes the file.
chn_status fs_lock_shared(const char *path, int *fd, struct chn_err *err);
void fs_unlock(const char *path, int fd);

/// A new folder `<parent>/<prefix>XXXXXX` of this user alone, which *fd keeps locked until the
/// process ends. Those beside it whose process was killed are removed first, as fs_temp_sweep does
/// by itself; fs_temp_remove gives it back.
chn_status fs_temp(struct arena *a, const char *parent, const char *prefix, const char **path,
                   int *fd, struct chn_err *err);
void fs_temp_sweep(const char *parent, const char *prefix);
void fs_temp_remove(const char *path, int fd);

/// Puts `from` in the place of `to`, which may exist or not, at once where the system can. What was
/// at `to` is then at `from`, or at `aside` where it cannot.
chn_status fs_swap(const char *from, const char *to, const char *aside, struct chn_err *err);
