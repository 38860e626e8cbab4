// run --mode streaming and local-streaming: a thread for each GroupBy, and one that watches.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/conf.h"
#include "cli/run_modes.h"
#include "cli/stream.h"
#include "http/scrape.h"
#include "kv/kv.h"
#include "obs/metrics.h"
#include "stream/stream.h"

enum { LOOK_MS = 200, RATE_MS = 1000 };

/// One GroupBy on its way.
struct stream_task {
  struct stream_job *job;
  struct cli_stream_sinks sinks; ///< its own: a sink is used by one thread
  pthread_t thread;
  bool started;
  atomic_bool done;
  chn_status status;
  struct chn_err err;
  double seen_ms; ///< when `seen` messages had been read
  int64_t seen;
  double rate; ///< messages a second then
};

struct streams {
  struct cli_context *ctx;
  bool local;
  struct kv_store *store;
  struct obs_metrics *metrics;
  struct http_scrape *scrape;
  struct stream_options o;
  struct cli_stream_enrich *enrich;
  struct stream_task *tasks;
  int32_t n;
  pthread_mutex_t lock; ///< of the terminal
  int32_t drawn;        ///< lines of status that stand there
  int32_t name_width;   ///< of the longest GroupBy's name
};

// ---- what is said -----------------------------------------------------------------------------

/// Removes the status; the cursor stands in its last line.
static void wipe(struct streams *s)
{
  if (s->drawn > 1) {
    fprintf(stderr, "\033[%dA", s->drawn - 1);
  }
  if (s->drawn > 0) {
    fputs("\r\033[J", stderr);
    s->drawn = 0;
  }
}

static void say(void *self, const char *line)
{
  struct streams *s = self;
  pthread_mutex_lock(&s->lock);
  wipe(s);
  cli_note(s->ctx, "%s", line);
  pthread_mutex_unlock(&s->lock);
}

/// Messages a second, of the last second or so.
static double rate_of(struct stream_task *t, int64_t messages)
{
  const double now = chn_monotonic_ms();
  if (now - t->seen_ms >= RATE_MS) {
    t->rate = t->seen_ms > 0 ? (double)(messages - t->seen) * 1e3 / (now - t->seen_ms) : 0;
    t->seen_ms = now;
    t->seen = messages;
  }
  return t->rate;
}

/// A line a GroupBy, as many as the terminal has room for, cut to its width: wrapped ones could not
/// be removed.
static void draw(struct streams *s)
{
  const struct cli_stream_screen screen = cli_stream_screen();
  const int32_t n = s->n <= screen.rows ? s->n : screen.rows - 1;
  struct chn_buf all = { 0 };
  struct chn_buf line = { 0 };
  pthread_mutex_lock(&s->lock);
  if (s->drawn > 1) {
    chn_buf_addf(&all, "\033[%dA", s->drawn - 1);
  }
  for (int32_t i = 0; i < n; i++) {
    struct stream_status at;
    stream_job_status(s->tasks[i].job, &at);
    chn_buf_clear(&line);
    cli_stream_line(&at, s->name_width, rate_of(&s->tasks[i], at.messages), &line);
    chn_buf_addf(&all, "%s\r%.*s\033[K", i > 0 ? "\n" : "", screen.columns - 1, chn_buf_str(&line));
  }
  if (n < s->n) {
    chn_buf_addf(&all, "\n\rand %d more\033[K", s->n - n);
  }
  s->drawn = n + (n < s->n);
  fputs(chn_buf_str(&all), stderr);
  fflush(stderr);
  pthread_mutex_unlock(&s->lock);
  chn_buf_deinit(&line);
  chn_buf_deinit(&all);
}

// ---- running ----------------------------------------------------------------------------------

static void *run_task(void *arg)
{
  struct stream_task *t = arg;
  t->status = stream_job_run(t->job, &t->err);
  atomic_store(&t->done, true);
  return NULL;
}

static void stop_all(struct streams *s)
{
  for (int32_t i = 0; i < s->n; i++) {
    stream_job_stop(s->tasks[i].job);
  }
}

