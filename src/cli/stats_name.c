#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "cli/stats.h"
#include "model/json.h"
#include "model/names.h"

static const char *const kinds[] = { "joins", "group_bys", "staging_queries" };

enum { N_KINDS = 3 };

static const char TAIL[] = "_daily_stats";

/// The compiled definitions of the repo, as names (`team/file.v1`) and paths below it.
struct definitions {
  const char **names;
  const char **paths;
  size_t n;
};

static int is_visible(const struct dirent *e)
{
  return e->d_name[0] != '.' && strcmp(e->d_name, "readme.md") != 0;
}

static void add_team(struct arena *a, const char *root, const char *kind, const char *team,
                     struct definitions *out)
{
  struct dirent **names = NULL;
  const char *folder = arena_printf(a, "production/%s/%s", kind, team);
  const int n = scandir(arena_printf(a, "%s/%s", root, folder), &names, is_visible, alphasort);
  const size_t more = n > 0 ? (size_t)n : 0;
  out->names = chn_realloc(out->names, (out->n + more + 1) * sizeof *out->names);
  out->paths = chn_realloc(out->paths, (out->n + more + 1) * sizeof *out->paths);
  for (size_t i = 0; i < more; i++) {
    out->names[out->n] = arena_printf(a, "%s/%s", team, names[i]->d_name);
    out->paths[out->n++] = arena_printf(a, "%s/%s", folder, names[i]->d_name);
    free(names[i]);
  }
  free(names);
}

static void list_definitions(struct arena *a, const char *root, struct definitions *out)
{
  *out = (struct definitions){ 0 };
  for (int32_t k = 0; k < N_KINDS && root != NULL; k++) {
    struct dirent **teams = NULL;
    const char *folder = arena_printf(a, "%s/production/%s", root, kinds[k]);
    const int n = scandir(folder, &teams, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
      add_team(a, root, kinds[k], teams[i]->d_name, out);
      free(teams[i]);
    }
    free(teams);
  }
}

/// Whether two names are one, `.` and `/` alike.
static bool same(const char *x, const char *y)
{
  while (*x && (*x == *y || (strchr("./", *x) && *y && strchr("./", *y)))) {
    x++;
    y++;
  }
  return *x == *y;
}

/// The definition of a name: its index, or -1. Each may have `production/` and its kind in front.
static int32_t find(const struct definitions *d, const char *name)
{
  const size_t skip = strlen("production/");
  for (size_t i = 0; i < d->n; i++) {
    const char *path = d->paths[i];
    if (same(name, d->names[i]) || same(name, path) || same(name, path + skip)) {
      return (int32_t)i;
    }
  }
  return -1;
}

/// The table that a definition's backfill ends in.
static chn_status output_of(struct cli_context *ctx, const char *path, const char **table,
                            bool *join, struct chn_err *err)
{
  struct model_conf conf = { 0 };
  const char *full = arena_printf(&ctx->arena, "%s/%s", ctx->repo.root, path);
  if (model_read_file(&ctx->arena, full, &conf, err) != CHN_OK) {
    return err->code;
  }
  *join = conf.kind == MODEL_JOIN;
  switch (conf.kind) {
  case MODEL_JOIN: *table = model_join_output_table(&ctx->arena, conf.as.join); break;
  case MODEL_GROUP_BY: *table = model_table(&ctx->arena, conf.as.group_by->meta_data, ""); break;
  case MODEL_STAGING_QUERY:
    *table = model_table(&ctx->arena, conf.as.staging_query->meta_data, "");
    break;
  default:
    return chn_fail(err, CHN_E_ARGUMENT, "%s is a %s, which has no table", path,
                    model_kind_name(conf.kind));
  }
  return CHN_OK;
}

static chn_status unknown(struct cli_context *ctx, struct wh *wh, const struct definitions *d,
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
  if (output_of(ctx, path, table, &join, err) != CHN_OK) {
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

static chn_status find_in(struct cli_context *ctx, struct wh *wh, const struct definitions *d,
                          const char *name, bool kept, const char **table, struct chn_err *err)
{
  const char *stats = ends_with(name, TAIL) ? name : arena_printf(&ctx->arena, "%s%s", name, TAIL);
  *table = kept ? stats : name;
  if (wh_table_exists(wh, *table)) {
    return CHN_OK;
  }
  const int32_t at = find(d, name);
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
  struct definitions d;
  list_definitions(&ctx->arena, ctx->repo.root, &d);
  const chn_status status = find_in(ctx, wh, &d, name, kept, table, err);
  free(d.names);
  free(d.paths);
  return status;
}
