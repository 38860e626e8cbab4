#include "stream/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "stream/commit.h"

enum {
  FIRST_WAIT_MS = 50,
  LONGEST_WAIT_MS = 5000,
  COMMIT_BYTES = 64 << 20,
  FEWEST_ROWS = 1000, ///< of a batch, however large its tiles are
  SPARES = 2,         ///< empty batches kept
};

struct stream_writer {
  struct writer_options o;
  struct commit *commit; ///< the thread's, and while it is idle the filler's
  pthread_t thread;
  bool started;
  pthread_mutex_t lock;
  pthread_cond_t more;                ///< something was queued, or is to end
  pthread_cond_t less;                ///< something left the queue
  struct stream_batch *first, **last; ///< oldest first; the batch at hand stays until it is done
  struct stream_batch *spare;
  int32_t spares;
  int32_t queued;
  size_t bytes; ///< of what is queued
  bool stop;
  bool drop; ///< let go of the queue
  bool stalled;
  int64_t newest;
  size_t rows; ///< writer_rows
  enum writer_state state;
  struct chn_err err;
};

static void deadline(struct timespec *t, int32_t ms)
{
  clock_gettime(CLOCK_MONOTONIC, t);
  t->tv_sec += ms / 1000;
  t->tv_nsec += (long)(ms % 1000) * 1000000;
  if (t->tv_nsec >= 1000000000) {
    t->tv_sec++;
    t->tv_nsec -= 1000000000;
  }
}

// ---- the thread -------------------------------------------------------------------------------

static void note(struct stream_writer *w, const char *what, const struct chn_err *err)
{
  if (w->o.log == NULL) {
    return;
  }
  struct chn_buf line = { 0 };
  chn_buf_addf(&line, "%s: %s: %s", w->o.form->serving->name, what, err->msg);
  w->o.log(w->o.self, chn_buf_str(&line));
  chn_buf_deinit(&line);
}

/// Waits before the next attempt; false when nobody wants it any more.
static bool wait_to_retry(struct stream_writer *w, int32_t ms)
{
  struct timespec until;
  deadline(&until, ms);
  pthread_mutex_lock(&w->lock);
  w->stalled = true;
  while (!w->stop && !w->drop && pthread_cond_timedwait(&w->more, &w->lock, &until) != ETIMEDOUT) {
  }
  const bool go_on = !w->stop && !w->drop;
  pthread_mutex_unlock(&w->lock);
  return go_on;
}

/// Commits until it is done or cannot be. An attempt that failed may have been done all the same.
static chn_status bring(struct stream_writer *w, struct stream_batch *b, struct chn_err *err)
{
  int64_t written = 0;
  int32_t wait = FIRST_WAIT_MS;
  bool doubt = false;
  for (;;) {
    const double started = chn_monotonic_ms();
    bool done = false;
    chn_status s = doubt ? commit_was_done(w->commit, b, &done, err) : CHN_OK;
    if (s == CHN_OK && !done) {
      s = commit_batch(w->commit, b, &written, err);
    }
    if (s == CHN_OK) {
      obs_add(w->o.metrics->write_ok, done ? batch_targets(b) : written);
      obs_observe(w->o.metrics->write_seconds, (chn_monotonic_ms() - started) / 1e3);
      return CHN_OK;
    }
    if (s == CHN_E_CONFLICT && doubt && commit_was_done(w->commit, b, &done, err) == CHN_OK &&
        done) {
      continue; // the attempt in doubt came through after it was asked about
    }
    obs_add(w->o.metrics->write_errors, 1);
    if (s != CHN_E_IO) {
      return s;
    }
    if (!doubt) {
      note(w, "the store does not take a batch; consumption waits for it", err);
    }
    doubt = true;
    if (!wait_to_retry(w, wait)) {
      return s;
    }
    wait = 2 * wait < LONGEST_WAIT_MS ? 2 * wait : LONGEST_WAIT_MS;
  }
}

/// Newest event time of a batch; INT64_MIN where it has no row.
static int64_t newest_row(const struct stream_batch *b)
{
  int64_t newest = INT64_MIN;
  for (size_t i = 0; i < b->n; i++) {
    newest = b->ts[i] > newest ? b->ts[i] : newest;
  }
  return newest;
}

