#include "cli/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/time.h"

enum { REDRAW_MS = 100, MIN_WIDTH = 20 };

static const char CLEAR_LINE[] = "\r\033[K";

static size_t terminal_width(void)
{
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > MIN_WIDTH ? size.ws_col : 80;
}

// The line is cut to the terminal: a wrapped one could not be cleared.
static void draw(struct cli_progress *p, double now)
{
  struct chn_buf line = { 0 };
  chn_buf_addf(&line, "%s", p->stage);
  if (p->meter.done) {
    chn_buf_adds(&line, ": ");
    obs_meter_print(&p->meter, now, &line);
  }
  fprintf(stderr, "%s%.*s", CLEAR_LINE, (int)terminal_width() - 1, chn_buf_str(&line));
  fflush(stderr);
  chn_buf_deinit(&line);
  p->drawn_ms = now;
}

static void on_stage(void *user, const char *text)
{
  struct cli_progress *p = user;
  const double now = chn_monotonic_ms();
  obs_meter_start(&p->meter, now);
  snprintf(p->stage, sizeof p->stage, "%s", text);
  if (p->live) {
    draw(p, now);
  } else {
    cli_note(p->ctx, "[%6.1f s] %s", (now - p->start_ms) / 1000, text);
  }
}

static void on_rows(void *user, uint64_t done, uint64_t total)
{
  struct cli_progress *p = user;
  const double now = chn_monotonic_ms();
  obs_meter_set(&p->meter, done, total);
  if (p->live && now - p->drawn_ms >= REDRAW_MS) {
    draw(p, now);
  }
}

static void on_note(void *user, const char *text)
{
  struct cli_progress *p = user;
  cli_progress_end(p);
  cli_note(p->ctx, "note: %s", text);
  if (p->live) {
    draw(p, chn_monotonic_ms());
  }
}

static bool on_cancelled(void *user)
{
  (void)user;
  return cli_interrupted();
}

void cli_progress_init(struct cli_progress *p, const struct cli_context *ctx)
{
  *p = (struct cli_progress){
    .callbacks = { .user = p,
                   .stage = on_stage,
                   .rows = on_rows,
                   .note = on_note,
                   .cancelled = on_cancelled },
    .ctx = ctx,
    .live = cli_is_terminal(stderr) && !ctx->quiet,
    .start_ms = chn_monotonic_ms(),
  };
}

void cli_progress_end(struct cli_progress *p)
{
  if (p->live) {
    fputs(CLEAR_LINE, stderr);
    fflush(stderr);
  }
}
