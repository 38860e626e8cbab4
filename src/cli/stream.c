#include "cli/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/value.h"
#include "model/names.h"
#include "obs/meter.h"

enum { RECENT_MS = 48 * 3600 * 1000 };

// ---- options ----------------------------------------------------------------------------------

/// "500ms", "2s", "5min", "1h".
static chn_status read_time(const char *option, const char *text, int64_t *ms, struct chn_err *err)
{
  static const struct {
    const char *name;
    double ms;
  } units[] = { { "ms", 1 }, { "s", 1e3 }, { "min", 6e4 }, { "h", 36e5 } };
  char *end = NULL;
  const double value = strtod(text, &end);
  for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++) {
    if (strcmp(end, units[i].name) == 0 && value >= 0 && value * units[i].ms < 1e12) {
      *ms = (int64_t)(value * units[i].ms);
      return CHN_OK;
    }
  }
  return chn_fail(err, CHN_E_ARGUMENT, "--%s \"%s\": a time is needed: 500ms, 2s, 5min or 1h",
                  option, text);
}

static chn_status read_trigger(struct cli_context *ctx, int64_t *buffer_ms, struct chn_err *err)
{
  static const char buffered[] = "buffered:";
  const char *text = cli_get(&ctx->args, "trigger");
  if (strcmp(text, "element") == 0) {
    return CHN_OK;
  }
  if (strncmp(text, buffered, sizeof buffered - 1) != 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "--trigger \"%s\": element or buffered:TIME (buffered:500ms) is needed", text);
  }
  return read_time("trigger", text + sizeof buffered - 1, buffer_ms, err);
}

/// One of two words.
static chn_status read_choice(struct cli_context *ctx, const char *option, const char *no,
                              const char *yes, bool *out, struct chn_err *err)
{
  const char *text = cli_get(&ctx->args, option);
  *out = strcmp(text, yes) == 0;
  return *out || strcmp(text, no) == 0
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT, "--%s \"%s\": %s or %s is needed", option, text, no,
                        yes);
}

static chn_status read_settings(struct cli_context *ctx, struct source_kafka_options *k,
                                struct chn_err *err)
{
  const struct cli_value *v = cli_args_find(&ctx->args, "kafka");
  struct stream_setting *s = arena_calloc(&ctx->arena, (size_t)v->n + 1, sizeof *s);
  for (int32_t i = 0; i < v->n; i++) {
    const char *eq = strchr(v->texts[i], '=');
    if (eq == NULL || eq == v->texts[i]) {
      return chn_fail(err, CHN_E_ARGUMENT, "--kafka \"%s\": NAME=VALUE is needed", v->texts[i]);
    }
    s[i].name = arena_strndup(&ctx->arena, v->texts[i], (size_t)(eq - v->texts[i]));
    s[i].value = eq + 1;
  }
  k->settings = s;
  k->n_settings = v->n;
  return CHN_OK;
}

static chn_status read_lines(struct cli_context *ctx, struct stream_options *o, struct chn_err *err)
{
  const char *speed = cli_get(&ctx->args, "replay-speed");
  o->file = cli_get(&ctx->args, "input");
  // Offsets are kept under the file's name: from another folder it is the same file.
  char *real = realpath(o->file, NULL);
  o->file = real != NULL ? arena_strdup(&ctx->arena, real) : o->file;
  free(real);
  o->lines.follow = cli_is_set(&ctx->args, "follow");
  if (speed == NULL) {
    return CHN_OK;
  }
  char *end = NULL;
  o->lines.speed = strtod(speed, &end);
  return end != speed && *end == '\0' && o->lines.speed > 0
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT, "--replay-speed \"%s\": a number above 0 is needed",
                        speed);
}

