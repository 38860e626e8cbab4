// Files of lines as partitions: each is mapped where it lies and read by itself, in turns.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "stream/source_int.h"

struct lines {
  char *path;
  int fd;
  const char *bytes; ///< a mapping of `size` bytes; NULL while the file is empty
  size_t size;
  size_t mapped; ///< of `bytes`
  size_t next;
  bool done;
};

struct files {
  struct stream_source source;
  struct source_file_options o;
  struct lines *files;
  int32_t n;
  int32_t turn; ///< whose lines are next
  int32_t *all; ///< the partitions' numbers
  bool assigned;
  bool paused;
  struct stream_message *messages;
  size_t room;
  double began_ms;  ///< when the replay began
  int64_t first_ts; ///< the event time it began with; INT64_MIN: not known yet
  int64_t newest_ts;
};

// ---- opening ----------------------------------------------------------------------------------

static chn_status map(struct lines *f, struct chn_err *err)
{
  struct stat st;
  if (fstat(f->fd, &st) != 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
  }
  if ((size_t)st.st_size < f->next) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "%s has shrunk to %lld bytes, and %zu of it were read; streams need files that "
                    "only grow",
                    f->path, (long long)st.st_size, f->next);
  }
  if ((size_t)st.st_size == f->mapped) {
    return CHN_OK;
  }
  if (f->bytes != NULL) {
    munmap((void *)f->bytes, f->mapped);
    f->bytes = NULL;
  }
  f->size = f->mapped = (size_t)st.st_size;
  void *p = mmap(NULL, f->mapped, PROT_READ, MAP_PRIVATE, f->fd, 0);
  if (p == MAP_FAILED) {
    f->mapped = 0;
    return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
  }
  f->bytes = p;
  return CHN_OK;
}

static chn_status open_file(struct files *s, const char *path, struct chn_err *err)
{
  struct stat st;
  struct lines f = { .fd = -1 };
  // A FIFO or a device has no positions to start again from, and opening one may hang.
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is no regular file; write the events to one first",
                    path);
  }
  f.fd = open(path, O_RDONLY | O_CLOEXEC);
  if (f.fd < 0) {
    return chn_fail(err, errno == ENOENT ? CHN_E_NOT_FOUND : CHN_E_IO, "%s: %s", path,
                    strerror(errno));
  }
  f.path = chn_strdup(path);
  s->files = chn_realloc(s->files, (size_t)(s->n + 1) * sizeof *s->files);
  s->files[s->n++] = f;
  return map(&s->files[s->n - 1], err);
}

static int is_data(const struct dirent *e)
{
  return e->d_name[0] != '.' && e->d_name[0] != '_';
}

static chn_status open_folder(struct files *s, const char *path, struct chn_err *err)
{
  struct dirent **names = NULL;
  const int n = scandir(path, &names, is_data, alphasort);
  if (n < 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
  }
  chn_status st = CHN_OK;
  for (int i = 0; i < n; i++) {
    struct arena a = { 0 };
    if (st == CHN_OK) {
      st = open_file(s, arena_printf(&a, "%s/%s", path, names[i]->d_name), err);
    }
    arena_deinit(&a);
    free(names[i]);
  }
  free(names);
  if (st == CHN_OK && s->n == 0) {
    st = chn_fail(err, CHN_E_NOT_FOUND, "%s has no files", path);
  }
  return st;
}

static void close_files(struct stream_source *source)
{
  struct files *s = (struct files *)source;
  for (int32_t i = 0; i < s->n; i++) {
    if (s->files[i].bytes != NULL) {
      munmap((void *)s->files[i].bytes, s->files[i].mapped);
    }
    close(s->files[i].fd);
    free(s->files[i].path);
  }
  free(s->files);
  free(s->all);
  free(s->messages);
  free(s);
}

// ---- lines ------------------------------------------------------------------------------------

/// Behind the first n lines.
static size_t behind_lines(const struct lines *f, int32_t n)
{
  size_t at = 0;
  while (n-- > 0 && at < f->size) {
    const char *end = memchr(f->bytes + at, '\n', f->size - at);
    at = end != NULL ? (size_t)(end - f->bytes) + 1 : f->size;
  }
  return at;
}

/// The next line that is not empty; false: there is none yet.
static bool next_line(const struct files *s, struct lines *f, struct stream_message *out)
{
  while (f->next < f->size) {
    const char *from = f->bytes + f->next;
    const char *end = memchr(from, '\n', f->size - f->next);
    if (end == NULL && s->o.follow) {
      return false; // its end is yet to be written
    }
    const int64_t offset = (int64_t)f->next;
    size_t len = end != NULL ? (size_t)(end - from) : f->size - f->next;
    f->next += len + (end != NULL);
    if (len > 0 && from[len - 1] == '\r') {
      len--;
    }
    if (len > 0) {
      *out = (struct stream_message){ .offset = offset, .ts = INT64_MIN, .data = from, .len = len };
      return true;
    }
  }
  return false;
}

static void add(struct files *s, struct stream_poll *out, struct stream_message m)
{
  if (out->n == s->room) {
    s->room = s->room > 0 ? 2 * s->room : 1024;
    s->messages = chn_realloc(s->messages, s->room * sizeof *s->messages);
  }
  s->messages[out->n++] = m;
}

