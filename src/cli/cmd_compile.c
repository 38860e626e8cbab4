#include <string.h>

#include "cli/context.h"
#include "compile/compile.h"
#include "compile/display.h"

static void json_text(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  if (text) {
    codec_json_string(w, text, strlen(text));
  } else {
    codec_json_null(w);
  }
}

/// What of a definition is shown: Chronon's --table-display and --feature-display.
struct shown {
  struct arena *a;
  bool tables;
  bool features;
};

static bool is_shown(const struct compile_item *item)
{
  return item->conf && item->conf->meta_data && !item->extra &&
         (item->outcome == COMPILE_WRITTEN || item->outcome == COMPILE_UNCHANGED);
}

static void features_json(struct codec_json_writer *w, const struct shown *shown,
                          const struct compile_item *item)
{
  struct display_columns lists[DISPLAY_LISTS];
  const int32_t n = display_features(shown->a, item->conf, lists);
  codec_json_key(w, "features");
  codec_json_begin(w, '{');
  for (int32_t i = 0; i < n; i++) {
    codec_json_key(w, lists[i].title);
    codec_json_begin(w, '[');
    for (int32_t c = 0; c < lists[i].n; c++) {
      codec_json_string(w, lists[i].names[c], strlen(lists[i].names[c]));
    }
    codec_json_end(w, ']');
  }
  codec_json_end(w, '}');
}

static void item_json(struct codec_json_writer *w, const struct shown *shown,
                      const struct compile_item *item)
{
  codec_json_begin(w, '{');
  json_text(w, "name", item->name);
  json_text(w, "kind", item->kind ? model_kind_name(item->kind) : NULL);
  json_text(w, "outcome", compile_outcome_name(item->outcome));
  json_text(w, "where", item->where);
  json_text(w, "path", item->path);
  codec_json_key(w, "extra");
  codec_json_bool(w, item->extra);
  json_text(w, "message", item->message);
  if (shown->tables && is_shown(item)) {
    codec_json_key(w, "tables");
    display_tables(shown->a, item->conf, w);
  }
  if (shown->features && is_shown(item)) {
    features_json(w, shown, item);
  }
  codec_json_end(w, '}');
}

static void print_json(const struct compile_report *r, const struct shown *shown,
                       struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  codec_json_key(&w, "items");
  codec_json_begin(&w, '[');
  for (int32_t i = 0; i < r->n_items; i++) {
    item_json(&w, shown, &r->items[i]);
  }
  codec_json_end(&w, ']');
  codec_json_key(&w, "warnings");
  codec_json_begin(&w, '[');
  for (int32_t i = 0; i < r->n_warnings; i++) {
    codec_json_begin(&w, '{');
    json_text(&w, "where", r->warnings[i].where);
    json_text(&w, "message", r->warnings[i].message);
    codec_json_end(&w, '}');
  }
  codec_json_end(&w, ']');
  static const enum compile_outcome all[] = { COMPILE_WRITTEN, COMPILE_UNCHANGED, COMPILE_SKIPPED,
                                              COMPILE_FAILED };
  const int32_t counts[] = { r->n_written, r->n_unchanged, r->n_skipped, r->n_failed };
  for (int i = 0; i < 4; i++) {
    codec_json_key(&w, compile_outcome_name(all[i]));
    codec_json_int(&w, counts[i]);
  }
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

static void print_items(const struct cli_context *ctx, const struct compile_report *r,
                        struct chn_buf *out)
{
  static const struct cli_column columns[] = { { "outcome", false },
                                               { "definition", false },
                                               { "file", false } };
  struct cli_grid grid;
  cli_grid_init(&grid, columns, 3);
  for (int32_t i = 0; i < r->n_items; i++) {
    const struct compile_item *item = &r->items[i];
    cli_grid_add(&grid, compile_outcome_name(item->outcome));
    cli_grid_add(&grid, item->name);
    cli_grid_add(&grid, item->path ? item->path : "");
  }
  cli_grid_print(&grid, &ctx->style, out);
  cli_grid_deinit(&grid);
}

// Between the lines json.start and json.end, which scripts around compile.py look for.
static void print_tables(const struct shown *shown, const struct compile_item *item,
                         struct chn_buf *out)
{
  struct codec_json_writer w;
  chn_buf_addf(out, "%25s - Output %s Tables\njson.start\n", item->name,
               model_kind_name(item->kind));
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  display_tables(shown->a, item->conf, &w);
  chn_buf_adds(out, "\njson.end\n");
}

static void print_features(const struct shown *shown, const struct compile_item *item,
                           struct chn_buf *out)
{
  struct display_columns lists[DISPLAY_LISTS];
  const int32_t n = display_features(shown->a, item->conf, lists);
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(out, "%25s - %s:", item->name, lists[i].title);
    for (int32_t c = 0; c < lists[i].n; c++) {
      chn_buf_addf(out, "%s %s", c > 0 ? "," : "", lists[i].names[c]);
    }
    chn_buf_addc(out, '\n');
  }
}

