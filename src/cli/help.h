/// help.h: texts made from the commands' tables.
#pragma once
#include "cli/context.h"

/// The overview: what the program does, its commands, the first steps.
void cli_help_overview(struct chn_buf *out);

/// Examples first, then the options.
void cli_help_command(const struct cli_command *command, struct chn_buf *out);

/// The command as the output format asks: text, or JSON. NULL: every command.
void cli_help_print(const struct cli_context *ctx, const struct cli_command *command,
                    struct chn_buf *out);

/// Appends the command as JSON: name, arguments, summary, examples, options. NULL: a list of all.
void cli_help_json(const struct cli_command *command, struct chn_buf *out);

/// docs/reference/cli.md.
void cli_help_reference(struct chn_buf *out);

/// chronon(1) in roff.
void cli_help_man(struct chn_buf *out);

const struct cli_command *cli_command_find(const char *name);

/// Fails with the nearest known command.
chn_status cli_unknown_command(const char *name, struct chn_err *err);
