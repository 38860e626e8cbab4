/// args.h: what a command takes, as one table, and its values with where each came from.
///
/// The table drives parsing, the help texts, docs/reference/cli.md and `chronon doctor`. A value
/// comes from the flag, else from the environment, else from teams.json (`default.common_env`),
/// else from the default.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum cli_option_kind {
  CLI_FLAG,    ///< takes no value
  CLI_VALUE,   ///< takes one; the last one given wins
  CLI_LIST,    ///< takes one, may be given several times
  CLI_IGNORED, ///< means something to run.py on Spark and nothing here: `doc` says why; takes a
               ///< value if `arg` is set
  CLI_ALIAS,   ///< Chronon's name of the option `arg`
};

struct cli_option {
  const char *name; ///< without the dashes; a `-` may be typed as `_`
  char letter;      ///< short form, or 0
  enum cli_option_kind kind;
  const char *arg;      ///< what the value is, as help shows it: "DS"; of an alias the option
  const char *fallback; ///< default, or NULL
  const char *env;      ///< environment variable, or NULL
  const char *doc;
};

enum cli_source { CLI_UNSET, CLI_FROM_DEFAULT, CLI_FROM_FILE, CLI_FROM_ENV, CLI_FROM_FLAG };

struct cli_value {
  const struct cli_option *option;
  enum cli_source source;
  const char **texts; ///< of a CLI_FLAG that was given: one NULL
  int32_t n;
};

struct cli_context;

struct cli_command {
  const char *name;
  const char *args; ///< positional arguments as help shows them, e.g. "[TABLE]"; NULL: none
  int32_t max_args;
  const char *summary;                   ///< one line
  const char *examples;                  ///< lines: command, two blanks, `# why`
  const char *doc;                       ///< a paragraph, or NULL
  const struct cli_option *options;      ///< ends with a NULL name; may be NULL
  void (*add_help)(struct chn_buf *out); ///< appends what else its help says; may be NULL
  bool uses_repo;                        ///< takes the options of cli_repo_options too
  bool uses_warehouse;                   ///< and those of cli_warehouse_options
  bool uses_store;                       ///< and those of cli_store_options
  bool uses_stream;                      ///< and those of cli_stream_options
  int (*run)(struct cli_context *ctx);
};

enum { CLI_OPTION_LISTS = 6 };

/// Every list of options that a command takes, its own first and those of all commands last; NULL
/// for those that it does not take. (options.c)
void cli_option_lists(const struct cli_command *c,
                      const struct cli_option *lists[CLI_OPTION_LISTS]);

extern const struct cli_option cli_common_options[]; ///< every command takes them
extern const struct cli_option cli_repo_options[];
extern const struct cli_option cli_warehouse_options[];
extern const struct cli_option cli_store_options[];
extern const struct cli_option cli_stream_options[];

struct cli_args {
  const struct cli_command *command;
  struct cli_value *values;
  int32_t n_values;
  const char **positional;
  int32_t n_positional;
};

/// Reads the words after the command's name, then the environment, then the defaults. Unknown
/// options fail with the nearest known one, CHN_E_ARGUMENT.
chn_status cli_args_parse(const struct cli_command *command, int argc, char **argv, struct arena *a,
                          struct cli_args *out, struct chn_err *err);

/// Takes further words, as a definition gives them, where the command line, and for options with a
/// variable the environment, says nothing else.
chn_status cli_args_add(struct cli_args *args, struct arena *a, int n, char **words,
                        struct chn_err *err);

/// The value of an option that the command takes, aliases resolved; NULL when it takes no such
/// option.
struct cli_value *cli_args_find(const struct cli_args *args, const char *name);

/// The text of an option, or NULL when it is unset.
const char *cli_get(const struct cli_args *args, const char *name);
bool cli_is_set(const struct cli_args *args, const char *name);

/// A whole number in [min, max]; leaves *out alone when the option is unset.
chn_status cli_get_int(const struct cli_args *args, const char *name, int32_t min, int32_t max,
                       int32_t *out, struct chn_err *err);

/// A number above 0 and up to 1; leaves *out alone when the option is unset.
chn_status cli_get_share(const struct cli_args *args, const char *name, double *out,
                         struct chn_err *err);

/// Bytes of memory: 500M, 4GB, 1.5g, 60% (of the machine's); at least 16 MB, at most 100 %. Leaves
/// *out alone when unset.
chn_status cli_get_bytes(const struct cli_args *args, const char *name, uint64_t *out,
                         struct chn_err *err);

/// "flag", "environment", "teams.json", "default", "unset".
const char *cli_source_name(enum cli_source source);
