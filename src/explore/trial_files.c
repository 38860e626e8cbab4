// Which test files a run has.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/near.h"
#include "explore/trial.h"
#include "warehouse/fs.h"

static const char ENDING[] = "_test.lua";
static const char *const FOLDERS[] = { "group_bys", "joins", "staging_queries", "tests" };

static bool is_test(const char *path)
{
  const size_t n = strlen(path), m = strlen(ENDING);
  return n > m && strcmp(path + n - m, ENDING) == 0;
}

struct finding {
  struct arena *a;
  const char *repo;
  struct fs_list files;
};

static void walk(struct finding *f, const char *folder, int32_t depth)
{
  const char *full = arena_printf(f->a, "%s/%s", f->repo, folder);
  const struct fs_list names = fs_names(f->a, full, false);
  for (size_t i = 0; i < names.n && depth < 32; i++) { // links may go round
    char *path =
        strcmp(folder, ".") == 0 ? names.at[i] : arena_printf(f->a, "%s/%s", folder, names.at[i]);
    if (fs_is_folder(arena_printf(f->a, "%s/%s", f->repo, path))) {
      walk(f, path, depth + 1);
    } else if (is_test(path)) {
      fs_list_add(f->a, &f->files, path);
    }
  }
}

/// The path from the repo, or NULL when it lies outside.
static char *relative(struct finding *f, const char *path)
{
  const char *repo = fs_absolute(f->a, f->repo);
  const char *inside = arena_printf(f->a, "%s/%s", f->repo, path);
  const char *full = fs_absolute(f->a, path[0] != '/' && fs_exists(inside) ? inside : path);
  const size_t n = strlen(repo);
  if (strcmp(full, repo) == 0) {
    return arena_strdup(f->a, ".");
  }
  return strncmp(full, repo, n) == 0 && full[n] == '/' ? arena_strdup(f->a, full + n + 1) : NULL;
}

static chn_status missing(struct finding *f, const char *path, struct chn_err *err)
{
  for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++) {
    walk(f, FOLDERS[i], 0);
  }
  const char *near = chn_near(path, (const char *const *)f->files.at, f->files.n);
  return chn_fail(err, CHN_E_NOT_FOUND, "%s: there is no such file or folder%s%s%s", path,
                  near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                  near != NULL ? "?)" : "");
}

static chn_status add_path(struct finding *f, const char *path, struct chn_err *err)
{
  if (!fs_exists(path) && !fs_exists(arena_printf(f->a, "%s/%s", f->repo, path))) {
    return missing(f, path, err);
  }
  char *inside = relative(f, path);
  if (inside == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "%s lies outside of the repo %s, whose definitions a test "
                    "requires",
                    path, f->repo);
  }
  if (fs_is_folder(arena_printf(f->a, "%s/%s", f->repo, inside))) {
    walk(f, inside, 0);
  } else if (is_test(inside)) {
    fs_list_add(f->a, &f->files, inside);
  } else {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is no test file: its name must end in %s", path,
                    ENDING);
  }
  return CHN_OK;
}

chn_status trial_files(struct arena *a, const char *repo, const char *const *paths, int32_t n,
                       const char ***out, int32_t *n_out, struct chn_err *err)
{
  struct finding f = { .a = a, .repo = repo };
  for (size_t i = 0; n == 0 && i < sizeof FOLDERS / sizeof *FOLDERS; i++) {
    walk(&f, FOLDERS[i], 0);
  }
  for (int32_t i = 0; i < n; i++) {
    if (add_path(&f, paths[i], err) != CHN_OK) {
      return err->code;
    }
  }
  fs_list_sort(&f.files);
  const char **files = arena_calloc(a, f.files.n + 1, sizeof *files);
  *n_out = 0;
  for (size_t i = 0; i < f.files.n; i++) {
    if (i == 0 || strcmp(f.files.at[i], f.files.at[i - 1]) != 0) {
      files[(*n_out)++] = f.files.at[i];
    }
  }
  *out = files;
  return CHN_OK;
}
