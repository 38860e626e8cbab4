#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/template.h"

static chn_status make_folders(struct arena *a, const char *path, struct chn_err *err)
{
  char *copy = arena_strdup(a, path);
  for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
      return chn_fail(err, CHN_E_IO, "folder %s: %s", copy, strerror(errno));
    }
    *slash = '/';
  }
  return CHN_OK;
}

static chn_status write_file(struct arena *a, const char *path, const struct cli_template_file *f,
                             struct chn_err *err)
{
  if (make_folders(a, path, err) != CHN_OK) {
    return err->code;
  }
  FILE *out = fopen(path, "wxb"); // never over a user's file
  if (!out) {
    return chn_fail(err, errno == EEXIST ? CHN_E_CONFLICT : CHN_E_IO, "%s: %s", path,
                    strerror(errno));
  }
  const bool written = fwrite(f->bytes, 1, f->size, out) == f->size;
  if (fclose(out) != 0 || !written) {
    return chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
  }
  return CHN_OK;
}

// A file that is there already stops everything before the first one is written.
static chn_status check_free(struct arena *a, const char *folder, struct chn_err *err)
{
  for (const struct cli_template_file *f = cli_template; f->path; f++) {
    const char *path = arena_printf(a, "%s/%s", folder, f->path);
    if (access(path, F_OK) == 0) {
      return chn_fail(err, CHN_E_CONFLICT, "%s exists already; nothing was written", path);
    }
  }
  return CHN_OK;
}

static void print_result(struct cli_context *ctx, const char *folder)
{
  struct chn_buf out = { 0 };
  struct codec_json_writer w;
  if (ctx->style.format == CLI_JSON) {
    codec_json_writer_init(&w, &out, CODEC_JSON_INDENT);
    codec_json_begin(&w, '{');
    codec_json_key(&w, "repo");
    codec_json_string(&w, folder, strlen(folder));
    codec_json_key(&w, "files");
    codec_json_begin(&w, '[');
    for (const struct cli_template_file *f = cli_template; f->path; f++) {
      codec_json_string(&w, f->path, strlen(f->path));
    }
    codec_json_end(&w, ']');
    codec_json_end(&w, '}');
    chn_buf_addc(&out, '\n');
  } else {
    for (const struct cli_template_file *f = cli_template; f->path; f++) {
      chn_buf_addf(&out, "%s/%s\n", folder, f->path);
    }
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  cli_note(
      ctx,
      "\nNext:\n  cd %s\n  chronon compile --all\n"
      "  chronon run --mode backfill --conf production/joins/shop/training_set.v1 --ds 2024-01-14\n"
      "  chronon sql \"SELECT * FROM shop.shop_training_set_v1 ORDER BY ts LIMIT 3\"",
      folder);
}

static int run_init(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  if (ctx->args.n_positional == 0) {
    chn_fail(&err, CHN_E_ARGUMENT, "init needs a folder: chronon init shop");
    return cli_fail(ctx, &err, true);
  }
  const char *folder = ctx->args.positional[0];
  if (check_free(&ctx->arena, folder, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  for (const struct cli_template_file *f = cli_template; f->path; f++) {
    const char *path = arena_printf(&ctx->arena, "%s/%s", folder, f->path);
    if (write_file(&ctx->arena, path, f, &err) != CHN_OK) {
      return cli_fail(ctx, &err, false);
    }
  }
  print_result(ctx, folder);
  return CLI_DONE;
}

const struct cli_command cli_cmd_init = {
  .name = "init",
  .args = "DIR",
  .max_args = 1,
  .summary = "a small repo that runs: definitions, data, teams.json",
  .examples = "chronon init shop    # then: cd shop && chronon compile --all",
  .run = run_init,
};
