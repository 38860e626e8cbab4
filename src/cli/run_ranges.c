// A backfill in ranges of days, a process for each. The processes are forked before any of them
// opens the engine, which has threads; they share nothing but the warehouse's folder, where writers
// of one job may publish next to each other (warehouse/swap.c). One more process runs before them
// and does what they would otherwise all do (batch_prepare). Each tells what it did through a pipe.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/machine.h"
#include "base/time.h"
#include "cli/report.h"
#include "cli/run_modes.h"

/// A process and what it has told.
struct range {
  char start[CHN_DS_SIZE];
  char end[CHN_DS_SIZE];
  pid_t pid;
  int pipe;
  struct chn_buf told;
  struct chn_err err;
};

struct ranges {
  struct cli_context *ctx;
  const struct model_conf *conf;
  struct batch_options *options;
  struct range *list;
  int32_t n;
  char first[CHN_DS_SIZE];
  char last[CHN_DS_SIZE];
  double start_ms;
  bool stopped; ///< Ctrl-C was passed on: a second one would end a process at once
};

chn_status run_ranges_check(struct cli_context *ctx, const struct run_mode *mode,
                            const struct batch_options *options, int32_t *n, struct chn_err *err)
{
  int32_t first = 0;
  int32_t last = 0;
  if (cli_get_int(&ctx->args, "parallelism", 1, 1024, n, err) != CHN_OK || *n == 1) {
    return *n == 1 ? CHN_OK : err->code;
  }
  if (!run_mode_is_backfill(mode)) {
    return chn_fail(err, CHN_E_ARGUMENT, "--parallelism is of backfills, not of --mode %s",
                    mode->name);
  }
  if (options->start_ds == NULL || cli_get(&ctx->args, "end-ds") == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "--parallelism %d needs --start-ds and --end-ds, the range to cut", *n);
  }
  if (chn_day_of_ds(options->start_ds, &first, err) != CHN_OK ||
      chn_day_of_ds(options->end_ds, &last, err) != CHN_OK) {
    return err->code;
  }
  return *n <= last - first + 1 ? CHN_OK
                                : chn_fail(err, CHN_E_ARGUMENT,
                                           "--parallelism %d is more than the %d day%s of %s to %s",
                                           *n, last - first + 1, last == first ? "" : "s",
                                           options->start_ds, options->end_ds);
}

// ---- what a process tells -----------------------------------------------------------------------

/// First in the pipe; then the table's and the cause's texts, steps and timings.
struct told {
  chn_status status;
  struct chn_err err;
  uint64_t rows;
  uint64_t peak_rss;
  int32_t partitions;
  int32_t n_steps;
  int32_t n_timings;
  char table[1024];
  char idle[512];
  char first_ds[CHN_DS_SIZE];
};

struct told_timing {
  char stage[32];
  double seconds;
  uint64_t rows;
};

static void put(int fd, const void *bytes, size_t len)
{
  const char *at = bytes;
  while (len > 0) {
    const ssize_t n = write(fd, at, len);
    if (n < 0 && errno != EINTR) {
      _exit(CLI_FAILED); // nobody listens any more
    }
    at += n > 0 ? n : 0;
    len -= n > 0 ? (size_t)n : 0;
  }
}

static void copy_text(char *out, size_t size, const char *text)
{
  snprintf(out, size, "%s", text != NULL ? text : "");
}

static void tell(int fd, chn_status status, const struct chn_err *err, const struct batch_report *r,
                 const char *first_ds)
{
  struct told t = { .status = status,
                    .err = *err,
                    .rows = r->rows,
                    .peak_rss = r->peak_rss,
                    .partitions = r->partitions,
                    .n_steps = r->n_steps,
                    .n_timings = r->n_timings };
  copy_text(t.table, sizeof t.table, r->table);
  copy_text(t.idle, sizeof t.idle, r->idle);
  copy_text(t.first_ds, sizeof t.first_ds, first_ds);
  put(fd, &t, sizeof t);
  put(fd, r->steps, (size_t)r->n_steps * sizeof *r->steps);
  for (int32_t i = 0; i < r->n_timings; i++) {
    struct told_timing timing = { .seconds = r->timings[i].seconds, .rows = r->timings[i].rows };
    copy_text(timing.stage, sizeof timing.stage, r->timings[i].stage);
    put(fd, &timing, sizeof timing);
  }
}

