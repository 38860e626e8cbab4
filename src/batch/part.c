#include "batch/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "batch/chain.h"
#include "batch/derive.h"
#include "batch/part_mutations.h"
#include "batch/queries.h"
#include "batch/scan.h"
#include "batch/source.h"
#include "model/names.h"
#include "model/plan.h"

/// What a part's answers live in.
struct part_own {
  struct agg_answers *passes; ///< one per engine frame
  int32_t n_passes;
  struct row_builder **joined; ///< of all passes, where there are several
  struct row_builder **derived;
  int32_t n_derived;
};

/// A part being computed.
struct work {
  struct batch_job *job;
  const struct left *left;
  const struct model_group_by *gb;
  const char *skew; ///< condition on the keys, or NULL
  enum model_accuracy accuracy;
  bool entities;
  bool mutations; ///< entities whose values are those of the row's instant
  enum agg_tail tail;
  struct days scan_range;
  const char *sql;
  struct row_schema schema; ///< of sql
  struct agg_plan *plan;
  const char **left_columns; ///< of each key
  struct key_set keys;
  struct query_set asked;
  struct part_own *own;
  int32_t *answer; ///< position of each query's answer over all passes, or -1
  int32_t answered;
};

void part_deinit(struct part *p)
{
  struct part_own *own = p->own;
  if (own != NULL) {
    for (int32_t i = 0; i < own->n_passes; i++) {
      agg_answers_deinit(&own->passes[i]);
    }
    for (int32_t i = 0; i < p->n && own->joined != NULL; i++) {
      row_builder_free(own->joined[i]);
    }
    for (int32_t i = 0; i < own->n_derived; i++) {
      row_builder_free(own->derived[i]);
    }
    free(own->passes);
    free(own->joined);
    free(own->derived);
    free(own);
  }
  free(p->index);
  *p = (struct part){ 0 };
}

// ---- what the rows ask ------------------------------------------------------------------------

static chn_status check_sources(const struct model_group_by *gb, bool *entities,
                                struct chn_err *err)
{
  for (int32_t i = 0; i < gb->n_sources; i++) {
    const bool is_entities = model_source_is_entities(&gb->sources[i]);
    if (i > 0 && is_entities != *entities) {
      return chn_fail(err, CHN_E_ARGUMENT, "sources mix events and entities");
    }
    *entities = is_entities;
  }
  return gb->n_sources > 0 ? CHN_OK : chn_fail(err, CHN_E_ARGUMENT, "the GroupBy has no sources");
}

static bool is_temporal(const struct work *w)
{
  return w->left->events && !w->entities && w->accuracy == MODEL_TEMPORAL;
}

/// Hour windows have no meaning in a snapshot of events, which moves by days.
static chn_status check_windows(const struct work *w, struct chn_err *err)
{
  for (int32_t i = 0; i < w->plan->n_parts && w->tail == AGG_TAIL_DAILY; i++) {
    const struct agg_part *p = &w->plan->parts[i];
    if (p->window_ms != 0 && p->window.hours) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "%s: a window of %d hours; snapshots of events have daily resolution, so "
                      "write it in days or make the accuracy TEMPORAL",
                      p->name, p->window.length);
    }
  }
  return CHN_OK;
}