/// What one file gives to a poll.
static void take_lines(struct files *s, int32_t at, size_t most, size_t most_bytes,
                       struct stream_poll *out)
{
  struct lines *f = &s->files[at];
  size_t bytes = 0;
  struct stream_message m;
  while (out->n < most && bytes < most_bytes && next_line(s, f, &m)) {
    m.partition = at;
    bytes += m.len;
    add(s, out, m);
  }
  f->done = !s->o.follow && f->next >= f->size;
}

// ---- time -------------------------------------------------------------------------------------

/// Milliseconds until the replay may go on.
static double ahead(const struct files *s)
{
  if (s->o.speed <= 0 || s->first_ts == INT64_MIN) {
    return 0;
  }
  const double due = (double)(s->newest_ts - s->first_ts) / s->o.speed;
  return due - (chn_monotonic_ms() - s->began_ms);
}

static void pace(struct stream_source *source, int64_t ts)
{
  struct files *s = (struct files *)source;
  if (s->first_ts == INT64_MIN) {
    s->first_ts = ts;
    s->began_ms = chn_monotonic_ms();
  }
  s->newest_ts = ts > s->newest_ts ? ts : s->newest_ts;
}

static void sleep_ms(double ms)
{
  const struct timespec t = { (time_t)(ms / 1000), (long)(ms * 1e6) % 1000000000L };
  nanosleep(&t, NULL);
}

// ---- the source -------------------------------------------------------------------------------

static bool all_done(const struct files *s)
{
  for (int32_t i = 0; i < s->n; i++) {
    if (!s->files[i].done) {
      return false;
    }
  }
  return true;
}

static chn_status poll(struct stream_source *source, size_t most, size_t most_bytes,
                       int32_t wait_ms, struct stream_poll *out, struct chn_err *err)
{
  struct files *s = (struct files *)source;
  if (!s->assigned) {
    s->assigned = true;
    *out = (struct stream_poll){ .event = STREAM_ASSIGNED,
                                 .partitions = s->all,
                                 .n_partitions = s->n };
    return CHN_OK;
  }
  const double early = ahead(s);
  if (s->paused || early > 0) {
    sleep_ms(early > 0 && early < wait_ms ? early : wait_ms);
    if (s->paused || early > wait_ms) {
      return CHN_OK;
    }
  }
  // A replay goes on in small steps, so that its times are met.
  most = s->o.speed > 0 && most > 100 ? 100 : most;
  for (int32_t tried = 0; tried < s->n && out->n == 0; tried++) {
    const int32_t at = s->turn;
    s->turn = (s->turn + 1) % s->n;
    const chn_status st = s->o.follow ? map(&s->files[at], err) : CHN_OK;
    if (st != CHN_OK) {
      return st;
    }
    take_lines(s, at, most, most_bytes, out);
  }
  out->messages = s->messages;
  out->event = out->n > 0 ? STREAM_MESSAGES : all_done(s) ? STREAM_END : STREAM_IDLE;
  if (out->event == STREAM_IDLE) {
    sleep_ms(wait_ms < 20 ? wait_ms : 20);
  }
  return CHN_OK;
}

static chn_status start(struct stream_source *source, int32_t partition, int64_t offset,
                        struct chn_err *err)
{
  struct files *s = (struct files *)source;
  struct lines *f = &s->files[partition];
  if (offset != INT64_MIN && (uint64_t)offset > f->size) {
    return chn_fail(
        err, CHN_E_CONFLICT,
        "%s has %zu bytes, and the store has events up to byte %lld: it is another file "
        "than the one that was streamed; give this one its own --group",
        f->path, f->size, (long long)offset);
  }
  // A mark is one behind the first byte of the last line that was read (message.h).
  f->next = offset == INT64_MIN ? behind_lines(f, s->o.header) : (size_t)offset;
  if (offset > 0 && f->next < f->size && f->bytes[f->next - 1] != '\n') {
    const char *end = memchr(f->bytes + f->next, '\n', f->size - f->next);
    f->next = end != NULL ? (size_t)(end - f->bytes) + 1 : f->size;
  }
  f->done = !s->o.follow && f->next >= f->size;
  return CHN_OK;
}

static void release(struct stream_source *source, const struct stream_poll *p)
{
  (void)source; // the mapping stays
  (void)p;
}

static void set_pause(struct stream_source *source, bool paused)
{
  ((struct files *)source)->paused = paused;
}

static void committed(struct stream_source *source, int32_t partition, int64_t offset)
{
  (void)source; // a file has nobody who would want to know
  (void)partition;
  (void)offset;
}

static int64_t lag(struct stream_source *source, int32_t partition, int64_t offset)
{
  (void)offset;
  const struct lines *f = &((struct files *)source)->files[partition];
  // Lines are not counted ahead: by the mean length of those read so far it would be a guess.
  return f->next >= f->size ? 0 : -1;
}

chn_status source_file_open(const char *path, const struct source_file_options *o,
                            struct stream_source **out, struct chn_err *err)
{
  static const struct source_ops ops = { poll,      release, start, set_pause,
                                         committed, lag,     pace,  close_files };
  struct files *s = chn_calloc(1, sizeof *s);
  struct stat st;
  s->source.ops = &ops;
  s->o = *o;
  s->first_ts = s->newest_ts = INT64_MIN;
  const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
  const chn_status status = folder ? open_folder(s, path, err) : open_file(s, path, err);
  if (status != CHN_OK) {
    close_files(&s->source);
    return status;
  }
  s->all = chn_calloc((size_t)s->n, sizeof *s->all);
  for (int32_t i = 0; i < s->n; i++) {
    s->all[i] = i;
  }
  *out = &s->source;
  return CHN_OK;
}
