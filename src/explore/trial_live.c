// A GroupBy as it is served beside a backfill, over rows made by chance.
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "batch/batch.h"
#include "compile/compile.h"
#include "explore/trial_int.h"
#include "fetcher/fetch_json.h"
#include "kv/kv.h"
#include "model/json.h"
#include "model/names.h"
#include "model/read.h"
#include "stream/stream.h"
#include "warehouse/fs.h"
#include "warehouse/sql.h"

enum { INSTANTS = 12, MOST_KEYS = 12, MOST_TOLD = 10 };

/// One GroupBy on its way.
struct live {
  struct trial_run run;
  struct trial_report *report;
  struct model_conf conf;
  struct model_group_by *gb;
  struct trial_chance chance;
  struct trial_made made;
  bool streams;
  int64_t batch_end;
  struct kv_store *store;
  struct trial_answer keys;
  int64_t values, nulls; ///< compared
};

// ---- what can be compared -----------------------------------------------------------------------

static const char *why_not(const struct model_group_by *gb)
{
  const struct model_source *s = gb->n_sources > 0 ? &gb->sources[0] : NULL;
  if (gb->n_sources != 1) {
    return "it has several sources";
  }
  if (s->join_source != NULL) {
    return "its source is a join";
  }
  if (gb->n_aggregations == 0) {
    return "it has no aggregations";
  }
  if (s->entities != NULL && model_infer_accuracy(gb) == MODEL_TEMPORAL) {
    return "it reads mutations";
  }
  return s->events != NULL && s->events->is_cumulative ? "its source is cumulative" : NULL;
}

/// A topic of ours, whose messages are JSON: a stream reads them from a file.
static void choose_stream(struct live *l)
{
  const struct model_source *s = &l->gb->sources[0];
  l->streams = model_infer_accuracy(l->gb) == MODEL_TEMPORAL && model_source_topic(s) != NULL;
  if (s->events != NULL && s->events->topic != NULL) {
    s->events->topic = "chronon_test";
  }
}

// ---- serving ------------------------------------------------------------------------------------

static chn_status upload(struct live *l, struct chn_err *err)
{
  char ds[CHN_DS_SIZE];
  const struct trial *t = l->run.t;
  const struct batch_progress progress = { .user = t->options.user,
                                           .cancelled = t->options.cancelled };
  const struct batch_options options = { .wh = t->wh,
                                         .end_ds = chn_ds_of_day(l->made.upload_day, ds),
                                         .threads = t->options.threads,
                                         .memory_limit = t->options.memory_limit,
                                         .store = l->store,
                                         .progress = &progress };
  struct batch_report report = { 0 };
  const chn_status s = batch_upload(&l->conf, &options, &report, err);
  batch_report_deinit(&report);
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "the upload");
}

/// Everything from the upload's end on, and a little before: what batch has must not count twice.
static chn_status stream(struct live *l, struct chn_err *err)
{
  const struct trial_made *made = &l->made;
  const char *path = arena_printf(l->run.a, "%s/messages.jsonl", l->run.t->folder);
  int32_t from = 0;
  while (from < made->n_rows && made->at[from] < l->batch_end - CHN_HOUR_MS) {
    from++;
  }
  const struct stream_options o = { .folder = l->run.t->folder, .file = path };
  struct stream_job *job = NULL;
  chn_status s = trial_lines(path, made->columns, made->n_columns, made->rows + from,
                             made->n_rows - from, err);
  if (s == CHN_OK) {
    s = stream_job_open(l->store, l->run.t->wh, l->gb, &o, &job, err);
  }
  if (s == CHN_OK) {
    s = stream_job_run(job, err);
  }
  stream_job_close(job);
  fs_remove(path);
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "the stream");
}

// ---- questions ----------------------------------------------------------------------------------