static chn_status prepare(struct work *w, struct days range, struct chn_err *err)
{
  chn_status status = check_sources(w->gb, &w->entities, err);
  if (status != CHN_OK) {
    return status;
  }
  w->accuracy = model_infer_accuracy(w->gb);
  w->mutations = mutations_apply(w->left, w->gb, w->entities);
  w->tail = w->entities ? AGG_TAIL_EXACT : is_temporal(w) ? AGG_TAIL_SAWTOOTH : AGG_TAIL_DAILY;
  w->scan_range = w->left->events ? w->left->snapshots : range;
  if (w->scan_range.last < w->scan_range.first) {
    w->scan_range = range; // no row asks anything: any range gives the schema
  } else if (is_temporal(w)) {
    // The days of the rows' ts, which a row in a partition of another day widens, as upstream.
    w->scan_range = (struct days){ w->left->snapshots.first + 1, w->left->snapshots.last + 1 };
  }
  // The join has prepared its range; the rows' instants may reach beyond it.
  status = chain_prepare(w->job, w->gb, chain_last(w->gb, w->scan_range.last), err);
  for (int32_t i = 0; i < w->gb->n_sources && status == CHN_OK; i++) {
    const struct model_query *q = model_source_query(&w->gb->sources[i]);
    status = q != NULL ? source_setups(w->job, q->setups, q->n_setups, err) : CHN_OK;
  }
  if (status == CHN_OK) {
    status = source_group_by_sql(w->job, w->gb, w->accuracy, w->scan_range, &w->sql, err);
  }
  if (status == CHN_OK && w->skew != NULL) {
    w->sql = arena_printf(w->job->arena, "SELECT * FROM (%s) WHERE %s", w->sql, w->skew);
  }
  return status == CHN_OK ? wh_describe(w->job->wh, w->sql, w->job->arena, &w->schema, err)
                          : status;
}

/// The left column of each key, which must have the key's type.
static chn_status match_keys(struct work *w, const struct model_join_part *def,
                             const struct row_type ***types, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const int32_t n = w->gb->n_key_columns;
  w->left_columns = arena_alloc(a, (size_t)n * sizeof *w->left_columns);
  *types = arena_alloc(a, ((size_t)n + 1) * sizeof **types);
  for (int32_t i = 0; i < n; i++) {
    const char *key = w->gb->key_columns[i];
    w->left_columns[i] = model_left_key(def->key_mapping, def->n_key_mapping, key);
    const int32_t at = row_schema_find(&w->schema, key);
    chn_status status = left_column(w->left, w->left_columns[i], &(*types)[i], err);
    if (status != CHN_OK) {
      return status;
    }
    if (at < 0 || !row_type_equal((*types)[i], w->schema.fields[at].type)) {
      struct chn_buf left = { 0 };
      struct chn_buf right = { 0 };
      row_type_print(&left, (*types)[i]);
      if (at >= 0) {
        row_type_print(&right, w->schema.fields[at].type);
      }
      status = chn_fail(err, CHN_E_ARGUMENT,
                        "key \"%s\": %s on the left (\"%s\"), %s in the GroupBy; cast one of them",
                        key, chn_buf_str(&left), w->left_columns[i],
                        at >= 0 ? chn_buf_str(&right) : "absent");
      chn_buf_deinit(&left);
      chn_buf_deinit(&right);
      return status;
    }
    if (w->gb->aggregations != NULL && key_check(key, (*types)[i], err) != CHN_OK) {
      return err->code;
    }
  }
  (*types)[n] = row_scalar(ROW_STRING);
  return CHN_OK;
}

/// The instant whose past a row sees: its own, or the end of a day's snapshot.
static void ask(struct work *w, const struct row_type **types, struct chn_err *err,
                chn_status *status)
{
  const struct left *left = w->left;
  int32_t *key = chn_malloc(left->n * sizeof *key);
  int64_t *at = chn_malloc(left->n * sizeof *at);
  key_set_init(&w->keys, types, w->gb->n_key_columns + (w->entities ? 1 : 0));
  *status = left_keys(left, &w->keys, w->left_columns, w->gb->n_key_columns, key, err);
  for (size_t i = 0; i < left->n; i++) {
    at[i] = is_temporal(w) || w->mutations        ? left->ts[i]
            : w->entities && !w->plan->has_window ? INT64_MAX
                                                  : left->day_end[i];
  }
  if (*status == CHN_OK) {
    query_set_init(&w->asked, key, at, left->n, key_set_size(&w->keys));
    w->answer = chn_malloc(w->asked.queries.n * sizeof *w->answer);
    memset(w->answer, 0xff, w->asked.queries.n * sizeof *w->answer);
  }
  free(key);
  free(at);
}

// ---- the answers ------------------------------------------------------------------------------

