#include "batch/compare_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/time.h"

static const char joined[] = "chronon_compared";

bool compare_has_key(const struct compare_pair *p, const char *name)
{
  for (int32_t i = 0; i < p->n_keys; i++) {
    if (strcmp(p->keys[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static const struct row_type *type_of(const struct compare_side *s, const char *name)
{
  const int32_t at = row_schema_find(&s->schema, name);
  return at < 0 ? NULL : s->schema.fields[at].type;
}

// ---- what can be wrong ------------------------------------------------------------------------

static void begin_problem(struct chn_buf *problems)
{
  if (problems->len > 0) {
    chn_buf_adds(problems, "; ");
  }
}

static void add_nearest(struct chn_buf *out, const struct compare_pair *p, const char *name,
                        const struct compare_side *side)
{
  struct arena *a = p->job->arena;
  const char **names = arena_alloc(a, ((size_t)side->schema.n_fields + 1) * sizeof *names);
  for (int32_t i = 0; i < side->schema.n_fields; i++) {
    names[i] = side->schema.fields[i].name;
  }
  const char *near = chn_near(name, names, (size_t)side->schema.n_fields);
  if (near != NULL) {
    chn_buf_addf(out, " (did you mean \"%s\"?)", near);
  }
}

static void check_types(const struct compare_pair *p, const char *what, const char *name,
                        struct chn_buf *out)
{
  const struct row_type *l = type_of(&p->left, name);
  const struct row_type *r = type_of(&p->right, name);
  if (row_type_equal(l, r)) {
    return;
  }
  begin_problem(out);
  chn_buf_addf(out, "%s \"%s\" is ", what, name);
  row_type_print(out, l);
  chn_buf_addf(out, " in %s and ", p->left.what);
  row_type_print(out, r);
  chn_buf_addf(out, " in %s", p->right.what);
}

static void check_key(const struct compare_pair *p, const char *key, struct chn_buf *out)
{
  bool both = true;
  const struct compare_side *sides[] = { &p->left, &p->right };
  for (int i = 0; i < 2; i++) {
    if (type_of(sides[i], key) == NULL) {
      begin_problem(out);
      chn_buf_addf(out, "key \"%s\" is not in %s", key, sides[i]->what);
      add_nearest(out, p, key, sides[i]);
      both = false;
    }
  }
  if (both) {
    check_types(p, "key", key, out);
  }
}

static void check_time(const struct compare_pair *p, struct chn_buf *out)
{
  static const struct {
    const char *name;
    enum row_kind kind;
    const char *want;
  } times[] = { { "ts", ROW_LONG, "bigint, epoch milliseconds" },
                { "ds", ROW_STRING, "string, yyyy-MM-dd" } };
  bool timed = false;
  for (int i = 0; i < 2; i++) {
    const struct row_type *type = type_of(&p->left, times[i].name);
    timed |= compare_has_key(p, times[i].name);
    if (compare_has_key(p, times[i].name) && type != NULL && type->kind != times[i].kind) {
      begin_problem(out);
      chn_buf_addf(out, "key \"%s\" must be a %s", times[i].name, times[i].want);
    }
  }
  if (!timed) {
    begin_problem(out);
    chn_buf_adds(out, "none of the keys is a time: add ts or ds to the join's row_ids");
  }
}

static void check_right(const struct compare_pair *p, struct chn_buf *out)
{
  for (int32_t i = 0; i < p->right.schema.n_fields; i++) {
    const char *name = p->right.schema.fields[i].name;
    if (compare_has_key(p, name)) {
      continue;
    }
    if (type_of(&p->left, name) != NULL) {
      check_types(p, "column", name, out);
    } else if (!p->right_may_have_more) {
      begin_problem(out);
      chn_buf_addf(out, "column \"%s\" of %s is not in %s", name, p->right.what, p->left.what);
      add_nearest(out, p, name, &p->left);
    }
  }
}

/// Names that the joined rows would have twice: a key `x_left` beside a column `x`.
static void check_names(const struct compare_pair *p, struct chn_buf *out)
{
  struct arena *a = p->job->arena;
  for (int32_t i = 0; i < p->n_columns; i++) {
    const char *name = p->columns[i].name;
    const char *clash = compare_has_key(p, arena_printf(a, "%s_left", name))    ? "left"
                        : compare_has_key(p, arena_printf(a, "%s_right", name)) ? "right"
                                                                                : NULL;
    if (clash != NULL) {
      begin_problem(out);
      chn_buf_addf(out, "column \"%s\" becomes \"%s_%s\", which is a key: rename one of them", name,
                   name, clash);
    }
  }
}

// ---- what is compared -------------------------------------------------------------------------

static void tell_left_out(const struct compare_pair *p, const struct compare_side *from,
                          const struct compare_side *other)
{
  struct chn_buf names = { 0 };
  for (int32_t i = 0; i < from->schema.n_fields; i++) {
    const char *name = from->schema.fields[i].name;
    if (!compare_has_key(p, name) && type_of(other, name) == NULL) {
      chn_buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", name);
    }
  }
  if (names.len > 0) {
    job_note(p->job, "not compared, because %s lacks them: %s", other->what, chn_buf_str(&names));
  }
  chn_buf_deinit(&names);
}

static void choose_columns(struct compare_pair *p)
{
  const struct row_schema *s = &p->left.schema;
  p->columns = arena_calloc(p->job->arena, (size_t)s->n_fields + 1, sizeof *p->columns);
  p->n_columns = 0;
  for (int32_t i = 0; i < s->n_fields; i++) {
    if (!compare_has_key(p, s->fields[i].name) && type_of(&p->right, s->fields[i].name) != NULL) {
      p->columns[p->n_columns++] = s->fields[i];
    }
  }
}

static chn_status describe(struct compare_pair *p, struct compare_side *side, struct chn_err *err)
{
  const chn_status status = wh_describe(p->job->wh, side->sql, p->job->arena, &side->schema, err);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s", side->what);
}

chn_status compare_check(struct compare_pair *p, struct chn_err *err)
{
  struct chn_buf problems = { 0 };
  chn_status status = describe(p, &p->left, err);
  if (status == CHN_OK) {
    status = describe(p, &p->right, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  choose_columns(p);
  for (int32_t i = 0; i < p->n_keys; i++) {
    check_key(p, p->keys[i], &problems);
  }
  check_time(p, &problems);
  check_right(p, &problems);
  check_names(p, &problems);
  if (problems.len == 0 && p->n_columns == 0) {
    chn_buf_addf(&problems, "%s and %s have no column in common but the keys", p->left.what,
                 p->right.what);
  }
  if (problems.len > 0) {
    status = chn_fail(err, CHN_E_ARGUMENT, "cannot compare: %s", chn_buf_str(&problems));
  } else {
    tell_left_out(p, &p->left, &p->right);
    tell_left_out(p, &p->right, &p->left);
  }
  chn_buf_deinit(&problems);
  return status;
}

// ---- side by side -----------------------------------------------------------------------------

static void add_columns(const struct compare_pair *p, const struct row_schema *order,
                        const char *side, bool named, struct chn_buf *sql)
{
  struct arena *a = p->job->arena;
  for (int32_t i = 0; i < order->n_fields; i++) {
    const char *name = order->fields[i].name;
    if (compare_has_key(p, name) || type_of(&p->left, name) == NULL ||
        type_of(&p->right, name) == NULL) {
      continue;
    }
    const char *both = wh_quote_name(a, arena_printf(a, "%s_%s", name, side));
    if (named) {
      chn_buf_addf(sql, ", %c.%s AS %s", side[0], wh_quote_name(a, name), both);
    } else {
      chn_buf_addf(sql, ", %s", both);
    }
  }
}

chn_status compare_join(const struct compare_pair *p, struct chn_err *err)
{
  struct arena *a = p->job->arena;
  struct chn_buf sql = { 0 };
  const double t = chn_monotonic_ms();
  chn_buf_addf(&sql, "CREATE OR REPLACE TEMP TABLE %s AS SELECT ", joined);
  for (int32_t i = 0; i < p->n_keys; i++) {
    const char *key = wh_quote_name(a, p->keys[i]);
    chn_buf_addf(&sql, "%sCOALESCE(l.%s, r.%s) AS %s", i > 0 ? ", " : "", key, key, key);
  }
  add_columns(p, &p->left.schema, "left", true, &sql);
  add_columns(p, &p->right.schema, "right", true, &sql);
  chn_buf_addf(&sql,
               ", l.__side IS NOT NULL AS __is_left, r.__side IS NOT NULL AS __is_right FROM "
               "(SELECT *, true AS __side FROM (%s)) AS l FULL OUTER JOIN (SELECT *, true AS "
               "__side FROM (%s)) AS r ON ",
               p->left.sql, p->right.sql);
  for (int32_t i = 0; i < p->n_keys; i++) {
    const char *key = wh_quote_name(a, p->keys[i]);
    chn_buf_addf(&sql, "%sl.%s %s r.%s", i > 0 ? " AND " : "", key,
                 i < p->n_keys - p->n_nullable ? "=" : "IS NOT DISTINCT FROM", key);
  }
  const chn_status status = wh_exec(p->job->wh, chn_buf_str(&sql), err);
  chn_buf_deinit(&sql);
  job_time(p->job, "join", t, 0);
  return status;
}

void compare_drop(const struct compare_pair *p)
{
  char sql[64];
  snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS %s", joined);
  wh_exec(p->job->wh, sql, NULL); // the temporary table goes with the program all the same
}

static const char *key_list(const struct compare_pair *p)
{
  struct chn_buf text = { 0 };
  for (int32_t i = 0; i < p->n_keys; i++) {
    chn_buf_addf(&text, "%s%s", i > 0 ? ", " : "", wh_quote_name(p->job->arena, p->keys[i]));
  }
  const char *copy = arena_strdup(p->job->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return copy;
}

const char *compare_rows_sql(const struct compare_pair *p)
{
  struct chn_buf sql = { 0 };
  chn_buf_addf(&sql, "SELECT %s", key_list(p));
  add_columns(p, &p->left.schema, "left", false, &sql);
  add_columns(p, &p->right.schema, "right", false, &sql);
  chn_buf_addf(&sql, " FROM %s", joined);
  const char *copy = arena_strdup(p->job->arena, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return copy;
}

/// A SELECT of whole numbers in one row.
static chn_status read_numbers(struct batch_job *job, const char *sql, int64_t *out, int32_t n,
                               struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  const chn_status status = wh_rows_load(job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col *cols = chn_calloc((size_t)n, sizeof *cols);
  wh_rows_chunk(rows, 0, cols);
  for (int32_t i = 0; i < n; i++) {
    out[i] = row_is_null(&cols[i], 0) ? 0 : ((const int64_t *)cols[i].data)[0];
  }
  free(cols);
  wh_rows_free(rows);
  return CHN_OK;
}

chn_status compare_count(const struct compare_pair *p, struct batch_comparison *c,
                         struct chn_err *err)
{
  struct arena *a = p->job->arena;
  int64_t n[4];
  const char *sql = arena_printf(
      a,
      "SELECT count(*), count(*) FILTER (NOT __is_right), count(*) FILTER (NOT __is_left), (SELECT "
      "count(*) FROM (SELECT 1 FROM %s WHERE __is_left AND __is_right GROUP BY %s HAVING count(*) "
      "> 1)) FROM %s",
      joined, key_list(p), joined);
  const chn_status status = read_numbers(p->job, sql, n, 4, err);
  if (status == CHN_OK) {
    c->counted = true;
    c->rows += (uint64_t)n[0];
    c->left_only += (uint64_t)n[1];
    c->right_only += (uint64_t)n[2];
    c->repeated += (uint64_t)n[3];
  }
  return status;
}

// ---- by time ----------------------------------------------------------------------------------

/// Epoch ms of the midnight that begins a row's day, NULL where there is none; or NULL.
static const char *day_of_row(const struct compare_pair *p)
{
  const bool is_column = type_of(&p->left, "ds") != NULL && type_of(&p->right, "ds") != NULL;
  const char *ds = compare_has_key(p, "ds") ? "ds"
                   : is_column              ? "COALESCE(ds_left, ds_right)"
                                            : NULL;
  return ds != NULL ? arena_printf(p->job->arena, "epoch_ms(TRY_CAST(%s AS DATE))", ds) : NULL;
}

/// The start of a row's bucket.
static const char *bucket_sql(const struct compare_pair *p, bool within_ds)
{
  const long long hour = 3600000;
  const char *day = day_of_row(p);
  if (!compare_has_key(p, "ts")) {
    return day;
  }
  const char *bucket = arena_printf(p->job->arena, "(ts // %lld) * %lld", hour, hour);
  // LEAST and GREATEST leave NULLs out.
  return within_ds && day != NULL
             ? arena_printf(p->job->arena,
                            "CASE WHEN ts IS NOT NULL THEN greatest(least(%s, %s + %lld), %s) END",
                            bucket, day, (long long)CHN_DAY_MS - hour, day)
             : bucket;
}

chn_status compare_measure(const struct compare_pair *p, bool within_ds, struct series *out,
                           struct chn_err *err)
{
  const struct compare_request r = {
    .from = joined,
    .columns = p->columns,
    .n_columns = p->n_columns,
    .bucket = bucket_sql(p, within_ds),
    .order = key_list(p),
    .name = p->name,
  };
  int64_t timeless = 0;
  *out = (struct series){ 0 };
  const chn_status status = read_numbers(
      p->job,
      arena_printf(p->job->arena, "SELECT count(*) FROM %s WHERE (%s) IS NULL", joined, r.bucket),
      &timeless, 1, err);
  if (status != CHN_OK) {
    return status;
  }
  if (timeless > 0) {
    job_note(p->job, "%lld row%s without a valid %s count in no metric", (long long)timeless,
             timeless == 1 ? "" : "s", compare_has_key(p, "ts") ? "ts" : "ds");
  }
  return compare_metrics(p->job, &r, out, err);
}

// ---- in short ---------------------------------------------------------------------------------

/// The feature whose rows a column counts, or NULL.
static const char *feature_of(struct arena *a, const char *column)
{
  static const char suffix[] = "_total_count";
  const size_t n = strlen(column), m = sizeof suffix - 1;
  return n > m && strcmp(column + n - m, suffix) == 0 ? arena_strndup(a, column, n - m) : NULL;
}

/// SELECTs five sums a feature, and the mean of its smape.
static const char *summary_sql(struct arena *a, const struct wh_table *t, const char *where,
                               struct batch_comparison *c)
{
  static const char *const sums[] = { "total_count", "both_null_sum", "left_null_sum",
                                      "right_null_sum", "mismatch_sum" };
  struct chn_buf sql = { 0 };
  for (int32_t i = 0; i < t->schema.n_fields; i++) {
    const char *feature = feature_of(a, t->schema.fields[i].name);
    if (feature == NULL) {
      continue;
    }
    c->features[c->n_features++].name = feature;
    for (int k = 0; k < 5; k++) {
      chn_buf_addf(&sql, "%sCAST(sum(%s) AS BIGINT)", sql.len > 0 ? ", " : "SELECT ",
                   wh_quote_name(a, arena_printf(a, "%s_%s", feature, sums[k])));
    }
    const char *smape = arena_printf(a, "%s_smape_average", feature);
    const char *x = wh_quote_name(a, smape);
    const char *n = wh_quote_name(a, t->schema.fields[i].name);
    if (row_schema_find(&t->schema, smape) >= 0) {
      chn_buf_addf(&sql, ", CAST(sum(%s * %s) / sum(%s) FILTER (%s IS NOT NULL) AS DOUBLE)", x, n,
                   n, x);
    } else {
      chn_buf_adds(&sql, ", CAST(NULL AS DOUBLE)");
    }
  }
  const char *dot = strchr(t->name, '.');
  chn_buf_addf(
      &sql, " FROM %s.%s%s%s", wh_quote_name(a, arena_strndup(a, t->name, (size_t)(dot - t->name))),
      wh_quote_name(a, dot + 1), where != NULL ? " WHERE " : "", where != NULL ? where : "");
  const char *copy = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return copy;
}

chn_status compare_summary(struct batch_job *job, const char *table, const char *where,
                           struct batch_comparison *c, struct chn_err *err)
{
  struct arena *a = job->arena;
  struct wh_table t;
  struct wh_rows *rows = NULL;
  chn_status status = wh_table_find(job->wh, table, a, &t, err);
  if (status == CHN_OK) {
    status = wh_use(job->wh, table, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  c->features = arena_calloc(a, (size_t)t.schema.n_fields + 1, sizeof *c->features);
  c->n_features = 0;
  const char *sql = summary_sql(a, &t, where, c);
  if (c->n_features == 0) {
    return CHN_OK;
  }
  status = wh_rows_load(job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col *cols = chn_calloc((size_t)c->n_features * 6, sizeof *cols);
  wh_rows_chunk(rows, 0, cols);
  for (int32_t i = 0; i < c->n_features; i++) {
    struct batch_feature_diff *f = &c->features[i];
    const struct row_col *col = &cols[6 * i];
    uint64_t *const numbers[] = { &f->rows, &f->both_null, &f->left_null, &f->right_null,
                                  &f->mismatched };
    for (int k = 0; k < 5; k++) {
      *numbers[k] = row_is_null(&col[k], 0) ? 0 : ((const uint64_t *)col[k].data)[0];
    }
    f->has_smape = !row_is_null(&col[5], 0);
    f->smape = f->has_smape ? ((const double *)col[5].data)[0] : 0;
  }
  free(cols);
  wh_rows_free(rows);
  return CHN_OK;
}
