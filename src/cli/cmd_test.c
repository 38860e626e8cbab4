// chronon test: authors' tests of their definitions.
#include <string.h>

#include "base/time.h"
#include "cli/context.h"
#include "explore/trial.h"

// ---- what is printed --------------------------------------------------------------------------

static const char *paint(const struct cli_context *ctx, const char *code)
{
  return ctx->style.color ? code : "";
}

static void print_failure(const struct cli_context *ctx, const struct trial_test *test,
                          const struct trial_failure *f, struct chn_buf *out)
{
  const char *faint = paint(ctx, "\033[2m"), *red = paint(ctx, "\033[31m"),
             *green = paint(ctx, "\033[32m"), *off = paint(ctx, "\033[0m");
  if (f->message != NULL) {
    chn_buf_adds(out, "  ");
    if (f->where != NULL) {
      chn_buf_addf(out, "%s%s%s: ", faint, f->where, off);
    }
    for (const char *c = f->message; *c != '\0'; c++) {
      chn_buf_addc(out, *c);
      chn_buf_adds(out, *c == '\n' ? "    " : "");
    }
    chn_buf_addc(out, '\n');
    return;
  }
  chn_buf_addf(out, "  %s%s%s%s%s: %s of %s", faint, f->where != NULL ? f->where : "", off,
               f->where != NULL ? ": " : "", f->definition, f->feature, f->keys);
  if (f->at != NULL) {
    chn_buf_addf(out, " at %s", f->at);
  }
  chn_buf_addf(out, "\n    %s %s%s%s\n    %s %s%s%s\n", test->live ? "backfill" : "got ", red,
               f->got, off, test->live ? "fetched " : "want", green, f->want, off);
}

static const char *outcome_of(const struct trial_test *test)
{
  return test->n_failures > 0 ? "failed" : test->skipped ? "skipped" : "passed";
}

static void print_test(const struct cli_context *ctx, const struct trial_test *test,
                       struct chn_buf *out)
{
  const bool failed = test->n_failures > 0;
  const char *color = failed ? "\033[31m" : test->skipped ? "\033[33m" : "\033[32m";
  if (!failed && ctx->quiet) {
    return;
  }
  chn_buf_addf(out, "%s%s%s %s%s", paint(ctx, color), outcome_of(test), paint(ctx, "\033[0m"),
               test->file, strcmp(test->file, test->name) != 0 ? ": " : "");
  if (strcmp(test->file, test->name) != 0) {
    chn_buf_adds(out, test->name);
  }
  if (test->note != NULL) {
    chn_buf_addf(out, ": %s", test->note);
  }
  chn_buf_addf(out, " %s(%.0f ms)%s\n", paint(ctx, "\033[2m"), test->ms, paint(ctx, "\033[0m"));
  for (int32_t i = 0; i < test->n_failures; i++) {
    print_failure(ctx, test, &test->failures[i], out);
  }
}

static void json_text(struct codec_json_writer *w, const char *key, const char *text)
{
  if (text != NULL) {
    codec_json_key(w, key);
    codec_json_string(w, text, strlen(text));
  }
}

static void print_json(const struct trial_report *report, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  codec_json_key(&w, "tests");
  codec_json_begin(&w, '[');
  for (int32_t i = 0; i < report->n_tests; i++) {
    const struct trial_test *test = &report->tests[i];
    codec_json_begin(&w, '{');
    json_text(&w, "file", test->file);
    json_text(&w, "name", test->name);
    json_text(&w, "where", test->where);
    json_text(&w, "outcome", outcome_of(test));
    json_text(&w, "note", test->note);
    codec_json_key(&w, "ms");
    codec_json_int(&w, (int64_t)(test->ms + 0.5));
    codec_json_key(&w, "failures");
    codec_json_begin(&w, '[');
    for (int32_t k = 0; k < test->n_failures; k++) {
      const struct trial_failure *f = &test->failures[k];
      codec_json_begin(&w, '{');
      json_text(&w, "where", f->where);
      json_text(&w, "message", f->message);
      json_text(&w, "definition", f->definition);
      json_text(&w, "feature", f->feature);
      json_text(&w, "keys", f->keys);
      json_text(&w, "at", f->at);
      json_text(&w, test->live ? "backfill" : "got", f->got);
      json_text(&w, test->live ? "fetched" : "want", f->want);
      codec_json_end(&w, '}');
    }
    codec_json_end(&w, ']');
    codec_json_end(&w, '}');
  }
  codec_json_end(&w, ']');
  codec_json_key(&w, "passed");
  codec_json_int(&w, report->n_passed);
  codec_json_key(&w, "failed");
  codec_json_int(&w, report->n_failed);
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

// ---- running ----------------------------------------------------------------------------------

static bool is_cancelled(void *unused)
{
  (void)unused;
  return cli_interrupted();
}

static void print_tests(const struct cli_context *ctx, const struct trial_report *report,
                        int32_t from, struct chn_buf *out)
{
  for (int32_t i = from; ctx->style.format != CLI_JSON && i < report->n_tests; i++) {
    print_test(ctx, &report->tests[i], out);
  }
}

/// --seed, or one of this instant.
static chn_status read_seed(struct cli_context *ctx, uint64_t *seed, struct chn_err *err)
{
  int32_t given = (int32_t)(chn_now_ms() & INT32_MAX);
  const chn_status s = cli_get_int(&ctx->args, "seed", 0, INT32_MAX, &given, err);
  *seed = (uint64_t)given;
  return s;
}

static chn_status run_live(struct cli_context *ctx, struct trial *t, uint64_t seed,
                           struct trial_report *report, struct chn_err *err)
{
  struct chn_buf out = { 0 };
  const chn_status s =
      trial_live(t, ctx->args.positional, ctx->args.n_positional, seed, report, err);
  print_tests(ctx, report, 0, &out);
  cli_print(&out);
  chn_buf_deinit(&out);
  return s;
}

static chn_status run_files(struct cli_context *ctx, struct trial *t, const char *const *files,
                            int32_t n, struct trial_report *report, struct chn_err *err)
{
  struct chn_buf out = { 0 };
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < n && s == CHN_OK; i++) {
    const int32_t before = report->n_tests;
    s = trial_file(t, files[i], report, err);
    print_tests(ctx, report, before, &out);
    if (!cli_print(&out)) {
      break;
    }
  }
  chn_buf_deinit(&out);
  return s;
}

