// What would make a job fail, or be empty, or be served differently from what it computes.
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "batch/analyze.h"
#include "batch/source.h"
#include "codec/avro.h"
#include "model/names.h"

/// Milliseconds between which a ts is believable: 1971 to 2100 (Chronon's Analyzer).
static const int64_t TS_MIN = 31536000000;
static const int64_t TS_MAX = 4102473599999;

enum { TS_SAMPLE = 100 };

// ---- tables -----------------------------------------------------------------------------------

static chn_status read_row(struct analysis *w, const char *table, const char *column,
                           struct chn_err *err)
{
  const char *sql = NULL;
  bool partitioned = false;
  struct day_set have = { 0 };
  struct wh_rows *rows = NULL;
  const struct model_query query = { .partition_column = column };
  chn_status status = source_days(w->job, table, column, &partitioned, &have, err);
  if (status == CHN_OK && partitioned && have.n == 0) {
    return CHN_OK; // no partition that could be refused
  }
  const int32_t last = have.n > 0 ? have.day[have.n - 1] : 0;
  if (status == CHN_OK) {
    status = source_table_sql(w->job, table, &query, (struct days){ last, last }, &sql, err);
  }
  if (status == CHN_OK) {
    status = wh_rows_load(w->job->wh, arena_printf(w->job->arena, "%s LIMIT 1", sql), &rows, err);
  }
  wh_rows_free(rows);
  return status;
}

bool analysis_check_readable(struct analysis *w, const char *what, const char *table,
                             const char *column)
{
  struct chn_err err = { 0 };
  if (w->what->skip_permissions || w->what->schemas_only || table == NULL) {
    return true;
  }
  const chn_status status = read_row(w, table, column, &err);
  if (status == CHN_OK || status == CHN_E_NOT_FOUND) {
    return true; // a table that is not there is told by the scan
  }
  chn_wrap(&err, "%s cannot be read", table);
  analysis_problem(w, what, &err);
  return false;
}

// ---- instants ---------------------------------------------------------------------------------

static void judge_times(struct analysis *w, const char *what, const struct row_col *cols)
{
  struct chn_err err = { 0 };
  const int64_t known = *(const int64_t *)cols[0].data;
  const int64_t odd = *(const int64_t *)cols[1].data;
  const int64_t all = *(const int64_t *)cols[2].data;
  if (all > 0 && known == 0) {
    chn_fail(&err, CHN_E_ARGUMENT, "ts is NULL in the first %lld row%s", (long long)all,
             all == 1 ? "" : "s");
    analysis_problem(w, what, &err);
  } else if (odd > 0) {
    chn_fail(&err, CHN_E_ARGUMENT,
             "ts = %lld is not an instant in epoch milliseconds (seconds or microseconds?)",
             (long long)*(const int64_t *)cols[3].data);
    analysis_problem(w, what, &err);
  } else if (known < all) {
    analysis_warn(w, what, "ts is NULL in %lld of the first %lld rows", (long long)(all - known),
                  (long long)all);
  }
}

void analysis_check_times(struct analysis *w, const char *what, const char *sql,
                          const struct row_schema *schema)
{
  struct chn_err err = { 0 };
  if (w->what->skip_timestamps || w->what->schemas_only || row_schema_find(schema, "ts") < 0) {
    return;
  }
  const char *query = arena_printf(
      w->job->arena,
      "SELECT count(ts), count(*) FILTER (ts < %lld OR ts > %lld), count(*), any_value(ts) FILTER "
      "(ts < %lld OR ts > %lld) FROM (SELECT CAST(ts AS BIGINT) AS ts FROM (%s) LIMIT %d)",
      (long long)TS_MIN, (long long)TS_MAX, (long long)TS_MIN, (long long)TS_MAX, sql, TS_SAMPLE);
  struct wh_rows *rows = NULL;
  if (wh_rows_load(w->job->wh, query, &rows, &err) != CHN_OK) {
    analysis_problem(w, what, &err);
    return;
  }
  struct row_col cols[4];
  wh_rows_chunk(rows, 0, cols);
  judge_times(w, what, cols);
  wh_rows_free(rows);
}

// ---- keys -------------------------------------------------------------------------------------

static const char *type_text(struct arena *a, const struct row_type *t)
{
  struct chn_buf text = { 0 };
  row_type_print(&text, t);
  const char *copy = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return copy;
}

