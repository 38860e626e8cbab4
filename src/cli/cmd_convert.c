// chronon convert: compiled JSON becomes definitions in Lua. What is written and how is
// lua/convert; here are the files.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/convert.h"
#include "compile/compile.h"
#include "lua/shell.h"
#include "model/json.h"
#include "warehouse/fs.h"

// ---- what lua/convert calls -------------------------------------------------------------------

const char *cli_convert_compile(struct cli_convert *c)
{
  const struct compile_options options = {
    .repo = c->scratch, .all = true, .force_overwrite = true, .dry_run = true
  };
  struct chn_err err = { 0 };
  compile_report_deinit(c->report);
  if (compile_run(&options, c->report, &err) != CHN_OK) {
    return arena_strdup(&c->ctx->arena, err.msg);
  }
  c->n_items = c->report->n_items;
  c->items = arena_calloc(&c->report->arena, (size_t)c->n_items + 1, sizeof *c->items);
  for (int32_t i = 0; i < c->n_items; i++) {
    const struct compile_item *item = &c->report->items[i];
    c->items[i] =
        (struct cli_convert_item){ .folder = item->kind ? model_kind_folder(item->kind) : NULL,
                                   .name = item->name,
                                   .where = item->where,
                                   .text = item->text,
                                   .message = item->message,
                                   .failed = item->outcome == COMPILE_FAILED };
  }
  return NULL;
}

const char *cli_convert_write(struct cli_convert *c, const char *path, const char *text)
{
  struct arena *a = &c->ctx->arena;
  char *copy = arena_strdup(a, path);
  for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
      return arena_printf(a, "folder %s: %s", copy, strerror(errno));
    }
    *slash = '/';
  }
  FILE *out = fopen(path, "wb");
  bool good = out && fputs(text, out) >= 0;
  good = (!out || fclose(out) == 0) && good;
  return good ? NULL : arena_printf(a, "%s: %s", path, strerror(errno));
}

bool cli_convert_is_there(const char *path)
{
  struct stat st;
  return lstat(path, &st) == 0;
}

// ---- what is given ----------------------------------------------------------------------------

struct found {
  struct cli_context *ctx;
  struct cli_convert_conf *confs;
  int32_t n, cap;
  int32_t n_refused;
};

static void add_file(struct found *f, const char *path)
{
  struct arena *a = &f->ctx->arena;
  struct chn_err err = { 0 };
  struct model_conf conf;
  if (model_read_file(a, path, &conf, &err) != CHN_OK) {
    f->n_refused++;
    cli_fail(f->ctx, &err, false);
    return;
  }
  if (f->n == f->cap) {
    f->cap = f->cap ? 2 * f->cap : 64;
    struct cli_convert_conf *confs = arena_calloc(a, (size_t)f->cap, sizeof *confs);
    memcpy(confs, f->confs, (size_t)f->n * sizeof *confs);
    f->confs = confs;
  }
  f->confs[f->n++] = (struct cli_convert_conf){
    .path = path, .folder = model_kind_folder(conf.kind), .name = conf.name, .text = conf.text
  };
}

static chn_status walk(struct found *f, const char *path, struct chn_err *err)
{
  struct stat st;
  if (stat(path, &st) != 0) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s: %s", path, strerror(errno));
  }
  if (!S_ISDIR(st.st_mode)) {
    add_file(f, path);
    return CHN_OK;
  }
  struct dirent **entries = NULL;
  const int n = scandir(path, &entries, NULL, alphasort);
  chn_status status = n < 0 ? chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno)) : CHN_OK;
  for (int i = 0; i < n; i++) {
    if (status == CHN_OK && entries[i]->d_name[0] != '.') {
      status = walk(f, arena_printf(&f->ctx->arena, "%s/%s", path, entries[i]->d_name), err);
    }
    free(entries[i]);
  }
  free(entries);
  return status;
}

/// A name stands for what is below the working folder, else below the repo.
static chn_status find_all(struct found *f, struct chn_err *err)
{
  struct cli_context *ctx = f->ctx;
  const char *production = arena_printf(&ctx->arena, "%s/production", ctx->repo.root);
  const int32_t n = ctx->args.n_positional;
  chn_status status = n == 0 ? walk(f, production, err) : CHN_OK;
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    const char *path = ctx->args.positional[i];
    const char *below = arena_printf(&ctx->arena, "%s/%s", ctx->repo.root, path);
    const bool is_below = path[0] != '/' && access(path, F_OK) != 0 && access(below, F_OK) == 0;
    status = walk(f, is_below ? below : path, err);
  }
  if (status == CHN_OK && f->n == 0 && f->n_refused == 0) {
    status = chn_fail(err, CHN_E_NOT_FOUND, "there is no compiled definition in %s",
                      n > 0 ? ctx->args.positional[0] : production);
  }
  return status;
}