/// The keys that the rows have, by the definition's own expressions.
static chn_status find_keys(struct live *l, struct chn_err *err)
{
  struct arena *a = l->run.a;
  const struct model_query *q = model_source_query(&l->gb->sources[0]);
  struct chn_buf spark = { 0 };
  char *sql = NULL;
  for (int32_t i = 0; i < l->gb->n_key_columns; i++) {
    const char *key = l->gb->key_columns[i];
    const char *expr = q != NULL ? model_pair_find(q->selects, q->n_selects, key) : NULL;
    chn_buf_addf(&spark, "%s%s AS `%s`", i > 0 ? ", " : "SELECT DISTINCT ",
                 expr != NULL ? expr : arena_printf(a, "`%s`", key), key);
  }
  chn_buf_addf(&spark, " FROM %s", l->made.table);
  chn_status s = wh_use(l->run.t->wh, l->made.table, err);
  if (s == CHN_OK) {
    s = sql_render_query(a, chn_buf_str(&spark), &sql, err);
  }
  chn_buf_deinit(&spark);
  return s == CHN_OK ? trial_read(&l->run,
                                  arena_printf(a, "SELECT * FROM (%s) ORDER BY ALL LIMIT %d", sql,
                                               (int)MOST_KEYS),
                                  &l->keys, err)
                     : s;
}

/// Instants between the upload's end and the last row: of what does not stream, what the day of the
/// upload is good for.
static int64_t choose_instant(struct live *l)
{
  if (l->streams) {
    return trial_random(&l->chance, l->batch_end, l->made.at[l->made.n_rows - 1] + CHN_HOUR_MS);
  }
  return model_infer_accuracy(l->gb) == MODEL_TEMPORAL
             ? l->batch_end
             : l->batch_end + trial_random(&l->chance, 0, CHN_DAY_MS - 1);
}

static struct codec_json_member text_member(const char *key, const char *text)
{
  return (struct codec_json_member){
    key, { .kind = CODEC_JSON_STRING, .text = text, .text_len = strlen(text) }
  };
}

/// An expectation as a test file would have it, still without features.
static struct codec_json make_check(struct arena *a, const struct codec_json *keys, int64_t at)
{
  struct codec_json check = { .kind = CODEC_JSON_OBJECT, .n = 5 };
  check.members = arena_calloc(a, 5, sizeof *check.members);
  check.members[0] = text_member("kind", "at");
  check.members[1] = text_member("at", arena_printf(a, "%lld", (long long)at));
  check.members[2] = (struct codec_json_member){ "keys", *keys };
  check.members[3] =
      (struct codec_json_member){ "definition", { .kind = CODEC_JSON_INT, .as.integer = 1 } };
  check.members[4] = (struct codec_json_member){ "want", { .kind = CODEC_JSON_OBJECT } };
  return check;
}

/// A test of all keys at some instants.
static struct codec_json *make_test(struct live *l)
{
  struct arena *a = l->run.a;
  struct codec_json *test = arena_calloc(a, 1, sizeof *test);
  struct codec_json checks = { .kind = CODEC_JSON_ARRAY };
  checks.members = arena_calloc(a, (size_t)l->keys.n_rows * INSTANTS + 1, sizeof *checks.members);
  for (int32_t i = 0; i < INSTANTS; i++) {
    const int64_t at = choose_instant(l);
    for (int32_t k = 0; k < l->keys.n_rows; k++) {
      checks.members[checks.n++].value = make_check(a, &l->keys.rows[k], at);
    }
  }
  *test = (struct codec_json){ .kind = CODEC_JSON_OBJECT, .n = 1 };
  test->members = arena_calloc(a, 1, sizeof *test->members);
  test->members[0] = (struct codec_json_member){ "checks", checks };
  return test;
}

// ---- answers ------------------------------------------------------------------------------------

/// How far a value may be off: sketches depend on the order of merges; doubles, in their last
/// digits, on that of sums. 0: not at all.
static double tolerance(const struct live *l, const char *feature, const struct codec_json *v)
{
  const double value = v->kind == CODEC_JSON_INT ? (double)v->as.integer : v->as.real;
  const double size = value < 0 ? -value : value;
  for (int32_t i = 0; i < l->gb->n_aggregations; i++) {
    const struct model_aggregation *g = &l->gb->aggregations[i];
    const size_t n = strlen(g->input_column);
    if (g->operation == MODEL_OP_APPROX_UNIQUE_COUNT && strncmp(feature, g->input_column, n) == 0 &&
        strncmp(feature + n, "_approx_unique_count", 20) == 0) {
      return 1 + size / 10;
    }
  }
  return v->kind == CODEC_JSON_INT ? 0 : size * 1e-6 > 1e-6 ? size * 1e-6 : 1e-6;
}

static struct codec_json real_value(struct arena *a, double value)
{
  char text[40];
  codec_json_real_text(value, text);
  struct codec_json v = { .kind = CODEC_JSON_REAL, .as.real = value };
  v.text = arena_strdup(a, text);
  v.text_len = strlen(text);
  return v;
}

