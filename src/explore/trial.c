// Tests of a file, one after the other.
#include "explore/trial.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/time.h"
#include "compile/compile.h"
#include "explore/trial_int.h"
#include "lua/luart.h"
#include "model/read.h"
#include "warehouse/fs.h"

enum { LEAST_MEMORY = 256 << 20 };

static const char OWN_TEAM[] = "test"; ///< of what files outside of a team's folder define

void trial_report_deinit(struct trial_report *r)
{
  arena_deinit(&r->arena);
  *r = (struct trial_report){ .n_tests = 0 };
}

const char *trial_text(const struct codec_json *v, const char *key)
{
  const struct codec_json *m = codec_json_get(v, key);
  return m != NULL && m->kind == CODEC_JSON_STRING ? m->text : NULL;
}

// ---- failures ---------------------------------------------------------------------------------

static struct trial_failure *add_failure(struct arena *a, struct trial_test *test)
{
  const size_t n = (size_t)test->n_failures;
  if ((n & (n - 1)) == 0) { // full at each power of two
    struct trial_failure *more = arena_calloc(a, n != 0 ? 2 * n : 1, sizeof *more);
    if (n > 0) {
      memcpy(more, test->failures, n * sizeof *more);
    }
    test->failures = more;
  }
  return &test->failures[test->n_failures++];
}

struct trial_failure *trial_fail(struct trial_run *r, const char *where)
{
  struct trial_failure *f = add_failure(r->a, r->out);
  f->where = where;
  return f;
}

void trial_fail_text(struct trial_run *r, const char *where, const char *fmt, ...)
{
  char text[4096];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  trial_fail(r, where)->message = arena_strdup(r->a, text);
}

void trial_expect_message(struct trial_run *r, const struct codec_json *check, const char *message)
{
  const char *fails = trial_text(check, "fails");
  const char *where = trial_text(check, "where");
  if (fails == NULL && message != NULL) {
    trial_fail_text(r, where, "%s", message);
  } else if (fails != NULL && message == NULL) {
    trial_fail_text(r, where, "it does not fail, and \"%s\" was expected", fails);
  } else if (fails != NULL && strstr(message, fails) == NULL) {
    trial_fail_text(r, where, "it fails with another message than \"%s\": %s", fails, message);
  }
}

// ---- definitions ------------------------------------------------------------------------------

static void compile(struct trial_run *r, struct trial_definition *d)
{
  const struct model_struct *type = model_kind_struct(d->kind);
  void *any = arena_calloc(r->a, 1, type->size);
  struct chn_err err;
  chn_status s = model_read_struct(r->a, d->object, type, MODEL_BY_PERSON, d->name, any, &err);
  if (s == CHN_OK) {
    struct model_conf conf = model_conf_of(d->kind, any);
    s = compile_conf(r->a, r->t->options.repo, OWN_TEAM, &conf, &d->conf, &err);
  }
  d->read = true;
  d->error = s == CHN_OK        ? NULL
             : d->where != NULL ? arena_printf(r->a, "%s: %s: %s", d->where, d->name, err.msg)
                                : arena_printf(r->a, "%s: %s", d->name, err.msg);
}

const struct trial_definition *trial_definition(struct trial_run *r, const struct codec_json *check,
                                                const char **error)
{
  const struct codec_json *number = codec_json_get(check, "definition");
  if (number == NULL) {
    return NULL;
  }
  struct trial_definition *d = &r->definitions[number->as.integer - 1];
  if (!d->read) {
    compile(r, d);
  }
  *error = d->error;
  return d->error == NULL ? d : NULL;
}

static enum model_kind kind_of(const char *name)
{
  int k = MODEL_GROUP_BY;
  while (k < MODEL_STAGING_QUERY && strcmp(model_kind_name((enum model_kind)k), name) != 0) {
    k++;
  }
  return (enum model_kind)k;
}