static void add_timing(struct batch_report *r, const struct told_timing *t)
{
  int32_t i = 0;
  while (i < r->n_timings && strcmp(r->timings[i].stage, t->stage) != 0) {
    i++;
  }
  if (i == r->n_timings) {
    struct batch_timing *all = arena_alloc(&r->arena, ((size_t)i + 1) * sizeof *all);
    if (i > 0) {
      memcpy(all, r->timings, (size_t)i * sizeof *all);
    }
    all[i] = (struct batch_timing){ .stage = arena_strdup(&r->arena, t->stage) };
    r->timings = all;
    r->n_timings++;
  }
  r->timings[i].seconds += t->seconds;
  r->timings[i].rows += t->rows;
}

/// Adds what a process told to the report; the answer of batch_prepare to first_ds.
static chn_status hear(struct range *range, struct batch_report *r, char *first_ds)
{
  struct told t;
  const size_t len = range->told.len;
  if (len < sizeof t) {
    return chn_fail(&range->err, CHN_E_INTERNAL, "the process ended without a word");
  }
  const char *at = range->told.data;
  memcpy(&t, at, sizeof t);
  at += sizeof t;
  const size_t steps = (size_t)t.n_steps * sizeof(struct batch_step);
  if (len != sizeof t + steps + (size_t)t.n_timings * sizeof(struct told_timing)) {
    return chn_fail(&range->err, CHN_E_INTERNAL, "the process ended in the middle of its report");
  }
  struct batch_step *all =
      arena_calloc(&r->arena, (size_t)(r->n_steps + t.n_steps) + 1, sizeof *all);
  if (r->n_steps > 0) {
    memcpy(all, r->steps, (size_t)r->n_steps * sizeof *all);
  }
  memcpy(all + r->n_steps, at, steps);
  at += steps;
  r->steps = all;
  r->n_steps += t.n_steps;
  for (int32_t i = 0; i < t.n_timings; i++, at += sizeof(struct told_timing)) {
    struct told_timing timing;
    memcpy(&timing, at, sizeof timing);
    add_timing(r, &timing);
  }
  r->rows += t.rows;
  r->partitions += t.partitions;
  r->peak_rss += t.peak_rss; // they run at the same time
  r->table = t.table[0] != '\0' ? arena_strdup(&r->arena, t.table) : r->table;
  r->idle = t.idle[0] != '\0' ? arena_strdup(&r->arena, t.idle) : r->idle;
  memcpy(first_ds, t.first_ds, sizeof t.first_ds);
  range->err = t.err;
  return t.status;
}

// ---- a process ----------------------------------------------------------------------------------

static const char *name_of(const struct ranges *all, const struct range *r)
{
  return arena_printf(&all->ctx->arena, "%s to %s", r->start, r->end);
}

struct voice {
  const struct ranges *all;
  const char *range;
};

static void on_stage(void *user, const char *text)
{
  const struct voice *v = user;
  cli_note(v->all->ctx, "[%6.1f s] %s: %s", (chn_monotonic_ms() - v->all->start_ms) / 1000,
           v->range, text);
}

static void on_note(void *user, const char *text)
{
  const struct voice *v = user;
  cli_note(v->all->ctx, "note: %s: %s", v->range, text);
}

static bool on_cancelled(void *user)
{
  (void)user;
  return cli_interrupted();
}

