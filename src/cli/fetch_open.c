// The store and the log behind a fetch.
#include <string.h>

#include "cli/fetch.h"
#include "fetcher/log.h"
#include "kv/kv.h"

static const char LOG_TABLE[] = "logs.served", SCHEMA_TABLE[] = "logs.served_schemas";

chn_status cli_fetch_log_open(struct cli_context *ctx, struct fetch_log **out, struct chn_err *err)
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
  return fetch_log_open(&options, out, err);
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
  return s == CHN_OK ? cli_fetch_log_open(ctx, &f->log, err) : s;
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

static chn_status unknown(struct cli_fetch *f, const struct cli_fetch_what *what,
                          const struct chn_err *why, struct chn_err *err)
{
  const bool join = what->type == CLI_FETCH_JOIN;
  struct arena a = { 0 };
  const char *near = cli_fetch_near(f, what->type, what->name, &a);
  near =
      near == NULL && !what->typed ? cli_fetch_near(f, CLI_FETCH_GROUP_BY, what->name, &a) : near;
  const char *hint = join ? "`chronon run --mode metadata-upload` puts joins into the store, or "
                            "--conf names the compiled definition"
                          : "`chronon run --mode upload` puts GroupBys into the store";
  const bool said = near != NULL && strstr(why->msg, near) != NULL;
  chn_fail(err, CHN_E_NOT_FOUND, "%s: %.1000s (%s%s%s%s)", kv_url(f->store), why->msg,
           near != NULL && !said ? "did you mean " : "", near != NULL && !said ? near : "",
           near != NULL && !said ? "? " : "", hint);
  arena_deinit(&a);
  return CHN_E_NOT_FOUND;
}

/// A name that was not said to be a join's, and that only a GroupBy has, is the GroupBy's.
chn_status cli_fetch_plan(struct cli_fetch *f, const struct cli_fetch_what *what,
                          const struct fetch_plan **out, struct chn_err *err)
{
  const bool join = what->type == CLI_FETCH_JOIN;
  struct chn_err ignored;
  const struct fetch_plan *other = NULL;
  const chn_status s =
      fetch_plan_get(f->session, join ? FETCH_JOIN : FETCH_GROUP_BY, what->name, out, err);
  if (s != CHN_E_NOT_FOUND) {
    return s;
  }
  if (fetch_plan_get(f->session, join ? FETCH_GROUP_BY : FETCH_JOIN, what->name, &other,
                     &ignored) != CHN_OK) {
    const struct chn_err why = *err;
    return unknown(f, what, &why, err);
  }
  if (join && !what->typed) {
    *out = other;
    return CHN_OK;
  }
  fetch_plan_release(other);
  return chn_fail(err, s, "%s: %s is a %s: --type %s", kv_url(f->store), what->name,
                  join ? "GroupBy" : "Join", join ? "group-by" : "join");
}

chn_status cli_fetch_request(struct cli_fetch *f, const struct cli_fetch_what *what,
                             const struct fetch_plan *plan, const char *body,
                             struct fetch_request *out, struct chn_err *err)
{
  return what->words ? fetch_json_read_words(f->json, plan, body, strlen(body), out, err)
                     : fetch_json_read(f->json, plan, body, strlen(body), out, err);
}