static struct codec_json with_tolerance(struct live *l, const char *feature,
                                        const struct codec_json *v)
{
  struct arena *a = l->run.a;
  if (v->kind != CODEC_JSON_REAL && v->kind != CODEC_JSON_INT) {
    return *v;
  }
  const double within = tolerance(l, feature, v);
  if (within == 0) {
    return *v;
  }
  struct codec_json approx = { .kind = CODEC_JSON_OBJECT, .n = 2 };
  approx.members = arena_calloc(a, 2, sizeof *approx.members);
  approx.members[0] = (struct codec_json_member){ "$approx", *v };
  approx.members[1] = (struct codec_json_member){ "$within", real_value(a, within) };
  return approx;
}

static chn_status take_row(struct live *l, const struct fetch_result *result, size_t r,
                           struct codec_json *want, struct chn_err *err)
{
  struct arena *a = l->run.a;
  const struct row_schema *features = fetch_plan_features(result->plan);
  struct chn_buf text = { 0 };
  chn_status s = CHN_OK;
  if (result->rows[r] == FETCH_ROW_FAILED) {
    return chn_fail(err, CHN_E_INTERNAL, "the fetch: %s", result->row_errors[r]);
  }
  want->members = arena_calloc(a, (size_t)features->n_fields + 1, sizeof *want->members);
  for (int32_t c = 0; c < features->n_fields && s == CHN_OK; c++) {
    const char *name = arena_strdup(a, features->fields[c].name);
    const struct codec_json *value = NULL;
    const bool there = result->rows[r] == FETCH_ROW_VALUES &&
                       result->cells[(size_t)c * result->n + r] == FETCH_VALUE;
    chn_buf_clear(&text);
    if (there) {
      fetch_json_value(&result->cols[c], r, FETCH_JSON_DETAILED, &text);
    } else {
      chn_buf_adds(&text, "null");
    }
    s = codec_json_parse(a, arena_strndup(a, chn_buf_str(&text), text.len), text.len, name, &value,
                         err);
    if (s == CHN_OK) {
      want->members[want->n++] = (struct codec_json_member){ name, with_tolerance(l, name, value) };
      l->values++;
      l->nulls += value->kind == CODEC_JSON_NULL;
    }
  }
  chn_buf_deinit(&text);
  return s;
}

/// The checks' keys as a request.
static const char *request_of(struct arena *a, const struct codec_json *checks, size_t *len)
{
  struct chn_buf out = { 0 };
  for (int32_t i = 0; i < checks->n; i++) {
    chn_buf_adds(&out, i > 0 ? "," : "[");
    codec_json_write(codec_json_get(&checks->members[i].value, "keys"), CODEC_JSON_COMPACT, &out);
  }
  chn_buf_adds(&out, "]");
  *len = out.len;
  const char *text = arena_strndup(a, chn_buf_str(&out), out.len);
  chn_buf_deinit(&out);
  return text;
}

static chn_status fetch(struct live *l, struct fetch_session *session, struct codec_json *checks,
                        struct chn_err *err)
{
  struct arena *a = l->run.a;
  const struct fetch_plan *plan = NULL;
  struct fetch_json *json = fetch_json_new();
  struct fetch_request request;
  struct fetch_result result;
  size_t len = 0;
  const char *text = request_of(a, checks, &len);
  int64_t *at = arena_calloc(a, (size_t)checks->n + 1, sizeof *at);
  for (int32_t i = 0; i < checks->n; i++) {
    at[i] = strtoll(trial_text(&checks->members[i].value, "at"), NULL, 10);
  }
  chn_status s = fetch_plan_get(session, FETCH_GROUP_BY, l->conf.name, &plan, err);
  if (s == CHN_OK) {
    s = fetch_json_read(json, plan, text, len, &request, err);
  }
  if (s == CHN_OK) {
    request.at = at;
    s = fetch_run(session, &request, 1, &result, err);
  }
  for (int32_t i = 0; i < checks->n && s == CHN_OK; i++) {
    struct codec_json *want = &checks->members[i].value.members[4].value;
    s = take_row(l, &result, (size_t)i, want, err);
  }
  if (plan != NULL) {
    fetch_plan_release(plan);
  }
  fetch_json_free(json);
  return s;
}

