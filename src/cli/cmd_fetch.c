#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/fetch.h"
#include "fetcher/log.h"

/// One body of keys, answered and printed.
static chn_status fetch_body(struct cli_fetch *f, const struct cli_fetch_what *what,
                             const struct fetch_plan *plan, const char *body,
                             struct cli_fetch_printer *p, struct chn_err *err)
{
  struct fetch_request request;
  struct fetch_result result;
  struct chn_buf text = { 0 };
  chn_status s = cli_fetch_request(f, what, plan, body, &request, err);
  if (s != CHN_OK) {
    return s;
  }
  int64_t *at = chn_calloc(request.n + 1, sizeof *at);
  for (size_t r = 0; r < request.n; r++) {
    at[r] = what->at;
  }
  request.at = at;
  request.base = f->log != NULL && fetch_log_wants(plan);
  s = fetch_run(f->session, &request, 1, &result, err);
  if (s == CHN_OK) {
    fetch_log_add(f->log, &result);
    fetch_json_write(f->json, &result, p->detailed ? FETCH_JSON_DETAILED : FETCH_JSON_PLAIN, &text);
    s = cli_fetch_print_add(p, &result, chn_buf_str(&text), text.len, err);
  }
  chn_buf_deinit(&text);
  free(at);
  return s;
}

static chn_status fetch_round(struct cli_context *ctx, struct cli_fetch *f,
                              const struct cli_fetch_what *what, bool first, struct chn_err *err)
{
  const struct fetch_plan *plan = NULL;
  chn_status s = cli_fetch_plan(f, what, &plan, err);
  if (s != CHN_OK) {
    return s;
  }
  struct cli_fetch_printer p;
  struct chn_err ignored;
  if (first) {
    cli_fetch_check_keys(ctx, plan, what->bodies[0]);
    if (f->log != NULL && !fetch_log_wants(plan)) {
      cli_note(ctx, "nothing of %s is logged: it is no join with a sample_percent",
               fetch_plan_name(plan));
    }
  }
  cli_fetch_print_begin(&p, ctx, cli_is_set(&ctx->args, "detailed"), what->one);
  for (int32_t i = 0; i < what->n_bodies && s == CHN_OK && !cli_interrupted(); i++) {
    s = fetch_body(f, what, plan, what->bodies[i], &p, err);
  }
  const chn_status printed = cli_fetch_print_end(&p, s == CHN_OK ? err : &ignored);
  fetch_plan_release(plan);
  return s == CHN_OK ? printed : s;
}

/// Sleeps until the next round, or until Ctrl-C.
static void wait_between(int32_t seconds)
{
  const struct timespec step = { .tv_nsec = 50 * 1000000L };
  for (int64_t left = (int64_t)seconds * 20; left > 0 && !cli_interrupted(); left--) {
    nanosleep(&step, NULL);
  }
}

chn_status cli_fetch_run(struct cli_context *ctx, const struct cli_fetch_what *what,
                         struct chn_err *err)
{
  if (what->type == CLI_FETCH_STATS) {
    return cli_fetch_stats(ctx, what, err);
  }
  const bool loop = cli_is_set(&ctx->args, "loop");
  struct cli_fetch f = { 0 };
  chn_status s = cli_fetch_open(ctx, what, &f, err);
  if (s == CHN_OK) {
    cli_watch_signals();
    s = fetch_round(ctx, &f, what, true, err);
    while (loop && !cli_interrupted()) {
      if (s != CHN_OK) {
        cli_note(ctx, "%s", err->msg);
      }
      wait_between(what->interval);
      s = cli_interrupted() ? CHN_OK : fetch_round(ctx, &f, what, false, err);
    }
  }
  struct chn_err ignored;
  const chn_status closed = cli_fetch_close(&f, s == CHN_OK ? err : &ignored);
  return s == CHN_OK ? closed : s;
}

static int run_fetch(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  struct cli_fetch_what what = { 0 };
  const bool conf = cli_get(&ctx->args, "conf") || cli_get(&ctx->args, "conf-path");
  if (cli_repo_find(ctx, conf ? CLI_REPO_FOLDER : CLI_REPO_MAY_LACK, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  if (cli_fetch_read(ctx, &what, &err) != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  return cli_fetch_run(ctx, &what, &err) == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

static const struct cli_option options[] = {
  { "name", 'n', CLI_VALUE, "NAME", NULL, NULL, "what to fetch: team/file.v1" },
  { "conf", 'c', CLI_VALUE, "CONF", NULL, NULL,
    "the compiled definition instead: production/<kind>/<team>/<name>; a join is fetched as it "
    "says, "
    "not as the store has it" },
  { "conf-path", 0, CLI_VALUE, "CONF", NULL, NULL, "the same as --conf" },
  { "key-json", 'k', CLI_VALUE, "JSON", NULL, NULL, "keys: an object, or an array of them" },
  { "key-json-file", 'f', CLI_VALUE, "FILE", NULL, NULL,
    "keys: a file of an object a line, or of an array; - is stdin" },
  { "type", 0, CLI_VALUE, "TYPE", NULL, NULL,
    "join, group-by, or join-stats: statistics of a join by time, for the keys statsKey, startTs "
    "and endTs; by default what the name is" },
  { "at-millis", 0, CLI_VALUE, "INSTANT", NULL, NULL,
    "as of then instead of now: epoch milliseconds or 2024-03-10T12:30:05Z" },
  { "detailed", 'd', CLI_FLAG, NULL, NULL, NULL,
    "say of each feature whether it is present, null, of a missing key, of a stale batch or "
    "failed" },
  { "loop", 0, CLI_FLAG, NULL, NULL, NULL, "again and again, until Ctrl-C" },
  { "interval", 0, CLI_VALUE, "SECONDS", "1", NULL, "between two rounds of --loop" },
  { "log", 0, CLI_FLAG, NULL, NULL, NULL,
    "write what is fetched into the log, as a service does: rows of the join's samplePercent" },
  { "log-table", 0, CLI_VALUE, "NS.TABLE", NULL, "CHRONON_LOG_TABLE",
    "the log of --log: by default logs.served" },
  { "schema-table", 0, CLI_VALUE, "NS.TABLE", NULL, "CHRONON_SCHEMA_TABLE",
    "the schemas of its rows: by default logs.served_schemas" },
  { .name = NULL },
};

const struct cli_command cli_cmd_fetch = {
  .name = "fetch",
  .args = "[NAME] [KEY=VALUE...]",
  .max_args = 64,
  .summary = "the features of keys, now or at an instant, from the online store",
  .examples =
      "chronon fetch shop/training.v1 user_id=5  # a join's features\n"
      "chronon fetch --name shop/training.v1 --key-json '[{\"user_id\": 5}, {\"user_id\": 6}]'\n"
      "chronon fetch --type group-by --name shop/purchases.v1 -k '{\"user_id\": 5}' --detailed\n"
      "chronon fetch --conf production/joins/shop/training.v1 -f keys.jsonl -o json  # a "
      "definition "
      "that is not uploaded yet\n",
  .doc =
      "A key that the store does not know has no features, which is no failure. What a part of a "
      "join could not give is a line NAME_exception beside the other features. With -o json the "
      "features of one key are an object, those of a list an array with null for what is unknown; "
      "with --detailed each is {\"features\", \"errors\"}. Statistics (join-stats) are read from "
      "the table that `run --mode stats-summary` makes; NAME/drift gives how far each instant's "
      "values are from those before. docs/reference/serving.md goes from an "
      "upload to an answer.",
  .options = options,
  .uses_repo = true,
  .uses_warehouse = true,
  .uses_store = true,
  .run = run_fetch,
};