static void print_shown(const struct compile_report *r, const struct shown *shown,
                        struct chn_buf *out)
{
  for (int32_t i = 0; i < r->n_items; i++) {
    if (shown->features && is_shown(&r->items[i])) {
      print_features(shown, &r->items[i], out);
    }
    if (shown->tables && is_shown(&r->items[i])) {
      print_tables(shown, &r->items[i], out);
    }
  }
}

// `where: name: message`, a line for each line of the message.
static void tell_problems(const struct cli_context *ctx, const struct compile_report *r)
{
  for (int32_t i = 0; i < r->n_warnings; i++) {
    const char *where = r->warnings[i].where;
    cli_note(ctx, "%s%swarning: %s", where ? where : "", where ? ": " : "", r->warnings[i].message);
  }
  if (r->n_items == 0) {
    cli_note(ctx,
             "warning: nothing is defined there: a file ends with a table of named definitions, "
             "as in `return { v1 = c.GroupBy { ... } }`");
  }
  for (int32_t i = 0; i < r->n_items; i++) {
    const struct compile_item *item = &r->items[i];
    for (const char *line = item->message; line && *line;) {
      const int n = (int)strcspn(line, "\n");
      const bool failed = item->outcome == COMPILE_FAILED;
      if (failed || !ctx->quiet) {
        fprintf(stderr, "%s: %s: %.*s\n", failed ? "error" : compile_outcome_name(item->outcome),
                item->where ? item->where : item->name, n, line);
      }
      line += line[n] ? n + 1 : n;
    }
  }
}

static int print_report(struct cli_context *ctx, const struct compile_report *r, bool dry_run)
{
  const struct shown shown = { .a = &ctx->arena,
                               .tables = cli_is_set(&ctx->args, "table-display"),
                               .features = cli_is_set(&ctx->args, "feature-display") };
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    print_json(r, &shown, &out);
  } else {
    print_items(ctx, r, &out);
    print_shown(r, &shown, &out);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  fflush(stdout);
  if (ctx->style.format != CLI_JSON) {
    tell_problems(ctx, r);
    cli_note(ctx, "%d written, %d unchanged, %d skipped, %d failed%s", r->n_written, r->n_unchanged,
             r->n_skipped, r->n_failed, dry_run ? " (dry run: nothing was written)" : "");
  }
  return r->n_failed ? CLI_FAILED : CLI_DONE;
}

