#include "batch/describe_days.h"

#include <string.h>

#include "base/near.h"
#include "base/time.h"

static chn_status check_ds(const char *ds, struct chn_err *err)
{
  int32_t day;
  return ds == NULL ? CHN_OK : chn_day_of_ds(ds, &day, err);
}

static void add_rows(const struct describe_options *o, const char *ds, struct chn_buf *out)
{
  if (o->start_ds == NULL && o->end_ds == NULL) {
    chn_buf_addf(out, "%s IS DISTINCT FROM '%s'", ds, o->baseline);
    return;
  }
  chn_buf_adds(out, "COALESCE(");
  if (o->start_ds != NULL) {
    chn_buf_addf(out, "%s >= '%s'%s", ds, o->start_ds, o->end_ds != NULL ? " AND " : "");
  }
  if (o->end_ds != NULL) {
    chn_buf_addf(out, "%s <= '%s'", ds, o->end_ds);
  }
  chn_buf_adds(out, ", false)");
}

chn_status describe_days(struct arena *a, const char *from, const struct row_schema *schema,
                         const struct describe_options *o, struct chn_buf *select,
                         struct chn_buf *where, struct chn_err *err)
{
  const bool days = o->start_ds != NULL || o->end_ds != NULL || o->baseline != NULL;
  const int32_t at = row_schema_find(schema, "ds");
  if (!days) {
    return CHN_OK;
  }
  if (at < 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s has no column ds, so no days can be chosen of it",
                    from);
  }
  if (check_ds(o->start_ds, err) != CHN_OK || check_ds(o->end_ds, err) != CHN_OK ||
      check_ds(o->baseline, err) != CHN_OK) {
    return err->code;
  }
  const bool text = schema->fields[at].type->kind == ROW_STRING;
  const char *ds = text ? "ds" : "CAST(ds AS VARCHAR)";
  struct chn_buf rows = { 0 };
  add_rows(o, ds, &rows);
  chn_buf_addf(where, " WHERE %s", chn_buf_str(&rows));
  if (o->baseline != NULL) {
    const char *baseline = arena_printf(a, "COALESCE(%s = '%s', false)", ds, o->baseline);
    chn_buf_addf(select, ", %s, %s", chn_buf_str(&rows), baseline);
    chn_buf_addf(where, " OR %s", baseline);
  }
  chn_buf_deinit(&rows);
  return CHN_OK;
}

chn_status describe_known(const char *from, const struct describe_options *o,
                          const char *const *names, int32_t n, struct chn_err *err)
{
  for (int32_t i = 0; i < o->n_columns; i++) {
    int32_t at = 0;
    while (at < n && strcmp(names[at], o->columns[i]) != 0) {
      at++;
    }
    if (at == n) {
      const char *near = chn_near(o->columns[i], names, (size_t)n);
      return chn_fail(err, CHN_E_NOT_FOUND, "%s has no column %s%s%s%s", from, o->columns[i],
                      near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
    }
  }
  return CHN_OK;
}

bool describe_wants(const struct describe_options *o, const char *name)
{
  bool wanted = o->n_columns == 0;
  for (int32_t i = 0; i < o->n_columns; i++) {
    wanted = wanted || strcmp(o->columns[i], name) == 0;
  }
  return wanted;
}

chn_status describe_check_baseline(const char *from, const struct describe_options *o, int64_t rows,
                                   struct chn_err *err)
{
  return o->baseline == NULL || rows > 0
             ? CHN_OK
             : chn_fail(err, CHN_E_NOT_FOUND, "%s has no rows of the baseline %s", from,
                        o->baseline);
}
