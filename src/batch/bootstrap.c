#include "batch/bootstrap.h"

#include <string.h>

#include "base/near.h"
#include "batch/log_schemas.h"
#include "batch/semantic.h"
#include "batch/source.h"
#include "model/names.h"

static bool contains(const char *const *list, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(list[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static chn_status find_keys(struct batch_job *job, const struct model_join *j,
                            const struct model_bootstrap_part *p, struct bootstrap_table *t,
                            struct chn_err *err)
{
  const char *const *keys = p->key_columns != NULL ? p->key_columns : j->row_ids;
  const int32_t n = p->key_columns != NULL ? p->n_key_columns : j->n_row_ids;
  if (n == 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "no keys: give the bootstrap part key_columns or the join row_ids");
  }
  t->keys = arena_alloc(job->arena, ((size_t)n + 1) * sizeof *t->keys);
  memcpy(t->keys, keys, (size_t)n * sizeof *t->keys);
  t->n_keys = n;
  if (!contains(t->keys, n, "ds")) {
    t->keys[t->n_keys++] = "ds";
  }
  return CHN_OK;
}

static chn_status check_columns(const struct bootstrap_table *t, const struct row_schema *left,
                                const char *const *fields, int32_t n_fields, struct chn_err *err)
{
  for (int32_t i = 0; i < t->n_keys; i++) {
    if (row_schema_find(&t->schema, t->keys[i]) < 0 || row_schema_find(left, t->keys[i]) < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "key \"%s\" is not in both the left side and the table",
                      t->keys[i]);
    }
  }
  for (int32_t i = 0; i < t->schema.n_fields && !t->log; i++) {
    const char *name = t->schema.fields[i].name;
    if (!contains(t->keys, t->n_keys, name) && !contains(fields, n_fields, name) &&
        row_schema_find(left, name) < 0) {
      const char *near = chn_near(name, fields, (size_t)n_fields);
      return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is no column of the join%s%s%s", name,
                      near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    }
  }
  return CHN_OK;
}

/// A log that is not read as any table, with selects, has a schema for each row.
static chn_status find_logged(struct batch_job *job, const struct model_bootstrap_part *p,
                              struct bootstrap_table *t, struct chn_err *err)
{
  struct arena *a = job->arena;
  const char *table = model_table_without_subpartitions(a, p->table);
  struct log_schemas schemas;
  t->log = wh_property(job->wh, table, "chronon_log_table", a) != NULL &&
           (p->query == NULL || p->query->selects == NULL);
  if (!t->log) {
    return CHN_OK;
  }
  chn_status status = log_schemas_of_log(job, table, &schemas, err);
  if (status != CHN_OK) {
    return status;
  }
  t->n_logged = schemas.n;
  t->logged = arena_calloc(a, (size_t)schemas.n + 1, sizeof *t->logged);
  for (int32_t i = 0; i < schemas.n; i++) {
    t->logged[i] = (struct bootstrap_logged){ wh_quote_string(a, schemas.at[i].hash),
                                              avro_columns(a, schemas.at[i].value, true) };
  }
  return CHN_OK;
}

/// Of a log only the join's own columns count.
static void keep_fields(struct arena *a, struct bootstrap_table *t, const char *const *fields,
                        int32_t n_fields)
{
  struct row_field *kept = arena_alloc(a, ((size_t)t->schema.n_fields + 1) * sizeof *kept);
  int32_t n = 0;
  for (int32_t i = 0; i < t->schema.n_fields && t->log; i++) {
    const char *name = t->schema.fields[i].name;
    if (contains(t->keys, t->n_keys, name) || contains(fields, n_fields, name)) {
      kept[n++] = t->schema.fields[i];
    }
  }
  t->schema = t->log ? (struct row_schema){ kept, n } : t->schema;
}

/// One row a key: the first in the table's order.
static const char *distinct_sql(struct arena *a, const char *sql, const struct bootstrap_table *t)
{
  struct chn_buf keys = { 0 };
  for (int32_t i = 0; i < t->n_keys; i++) {
    chn_buf_addf(&keys, "%s%s", i > 0 ? ", " : "", wh_quote_name(a, t->keys[i]));
  }
  const char *out =
      arena_printf(a, "SELECT DISTINCT ON (%s) *, %s AS __hit FROM (%s)", chn_buf_str(&keys),
                   t->log ? "CAST(schema_hash AS VARCHAR)" : "TRUE", sql);
  chn_buf_deinit(&keys);
  return out;
}

chn_status bootstrap_load(struct batch_job *job, const struct model_join *j,
                          const struct row_schema *left, struct days step,
                          const char *const *fields, int32_t n_fields, struct bootstrap *out,
                          struct chn_err *err)
{
  *out = (struct bootstrap){ .n = j->n_bootstrap_parts };
  out->tables = arena_calloc(job->arena, (size_t)out->n, sizeof *out->tables);
  for (int32_t i = 0; i < out->n; i++) {
    const struct model_bootstrap_part *p = &j->bootstrap_parts[i];
    struct bootstrap_table *t = &out->tables[i];
    const char *sql = NULL;
    chn_status status = find_keys(job, j, p, t, err);
    if (status == CHN_OK) {
      status = source_table_sql(job, p->table, p->query, step, &sql, err);
    }
    if (status == CHN_OK) {
      status = wh_describe(job->wh, sql, job->arena, &t->schema, err);
    }
    if (status == CHN_OK) {
      status = find_logged(job, p, t, err);
    }
    if (status == CHN_OK) {
      status = check_columns(t, left, fields, n_fields, err);
    }
    if (status == CHN_OK) {
      status = semantic_bootstrap_hash(job, p, &t->hash, err);
    }
    if (status != CHN_OK) {
      return chn_wrap(err, "bootstrap part %d", i + 1);
    }
    keep_fields(job->arena, t, fields, n_fields);
    t->sql = distinct_sql(job->arena, sql, t);
  }
  return CHN_OK;
}

/// Whether table i gives a value (not a key) of this name.
static bool gives(const struct bootstrap_table *t, const char *column)
{
  return row_schema_find(&t->schema, column) >= 0 && !contains(t->keys, t->n_keys, column);
}

bool bootstrap_has(const struct bootstrap *b, const char *column)
{
  for (int32_t i = 0; i < b->n; i++) {
    if (gives(&b->tables[i], column)) {
      return true;
    }
  }
  return false;
}

void bootstrap_joins(const struct bootstrap *b, struct arena *a, struct chn_buf *sql)
{
  for (int32_t i = 0; i < b->n && !b->stored; i++) {
    const struct bootstrap_table *t = &b->tables[i];
    chn_buf_addf(sql, " LEFT JOIN (%s) AS b%d ON ", t->sql, i);
    for (int32_t k = 0; k < t->n_keys; k++) {
      const char *key = wh_quote_name(a, t->keys[k]);
      chn_buf_addf(sql, "%sl.%s = b%d.%s", k > 0 ? " AND " : "", key, i, key);
    }
  }
}

void bootstrap_values(const struct bootstrap *b, struct arena *a, const char *column,
                      struct chn_buf *sql)
{
  if (b->stored && bootstrap_has(b, column)) {
    chn_buf_addf(sql, "l.%s, ", wh_quote_name(a, column));
  }
  for (int32_t i = 0; i < b->n && !b->stored; i++) {
    if (gives(&b->tables[i], column)) {
      chn_buf_addf(sql, "b%d.%s, ", i, wh_quote_name(a, column));
    }
  }
}

/// Appends the condition that a row of part i matched.
static void add_hit(const struct bootstrap *b, int32_t i, struct chn_buf *sql)
{
  if (b->stored) { // a hash is base64: no quote in it
    chn_buf_addf(sql, "COALESCE(list_contains(l.matched_hashes, '%s'), FALSE)", b->tables[i].hash);
  } else {
    chn_buf_addf(sql, "b%d.__hit IS NOT NULL", i);
  }
}

/// Appends the condition that a row of part i matched which has the column; a log's by its schema.
static void add_covered(const struct bootstrap *b, int32_t i, const char *column,
                        struct chn_buf *sql)
{
  const struct bootstrap_table *t = &b->tables[i];
  if (!t->log) {
    add_hit(b, i, sql);
    return;
  }
  chn_buf_adds(sql, "FALSE");
  for (int32_t s = 0; s < t->n_logged; s++) {
    if (row_schema_find(&t->logged[s].columns, column) < 0) {
      continue;
    }
    if (b->stored) {
      chn_buf_addf(sql, " OR COALESCE(list_contains(l.matched_hashes, %s), FALSE)",
                   t->logged[s].hash);
    } else {
      chn_buf_addf(sql, " OR COALESCE(b%d.__hit = %s, FALSE)", i, t->logged[s].hash);
    }
  }
}

bool bootstrap_covers(const struct bootstrap *b, const char *const *columns, int32_t n,
                      struct chn_buf *sql)
{
  for (int32_t c = 0; c < n; c++) {
    if (!bootstrap_has(b, columns[c])) {
      return false;
    }
  }
  for (int32_t c = 0; c < n; c++) {
    chn_buf_addf(sql, "%s(FALSE", c > 0 ? " AND " : "");
    for (int32_t i = 0; i < b->n; i++) {
      if (gives(&b->tables[i], columns[c])) {
        chn_buf_adds(sql, " OR ");
        add_covered(b, i, columns[c], sql);
      }
    }
    chn_buf_addc(sql, ')');
  }
  return n > 0;
}

void bootstrap_hashes(const struct bootstrap *b, struct arena *a, struct chn_buf *sql)
{
  chn_buf_adds(sql, "NULLIF([]::VARCHAR[]");
  for (int32_t i = 0; i < b->n; i++) {
    const struct bootstrap_table *t = &b->tables[i];
    const char *hash = t->log ? arena_printf(a, "b%d.__hit", (int)i) : wh_quote_string(a, t->hash);
    chn_buf_adds(sql, " || CASE WHEN ");
    add_hit(b, i, sql);
    chn_buf_addf(sql, " THEN [%s] ELSE []::VARCHAR[] END", hash);
  }
  chn_buf_adds(sql, ", []::VARCHAR[])");
}