static chn_status fetch_all(struct live *l, struct codec_json *checks, struct chn_err *err)
{
  static const struct fetcher_options options = { 0 };
  struct fetcher *fetcher = NULL;
  struct fetch_session *session = NULL;
  chn_status s = fetcher_open(l->store, &options, &fetcher, err);
  if (s == CHN_OK) {
    s = fetch_session_open(fetcher, &session, err);
  }
  if (s == CHN_OK) {
    s = fetch(l, session, checks, err);
  }
  fetch_session_close(session);
  fetcher_close(fetcher);
  return s;
}

// ---- one GroupBy --------------------------------------------------------------------------------

static chn_status serve_and_compare(struct live *l, struct chn_err *err)
{
  struct trial *t = l->run.t;
  struct trial_made *made = &l->made;
  struct codec_json *test = NULL;
  l->batch_end = chn_ms_of_day(made->upload_day + 1);
  chn_status s = trial_write(t, l->run.a, made->table, made->columns, made->n_columns, made->rows,
                             made->n_rows, made->partition, err);
  if (s == CHN_OK) {
    s = upload(l, err);
  }
  if (s == CHN_OK && l->streams) {
    s = stream(l, err);
  }
  if (s == CHN_OK) {
    s = find_keys(l, err);
  }
  if (s == CHN_OK) {
    test = make_test(l);
    s = fetch_all(l, (struct codec_json *)codec_json_get(test, "checks"), err);
  }
  if (s == CHN_OK) {
    l->run.test = test;
    s = trial_at(&l->run, err);
  }
  return s;
}

static void tell(struct live *l, uint64_t seed)
{
  struct trial_test *test = l->run.out;
  struct arena *a = l->run.a;
  const long long known = (long long)(l->values - l->nulls);
  test->note =
      arena_printf(a, "seed %llu: %lld values %s, %lld of them not null", (unsigned long long)seed,
                   (long long)l->values, l->streams ? "of batch and stream" : "of batch", known);
  if (test->n_failures == 0 && known == 0) {
    trial_fail_text(&l->run, NULL,
                    "none of the rows made gives a feature: its wheres and selects are too narrow "
                    "for values made by chance");
  }
  if (test->n_failures > MOST_TOLD) {
    const int32_t more = test->n_failures - MOST_TOLD;
    test->n_failures = MOST_TOLD;
    trial_fail_text(&l->run, NULL, "and %d more", (int)more);
  }
}

static chn_status run_live(struct live *l, uint64_t seed, struct chn_err *err)
{
  static int32_t stores; // each has a name of its own
  struct arena *a = l->run.a;
  const char *why = why_not(l->gb);
  struct chn_err cause;
  chn_status s = CHN_OK;
  if (why == NULL) {
    choose_stream(l);
    s = trial_make(l->run.t, a, l->gb, &l->chance, &l->made, &why, &cause);
  }
  if (why != NULL) {
    l->run.out->note = why;
    l->run.out->skipped = true;
    return CHN_OK;
  }
  if (s == CHN_OK) {
    s = kv_open(&l->store, arena_printf(a, "memory:chronon_test_%d", (int)++stores), true, &cause);
  }
  if (s == CHN_OK) {
    const char **fixtures = arena_calloc(a, 1, sizeof *fixtures);
    fixtures[0] = l->made.table;
    l->run.fixtures = fixtures;
    l->run.n_fixtures = 1;
    s = serve_and_compare(l, &cause);
  }
  kv_close(l->store);
  trial_clean(&l->run, true);
  if (s == CHN_E_CANCELLED) {
    *err = cause;
    return s;
  }
  if (s != CHN_OK) {
    trial_fail_text(&l->run, NULL, "%s", cause.msg);
  }
  tell(l, seed);
  return CHN_OK;
}

static chn_status run_item(struct trial *t, const struct compile_item *item, uint64_t seed,
                           struct trial_report *report, struct chn_err *err)
{
  struct arena *a = &report->arena;
  struct live l = { .report = report, .chance = { seed } };
  const double since = chn_monotonic_ms();
  l.run = (struct trial_run){ .t = t, .a = a };
  l.run.out =
      trial_add_test(report, item->where != NULL ? item->where : "", arena_strdup(a, item->name));
  l.run.out->live = true;
  const char *text = arena_strdup(a, item->text);
  chn_status s =
      model_read_json(a, text, strlen(text), MODEL_GROUP_BY, l.run.out->name, &l.conf, err);
  if (s == CHN_OK) {
    l.gb = l.conf.as.group_by;
    struct trial_definition *d = arena_calloc(a, 1, sizeof *d);
    *d = (struct trial_definition){
      .kind = MODEL_GROUP_BY, .name = l.run.out->name, .read = true, .conf = l.conf
    };
    l.run.definitions = d;
    l.run.n_definitions = 1;
    s = run_live(&l, seed, err);
  }
  l.run.out->ms = chn_monotonic_ms() - since;
  report->n_skipped += l.run.out->skipped;
  report->n_failed += l.run.out->n_failures > 0;
  report->n_passed += l.run.out->n_failures == 0 && !l.run.out->skipped;
  return s;
}

