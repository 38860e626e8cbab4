// Fetches of the session: the store is opened by the first.
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "codec/json.h"
#include "explore/explore_serve_int.h"
#include "kv/kv.h"
#include "model/json.h"
#include "model/names.h"

static chn_status open_store(struct explore *e, struct chn_err *err)
{
  // Whoever looks wants what was uploaded just now.
  const struct fetcher_options options = { .repo = e->options.repo, .ttl_ms = 1, .refresh_ms = 1 };
  chn_status s = CHN_OK;
  if (e->store == NULL) {
    s = kv_open(&e->store, e->options.store, false, err);
  }
  if (s == CHN_OK && e->fetcher == NULL) {
    s = fetcher_open(e->store, &options, &e->fetcher, err);
  }
  if (s == CHN_OK && e->fetches == NULL) {
    s = fetch_session_open(e->fetcher, &e->fetches, err);
  }
  if (e->json == NULL) {
    e->json = fetch_json_new();
  }
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "the store");
}

static chn_status find_plan(struct explore *e, const struct model_conf *conf,
                            const struct fetch_plan **out, struct chn_err *err)
{
  if (conf->kind != MODEL_GROUP_BY && conf->kind != MODEL_JOIN) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s is a %s; a GroupBy or a Join can be fetched",
                    conf->name, model_kind_name(conf->kind));
  }
  const char *name = model_file_path(&e->call, conf->meta_data);
  if (conf->kind == MODEL_GROUP_BY) {
    const chn_status s = fetch_plan_get(e->fetches, FETCH_GROUP_BY, name, out, err);
    return s != CHN_E_NOT_FOUND ? s
                                : chn_fail(err, s,
                                           "%s has %s not: `chronon run --mode upload --conf "
                                           "production/group_bys/%s --ds DAY` puts it there",
                                           kv_url(e->store), conf->name, name);
  }
  struct chn_buf text = { 0 };
  model_write_json(conf, &text);
  chn_status s = fetcher_add_join(e->fetcher, chn_buf_str(&text), text.len, err);
  chn_buf_deinit(&text);
  return s == CHN_OK ? fetch_plan_get(e->fetches, FETCH_JOIN, name, out, err) : s;
}

/// A name that is no key would be dropped in silence.
static chn_status check_names(struct explore *e, const struct fetch_plan *plan, const char *keys,
                              struct chn_err *err)
{
  const struct row_schema *known = fetch_plan_keys(plan);
  const struct codec_json *doc = NULL;
  if (codec_json_parse(&e->call, keys, strlen(keys), "keys", &doc, err) != CHN_OK) {
    return err->code = CHN_E_ARGUMENT;
  }
  const char **names = arena_calloc(&e->call, (size_t)known->n_fields + 1, sizeof *names);
  const char *list = "";
  for (int32_t i = 0; i < known->n_fields; i++) {
    names[i] = known->fields[i].name;
    list = arena_printf(&e->call, "%s%s%s", list, i > 0 ? ", " : "", names[i]);
  }
  for (int32_t r = 0; r < doc->n; r++) {
    const struct codec_json *row = &doc->members[r].value;
    for (int32_t i = 0; row->kind == CODEC_JSON_OBJECT && i < row->n; i++) {
      if (row_schema_find(known, row->members[i].key) < 0) {
        const char *near = chn_near(row->members[i].key, names, (size_t)known->n_fields);
        return chn_fail(err, CHN_E_ARGUMENT, "%s is no key of %s%s%s%s; its keys are: %s",
                        row->members[i].key, fetch_plan_name(plan),
                        near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                        near != NULL ? "?)" : "", list);
      }
    }
  }
  return CHN_OK;
}

