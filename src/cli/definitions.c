#include "cli/definitions.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "model/json.h"
#include "model/names.h"

static const char *const kinds[] = { "joins", "group_bys", "staging_queries" };

enum { N_KINDS = 3 };

static int is_visible(const struct dirent *e)
{
  return e->d_name[0] != '.' && strcmp(e->d_name, "readme.md") != 0;
}

static void add_team(struct arena *a, const char *root, const char *kind, const char *team,
                     struct cli_definitions *out)
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

void cli_definitions_list(struct arena *a, const char *root, struct cli_definitions *out)
{
  *out = (struct cli_definitions){ 0 };
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

void cli_definitions_free(struct cli_definitions *d)
{
  free(d->names);
  free(d->paths);
}

// Whether two names are one, `.` and `/` alike.
static bool same(const char *x, const char *y)
{
  while (*x && (*x == *y || (strchr("./", *x) && *y && strchr("./", *y)))) {
    x++;
    y++;
  }
  return *x == *y;
}

int32_t cli_definitions_find(const struct cli_definitions *d, const char *name)
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

chn_status cli_definition_table(struct cli_context *ctx, const char *path, const char **table,
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

// The NAME of "table NAME does not exist..." in a message, and where the reason begins.
static const char *missing_table(struct arena *a, char *msg, char **reason)
{
  static const char BEFORE[] = "table ", AFTER[] = " does not exist";
  char *after = strstr(msg, AFTER);
  if (after == NULL) {
    return NULL;
  }
  char *start = after;
  while (start > msg && start[-1] != ' ') {
    start--;
  }
  const size_t n = strlen(BEFORE);
  if ((size_t)(start - msg) < n || strncmp(start - n, BEFORE, n) != 0) {
    return NULL;
  }
  *reason = after + strlen(AFTER);
  return arena_printf(a, "%.*s", (int)(after - start), start);
}

void cli_tell_maker(struct cli_context *ctx, struct chn_err *err)
{
  char *reason = NULL;
  const char *missing =
      err->code == CHN_E_NOT_FOUND ? missing_table(&ctx->arena, err->msg, &reason) : NULL;
  if (missing == NULL || ctx->repo.root == NULL) {
    return;
  }
  struct cli_definitions d;
  cli_definitions_list(&ctx->arena, ctx->repo.root, &d);
  const char *maker = NULL;
  for (size_t i = 0; i < d.n; i++) {
    struct chn_err unread; // a definition that cannot be read makes nothing
    const char *table = NULL;
    bool join = false;
    if (cli_definition_table(ctx, d.paths[i], &table, &join, &unread) == CHN_OK &&
        strcmp(table, missing) == 0) {
      // A GroupBy over a staging query may have its name, and so its table; it seldom writes it.
      const bool query = strstr(d.paths[i], "staging_queries/") != NULL;
      maker = maker == NULL || query ? d.paths[i] : maker;
    }
  }
  if (maker != NULL) {
    snprintf(reason, sizeof err->msg - (size_t)(reason - err->msg),
             " yet: `chronon run --conf %s` makes it", maker);
  }
  cli_definitions_free(&d);
}