static void tell(struct stream_writer *w, const struct stream_batch *b, int64_t newest)
{
  if (newest != INT64_MIN) {
    obs_observe(w->o.metrics->freshness, (double)(chn_now_ms() - newest));
  }
  for (int32_t i = 0; i < b->n_marks && w->o.source != NULL && !w->o.dry; i++) {
    source_committed(w->o.source, b->marks[i].partition, b->marks[i].next);
  }
}

/// Keeps an empty batch for the next time; the lock is held.
static void spare(struct stream_writer *w, struct stream_batch *b)
{
  if (w->spares < SPARES) {
    batch_clear(b);
    b->link = w->spare;
    w->spare = b;
    w->spares++;
  } else {
    batch_free(b);
  }
}

/// Takes the first batch off the queue; the lock is held.
static void recycle(struct stream_writer *w)
{
  struct stream_batch *b = w->first;
  w->first = b->link;
  if (w->first == NULL) {
    w->last = &w->first;
  }
  w->queued--;
  w->bytes -= b->memory;
  spare(w, b);
  obs_set(w->o.metrics->in_flight, w->queued);
}

static void drop_all(struct stream_writer *w)
{
  while (w->first != NULL) {
    recycle(w);
  }
  w->drop = false;
  pthread_cond_broadcast(&w->less);
}

static void finish(struct stream_writer *w, chn_status s, int64_t newest, const struct chn_err *err)
{
  w->stalled = false;
  if (s == CHN_OK) {
    const size_t bytes = commit_bytes(w->commit);
    const size_t rows =
        bytes > 0 ? (size_t)((double)w->first->n / (double)bytes * COMMIT_BYTES) : 0;
    w->newest = newest > w->newest ? newest : w->newest;
    w->rows = bytes == 0 ? w->rows : rows > FEWEST_ROWS ? rows : FEWEST_ROWS;
    recycle(w);
    pthread_cond_broadcast(&w->less);
    return;
  }
  if (!w->drop && !w->stop) {
    w->state = s == CHN_E_CONFLICT ? WRITER_CONFLICT : WRITER_FAILED;
    w->err = *err;
  }
  drop_all(w);
}

static void *run(void *arg)
{
  struct stream_writer *w = arg;
  pthread_mutex_lock(&w->lock);
  while (!w->stop) {
    if (w->drop) {
      drop_all(w);
    }
    if (w->first == NULL) {
      pthread_cond_wait(&w->more, &w->lock);
      continue;
    }
    struct stream_batch *b = w->first;
    pthread_mutex_unlock(&w->lock);
    struct chn_err err = { 0 };
    const int64_t newest = newest_row(b);
    const chn_status s = bring(w, b, &err);
    if (s == CHN_OK) {
      tell(w, b, newest);
    }
    pthread_mutex_lock(&w->lock);
    finish(w, s, newest, &err);
  }
  drop_all(w);
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

// ---- for the filler ---------------------------------------------------------------------------

chn_status writer_open(const struct writer_options *o, struct stream_writer **out,
                       struct chn_err *err)
{
  struct stream_writer *w = chn_calloc(1, sizeof *w);
  w->o = *o;
  w->last = &w->first;
  w->newest = INT64_MIN;
  w->rows = SIZE_MAX;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->more, &monotonic);
  pthread_cond_init(&w->less, &monotonic);
  pthread_condattr_destroy(&monotonic);
  chn_status s = commit_open(&w->o, &w->commit, err);
  if (s == CHN_OK && pthread_create(&w->thread, NULL, run, w) != 0) {
    s = chn_fail(err, CHN_E_IO, "no thread for the writer");
  }
  w->started = s == CHN_OK;
  if (s != CHN_OK) {
    writer_close(w);
    return s;
  }
  *out = w;
  return CHN_OK;
}