// ---- which --------------------------------------------------------------------------------------

static bool is_named(const char *const *names, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    const char *given = names[i];
    size_t k = 0;
    while (name[k] != '\0' && (given[k] == name[k] || (given[k] == '/' && name[k] == '.'))) {
      k++;
    }
    if (name[k] == '\0' && given[k] == '\0') {
      return true;
    }
  }
  return false;
}

static chn_status check_names(const struct compile_report *compiled, const char *const *names,
                              int32_t n, struct chn_err *err)
{
  struct arena a = { 0 };
  const char **known = arena_calloc(&a, (size_t)compiled->n_items + 1, sizeof *known);
  size_t n_known = 0;
  chn_status s = CHN_OK;
  const struct compile_item *broken = NULL; // a file, which may define what is asked for
  for (int32_t i = 0; i < compiled->n_items; i++) {
    if (compiled->items[i].kind == MODEL_GROUP_BY) {
      known[n_known++] = compiled->items[i].name;
    } else if (compiled->items[i].kind == MODEL_NONE) {
      broken = &compiled->items[i];
    }
  }
  for (int32_t k = 0; k < n && s == CHN_OK; k++) {
    bool found = false;
    for (size_t i = 0; i < n_known; i++) {
      found = found || is_named(&names[k], 1, known[i]);
    }
    if (!found && broken != NULL) {
      s = chn_fail(err, CHN_E_ARGUMENT, "%s is not found, and %s: %s", names[k], broken->where,
                   broken->message);
    } else if (!found) {
      const char *near = chn_near(names[k], known, n_known);
      s = chn_fail(err, CHN_E_NOT_FOUND,
                   "no GroupBy is called %s%s%s%s; a name is team.file.variable", names[k],
                   near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                   near != NULL ? "?)" : "");
    }
  }
  arena_deinit(&a);
  return s;
}

static bool is_online(const struct compile_item *item)
{
  return item->conf != NULL && item->conf->meta_data != NULL && item->conf->meta_data->online;
}

static chn_status run_items(struct trial *t, const struct compile_report *compiled,
                            const char *const *names, int32_t n, uint64_t seed,
                            struct trial_report *report, struct chn_err *err)
{
  chn_status s = check_names(compiled, names, n, err);
  for (int32_t i = 0; i < compiled->n_items && s == CHN_OK; i++) {
    const struct compile_item *item = &compiled->items[i];
    const bool broken = item->text == NULL && item->outcome == COMPILE_FAILED;
    const bool asked =
        n > 0 ? is_named(names, n, item->name) : is_online(item) || item->kind == MODEL_NONE;
    if (!asked || (item->kind != MODEL_GROUP_BY && item->kind != MODEL_NONE)) {
      continue;
    }
    if (broken) {
      struct trial_run r = { .t = t, .a = &report->arena };
      r.out = trial_add_test(report, item->where != NULL ? item->where : "",
                             arena_strdup(r.a, item->name));
      trial_fail_text(&r, NULL, "%s", item->message);
      report->n_failed++;
    } else if (item->text != NULL) {
      s = run_item(t, item, seed, report, err);
    }
  }
  return s;
}

chn_status trial_live(struct trial *t, const char *const *names, int32_t n, uint64_t seed,
                      struct trial_report *report, struct chn_err *err)
{
  // What is compiled already does not count: what the files say now is to be tried.
  const struct compile_options options = { .repo = t->options.repo,
                                           .all = true,
                                           .output_root = ".explore/production",
                                           .force_overwrite = true,
                                           .dry_run = true };
  struct compile_report compiled = { 0 };
  chn_status s = compile_run(&options, &compiled, err);
  if (s == CHN_OK) {
    s = run_items(t, &compiled, names, n, seed, report, err);
  }
  compile_report_deinit(&compiled);
  return s;
}