static struct trial_definition *read_definitions(struct arena *a, const struct codec_json *plan,
                                                 int32_t *n)
{
  const struct codec_json *list = codec_json_get(plan, "definitions");
  struct trial_definition *all = arena_calloc(a, (size_t)list->n + 1, sizeof *all);
  *n = list->n;
  for (int32_t i = 0; i < list->n; i++) {
    const struct codec_json *v = &list->members[i].value;
    all[i] = (struct trial_definition){ .kind = kind_of(trial_text(v, "kind")),
                                        .name = trial_text(v, "name"),
                                        .where = trial_text(v, "where"),
                                        .object = codec_json_get(v, "object") };
  }
  return all;
}

// ---- one test ---------------------------------------------------------------------------------

static void check_raised(struct trial_run *r, const struct codec_json *check)
{
  const char *message = trial_text(check, "message");
  const char *text = trial_text(check, "text");
  const char *where = trial_text(check, "where");
  if (message == NULL) {
    trial_fail_text(r, where, "nothing failed: no error was raised, and nothing was run");
  } else if (strstr(message, text) == NULL) {
    trial_fail_text(r, where, "it fails with another message than \"%s\": %s", text, message);
  }
}

static chn_status run_checks(struct trial_run *r, struct chn_err *err)
{
  const struct codec_json *checks = codec_json_get(r->test, "checks");
  chn_status s = trial_at(r, err);
  for (int32_t i = 0; i < checks->n && s == CHN_OK; i++) {
    const struct codec_json *check = &checks->members[i].value;
    const char *kind = trial_text(check, "kind");
    if (strcmp(kind, "raised") == 0) {
      check_raised(r, check);
    } else if (strcmp(kind, "rows") == 0) {
      s = trial_rows(r, check, err);
    }
  }
  return s;
}

static long line_of(const struct trial_failure *f)
{
  const char *colon = f->where != NULL ? strrchr(f->where, ':') : NULL;
  return colon != NULL ? strtol(colon + 1, NULL, 10) : 0;
}

/// In the order of the file, whatever ran together.
static void sort_failures(struct trial_test *test)
{
  for (int32_t i = 1; i < test->n_failures; i++) { // stable
    const struct trial_failure f = test->failures[i];
    int32_t k = i;
    for (; k > 0 && line_of(&test->failures[k - 1]) > line_of(&f); k--) {
      test->failures[k] = test->failures[k - 1];
    }
    test->failures[k] = f;
  }
}

static chn_status run_test(struct trial_run *r, struct chn_err *err)
{
  const char *error = trial_text(r->test, "error");
  chn_status s = CHN_OK;
  if (error != NULL) {
    trial_fail_text(r, NULL, "%s", error);
  } else if (codec_json_get(r->test, "checks")->n == 0) {
    trial_fail_text(
        r, r->out->where,
        "the test expects nothing: t.expect, t.expect_rows or t.expect_error is missing");
  } else {
    if (trial_tables(r)) {
      s = run_checks(r, err);
    }
    trial_clean(r, true);
  }
  sort_failures(r->out);
  return s;
}

// ---- a file -----------------------------------------------------------------------------------

struct trial_test *trial_add_test(struct trial_report *report, const char *file, const char *name)
{
  const size_t n = (size_t)report->n_tests;
  if ((n & (n - 1)) == 0) {
    struct trial_test *more = arena_calloc(&report->arena, n != 0 ? 2 * n : 1, sizeof *more);
    if (n > 0) {
      memcpy(more, report->tests, n * sizeof *more);
    }
    report->tests = more;
  }
  struct trial_test *test = &report->tests[report->n_tests++];
  test->file = arena_strdup(&report->arena, file);
  test->name = name;
  return test;
}

/// What is wrong with a whole file counts as a test that failed.
static void fail_file(struct trial_report *report, const char *file, const char *message)
{
  struct trial_test *test = trial_add_test(report, file, arena_strdup(&report->arena, file));
  add_failure(&report->arena, test)->message = arena_strdup(&report->arena, message);
  report->n_failed++;
}

