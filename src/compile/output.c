#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile/compile_int.h"

char *output_read(struct arena *a, const char *path, size_t *len, struct chn_err *err)
{
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { // opening a pipe would wait for its writer
    chn_fail(err, CHN_E_IO, "%s: is no regular file", path);
    return NULL;
  }
  FILE *file = fopen(path, "rb");
  if (!file || fstat(fileno(file), &st) != 0) {
    chn_fail(err, errno == ENOENT ? CHN_E_NOT_FOUND : CHN_E_IO, "%s: %s", path, strerror(errno));
    if (file) {
      fclose(file);
    }
    return NULL;
  }
  char *text = arena_alloc(a, (size_t)st.st_size + 1);
  *len = fread(text, 1, (size_t)st.st_size, file);
  text[*len] = '\0';
  const bool whole = *len == (size_t)st.st_size;
  fclose(file);
  if (!whole) {
    chn_fail(err, CHN_E_IO, "%s: could not be read whole", path);
    return NULL;
  }
  return text;
}

static chn_status make_folders(char *path, struct chn_err *err)
{
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    const bool failed = mkdir(path, 0777) != 0 && errno != EEXIST;
    if (failed) {
      chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
    }
    *slash = '/';
    if (failed) {
      return CHN_E_IO;
    }
  }
  return CHN_OK;
}

static bool write_whole(int fd, const char *text, size_t len)
{
  while (len > 0) {
    const ssize_t n = write(fd, text, len);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return false;
    }
    text += n;
    len -= (size_t)n;
  }
  return fsync(fd) == 0;
}

chn_status output_write(const char *path, const char *text, size_t len, struct chn_err *err)
{
  struct arena scratch = { 0 };
  char *copy = arena_strdup(&scratch, path);
  chn_status status = make_folders(copy, err);
  if (!status) {
    char *base = strrchr(copy, '/');
    const char *file = base ? base + 1 : copy;
    const int folder_len = base ? (int)(base + 1 - copy) : 0;
    const char *temporary =
        arena_printf(&scratch, "%.*s.%s.%ld", folder_len, copy, file, (long)getpid());
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = fd >= 0 && write_whole(fd, text, len);
    good = (fd < 0 || close(fd) == 0) && good;
    if (!good || rename(temporary, path) != 0) {
      status = chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
      unlink(temporary);
    }
  }
  arena_deinit(&scratch);
  return status;
}
