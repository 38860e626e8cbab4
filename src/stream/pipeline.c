// The run of a job: polls become batches, batches go to the writer.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "stream/job_int.h"

enum {
  WAIT_MS = 100,       ///< of a poll, so that a stop is seen
  PENDING_MS = 2,      ///< the same while a batch waits for the writer
  DRAIN_MS = 10000,    ///< how long a partition that is taken away waits for its batches
  STATUS_MS = 1000,    ///< between looks at the lag
  MOST_CONFLICTS = 20, ///< in a row: somebody else streams the same partitions
  POLL_ROWS = 32768,   ///< what is decoded at once stays in the cache
  POLL_BYTES = 8 << 20,
  BEHIND_MS = 1000, ///< how long a batch that is catching up may grow
};

/// Some 270,000 years from 1970. What is farther is no time in milliseconds, and with it as the
/// newest event all that comes after would be late.
static const int64_t FARTHEST_MS = 8640000000000000;

struct run {
  struct stream_job *j;
  double looked_ms;
  bool ended;
  bool behind; ///< the last poll was full: more is waiting
};

// ---- partitions -------------------------------------------------------------------------------

static struct job_partition *partition_of(struct stream_job *j, int32_t id)
{
  for (int32_t i = 0; i < j->n_partitions; i++) {
    if (j->partitions[i].id == id) {
      return &j->partitions[i];
    }
  }
  return NULL;
}

static void forget(struct stream_job *j, int32_t id)
{
  struct job_partition *p = partition_of(j, id);
  if (p != NULL) {
    stream_metrics_lag(&j->metrics, j->o.metrics, j->name, id, 0); // it is another process's now
    *p = j->partitions[--j->n_partitions];
    atomic_store(&j->owned, j->n_partitions);
  }
}

static bool stopping(const struct stream_job *j)
{
  return atomic_load(&j->stop);
}

static void say(const struct stream_job *j, const char *what)
{
  struct chn_buf line = { 0 };
  if (j->o.log != NULL) {
    chn_buf_addf(&line, "%s: %s", j->name, what);
    j->o.log(j->o.log_self, chn_buf_str(&line));
  }
  chn_buf_deinit(&line);
}

/// Waits until nothing is queued; false when the run is to end before.
static bool idle(struct stream_job *j)
{
  while (!writer_drained(j->writer, WAIT_MS)) {
    if (stopping(j)) {
      return false;
    }
  }
  return true;
}

/// Reads nothing of a partition any more: what was queued of it is gone.
static void pass_over(struct stream_job *j, int32_t id)
{
  struct job_partition *p = partition_of(j, id);
  if (p != NULL) {
    p->next = INT64_MAX;
  }
}

/// Goes on where the store says, as soon as it says something. Nothing happens when the run is to
/// end before.
static chn_status take(struct stream_job *j, int32_t id, struct chn_err *err)
{
  struct stream_mark mark;
  chn_status s = CHN_OK;
  do {
    if (s != CHN_OK) {
      nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
    }
    if (!idle(j) || (s != CHN_OK && stopping(j))) {
      pass_over(j, id);
      return CHN_OK;
    }
    s = writer_take(j->writer, id, &mark, err);
  } while (s == CHN_E_IO);
  if (s == CHN_OK) {
    s = source_start(j->source, id, mark.next, err);
  }
  if (s != CHN_OK) {
    return chn_wrap(err, "partition %d", id);
  }
  struct job_partition *p = partition_of(j, id);
  if (p == NULL) {
    j->partitions =
        chn_realloc(j->partitions, (size_t)(j->n_partitions + 1) * sizeof *j->partitions);
    p = &j->partitions[j->n_partitions++];
    atomic_store(&j->owned, j->n_partitions);
  }
  *p = (struct job_partition){ .id = id,
                               .next = mark.next,
                               .newest = mark.newest,
                               .first_end = INT64_MAX,
                               .heard_ms = chn_monotonic_ms() };
  return CHN_OK;
}

/// Waits until the store has all that was queued; false when it cannot or shall not be waited for.
static bool drain(struct stream_job *j, double most_ms)
{
  const double until = chn_monotonic_ms() + most_ms;
  while (!writer_drained(j->writer, WAIT_MS)) {
    if (chn_monotonic_ms() > until || (stopping(j) && writer_stalled(j->writer))) {
      return false;
    }
  }
  return writer_state(j->writer, NULL) == WRITER_GOOD;
}

/// Forgets what is in memory and starts all partitions again from their marks.
static chn_status rewind_all(struct stream_job *j, struct chn_err *err)
{
  writer_drop(j->writer);
  batch_clear(j->open);
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < j->n_partitions && s == CHN_OK; i++) {
    s = take(j, j->partitions[i].id, err);
  }
  return s;
}

// ---- batches ----------------------------------------------------------------------------------