/// Until all have ended. One that fails ends the others: a process that has lost one of its streams
/// must be seen to have failed.
static void watch(struct streams *s)
{
  const bool live = cli_is_terminal(stderr) && !s->ctx->quiet;
  const struct timespec pause = { 0, LOOK_MS * 1000000L };
  int32_t left = s->n;
  while (left > 0) {
    left = 0;
    bool failed = false;
    for (int32_t i = 0; i < s->n; i++) {
      const bool done = atomic_load(&s->tasks[i].done);
      left += !done;
      failed = failed || (done && s->tasks[i].status != CHN_OK);
    }
    if (failed || cli_interrupted()) {
      stop_all(s);
    }
    if (live) {
      draw(s);
    }
    if (left > 0) {
      nanosleep(&pause, NULL);
    }
  }
  pthread_mutex_lock(&s->lock);
  wipe(s);
  fflush(stderr);
  pthread_mutex_unlock(&s->lock);
}

static chn_status start_all(struct streams *s, struct chn_err *err)
{
  for (int32_t i = 0; i < s->n; i++) {
    struct stream_task *t = &s->tasks[i];
    t->started = pthread_create(&t->thread, NULL, run_task, t) == 0;
    if (!t->started) {
      atomic_store(&t->done, true);
      t->status = chn_fail(&t->err, CHN_E_IO, "no thread for it");
    }
  }
  watch(s);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < s->n; i++) {
    struct stream_task *t = &s->tasks[i];
    if (t->started) {
      pthread_join(t->thread, NULL);
    }
    if (t->status != CHN_OK && status == CHN_OK) {
      struct stream_status at;
      stream_job_status(t->job, &at);
      *err = t->err;
      status = chn_wrap(err, "%s", at.group_by);
    }
  }
  return status;
}

// ---- opening ----------------------------------------------------------------------------------

/// The definitions of --conf A,B.
static chn_status read_names(struct cli_context *ctx, const char ***names, int32_t *n,
                             struct chn_err *err)
{
  const char *confs = cli_get(&ctx->args, "conf");
  const char **all = arena_calloc(&ctx->arena, strlen(confs) + 1, sizeof *all);
  *names = all;
  for (const char *at = confs; *at != '\0';) {
    const size_t len = strcspn(at, ",");
    const char *name = arena_strndup(&ctx->arena, at, len);
    for (int32_t i = 0; i < *n; i++) {
      if (strcmp(all[i], name) == 0) {
        return chn_fail(err, CHN_E_ARGUMENT, "--conf names %s twice", name);
      }
    }
    if (len > 0) {
      all[(*n)++] = name;
    }
    at += len + (at[len] == ',');
  }
  if (*n == 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "--conf \"%s\" names no definition", confs);
  }
  return *n > 1 && cli_get(&ctx->args, "group") != NULL
             ? chn_fail(err, CHN_E_ARGUMENT,
                        "--group is of one GroupBy: several would share its offsets")
             : CHN_OK;
}

static chn_status open_one(struct streams *s, struct wh *wh, const char *name, struct chn_err *err)
{
  struct stream_task *t = &s->tasks[s->n];
  struct stream_options o = s->o;
  struct model_conf conf = { 0 };
  chn_status status = cli_conf_read(s->ctx, "conf", name, &conf, err);
  if (status == CHN_OK && conf.kind != MODEL_GROUP_BY) {
    status =
        chn_fail(err, CHN_E_ARGUMENT,
                 "--conf %s is a %s: GroupBys have streams; a Join is fresh when its parts are",
                 name, model_kind_name(conf.kind));
  }
  if (status == CHN_OK) {
    status = cli_stream_sinks_open(s->ctx, conf.as.group_by, &o, &t->sinks, err);
  }
  if (status == CHN_OK) {
    status = stream_job_open(s->store, wh, conf.as.group_by, &o, &t->job, err);
  }
  if (status == CHN_OK) {
    const int32_t width = (int32_t)strlen(conf.meta_data->name);
    s->name_width = width > s->name_width ? width : s->name_width;
    s->n++;
  }
  return status;
}

static chn_status open_all(struct streams *s, struct wh *wh, struct chn_err *err)
{
  const char **names = NULL;
  int32_t n = 0;
  chn_status status = read_names(s->ctx, &names, &n, err);
  s->tasks = chn_calloc((size_t)n + 1, sizeof *s->tasks);
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    status = open_one(s, wh, names[i], err);
  }
  return status;
}