void writer_close(struct stream_writer *w)
{
  if (w == NULL) {
    return;
  }
  pthread_mutex_lock(&w->lock);
  w->stop = true;
  pthread_cond_broadcast(&w->more);
  pthread_mutex_unlock(&w->lock);
  if (w->started) {
    pthread_join(w->thread, NULL);
  }
  commit_close(w->commit);
  while (w->spare != NULL) {
    struct stream_batch *b = w->spare;
    w->spare = b->link;
    batch_free(b);
  }
  pthread_cond_destroy(&w->more);
  pthread_cond_destroy(&w->less);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

chn_status writer_take(struct stream_writer *w, int32_t partition, struct stream_mark *out,
                       struct chn_err *err)
{
  // The thread is idle, and its reader ours: nothing is queued, and only the caller queues.
  const chn_status s = commit_take(w->commit, partition, out, err);
  pthread_mutex_lock(&w->lock);
  const bool news = s == CHN_E_IO && !w->stalled;
  w->stalled = s == CHN_E_IO;
  pthread_mutex_unlock(&w->lock);
  if (news) {
    note(w, "the store does not say where to go on; consumption waits for it", err);
  }
  return s;
}

struct stream_batch *writer_batch(struct stream_writer *w)
{
  pthread_mutex_lock(&w->lock);
  struct stream_batch *b = w->spare;
  w->spare = b != NULL ? b->link : NULL;
  w->spares -= b != NULL;
  pthread_mutex_unlock(&w->lock);
  return b != NULL ? b : batch_new(w->o.form);
}

static bool room(const struct stream_writer *w)
{
  return w->queued < w->o.in_flight && (w->first == NULL || w->bytes < w->o.bytes);
}

static bool empty(const struct stream_writer *w)
{
  return w->first == NULL;
}

/// Waits until `holds` or the time is up; gives what holds then.
static bool wait_until(struct stream_writer *w, bool (*holds)(const struct stream_writer *),
                       int32_t wait_ms)
{
  struct timespec until;
  deadline(&until, wait_ms);
  pthread_mutex_lock(&w->lock);
  while (!holds(w) && pthread_cond_timedwait(&w->less, &w->lock, &until) != ETIMEDOUT) {
  }
  const bool held = holds(w);
  pthread_mutex_unlock(&w->lock);
  return held;
}

bool writer_has_room(struct stream_writer *w, int32_t wait_ms)
{
  return wait_until(w, room, wait_ms);
}

bool writer_drained(struct stream_writer *w, int32_t wait_ms)
{
  return wait_until(w, empty, wait_ms);
}

void writer_put(struct stream_writer *w, struct stream_batch *b)
{
  pthread_mutex_lock(&w->lock);
  if (w->state != WRITER_GOOD) {
    // What was queued before it is gone, so that it must not be written either: the marks of other
    // partitions than the one in conflict would let it through.
    spare(w, b);
    pthread_mutex_unlock(&w->lock);
    return;
  }
  b->link = NULL;
  *w->last = b;
  w->last = &b->link;
  w->queued++;
  b->memory = batch_memory(b);
  w->bytes += b->memory;
  obs_set(w->o.metrics->in_flight, w->queued);
  pthread_cond_signal(&w->more);
  pthread_mutex_unlock(&w->lock);
}

void writer_drop(struct stream_writer *w)
{
  pthread_mutex_lock(&w->lock);
  if (w->first != NULL) {
    w->drop = true;
    pthread_cond_broadcast(&w->more);
    while (w->drop) {
      pthread_cond_wait(&w->less, &w->lock);
    }
  }
  w->state = w->state == WRITER_CONFLICT ? WRITER_GOOD : w->state;
  pthread_mutex_unlock(&w->lock);
}

enum writer_state writer_state(struct stream_writer *w, struct chn_err *err)
{
  pthread_mutex_lock(&w->lock);
  const enum writer_state state = w->state;
  if (state != WRITER_GOOD && err != NULL) {
    *err = w->err;
  }
  pthread_mutex_unlock(&w->lock);
  return state;
}

bool writer_stalled(struct stream_writer *w)
{
  pthread_mutex_lock(&w->lock);
  const bool stalled = w->stalled;
  pthread_mutex_unlock(&w->lock);
  return stalled;
}

int64_t writer_newest(struct stream_writer *w)
{
  pthread_mutex_lock(&w->lock);
  const int64_t newest = w->newest;
  pthread_mutex_unlock(&w->lock);
  return newest;
}

size_t writer_rows(struct stream_writer *w)
{
  pthread_mutex_lock(&w->lock);
  const size_t rows = w->rows;
  pthread_mutex_unlock(&w->lock);
  return rows;
}