/// The whole life of a process; `sharing` is how many run at once, 0: it prepares.
static void live(const struct ranges *all, const struct range *r, int32_t sharing, int fd)
{
  struct batch_options o = *all->options;
  struct voice voice = { all, name_of(all, r) };
  const struct batch_progress progress = {
    .user = &voice, .stage = on_stage, .note = on_note, .cancelled = on_cancelled
  };
  struct batch_report report = { 0 };
  struct chn_err err = { 0 };
  const char *first_ds = NULL;
  o.progress = &progress;
  o.start_ds = r->start;
  o.end_ds = r->end;
  if (sharing > 0) {
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int threads = o.threads > 0 ? o.threads : (int)(cores > 0 ? cores : 1);
    const uint64_t limit = o.memory_limit > 0 ? o.memory_limit : chn_machine_memory() / 10 * 6;
    o.all_start_ds = all->first;
    o.all_end_ds = all->last;
    o.run_first_hole = true;
    o.threads = threads / sharing > 1 ? threads / sharing : 1;
    o.memory_limit = limit / (uint64_t)sharing;
  }
  chn_status status = cli_warehouse_open_as(all->ctx, o.threads, o.memory_limit, &o.wh, &err);
  if (status == CHN_OK) {
    status = sharing > 0 ? batch_backfill(all->conf, &o, &report, &err)
                         : batch_prepare(all->conf, &o, &report, &first_ds, &err);
    cli_warehouse_close(o.wh);
  }
  tell(fd, status, &err, &report, first_ds);
  batch_report_deinit(&report);
  _exit(CLI_DONE);
}

static chn_status start(const struct ranges *all, struct range *r, int32_t sharing,
                        struct chn_err *err)
{
  int ends[2];
  fflush(NULL);
  const pid_t parent = getpid();
  if (pipe(ends) != 0) {
    return chn_fail(err, CHN_E_IO, "cannot make a pipe: %s", strerror(errno));
  }
  r->pid = fork();
  if (r->pid < 0) {
    close(ends[0]);
    close(ends[1]);
    return chn_fail(err, CHN_E_IO, "cannot start a process: %s", strerror(errno));
  }
  if (r->pid == 0) {
    // A group of its own: Ctrl-C reaches it once, by its parent, whose death it does not outlive.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
      _exit(CLI_FAILED);
    }
    close(ends[0]);
    live(all, r, sharing, ends[1]);
  }
  close(ends[1]);
  r->pipe = ends[0];
  return CHN_OK;
}