static chn_status open_metrics(struct streams *s, struct chn_err *err)
{
  int32_t port = 0;
  s->metrics = s->o.metrics = obs_metrics_new();
  if (cli_get(&s->ctx->args, "metrics-port") == NULL) {
    return CHN_OK;
  }
  chn_status status = cli_get_int(&s->ctx->args, "metrics-port", 0, 65535, &port, err);
  if (status == CHN_OK) {
    status = http_scrape_open(port, s->metrics, &s->scrape, err);
  }
  if (status == CHN_OK) {
    cli_note(s->ctx, "metrics at http://127.0.0.1:%d/metrics", http_scrape_port(s->scrape));
  }
  return status;
}

static void close_all(struct streams *s)
{
  for (int32_t i = 0; i < s->n; i++) {
    stream_job_close(s->tasks[i].job);
  }
  for (int32_t i = 0; s->tasks != NULL && i <= s->n; i++) { // the last may have failed to open
    cli_stream_sinks_close(&s->tasks[i].sinks);
  }
  free(s->tasks);
  cli_stream_enrich_free(s->enrich);
  http_scrape_close(s->scrape);
  obs_metrics_free(s->metrics);
  kv_close(s->store);
  pthread_mutex_destroy(&s->lock);
}

static struct stream_job *const *jobs_of(const struct streams *s)
{
  struct stream_job **jobs = arena_calloc(&s->ctx->arena, (size_t)s->n, sizeof *jobs);
  for (int32_t i = 0; i < s->n; i++) {
    jobs[i] = s->tasks[i].job;
  }
  return jobs;
}

static chn_status run_streams(struct cli_context *ctx, struct wh *wh, bool local,
                              struct chn_err *err)
{
  struct streams s = { .ctx = ctx, .local = local };
  pthread_mutex_init(&s.lock, NULL);
  s.o.log = say;
  s.o.log_self = &s;
  chn_status status = cli_stream_options_read(ctx, local, &s.o, err);
  if (status == CHN_OK) {
    status = cli_store_open(ctx, false, &s.store, err);
  }
  if (status == CHN_OK) {
    s.o.enrich = cli_stream_enrich_new(ctx, s.store, &s.enrich);
    status = open_metrics(&s, err);
  }
  if (status == CHN_OK) {
    status = open_all(&s, wh, err);
  }
  if (status == CHN_OK) {
    cli_watch_signals();
    status = start_all(&s, err);
    cli_stream_report(ctx, jobs_of(&s), s.n);
  }
  close_all(&s);
  return status;
}

chn_status run_mode_stream(struct cli_context *ctx, const struct model_conf *conf,
                           struct batch_options *options, struct chn_err *err)
{
  (void)conf;
  return run_streams(ctx, options->wh, false, err);
}

chn_status run_mode_local_stream(struct cli_context *ctx, const struct model_conf *conf,
                                 struct batch_options *options, struct chn_err *err)
{
  (void)conf;
  return run_streams(ctx, options->wh, true, err);
}

chn_status run_mode_stream_check(struct cli_context *ctx, bool local, struct chn_err *err)
{
  static const char *const of_files[] = { "input", "follow", "replay-speed" };
  struct stream_options o = { 0 };
  const char **names = NULL;
  int32_t n = 0;
  int32_t port = 0;
  if (local && cli_get(&ctx->args, "input") == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "--input is needed: a file of messages, one a line, or a folder of such files");
  }
  for (size_t i = 0; i < sizeof of_files / sizeof *of_files && !local; i++) {
    if (cli_is_set(&ctx->args, of_files[i])) {
      return chn_fail(err, CHN_E_ARGUMENT, "--%s is of --mode local-streaming", of_files[i]);
    }
  }
  chn_status s = cli_stream_options_read(ctx, local, &o, err);
  if (s == CHN_OK && cli_get(&ctx->args, "metrics-port") != NULL) {
    s = cli_get_int(&ctx->args, "metrics-port", 0, 65535, &port, err);
  }
  return s == CHN_OK ? read_names(ctx, &names, &n, err) : s;
}