// Definitions named as arguments, by --conf, run.py's habit, or by --input-path.
static void take_inputs(struct cli_context *ctx, struct compile_options *o)
{
  const struct cli_value *conf = cli_args_find(&ctx->args, "conf");
  const struct cli_value *path = cli_args_find(&ctx->args, "input-path");
  const int32_t most = conf->n + path->n + ctx->args.n_positional;
  const char **inputs = arena_calloc(&ctx->arena, (size_t)most + 1, sizeof *inputs);
  int32_t n = 0;
  for (int32_t i = 0; i < conf->n; i++) {
    inputs[n++] = conf->texts[i];
  }
  for (int32_t i = 0; i < path->n; i++) {
    inputs[n++] = path->texts[i];
  }
  for (int32_t i = 0; i < ctx->args.n_positional; i++) {
    inputs[n++] = ctx->args.positional[i];
  }
  o->inputs = inputs;
  o->n_inputs = n;
}

static int run_compile(struct cli_context *ctx)
{
  const struct cli_args *args = &ctx->args;
  struct chn_err err = { 0 };
  struct compile_options options = {
    .all = cli_is_set(args, "all"),
    .output_root = cli_get(args, "output-root"),
    .force_overwrite = cli_is_set(args, "force-overwrite"),
    .keep_env = cli_is_set(args, "keep-env"),
    .disable_logging = cli_is_set(args, "disable-logging") || cli_is_set(args, "yes"),
    .dry_run = cli_is_set(args, "dry-run"),
  };
  take_inputs(ctx, &options);
  if (!options.all && options.n_inputs == 0) {
    chn_fail(&err, CHN_E_ARGUMENT,
             "name a definition (chronon compile joins/team/file.lua), or all: --all");
    return cli_fail(ctx, &err, true);
  }
  if (cli_repo_find(ctx, CLI_REPO_TEAMS, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  options.repo = ctx->repo.root;
  struct compile_report report = { 0 };
  const chn_status status = compile_run(&options, &report, &err);
  const int code = status == CHN_OK ? print_report(ctx, &report, options.dry_run)
                                    : cli_fail(ctx, &err, err.code == CHN_E_ARGUMENT);
  compile_report_deinit(&report);
  return code;
}

static const struct cli_option options[] = {
  { "conf", 'c', CLI_LIST, "FILE", NULL, NULL, "a definition file or folder; as an argument too" },
  { "all", 'a', CLI_FLAG, NULL, NULL, NULL, "every definition of the repo" },
  { "output-root", 0, CLI_VALUE, "DIR", "production", NULL, "where the JSON goes, below the repo" },
  { "force-overwrite", 0, CLI_FLAG, NULL, NULL, NULL,
    "change online definitions, and compile again what depends on a change" },
  { "keep-env", 0, CLI_FLAG, NULL, NULL, NULL, "keep the environment variables of compiled files" },
  { "disable-logging", 0, CLI_FLAG, NULL, NULL, NULL,
    "let a join without sample_percent stop logging" },
  { "yes", 'y', CLI_FLAG, NULL, NULL, NULL,
    "compile.py's --yes: the same as --disable-logging; there are no questions here" },
  { "table-display", 0, CLI_FLAG, NULL, NULL, NULL,
    "show the tables that each job mode of a definition writes" },
  { "feature-display", 0, CLI_FLAG, NULL, NULL, NULL, "show the columns of a definition" },
  { "chronon-root", 0, CLI_VALUE, "DIR", NULL, "CHRONON_ROOT", "compile.py's name of --repo" },
  { "input-path", 0, CLI_LIST, "FILE", NULL, NULL, "compile.py's name of --conf" },
  { "debug", 0, CLI_FLAG, NULL, NULL, NULL,
    "compile.py's; without effect, errors tell their cause anyway" },
  { "dry-run", 0, CLI_FLAG, NULL, NULL, NULL, "check everything and write nothing" },
  { .name = NULL },
};

const struct cli_command cli_cmd_compile = {
  .name = "compile",
  .args = "[FILE...]",
  .max_args = 4096,
  .summary = "definitions in Lua to Chronon's JSON under production/",
  .examples = "chronon compile --all\n"
              "chronon compile joins/flights/training_set.lua\n"
              "chronon compile --all --dry-run -o json",
  .options = options,
  .uses_repo = true,
  .run = run_compile,
};
