// chronon explain: one served row taken apart.
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "cli/explain.h"

/// The row's request, and what explains it, in the context's arena.
static chn_status explain_row(struct cli_context *ctx, struct cli_fetch *f,
                              const struct cli_fetch_what *what, const struct fetch_plan *plan,
                              struct cli_explained *out, struct chn_err *err)
{
  struct fetch_request request;
  int64_t at = what->at;
  chn_status s = cli_fetch_request(f, what, plan, what->bodies[0], &request, err);
  if (s == CHN_OK && request.refused != NULL && request.refused[0] != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s", request.refused[0]);
  }
  if (s == CHN_OK) {
    request.at = &at;
    s = fetch_explain(f->session, &request, 0, NULL, &ctx->arena, &out->features, &out->n, err);
  }
  return s;
}

/// --feature leaves one.
static chn_status choose(struct cli_context *ctx, struct cli_explained *e, struct chn_err *err)
{
  const char *name = cli_get(&ctx->args, "feature");
  const char **names = arena_calloc(&ctx->arena, e->n + 1, sizeof *names);
  if (name == NULL) {
    return CHN_OK;
  }
  for (size_t i = 0; i < e->n; i++) {
    names[i] = e->features[i].feature;
    if (strcmp(names[i], name) == 0) {
      e->features += i;
      e->n = 1;
      e->whole = true;
      return CHN_OK;
    }
  }
  const char *near = chn_near(name, names, e->n);
  return chn_fail(err, CHN_E_NOT_FOUND, "%s has no feature %s%s%s%s", e->name, name,
                  near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static chn_status explain(struct cli_context *ctx, struct cli_fetch *f,
                          const struct cli_fetch_what *what, struct chn_err *err)
{
  const struct fetch_plan *plan = NULL;
  struct cli_explained e = { .all = cli_is_set(&ctx->args, "all") };
  chn_status s = cli_fetch_plan(f, what, &plan, err);
  if (s != CHN_OK) {
    return s;
  }
  cli_fetch_check_keys(ctx, plan, what->bodies[0]);
  e.name = fetch_plan_name(plan);
  s = explain_row(ctx, f, what, plan, &e, err);
  if (s == CHN_OK) {
    s = choose(ctx, &e, err);
  }
  if (s == CHN_OK) {
    s = cli_explained_print(ctx, &e, err);
  }
  fetch_plan_release(plan);
  return s;
}

static int run_explain(struct cli_context *ctx)
{
  struct chn_err err = { 0 }, ignored;
  struct cli_fetch_what what = { 0 };
  struct cli_fetch f = { 0 };
  if (cli_repo_find(ctx, cli_get(&ctx->args, "conf") ? CLI_REPO_FOLDER : CLI_REPO_MAY_LACK, &err) !=
      CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  chn_status s = cli_fetch_read(ctx, &what, &err);
  if (s == CHN_OK && !what.one) {
    s = chn_fail(&err, CHN_E_ARGUMENT,
                 "one row is taken apart at a time: --key-json '{\"user_id\": 5}'");
  }
  if (s == CHN_OK && what.type == CLI_FETCH_STATS) {
    s = chn_fail(&err, CHN_E_ARGUMENT,
                 "--type join-stats: there is nothing to explain of statistics");
  }
  if (s != CHN_OK) {
    return cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  }
  s = cli_fetch_open(ctx, &what, &f, &err);
  if (s == CHN_OK) {
    s = explain(ctx, &f, &what, &err);
  }
  cli_fetch_close(&f, &ignored);
  return s == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

static const struct cli_option options[] = {
  { "feature", 0, CLI_VALUE, "NAME", NULL, NULL,
    "this feature, piece by piece; without it a line a feature" },
  { "all", 'a', CLI_FLAG, NULL, NULL, NULL, "list what is no part of the value too, and why" },
  { "name", 'n', CLI_VALUE, "NAME", NULL, NULL, "what was served: team/file.v1" },
  { "conf", 'c', CLI_VALUE, "CONF", NULL, NULL,
    "the compiled definition instead: production/<kind>/<team>/<name>" },
  { "key-json", 'k', CLI_VALUE, "JSON", NULL, NULL, "the keys: an object" },
  { "type", 0, CLI_VALUE, "TYPE", NULL, NULL, "join or group-by; by default what the name is" },
  { "at-millis", 0, CLI_VALUE, "INSTANT", NULL, NULL,
    "as of then instead of now: epoch milliseconds or 2024-03-10T12:30:05Z" },
  { .name = NULL },
};

const struct cli_command cli_cmd_explain = {
  .name = "explain",
  .args = "[NAME] [KEY=VALUE...]",
  .max_args = 64,
  .summary = "take a served value apart: uploaded value, hops, streamed rows or tiles, window",
  .examples =
      "chronon explain shop/training.v1 user_id=5  # a line a feature\n"
      "chronon explain shop/training.v1 user_id=5 --feature shop_spending_v1_amount_sum_7d\n"
      "chronon explain shop/training.v1 user_id=5 --feature shop_spending_v1_amount_sum_7d --all "
      "--at-millis 2024-03-10T12:30:05Z -o json\n",
  .doc = "A value is merged of pieces. The batch is what the last upload has of the key, without "
         "the hops; hops are short spans of it, of which the window takes those that it reaches; "
         "rows and tiles were streamed since. A window begins on a hop and ends right before the "
         "instant asked for; one of a SNAPSHOT GroupBy ends with the upload. docs/reference/"
         "serving.md has an example, line by line.",
  .options = options,
  .uses_repo = true,
  .uses_store = true,
  .run = run_explain,
};
