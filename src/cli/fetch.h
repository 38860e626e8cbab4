/// fetch.h: what `fetch`, `explain` and `run --mode fetch` share: the store, the name, the keys.
#pragma once
#include "cli/context.h"
#include "fetcher/fetch_json.h"

struct fetch_log;

enum cli_fetch_type { CLI_FETCH_JOIN, CLI_FETCH_GROUP_BY, CLI_FETCH_STATS };

/// What the command line asks for.
struct cli_fetch_what {
  enum cli_fetch_type type;
  bool typed;          ///< --type says so; else a name that is only a GroupBy's is one
  const char *name;    ///< `team/file.v1`
  const char *conf;    ///< text of a join's definition that goes before the store's, or NULL
  int64_t at;          ///< INT64_MIN: now
  const char **bodies; ///< arrays of key objects, of at most a thousand each
  int32_t n_bodies;
  bool one;         ///< a single object was given, not a list
  bool words;       ///< as key=value words: all texts
  int32_t interval; ///< seconds between two rounds of --loop
};

/// Reads --name or --conf, --type, --at-millis and the keys of --key-json, --key-json-file or of
/// `key=value` words. Needs the repo. CHN_E_ARGUMENT for what cannot be.
chn_status cli_fetch_read(struct cli_context *ctx, struct cli_fetch_what *out, struct chn_err *err);

/// A fetcher on the store of the command line, with one session.
struct cli_fetch {
  struct kv_store *store;
  struct fetcher *fetcher;
  struct fetch_session *session;
  struct fetch_json *json;
  struct fetch_log *log; ///< NULL: nothing is logged
};

/// Opens the store, and the log if the command line has one. Close it also after a failure.
chn_status cli_fetch_open(struct cli_context *ctx, const struct cli_fetch_what *what,
                          struct cli_fetch *f, struct chn_err *err);
chn_status cli_fetch_close(struct cli_fetch *f, struct chn_err *err);

/// The log of --log, --log-table and --schema-table; *out stays NULL without --log.
chn_status cli_fetch_log_open(struct cli_context *ctx, struct fetch_log **out, struct chn_err *err);

/// The plan of what is asked for; an unknown name fails, with a hint.
chn_status cli_fetch_plan(struct cli_fetch *f, const struct cli_fetch_what *what,
                          const struct fetch_plan **out, struct chn_err *err);

/// Makes a request of one of the bodies.
chn_status cli_fetch_request(struct cli_fetch *f, const struct cli_fetch_what *what,
                             const struct fetch_plan *plan, const char *body,
                             struct fetch_request *out, struct chn_err *err);

/// fetch_names.c: the uploaded definition that a name most likely meant; NULL: none is near.
const char *cli_fetch_near(struct cli_fetch *f, enum cli_fetch_type type, const char *name,
                           struct arena *a);

/// Says which names of a body's first row are no keys of the plan, and which keys are not there.
void cli_fetch_check_keys(struct cli_context *ctx, const struct fetch_plan *plan, const char *body);

/// Answers on their way to stdout.
struct cli_fetch_printer {
  const struct cli_context *ctx;
  bool detailed;
  bool one;
  struct cli_grid grid;
  struct codec_json_writer json;
  struct chn_buf out;
  int64_t rows;
  int64_t failed; ///< rows without an answer
  char *cause;    ///< of the first
};

void cli_fetch_print_begin(struct cli_fetch_printer *p, const struct cli_context *ctx,
                           bool detailed, bool one);

/// Takes an answer and the document that fetch_json_write made of it.
chn_status cli_fetch_print_add(struct cli_fetch_printer *p, const struct fetch_result *result,
                               const char *text, size_t len, struct chn_err *err);

/// Prints what is left; fails where rows have failed.
chn_status cli_fetch_print_end(struct cli_fetch_printer *p, struct chn_err *err);

/// A JSON object with its members by name, all the way down.
struct codec_json *cli_json_sorted(struct arena *a, const struct codec_json *v);

/// fetch_stats.c: `--type join-stats`.
chn_status cli_fetch_stats(struct cli_context *ctx, const struct cli_fetch_what *what,
                           struct chn_err *err);

/// cmd_fetch.c: the whole, also as a mode of run.
chn_status cli_fetch_run(struct cli_context *ctx, const struct cli_fetch_what *what,
                         struct chn_err *err);
