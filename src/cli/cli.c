#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/near.h"
#include "cli/complete.h"
#include "cli/context.h"
#include "cli/help.h"

extern const struct cli_command cli_cmd_init, cli_cmd_compile, cli_cmd_convert, cli_cmd_run,
    cli_cmd_fetch, cli_cmd_explain, cli_cmd_repl, cli_cmd_test, cli_cmd_serve, cli_cmd_sql,
    cli_cmd_tables, cli_cmd_stats, cli_cmd_doctor, cli_cmd_completion, cli_cmd_version,
    cli_cmd_help;

const struct cli_command *const cli_commands[] = {
  // in the order of a newcomer's day
  &cli_cmd_init,
  &cli_cmd_compile,
  &cli_cmd_convert,
  &cli_cmd_test,
  &cli_cmd_run,
  &cli_cmd_fetch,
  &cli_cmd_explain,
  &cli_cmd_repl,
  &cli_cmd_serve,
  &cli_cmd_sql,
  &cli_cmd_tables,
  &cli_cmd_stats,
  &cli_cmd_doctor,
  &cli_cmd_completion,
  &cli_cmd_version,
  &cli_cmd_help,
  NULL,
};

static int32_t terminal_width(void)
{
  struct winsize size;
  const char *columns = getenv("COLUMNS");
  const int given = columns ? atoi(columns) : 0;
  if (given > 0) {
    return given;
  }
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 120;
}

static chn_status read_format(struct cli_context *ctx, struct chn_err *err)
{
  static const char *const names[] = { "table", "json", "csv", "markdown" };
  const char *text = cli_get(&ctx->args, "output");
  for (int i = 0; i < 4; i++) {
    if (strcmp(text, names[i]) == 0) {
      ctx->style.format = (enum cli_format)i;
      return CHN_OK;
    }
  }
  const char *near = chn_near(text, names, 4);
  return chn_fail(err, CHN_E_ARGUMENT,
                  "--output \"%s\": table, json, csv or markdown is needed%s%s%s", text,
                  near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

// Errors of the command line itself come before its options are read.
static bool asks_for_json(int argc, char **argv)
{
  const char *env = getenv("CHRONON_OUTPUT");
  bool json = env && strcmp(env, "json") == 0;
  for (int i = 1; i < argc; i++) {
    const char *value = NULL;
    if (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0) {
      value = i + 1 < argc ? argv[i + 1] : NULL;
    } else if (strncmp(argv[i], "--output=", 9) == 0) {
      value = argv[i] + 9;
    } else if (strncmp(argv[i], "-o", 2) == 0) {
      value = argv[i] + (argv[i][2] == '=' ? 3 : 2);
    }
    json = value ? strcmp(value, "json") == 0 : json;
  }
  return json;
}

static int run_command(const struct cli_command *command, enum cli_format format, int argc,
                       char **argv)
{
  struct cli_context ctx = { .style.format = format };
  struct chn_err err = { 0 };
  if (cli_args_parse(command, argc, argv, &ctx.arena, &ctx.args, &err) != CHN_OK ||
      read_format(&ctx, &err) != CHN_OK) {
    const int code = cli_fail(&ctx, &err, true);
    arena_deinit(&ctx.arena);
    return code;
  }
  ctx.quiet = cli_is_set(&ctx.args, "quiet");
  ctx.style.width = terminal_width();
  ctx.style.color = cli_is_terminal(stdout) && !cli_is_set(&ctx.args, "no-color");
  int code = CLI_DONE;
  if (cli_is_set(&ctx.args, "help")) {
    struct chn_buf out = { 0 };
    cli_help_print(&ctx, command, &out);
    cli_print(&out);
    chn_buf_deinit(&out);
  } else {
    code = command->run(&ctx);
  }
  arena_deinit(&ctx.arena);
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_DONE) {
    fprintf(stderr, "chronon: stdout: %s\n", "cannot be written");
    code = CLI_FAILED;
  }
  return code;
}

int cli_main(int argc, char **argv)
{
  struct chn_err err = { 0 };
  if (argc < 2) {
    struct chn_buf out = { 0 };
    cli_help_overview(&out);
    fputs(chn_buf_str(&out), stderr);
    chn_buf_deinit(&out);
    return CLI_USAGE;
  }
  const enum cli_format format = asks_for_json(argc, argv) ? CLI_JSON : CLI_TABLE;
  const char *name = argv[1];
  if (strcmp(name, "__complete") == 0) { // of the scripts of `chronon completion`
    struct chn_buf out = { 0 };
    cli_complete(argc - 2, argv + 2, &out);
    cli_print(&out);
    chn_buf_deinit(&out);
    return CLI_DONE;
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
    name = "help";
  } else if (strcmp(name, "--version") == 0) {
    name = "version";
  }
  const struct cli_command *command = cli_command_find(name);
  if (!command) {
    const struct cli_context none = { .style.format = format };
    cli_unknown_command(name, &err);
    return cli_fail(&none, &err, true);
  }
  return run_command(command, format, argc - 2, argv + 2);
}