/// Answers the queries whose keys have rows in this frame.
static chn_status answer_frame(void *user, struct agg_frame *frame, struct chn_err *err)
{
  struct work *w = user;
  const struct agg_queries *all = &w->asked.queries;
  int32_t *key = chn_malloc(all->n * sizeof *key);
  int64_t *at = chn_malloc(all->n * sizeof *at);
  struct agg_queries some = { .key = key, .at = at };
  for (size_t i = 0; i < all->n; i++) {
    const int64_t *ts = NULL;
    if (agg_frame_key_rows(frame, all->key[i], &ts) > 0) {
      key[some.n] = all->key[i];
      at[some.n] = all->at[i];
      w->answer[i] = w->answered + (int32_t)some.n++;
    }
  }
  const double t = chn_monotonic_ms();
  struct part_own *own = w->own;
  own->passes = chn_realloc(own->passes, ((size_t)own->n_passes + 1) * sizeof *own->passes);
  struct agg_answers *answers = &own->passes[own->n_passes];
  *answers = (struct agg_answers){ 0 };
  chn_status status = agg_frame_eval(frame, &some, w->tail, w->job->threads, answers, err);
  own->n_passes += status == CHN_OK;
  w->answered += (int32_t)some.n;
  job_time(w->job, "windows", t, some.n);
  free(key);
  free(at);
  return status;
}

static chn_status scan_answers(struct work *w, struct chn_err *err)
{
  const struct agg_queries *q = &w->asked.queries;
  int64_t newest = INT64_MIN;
  int64_t first = INT64_MAX;
  int64_t last = INT64_MIN;
  for (size_t i = 0; i < q->n; i++) {
    first = q->at[i] < first ? q->at[i] : first;
    last = q->at[i] > last ? q->at[i] : last;
  }
  const struct source_reach reach = source_reach_of(w->gb);
  const char **columns =
      arena_alloc(w->job->arena, ((size_t)w->gb->n_key_columns + 1) * sizeof *columns);
  memcpy(columns, w->gb->key_columns, (size_t)w->gb->n_key_columns * sizeof *columns);
  columns[w->gb->n_key_columns] = "ds";
  const struct scan_request r = {
    .sql = w->sql,
    .plan = w->plan,
    .key_columns = columns,
    .n_key_columns = w->keys.n,
    .n_required_keys = w->gb->n_key_columns,
    .keys = &w->keys,
    .mode = KEY_FIND,
    .nulls = KEY_NULL_NEVER,
    // A day more than the longest window covers the alignment of its tail to a hop.
    .from = w->entities || reach.unbounded || q->n == 0 ? INT64_MIN
                                                        : first - reach.window_ms - CHN_DAY_MS,
    .to = w->entities || q->n == 0 ? INT64_MAX : last,
    .visit = answer_frame,
    .newest = &newest,
    .user = w,
  };
  const chn_status status = scan_run(w->job, &r, err);
  return status == CHN_OK && q->n > 0
             ? source_check_times(w->job, w->gb, w->accuracy, w->scan_range, newest, err)
             : status;
}

/// The answers of entities with mutations, which come from no frame.
static chn_status mutation_answers(struct work *w, struct chn_err *err)
{
  const int32_t n = w->plan->n_parts;
  w->own->joined = chn_calloc((size_t)n, sizeof(struct row_builder *));
  for (int32_t j = 0; j < n; j++) {
    w->own->joined[j] = row_builder_new(w->plan->parts[j].output);
  }
  const struct mutations_request r = {
    .left = w->left,
    .gb = w->gb,
    .plan = w->plan,
    .schema = &w->schema,
    .snapshots = w->sql,
    .days = w->scan_range,
    .left_columns = w->left_columns,
    .position = w->asked.position,
    .n_keys = key_set_size(&w->keys),
    .queries = &w->asked.queries,
  };
  return mutations_compute(w->job, &r, w->own->joined, w->answer, err);
}

