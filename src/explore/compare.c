// What is served beside what a backfill gives: the keys asked for become the left side of the
// join, in a table of their own, at the instant asked for.
#include <string.h>

#include "base/time.h"
#include "explore/explore_serve_int.h"
#include "explore/left.h"
#include "warehouse/fs.h"

static const char QUERIES[] = "explore.queries", TS[] = "ts";

/// Writes the distinct keys with ts and ds to a file.
static chn_status write_queries(struct explore *e, const struct asked *asked, int64_t at,
                                const char *path, struct chn_err *err)
{
  const struct row_schema *keys = fetch_plan_keys(asked->plan);
  struct wh_extra *columns = arena_calloc(&e->call, (size_t)keys->n_fields + 1, sizeof *columns);
  char ds[CHN_DS_SIZE];
  for (int32_t i = 0; i < keys->n_fields; i++) {
    columns[i] = (struct wh_extra){ keys->fields[i].name, &asked->request.keys[i], NULL };
  }
  chn_status s =
      wh_frame_add(e->wh, "explore", NULL, asked->request.n, columns, keys->n_fields, err);
  if (s != CHN_OK) {
    return s;
  }
  s = wh_exec(e->wh,
              arena_printf(&e->call,
                           "COPY (SELECT DISTINCT *, %lld::BIGINT AS ts, '%s' AS ds FROM "
                           "wh_frame('explore')) TO %s (FORMAT parquet)",
                           (long long)at, chn_ds_of_day(chn_day_of_ms(at), ds),
                           wh_quote_string(&e->call, path)),
              err);
  wh_frame_remove(e->wh, "explore");
  return s;
}

/// The join over those rows instead of its left side; what belongs to the old rows is left out.
static void replace_left(struct explore *e, struct model_join *join, const struct row_schema *keys)
{
  struct model_event_source *events = arena_calloc(&e->call, 1, sizeof *events);
  struct model_query *query = arena_calloc(&e->call, 1, sizeof *query);
  struct model_source *left = arena_calloc(&e->call, 1, sizeof *left);
  query->selects = arena_calloc(&e->call, (size_t)keys->n_fields + 1, sizeof *query->selects);
  for (int32_t i = 0; i < keys->n_fields; i++) {
    const char *quoted = arena_printf(&e->call, "`%s`", keys->fields[i].name);
    query->selects[query->n_selects++] = (struct model_pair){ keys->fields[i].name, quoted };
  }
  query->time_column = TS;
  events->table = QUERIES;
  events->query = query;
  left->events = events;
  explore_replace_left(join, left);
}

static chn_status backfill(struct explore *e, const struct asked *asked, struct explore_result *out,
                           struct chn_err *err)
{
  const char *folder;
  char ds[CHN_DS_SIZE];
  chn_status s = wh_temp_folder(e->wh, &e->call, &folder, err);
  if (s != CHN_OK) {
    return s;
  }
  const char *path = arena_printf(&e->call, "%s/queries.parquet", folder);
  const struct wh_source extra = { QUERIES, path };
  s = write_queries(e, asked, asked->at, path, err);
  if (s == CHN_OK) {
    replace_left(e, asked->conf.as.join, fetch_plan_keys(asked->plan));
    chn_ds_of_day(chn_day_of_ms(asked->at), ds);
    s = explore_backfill_conf(e, &asked->conf, ds, ds, &extra, out, err);
  }
  wh_temp_remove(e->wh, folder);
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "the backfill");
}

// ---- side by side -----------------------------------------------------------------------------

static bool has_column(const struct explore_result *r, const char *name)
{
  for (int32_t i = 0; i < r->n_columns; i++) {
    if (strcmp(r->names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static void add_keys(struct explore *e, const struct row_schema *keys, const char *form,
                     const char *between, struct chn_buf *sql)
{
  for (int32_t i = 0; i < keys->n_fields; i++) {
    const char *name = wh_quote_name(&e->call, keys->fields[i].name);
    chn_buf_adds(sql, i > 0 ? between : "");
    chn_buf_addf(sql, "f.%s", name);
    if (*form != '\0') {
      chn_buf_addf(sql, " %s b.%s", form, name);
    }
  }
}

/// One feature's rows. Sums of doubles in another order differ in their last digits.
static void add_feature(struct explore *e, const struct row_schema *keys,
                        const struct row_field *feature, const char *fetched,
                        const struct explore_result *backfilled, struct chn_buf *sql)
{
  const char *name = wh_quote_name(&e->call, feature->name);
  const bool there = has_column(backfilled, feature->name);
  const bool real = feature->type->kind == ROW_DOUBLE || feature->type->kind == ROW_FLOAT;
  const char *b = there ? arena_printf(&e->call, "b.%s", name) : "NULL";
  chn_buf_adds(sql, sql->len > 0 ? " UNION ALL SELECT " : "SELECT ");
  add_keys(e, keys, "", ", ", sql);
  chn_buf_addf(sql,
               ", %s AS feature, CAST(f.%s AS VARCHAR) AS fetched, "
               "CAST(%s AS VARCHAR) AS backfilled, ",
               wh_quote_string(&e->call, feature->name), name, b);
  if (real && there) {
    chn_buf_addf(sql,
                 "coalesce(abs(f.%s - b.%s) <= 1e-9 * greatest(abs(f.%s), abs(b.%s)), false) OR ",
                 name, name, name, name);
  }
  chn_buf_addf(sql, "CAST(f.%s AS VARCHAR) IS NOT DISTINCT FROM CAST(%s AS VARCHAR) AS same ", name,
               b);
  chn_buf_addf(sql, "FROM %s f LEFT JOIN %s b ON ", fetched, backfilled->table);
  add_keys(e, keys, "IS NOT DISTINCT FROM", " AND ", sql);
}

static chn_status beside(struct explore *e, const struct fetch_plan *plan,
                         const struct explore_result *fetched,
                         const struct explore_result *backfilled, struct explore_result *out,
                         struct chn_err *err)
{
  const struct row_schema *features = fetch_plan_features(plan);
  struct chn_buf sql = { 0 };
  if (features->n_fields == 0) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s serves no features: its parts have no uploads",
                    fetch_plan_name(plan));
  }
  for (int32_t i = 0; i < features->n_fields; i++) {
    add_feature(e, fetch_plan_keys(plan), &features->fields[i], fetched->table, backfilled, &sql);
  }
  const chn_status s = explore_keep(e, chn_buf_str(&sql), out, err);
  chn_buf_deinit(&sql);
  return s;
}

static chn_status compare(struct explore *e, const char *json, const char *keys, const char *at,
                          struct explore_result *out, struct chn_err *err)
{
  struct asked asked = { 0 };
  struct explore_result fetched, backfilled;
  struct wh *wh;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK && at == NULL) {
    at = arena_printf(&e->call, "%lld", (long long)chn_now_ms());
  }
  if (s == CHN_OK) {
    s = explore_ask(e, MODEL_JOIN, json, keys, at, &asked, err);
  }
  if (s == CHN_OK) {
    s = explore_answer(e, &asked, &fetched, err);
  }
  if (s == CHN_OK) {
    s = backfill(e, &asked, &backfilled, err);
  }
  if (s == CHN_OK) {
    s = beside(e, asked.plan, &fetched, &backfilled, out, err);
  }
  explore_asked_release(&asked);
  return s;
}

chn_status explore_compare(struct explore *e, const char *json, const char *keys, const char *at,
                           struct explore_result *out, struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, compare(e, json, keys, at, out, err), err);
}
