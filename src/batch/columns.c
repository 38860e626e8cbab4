#include "batch/columns.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/near.h"
#include "warehouse/sql.h"

static bool in_table(const struct wh_table *table, const char *name)
{
  for (int32_t i = 0; i < table->schema.n_fields; i++) {
    if (strcasecmp(table->schema.fields[i].name, name) == 0) {
      return true;
    }
  }
  // `ns.table.column` and `table.column` begin with a name that is not a column's.
  const char *dot = strchr(table->name, '.');
  const size_t ns = dot != NULL ? (size_t)(dot - table->name) : 0;
  return (dot != NULL && strcasecmp(dot + 1, name) == 0) ||
         (strlen(name) == ns && strncasecmp(table->name, name, ns) == 0);
}

/// A select may use another one's name; its own would be itself.
static bool selected(const struct model_query *q, const char *name, const char *self)
{
  for (int32_t i = 0; q != NULL && i < q->n_selects; i++) {
    if (q->selects[i].key != self && strcasecmp(q->selects[i].key, name) == 0) {
      return true;
    }
  }
  return false;
}

static chn_status missing(struct arena *a, const struct wh_table *table, const char *name,
                          struct chn_err *err)
{
  enum { SHOWN = 20 };
  const int32_t n = table->schema.n_fields;
  const char **names = arena_alloc(a, (size_t)n * sizeof *names);
  struct chn_buf all = { 0 };
  for (int32_t i = 0; i < n; i++) {
    names[i] = table->schema.fields[i].name;
    if (i < SHOWN) {
      chn_buf_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    }
  }
  chn_buf_adds(&all, n > SHOWN ? ", ..." : "");
  const char *near = chn_near(name, names, (size_t)n);
  const chn_status status =
      near != NULL
          ? chn_fail(err, CHN_E_ARGUMENT, "column \"%s\" is not in %s (did you mean \"%s\"?)", name,
                     table->name, near)
          : chn_fail(err, CHN_E_ARGUMENT, "column \"%s\" is not in %s, which has %s", name,
                     table->name, chn_buf_str(&all));
  chn_buf_deinit(&all);
  return status;
}

static chn_status check(struct arena *a, const struct wh_table *table, const struct model_query *q,
                        const char *what, const char *self, const char *spark, struct chn_err *err)
{
  char **names = NULL;
  size_t n = 0;
  if (spark == NULL || sql_expr_columns(a, spark, &names, &n, NULL) != CHN_OK) {
    return CHN_OK;
  }
  for (size_t i = 0; i < n; i++) {
    if (!in_table(table, names[i]) && !selected(q, names[i], self)) {
      missing(a, table, names[i], err);
      return strcmp(spark, names[i]) == 0 ? err->code : chn_wrap(err, "%s \"%s\"", what, spark);
    }
  }
  return CHN_OK;
}

chn_status columns_check(struct arena *a, const struct wh_table *table, const struct model_query *q,
                         struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; q != NULL && i < q->n_selects && status == CHN_OK; i++) {
    status = check(a, table, q, "select", q->selects[i].key, q->selects[i].value, err);
  }
  for (int32_t i = 0; q != NULL && i < q->n_wheres && status == CHN_OK; i++) {
    status = check(a, table, q, "where", NULL, q->wheres[i], err);
  }
  if (q != NULL && status == CHN_OK) {
    status = check(a, table, q, "time_column", NULL, q->time_column, err);
  }
  return status;
}

chn_status columns_need(struct arena *a, const struct wh_table *table, const char *name,
                        struct chn_err *err)
{
  return in_table(table, name) ? CHN_OK : missing(a, table, name, err);
}
