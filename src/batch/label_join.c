// A label day L looks back at the left rows of [L - start offset + 1, L - end offset + 1]. Its
// labels are joined to them by keys alone: each row sees the snapshot of L, whatever its own day.
// So the labels are parts of a join whose left rows all ask about the end of L, computed and
// assembled like any other; what is kept of the left is what identifies a row (spec/05 §11).
#include "batch/label_join.h"

#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "batch/assembly.h"
#include "batch/join_side.h"
#include "batch/output.h"
#include "batch/source.h"
#include "model/names.h"

struct work {
  struct batch_job *job;
  const struct model_join *join;
  struct model_join labels; ///< the same left side, the labels as its parts
  struct part_list parts;
  struct output output;
  const char **ids; ///< columns that identify a row, without ds
  int32_t n_ids;
  int32_t label_day;
  const char *label_ds;
};

// ---- checks -----------------------------------------------------------------------------------

/// With aggregations one of events over one window of days; without them a snapshot of entities.
static chn_status check_label(const struct model_group_by *gb, struct chn_err *err)
{
  const bool entities = gb->n_sources > 0 && model_source_is_entities(&gb->sources[0]);
  if (gb->aggregations == NULL) {
    return entities
               ? CHN_OK
               : chn_fail(err, CHN_E_ARGUMENT, "a label without aggregations must be of entities");
  }
  if (entities) {
    return chn_fail(err, CHN_E_ARGUMENT, "an aggregated label must be of events");
  }
  const struct model_aggregation *g = gb->aggregations;
  if (gb->n_aggregations != 1 || g->n_windows != 1 || g->windows[0].time_unit != MODEL_DAYS) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "an aggregated label has exactly one aggregation with one window, in days");
  }
  return CHN_OK;
}

static chn_status check(struct work *w, struct chn_err *err)
{
  const struct model_label_part *l = w->join->label_part;
  if (w->join->left == NULL || model_source_is_entities(w->join->left)) {
    return chn_fail(err, CHN_E_ARGUMENT, "labels are of a left side of events");
  }
  if (l->left_start_offset < l->left_end_offset || l->left_end_offset < 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "label_part: left_start_offset %d must not be below left_end_offset %d",
                    (int)l->left_start_offset, (int)l->left_end_offset);
  }
  for (int32_t i = 0; i < l->n_labels; i++) {
    if (check_label(l->labels[i].group_by, err) != CHN_OK) {
      return chn_wrap(err, "label %s", w->parts.prefixes[i]);
    }
  }
  return CHN_OK;
}

static bool has_id(const struct work *w, const char *name)
{
  for (int32_t i = 0; i < w->n_ids; i++) {
    if (strcmp(w->ids[i], name) == 0) {
      return true;
    }
  }
  return false;
}

/// Row ids, or without them the labels' keys on the left; ds is always one.
static chn_status find_ids(struct work *w, struct chn_err *err)
{
  const struct model_join *j = w->join;
  size_t most = (size_t)j->n_row_ids;
  for (int32_t i = 0; i < w->parts.n; i++) {
    most += (size_t)w->parts.defs[i]->group_by->n_key_columns;
  }
  w->ids = arena_alloc(w->job->arena, (most + 1) * sizeof *w->ids);
  for (int32_t i = 0; i < j->n_row_ids; i++) {
    if (!has_id(w, j->row_ids[i]) && strcmp(j->row_ids[i], "ds") != 0) {
      w->ids[w->n_ids++] = j->row_ids[i];
    }
  }
  for (int32_t i = 0; i < w->parts.n; i++) {
    const struct model_join_part *p = w->parts.defs[i];
    for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
      const char *key =
          model_left_key(p->key_mapping, p->n_key_mapping, p->group_by->key_columns[k]);
      if (has_id(w, key) || strcmp(key, "ds") == 0) {
        continue;
      }
      if (j->n_row_ids > 0) {
        return chn_fail(err, CHN_E_ARGUMENT,
                        "row_ids must contain the keys of the labels: add \"%s\" (label %s)", key,
                        w->parts.prefixes[i]);
      }
      w->ids[w->n_ids++] = key;
    }
  }
  return CHN_OK;
}

// ---- a step -----------------------------------------------------------------------------------