chn_status explore_ask(struct explore *e, int32_t kind, const char *json, const char *keys,
                       const char *at, struct asked *out, struct chn_err *err)
{
  *out = (struct asked){ .at = INT64_MIN };
  const char *text = arena_strdup(&e->call, keys);
  chn_status s = explore_conf(e, kind, json, &out->conf, err);
  if (s == CHN_OK && at != NULL) {
    s = chn_ms_of_text(at, &out->at, err);
  }
  if (s == CHN_OK) {
    s = open_store(e, err);
  }
  if (s == CHN_OK) {
    s = find_plan(e, &out->conf, &out->plan, err);
  }
  if (s == CHN_OK) {
    s = check_names(e, out->plan, text, err);
  }
  if (s == CHN_OK) {
    s = fetch_json_read(e->json, out->plan, text, strlen(text), &out->request, err);
  }
  if (s == CHN_OK) {
    int64_t *instants = arena_calloc(&e->call, out->request.n + 1, sizeof *instants);
    for (size_t r = 0; r < out->request.n; r++) {
      instants[r] = out->at;
    }
    out->request.at = instants;
  }
  return s;
}

void explore_asked_release(struct asked *asked)
{
  if (asked->plan != NULL) {
    fetch_plan_release(asked->plan);
  }
}

// ---- answers ----------------------------------------------------------------------------------

/// What failed of each row, as a column; NULL when nothing did.
static struct row_builder *exceptions_of(struct explore *e, const struct fetch_result *result)
{
  const char **texts = arena_calloc(&e->call, result->n + 1, sizeof *texts);
  bool any = false;
  for (size_t r = 0; r < result->n; r++) {
    texts[r] = result->rows[r] == FETCH_ROW_FAILED ? result->row_errors[r] : NULL;
    any = any || texts[r] != NULL;
  }
  for (size_t i = 0; i < result->n_errors; i++) {
    const struct fetch_error *error = &result->errors[i];
    const char *before = texts[error->row];
    texts[error->row] = arena_printf(&e->call, "%s%s%s: %s", before != NULL ? before : "",
                                     before != NULL ? "; " : "", error->name, error->text);
    any = true;
  }
  if (!any) {
    return NULL;
  }
  struct row_builder *b = row_builder_new(row_scalar(ROW_STRING));
  for (size_t r = 0; r < result->n; r++) {
    if (texts[r] == NULL) {
      row_builder_null(b);
    } else {
      row_builder_string(b, texts[r], strlen(texts[r]));
    }
  }
  return b;
}

static chn_status keep_answer(struct explore *e, const struct asked *asked,
                              const struct fetch_result *result, struct explore_result *out,
                              struct chn_err *err)
{
  const struct row_schema *keys = fetch_plan_keys(asked->plan);
  const struct row_schema *features = fetch_plan_features(asked->plan);
  struct row_builder *exceptions = exceptions_of(e, result);
  struct wh_extra *columns =
      arena_calloc(&e->call, (size_t)(keys->n_fields + features->n_fields) + 1, sizeof *columns);
  int32_t n = 0;
  for (int32_t i = 0; i < keys->n_fields; i++) {
    if (row_schema_find(features, keys->fields[i].name) < 0) {
      columns[n++] = (struct wh_extra){ keys->fields[i].name, &asked->request.keys[i], NULL };
    }
  }
  for (int32_t i = 0; i < features->n_fields; i++) {
    columns[n++] = (struct wh_extra){ features->fields[i].name, &result->cols[i], NULL };
  }
  if (exceptions != NULL) {
    columns[n++] = (struct wh_extra){ "exception", row_builder_col(exceptions), NULL };
  }
  const chn_status s = out_keep_columns(e, columns, n, result->n, out, err);
  row_builder_free(exceptions);
  return s;
}

chn_status explore_answer(struct explore *e, const struct asked *asked, struct explore_result *out,
                          struct chn_err *err)
{
  struct fetch_result result;
  const chn_status s = fetch_run(e->fetches, &asked->request, 1, &result, err);
  return s == CHN_OK ? keep_answer(e, asked, &result, out, err) : s;
}

chn_status explore_fetch(struct explore *e, int32_t kind, const char *json, const char *keys,
                         const char *at, struct explore_result *out, struct chn_err *err)
{
  struct asked asked;
  explore_begin(e);
  chn_status s = explore_ask(e, kind, json, keys, at, &asked, err);
  if (s == CHN_OK) {
    s = explore_answer(e, &asked, out, err);
  }
  explore_asked_release(&asked);
  return explore_end(e, s, err);
}
