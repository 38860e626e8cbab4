#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/machine.h"
#include "cli/context.h"
#include "cli/value.h"
#include "obs/meter.h"

static const struct cli_column columns[] = {
  { "what", false }, { "value", false }, { "source", false }, { "state", false }
};

struct check {
  struct cli_context *ctx;
  struct cli_grid grid;
  int problems;
};

static void row(struct check *k, const char *what, const char *value, const char *source,
                const char *problem)
{
  cli_grid_add(&k->grid, what);
  cli_grid_add(&k->grid, value);
  cli_grid_add(&k->grid, source);
  cli_grid_add(&k->grid, problem ? problem : "ok");
  k->problems += problem != NULL;
}

static void check_machine(struct check *k)
{
  struct chn_buf memory = { 0 };
  obs_print_bytes(&memory, (double)chn_machine_memory());
  row(k, "cores", arena_printf(&k->ctx->arena, "%ld", sysconf(_SC_NPROCESSORS_ONLN)), "machine",
      NULL);
  row(k, "memory", chn_buf_str(&memory), "machine", NULL);
  chn_buf_deinit(&memory);
}

// The value of each option, and where it is from.
static void check_options(struct check *k)
{
  for (int32_t i = 0; i < k->ctx->args.n_values; i++) {
    const struct cli_value *v = &k->ctx->args.values[i];
    if (v->option->kind != CLI_VALUE || strcmp(v->option->name, "repo") == 0 ||
        strcmp(v->option->name, "warehouse") == 0) {
      continue;
    }
    const char *source = cli_source_name(v->source);
    if (v->source == CLI_FROM_ENV) {
      source = arena_printf(&k->ctx->arena, "%s %s", source, v->option->env);
    }
    row(k, arena_printf(&k->ctx->arena, "--%s", v->option->name), v->n ? v->texts[v->n - 1] : NULL,
        source, NULL);
  }
}

// A folder that is not there yet will be made: what counts is the nearest one above that is.
static const char *folder_problem(struct arena *a, const char *path)
{
  char *folder = arena_strdup(a, path);
  struct stat info;
  while (stat(folder, &info) != 0) {
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder) {
      folder = arena_strdup(a, slash ? "/" : ".");
      continue;
    }
    *slash = 0;
  }
  if (!S_ISDIR(info.st_mode)) {
    return arena_printf(a, "%s is no folder", folder);
  }
  return access(folder, W_OK) == 0 ? NULL : arena_printf(a, "%s cannot be written", folder);
}

static void check_repo(struct check *k)
{
  struct chn_err err = { 0 };
  const struct cli_repo *repo = &k->ctx->repo;
  if (cli_repo_find(k->ctx, CLI_REPO_MAY_LACK, &err) != CHN_OK) {
    row(k, "repo", repo->root, "", err.msg);
  } else {
    const bool found = repo->source == CLI_FROM_DEFAULT;
    row(k, "repo", repo->root, found ? "found upwards" : cli_source_name(repo->source),
        repo->root ? NULL : "no teams.json here or above: chronon init DIR makes a repo");
  }
}

static void check_sources(struct check *k)
{
  struct chn_err err = { 0 };
  struct wh_source *sources;
  int32_t n;
  if (cli_sources(k->ctx, &sources, &n, &err) != CHN_OK) {
    row(k, "tables", NULL, "", err.msg);
    return;
  }
  for (int32_t i = 0; i < n; i++) {
    const bool is_glob = strpbrk(sources[i].path, "*?[") != NULL;
    const bool there = is_glob || access(sources[i].path, R_OK) == 0;
    row(k, arena_printf(&k->ctx->arena, "table %s", sources[i].table), sources[i].path, "",
        there ? NULL : "cannot be read");
  }
}

static chn_status duckdb_version(struct wh *wh, struct chn_buf *out, struct chn_err *err)
{
  struct wh_result *result;
  struct row_col col;
  size_t n = 0;
  if (wh_query(wh, "SELECT version()", &result, err) != CHN_OK) {
    return err->code;
  }
  const chn_status status = wh_result_next(result, &col, &n, err);
  if (status == CHN_OK && n == 1) {
    cli_value_print(out, &col, 0);
  }
  wh_result_close(result);
  return status;
}

static void check_warehouse(struct check *k)
{
  struct chn_err err = { 0 };
  struct wh *wh = NULL;
  const struct cli_value *v = cli_args_find(&k->ctx->args, "warehouse");
  const char *root = cli_warehouse_root(k->ctx);
  row(k, "warehouse", root, cli_source_name(v->n ? v->source : CLI_FROM_DEFAULT),
      folder_problem(&k->ctx->arena, root));
  if (cli_warehouse_open(k->ctx, &wh, &err) != CHN_OK) {
    row(k, "duckdb", NULL, "", err.msg);
    return;
  }
  struct chn_buf version = { 0 };
  const chn_status status = duckdb_version(wh, &version, &err);
  row(k, "duckdb", chn_buf_str(&version), "linked", status == CHN_OK ? NULL : err.msg);
  chn_buf_deinit(&version);
  cli_warehouse_close(wh);
}

static int run_doctor(struct cli_context *ctx)
{
  struct check k = { .ctx = ctx };
  cli_grid_init(&k.grid, columns, 4);
  row(&k, "chronon", CHRONON_VERSION, "built", NULL);
  check_machine(&k);
  check_repo(&k);
  check_options(&k);
  check_warehouse(&k);
  check_sources(&k);
  struct chn_buf out = { 0 };
  cli_grid_print(&k.grid, &ctx->style, &out);
  cli_print(&out);
  chn_buf_deinit(&out);
  cli_grid_deinit(&k.grid);
  if (k.problems) {
    fflush(stdout);
    cli_note(ctx, "%d problem%s", k.problems, k.problems == 1 ? "" : "s");
  }
  return k.problems ? CLI_FAILED : CLI_DONE;
}

const struct cli_command cli_cmd_doctor = {
  .name = "doctor",
  .summary = "versions, folders and every setting with its source",
  .examples = "chronon doctor\n"
              "chronon doctor --repo shop -o json",
  .uses_repo = true,
  .uses_warehouse = true,
  .run = run_doctor,
};