static const char *near_field(struct arena *a, const char *name, const struct row_schema *schema)
{
  const char **names = arena_alloc(a, ((size_t)schema->n_fields + 1) * sizeof *names);
  for (int32_t i = 0; i < schema->n_fields; i++) {
    names[i] = schema->fields[i].name;
  }
  const char *near = chn_near(name, names, (size_t)schema->n_fields);
  return near != NULL ? arena_printf(a, " (did you mean \"%s\"?)", near) : "";
}

void analysis_check_keys(struct analysis *w, const struct model_join_part *p,
                         const struct row_schema *left, const struct row_schema *keys)
{
  struct arena *a = w->job->arena;
  for (int32_t k = 0; k < keys->n_fields && !w->what->schemas_only; k++) {
    struct chn_err err = { 0 };
    const struct row_field *key = &keys->fields[k];
    const char *name = model_left_key(p->key_mapping, p->n_key_mapping, key->name);
    const int32_t l = row_schema_find(left, name);
    if (l < 0) {
      chn_fail(&err, CHN_E_ARGUMENT, "key \"%s\" is not a column of the left side%s", name,
               near_field(a, name, left));
    } else if (key->type != NULL && !row_type_equal(left->fields[l].type, key->type)) {
      chn_fail(&err, CHN_E_ARGUMENT,
               "key \"%s\" is %s, and the left's \"%s\" is %s; cast one of them in its selects",
               key->name, type_text(a, key->type), name, type_text(a, left->fields[l].type));
    } else {
      continue;
    }
    analysis_problem(w, p->group_by->meta_data->name, &err);
  }
}

// ---- availability of data ---------------------------------------------------------------------

/// The day from which a windowed GroupBy needs data to be right on `first` (upstream's table).
static int32_t expected_start(const struct model_group_by *gb, enum analysis_left left,
                              int32_t first, int64_t window_ms)
{
  const bool entities = model_source_is_entities(&gb->sources[0]);
  const bool snapshot = model_infer_accuracy(gb) == MODEL_SNAPSHOT;
  int32_t day = first;
  if (left == ANALYSIS_LEFT_ENTITIES) {
    day = entities ? first : first + 1; // a snapshot is of its day's end
  } else if (left == ANALYSIS_LEFT_EVENTS) {
    day = entities || snapshot ? first - 1 : first; // and is seen by the events of the day after
  }
  const bool windowed = !entities || (left == ANALYSIS_LEFT_EVENTS && !snapshot);
  return windowed ? chn_day_of_ms(chn_ms_of_day(day) - window_ms) : day;
}

/// The earliest day of all sources; *any is false where one has every day.
static chn_status earliest(struct analysis *w, const struct model_group_by *gb, bool *any,
                           int32_t *day, struct chn_buf *tables, struct chn_err *err)
{
  int32_t first = INT32_MAX;
  *any = true;
  for (int32_t i = 0; i < gb->n_sources; i++) {
    const char *table = model_source_table(w->job->arena, &gb->sources[i]);
    bool partitioned = false;
    struct day_set have = { 0 };
    if (table == NULL) {
      continue;
    }
    const char *column = source_partition_column(model_source_query(&gb->sources[i]));
    chn_status status = source_days(w->job, table, column, &partitioned, &have, err);
    if (status != CHN_OK) {
      return status;
    }
    chn_buf_addf(tables, "%s%s", tables->len > 0 ? ", " : "", table);
    *any &= partitioned;
    first = have.n > 0 && have.day[0] < first ? have.day[0] : first;
  }
  *day = first;
  return CHN_OK;
}

static bool is_cumulative(const struct model_group_by *gb)
{
  for (int32_t i = 0; i < gb->n_sources; i++) {
    if (gb->sources[i].events != NULL && gb->sources[i].events->is_cumulative) {
      return true;
    }
  }
  return false;
}

