#include "batch/log_schemas.h"

#include <string.h>

#include "batch/columns.h"
#include "codec/json.h"

// ---- the table --------------------------------------------------------------------------------

/// SELECT of hash and schema, in the table's last partition if it has any.
static chn_status table_sql(struct batch_job *job, const char *name, const char *const *hashes,
                            int32_t n, const char **out, struct chn_err *err)
{
  struct arena *a = job->arena;
  struct wh_table table;
  chn_status status = wh_table_find(job->wh, name, a, &table, err);
  if (status == CHN_OK) {
    status = columns_need(a, &table, "schema_hash", err);
  }
  if (status == CHN_OK) {
    status = columns_need(a, &table, "schema_value_last", err);
  }
  if (status == CHN_OK) {
    status = wh_use(job->wh, name, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  char **ds = NULL;
  size_t n_ds = 0;
  const bool partitioned = row_schema_find(&table.schema, "ds") >= 0;
  if (partitioned) {
    status = wh_partitions(job->wh, name, "ds", NULL, 0, a, &ds, &n_ds, err);
  }
  if (status == CHN_OK && partitioned && n_ds == 0) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s has no partition", name);
  }
  struct chn_buf sql = { 0 };
  const char *dot = strchr(table.name, '.');
  chn_buf_addf(&sql,
               "SELECT CAST(schema_hash AS VARCHAR), CAST(max(schema_value_last) AS VARCHAR) FROM "
               "%s.%s WHERE schema_hash IN (''",
               wh_quote_name(a, arena_strndup(a, table.name, (size_t)(dot - table.name))),
               wh_quote_name(a, dot + 1));
  for (int32_t i = 0; i < n; i++) {
    chn_buf_addf(&sql, ", %s", wh_quote_string(a, hashes[i]));
  }
  chn_buf_adds(&sql, ")");
  if (partitioned) {
    chn_buf_addf(&sql, " AND CAST(ds AS VARCHAR) = %s", wh_quote_string(a, ds[n_ds - 1]));
  }
  chn_buf_adds(&sql, " AND schema_value_last IS NOT NULL GROUP BY ALL");
  *out = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return status;
}

static chn_status load_texts(struct batch_job *job, const char *sql, struct log_schemas *s,
                             struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  chn_status status = wh_rows_load(job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  for (size_t c = 0; c < wh_rows_chunks(rows); c++) {
    struct row_col cols[2];
    const size_t n = wh_rows_chunk(rows, c, cols);
    const struct row_str *hash = cols[0].data;
    const struct row_str *text = cols[1].data;
    for (size_t i = 0; i < n; i++) {
      for (int32_t k = 0; k < s->n; k++) {
        if (strlen(s->at[k].hash) == hash[i].len &&
            memcmp(s->at[k].hash, row_str_bytes(&hash[i]), hash[i].len) == 0) {
          s->at[k].text = arena_strndup(job->arena, row_str_bytes(&text[i]), text[i].len);
        }
      }
    }
  }
  wh_rows_free(rows);
  return CHN_OK;
}

// ---- a schema ---------------------------------------------------------------------------------

static chn_status parse_record(struct arena *a, const struct codec_json *doc, const char *member,
                               const struct avro_schema **out, struct chn_err *err)
{
  const struct codec_json *v = codec_json_get(doc, member);
  if (v == NULL || v->kind != CODEC_JSON_STRING) {
    return chn_fail(err, CHN_E_CORRUPT, "%s is %s, and must be an Avro schema as a string", member,
                    v == NULL ? "not there" : codec_json_kind_name(v->kind));
  }
  return avro_schema_parse(a, v->text, v->text_len, member, out, err);
}

static chn_status parse_schema(struct arena *a, struct log_schema *s, struct chn_err *err)
{
  const struct codec_json *doc = NULL;
  chn_status status = codec_json_parse(a, s->text, strlen(s->text), "schema_value_last", &doc, err);
  if (status == CHN_OK) {
    status = parse_record(a, doc, "key_schema", &s->key, err);
  }
  return status == CHN_OK ? parse_record(a, doc, "value_schema", &s->value, err) : status;
}

// ---- the fields of all ------------------------------------------------------------------------

static chn_status conflict(const struct log_schema *s, const struct row_field *have,
                           const struct row_field *want, struct chn_err *err)
{
  struct chn_buf x = { 0 };
  struct chn_buf y = { 0 };
  row_type_print(&x, have->type);
  row_type_print(&y, want->type);
  chn_fail(err, CHN_E_CONFLICT,
           "field \"%s\" is %s in schema %s and %s in another: one column cannot hold both",
           want->name, chn_buf_str(&y), s->hash, chn_buf_str(&x));
  chn_buf_deinit(&x);
  chn_buf_deinit(&y);
  return err->code;
}

/// Adds the fields of one record, and says which merged field each is.
static chn_status merge(struct arena *a, struct log_schemas *all, const struct log_schema *s,
                        const struct avro_schema *record, int32_t *to, struct chn_err *err)
{
  static const char contextual[] = "ext_contextual";
  const struct row_schema columns = avro_columns(a, record, true);
  for (int32_t i = 0; i < columns.n_fields; i++) {
    const struct row_field *f = &columns.fields[i];
    if (strcmp(f->name, "schema_hash") == 0 || strcmp(f->name, "ts") == 0 ||
        strcmp(f->name, "ds") == 0) {
      return chn_fail(err, CHN_E_CONFLICT,
                      "schema %s has a field \"%s\", which is a column of the log itself", s->hash,
                      f->name);
    }
    const struct row_schema merged = { all->fields, all->n_fields };
    to[i] = strncmp(f->name, contextual, sizeof contextual - 1) == 0
                ? -1
                : row_schema_find(&merged, f->name);
    if (to[i] >= 0 && !row_type_equal(all->fields[to[i]].type, f->type)) {
      return conflict(s, &all->fields[to[i]], f, err);
    }
    if (to[i] < 0 && strncmp(f->name, contextual, sizeof contextual - 1) != 0) {
      to[i] = all->n_fields;
      all->fields[all->n_fields++] = *f;
    }
  }
  return CHN_OK;
}

/// Of a field that is in keys and values, the key counts.
static void drop_repeated(struct log_schema *s)
{
  for (int32_t v = 0; v < s->value->n_fields; v++) {
    for (int32_t k = 0; k < s->key->n_fields; k++) {
      if (s->key_fields[k] == s->value_fields[v]) {
        s->value_fields[v] = -1;
        break;
      }
    }
  }
}

static chn_status merge_all(struct arena *a, struct log_schemas *s, struct chn_err *err)
{
  size_t most = 0;
  for (int32_t i = 0; i < s->n; i++) {
    struct log_schema *one = &s->at[i];
    most += (size_t)one->key->n_fields + (size_t)one->value->n_fields;
    one->key_fields = arena_alloc(a, ((size_t)one->key->n_fields + 1) * sizeof(int32_t));
    one->value_fields = arena_alloc(a, ((size_t)one->value->n_fields + 1) * sizeof(int32_t));
  }
  s->fields = arena_alloc(a, (most + 1) * sizeof *s->fields);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < s->n && status == CHN_OK; i++) {
    status = merge(a, s, &s->at[i], s->at[i].key, s->at[i].key_fields, err);
  }
  for (int32_t i = 0; i < s->n && status == CHN_OK; i++) {
    status = merge(a, s, &s->at[i], s->at[i].value, s->at[i].value_fields, err);
  }
  for (int32_t i = 0; i < s->n && status == CHN_OK; i++) {
    drop_repeated(&s->at[i]);
  }
  return status;
}

chn_status log_schemas_load(struct batch_job *job, const char *table, const char *const *hashes,
                            int32_t n, struct log_schemas *out, struct chn_err *err)
{
  struct arena *a = job->arena;
  const char *sql = NULL;
  *out = (struct log_schemas){ .n = n };
  out->at = arena_calloc(a, (size_t)n + 1, sizeof *out->at);
  for (int32_t i = 0; i < n; i++) {
    out->at[i].hash = hashes[i];
  }
  chn_status status = table_sql(job, table, hashes, n, &sql, err);
  if (status == CHN_OK) {
    status = load_texts(job, sql, out, err);
  }
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    if (out->at[i].text == NULL) {
      return chn_fail(err, CHN_E_NOT_FOUND,
                      "the log has rows of schema_hash \"%s\", which is not in the last partition "
                      "of %s; they can be decoded once it is",
                      hashes[i], table);
    }
    status = parse_schema(a, &out->at[i], err);
    if (status != CHN_OK) {
      chn_wrap(err, "%s, schema_hash %s", table, hashes[i]);
    }
  }
  return status == CHN_OK ? merge_all(a, out, err) : status;
}

chn_status log_schemas_of_log(struct batch_job *job, const char *table, struct log_schemas *out,
                              struct chn_err *err)
{
  static const char prefix[] = "schema_hash_";
  struct arena *a = job->arena;
  const char **keys = NULL;
  const char **values = NULL;
  *out = (struct log_schemas){ 0 };
  if (wh_property(job->wh, table, "chronon_log_table", a) == NULL) {
    return CHN_OK;
  }
  const size_t n = wh_properties(job->wh, table, a, &keys, &values);
  chn_status status = CHN_OK;
  out->at = arena_calloc(a, n + 1, sizeof *out->at);
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    if (strncmp(keys[i], prefix, sizeof prefix - 1) == 0) {
      struct log_schema *s = &out->at[out->n++];
      s->hash = keys[i] + sizeof prefix - 1;
      s->text = values[i];
      status = parse_schema(a, s, err);
    }
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s, a schema in its properties", table);
}
