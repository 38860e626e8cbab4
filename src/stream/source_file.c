// Files of lines as partitions: read piece by piece into a buffer of the poll, in turns.
//
// Not mapped into memory: a file that somebody truncates would end the process by SIGBUS.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"
#include "stream/source_int.h"

enum {
  PIECE = 1 << 20,        ///< bytes read at once
  LONGEST_LINE = 1 << 28, ///< no message is so long: a file of another kind
  REPLAY_MOST = 1000,     ///< messages of a poll in a replay, however dense they are
  FOLLOW_MS = 20,         ///< between looks for appended lines
};

/// The memory of one poll.
struct chunk {
  char *bytes;
  size_t cap;
  size_t len;
  struct stream_message *messages;
  size_t room;
  struct chunk *next;
};

struct lines {
  char *path;
  int fd;
  int64_t next; ///< byte where the next line begins
  int32_t skip; ///< lines that are no messages: headers, the rest of a line that was given
  bool done;
  atomic_bool at_end; ///< for source_lag
};

struct files {
  struct stream_source source;
  struct source_file_options o;
  struct lines *files;
  int32_t n;
  struct chn_buf names; ///< of a folder's files, each ended by \n
  int32_t turn;         ///< whose lines are next
  int32_t *all;         ///< the partitions' numbers
  bool assigned;
  bool paused;
  pthread_mutex_t lock; ///< of `spare`
  struct chunk *spare;
  double began_ms;  ///< when the replay began
  int64_t first_ts; ///< the event time it began with; INT64_MIN: not known yet
  int64_t newest_ts;
  double replayed; ///< messages given since then
};

// ---- opening ----------------------------------------------------------------------------------

static chn_status open_file(struct files *s, const char *path, struct chn_err *err)
{
  struct stat st;
  // A FIFO or a device has no positions to start again from, and opening one may hang.
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is no regular file; write the events to one first",
                    path);
  }
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return chn_fail(err, errno == ENOENT ? CHN_E_NOT_FOUND : CHN_E_IO, "%s: %s", path,
                    strerror(errno));
  }
  s->files = chn_realloc(s->files, (size_t)(s->n + 1) * sizeof *s->files);
  s->files[s->n++] = (struct lines){ .fd = fd, .path = chn_strdup(path) };
  return CHN_OK;
}

static int is_data(const struct dirent *e)
{
  return e->d_name[0] != '.' && e->d_name[0] != '_';
}

/// By bytes: the order must not depend on the locale.
static int by_name(const struct dirent **x, const struct dirent **y)
{
  return strcmp((*x)->d_name, (*y)->d_name);
}

/// A file that was there once: its number stays its own.
static void add_gone(struct files *s, const char *path)
{
  s->files = chn_realloc(s->files, (size_t)(s->n + 1) * sizeof *s->files);
  s->files[s->n++] = (struct lines){ .fd = -1, .path = chn_strdup(path), .done = true };
}

static bool is_known(const struct files *s, const char *name)
{
  const size_t len = strlen(name);
  for (const char *at = s->o.known; at != NULL && *at != '\0';) {
    const size_t n = strcspn(at, "\n");
    if (n == len && memcmp(at, name, n) == 0) {
      return true;
    }
    at += n + (at[n] == '\n');
  }
  return false;
}

static chn_status open_named(struct files *s, const char *folder, const char *name, size_t len,
                             struct chn_err *err)
{
  struct arena a = { 0 };
  const char *path = arena_printf(&a, "%s/%.*s", folder, (int)len, name);
  chn_buf_addf(&s->names, "%.*s\n", (int)len, name);
  chn_status st = CHN_OK;
  if (access(path, F_OK) != 0) {
    add_gone(s, path);
  } else {
    st = open_file(s, path, err);
  }
  arena_deinit(&a);
  return st;
}

static chn_status open_folder(struct files *s, const char *path, struct chn_err *err)
{
  struct dirent **names = NULL;
  const int n = scandir(path, &names, is_data, by_name);
  if (n < 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
  }
  chn_status st = CHN_OK;
  for (const char *at = s->o.known; at != NULL && *at != '\0' && st == CHN_OK;) {
    const size_t len = strcspn(at, "\n");
    st = open_named(s, path, at, len, err);
    at += len + (at[len] == '\n');
  }
  for (int i = 0; i < n; i++) {
    const char *name = names[i]->d_name;
    if (st == CHN_OK && strchr(name, '\n') != NULL) {
      st = chn_fail(err, CHN_E_ARGUMENT, "%s: a file's name has a line break", path);
    }
    if (st == CHN_OK && !is_known(s, name)) {
      st = open_named(s, path, name, strlen(name), err);
    }
    free(names[i]);
  }
  free(names);
  s->o.known = NULL; // the caller's
  if (st == CHN_OK && s->n == 0) {
    st = chn_fail(err, CHN_E_NOT_FOUND, "%s has no files", path);
  }
  return st;
}

const char *source_file_names(struct stream_source *source)
{
  struct files *s = (struct files *)source;
  return s->names.len > 0 ? chn_buf_str(&s->names) : NULL;
}