/// One column over all passes.
static const struct row_col *whole_column(struct work *w, int32_t j)
{
  struct part_own *own = w->own;
  if (w->mutations) {
    return row_builder_col(own->joined[j]);
  }
  if (own->n_passes == 1) {
    return &own->passes[0].cols[j];
  }
  if (own->joined == NULL) {
    own->joined = chn_calloc((size_t)w->plan->n_parts, sizeof(struct row_builder *));
  }
  own->joined[j] = row_builder_new(w->plan->parts[j].output);
  for (int32_t p = 0; p < own->n_passes; p++) {
    row_builder_append(own->joined[j], &own->passes[p].cols[j], 0, own->passes[p].n);
  }
  return row_builder_col(own->joined[j]);
}

/// A snapshot of events has a row for a key only where some output is not NULL (spec/04 §4).
static bool has_row(const struct work *w, const struct part *p, int32_t answer)
{
  if (w->tail == AGG_TAIL_SAWTOOTH || w->mutations) {
    return true;
  }
  if (answer < 0 || w->tail == AGG_TAIL_EXACT) {
    return answer >= 0;
  }
  for (int32_t j = 0; j < p->n; j++) {
    if (!row_is_null(p->cols[j], (size_t)answer)) {
      return true;
    }
  }
  return false;
}

// ---- derivations ------------------------------------------------------------------------------

/// A skewed key asks nothing: what is derived of no value is no value of it.
static const char *unskewed(const struct work *w, const char *sql)
{
  return w->skew != NULL ? arena_printf(w->job->arena, "CASE WHEN %s THEN %s END", w->skew, sql)
                         : sql;
}

/// The queries as a table: keys, ts, ds and every output, so that SQL derives columns from it.
static chn_status derive_frame(struct work *w, const struct part *p, const struct derived *columns,
                               int32_t n, struct wh_rows **rows, struct row_schema *types,
                               struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const size_t n_queries = w->asked.queries.n;
  const int32_t n_keys = w->gb->n_key_columns;
  int32_t *row_of = chn_malloc(n_queries * sizeof *row_of);
  for (size_t i = w->left->n; i-- > 0;) {
    if (w->asked.position[i] >= 0) {
      row_of[w->asked.position[i]] = (int32_t)i;
    }
  }
  const struct row_col ds = { .type = row_scalar(ROW_STRING),
                              .data = w->left->snapshot_ds,
                              .count = w->left->n };
  const struct row_col ts = { .type = row_scalar(ROW_LONG),
                              .data = w->left->ts,
                              .count = w->left->n };
  struct row_builder **keys = arena_calloc(a, (size_t)n_keys, sizeof *keys);
  struct wh_extra *extras = arena_alloc(a, ((size_t)p->n + (size_t)n_keys + 2) * sizeof *extras);
  int32_t n_extras = 0;
  for (int32_t i = 0; i < n_keys; i++) {
    keys[i] = left_copy_column(w->left, w->left_columns[i]);
    extras[n_extras++] =
        (struct wh_extra){ w->gb->key_columns[i], row_builder_col(keys[i]), row_of };
  }
  extras[n_extras++] = (struct wh_extra){ "ds", &ds, row_of };
  if (w->left->events) {
    extras[n_extras++] = (struct wh_extra){ "ts", &ts, row_of };
  }
  for (int32_t j = 0; j < p->n; j++) {
    extras[n_extras++] = (struct wh_extra){ p->names[j], p->cols[j], w->answer };
  }
  struct chn_buf sql = { 0 };
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(&sql, "%s%s AS %s", i > 0 ? ", " : "SELECT ", unskewed(w, columns[i].sql),
                 wh_quote_name(a, columns[i].name));
  }
  chn_buf_adds(&sql, " FROM wh_frame('part')");
  chn_status status = wh_frame_add(w->job->wh, "part", NULL, n_queries, extras, n_extras, err);
  if (status == CHN_OK) {
    // The types of the rows die with them, those of the columns must not.
    status = wh_describe(w->job->wh, chn_buf_str(&sql), a, types, err);
    if (status == CHN_OK) {
      status = wh_rows_load(w->job->wh, chn_buf_str(&sql), rows, err);
    }
    wh_frame_remove(w->job->wh, "part");
  }
  for (int32_t i = 0; i < n_keys; i++) {
    row_builder_free(keys[i]);
  }
  chn_buf_deinit(&sql);
  free(row_of);
  return status;
}

