#include "cli/conf.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/near.h"
#include "model/json.h"

static bool ends_with(const char *s, const char *suffix)
{
  const size_t n = strlen(s), m = strlen(suffix);
  return n >= m && strcmp(s + n - m, suffix) == 0;
}

static bool is_source(const char *name)
{
  return ends_with(name, ".lua") || ends_with(name, ".py");
}

// In a repo with a teams.json, a name that is nowhere and lacks its place under production/ is most
// likely a definition.
static bool is_definition(const struct cli_context *ctx, const char *name)
{
  return is_source(name) ||
         (ctx->repo.teams != NULL &&
          (strncmp(name, "group_bys/", 10) == 0 || strncmp(name, "joins/", 6) == 0 ||
           strncmp(name, "staging_queries/", 16) == 0));
}

static const char *nearest_file(struct arena *a, const char *path)
{
  const char *slash = strrchr(path, '/');
  const char *folder = slash ? arena_strndup(a, path, (size_t)(slash - path)) : ".";
  const char *names[256];
  size_t n = 0;
  DIR *dir = opendir(folder);
  for (struct dirent *e; dir && n < 256 && (e = readdir(dir));) {
    if (e->d_name[0] != '.') {
      names[n++] = arena_strdup(a, e->d_name);
    }
  }
  if (dir) {
    closedir(dir);
  }
  return chn_near(slash ? slash + 1 : path, names, n);
}

static chn_status not_there(struct cli_context *ctx, const char *option, const char *name,
                            const char *path, struct chn_err *err)
{
  if (is_definition(ctx, name)) {
    return chn_fail(
        err, CHN_E_ARGUMENT,
        "--%s %s is a definition, and compiled ones run: `chronon compile --conf %s`, then "
        "--%s production/<kind>/<team>/<file>.<variable>",
        option, name, name, option);
  }
  const char *near = nearest_file(&ctx->arena, path);
  if (near) {
    const char *slash = strrchr(name, '/');
    return chn_fail(err, CHN_E_NOT_FOUND, "--%s %s: not in %s (did you mean %.*s%s?)", option, name,
                    ctx->repo.root, slash ? (int)(slash - name + 1) : 0, name, near);
  }
  return chn_fail(err, CHN_E_NOT_FOUND,
                  "--%s %s: not in %s; `chronon compile --all` writes production/, and then it is "
                  "production/<kind>/<team>/<file>.<variable>",
                  option, name, ctx->repo.root);
}

chn_status cli_conf_path(struct cli_context *ctx, const char *option, const char *name,
                         const char **out, struct chn_err *err)
{
  const char *in_repo = arena_printf(&ctx->arena, "%s/%s", ctx->repo.root, name);
  const char *path = name[0] == '/' ? name : in_repo;
  if (access(path, F_OK) != 0 && access(name, F_OK) == 0) {
    path = name;
  }
  if (access(path, F_OK) != 0 || is_source(name)) {
    return not_there(ctx, option, name, path, err);
  }
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s %s is no regular file", option, name);
  }
  *out = path;
  return CHN_OK;
}

chn_status cli_conf_read(struct cli_context *ctx, const char *option, const char *name,
                         struct model_conf *out, struct chn_err *err)
{
  const char *path = NULL;
  const chn_status status = cli_conf_path(ctx, option, name, &path, err);
  return status == CHN_OK ? model_read_file(&ctx->arena, path, out, err) : status;
}