/// Lets it end and reads what it tells. Ctrl-C is passed on to all that still run.
static void finish(struct ranges *all, struct range *list, int32_t n, int32_t i)
{
  struct range *r = &list[i];
  char bytes[4096];
  for (;;) {
    if (cli_interrupted() && !all->stopped) {
      for (int32_t k = i; k < n; k++) {
        kill(list[k].pid, SIGINT);
      }
      all->stopped = true;
    }
    const ssize_t got = read(r->pipe, bytes, sizeof bytes);
    if (got > 0) {
      chn_buf_add(&r->told, bytes, (size_t)got);
    } else if (got == 0 || errno != EINTR) {
      break;
    }
  }
  close(r->pipe);
  int how = 0;
  while (waitpid(r->pid, &how, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(how)) {
    cli_note(all->ctx, "note: the process of %s to %s was ended by signal %d", r->start, r->end,
             WTERMSIG(how));
  }
}

// ---- all of them --------------------------------------------------------------------------------

static chn_status prepare(struct ranges *all, struct batch_report *report, char *first_ds,
                          struct chn_err *err)
{
  struct range whole = { 0 };
  copy_text(whole.start, sizeof whole.start, all->options->start_ds);
  copy_text(whole.end, sizeof whole.end, all->options->end_ds);
  chn_status status = start(all, &whole, 0, err);
  if (status != CHN_OK) {
    return status;
  }
  finish(all, &whole, 1, 0);
  status = hear(&whole, report, first_ds);
  chn_buf_deinit(&whole.told);
  if (status != CHN_OK) {
    *err = whole.err;
  }
  return status;
}

/// Ranges of the same length, the last takes what is over; days before first_ds are left out.
static void cut(struct ranges *all, int32_t n, const char *first_ds)
{
  int32_t first = 0;
  int32_t last = 0;
  int32_t from = 0;
  chn_day_of_ds(all->options->start_ds, &first, NULL);
  chn_day_of_ds(all->options->end_ds, &last, NULL);
  chn_day_of_ds(first_ds, &from, NULL);
  const int32_t length = (last - first + 1) / n;
  all->list = arena_calloc(&all->ctx->arena, (size_t)n, sizeof *all->list);
  for (int32_t i = 0; i < n; i++) {
    const int32_t begin = first + i * length;
    const int32_t end = i + 1 == n ? last : begin + length - 1;
    if (end >= from) {
      struct range *r = &all->list[all->n++];
      chn_ds_of_day(begin > from ? begin : from, r->start);
      chn_ds_of_day(end, r->end);
    }
  }
  chn_ds_of_day(from > first ? from : first, all->first);
  chn_ds_of_day(last, all->last);
}

static chn_status run_all(struct ranges *all, struct batch_report *report, struct chn_err *err)
{
  char unused[CHN_DS_SIZE];
  int32_t started = 0;
  int32_t failed = 0;
  chn_status status = CHN_OK;
  while (started < all->n && status == CHN_OK) {
    status = start(all, &all->list[started], all->n, err);
    started += status == CHN_OK;
  }
  for (int32_t i = 0; i < started; i++) {
    struct range *r = &all->list[i];
    finish(all, all->list, started, i);
    if (hear(r, report, unused) != CHN_OK) {
      chn_wrap(&r->err, "%s to %s", r->start, r->end);
      *err = failed++ == 0 && status == CHN_OK ? r->err : *err;
    }
    chn_buf_deinit(&r->told);
  }
  if (failed == 0 || status != CHN_OK) {
    return status;
  }
  for (int32_t i = 0; i < started && failed > 1; i++) {
    if (all->list[i].err.code != CHN_OK) {
      cli_note(all->ctx, "failed: %s", all->list[i].err.msg);
    }
  }
  return err->code == CHN_E_CANCELLED
             ? err->code
             : chn_wrap(err, "%d of %d ranges failed, the first", failed, all->n);
}

/// Of all processes this one is the last: it may open the engine.
static chn_status settle(const struct ranges *all, struct batch_report *report, struct chn_err *err)
{
  struct batch_options o = *all->options;
  o.start_ds = all->first;
  chn_status status = cli_warehouse_open_as(all->ctx, 1, o.memory_limit, &o.wh, err);
  if (status == CHN_OK) {
    status = batch_settle(all->conf, &o, report, err);
    cli_warehouse_close(o.wh);
  }
  return status;
}

chn_status run_ranges(struct cli_context *ctx, const struct model_conf *conf,
                      struct batch_options *options, int32_t n, struct chn_err *err)
{
  struct ranges all = {
    .ctx = ctx, .conf = conf, .options = options, .start_ms = chn_monotonic_ms()
  };
  struct batch_report prepared = { 0 };
  struct batch_report report = { 0 };
  char first_ds[CHN_DS_SIZE] = "";
  cli_watch_signals();
  chn_status status = prepare(&all, &prepared, first_ds, err);
  if (status == CHN_OK) {
    cut(&all, n, first_ds);
    status = run_all(&all, &report, err);
    if (status == CHN_OK && all.n > 0 && !options->dry_run && options->n_selected_parts == 0) {
      status = settle(&all, &report, err);
    }
  }
  if (report.table == NULL) {
    report.table = prepared.table != NULL ? prepared.table : conf->name;
  }
  const double seconds = (chn_monotonic_ms() - all.start_ms) / 1000;
  if (status == CHN_OK && options->dry_run) {
    cli_report_plan(ctx, &report);
  } else if (status == CHN_OK) {
    cli_report_backfill(ctx, conf, &report, seconds);
  } else {
    cli_report_broken(ctx, &report);
  }
  batch_report_deinit(&prepared);
  batch_report_deinit(&report);
  return status;
}
