/// context.h: what every command gets: its arguments, the repo, and how to print.
#pragma once
#include <stdio.h>

#include "cli/args.h"
#include "cli/grid.h"
#include "codec/json.h"
#include "warehouse/warehouse.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

struct cli_repo {
  const char *root;               ///< folder, or NULL when there is none
  enum cli_source source;         ///< CLI_FROM_DEFAULT: found upwards from the working folder
  const struct codec_json *teams; ///< teams.json, or NULL
};

struct cli_context {
  struct arena arena; ///< lives as long as the command
  struct cli_args args;
  struct cli_repo repo;
  struct cli_grid_style style;
  bool quiet;
};

/// Every command, by name; ends with a NULL name.
extern const struct cli_command *const cli_commands[];

/// Prints the error on stderr (as JSON with --output json) and returns the exit code: 2 for what
/// the command line asks wrongly (`usage`), 130 when interrupted, else 1.
int cli_fail(const struct cli_context *ctx, const struct chn_err *err, bool usage);

/// A line on stderr, unless --quiet.
void cli_note(const struct cli_context *ctx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/// Writes to stdout and empties the buffer. False when nobody reads any more (a closed pipe).
bool cli_print(struct chn_buf *out);

/// What a command wants of a repo. A compiled definition carries what teams.json gave it, so a
/// folder of such definitions is repo enough to run them.
enum cli_repo_need {
  CLI_REPO_MAY_LACK, ///< none need be found; a named one has a teams.json
  CLI_REPO_TEAMS,    ///< one with a teams.json
  CLI_REPO_FOLDER,   ///< without a teams.json, the folder named or the working folder
};

/// Finds the repo: --repo, CHRONON_REPO, CHRONON_REPO_PATH, else upwards.
chn_status cli_repo_find(struct cli_context *ctx, enum cli_repo_need need, struct chn_err *err);

/// The warehouse folder; valid after cli_repo_find.
const char *cli_warehouse_root(struct cli_context *ctx);

/// Opens the warehouse with the sources of --table and teams.json, and lets Ctrl-C interrupt its
/// queries. Close it with cli_warehouse_close.
chn_status cli_warehouse_open(struct cli_context *ctx, struct wh **out, struct chn_err *err);
void cli_warehouse_close(struct wh *wh);

/// The same with other threads and bytes of memory than the options say.
chn_status cli_warehouse_open_as(struct cli_context *ctx, int32_t threads, uint64_t memory,
                                 struct wh **out, struct chn_err *err);

/// The online store's URL: --store, CHRONON_STORE, teams.json, else `lmdb:REPO/store`. Valid after
/// cli_repo_find.
const char *cli_store_url(struct cli_context *ctx);

/// Opens it; with `create` a folder that is missing is made. Close it with kv_close.
struct kv_store;
chn_status cli_store_open(struct cli_context *ctx, bool create, struct kv_store **out,
                          struct chn_err *err);

/// Sources of --table and teams.json, the former first.
chn_status cli_sources(struct cli_context *ctx, struct wh_source **out, int32_t *n,
                       struct chn_err *err);

/// Lets Ctrl-C and SIGTERM be asked for by cli_interrupted, instead of ending the program at once.
void cli_watch_signals(void);

/// Whether Ctrl-C was pressed (or SIGTERM came).
bool cli_interrupted(void);

/// Whether the stream is a terminal that understands cursor movement.
bool cli_is_terminal(FILE *stream);
