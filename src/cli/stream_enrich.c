// Features of a join for a stream over it, by the fetcher: stream/ itself knows no fetcher.
#include <stdlib.h>
#include <string.h>

#include "cli/stream.h"
#include "fetcher/fetcher.h"
#include "model/json.h"
#include "model/names.h"
#include "warehouse/sql.h"

enum { BATCH_CACHE = 10000 };

struct cli_stream_enrich {
  struct stream_enrich callbacks;
  struct kv_store *store;
  const char *repo;
  struct fetcher *fetcher; ///< opened with the first session
};

struct enrich_session {
  struct arena arena;
  struct fetch_session *session;
  const char *name;
  struct row_schema keys;
  struct row_schema features; ///< those of the plan, then base columns that derivations drop
  int32_t n_features;
  int32_t *base_at; ///< of the others their base column
};

// ---- opening ----------------------------------------------------------------------------------

static void set_schemas(struct enrich_session *e, const struct fetch_plan *plan)
{
  const struct row_schema derived = row_schema_copy(&e->arena, fetch_plan_features(plan));
  const struct row_schema base = row_schema_copy(&e->arena, fetch_plan_base(plan));
  const size_t most = (size_t)(derived.n_fields + base.n_fields) + 1;
  struct row_field *fields = arena_calloc(&e->arena, most, sizeof *fields);
  int32_t n = derived.n_fields;
  memcpy(fields, derived.fields, (size_t)n * sizeof *fields);
  e->base_at = arena_calloc(&e->arena, most, sizeof *e->base_at);
  for (int32_t i = 0; i < base.n_fields; i++) {
    if (row_schema_find(&derived, base.fields[i].name) < 0) {
      e->base_at[n - derived.n_fields] = i;
      fields[n++] = base.fields[i];
    }
  }
  e->keys = row_schema_copy(&e->arena, fetch_plan_keys(plan));
  e->features = (struct row_schema){ fields, n };
  e->n_features = derived.n_fields;
}

/// A join's plan is without the columns of parts that have no upload; a stream must not be.
static chn_status check_parts(struct enrich_session *e, const struct model_join *join,
                              struct chn_err *err)
{
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < join->n_join_parts && s == CHN_OK; i++) {
    const struct fetch_plan *plan = NULL;
    s = fetch_plan_get(e->session, FETCH_GROUP_BY, join->join_parts[i].group_by->meta_data->name,
                       &plan, err);
    if (s == CHN_OK) {
      fetch_plan_release(plan);
    }
  }
  return s;
}

/// What a derivation reads that is not there when fetching, or NULL.
static const char *unknown_column(struct arena *a, const struct fetch_plan *plan, const char *spark)
{
  char **names = NULL;
  size_t n = 0;
  struct chn_err ignored;
  if (sql_expr_columns(a, spark, &names, &n, &ignored) != CHN_OK) {
    return NULL;
  }
  for (size_t i = 0; i < n; i++) {
    if (row_schema_find(fetch_plan_base(plan), names[i]) < 0 && strcmp(names[i], "ts") != 0 &&
        strcmp(names[i], "ds") != 0) {
      return names[i];
    }
  }
  return NULL;
}

/// Derivations are no columns of a plan when one of them cannot be computed.
static chn_status check_derivations(const struct fetch_plan *plan, const struct model_join *join,
                                    struct chn_err *err)
{
  struct arena a = { 0 };
  bool whole = true;
  const char *unknown = NULL;
  for (int32_t i = 0; i < join->n_derivations; i++) {
    const char *name = join->derivations[i].name;
    whole =
        whole && (strcmp(name, "*") == 0 || row_schema_find(fetch_plan_features(plan), name) >= 0);
    unknown = unknown != NULL ? unknown : unknown_column(&a, plan, join->derivations[i].expression);
  }
  const chn_status s =
      whole ? CHN_OK
            : chn_fail(err, CHN_E_ARGUMENT,
                       "its derivations cannot be computed when fetching%s%s: what they read must "
                       "be features, or left columns that a c.ContextualSource names",
                       unknown != NULL ? ", because of " : "", unknown != NULL ? unknown : "");
  arena_deinit(&a);
  return s;
}

static chn_status add_join(struct cli_stream_enrich *self, const struct model_join *join,
                           struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status s = model_write_compact("Join", join, &text, err);
  if (s == CHN_OK) {
    s = fetcher_add_join(self->fetcher, chn_buf_str(&text), text.len, err);
  }
  chn_buf_deinit(&text);
  return s;
}

static void close_session(void *session)
{
  struct enrich_session *e = session;
  fetch_session_close(e->session);
  arena_deinit(&e->arena);
  free(e);
}

