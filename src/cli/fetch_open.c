// The store and the log behind a fetch.
#include <string.h>

#include "cli/fetch.h"
#include "fetcher/log.h"
#include "kv/kv.h"

static const char LOG_TABLE[] = "logs.served", SCHEMA_TABLE[] = "logs.served_schemas";

static chn_status open_log(struct cli_context *ctx, struct cli_fetch *f, struct chn_err *err)
{
  if (!cli_is_set(&ctx->args, "log")) {
    return CHN_OK;
  }
  const char *log = cli_get(&ctx->args, "log-table");
  const char *schemas = cli_get(&ctx->args, "schema-table");
  const struct fetch_log_options options = { .warehouse = cli_warehouse_root(ctx),
                                             .log_table = log != NULL ? log : LOG_TABLE,
                                             .schema_table =
                                                 schemas != NULL ? schemas : SCHEMA_TABLE };
  return fetch_log_open(&options, &f->log, err);
}

chn_status cli_fetch_open(struct cli_context *ctx, const struct cli_fetch_what *what,
                          struct cli_fetch *f, struct chn_err *err)
{
  const struct fetcher_options options = { .repo = ctx->repo.root };
  *f = (struct cli_fetch){ 0 };
  chn_status s = cli_store_open(ctx, false, &f->store, err);
  if (s == CHN_OK) {
    s = fetcher_open(f->store, &options, &f->fetcher, err);
  }
  if (s == CHN_OK) {
    s = fetch_session_open(f->fetcher, &f->session, err);
  }
  if (s == CHN_OK && what->conf != NULL) {
    s = fetcher_add_join(f->fetcher, what->conf, strlen(what->conf), err);
  }
  f->json = fetch_json_new();
  return s == CHN_OK ? open_log(ctx, f, err) : s;
}

chn_status cli_fetch_close(struct cli_fetch *f, struct chn_err *err)
{
  const chn_status s = fetch_log_close(f->log, err);
  fetch_json_free(f->json);
  fetch_session_close(f->session);
  fetcher_close(f->fetcher);
  kv_close(f->store);
  return s;
}

/// A join and a GroupBy are asked for differently, and one is easily taken for the other.
static bool is_other_kind(struct cli_fetch *f, const struct cli_fetch_what *what)
{
  const struct fetch_plan *plan = NULL;
  struct chn_err ignored;
  const enum fetch_kind other = what->type == CLI_FETCH_JOIN ? FETCH_GROUP_BY : FETCH_JOIN;
  const bool is = fetch_plan_get(f->session, other, what->name, &plan, &ignored) == CHN_OK;
  if (is) {
    fetch_plan_release(plan);
  }
  return is;
}

chn_status cli_fetch_plan(struct cli_fetch *f, const struct cli_fetch_what *what,
                          const struct fetch_plan **out, struct chn_err *err)
{
  const bool join = what->type == CLI_FETCH_JOIN;
  const chn_status s =
      fetch_plan_get(f->session, join ? FETCH_JOIN : FETCH_GROUP_BY, what->name, out, err);
  if (s != CHN_E_NOT_FOUND) {
    return s;
  }
  const char *hint = join ? "`chronon run --mode metadata-upload` puts joins into the store, or "
                            "--conf names the compiled definition"
                          : "`chronon run --mode upload` puts GroupBys into the store";
  struct chn_err why = *err;
  return is_other_kind(f, what)
             ? chn_fail(err, s, "%s: %s is a %s: --type %s", kv_url(f->store), what->name,
                        join ? "GroupBy" : "Join", join ? "group-by" : "join")
             : chn_fail(err, s, "%s: %.1500s (%s)", kv_url(f->store), why.msg, hint);
}