void analysis_check_days(struct analysis *w, const struct model_group_by *gb,
                         enum analysis_left left, int32_t first, bool only_warn)
{
  const struct source_reach reach = source_reach_of(gb);
  const char *what = gb->meta_data->name;
  char have_ds[CHN_DS_SIZE], want_ds[CHN_DS_SIZE];
  struct chn_err err = { 0 };
  struct chn_buf tables = { 0 };
  bool bounded = false;
  int32_t have = 0;
  if (w->what->schemas_only || reach.unbounded || gb->n_sources == 0 || is_cumulative(gb)) {
    return;
  }
  const int32_t want = expected_start(gb, left, first, reach.window_ms);
  chn_status status = earliest(w, gb, &bounded, &have, &tables, &err);
  if (status == CHN_OK && bounded && have == INT32_MAX) {
    status = chn_fail(&err, CHN_E_NOT_FOUND, "no source has a partition: %s", chn_buf_str(&tables));
  } else if (status == CHN_OK && bounded && have > want) {
    status = chn_fail(
        &err, CHN_E_NOT_FOUND,
        "%s begins at %s; the longest window of the first missing day needs data from %s on",
        chn_buf_str(&tables), chn_ds_of_day(have, have_ds), chn_ds_of_day(want, want_ds));
  }
  chn_buf_deinit(&tables);
  if (status != CHN_OK && only_warn) {
    analysis_warn(w, what, "%s (a bootstrap part may cover that)", err.msg);
  } else if (status != CHN_OK) {
    analysis_problem(w, what, &err);
  }
}

// ---- Avro -------------------------------------------------------------------------------------

void analysis_check_avro(struct analysis *w, const struct model_group_by *gb,
                         const struct group_by_facts *facts)
{
  struct arena *a = w->job->arena;
  const struct avro_schema *ignored = NULL;
  struct chn_err err = { 0 };
  if (!gb->meta_data->online || w->what->schemas_only) {
    return;
  }
  if (avro_schema_of(a, "Key", &facts->keys, AVRO_NAMES_OF_PATHS, &ignored, &err) == CHN_OK &&
      avro_schema_of(a, "Value", &facts->inputs, AVRO_NAMES_OF_PATHS, &ignored, &err) == CHN_OK) {
    return;
  }
  chn_wrap(&err, "the GroupBy is online, and an online store keeps Avro; cast the column in the "
                 "selects");
  analysis_problem(w, gb->meta_data->name, &err);
}

// ---- external sources -------------------------------------------------------------------------

/// Compares what the source declares with what its offline GroupBy gives, both ways.
static void compare(struct analysis *w, const char *source, const char *side,
                    const struct model_data_type *declared, const struct row_schema *offline)
{
  struct arena *a = w->job->arena;
  struct chn_err err = { 0 };
  if (declared == NULL) {
    chn_fail(&err, CHN_E_ARGUMENT, "an offlineGroupBy is set, so a %s schema is needed", side);
    analysis_problem(w, source, &err);
    return;
  }
  bool *matched = arena_calloc(a, (size_t)offline->n_fields + 1, sizeof *matched);
  for (int32_t i = 0; i < declared->n_params; i++) {
    const struct model_data_field *f = &declared->params[i];
    const int32_t at = row_schema_find(offline, f->name);
    const struct row_type *type = analysis_type(a, f->data_type);
    if (at < 0) {
      chn_fail(&err, CHN_E_ARGUMENT, "%s \"%s\" is in its schema, but not in the offlineGroupBy%s",
               side, f->name, near_field(a, f->name, offline));
      analysis_problem(w, source, &err);
      continue;
    }
    matched[at] = true;
    const struct row_type *have = offline->fields[at].type;
    if (type == NULL || have == NULL || !row_type_equal(type, have)) {
      chn_fail(&err, CHN_E_ARGUMENT, "%s \"%s\" is %s in its schema, but %s in the offlineGroupBy",
               side, f->name, type != NULL ? type_text(a, type) : "no type",
               have != NULL ? type_text(a, have) : "unknown");
      analysis_problem(w, source, &err);
    }
  }
  for (int32_t i = 0; i < offline->n_fields; i++) {
    if (!matched[i]) {
      chn_fail(&err, CHN_E_ARGUMENT, "%s \"%s\" of the offlineGroupBy is not in its schema", side,
               offline->fields[i].name);
      analysis_problem(w, source, &err);
    }
  }
}

void analysis_check_external(struct analysis *w, const struct model_external_part *p,
                             const struct group_by_facts *facts)
{
  if (w->what->schemas_only) {
    return;
  }
  struct arena *a = w->job->arena;
  const char *name = p->source->meta_data != NULL && p->source->meta_data->name != NULL
                         ? p->source->meta_data->name
                         : "external source";
  struct row_field *values = arena_alloc(a, ((size_t)facts->features.n + 1) * sizeof *values);
  for (int32_t i = 0; i < facts->features.n; i++) {
    values[i] = (struct row_field){ facts->features.at[i].name, facts->features.at[i].type };
  }
  const struct row_schema schema = { values, facts->features.n };
  compare(w, name, "key", p->source->key_schema, &facts->keys);
  compare(w, name, "value", p->source->value_schema, &schema);
}