static bool is_asked_for(const struct trial *t, struct arena *a, const char *name)
{
  return t->options.filter == NULL ||
         fnmatch(arena_printf(a, "*%s*", t->options.filter), name, 0) == 0;
}

static chn_status run_plan(struct trial *t, const char *file, const struct codec_json *plan,
                           struct trial_report *report, struct chn_err *err)
{
  const struct codec_json *tests = codec_json_get(plan, "tests");
  struct trial_run r = { .t = t, .a = &report->arena };
  chn_status s = CHN_OK;
  r.definitions = read_definitions(r.a, plan, &r.n_definitions);
  for (int32_t i = 0; i < tests->n && s == CHN_OK; i++) {
    const char *name = trial_text(&tests->members[i].value, "name");
    if (!is_asked_for(t, r.a, name)) {
      report->n_skipped++;
      continue;
    }
    const double since = chn_monotonic_ms();
    r.test = &tests->members[i].value;
    r.out = trial_add_test(report, file, name);
    r.out->where = trial_text(r.test, "where");
    s = run_test(&r, err);
    r.out->ms = chn_monotonic_ms() - since;
    report->n_passed += r.out->n_failures == 0;
    report->n_failed += r.out->n_failures > 0;
  }
  return s;
}

chn_status trial_file(struct trial *t, const char *file, struct trial_report *report,
                      struct chn_err *err)
{
  const struct codec_json *plan = NULL;
  const char *printed = NULL;
  struct chn_err why;
  if (luart_test(t->lua, &report->arena, file, &plan, &printed, &why) != CHN_OK) {
    fail_file(report, file, why.msg);
    return CHN_OK;
  }
  if (codec_json_get(plan, "tests")->n == 0) {
    fail_file(report, file, "it has no test: t.test(\"what it shows\", function() ... end)");
    return CHN_OK;
  }
  return run_plan(t, file, plan, report, err);
}

// ---- the engine -------------------------------------------------------------------------------

/// Where nobody says another place, memory: every table that a job writes is forced to the disk,
/// which takes most of a test's time where there is one.
static const char *temporary(void)
{
  const char *given = getenv("TMPDIR");
  struct statvfs shm;
  if (given != NULL && *given != '\0') {
    return given;
  }
  const bool room = statvfs("/dev/shm", &shm) == 0 && access("/dev/shm", W_OK) == 0 &&
                    (uint64_t)shm.f_bavail * shm.f_frsize >= (uint64_t)LEAST_MEMORY;
  return room ? "/dev/shm" : "/tmp";
}

chn_status trial_open(const struct trial_options *o, struct trial **out, struct chn_err *err)
{
  struct trial *t = chn_calloc(1, sizeof *t);
  struct arena a = { 0 };
  const char *root = NULL;
  t->options = *o;
  chn_status s = fs_temp(&a, temporary(), "chronon-test-", &root, &t->lock, err);
  if (s != CHN_OK) {
    chn_wrap(err, "a temporary folder, for which TMPDIR may name another place");
  } else {
    const struct wh_options options = { .root = arena_printf(&a, "%s/warehouse", root),
                                        .threads = o->threads,
                                        .memory_limit = o->memory_limit };
    t->folder = chn_strdup(root);
    t->root = chn_strdup(options.root);
    t->rows = chn_strdup(arena_printf(&a, "%s/rows.jsonl", root));
    t->lua = luart_new(o->repo, NULL);
    s = wh_open(&options, &t->wh, err);
  }
  arena_deinit(&a);
  if (s != CHN_OK) {
    trial_close(t);
    return s;
  }
  *out = t;
  return CHN_OK;
}

void trial_close(struct trial *t)
{
  if (t == NULL) {
    return;
  }
  wh_close(t->wh);
  luart_free(t->lua);
  if (t->folder != NULL) {
    fs_temp_remove(t->folder, t->lock);
  }
  free(t->folder);
  free(t->root);
  free(t->rows);
  free(t);
}