static bool has_anything(const struct stream_batch *b)
{
  return b->n_messages > 0;
}

static chn_status seal(struct stream_job *j, struct chn_err *err)
{
  const chn_status s = stream_rejects_flush(j->rejects, err);
  if (s != CHN_OK) {
    return s;
  }
  batch_seal(j->open);
  writer_put(j->writer, j->open);
  j->open = writer_batch(j->writer);
  for (int32_t i = 0; i < j->n_partitions; i++) {
    j->partitions[i].first_end = INT64_MAX;
  }
  return CHN_OK;
}

/// A tile that waits to be written has ended.
static bool is_over(const struct stream_job *j)
{
  for (int32_t i = 0; i < j->n_partitions; i++) {
    const struct job_partition *p = &j->partitions[i];
    if (batch_tile_over(p->first_end, p->newest, j->o.disorder_ms)) {
      return true;
    }
  }
  return false;
}

static size_t batch_rows(const struct stream_job *j)
{
  const size_t rows = writer_rows(j->writer);
  return rows < j->o.batch_rows ? rows : j->o.batch_rows;
}

/// A batch that the writer cannot begin with yet grows instead, and so does one of a stream that is
/// behind: the more rows there are of a key, the fewer tiles are read and written for them.
static bool is_due(const struct run *r)
{
  const struct stream_job *j = r->j;
  const struct stream_batch *b = j->open;
  if (!has_anything(b)) {
    return false;
  }
  if ((size_t)b->n_messages >= batch_rows(j) || b->bytes >= j->o.batch_bytes) {
    return true;
  }
  const double age = chn_monotonic_ms() - b->opened_ms;
  return j->o.buffer_ms > 0 ? is_over(j) || age >= (double)j->o.buffer_ms
                            : (!r->behind || age >= BEHIND_MS) && writer_drained(j->writer, 0);
}

/// Whether the row's tile was over when it came (decision 0016).
static bool is_late(const struct stream_job *j, const struct job_partition *p, int64_t ts)
{
  const int64_t tile = j->form.tile_ms;
  return tile > 0 && batch_tile_over(batch_tile_end(ts, tile), p->newest, j->o.disorder_ms);
}

static chn_status add_row(struct stream_job *j, const struct evaluated *rows, size_t i,
                          const struct stream_message *m, struct chn_err *err)
{
  struct job_partition *p = partition_of(j, m->partition);
  const int64_t ts = rows->ts[rows->row[i]];
  if (ts < -FARTHEST_MS || ts > FARTHEST_MS) {
    return stream_reject(j->rejects, m, STREAM_NO_TIME, "its time is no epoch milliseconds", err);
  }
  if (is_late(j, p, ts)) {
    atomic_fetch_add(&j->late, 1);
    return stream_reject(j->rejects, m, STREAM_LATE, "its tile is over", err);
  }
  p->newest = ts > p->newest ? ts : p->newest;
  if (j->form.tile_ms > 0) {
    const int64_t end = batch_tile_end(ts, j->form.tile_ms);
    p->first_end = end < p->first_end ? end : p->first_end;
  }
  struct chn_err why;
  if (batch_add(j->open, rows, i, m, &why) != CHN_OK) {
    return stream_reject(j->rejects, m, STREAM_BAD_ENCODE, why.msg, err);
  }
  return CHN_OK;
}

/// Whether a message is to be read: those of partitions that are not ours any more, or from before
/// the last rewind, may still come.
static bool is_ours(struct stream_job *j, const struct stream_message *m)
{
  const struct job_partition *p = partition_of(j, m->partition);
  return p != NULL && m->offset >= p->next;
}

/// The messages of a poll that are to be read.
static const struct stream_message *ours(struct stream_job *j, const struct stream_poll *poll,
                                         size_t *n)
{
  size_t good = 0;
  while (good < poll->n && is_ours(j, &poll->messages[good])) {
    good++;
  }
  *n = good;
  if (good == poll->n) {
    return poll->messages;
  }
  j->some = chn_realloc(j->some, poll->n * sizeof *j->some);
  memcpy(j->some, poll->messages, good * sizeof *j->some);
  for (size_t i = good + 1; i < poll->n; i++) {
    if (is_ours(j, &poll->messages[i])) {
      j->some[(*n)++] = poll->messages[i];
    }
  }
  return j->some;
}

