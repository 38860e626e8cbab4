#include <string.h>

#include "base/near.h"
#include "cli/definitions.h"
#include "cli/stats.h"
#include "model/json.h"
#include "model/names.h"

static const char TAIL[] = "_daily_stats";

static chn_status unknown(struct cli_context *ctx, struct wh *wh, const struct cli_definitions *d,
                          const char *name, struct chn_err *err)
{
  struct wh_table *tables = NULL;
  size_t n = 0;
  if (wh_table_list(wh, &ctx->arena, &tables, &n, err) != CHN_OK) {
    return err->code;
  }
  const char **names = arena_calloc(&ctx->arena, n + d->n + 1, sizeof *names);
  for (size_t i = 0; i < n; i++) {
    names[i] = tables[i].name;
  }
  for (size_t i = 0; i < d->n; i++) {
    names[n + i] = d->names[i];
  }
  const char *near = chn_near(name, names, n + d->n);
  const char *hint = near != NULL ? arena_printf(&ctx->arena, " (did you mean %s?)", near)
                                  : "; `chronon tables` lists tables";
  return chn_fail(err, CHN_E_NOT_FOUND, "%s is neither a table nor a compiled definition%s", name,
                  hint);
}

static bool ends_with(const char *text, const char *tail)
{
  const size_t len = strlen(text), n = strlen(tail);
  return len >= n && strcmp(text + len - n, tail) == 0;
}

/// Of a definition: its output or the statistics of it, which must be there.
static chn_status of_definition(struct cli_context *ctx, struct wh *wh, const char *path, bool kept,
                                const char **table, struct chn_err *err)
{
  bool join = false;
  if (cli_definition_table(ctx, path, table, &join, err) != CHN_OK) {
    return err->code;
  }
  if (kept && !join) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is no join, and statistics are kept of joins", path);
  }
  if (kept) {
    *table = arena_printf(&ctx->arena, "%s%s", *table, TAIL);
  }
  return wh_table_exists(wh, *table)
             ? CHN_OK
             : chn_fail(err, CHN_E_NOT_FOUND,
                        "%s is not there: `chronon run --mode %s --conf %s --ds DS` makes it",
                        *table, kept ? "stats-summary" : "backfill", path);
}

static chn_status find_in(struct cli_context *ctx, struct wh *wh, const struct cli_definitions *d,
                          const char *name, bool kept, const char **table, struct chn_err *err)
{
  const char *stats = ends_with(name, TAIL) ? name : arena_printf(&ctx->arena, "%s%s", name, TAIL);
  *table = kept ? stats : name;
  if (wh_table_exists(wh, *table)) {
    return CHN_OK;
  }
  const int32_t at = cli_definitions_find(d, name);
  if (at >= 0) {
    return of_definition(ctx, wh, d->paths[at], kept, table, err);
  }
  if (kept && wh_table_exists(wh, name)) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "%s is not there: `chronon run --mode stats-summary` of a join makes it",
                    stats);
  }
  return unknown(ctx, wh, d, name, err);
}

chn_status cli_stats_find(struct cli_context *ctx, struct wh *wh, const char *name, bool kept,
                          const char **table, struct chn_err *err)
{
  struct cli_definitions d;
  cli_definitions_list(&ctx->arena, ctx->repo.root, &d);
  const chn_status status = find_in(ctx, wh, &d, name, kept, table, err);
  cli_definitions_free(&d);
  return status;
}
