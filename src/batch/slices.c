#include "batch/slices.h"

#include "base/time.h"
#include "model/names.h"

// By a guess of the bytes of the left rows with all features.
chn_status slices_count(struct batch_job *job, const struct part_list *parts, const char *left_sql,
                        int *out, struct chn_err *err)
{
  struct row_schema schema;
  uint64_t rows = 0;
  chn_status status = wh_describe(job->wh, left_sql, job->arena, &schema, err);
  if (status == CHN_OK) {
    status = job_count(job, left_sql, &rows, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  uint64_t width = (uint64_t)schema.n_fields * 24 + 64;
  for (int32_t i = 0; i < parts->n; i++) {
    const struct model_group_by *gb = parts->defs[i]->group_by;
    for (int32_t g = 0; g < gb->n_aggregations; g++) {
      const int32_t windows = gb->aggregations[g].n_windows;
      const bool many = gb->aggregations[g].operation >= MODEL_OP_APPROX_PERCENTILE;
      width += (uint64_t)(windows > 0 ? windows : 1) * (many ? 96 : 16);
    }
  }
  const uint64_t slices = rows * width / (job->frame_budget + 1) + 1;
  *out = slices > 1024 ? 1024 : (int)slices;
  return CHN_OK;
}

const char *slices_sql(struct batch_job *job, const struct part_list *parts, const char *left_sql,
                       int slice, int slices)
{
  struct arena *a = job->arena;
  if (slices == 1 || parts->n == 0) {
    return left_sql;
  }
  const struct model_join_part *p = parts->defs[0];
  struct chn_buf keys = { 0 };
  for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
    const char *left =
        model_left_key(p->key_mapping, p->n_key_mapping, p->group_by->key_columns[k]);
    chn_buf_addf(&keys, "%s%s", k > 0 ? ", " : "", wh_quote_name(a, left));
  }
  const char *sql = arena_printf(a, "SELECT * FROM (%s) WHERE hash(%s) %% %d = %d", left_sql,
                                 chn_buf_str(&keys), slices, slice);
  chn_buf_deinit(&keys);
  return sql;
}

chn_status slices_snapshots(struct batch_job *job, const char *left_sql, struct days *out,
                            struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  const char *sql = arena_printf(
      job->arena, "SELECT min(\"ts\")::BIGINT, max(\"ts\")::BIGINT FROM (%s)", left_sql);
  chn_status status = wh_rows_load(job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col cols[2];
  wh_rows_chunk(rows, 0, cols);
  if (!row_is_null(&cols[0], 0)) {
    out->first = chn_day_of_ms(*(const int64_t *)cols[0].data) - 1;
    out->last = chn_day_of_ms(*(const int64_t *)cols[1].data) - 1;
  }
  wh_rows_free(rows);
  return CHN_OK;
}
