// The commands' tables as JSON, for completions and wrappers.
#include <string.h>

#include "cli/help.h"

static void text(struct codec_json_writer *w, const char *key, const char *value)
{
  codec_json_key(w, key);
  if (value) {
    codec_json_string(w, value, strlen(value));
  } else {
    codec_json_null(w);
  }
}

static void options(struct codec_json_writer *w, const struct cli_option *o)
{
  static const char *const kinds[] = { "flag", "value", "list", "ignored", "alias" };
  for (; o && o->name; o++) {
    const char letter[2] = { o->letter, '\0' };
    codec_json_begin(w, '{');
    text(w, "name", o->name);
    text(w, "letter", o->letter ? letter : NULL);
    text(w, "kind", kinds[o->kind]);
    text(w, "value", o->arg);
    text(w, "default", o->fallback);
    text(w, "environment", o->env);
    text(w, "doc", o->doc);
    codec_json_end(w, '}');
  }
}

static void command_json(struct codec_json_writer *w, const struct cli_command *c)
{
  codec_json_begin(w, '{');
  text(w, "name", c->name);
  text(w, "arguments", c->args);
  text(w, "summary", c->summary);
  text(w, "examples", c->examples);
  text(w, "doc", c->doc);
  codec_json_key(w, "options");
  codec_json_begin(w, '[');
  const struct cli_option *lists[CLI_OPTION_LISTS];
  cli_option_lists(c, lists);
  for (int i = 0; i < CLI_OPTION_LISTS; i++) {
    options(w, lists[i]);
  }
  codec_json_end(w, ']');
  codec_json_end(w, '}');
}

void cli_help_json(const struct cli_command *command, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  if (command) {
    command_json(&w, command);
  } else {
    codec_json_begin(&w, '{');
    codec_json_key(&w, "commands");
    codec_json_begin(&w, '[');
    for (int i = 0; cli_commands[i]; i++) {
      command_json(&w, cli_commands[i]);
    }
    codec_json_end(&w, ']');
    codec_json_end(&w, '}');
  }
  chn_buf_addc(out, '\n');
}