chn_status cli_stream_options_read(struct cli_context *ctx, bool local, struct stream_options *o,
                                   struct chn_err *err)
{
  bool latest = false;
  chn_status s = read_trigger(ctx, &o->buffer_ms, err);
  if (s == CHN_OK) {
    s = read_time("disorder", cli_get(&ctx->args, "disorder"), &o->disorder_ms, err);
    o->disorder_ms = o->disorder_ms == 0 ? -1 : o->disorder_ms;
  }
  if (s == CHN_OK) {
    s = read_time("chain-shift", cli_get(&ctx->args, "chain-shift"), &o->chain_shift_ms, err);
  }
  if (s == CHN_OK) {
    s = read_time("chain-delay", cli_get(&ctx->args, "chain-delay"), &o->chain_delay_ms, err);
  }
  if (s == CHN_OK) {
    s = read_choice(ctx, "on-error", "skip", "stop", &o->stop_on_error, err);
  }
  if (s == CHN_OK) {
    s = read_choice(ctx, "from", "earliest", "latest", &latest, err);
  }
  if (s == CHN_OK) {
    s = read_settings(ctx, &o->kafka, err);
  }
  int32_t rows = 0;
  if (s == CHN_OK) {
    s = cli_get_int(&ctx->args, "batch-rows", 1, 10000000, &rows, err);
    o->batch_rows = (size_t)rows;
  }
  if (s == CHN_OK && local) {
    s = read_lines(ctx, o, err);
  }
  o->folder = ctx->repo.root;
  o->group = cli_get(&ctx->args, "group");
  o->dry = cli_is_set(&ctx->args, "debug");
  o->kafka.log = o->log;
  o->kafka.self = o->log_self;
  o->kafka.bootstrap = cli_get(&ctx->args, "kafka-bootstrap");
  o->kafka.from = latest ? STREAM_FROM_LATEST : STREAM_FROM_EARLIEST;
  o->kafka.skip_gaps = cli_is_set(&ctx->args, "skip-gaps");
  return s;
}

// ---- sinks ------------------------------------------------------------------------------------

/// Where the GroupBy's own topic is, for sinks that do not say where theirs is.
static const char *own_bootstrap(struct arena *a, const struct model_group_by *gb)
{
  struct stream_topic topic;
  struct chn_err ignored;
  const char *text = NULL;
  for (int32_t i = 0; i < gb->n_sources && text == NULL; i++) {
    text = model_source_topic(&gb->sources[i]);
  }
  return text != NULL && stream_topic_parse(a, text, &topic, &ignored) == CHN_OK
             ? stream_topic_bootstrap(a, &topic)
             : NULL;
}

static chn_status open_topic(struct cli_context *ctx, const char *where,
                             const struct model_group_by *gb, const struct stream_options *o,
                             struct reject_sink *sink, struct chn_err *err)
{
  struct source_kafka_options kafka = o->kafka;
  struct stream_topic topic;
  const chn_status s = stream_topic_parse(&ctx->arena, where, &topic, err);
  if (s != CHN_OK) {
    return s;
  }
  const char *theirs = stream_topic_bootstrap(&ctx->arena, &topic);
  kafka.bootstrap = theirs != NULL            ? theirs
                    : kafka.bootstrap != NULL ? kafka.bootstrap
                                              : own_bootstrap(&ctx->arena, gb);
  return reject_sink_kafka(where, &kafka, sink, err);
}

static chn_status open_sink(struct cli_context *ctx, const char *option,
                            const struct model_group_by *gb, const struct stream_options *o,
                            struct reject_sink *sink, const struct reject_sink **out,
                            struct chn_err *err)
{
  static const char kafka[] = "kafka:";
  const char *where = cli_get(&ctx->args, option);
  if (where == NULL) {
    return CHN_OK;
  }
  const chn_status s = strncmp(where, kafka, sizeof kafka - 1) == 0
                           ? open_topic(ctx, where + sizeof kafka - 1, gb, o, sink, err)
                           : reject_sink_file(where, sink, err);
  *out = s == CHN_OK ? sink : NULL;
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "--%s", option);
}

