// chronon(1), of the same tables as the help texts: roff's man macros.
#include <string.h>

#include "cli/help.h"

/// Text of a paragraph: a backslash, and a dot or quote at the start of a line, mean something to
/// roff; a hyphen that is typed must be one.
static void add_text(struct chn_buf *out, const char *text)
{
  bool start = true;
  for (; *text != '\0'; text++) {
    if (start && (*text == '.' || *text == '\'')) {
      chn_buf_adds(out, "\\&");
    }
    if (*text == '\\') {
      chn_buf_adds(out, "\\e");
    } else if (*text == '-') {
      chn_buf_adds(out, "\\-");
    } else {
      chn_buf_addc(out, *text);
    }
    start = *text == '\n';
  }
}

static void add_option(struct chn_buf *out, const struct cli_option *o)
{
  chn_buf_adds(out, ".TP\n");
  if (o->letter != 0) {
    chn_buf_addf(out, "\\fB\\-%c\\fR, ", o->letter);
  }
  chn_buf_adds(out, "\\fB");
  add_text(out, "--");
  add_text(out, o->name);
  chn_buf_adds(out, "\\fR");
  if (o->arg != NULL) {
    chn_buf_adds(out, " \\fI");
    add_text(out, o->arg);
    chn_buf_adds(out, "\\fR");
  }
  chn_buf_addc(out, '\n');
  add_text(out, o->doc);
  if (o->fallback != NULL) {
    chn_buf_adds(out, " (default ");
    add_text(out, o->fallback);
    chn_buf_addc(out, ')');
  }
  if (o->env != NULL) {
    chn_buf_adds(out, " [");
    add_text(out, o->env);
    chn_buf_addc(out, ']');
  }
  chn_buf_addc(out, '\n');
}

static void add_options(struct chn_buf *out, const struct cli_option *o)
{
  for (; o != NULL && o->name != NULL; o++) {
    if (o->kind != CLI_IGNORED && o->kind != CLI_ALIAS) {
      add_option(out, o);
    }
  }
}

static void add_shared(struct chn_buf *out, const char *title, const struct cli_option *o)
{
  chn_buf_addf(out, ".SS %s\n", title);
  add_options(out, o);
}

static void add_command(struct chn_buf *out, const struct cli_command *c)
{
  chn_buf_adds(out, ".SS \"chronon ");
  add_text(out, c->name);
  if (c->args != NULL) {
    chn_buf_addc(out, ' ');
    add_text(out, c->args);
  }
  chn_buf_adds(out, "\"\n");
  add_text(out, c->summary);
  chn_buf_adds(out, ".\n.PP\n.EX\n");
  add_text(out, c->examples);
  chn_buf_adds(out, "\n.EE\n");
  if (c->doc != NULL) {
    chn_buf_adds(out, ".PP\n");
    add_text(out, c->doc);
    chn_buf_addc(out, '\n');
  }
  add_options(out, c->options);
}

void cli_help_man(struct chn_buf *out)
{
  chn_buf_adds(out, ".TH CHRONON 1 \"\" \"chronon " CHRONON_VERSION "\"\n"
                    ".SH NAME\nchronon \\- features defined once, computed point\\-in\\-time "
                    "correct\n"
                    ".SH SYNOPSIS\n.B chronon\n.I COMMAND\n.RI [ ARGUMENT ...]\n.RI [ OPTION ...]\n"
                    ".SH DESCRIPTION\n");
  add_text(out, "Features are defined once, in Lua. The program turns history into point-in-time "
                "training tables, keeps an online store fresh from Kafka, and serves the same "
                "values at inference. Data goes to stdout, all else to stderr.\n");
  chn_buf_adds(out, ".SH COMMANDS\n");
  for (int i = 0; cli_commands[i] != NULL; i++) {
    add_command(out, cli_commands[i]);
  }
  chn_buf_adds(out, ".SH SHARED OPTIONS\n");
  add_shared(out, "\"of every command\"", cli_common_options);
  add_shared(out, "\"of commands that need a repo\"", cli_repo_options);
  add_shared(out, "\"of commands that need tables\"", cli_warehouse_options);
  add_shared(out, "\"of commands that need the online store\"", cli_store_options);
  add_shared(out, "\"of run \\-\\-mode streaming and local\\-streaming\"", cli_stream_options);
  chn_buf_adds(out, ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 130 interrupted.\n");
}
