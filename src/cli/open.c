// The warehouse and the store as the options and teams.json say, and how Ctrl-C reaches its
// queries.
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cli/context.h"
#include "kv/kv.h"

static volatile sig_atomic_t interrupts;
static struct wh *volatile running;

// The first one stops the query and lets the command clean up; the second does not wait. Between
// two queries an interrupt is lost on the engine, so it is said again until the command ends.
static void on_signal(int number)
{
  if (number != SIGALRM && ++interrupts > 1) {
    _exit(CLI_INTERRUPTED);
  }
  if (running) {
    wh_interrupt(running);
    const struct itimerval again = { .it_value = { .tv_usec = 100000 } };
    setitimer(ITIMER_REAL, &again, NULL);
  }
}

bool cli_interrupted(void)
{
  return interrupts > 0;
}

void cli_watch_signals(void)
{
  struct sigaction action = { .sa_handler = on_signal };
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
}

// ---- the warehouse ----------------------------------------------------------------------------

const char *cli_warehouse_root(struct cli_context *ctx)
{
  const char *given = cli_get(&ctx->args, "warehouse");
  if (given) {
    return given;
  }
  return ctx->repo.root ? arena_printf(&ctx->arena, "%s/warehouse", ctx->repo.root) : "warehouse";
}

chn_status cli_sources(struct cli_context *ctx, struct wh_source **out, int32_t *n,
                       struct chn_err *err)
{
  const struct cli_value *flag = cli_args_find(&ctx->args, "table");
  const struct codec_json *file = codec_json_get(ctx->repo.teams, "tables");
  const int32_t flags = flag ? flag->n : 0;
  struct wh_source *all =
      arena_calloc(&ctx->arena, (size_t)(flags + (file ? file->n : 0)) + 1, sizeof *all);
  *n = 0;
  for (int32_t i = 0; i < flags; i++) {
    const char *eq = strchr(flag->texts[i], '=');
    if (!eq || eq == flag->texts[i] || !eq[1] ||
        !memchr(flag->texts[i], '.', (size_t)(eq - flag->texts[i]))) {
      return chn_fail(err, CHN_E_ARGUMENT, "--table \"%s\": namespace.name=PATH is needed",
                      flag->texts[i]);
    }
    const char *table = arena_strndup(&ctx->arena, flag->texts[i], (size_t)(eq - flag->texts[i]));
    for (int32_t k = 0; k < *n; k++) {
      if (strcmp(all[k].table, table) == 0) {
        return chn_fail(err, CHN_E_ARGUMENT, "--table %s is given two paths: %s and %s", table,
                        all[k].path, eq + 1);
      }
    }
    all[(*n)++] = (struct wh_source){ .table = table, .path = eq + 1 };
  }
  for (int32_t i = 0; file && i < file->n; i++) {
    const struct codec_json_member *m = &file->members[i];
    if (file->kind != CODEC_JSON_OBJECT || m->value.kind != CODEC_JSON_STRING) {
      return chn_fail(err, CHN_E_CORRUPT,
                      "%s/teams.json:%d: \"tables\" maps \"namespace.name\" to a path",
                      ctx->repo.root, m->value.line);
    }
    bool given = false;
    for (int32_t k = 0; k < flags; k++) {
      given = given || strcmp(all[k].table, m->key) == 0;
    }
    if (!given) {
      const char *path = m->value.text;
      all[(*n)++] = (struct wh_source){
        .table = m->key,
        .path = path[0] == '/' ? path : arena_printf(&ctx->arena, "%s/%s", ctx->repo.root, path),
      };
    }
  }
  *out = all;
  return CHN_OK;
}

chn_status cli_warehouse_open_as(struct cli_context *ctx, int32_t threads, uint64_t memory,
                                 struct wh **out, struct chn_err *err)
{
  struct wh_options options = { .root = cli_warehouse_root(ctx),
                                .threads = threads,
                                .memory_limit = memory };
  struct wh_source *sources;
  if (cli_sources(ctx, &sources, &options.n_sources, err) != CHN_OK) {
    return err->code;
  }
  options.sources = sources;
  if (wh_open(&options, out, err) != CHN_OK) {
    return err->code;
  }
  running = *out;
  cli_watch_signals();
  return CHN_OK;
}

chn_status cli_warehouse_open(struct cli_context *ctx, struct wh **out, struct chn_err *err)
{
  int32_t threads = 0;
  uint64_t memory = 0;
  if (cli_get_int(&ctx->args, "threads", 1, 1024, &threads, err) != CHN_OK ||
      cli_get_bytes(&ctx->args, "memory-limit", &memory, err) != CHN_OK) {
    return err->code;
  }
  return cli_warehouse_open_as(ctx, threads, memory, out, err);
}

void cli_warehouse_close(struct wh *wh)
{
  running = NULL;
  wh_close(wh);
}

// ---- the store --------------------------------------------------------------------------------

const char *cli_store_url(struct cli_context *ctx)
{
  const char *given = cli_get(&ctx->args, "store");
  return given != NULL ? given
                       : arena_printf(&ctx->arena, "lmdb:%s/store",
                                      ctx->repo.root != NULL ? ctx->repo.root : ".");
}

chn_status cli_store_open(struct cli_context *ctx, bool create, struct kv_store **out,
                          struct chn_err *err)
{
  const chn_status status = kv_open(out, cli_store_url(ctx), create, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "--store");
}