// ---- the scratch repo -------------------------------------------------------------------------

static chn_status read_teams(struct cli_convert *c, struct chn_err *err)
{
  const char *path = arena_printf(&c->ctx->arena, "%s/teams.json", c->ctx->repo.root);
  FILE *file = fopen(path, "rb");
  if (!file) {
    return chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
  }
  struct chn_buf text = { 0 };
  char part[4096];
  for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) {
    chn_buf_add(&text, part, n);
  }
  fclose(file);
  c->teams = arena_strdup(&c->ctx->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return CHN_OK;
}

static chn_status make_scratch(struct cli_convert *c, struct chn_err *err)
{
  const char *tmp = getenv("TMPDIR");
  const chn_status s = fs_temp(&c->ctx->arena, tmp && *tmp ? tmp : "/tmp", "chronon-convert-",
                               &c->scratch, &c->lock, err);
  if (s != CHN_OK) {
    return s;
  }
  const char *why =
      cli_convert_write(c, arena_printf(&c->ctx->arena, "%s/teams.json", c->scratch), c->teams);
  return why ? chn_fail(err, CHN_E_IO, "%s", why) : CHN_OK;
}

// ---- the command ------------------------------------------------------------------------------

static int convert(struct cli_convert *c)
{
  struct chn_err err = { 0 };
  struct luart_shell *sh = NULL;
  int code = CLI_FAILED;
  chn_status s = read_teams(c, &err);
  if (s == CHN_OK) {
    s = make_scratch(c, &err);
  }
  if (s == CHN_OK) {
    s = luart_shell_open(&sh, &err);
  }
  if (s == CHN_OK) {
    s = luart_shell_run(sh, "convert", c, &code, &err);
    luart_shell_close(sh);
  }
  if (c->scratch) {
    fs_temp_remove(c->scratch, c->lock);
  }
  return s == CHN_OK ? code : cli_fail(c->ctx, &err, false);
}

static int run_convert(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  struct found found = { .ctx = ctx };
  if (cli_repo_find(ctx, CLI_REPO_TEAMS, &err) != CHN_OK || find_all(&found, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  if (found.n == 0) {
    return CLI_FAILED;
  }
  const char *folder = cli_get(&ctx->args, "folder");
  struct compile_report report = { 0 };
  struct cli_convert c = { .confs = found.confs,
                           .n_confs = found.n,
                           .output = folder ? folder : ctx->repo.root,
                           .force = cli_is_set(&ctx->args, "force"),
                           .to_stdout = cli_is_set(&ctx->args, "stdout"),
                           .json = ctx->style.format == CLI_JSON,
                           .quiet = ctx->quiet,
                           .ctx = ctx,
                           .report = &report };
  const int code = convert(&c);
  compile_report_deinit(&report);
  return code == CLI_DONE && found.n_refused > 0 ? CLI_FAILED : code;
}

static const struct cli_option options[] = {
  { "folder", 'd', CLI_VALUE, "DIR", NULL, NULL,
    "where group_bys/, joins/, ... go (default: the repo)" },
  { "stdout", 0, CLI_FLAG, NULL, NULL, NULL, "print the files instead of writing them" },
  { "force", 'f', CLI_FLAG, NULL, NULL, NULL, "write over files that are there" },
  { .name = NULL },
};

const struct cli_command cli_cmd_convert = {
  .name = "convert",
  .args = "[FILE|FOLDER...]",
  .max_args = 4096,
  .summary = "Chronon's compiled JSON to definitions in Lua",
  .examples = "chronon convert    # everything under production/\n"
              "chronon convert production/joins/flights --stdout\n"
              "chronon convert ../chronon-repo/production --folder .",
  .doc = "What is written compiles to the same JSON: every definition is compiled and compared "
         "before a file appears. What has no form in Lua is told, with a comment in the file, and "
         "makes the exit status 1. docs/guide/coming-from-chronon.md has Python and Lua side by "
         "side.",
  .options = options,
  .uses_repo = true,
  .run = run_convert,
};