static void advance(struct stream_job *j, const struct stream_message *messages, size_t n)
{
  struct job_partition *p = NULL;
  int64_t bytes = 0;
  for (size_t i = 0; i < n; i++) {
    if (p == NULL || p->id != messages[i].partition) {
      p = partition_of(j, messages[i].partition);
      p->heard_ms = chn_monotonic_ms();
      p->touched = true;
    }
    p->next = messages[i].offset + 1;
    bytes += (int64_t)messages[i].len;
  }
  for (int32_t i = 0; i < j->n_partitions; i++) {
    p = &j->partitions[i];
    if (p->touched) {
      *batch_mark(j->open, p->id) = (struct stream_mark){ p->id, p->next, p->newest };
      p->touched = false;
    }
  }
  j->open->n_messages += (int64_t)n;
  j->open->bytes += (size_t)bytes;
  atomic_fetch_add(&j->messages, (long long)n);
  obs_add(j->metrics.messages, (int64_t)n);
  obs_add(j->metrics.bytes, bytes);
}

/// A replay goes by the newest event of its files.
static void pace(struct stream_job *j)
{
  int64_t newest = INT64_MIN;
  for (int32_t i = 0; i < j->n_partitions; i++) {
    newest = j->partitions[i].newest > newest ? j->partitions[i].newest : newest;
  }
  if (newest != INT64_MIN) {
    source_pace(j->source, newest);
  }
}

static chn_status take_messages(struct stream_job *j, const struct stream_poll *poll,
                                struct chn_err *err)
{
  size_t n = 0;
  const struct stream_message *messages = ours(j, poll, &n);
  struct decoded decoded;
  struct evaluated rows = { 0 };
  if (n == 0) {
    return CHN_OK;
  }
  if (!has_anything(j->open)) {
    j->open->opened_ms = chn_monotonic_ms();
  }
  chn_status s = stream_decode(j->decoder, messages, n, j->rejects, &decoded, err);
  bool given_up = false;
  if (s == CHN_OK && j->chain != NULL) {
    struct decoded left = decoded;
    s = stream_chain_run(j->chain, &left, messages, j->rejects, &decoded, &given_up, err);
  }
  if (given_up) { // they are read again next time
    return s;
  }
  const double started = chn_monotonic_ms();
  if (s == CHN_OK) {
    s = stream_evaluate_run(j->evaluate, &decoded, messages, j->rejects, &rows, err);
    obs_observe(j->metrics.eval_seconds, (chn_monotonic_ms() - started) / 1e3);
  }
  for (size_t i = 0; i < rows.n && s == CHN_OK; i++) {
    s = add_row(j, &rows, i, &messages[rows.from[i]], err);
  }
  if (s == CHN_OK) {
    obs_add(j->metrics.rows, (int64_t)rows.n);
    obs_add(j->metrics.eval_ok, (int64_t)rows.n);
    atomic_fetch_add(&j->rows, (long long)rows.n);
    advance(j, messages, n);
    pace(j);
  }
  return s;
}

// ---- watching ---------------------------------------------------------------------------------

/// The least of the partitions' newest events, less the disorder; idle partitions hold nothing
/// back.
static int64_t watermark_of(const struct stream_job *j, double now)
{
  int64_t least = INT64_MIN;
  for (int32_t i = 0; i < j->n_partitions; i++) {
    const struct job_partition *p = &j->partitions[i];
    const bool idle = now - p->heard_ms > (double)j->o.idle_ms;
    if (!idle && p->newest != INT64_MIN && (least == INT64_MIN || p->newest < least)) {
      least = p->newest;
    }
  }
  return least == INT64_MIN ? INT64_MIN : least - j->o.disorder_ms;
}

static void look(struct run *r)
{
  struct stream_job *j = r->j;
  const double now = chn_monotonic_ms();
  if (now - r->looked_ms < STATUS_MS) {
    return;
  }
  r->looked_ms = now;
  int64_t all = j->n_partitions > 0 ? 0 : -1;
  for (int32_t i = 0; i < j->n_partitions; i++) {
    const struct job_partition *p = &j->partitions[i];
    const int64_t lag = source_lag(j->source, p->id, p->next);
    if (lag >= 0) {
      stream_metrics_lag(&j->metrics, j->o.metrics, j->name, p->id, lag);
    }
    all = lag < 0 || all < 0 ? -1 : all + lag;
  }
  atomic_store(&j->lag, all);
  // No partition has an event: the last watermark stands.
  const int64_t watermark = watermark_of(j, now);
  if (watermark != INT64_MIN) {
    atomic_store(&j->watermark, watermark);
    obs_set(j->metrics.watermark, watermark);
  }
  obs_set(j->metrics.partitions, j->n_partitions);
  int64_t rejected = 0;
  for (int32_t i = 0; i < STREAM_REASONS; i++) {
    rejected += i == STREAM_LATE ? 0 : stream_rejects_count(j->rejects, i);
  }
  atomic_store(&j->rejected, rejected);
}

// ---- events -----------------------------------------------------------------------------------

static size_t most_rows(const struct stream_job *j)
{
  const size_t rows = batch_rows(j);
  return rows < POLL_ROWS ? rows : POLL_ROWS;
}