/// The distinct identities of the left rows.
static chn_status identities(struct work *w, struct days step, const char **sql,
                             struct chn_err *err)
{
  struct arena *a = w->job->arena;
  const char *left = NULL;
  struct row_schema schema;
  chn_status status = source_left_sql(w->job, w->join->left, step, &left, err);
  if (status == CHN_OK) {
    status = join_without_skew(w->job, w->join, &w->parts, &left, err);
  }
  if (status == CHN_OK) {
    status = wh_describe(w->job->wh, left, a, &schema, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  struct chn_buf text = { 0 };
  chn_buf_adds(&text, "SELECT DISTINCT ");
  for (int32_t i = 0; i < w->n_ids && status == CHN_OK; i++) {
    chn_buf_addf(&text, "%s, ", wh_quote_name(a, w->ids[i]));
    if (row_schema_find(&schema, w->ids[i]) < 0) {
      status = chn_fail(err, CHN_E_ARGUMENT,
                        "\"%s\" identifies rows, but is not a column of the left side; select it",
                        w->ids[i]);
    }
  }
  chn_buf_addf(&text, "ds FROM (%s)", left);
  *sql = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return status;
}

/// Every row asks about the end of the label day.
static chn_status load(struct work *w, const char *sql, struct left *left, struct chn_err *err)
{
  chn_status status = left_load(w->job, sql, false, left, err);
  for (size_t i = 0; status == CHN_OK && i < left->n; i++) {
    left->day_end[i] = chn_ms_of_day(w->label_day + 1);
    left->snapshot_ds[i] = row_str_make(w->label_ds, strlen(w->label_ds));
  }
  return status;
}

/// One row for each identity: where a label has several rows of a key, the first in order.
static void add_labels(struct work *w, const char *from, struct chn_buf *out)
{
  struct arena *a = w->job->arena;
  chn_buf_adds(out, "SELECT DISTINCT ON (");
  for (int32_t i = 0; i < w->n_ids; i++) {
    chn_buf_addf(out, "%s, ", wh_quote_name(a, w->ids[i]));
  }
  chn_buf_addf(out, "ds) * EXCLUDE (ds), %s AS label_ds, ds FROM (%s) ORDER BY ALL",
               wh_quote_string(a, w->label_ds), from);
}

static chn_status write_labels(struct work *w, struct left *left, struct part *parts,
                               struct days step, struct wh_written *written, struct chn_err *err)
{
  struct chn_buf joined = { 0 };
  struct chn_buf sql = { 0 };
  struct wh_writer *writer = NULL;
  struct assembly all = { .job = w->job,
                          .join = &w->labels,
                          .columns = wh_rows_schema(left->rows),
                          .left = left,
                          .parts = parts,
                          .n_parts = w->parts.n,
                          .step = step };
  chn_status status = assembly_init(&all, err);
  if (status == CHN_OK) {
    status = assembly_select(&all, &joined, err);
  }
  if (status == CHN_OK) {
    status = output_begin(w->job, &w->output, &writer, err);
  }
  if (status == CHN_OK) {
    status = wh_frame_add(w->job->wh, "join", left->rows, left->n, all.extras, all.n_extras, err);
  }
  if (status == CHN_OK) {
    add_labels(w, chn_buf_str(&joined), &sql);
    status = wh_write_select(writer, chn_buf_str(&sql), err);
    wh_frame_remove(w->job->wh, "join");
  }
  if (status == CHN_OK) {
    status = wh_write_commit(writer, written, err);
  } else {
    wh_write_abort(writer);
  }
  chn_buf_deinit(&joined);
  chn_buf_deinit(&sql);
  return status;
}

static chn_status run_step(void *user, struct days step, struct wh_written *written,
                           struct chn_err *err)
{
  struct work *w = user;
  const char *sql = NULL;
  struct left left;
  chn_status status = identities(w, step, &sql, err);
  if (status == CHN_OK) {
    status = load(w, sql, &left, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  const struct days label_day = { w->label_day, w->label_day };
  struct part *parts = chn_calloc((size_t)w->parts.n, sizeof *parts);
  int32_t done = 0;
  for (int32_t i = 0; i < w->parts.n && status == CHN_OK && left.n > 0; i++) {
    job_stage(w->job, "label %d of %d: %s", i + 1, w->parts.n, w->parts.prefixes[i]);
    status = part_compute(w->job, &left, label_day, w->parts.defs[i], w->parts.prefixes[i], NULL,
                          &parts[i], err);
    done += status == CHN_OK;
  }
  if (status == CHN_OK && left.n > 0) {
    status = write_labels(w, &left, parts, step, written, err);
  }
  for (int32_t i = 0; i < done; i++) {
    part_deinit(&parts[i]);
  }
  free(parts);
  left_free(&left);
  return status;
}

// ---- the views --------------------------------------------------------------------------------

/// "`ns`.`table`", as Spark SQL has it.
static const char *spark_name(struct arena *a, const char *table)
{
  const char *dot = strchr(table, '.');
  return dot == NULL ? arena_printf(a, "`%s`", table)
                     : arena_printf(a, "`%.*s`.`%s`", (int)(dot - table), table, dot + 1);
}

static bool identifies(const struct work *w, const char *column)
{
  return strcmp(column, "ds") == 0 || has_id(w, column);
}

/// Features and, where there are some, labels; the names of label columns begin with "label".
static chn_status make_labeled(struct work *w, const char *view, const struct wh_table *features,
                               const struct wh_table *labels, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct chn_buf sql = { 0 };
  chn_buf_adds(&sql, "SELECT ");
  for (int32_t i = 0; i < w->n_ids; i++) {
    chn_buf_addf(&sql, "l.`%s`, ", w->ids[i]);
  }
  chn_buf_adds(&sql, "l.`ds`");
  for (int32_t i = 0; i < features->schema.n_fields; i++) {
    const char *name = features->schema.fields[i].name;
    if (!identifies(w, name)) {
      chn_buf_addf(&sql, ", l.`%s`", name);
    }
  }
  for (int32_t i = 0; i < labels->schema.n_fields; i++) {
    const char *name = labels->schema.fields[i].name;
    if (!identifies(w, name)) {
      chn_buf_addf(&sql, ", r.`%s` AS `%s%s`", name, strncmp(name, "label", 5) == 0 ? "" : "label_",
                   name);
    }
  }
  chn_buf_addf(&sql, " FROM %s AS l LEFT OUTER JOIN %s AS r ON l.`ds` = r.`ds`",
               spark_name(a, features->name), spark_name(a, labels->name));
  for (int32_t i = 0; i < w->n_ids; i++) {
    chn_buf_addf(&sql, " AND l.`%s` = r.`%s`", w->ids[i], w->ids[i]);
  }
  const char *names[] = { "chronon_generated", "feature_table", "label_table" };
  const char *values[] = { "true", features->name, labels->name };
  chn_status status = wh_view_create(w->job->wh, view, chn_buf_str(&sql), names, values, 3, err);
  chn_buf_deinit(&sql);
  return status;
}

/// Of a day with labels the rows of its newest label_ds; days without any as they are.
static chn_status make_latest(struct work *w, const char *view, const struct wh_table *labeled,
                              const struct wh_table *labels, struct chn_err *err)
{
  struct arena *a = w->job->arena;
  struct chn_buf sql = { 0 };
  for (int32_t i = 0; i < labeled->schema.n_fields; i++) {
    chn_buf_addf(&sql, "%sl.`%s`", i > 0 ? ", " : "SELECT ", labeled->schema.fields[i].name);
  }
  chn_buf_addf(&sql,
               " FROM %s AS l LEFT OUTER JOIN (SELECT `ds` AS `latest_of`, max(`label_ds`) AS "
               "`latest` FROM %s GROUP BY `ds`) AS m ON l.`ds` = m.`latest_of` WHERE "
               "m.`latest_of` IS NULL OR l.`label_ds` = m.`latest`",
               spark_name(a, labeled->name), spark_name(a, labels->name));
  const char *names[] = { "chronon_generated", "label_table" };
  const char *values[] = { "true", labels->name };
  chn_status status = wh_view_create(w->job->wh, view, chn_buf_str(&sql), names, values, 2, err);
  chn_buf_deinit(&sql);
  return status;
}

static chn_status make_views(struct work *w, struct chn_err *err)
{
  struct batch_job *job = w->job;
  struct arena *a = job->arena;
  const char *view = model_table(a, w->join->meta_data, "_labeled");
  const char *latest = model_table(a, w->join->meta_data, "_labeled_latest");
  struct wh_table features;
  struct wh_table labels;
  struct wh_table labeled;
  if (!wh_table_exists(job->wh, w->output.table)) {
    job_note(job, "no rows to label, so there are no views yet");
    return CHN_OK;
  }
  chn_status status =
      wh_table_find(job->wh, model_table(a, w->join->meta_data, ""), a, &features, err);
  if (status != CHN_OK) {
    return chn_wrap(err, "the labels are written, but the join was not backfilled yet (--mode "
                         "backfill), so they have no features to stand beside");
  }
  status = wh_table_find(job->wh, w->output.table, a, &labels, err);
  if (status == CHN_OK) {
    status = make_labeled(w, view, &features, &labels, err);
  }
  if (status == CHN_OK) {
    status = wh_table_find(job->wh, view, a, &labeled, err);
  }
  return status == CHN_OK ? make_latest(w, latest, &labeled, &labels, err) : status;
}

// ---- the job ----------------------------------------------------------------------------------

/// The days of the left side that the label day looks back at and has no labels for.
static chn_status missing(struct work *w, struct days **steps, size_t *n, struct chn_err *err)
{
  struct batch_job *job = w->job;
  const struct model_label_part *l = w->join->label_part;
  const struct model_query *q = model_source_query(w->join->left);
  const char *filter = arena_printf(job->arena, "label_ds=%s", w->label_ds);
  bool partitioned = false;
  struct day_set input;
  char **ds = NULL;
  size_t n_ds = 0;
  struct days range;
  chn_status status = job_range(job, w->label_ds, &range, err);
  const int32_t first = w->label_day - (l->left_start_offset - 1);
  range = (struct days){ job->o->start_ds != NULL && range.first > first ? range.first : first,
                         w->label_day - (l->left_end_offset - 1) };
  if (status == CHN_OK) {
    status = source_days(job, model_source_table(job->arena, w->join->left),
                         source_partition_column(q), &partitioned, &input, err);
  }
  if (status == CHN_OK) {
    status = wh_partitions(job->wh, w->output.table, "ds", &filter, 1, job->arena, &ds, &n_ds, err);
  }
  const struct day_set have = day_set_of(job->arena, ds, n_ds);
  const struct days_request r = { .range = range,
                                  .output = &have,
                                  .inputs = &input,
                                  .n_inputs = partitioned ? 1 : 0,
                                  .run_first_hole = true };
  if (status == CHN_OK) {
    days_missing(job->arena, &r, job->o->step_days > 0 ? job->o->step_days : 30, steps, n);
  }
  return status;
}

static chn_status run(struct work *w, struct chn_err *err)
{
  struct batch_job *job = w->job;
  const struct model_query *q = NULL;
  struct days today;
  char ds[CHN_DS_SIZE];
  struct days *steps = NULL;
  size_t n = 0;
  chn_status status = check(w, err);
  if (status == CHN_OK) {
    status = find_ids(w, err);
  }
  if (status == CHN_OK) {
    q = model_source_query(w->join->left);
    status = q != NULL ? source_setups(job, q->setups, q->n_setups, err) : CHN_OK;
  }
  if (status == CHN_OK) {
    status = job_range(job, "1970-01-01", &today, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  w->label_day = today.last;
  w->label_ds = arena_strdup(job->arena, chn_ds_of_day(w->label_day, ds));
  status = missing(w, &steps, &n, err);
  if (status == CHN_OK) {
    status = output_run(job, steps, n, run_step, w, err);
  }
  return status == CHN_OK && !job->o->dry_run ? make_views(w, err) : status;
}

chn_status label_join(struct batch_job *job, const struct model_join *j, struct chn_err *err)
{
  static const char *const partitions[] = { "label_ds", "ds" };
  const struct model_label_part *l = j->label_part;
  if (l == NULL || l->n_labels == 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "join %s has no label_part", j->meta_data->name);
  }
  struct work w = { .job = job, .join = j };
  w.labels = (struct model_join){
    .meta_data = j->meta_data, .left = j->left, .join_parts = l->labels, .n_join_parts = l->n_labels
  };
  part_list_of(job->arena, &w.labels, &w.parts);
  w.output = (struct output){ .table = model_table(job->arena, j->meta_data, "_labels"),
                              .type = "label",
                              .meta_data = j->meta_data,
                              .partition_columns = partitions,
                              .n_partition_columns = 2,
                              .auto_expand = true };
  job->report->table = w.output.table;
  const chn_status status = run(&w, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "label join of %s", j->meta_data->name);
}