/// Replaces the part's columns by its GroupBy's derivations; answers are then one per query.
static chn_status derive_part(struct work *w, struct part *p, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct derived *columns = NULL;
  int32_t n = 0;
  struct wh_rows *rows = NULL;
  struct row_schema types;
  chn_status status = derive_columns(a, w->gb->derivations, w->gb->n_derivations, p->names, p->n,
                                     &columns, &n, err);
  if (status == CHN_OK) {
    status = derive_frame(w, p, columns, n, &rows, &types, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct row_col *chunk = arena_alloc(a, (size_t)n * sizeof *chunk);
  struct part_own *own = w->own;
  own->n_derived = n;
  own->derived = chn_calloc((size_t)n, sizeof(struct row_builder *));
  for (int32_t j = 0; j < n; j++) {
    own->derived[j] = row_builder_new(types.fields[j].type);
  }
  for (size_t c = 0; c < wh_rows_chunks(rows); c++) {
    const size_t count = wh_rows_chunk(rows, c, chunk);
    for (int32_t j = 0; j < n; j++) {
      row_builder_append(own->derived[j], &chunk[j], 0, count);
    }
  }
  const char **names = arena_alloc(a, (size_t)n * sizeof *names);
  const struct row_col **cols = arena_alloc(a, (size_t)n * sizeof *cols);
  for (size_t i = 0; i < w->asked.queries.n; i++) {
    w->answer[i] = has_row(w, p, w->answer[i]) ? (int32_t)i : -1;
  }
  for (int32_t j = 0; j < n; j++) {
    names[j] = columns[j].name;
    cols[j] = row_builder_col(own->derived[j]);
  }
  // The builders of undivided passes are freed by their number, which p->n no longer is.
  for (int32_t j = 0; j < p->n && own->joined != NULL; j++) {
    row_builder_free(own->joined[j]);
  }
  free(own->joined);
  own->joined = NULL;
  p->names = names;
  p->cols = cols;
  p->n = n;
  wh_rows_free(rows);
  return CHN_OK;
}

// ---- parts without aggregations ---------------------------------------------------------------

static chn_status name_columns(struct arena *a, struct part *p, struct derived **columns,
                               struct chn_err *err)
{
  const struct model_group_by *gb = p->def->group_by;
  int32_t n_base = 0;
  const char **base = model_group_by_columns(a, gb, &n_base);
  chn_status status =
      derive_columns(a, gb->derivations, gb->n_derivations, base, n_base, columns, &p->n, err);
  if (status != CHN_OK) {
    return status;
  }
  p->names = arena_alloc(a, (size_t)p->n * sizeof *p->names);
  for (int32_t i = 0; i < p->n; i++) {
    p->names[i] = (*columns)[i].name;
  }
  return CHN_OK;
}

chn_status part_describe(struct arena *a, const struct model_join_part *def, const char *prefix,
                         bool events, struct part *out, struct chn_err *err)
{
  struct derived *columns = NULL;
  const bool temporal = events && model_infer_accuracy(def->group_by) == MODEL_TEMPORAL;
  *out = (struct part){ .def = def, .prefix = prefix, .at_ts = temporal };
  chn_status status = name_columns(a, out, &columns, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "part %s", prefix);
}

static chn_status sql_part(struct work *w, struct part *p, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct derived *columns = NULL;
  chn_status status = name_columns(a, p, &columns, err);
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf sql = { 0 };
  chn_buf_adds(&sql, "SELECT ds");
  for (int32_t i = 0; i < w->gb->n_key_columns; i++) {
    chn_buf_addf(&sql, ", %s AS %s", wh_quote_name(a, w->gb->key_columns[i]),
                 wh_quote_name(a, arena_printf(a, "__key_%d", i)));
  }
  for (int32_t i = 0; i < p->n; i++) {
    chn_buf_addf(&sql, ", %s AS %s", columns[i].sql, wh_quote_name(a, columns[i].name));
  }
  chn_buf_addf(&sql, " FROM (%s)", w->sql);
  p->sql = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return CHN_OK;
}

// ---- all together -----------------------------------------------------------------------------

static chn_status aggregate_part(struct work *w, struct part *p, const struct row_type **types,
                                 struct chn_err *err)
{
  struct arena *a = w->job->arena;
  chn_status status = model_plan(a, w->gb, &w->schema, &w->plan, err);
  if (status != CHN_OK) {
    return status;
  }
  w->plan->needs_time |= !w->entities; // the head of a query is an instant, window or not
  status = check_windows(w, err);
  if (status == CHN_OK) {
    ask(w, types, err, &status);
  }
  if (status == CHN_OK) {
    p->own = w->own = chn_calloc(1, sizeof *w->own);
    p->n = w->plan->n_parts;
    status = w->mutations ? mutation_answers(w, err) : scan_answers(w, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  p->names = arena_alloc(a, (size_t)p->n * sizeof *p->names);
  p->cols = arena_alloc(a, (size_t)p->n * sizeof *p->cols);
  for (int32_t j = 0; j < p->n; j++) {
    p->names[j] = w->plan->parts[j].name;
    p->cols[j] = whole_column(w, j);
  }
  if (w->gb->n_derivations > 0) {
    status = derive_part(w, p, err);
  }
  p->index = chn_malloc(w->left->n * sizeof *p->index);
  for (size_t i = 0; i < w->left->n; i++) {
    const int32_t q = w->asked.position[i];
    p->index[i] = q < 0 ? -1 : w->answer[q];
  }
  return status;
}

chn_status part_compute(struct batch_job *job, const struct left *left, struct days range,
                        const struct model_join_part *def, const char *prefix, const char *skew,
                        struct part *out, struct chn_err *err)
{
  struct work w = { .job = job, .left = left, .gb = def->group_by, .skew = skew };
  const struct row_type **types = NULL;
  *out = (struct part){ .def = def, .prefix = prefix };
  chn_status status = prepare(&w, range, err);
  if (status == CHN_OK) {
    status = match_keys(&w, def, &types, err);
  }
  if (status == CHN_OK && w.mutations && w.gb->aggregations == NULL) {
    status = chn_fail(err, CHN_E_ARGUMENT,
                      "entities with TEMPORAL accuracy need aggregations; make the accuracy "
                      "SNAPSHOT to read the snapshot's columns as they are");
  }
  if (status == CHN_OK) {
    status =
        w.gb->aggregations == NULL ? sql_part(&w, out, err) : aggregate_part(&w, out, types, err);
  }
  key_set_deinit(&w.keys);
  query_set_deinit(&w.asked);
  free(w.answer);
  if (status != CHN_OK) {
    part_deinit(out);
    chn_wrap(err, "part %s", prefix);
  }
  return status;
}

void part_list_of(struct arena *a, const struct model_join *j, struct part_list *out)
{
  const size_t most = (size_t)j->n_join_parts + (size_t)j->n_online_external_parts;
  *out = (struct part_list){ .defs = arena_alloc(a, most * sizeof *out->defs),
                             .prefixes = arena_alloc(a, most * sizeof *out->prefixes) };
  for (int32_t i = 0; i < j->n_join_parts; i++) {
    out->defs[out->n] = &j->join_parts[i];
    out->prefixes[out->n++] = model_part_full_prefix(a, &j->join_parts[i]);
  }
  for (int32_t i = 0; i < j->n_online_external_parts; i++) {
    const struct model_external_part *e = &j->online_external_parts[i];
    if (e->source->offline_group_by == NULL) {
      continue;
    }
    struct model_join_part *def = arena_calloc(a, 1, sizeof *def);
    def->group_by = e->source->offline_group_by;
    def->key_mapping = e->key_mapping;
    def->n_key_mapping = e->n_key_mapping;
    out->defs[out->n] = def;
    out->prefixes[out->n++] = model_external_prefix(a, e);
  }
}
