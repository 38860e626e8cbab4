// The repo: where teams.json lies, and the values that it gives to options.
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/context.h"

static const char TEAMS[] = "teams.json";

static bool has_teams(struct arena *a, const char *folder)
{
  return access(arena_printf(a, "%s/%s", folder, TEAMS), R_OK) == 0;
}

static const char *find_upwards(struct arena *a)
{
  char here[PATH_MAX];
  if (has_teams(a, ".")) {
    return ".";
  }
  if (!getcwd(here, sizeof here)) {
    return NULL;
  }
  for (char *slash = strrchr(here, '/'); slash; slash = strrchr(here, '/')) {
    *slash = 0;
    if (has_teams(a, here)) {
      return arena_strdup(a, here[0] ? here : "/");
    }
  }
  return NULL;
}

static chn_status read_teams(struct cli_context *ctx, struct chn_err *err)
{
  const char *path = arena_printf(&ctx->arena, "%s/%s", ctx->repo.root, TEAMS);
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { // opening a pipe would wait for its writer
    return chn_fail(err, CHN_E_IO,
                    "%s: is no regular file; make it one, or name the repo with --repo", path);
  }
  FILE *f = fopen(path, "rb");
  if (!f) {
    return chn_fail(err, CHN_E_IO, "%s: cannot be read: %s", path, strerror(errno));
  }
  struct chn_buf text = { .max = CODEC_JSON_MAX_BYTES };
  char chunk[4096];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) {
    chn_buf_add(&text, chunk, n);
  }
  fclose(f);
  const chn_status status =
      text.truncated
          ? chn_fail(err, CHN_E_CORRUPT, "%s: larger than %d bytes", path, CODEC_JSON_MAX_BYTES)
          : codec_json_parse(&ctx->arena, chn_buf_str(&text), text.len, path, &ctx->repo.teams,
                             err);
  chn_buf_deinit(&text);
  return status;
}

// teams.json is the last place but the default: `default.common_env` names what the environment
// could have named.
static void take_common_env(struct cli_context *ctx)
{
  const struct codec_json *env =
      codec_json_get(codec_json_get(ctx->repo.teams, "default"), "common_env");
  for (int32_t i = 0; env && i < ctx->args.n_values; i++) {
    struct cli_value *v = &ctx->args.values[i];
    const struct codec_json *found = v->option->env ? codec_json_get(env, v->option->env) : NULL;
    if (found && found->kind == CODEC_JSON_STRING && v->source <= CLI_FROM_DEFAULT) {
      v->texts = arena_calloc(&ctx->arena, 1, sizeof *v->texts);
      v->texts[0] = found->text;
      v->n = 1;
      v->source = CLI_FROM_FILE;
    }
  }
}

// Whether there is no teams.json, and the folder stands for the repo.
static bool without_teams(struct cli_context *ctx, const char *named)
{
  const char *folder = named ? named : ".";
  const bool lacks = named ? !has_teams(&ctx->arena, named) : !find_upwards(&ctx->arena);
  if (lacks && access(folder, X_OK) == 0) {
    ctx->repo.root = folder;
    return true;
  }
  return false;
}

chn_status cli_repo_find(struct cli_context *ctx, enum cli_repo_need need, struct chn_err *err)
{
  const struct cli_value *v = cli_args_find(&ctx->args, "repo");
  if (!v || !v->n) {
    v = cli_args_find(&ctx->args, "chronon-root"); // compile.py's name of it
  }
  const char *from_run_py = getenv("CHRONON_REPO_PATH");
  const char *named = v && v->n ? v->texts[0] : NULL;
  ctx->repo.source = named ? v->source : CLI_FROM_DEFAULT;
  if (!named && from_run_py && *from_run_py) {
    named = from_run_py;
    ctx->repo.source = CLI_FROM_ENV;
  }
  if (need == CLI_REPO_FOLDER && without_teams(ctx, named)) {
    return CHN_OK;
  }
  if (named && !has_teams(&ctx->arena, named)) {
    return chn_fail(err, CHN_E_NOT_FOUND, "repo %s: no %s there; `chronon init %s` makes a repo",
                    named, TEAMS, named);
  }
  ctx->repo.root = named ? named : find_upwards(&ctx->arena);
  if (!ctx->repo.root) {
    return need == CLI_REPO_TEAMS
               ? chn_fail(err, CHN_E_NOT_FOUND,
                          "no %s in this folder or above it: go to a repo, name it with --repo, or "
                          "make one: chronon init DIR",
                          TEAMS)
               : CHN_OK;
  }
  if (read_teams(ctx, err) != CHN_OK) {
    return err->code;
  }
  take_common_env(ctx);
  return CHN_OK;
}
