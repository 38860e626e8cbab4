// Rejected messages as lines of a file.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "stream/reject.h"

enum { MOST_LINES = 4 << 20 }; ///< bytes kept until they are written

struct file_sink {
  int fd;
  char *path;
  struct chn_buf lines; ///< not written yet
};

static chn_status failed(const struct file_sink *f, struct chn_err *err)
{
  return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
}

/// What was written is taken off, so that it is not written twice when the rest is tried again.
static chn_status write_lines(struct file_sink *f, struct chn_err *err)
{
  size_t done = 0;
  bool good = true;
  while (good && done < f->lines.len) {
    const ssize_t n = write(f->fd, f->lines.data + done, f->lines.len - done);
    good = n >= 0 || errno == EINTR;
    done += n > 0 ? (size_t)n : 0;
  }
  const chn_status s = good ? CHN_OK : failed(f, err);
  if (done > 0) {
    memmove(f->lines.data, f->lines.data + done, f->lines.len - done);
    f->lines.len -= done;
  }
  return s;
}

static chn_status put(void *self, const char *json, size_t len, struct chn_err *err)
{
  struct file_sink *f = self;
  chn_buf_add(&f->lines, json, len);
  chn_buf_addc(&f->lines, '\n');
  return f->lines.len > MOST_LINES ? write_lines(f, err) : CHN_OK;
}

static chn_status flush(void *self, struct chn_err *err)
{
  struct file_sink *f = self;
  const chn_status s = write_lines(f, err);
  // A pipe or a terminal has nothing to sync.
  return s != CHN_OK || fdatasync(f->fd) == 0 || errno == EINVAL || errno == EROFS ? s
                                                                                   : failed(f, err);
}

static void close_file(void *self)
{
  struct file_sink *f = self;
  close(f->fd);
  free(f->path);
  chn_buf_deinit(&f->lines);
  free(f);
}

/// A process that was killed may have left half a line.
static void end_last_line(struct file_sink *f)
{
  struct stat st;
  char last = '\n';
  const int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return;
  }
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
      pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n') {
    chn_buf_addc(&f->lines, '\n');
  }
  close(fd);
}

chn_status reject_sink_file(const char *path, struct reject_sink *out, struct chn_err *err)
{
  const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
  }
  struct file_sink *f = chn_calloc(1, sizeof *f);
  f->fd = fd;
  f->path = chn_strdup(path);
  end_last_line(f);
  *out = (struct reject_sink){ .put = put, .flush = flush, .close = close_file, .self = f };
  return CHN_OK;
}
