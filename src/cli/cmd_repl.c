// chronon repl: a shell of Lua over the session; the shell itself is lua/repl.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/line.h"
#include "cli/rows.h"
#include "lua/shell.h"

enum { TYPED_ROWS = 1000 };

// ---- signals ----------------------------------------------------------------------------------

static struct explore *volatile running;
static struct luart_shell *volatile shell;

/// An engine between two queries does not hear an interrupt: it is said again while it works.
static void say_again(void)
{
  const struct itimerval again = { .it_value = { .tv_usec = 50000 } };
  if (explore_busy(running)) {
    explore_interrupt(running);
    setitimer(ITIMER_REAL, &again, NULL);
  }
}

static void on_signal(int number)
{
  if (number == SIGINT) {
    luart_shell_interrupt(shell);
  }
  say_again();
}

/// Ctrl-C ends a wait for the keyboard with EINTR; the repeats end nothing.
static void watch_signals(bool typed)
{
  struct sigaction action = { .sa_handler = on_signal };
  sigaction(SIGINT, &action, NULL);
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
  if (typed) {
    signal(SIGPIPE, SIG_IGN); // of a pager that is left early
  }
}

// ---- the screen -------------------------------------------------------------------------------

void cli_repl_resize(struct cli_repl *r)
{
  struct winsize size;
  if (r->height > 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    r->style.width = size.ws_col;
    r->height = size.ws_row > 0 ? size.ws_row : r->height;
  }
}

/// Opens the rows of a result.
static chn_status open_rows(struct cli_repl *r, const char *table, struct wh_result **out,
                            struct chn_err *err)
{
  struct wh *wh;
  struct chn_buf sql = { 0 };
  chn_status s = explore_readable(r->explore, table, r->style.format == CLI_JSON, &sql, err);
  if (s == CHN_OK) {
    s = explore_warehouse(r->explore, &wh, err);
  }
  if (s == CHN_OK) {
    s = wh_query(wh, chn_buf_str(&sql), out, err);
  }
  chn_buf_deinit(&sql);
  return s;
}

chn_status cli_repl_text(struct cli_repl *r, const char *table, struct chn_buf *out, bool *more,
                         struct chn_err *err)
{
  struct wh_result *rows = NULL;
  chn_status s = open_rows(r, table, &rows, err);
  if (s == CHN_OK) {
    explore_begin(r->explore);
    s = cli_rows_text(&r->style, rows, r->max_rows, out, more, err);
    s = explore_end(r->explore, s, err);
    wh_result_close(rows);
  }
  return s;
}

chn_status cli_repl_stream(struct cli_repl *r, const char *table, void *file, struct chn_err *err)
{
  struct wh_result *rows = NULL;
  chn_status s = open_rows(r, table, &rows, err);
  if (s == CHN_OK) {
    explore_begin(r->explore);
    s = cli_rows_stream(&r->style, rows, file, err);
    s = explore_end(r->explore, s, err);
    wh_result_close(rows);
  }
  return s;
}

/// What a backfill does, on a line that is gone when it ends.
static void show_stage(const char *text)
{
  fprintf(stderr, "\r\033[K");
  if (text != NULL) {
    fprintf(stderr, "\033[2m%.70s\033[0m", text);
  }
  fflush(stderr);
}

// ---- starting ---------------------------------------------------------------------------------

/// $CHRONON_HISTORY, else a file in $XDG_STATE_HOME or ~/.local/state; NULL where there is no home.
static const char *history_file(struct cli_context *ctx)
{
  const char *given = getenv("CHRONON_HISTORY"), *state = getenv("XDG_STATE_HOME"),
             *home = getenv("HOME");
  if (given != NULL) {
    return *given != '\0' ? given : NULL;
  }
  if (state == NULL || *state == '\0') {
    if (home == NULL || *home == '\0') {
      return NULL;
    }
    mkdir(arena_printf(&ctx->arena, "%s/.local", home), 0755);
    state = arena_printf(&ctx->arena, "%s/.local/state", home);
    mkdir(state, 0755);
  }
  const char *folder = arena_printf(&ctx->arena, "%s/chronon", state);
  mkdir(folder, 0700);
  return arena_printf(&ctx->arena, "%s/history", folder);
}