static int finish(struct cli_context *ctx, const struct trial_report *report)
{
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    print_json(report, &out);
  } else {
    if (report->n_skipped > 0 && !cli_is_set(&ctx->args, "consistency")) {
      cli_note(ctx, "%d tests are left out by --filter", (int)report->n_skipped);
    }
    chn_buf_addf(&out, "%d passed, %d failed\n", (int)report->n_passed, (int)report->n_failed);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  return report->n_failed > 0 ? CLI_FAILED : CLI_DONE;
}

static chn_status read_options(struct cli_context *ctx, struct trial_options *o,
                               struct chn_err *err)
{
  *o = (struct trial_options){ .repo = ctx->repo.root,
                               .filter = cli_get(&ctx->args, "filter"),
                               .cancelled = is_cancelled };
  if (cli_get_int(&ctx->args, "threads", 1, 1024, &o->threads, err) != CHN_OK) {
    return err->code;
  }
  return cli_get_bytes(&ctx->args, "memory-limit", &o->memory_limit, err);
}

/// What nothing was run for is a mistake of the command line.
static chn_status nothing(const struct cli_context *ctx, bool live, struct chn_err *err)
{
  const char *filter = cli_get(&ctx->args, "filter");
  if (live) {
    return chn_fail(err, CHN_E_NOT_FOUND, "no GroupBy of the repo is online; name one to try it");
  }
  return filter != NULL
             ? chn_fail(err, CHN_E_NOT_FOUND, "no test is called like --filter \"%s\"", filter)
             : chn_fail(err, CHN_E_NOT_FOUND,
                        "there is no *_test.lua file; docs/reference/testing.md shows how to "
                        "write one");
}

static int run_all(struct cli_context *ctx, const struct trial_options *options,
                   const char *const *files, int32_t n, uint64_t seed)
{
  const bool live = cli_is_set(&ctx->args, "consistency");
  struct trial_report report = { .n_tests = 0 };
  struct trial *t = NULL;
  struct chn_err err = { 0 };
  cli_watch_signals();
  chn_status s = trial_open(options, &t, &err);
  if (s == CHN_OK) {
    s = live ? run_live(ctx, t, seed, &report, &err) : run_files(ctx, t, files, n, &report, &err);
  }
  trial_close(t);
  bool usage = s == CHN_E_NOT_FOUND;
  if (s == CHN_OK && report.n_tests == 0) {
    s = nothing(ctx, live, &err);
    usage = true;
  }
  const int code = s == CHN_OK ? finish(ctx, &report) : cli_fail(ctx, &err, usage);
  trial_report_deinit(&report);
  return code;
}

static int run_test(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  struct trial_options options;
  struct wh_source *sources = NULL;
  const char **files = NULL;
  int32_t n = 0;
  uint64_t seed = 0;
  if (cli_repo_find(ctx, CLI_REPO_TEAMS, &err) != CHN_OK) {
    return cli_fail(ctx, &err, false);
  }
  if (read_options(ctx, &options, &err) != CHN_OK || read_seed(ctx, &seed, &err) != CHN_OK) {
    return cli_fail(ctx, &err, true);
  }
  if (cli_is_set(&ctx->args, "consistency")) {
    if (cli_sources(ctx, &sources, &options.n_sources, &err) != CHN_OK) {
      return cli_fail(ctx, &err, true);
    }
    options.sources = sources;
    options.warehouse = cli_warehouse_root(ctx);
  } else if (trial_files(&ctx->arena, ctx->repo.root, ctx->args.positional, ctx->args.n_positional,
                         &files, &n, &err) != CHN_OK) {
    return cli_fail(ctx, &err, true);
  }
  return run_all(ctx, &options, files, n, seed);
}

static const struct cli_option options[] = {
  { "filter", 'f', CLI_VALUE, "PATTERN", NULL, NULL,
    "only tests whose name has this in it; * is any text" },
  { "consistency", 0, CLI_FLAG, NULL, NULL, NULL,
    "compare what is fetched after an upload and a stream with backfills, of rows made by chance: "
    "of the GroupBys named, else of those that are online; --table, teams.json and the warehouse "
    "give the types of columns" },
  { "seed", 0, CLI_VALUE, "N", NULL, NULL, "--consistency: makes the rows; printed" },
  { .name = NULL },
};

const struct cli_command cli_cmd_test = {
  .name = "test",
  .args = "[FILE|FOLDER...|NAME...]",
  .max_args = 4096,
  .summary = "run the tests beside definitions (*_test.lua)",
  .examples = "chronon test    # all of the repo\n"
              "chronon test group_bys/shop/spending_test.lua --filter \"week\"\n"
              "chronon test --consistency shop.spending.v1 --seed 7",
  .doc = "A test gives tables as rows and says what features come of them at an instant; "
         "docs/reference/testing.md tells it all. Nothing of the warehouse is read or written.",
  .options = options,
  .uses_repo = true,
  .uses_warehouse = true,
  .run = run_test,
};
