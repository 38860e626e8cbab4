#include "batch/describe.h"

#include <stdlib.h>
#include <string.h>

#include "batch/describe_column.h"
#include "batch/describe_days.h"

static bool begins(const char *text, const char *head)
{
  return strncmp(text, head, strlen(head)) == 0;
}

/// What DuckDB makes of a type that rows do not carry.
static const char *cast_of(const char *type)
{
  static const char *const numbers[] = { "DECIMAL",  "HUGEINT",   "UHUGEINT", "UBIGINT",
                                         "UINTEGER", "USMALLINT", "UTINYINT" };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (begins(type, numbers[i])) {
      return "DOUBLE";
    }
  }
  return begins(type, "TIMESTAMP") ? "TIMESTAMP" : "VARCHAR";
}

enum describe_kind describe_kind_of(const struct row_type *type)
{
  const enum row_kind kind = type->kind;
  if (kind == ROW_OTHER) {
    const char *cast = cast_of(type->name);
    return cast[0] == 'D' ? DESCRIBE_NUMBER : cast[0] == 'T' ? DESCRIBE_TIME : DESCRIBE_TEXT;
  }
  return row_kind_is_numeric(kind)                   ? DESCRIBE_NUMBER
         : kind == ROW_DATE || kind == ROW_TIMESTAMP ? DESCRIBE_TIME
         : kind == ROW_STRING || kind == ROW_BOOLEAN ? DESCRIBE_TEXT
                                                     : DESCRIBE_OTHER;
}

/// How a column is described, and what of it is read.
static void choose(struct arena *a, const struct row_field *f, struct describe_column *c,
                   struct chn_buf *sql)
{
  const char *name = wh_quote_name(a, f->name);
  const char *cast = f->type->kind == ROW_OTHER ? cast_of(f->type->name) : NULL;
  struct chn_buf type = { 0 };
  row_type_print(&type, f->type);
  c->name = arena_strdup(a, f->name);
  c->type = arena_strdup(a, chn_buf_str(&type));
  chn_buf_deinit(&type);
  c->whole = row_kind_is_numeric(f->type->kind) && f->type->kind != ROW_FLOAT &&
             f->type->kind != ROW_DOUBLE;
  c->day = f->type->kind == ROW_DATE;
  c->kind = describe_kind_of(f->type);
  if (cast != NULL) {
    chn_buf_addf(sql, "CAST(%s AS %s)", name, cast);
  } else {
    chn_buf_addf(sql, c->kind == DESCRIBE_OTHER ? "%s IS NULL" : "%s", name);
  }
}

static chn_status make_query(struct arena *a, const char *from, const struct row_schema *schema,
                             const struct describe_options *o, struct describe *out,
                             struct chn_buf *sql, struct chn_err *err)
{
  struct chn_buf where = { 0 };
  const char **names = arena_calloc(a, (size_t)schema->n_fields + 1, sizeof *names);
  out->columns = arena_calloc(a, (size_t)schema->n_fields + 1, sizeof *out->columns);
  chn_buf_adds(sql, "SELECT ");
  for (int32_t i = 0; i < schema->n_fields; i++) {
    names[i] = schema->fields[i].name;
    if (describe_wants(o, names[i])) {
      chn_buf_adds(sql, out->n > 0 ? ", " : "");
      choose(a, &schema->fields[i], &out->columns[out->n++], sql);
    }
  }
  chn_status status = describe_known(from, o, names, schema->n_fields, err);
  if (status == CHN_OK) {
    status = describe_days(a, from, schema, o, sql, &where, err);
  }
  chn_buf_addf(sql, " FROM %s%s", from, chn_buf_str(&where));
  chn_buf_deinit(&where);
  return status;
}

static int64_t count_marks(const bool *marks, size_t n)
{
  int64_t count = 0;
  for (size_t i = 0; i < n; i++) {
    count += marks[i];
  }
  return count;
}

static chn_status take_rows(struct wh *wh, const char *sql, const struct describe_options *o,
                            struct described **all, struct describe *out, struct chn_err *err)
{
  struct wh_result *result = NULL;
  chn_status status = wh_query(wh, sql, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  const struct row_schema *schema = wh_result_schema(result);
  struct row_col *cols = chn_calloc((size_t)schema->n_fields, sizeof *cols);
  *all = chn_calloc((size_t)out->n + 1, sizeof **all);
  for (int32_t i = 0; i < out->n; i++) {
    described_init(&(*all)[i], &out->columns[i], schema->fields[i].type->kind);
  }
  for (size_t n = 1; n > 0 && status == CHN_OK;) {
    struct describe_marks marks = { NULL, NULL };
    status = wh_result_next(result, cols, &n, err);
    n = status == CHN_OK ? n : 0;
    if (n > 0 && o->baseline != NULL) {
      marks = (struct describe_marks){ cols[out->n].data, cols[out->n + 1].data };
    }
    for (int32_t i = 0; i < out->n && n > 0; i++) {
      described_take(&(*all)[i], &cols[i], n, &marks);
    }
    out->rows += marks.rows != NULL ? count_marks(marks.rows, n) : (int64_t)n;
    out->baseline_rows += marks.rows != NULL ? count_marks(marks.baseline, n) : 0;
  }
  wh_result_close(result);
  free(cols);
  return status;
}

chn_status describe_rows(struct wh *wh, struct arena *a, const char *from,
                         const struct describe_options *o, struct describe *out,
                         struct chn_err *err)
{
  struct row_schema schema;
  struct chn_buf sql = { 0 };
  struct described *all = NULL;
  *out = (struct describe){ 0 };
  chn_status status = wh_describe(wh, arena_printf(a, "SELECT * FROM %s", from), a, &schema, err);
  if (status == CHN_OK) {
    status = make_query(a, from, &schema, o, out, &sql, err);
  }
  if (status == CHN_OK) {
    status = take_rows(wh, chn_buf_str(&sql), o, &all, out, err);
  }
  for (int32_t i = 0; i < out->n && all != NULL; i++) {
    if (status == CHN_OK) {
      described_finish(&all[i], o, a);
    }
    described_deinit(&all[i]);
  }
  free(all);
  chn_buf_deinit(&sql);
  return status == CHN_OK ? describe_check_baseline(from, o, out->baseline_rows, err) : status;
}