static bool is_full(const struct stream_job *j, const struct stream_poll *poll)
{
  size_t bytes = 0;
  for (size_t i = 0; i < poll->n; i++) {
    bytes += poll->messages[i].len;
  }
  return poll->n >= most_rows(j) || bytes >= POLL_BYTES / 2;
}

/// A batch that waits for the writer is looked at often.
static int32_t wait_of(const struct stream_job *j)
{
  if (j->o.buffer_ms > 0) {
    return j->o.buffer_ms < WAIT_MS ? (int32_t)j->o.buffer_ms : WAIT_MS;
  }
  return has_anything(j->open) ? PENDING_MS : WAIT_MS;
}

static chn_status assigned(struct stream_job *j, const struct stream_poll *poll,
                           struct chn_err *err)
{
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < poll->n_partitions && s == CHN_OK; i++) {
    s = take(j, poll->partitions[i], err);
  }
  return s;
}

/// What is in hand is brought in, if the partitions are still ours; else it is forgotten, and the
/// partitions that stay start again.
static chn_status revoked(struct stream_job *j, const struct stream_poll *poll, struct chn_err *err)
{
  chn_status s = CHN_OK;
  bool kept = !poll->lost;
  if (kept && has_anything(j->open)) {
    s = seal(j, err);
  }
  kept = kept && s == CHN_OK && drain(j, DRAIN_MS);
  for (int32_t i = 0; i < poll->n_partitions; i++) {
    forget(j, poll->partitions[i]);
  }
  return s != CHN_OK || kept ? s : rewind_all(j, err);
}

static chn_status on_event(struct run *r, const struct stream_poll *poll, struct chn_err *err)
{
  struct stream_job *j = r->j;
  chn_status s = CHN_OK;
  switch (poll->event) {
  case STREAM_MESSAGES:
    s = take_messages(j, poll, err);
    source_release(j->source, poll);
    break;
  case STREAM_ASSIGNED: s = assigned(j, poll, err); break;
  case STREAM_REVOKED: s = revoked(j, poll, err); break;
  case STREAM_END: r->ended = true; break;
  case STREAM_IDLE: break;
  }
  return s;
}

/// What the writer ran into. A conflict means that another process had a partition meanwhile: what
/// it wrote is the truth.
static chn_status check_writer(struct run *r, struct chn_err *err)
{
  struct stream_job *j = r->j;
  struct chn_err why;
  const enum writer_state state = writer_state(j->writer, &why);
  if (state == WRITER_GOOD) {
    return CHN_OK;
  }
  const int64_t written = obs_read(j->metrics.write_ok);
  j->conflicts = written == j->written ? j->conflicts + 1 : 1;
  j->written = written;
  if (state == WRITER_FAILED || j->conflicts > MOST_CONFLICTS) {
    *err = why;
    return state == WRITER_FAILED
               ? err->code
               : chn_wrap(err, "another process streams %s into this store under group %s", j->name,
                          j->o.group);
  }
  r->ended = false; // files are read again too
  return rewind_all(j, err);
}

static chn_status step(struct run *r, struct chn_err *err)
{
  struct stream_job *j = r->j;
  chn_status s = check_writer(r, err);
  if (s != CHN_OK || r->ended) {
    writer_drained(j->writer, WAIT_MS);
    return s;
  }
  // A paused source is polled on, so that the group keeps us.
  const bool room = writer_has_room(j->writer, WAIT_MS);
  source_pause(j->source, !room);
  struct stream_poll poll = { 0 };
  s = source_poll(j->source, most_rows(j), POLL_BYTES, room ? wait_of(j) : 0, &poll, err);
  r->behind = s == CHN_OK && is_full(j, &poll);
  if (s == CHN_OK) {
    s = on_event(r, &poll, err);
  }
  if (s == CHN_OK && (is_due(r) || (r->ended && has_anything(j->open)))) {
    s = seal(j, err);
  }
  look(r);
  return s;
}

static bool is_finished(const struct run *r)
{
  const struct stream_job *j = r->j;
  return r->ended && !has_anything(j->open) && writer_drained(j->writer, 0) &&
         writer_state(j->writer, NULL) == WRITER_GOOD;
}

chn_status stream_job_run(struct stream_job *j, struct chn_err *err)
{
  struct run r = { .j = j };
  j->open = j->open != NULL ? j->open : writer_batch(j->writer);
  chn_status s = CHN_OK;
  while (s == CHN_OK && !stopping(j) && !is_finished(&r)) {
    s = step(&r, err);
  }
  if (s == CHN_OK && has_anything(j->open)) {
    s = seal(j, err);
  }
  if (s == CHN_OK && !drain(j, DRAIN_MS)) {
    say(j, "not all that was read is in the store; the next run reads it again");
  }
  r.looked_ms = 0;
  look(&r);
  return s;
}