// ---- a poll's memory --------------------------------------------------------------------------

static struct chunk *get_chunk(struct files *s)
{
  pthread_mutex_lock(&s->lock);
  struct chunk *c = s->spare;
  if (c != NULL) {
    s->spare = c->next;
  }
  pthread_mutex_unlock(&s->lock);
  if (c == NULL) {
    c = chn_calloc(1, sizeof *c);
  }
  c->len = 0;
  return c;
}

static void give_chunk(struct files *s, struct chunk *c)
{
  pthread_mutex_lock(&s->lock);
  c->next = s->spare;
  s->spare = c;
  pthread_mutex_unlock(&s->lock);
}

static void release(struct stream_source *source, const struct stream_poll *p)
{
  if (p->own != NULL) {
    give_chunk((struct files *)source, p->own);
  }
}

static void close_files(struct stream_source *source)
{
  struct files *s = (struct files *)source;
  for (int32_t i = 0; i < s->n; i++) {
    if (s->files[i].fd >= 0) {
      close(s->files[i].fd);
    }
    free(s->files[i].path);
  }
  while (s->spare != NULL) {
    struct chunk *c = s->spare;
    s->spare = c->next;
    free(c->bytes);
    free(c->messages);
    free(c);
  }
  pthread_mutex_destroy(&s->lock);
  chn_buf_deinit(&s->names);
  free(s->files);
  free(s->all);
  free(s);
}

// ---- lines ------------------------------------------------------------------------------------

/// Reads up to `want` bytes from `at` behind what the chunk has; 0: there are no more.
static chn_status read_piece(const struct lines *f, int64_t at, size_t want, struct chunk *c,
                             size_t *got, struct chn_err *err)
{
  if (c->cap < c->len + want) {
    c->cap = c->len + want < 2 * c->cap ? 2 * c->cap : c->len + want;
    c->bytes = chn_realloc(c->bytes, c->cap);
  }
  ssize_t n = 0;
  do {
    n = pread(f->fd, c->bytes + c->len, want, at);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
  }
  *got = (size_t)n;
  c->len += (size_t)n;
  return CHN_OK;
}

static void add(struct chunk *c, struct stream_poll *out, struct stream_message m)
{
  if (out->n == c->room) {
    c->room = c->room > 0 ? 2 * c->room : 1024;
    c->messages = chn_realloc(c->messages, c->room * sizeof *c->messages);
  }
  c->messages[out->n++] = m;
}

/// A line without its end: a message, unless it is empty or to be skipped. `from` is where it lies
/// in the chunk, which may still move.
static void take_line(struct lines *f, int32_t partition, struct chunk *c, size_t from, size_t len,
                      struct stream_poll *out)
{
  if (f->skip > 0) {
    f->skip--;
    return;
  }
  if (len > 0 && c->bytes[from + len - 1] == '\r') {
    len--;
  }
  if (len > 0) {
    add(c, out,
        (struct stream_message){ .partition = partition,
                                 .offset = f->next,
                                 .ts = INT64_MIN,
                                 .data = (const void *)(uintptr_t)from,
                                 .len = len });
  }
}

/// What one file gives to a poll: lines until one of the bounds, or the end, is reached.
static chn_status take_lines(struct files *s, int32_t at, size_t most, size_t most_bytes,
                             struct chunk *c, struct stream_poll *out, struct chn_err *err)
{
  struct lines *f = &s->files[at];
  size_t line = 0; // in the chunk: what is before it was taken
  size_t seen = 0; // likewise: what is before it has no line's end
  chn_status st = CHN_OK;
  // Few messages are wanted: what is read behind them is read again.
  const size_t piece = most < 4096 ? PIECE / 16 : PIECE;
  while (st == CHN_OK && out->n < most && (line < most_bytes || out->n == 0)) {
    const char *end = seen < c->len ? memchr(c->bytes + seen, '\n', c->len - seen) : NULL;
    if (end != NULL) {
      const size_t len = (size_t)(end - c->bytes) - line;
      take_line(f, at, c, line, len, out);
      f->next += (int64_t)len + 1;
      line = seen = line + len + 1;
      continue;
    }
    if (out->n == 0 && line == c->len) {
      c->len = line = 0; // nothing of it was a message
    }
    seen = c->len;
    size_t got = 0;
    st = read_piece(f, f->next + (int64_t)(c->len - line), piece, c, &got, err);
    if (st == CHN_OK && got == 0) {
      if (!s->o.follow && c->len > line) {
        take_line(f, at, c, line, c->len - line, out);
        f->next += (int64_t)(c->len - line);
      }
      f->done = !s->o.follow;
      atomic_store(&f->at_end, true);
      break;
    }
    atomic_store(&f->at_end, false);
    if (st == CHN_OK && c->len - line > LONGEST_LINE) {
      st = chn_fail(err, CHN_E_CORRUPT, "%s: the line at byte %" PRId64 " has over %d MB", f->path,
                    f->next, LONGEST_LINE >> 20);
    }
  }
  return st;
}

