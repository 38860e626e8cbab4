#include "batch/upload_info.h"

#include <string.h>

#include "base/time.h"
#include "batch/source.h"
#include "codec/avro.h"
#include "model/json.h"
#include "model/names.h"
#include "warehouse/sql.h"

/// Thrift ids of GroupByServingInfo's fields: only those that are set are written.
enum { ID_GROUP_BY = 1, ID_INPUT = 2, ID_SELECTED = 3, ID_KEY = 4, ID_BATCH_END = 5 };

static chn_status schema_text(struct arena *a, const char *name, const struct row_schema *columns,
                              const char **out, struct chn_err *err)
{
  const struct avro_schema *s = NULL;
  const chn_status status = avro_schema_of(a, name, columns, AVRO_NAMES_OF_TYPES, &s, err);
  if (status == CHN_OK) {
    struct chn_buf text = { 0 };
    avro_schema_print(s, true, &text);
    *out = arena_strdup(a, chn_buf_str(&text));
    chn_buf_deinit(&text);
  }
  return status;
}

/// A set of columns of a schema, in the order they were asked for.
struct picked {
  struct row_field *fields;
  int32_t n;
};

static void pick(struct picked *p, const struct row_schema *from, const char *name)
{
  const int32_t at = row_schema_find(from, name);
  for (int32_t i = 0; i < p->n; i++) {
    if (strcmp(p->fields[i].name, name) == 0) {
      return;
    }
  }
  if (at >= 0) {
    p->fields[p->n++] = from->fields[at];
  }
}

/// What streamed rows carry after the selects: inputs of aggregations, buckets before their input.
static struct row_schema selected(struct arena *a, const struct model_group_by *gb,
                                  const struct row_schema *schema, const struct row_schema *values)
{
  if (gb->aggregations == NULL) {
    return *values;
  }
  struct picked p = { .fields = arena_calloc(a, (size_t)schema->n_fields + 1, sizeof *p.fields) };
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    const struct model_aggregation *g = &gb->aggregations[i];
    for (int32_t b = 0; b < g->n_buckets; b++) {
      pick(&p, schema, g->buckets[b]);
    }
    pick(&p, schema, g->input_column);
  }
  return (struct row_schema){ p.fields, p.n };
}

// ---- the stream's columns ---------------------------------------------------------------------

/// The source that streams, down to the left of a chain of joins; NULL without a topic.
static const struct model_source *streaming_source(const struct model_group_by *gb)
{
  const struct model_source *s = NULL;
  for (int32_t i = 0; i < gb->n_sources && s == NULL; i++) {
    s = model_source_topic(&gb->sources[i]) != NULL ? &gb->sources[i] : NULL;
  }
  while (s != NULL && s->join_source != NULL && s->join_source->join != NULL &&
         s->join_source->join->left != NULL) {
    s = s->join_source->join->left;
  }
  return s;
}

static chn_status mark_columns(struct arena *a, const struct row_schema *table, const char *spark,
                               bool *used, struct chn_err *err)
{
  char **names = NULL;
  size_t n = 0;
  const chn_status status = sql_expr_columns(a, spark, &names, &n, err);
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    const int32_t at = row_schema_find(table, names[i]);
    if (at >= 0) {
      used[at] = true;
    }
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "\"%s\"", spark);
}

/// Marks the columns of the table that the query's selects, wheres and time column name.
static chn_status mark_query(struct arena *a, const struct row_schema *table,
                             const struct model_query *q, bool *used, struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < q->n_selects && status == CHN_OK; i++) {
    status = mark_columns(a, table, q->selects[i].value, used, err);
  }
  for (int32_t i = 0; i < q->n_wheres && status == CHN_OK; i++) {
    status = mark_columns(a, table, q->wheres[i], used, err);
  }
  if (status == CHN_OK && q->time_column != NULL) {
    status = mark_columns(a, table, q->time_column, used, err);
  }
  return status;
}

static chn_status input_text(struct batch_job *job, const struct model_source *source,
                             const char **out, struct chn_err *err)
{
  struct arena *a = job->arena;
  const struct model_query *q = model_source_query(source);
  const char *name = model_table_without_subpartitions(a, model_source_table(a, source));
  struct wh_table table;
  chn_status status = wh_table_find(job->wh, name, a, &table, err);
  if (status != CHN_OK) {
    return status;
  }
  const struct row_schema *columns = &table.schema;
  bool *used = arena_calloc(a, (size_t)columns->n_fields + 1, sizeof *used);
  if (q != NULL && q->selects != NULL) {
    status = mark_query(a, columns, q, used, err);
  } else {
    for (int32_t i = 0; i < columns->n_fields; i++) {
      used[i] = strcmp(columns->fields[i].name, source_partition_column(q)) != 0;
    }
  }
  struct row_field *fields = arena_calloc(a, (size_t)columns->n_fields + 1, sizeof *fields);
  struct row_schema picked = { fields, 0 };
  for (int32_t i = 0; i < columns->n_fields; i++) {
    if (used[i]) {
      fields[picked.n_fields++] = columns->fields[i];
    }
  }
  if (status == CHN_OK) {
    status = schema_text(a, "Input", &picked, out, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "the stream's schema, of %s", name);
}

// ---- the whole --------------------------------------------------------------------------------

chn_status upload_info_json(struct batch_job *job, const struct model_group_by *gb, int32_t day,
                            const struct row_schema *schema, const struct row_schema *keys,
                            const struct row_schema *values, const char **out, struct chn_err *err)
{
  struct arena *a = job->arena;
  char end[CHN_DS_SIZE];
  struct model_group_by copy = *gb;
  const struct model_source *stream = streaming_source(gb);
  struct model_group_by_serving_info info = {
    .set = 1U << ID_GROUP_BY | 1U << ID_SELECTED | 1U << ID_KEY | 1U << ID_BATCH_END,
    .group_by = &copy,
    .batch_end_date = chn_ds_of_day(day + 1, end),
  };
  const struct row_schema chosen = selected(a, gb, schema, values);
  chn_status status = schema_text(a, "Key", keys, &info.key_avro_schema, err);
  if (status == CHN_OK) {
    status = schema_text(a, "Value", &chosen, &info.selected_avro_schema, err);
  }
  if (status == CHN_OK && stream != NULL) {
    info.set |= 1U << ID_INPUT;
    status = input_text(job, stream, &info.input_avro_schema, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf text = { 0 };
  status = model_write_compact("GroupByServingInfo", &info, &text, err);
  *out = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return status;
}