static chn_status open_session(void *arg, const struct model_join *join,
                               const struct row_schema **keys, const struct row_schema **features,
                               void **session, struct chn_err *err)
{
  struct cli_stream_enrich *self = arg;
  const struct fetcher_options options = { .repo = self->repo, .batch_cache = BATCH_CACHE };
  struct enrich_session *e = chn_calloc(1, sizeof *e);
  const struct fetch_plan *plan = NULL;
  e->name = model_file_path(&e->arena, join->meta_data);
  chn_status s =
      self->fetcher == NULL ? fetcher_open(self->store, &options, &self->fetcher, err) : CHN_OK;
  if (s == CHN_OK) {
    s = add_join(self, join, err);
  }
  if (s == CHN_OK) {
    s = fetch_session_open(self->fetcher, &e->session, err);
  }
  if (s == CHN_OK) {
    s = check_parts(e, join, err);
  }
  if (s == CHN_OK) {
    s = fetch_plan_get(e->session, FETCH_JOIN, e->name, &plan, err);
  }
  if (s == CHN_OK) {
    s = check_derivations(plan, join, err);
  }
  if (s != CHN_OK) {
    fetch_plan_release(plan);
    close_session(e);
    return chn_wrap(err, "join %s, over which it streams", join->meta_data->name);
  }
  set_schemas(e, plan);
  fetch_plan_release(plan);
  *keys = &e->keys;
  *features = &e->features;
  *session = e;
  return CHN_OK;
}

// ---- fetching ---------------------------------------------------------------------------------

static bool same_columns(const struct row_schema *have, const struct row_schema *want, int32_t n)
{
  bool same = have->n_fields == n;
  for (int32_t i = 0; i < n && same; i++) {
    same = strcmp(have->fields[i].name, want->fields[i].name) == 0 &&
           row_type_equal(have->fields[i].type, want->fields[i].type);
  }
  return same;
}

/// An upload of today may have other columns than that of yesterday.
static chn_status check_plan(const struct enrich_session *e, const struct fetch_plan *plan,
                             struct chn_err *err)
{
  bool same = same_columns(fetch_plan_keys(plan), &e->keys, e->keys.n_fields) &&
              same_columns(fetch_plan_features(plan), &e->features, e->n_features);
  const struct row_schema *base = fetch_plan_base(plan);
  for (int32_t i = e->n_features; i < e->features.n_fields && same; i++) {
    const int32_t at = e->base_at[i - e->n_features];
    same = at < base->n_fields && strcmp(base->fields[at].name, e->features.fields[i].name) == 0 &&
           row_type_equal(base->fields[at].type, e->features.fields[i].type);
  }
  return same ? CHN_OK
              : chn_fail(err, CHN_E_CONFLICT,
                         "join %s now has other columns than when the stream began; start it again",
                         e->name);
}

static void take_failures(const struct fetch_result *result, const char **failed)
{
  for (size_t i = 0; i < result->n; i++) {
    failed[i] = result->rows[i] == FETCH_ROW_FAILED ? result->row_errors[i] : NULL;
  }
  for (size_t i = 0; i < result->n_errors; i++) {
    const struct fetch_error *e = &result->errors[i];
    failed[e->row] = failed[e->row] != NULL ? failed[e->row] : e->text;
  }
}

static chn_status fetch(void *session, const struct row_col *keys, const int64_t *at, size_t n,
                        struct row_builder *const *outs, const char **failed, struct chn_err *err)
{
  struct enrich_session *e = session;
  const struct fetch_plan *plan = NULL;
  struct fetch_result result;
  chn_status s = fetch_plan_get(e->session, FETCH_JOIN, e->name, &plan, err);
  if (s != CHN_OK) {
    return s;
  }
  s = check_plan(e, plan, err);
  if (s == CHN_OK) {
    const struct fetch_request request = {
      .plan = plan, .n = n, .keys = keys, .at = at, .base = e->features.n_fields > e->n_features
    };
    s = fetch_run(e->session, &request, 1, &result, err);
  }
  if (s == CHN_OK) {
    for (int32_t i = 0; i < e->features.n_fields; i++) {
      const struct row_col *col =
          i < e->n_features ? &result.cols[i] : &result.base[e->base_at[i - e->n_features]];
      row_builder_append(outs[i], col, 0, n);
    }
    take_failures(&result, failed);
  }
  fetch_plan_release(plan);
  return s;
}

// ---- the whole --------------------------------------------------------------------------------

const struct stream_enrich *cli_stream_enrich_new(struct cli_context *ctx, struct kv_store *store,
                                                  struct cli_stream_enrich **out)
{
  struct cli_stream_enrich *self = chn_calloc(1, sizeof *self);
  self->store = store;
  self->repo = ctx->repo.root;
  self->callbacks = (struct stream_enrich){ open_session, fetch, close_session, self };
  *out = self;
  return &self->callbacks;
}

void cli_stream_enrich_free(struct cli_stream_enrich *self)
{
  if (self != NULL) {
    fetcher_close(self->fetcher);
    free(self);
  }
}