/// Streams go on where they were: what was read must still be there.
static chn_status check_file(const struct files *s, const struct lines *f, struct chn_err *err)
{
  struct stat st;
  struct stat named;
  if (fstat(f->fd, &st) != 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
  }
  if ((int64_t)st.st_size < f->next) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "%s has shrunk to %lld bytes, and %" PRId64
                    " of it were read; streams need files that only grow",
                    f->path, (long long)st.st_size, f->next);
  }
  if (s->o.follow && (stat(f->path, &named) != 0 || named.st_ino != st.st_ino) &&
      (int64_t)st.st_size == f->next) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "%s was moved or replaced, and all that the old file has was read; streams "
                    "need files that only grow",
                    f->path);
  }
  return CHN_OK;
}

// ---- time -------------------------------------------------------------------------------------

/// Milliseconds until the replay may go on.
static double ahead(const struct files *s)
{
  if (s->o.speed <= 0 || s->first_ts == INT64_MIN) {
    return 0;
  }
  const double due = ((double)s->newest_ts - (double)s->first_ts) / s->o.speed;
  return due - (chn_monotonic_ms() - s->began_ms);
}

/// How many messages a replay gives now: as many as are due by their mean distance so far. One
/// while there is none: a replay starts with its first message alone.
static size_t due_now(const struct files *s, size_t most)
{
  const double span = s->first_ts == INT64_MIN ? 0 : (double)s->newest_ts - (double)s->first_ts;
  const double due = span > 0 ? s->replayed * -ahead(s) * s->o.speed / span : 1;
  const size_t limit = most < REPLAY_MOST ? most : REPLAY_MOST;
  return due < 1 ? 1 : due < (double)limit ? (size_t)due : limit;
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

/// Lines of the next file that has some.
static chn_status fill(struct files *s, size_t most, size_t most_bytes, struct stream_poll *out,
                       struct chn_err *err)
{
  struct chunk *c = get_chunk(s);
  chn_status st = CHN_OK;
  for (int32_t tried = 0; tried < s->n && out->n == 0 && st == CHN_OK; tried++) {
    const int32_t at = s->turn;
    s->turn = (s->turn + 1) % s->n;
    if (s->files[at].done) {
      continue;
    }
    c->len = 0;
    st = check_file(s, &s->files[at], err);
    if (st == CHN_OK) {
      st = take_lines(s, at, most, most_bytes, c, out, err);
    }
  }
  if (st != CHN_OK || out->n == 0) {
    give_chunk(s, c);
    return st;
  }
  for (size_t i = 0; i < out->n; i++) {
    c->messages[i].data = c->bytes + (uintptr_t)c->messages[i].data;
  }
  out->messages = c->messages;
  out->own = c;
  return CHN_OK;
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
    sleep_ms(!s->paused && early < wait_ms ? early : wait_ms);
    if (s->paused || early > wait_ms) {
      return CHN_OK;
    }
  }
  most = s->o.speed > 0 ? due_now(s, most) : most;
  const double until = chn_monotonic_ms() + wait_ms;
  do {
    const chn_status st = fill(s, most, most_bytes, out, err);
    if (st != CHN_OK) {
      return st;
    }
    s->replayed += (double)out->n;
    out->event = out->n > 0 ? STREAM_MESSAGES : all_done(s) ? STREAM_END : STREAM_IDLE;
    if (out->event == STREAM_IDLE && wait_ms > 0) {
      sleep_ms(wait_ms < FOLLOW_MS ? wait_ms : FOLLOW_MS);
    }
  } while (out->event == STREAM_IDLE && chn_monotonic_ms() < until);
  return CHN_OK;
}

static chn_status start(struct stream_source *source, int32_t partition, int64_t offset,
                        struct chn_err *err)
{
  struct files *s = (struct files *)source;
  struct stat st;
  if (partition < 0 || partition >= s->n) {
    return chn_fail(err, CHN_E_ARGUMENT, "there is no file %d of %d", partition, s->n);
  }
  struct lines *f = &s->files[partition];
  if (f->fd < 0) {
    f->done = true;
    atomic_store(&f->at_end, true);
    return CHN_OK;
  }
  if (fstat(f->fd, &st) != 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
  }
  if (offset != INT64_MIN && (offset < 0 || offset > (int64_t)st.st_size)) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "%s has %lld bytes, and the store has events up to byte %" PRId64
                    ": it is another file than the one that was streamed; give this one its own "
                    "--group",
                    f->path, (long long)st.st_size, offset);
  }
  f->next = offset > 0 ? offset : 0;
  f->skip = offset > 0 ? 0 : s->o.header;
  f->done = false;
  atomic_store(&f->at_end, false);
  // A mark is one behind the first byte of the last line that was read (stream.h), and a line's
  // first byte is never its end.
  char before = '\n';
  if (offset > 0 && pread(f->fd, &before, 1, offset - 1) < 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
  }
  f->skip += before != '\n';
  return CHN_OK;
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
  struct files *s = (struct files *)source;
  // Lines are not counted ahead: by the mean length of those read so far it would be a guess.
  return partition >= 0 && partition < s->n && atomic_load(&s->files[partition].at_end) ? 0 : -1;
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
  pthread_mutex_init(&s->lock, NULL);
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