static chn_status read_options(struct cli_context *ctx, struct explore_options *e,
                               struct cli_repl *r, struct chn_err *err)
{
  struct wh_source *sources = NULL;
  const struct cli_value *codes = cli_args_find(&ctx->args, "code");
  *e = (struct explore_options){ .repo = ctx->repo.root,
                                 .warehouse = cli_warehouse_root(ctx),
                                 .store = cli_store_url(ctx) };
  *r = (struct cli_repl){ .codes = codes->texts,
                          .n_codes = codes->n,
                          .file = cli_get(&ctx->args, "file"),
                          .style = ctx->style,
                          .max_rows = 40,
                          .quiet = ctx->quiet,
                          .repo = ctx->repo.root,
                          .version = CHRONON_VERSION };
  if (cli_get_int(&ctx->args, "max-rows", 0, INT32_MAX, &r->max_rows, err) != CHN_OK ||
      cli_get_int(&ctx->args, "threads", 1, 1024, &e->threads, err) != CHN_OK ||
      cli_get_bytes(&ctx->args, "memory-limit", &e->memory_limit, err) != CHN_OK ||
      cli_sources(ctx, &sources, &e->n_sources, err) != CHN_OK) {
    return err->code;
  }
  e->sources = sources;
  return CHN_OK;
}

/// Somebody types when nothing else was given and both ends are a terminal.
static void open_line(struct cli_context *ctx, struct cli_repl *r)
{
  if (r->n_codes > 0 || r->file != NULL) {
    return;
  }
  if (isatty(STDIN_FILENO) && cli_is_terminal(stdout)) {
    r->line = cli_line_open(history_file(ctx));
    r->height = 24;
    const struct cli_value *rows = cli_args_find(&ctx->args, "max-rows");
    r->max_rows = rows->source == CLI_FROM_DEFAULT ? TYPED_ROWS : r->max_rows; // it pages
    cli_repl_resize(r);
  }
  if (r->line == NULL) {
    r->file = "-";
  }
}

static int run_repl(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  struct explore_options options;
  struct cli_repl r;
  struct luart_shell *sh = NULL;
  int code = CLI_FAILED;
  if (cli_repo_find(ctx, CLI_REPO_MAY_LACK, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  if (read_options(ctx, &options, &r, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  chn_status s = luart_shell_open(&sh, &err);
  if (s == CHN_OK) {
    open_line(ctx, &r);
    options.stage = r.line != NULL && !r.quiet ? show_stage : NULL;
    r.explore = explore_open(&options);
    shell = sh;
    running = r.explore;
    watch_signals(r.line != NULL);
    s = luart_shell_run(sh, "repl", &r, &code, &err);
    shell = NULL;
    running = NULL;
    luart_shell_close(sh);
    cli_line_close(r.line);
    explore_close(r.explore);
  }
  return s == CHN_OK ? code : cli_fail(ctx, &err, false);
}

static const struct cli_option options[] = {
  { "code", 'c', CLI_LIST, "CODE", NULL, NULL, "run this Lua instead; may be repeated" },
  { "file", 'f', CLI_VALUE, "FILE", NULL, NULL, "run a file instead; - is stdin" },
  { "max-rows", 'n', CLI_VALUE, "N", "40", NULL, "rows of a table or Markdown; 0 shows all" },
  { .name = NULL },
};

const struct cli_command cli_cmd_repl = {
  .name = "repl",
  .summary = "a shell to look at tables, try definitions and take values apart",
  .examples = "chronon repl  # help says what there is; Ctrl-D leaves\n"
              "chronon repl -c 'load(\"shop.spending.v1\"):backfill { ds = \"2024-03-07\" }'\n"
              "chronon repl -o json -c 'sql [[SELECT count(*) AS n FROM raw.purchases]]'\n"
              "chronon repl -f session.lua",
  .doc = "The shell is Lua, with the constructors of definitions as `c`. What a line gives is "
         "printed. Backfills go to a scratch table. docs/reference/repl.md tells it all.",
  .options = options,
  .uses_repo = true,
  .uses_warehouse = true,
  .uses_store = true,
  .run = run_repl,
};
