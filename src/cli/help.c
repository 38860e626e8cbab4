#include "cli/help.h"

#include <string.h>

#include "base/near.h"

const struct cli_command *cli_command_find(const char *name)
{
  for (int i = 0; cli_commands[i]; i++) {
    if (strcmp(cli_commands[i]->name, name) == 0) {
      return cli_commands[i];
    }
  }
  return NULL;
}

chn_status cli_unknown_command(const char *name, struct chn_err *err)
{
  const char *names[64];
  size_t n = 0;
  for (; cli_commands[n] && n < 64; n++) {
    names[n] = cli_commands[n]->name;
  }
  const char *near = chn_near(name, names, n);
  if (near) {
    return chn_fail(err, CHN_E_ARGUMENT, "unknown command \"%s\" (did you mean %s?)", name, near);
  }
  return chn_fail(err, CHN_E_ARGUMENT, "unknown command \"%s\"; `chronon help` lists them", name);
}

void cli_help_overview(struct chn_buf *out)
{
  chn_buf_adds(
      out,
      "chronon: features defined once, computed point-in-time correct\n\n"
      "First steps:\n"
      "  chronon init shop            # a small repo that runs\n"
      "  cd shop && chronon compile --all\n"
      "  chronon run --mode backfill --conf production/joins/shop/training_set.v1 --ds 2024-01-14\n"
      "  chronon tables\n\n"
      "Commands:\n");
  for (int i = 0; cli_commands[i]; i++) {
    chn_buf_addf(out, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
  }
  chn_buf_adds(
      out, "\n`chronon help COMMAND` shows examples and options. Data goes to stdout, all else to "
           "stderr.\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n");
}

static void add_wrapped(struct chn_buf *out, const char *text, size_t indent, size_t column)
{
  const size_t width = 96;
  for (bool first = true; *text; first = false) {
    const size_t word = strcspn(text, " ");
    if (!first && column + 1 + word > width) {
      chn_buf_addf(out, "\n%*s", (int)indent, "");
      column = indent;
    } else if (!first) {
      chn_buf_addc(out, ' ');
      column++;
    }
    chn_buf_add(out, text, word);
    column += word;
    text += word;
    text += strspn(text, " ");
  }
  chn_buf_addc(out, '\n');
}

static void add_option(const struct cli_option *o, struct chn_buf *out)
{
  struct chn_buf line = { 0 }, doc = { 0 };
  if (o->letter) {
    chn_buf_addf(&line, "  -%c, --%s", o->letter, o->name);
  } else {
    chn_buf_addf(&line, "      --%s", o->name);
  }
  if (o->arg) {
    chn_buf_addf(&line, " %s", o->arg);
  }
  chn_buf_adds(&doc, o->doc);
  if (o->fallback) {
    chn_buf_addf(&doc, " (default %s)", o->fallback);
  }
  if (o->env) {
    chn_buf_addf(&doc, " [%s]", o->env);
  }
  const size_t indent = 30;
  chn_buf_addf(out, "%-28s  ", chn_buf_str(&line));
  if (line.len > indent - 2) {
    chn_buf_addf(out, "\n%*s", (int)indent, "");
  }
  add_wrapped(out, chn_buf_str(&doc), indent, indent);
  chn_buf_deinit(&line);
  chn_buf_deinit(&doc);
}

static void add_options(const struct cli_option *o, struct chn_buf *out)
{
  for (; o && o->name; o++) {
    if (o->kind != CLI_IGNORED && o->kind != CLI_ALIAS) {
      add_option(o, out);
    }
  }
}

static void add_aliases(const struct cli_option *o, struct chn_buf *out)
{
  struct chn_buf line = { 0 };
  for (; o && o->name; o++) {
    if (o->kind == CLI_ALIAS) {
      chn_buf_addf(&line, "%s--%s (--%s)", line.len ? ", " : "Chronon's driver's names: ", o->name,
                   o->arg);
    }
  }
  if (line.len) {
    chn_buf_addc(&line, '.');
    add_wrapped(out, chn_buf_str(&line), 2, 0);
  }
  chn_buf_deinit(&line);
}

static void add_ignored(const struct cli_option *o, struct chn_buf *out)
{
  struct chn_buf line = { 0 };
  for (; o && o->name; o++) {
    if (o->kind == CLI_IGNORED) {
      chn_buf_addf(&line, "%s--%s",
                   line.len ? ", "
                            : "Taken from Chronon's command lines and without meaning here: ",
                   o->name);
    }
  }
  if (line.len) {
    chn_buf_addc(&line, '.');
    add_wrapped(out, chn_buf_str(&line), 2, 0);
  }
  chn_buf_deinit(&line);
}

static void add_all_options(const struct cli_command *c, struct chn_buf *out)
{
  const struct cli_option *lists[CLI_OPTION_LISTS];
  cli_option_lists(c, lists);
  for (int i = 0; i < CLI_OPTION_LISTS; i++) {
    add_options(lists[i], out);
  }
  add_aliases(c->options, out);
  add_ignored(c->options, out);
}

static void add_examples(const struct cli_command *c, struct chn_buf *out)
{
  for (const char *line = c->examples; *line;) {
    const size_t n = strcspn(line, "\n");
    chn_buf_addf(out, "  %.*s\n", (int)n, line);
    line += line[n] ? n + 1 : n;
  }
}

void cli_help_command(const struct cli_command *c, struct chn_buf *out)
{
  chn_buf_addf(out, "chronon %s: %s\n\nExamples:\n", c->name, c->summary);
  add_examples(c, out);
  chn_buf_addf(out, "\nUsage: chronon %s%s%s [options]\n\n", c->name, c->args ? " " : "",
               c->args ? c->args : "");
  if (c->doc) {
    add_wrapped(out, c->doc, 0, 0);
    chn_buf_addc(out, '\n');
  }
  chn_buf_adds(out, "Options:\n");
  add_all_options(c, out);
  if (c->add_help) {
    c->add_help(out);
  }
}

void cli_help_reference(struct chn_buf *out)
{
  chn_buf_adds(out,
               "# The command line\n\nMade by `chronon help --reference`; do not edit.\n\n```\n");
  cli_help_overview(out);
  chn_buf_adds(
      out,
      "```\n\nA value comes from the flag, else from the environment variable in brackets, else "
      "from\n"
      "`default.common_env` of teams.json under the name of that variable, else from the default;\n"
      "`chronon doctor` prints each value with its source. For `run`, before `common_env`: the\n"
      "definition's `env` of the mode, then the team's `--env` and `production` and `default`'s\n"
      "`production` in teams.json; CHRONON_CONFIG_ADDITIONAL_ARGS of any of these, else the\n"
      "definition's `additional_args`, are further words of the command line.\n");
  for (int i = 0; cli_commands[i]; i++) {
    chn_buf_addf(out, "\n## chronon %s\n\n```\n", cli_commands[i]->name);
    cli_help_command(cli_commands[i], out);
    chn_buf_adds(out, "```\n");
  }
}

void cli_help_print(const struct cli_context *ctx, const struct cli_command *command,
                    struct chn_buf *out)
{
  if (ctx->style.format == CLI_JSON) {
    cli_help_json(command, out);
  } else if (command) {
    cli_help_command(command, out);
  } else {
    cli_help_overview(out);
  }
}

static int run_help(struct cli_context *ctx)
{
  struct chn_buf out = { 0 };
  struct chn_err err = { 0 };
  int code = CLI_DONE;
  if (cli_is_set(&ctx->args, "reference")) {
    cli_help_reference(&out);
  } else if (cli_is_set(&ctx->args, "man")) {
    cli_help_man(&out);
  } else if (ctx->args.n_positional == 0) {
    cli_help_print(ctx, NULL, &out);
  } else {
    const struct cli_command *c = cli_command_find(ctx->args.positional[0]);
    if (c) {
      cli_help_print(ctx, c, &out);
    } else {
      cli_unknown_command(ctx->args.positional[0], &err);
      code = cli_fail(ctx, &err, true);
    }
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  return code;
}

static const struct cli_option options[] = {
  { "reference", 0, CLI_FLAG, NULL, NULL, NULL, "every command, as Markdown" },
  { "man", 0, CLI_FLAG, NULL, NULL, NULL, "every command, as a man page (roff)" },
  { .name = NULL },
};

const struct cli_command cli_cmd_help = {
  .name = "help",
  .args = "[COMMAND]",
  .max_args = 1,
  .summary = "examples and options",
  .examples = "chronon help run     # what `run` takes\n"
              "chronon help --man >chronon.1 && man ./chronon.1",
  .options = options,
  .run = run_help,
};