chn_status cli_stream_sinks_open(struct cli_context *ctx, const struct model_group_by *gb,
                                 struct stream_options *o, struct cli_stream_sinks *out,
                                 struct chn_err *err)
{
  if (o->dry) { // nothing is written, nothing is kept
    return CHN_OK;
  }
  const chn_status s = open_sink(ctx, "late-output", gb, o, &out->late, &o->late, err);
  return s == CHN_OK ? open_sink(ctx, "dead-letter", gb, o, &out->dead, &o->dead, err) : s;
}

void cli_stream_sinks_close(struct cli_stream_sinks *sinks)
{
  if (sinks->late.close != NULL) {
    sinks->late.close(sinks->late.self);
  }
  if (sinks->dead.close != NULL) {
    sinks->dead.close(sinks->dead.self);
  }
}

// ---- what is shown ----------------------------------------------------------------------------

struct cli_stream_screen cli_stream_screen(void)
{
  struct winsize size;
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
  return (struct cli_stream_screen){ .columns = known && size.ws_col > 20 ? size.ws_col : 80,
                                     .rows = known && size.ws_row > 2 ? size.ws_row : 24 };
}

/// "newest 2.1 s ago", or the instant where that is long ago: a file of last year.
static void add_age(const char *what, int64_t instant, struct chn_buf *out)
{
  if (instant == INT64_MIN) {
    return;
  }
  const int64_t age = chn_now_ms() - instant;
  char text[CLI_INSTANT_SIZE];
  chn_buf_addf(out, ", %s ", what);
  if (age >= 0 && age < RECENT_MS) {
    obs_print_seconds(out, (double)age / 1e3);
    chn_buf_adds(out, " ago");
  } else {
    chn_buf_adds(out, cli_instant_text(instant, text));
  }
}

static void add_count(const char *what, int64_t n, struct chn_buf *out)
{
  chn_buf_addf(out, ", %s ", what);
  obs_print_count(out, (double)n);
}

/// What matters most stands first, for narrow terminals.
void cli_stream_line(const struct stream_status *at, int32_t name_width, double rate,
                     struct chn_buf *out)
{
  chn_buf_addf(out, "%-*s  ", name_width, at->group_by);
  if (at->stalled) {
    chn_buf_adds(out, "THE STORE DOES NOT ANSWER, ");
  }
  obs_print_count(out, (double)at->messages);
  chn_buf_adds(out, " messages, ");
  obs_print_count(out, rate);
  chn_buf_adds(out, "/s");
  if (at->lag >= 0) {
    add_count("lag", at->lag, out);
  }
  if (at->late > 0) {
    add_count("late", at->late, out);
  }
  if (at->rejected > 0) {
    add_count("rejected", at->rejected, out);
  }
  add_age("newest", at->newest, out);
  add_age("watermark", at->watermark, out);
}

void cli_stream_report(struct cli_context *ctx, struct stream_job *const *jobs, int32_t n)
{
  static const struct cli_column columns[] = { { "group_by", false }, { "messages", true },
                                               { "rows", true },      { "writes", true },
                                               { "late", true },      { "rejected", true },
                                               { "newest", false } };
  struct cli_grid grid;
  struct chn_buf out = { 0 };
  char newest[CLI_INSTANT_SIZE];
  cli_grid_init(&grid, columns, sizeof columns / sizeof *columns);
  for (int32_t i = 0; i < n; i++) {
    struct stream_status at;
    stream_job_status(jobs[i], &at);
    cli_grid_add(&grid, at.group_by);
    cli_grid_addf(&grid, "%lld", (long long)at.messages);
    cli_grid_addf(&grid, "%lld", (long long)at.rows);
    cli_grid_addf(&grid, "%lld", (long long)at.writes);
    cli_grid_addf(&grid, "%lld", (long long)at.late);
    cli_grid_addf(&grid, "%lld", (long long)at.rejected);
    cli_grid_add(&grid, at.newest != INT64_MIN ? cli_instant_text(at.newest, newest) : NULL);
  }
  cli_grid_print(&grid, &ctx->style, &out);
  cli_print(&out);
  chn_buf_deinit(&out);
  cli_grid_deinit(&grid);
}
