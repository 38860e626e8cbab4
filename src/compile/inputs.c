// Which definition files a run reads.
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/near.h"
#include "compile/compile_int.h"
#include "model/names.h"

static const enum model_kind KINDS[] = { MODEL_GROUP_BY, MODEL_JOIN, MODEL_STAGING_QUERY };

static bool ends_with(const char *s, const char *end)
{
  const size_t n = strlen(s);
  const size_t m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

/// 'd' for a folder, 'f' for a file, 'o' for another thing (a pipe, a device), 0 for what is not
/// there.
static char kind_of(struct run *run, const char *path)
{
  struct stat st;
  if (stat(arena_printf(run->arena, "%s/%s", run->repo, path), &st) != 0) {
    return 0;
  }
  return S_ISDIR(st.st_mode) ? 'd' : S_ISREG(st.st_mode) ? 'f' : 'o';
}

/// Definition files below a folder; `*_test.lua` beside them are tests (room explore).
static void walk(struct run *run, const char *folder, struct names *files)
{
  struct dirent **entries;
  const int n =
      scandir(arena_printf(run->arena, "%s/%s", run->repo, folder), &entries, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    if (entries[i]->d_name[0] != '.') {
      const char *path = arena_printf(run->arena, "%s/%s", folder, entries[i]->d_name);
      const char kind = kind_of(run, path);
      if (kind == 'd') {
        walk(run, path, files);
      } else if (kind == 'f' && ends_with(path, ".lua") && !ends_with(path, "_test.lua")) {
        names_add(run->arena, files, path);
      }
    }
    free(entries[i]);
  }
  if (n >= 0) {
    free(entries);
  }
}

/// The path without `./`, a final `/` and the repo in front.
static const char *relative(struct run *run, const char *input)
{
  const size_t repo_len = strlen(run->repo);
  if (strncmp(input, run->repo, repo_len) == 0 && input[repo_len] == '/') {
    input += repo_len + 1;
  } else if (input[0] == '/') {
    char *real = realpath(run->repo, NULL);
    const size_t n = real ? strlen(real) : 0;
    if (real && strncmp(input, real, n) == 0 && input[n] == '/') {
      input += n + 1;
    }
    free(real);
  }
  while (strncmp(input, "./", 2) == 0) {
    input += 2;
  }
  size_t len = strlen(input);
  while (len > 0 && input[len - 1] == '/') {
    len--;
  }
  return arena_strndup(run->arena, input, len);
}

/// `<kind>/<team>/sub.file.v1` -> `<kind>/<team>/sub/file.lua`.
static const char *source_of_compiled(struct run *run, const char *path)
{
  char *copy = arena_strdup(run->arena, path);
  char *name = strrchr(copy, '/');
  char *var = name ? strrchr(name, '.') : NULL;
  if (!var) {
    return path;
  }
  *var = '\0';
  for (char *p = name; *p; p++) {
    *p = *p == '.' ? '/' : *p;
  }
  return arena_printf(run->arena, "%s.lua", copy);
}

static bool is_definition_folder(const char *path)
{
  for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
    const char *folder = model_kind_folder(KINDS[i]);
    const size_t n = strlen(folder);
    if (strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/')) {
      return true;
    }
  }
  return false;
}

static chn_status not_found(struct run *run, const char *path, struct chn_err *err)
{
  struct names files = { 0 };
  for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
    walk(run, model_kind_folder(KINDS[i]), &files);
  }
  const char *nearest = chn_near(path, files.items, (size_t)files.n);
  return chn_fail(err, CHN_E_NOT_FOUND, "%s/%s does not exist%s%s%s", run->repo, path,
                  nearest ? " (did you mean \"" : "", nearest ? nearest : "",
                  nearest ? "\"?)" : "");
}

static chn_status expand(struct run *run, const char *input, struct names *files,
                         struct chn_err *err)
{
  const char *path = relative(run, input);
  const size_t root_len = strlen(run->output_root);
  if (strncmp(path, run->output_root, root_len) == 0 && path[root_len] == '/') {
    path = source_of_compiled(run, path + root_len + 1);
  }
  if (!is_definition_folder(path) || strstr(path, "..")) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "%s: definitions are under group_bys/, joins/ and staging_queries/ of %s",
                    input, run->repo);
  }
  const char kind = kind_of(run, path);
  const char *with_end = arena_printf(run->arena, "%s.lua", path);
  if (kind == 'd') {
    walk(run, path, files);
  } else if (kind == 'f' && ends_with(path, "_test.lua")) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s holds tests: `chronon test %s` runs them", input,
                    input);
  } else if (kind == 'f' && ends_with(path, ".lua")) {
    names_add(run->arena, files, path);
  } else if (kind == 'o') {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is no regular file", input);
  } else if (kind == 'f') {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is no Lua file%s", input,
                    ends_with(path, ".py")
                        ? ": Chronon's own compiler reads Python, and the JSON it "
                          "writes runs here as it is"
                        : "");
  } else if (kind_of(run, with_end) == 'f') {
    names_add(run->arena, files, with_end);
  } else {
    return not_found(run, path, err);
  }
  return CHN_OK;
}

/// group_bys before joins before staging_queries, which is also the alphabet's order.
static int compare(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

chn_status inputs_expand(struct run *run, const char ***files, int32_t *n, struct chn_err *err)
{
  struct names list = { 0 };
  for (size_t i = 0; run->opts->all && i < sizeof KINDS / sizeof *KINDS; i++) {
    walk(run, model_kind_folder(KINDS[i]), &list);
  }
  for (int32_t i = 0; i < run->opts->n_inputs; i++) {
    const chn_status status = expand(run, run->opts->inputs[i], &list, err);
    if (status) {
      return status;
    }
  }
  if (list.n == 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s: no definition file is asked for%s", run->repo,
                    run->opts->all ? ", and none is under group_bys/, joins/, staging_queries/"
                                   : "; give one, or --all");
  }
  qsort(list.items, (size_t)list.n, sizeof *list.items, compare);
  int32_t kept = 1;
  for (int32_t i = 1; i < list.n; i++) {
    if (strcmp(list.items[i], list.items[kept - 1]) != 0) {
      list.items[kept++] = list.items[i];
    }
  }
  *files = list.items;
  *n = kept;
  return CHN_OK;
}
