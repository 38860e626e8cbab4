// A write: rows of SELECTs, staged as Parquet beside the table, then published by swap.c.
#include "warehouse/wh_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct wh_writer {
  struct wh *wh;
  struct arena arena;
  struct wh_name name;
  const char *folder;  ///< of the table
  const char *staging; ///< hidden, beside it
  const char *id;
  int lock;
  bool auto_expand;
  bool shared;
  const char *first_ds; ///< of the days that are computed; NULL: unknown
  const char *last_ds;
  struct fs_list partition_columns;
  struct wh_meta meta; ///< the table as it will be
  bool has_schema;     ///< meta has this write's columns
  int32_t n_selects;
  uint64_t rows;
};

// ---- begin ------------------------------------------------------------------------------------

static bool same_list(const struct fs_list *x, const struct fs_list *y)
{
  bool same = x->n == y->n;
  for (size_t i = 0; same && i < x->n; i++) {
    same = strcmp(x->at[i], y->at[i]) == 0;
  }
  return same;
}

static const char *joined(struct arena *a, const struct fs_list *list)
{
  const char *text = list->n > 0 ? list->at[0] : "nothing";
  for (size_t i = 1; i < list->n; i++) {
    text = arena_printf(a, "%s, %s", text, list->at[i]);
  }
  return text;
}

/// A table that was laid into the warehouse by hand has files that tell what it is.
static chn_status adopt(struct wh_writer *w, struct chn_err *err)
{
  struct wh_layout layout;
  struct wh_table table;
  chn_status s = wh_layout_read(&w->arena, w->name.full, w->folder, &layout, err);
  if (s == CHN_OK) {
    s = wh_table_find(w->wh, w->name.full, &w->arena, &table, err);
  }
  for (int32_t i = 0; s == CHN_OK && i < table.schema.n_fields; i++) {
    struct chn_buf type = { 0 };
    wh_type_sql(&type, table.schema.fields[i].type);
    fs_list_add(&w->arena, &w->meta.columns, arena_strdup(&w->arena, table.schema.fields[i].name));
    fs_list_add(&w->arena, &w->meta.types, arena_strdup(&w->arena, chn_buf_str(&type)));
    chn_buf_deinit(&type);
  }
  w->meta.partition_columns = layout.keys;
  w->meta.found = s == CHN_OK;
  return s;
}

static chn_status load_meta(struct wh_writer *w, struct chn_err *err)
{
  chn_status s = wh_meta_read(&w->arena, w->folder, &w->meta, err);
  if (s == CHN_OK) {
    s = wh_meta_no_view(&w->meta, w->name.full, err);
  }
  if (s == CHN_OK && !w->meta.found && wh_is_table(&w->arena, w->folder)) {
    s = adopt(w, err);
  }
  if (s == CHN_OK && w->meta.found &&
      !same_list(&w->meta.partition_columns, &w->partition_columns)) {
    s = chn_fail(err, CHN_E_CONFLICT, "table %s is partitioned by %s, this write by %s",
                 w->name.full, joined(&w->arena, &w->meta.partition_columns),
                 joined(&w->arena, &w->partition_columns));
  }
  w->meta.partition_columns = w->partition_columns;
  return s;
}

static chn_status stage(struct wh_writer *w, struct chn_err *err)
{
  char hex[9];
  wh_random_hex(hex);
  w->id = arena_strdup(&w->arena, hex);
  const char *what = arena_printf(&w->arena, "writing-%s", hex);
  w->staging = wh_table_beside(w->wh, &w->arena, &w->name, what);
  return fs_make(arena_printf(&w->arena, "%s/new", w->staging), err);
}

/// A partition column names folders, hidden ones of which are not read.
static chn_status take_partition_columns(struct wh_writer *w, const struct wh_write_options *o,
                                         struct chn_err *err)
{
  for (int32_t i = 0; i < o->n_partition_columns; i++) {
    const char *name = o->partition_columns[i];
    const bool plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789_") == strlen(name);
    if (!plain || name[0] == '_' || name[0] == '\0') {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "table %s: \"%s\" cannot be a partition column (want letters, digits and _, "
                      "not _ first)",
                      w->name.full, name);
    }
    fs_list_add(&w->arena, &w->partition_columns, arena_strdup(&w->arena, name));
  }
  return CHN_OK;
}

static chn_status begin(struct wh_writer *w, const char *table, const struct wh_write_options *o,
                        struct chn_err *err)
{
  chn_status s = wh_name_new(&w->arena, table, &w->name, err);
  if (s != CHN_OK) {
    return s;
  }
  const char *source = wh_source_path(w->wh, w->name.full);
  if (source != NULL) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "table %s is a source, read from %s: nothing is written to it (use another "
                    "output name or drop its --table)",
                    w->name.full, source);
  }
  w->folder = wh_table_folder(w->wh, &w->arena, &w->name);
  w->auto_expand = o->auto_expand;
  w->shared = o->shared;
  w->first_ds = o->first_ds != NULL ? arena_strdup(&w->arena, o->first_ds) : NULL;
  w->last_ds = o->first_ds != NULL ? arena_strdup(&w->arena, o->last_ds) : NULL;
  s = take_partition_columns(w, o, err);
  if (s == CHN_OK) {
    s = fs_make(arena_printf(&w->arena, "%s/%s", w->wh->root, w->name.ns), err);
  }
  if (s == CHN_OK) {
    s = w->shared ? wh_lock_shared(w->wh, &w->name, &w->lock, err)
                  : wh_lock(w->wh, &w->name, &w->lock, err);
  }
  if (s == CHN_OK && !w->shared) {
    s = wh_repair_locked(w->wh, &w->name, err);
  }
  if (s == CHN_OK) {
    s = load_meta(w, err);
  }
  for (int32_t i = 0; s == CHN_OK && i < o->n_properties; i++) {
    wh_meta_set_property(&w->arena, &w->meta, o->property_names[i], o->property_values[i]);
  }
  return s == CHN_OK ? stage(w, err) : s;
}

chn_status wh_write_begin(struct wh *wh, const char *table, const struct wh_write_options *o,
                          struct wh_writer **out, struct chn_err *err)
{
  struct wh_writer *w = chn_calloc(1, sizeof *w);
  w->wh = wh;
  w->lock = -1;
  const chn_status s = begin(w, table, o, err);
  if (s != CHN_OK) {
    wh_write_abort(w);
    return s;
  }
  *out = w;
  return CHN_OK;
}

static void free_writer(struct wh_writer *w)
{
  if (w->lock >= 0) {
    wh_unlock(w->wh, &w->name, w->lock);
  }
  arena_deinit(&w->arena);
  free(w);
}

void wh_write_abort(struct wh_writer *w)
{
  if (w == NULL) {
    return;
  }
  if (w->staging != NULL) {
    fs_remove(w->staging);
  }
  free_writer(w);
}

// ---- columns ----------------------------------------------------------------------------------

/// What a SELECT offers: names, the SQL types they get, and the expressions that give them.
struct offer {
  struct fs_list names;
  struct fs_list types;
  struct fs_list sql;
};

static int32_t find_name(const struct fs_list *list, const char *name)
{
  for (size_t i = 0; i < list->n; i++) {
    if (strcasecmp(list->at[i], name) == 0) {
      return (int32_t)i;
    }
  }
  return -1;
}

/// Partition values are texts. HUGEINT (a sum of BIGINT) has no Parquet type that is exact: it is
/// BIGINT, and the write fails on a value that does not fit.
static chn_status offer_of(struct wh_writer *w, const struct row_schema *schema, struct offer *out,
                           struct chn_err *err)
{
  struct arena *a = &w->arena;
  for (int32_t i = 0; i < schema->n_fields; i++) {
    const struct row_field *f = &schema->fields[i];
    if (find_name(&out->names, f->name) >= 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "column \"%s\" appears twice in what is written to %s",
                      f->name, w->name.full);
    }
    struct chn_buf type = { 0 };
    wh_type_sql(&type, f->type);
    const char *is = arena_strdup(a, chn_buf_str(&type));
    chn_buf_deinit(&type);
    const char *to = strcmp(is, "HUGEINT") == 0 ? "BIGINT" : is;
    if (find_name(&w->partition_columns, f->name) >= 0) {
      to = "VARCHAR";
    }
    const char *name = wh_quote_name(a, f->name);
    fs_list_add(a, &out->names, arena_strdup(a, f->name));
    fs_list_add(a, &out->types, arena_strdup(a, to));
    fs_list_add(a, &out->sql,
                strcmp(is, to) == 0 ? arena_strdup(a, name)
                                    : arena_printf(a, "CAST(%s AS %s) AS %s", name, to, name));
  }
  for (size_t i = 0; i < w->partition_columns.n; i++) {
    if (find_name(&out->names, w->partition_columns.at[i]) < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "what is written to %s has no partition column \"%s\"",
                      w->name.full, w->partition_columns.at[i]);
    }
  }
  return CHN_OK;
}

/// The first schema of a table: as selected, partition columns last.
static void found_schema(struct wh_writer *w, const struct offer *offer)
{
  struct wh_meta *meta = &w->meta;
  for (size_t i = 0; i < offer->names.n; i++) {
    if (find_name(&w->partition_columns, offer->names.at[i]) < 0) {
      fs_list_add(&w->arena, &meta->columns, offer->names.at[i]);
      fs_list_add(&w->arena, &meta->types, offer->types.at[i]);
    }
  }
  for (size_t i = 0; i < w->partition_columns.n; i++) {
    fs_list_add(&w->arena, &meta->columns, w->partition_columns.at[i]);
    fs_list_add(&w->arena, &meta->types, arena_strdup(&w->arena, "VARCHAR"));
  }
}

/// Puts a new column behind the others, before the partition columns.
static void expand(struct wh_writer *w, char *name, char *type)
{
  struct wh_meta *meta = &w->meta;
  fs_list_add(&w->arena, &meta->columns, NULL);
  fs_list_add(&w->arena, &meta->types, NULL);
  size_t at = meta->columns.n - 1;
  for (size_t k = 0; k < w->partition_columns.n; k++, at--) {
    meta->columns.at[at] = meta->columns.at[at - 1];
    meta->types.at[at] = meta->types.at[at - 1];
  }
  meta->columns.at[at] = name;
  meta->types.at[at] = type;
  wh_meta_set_property(&w->arena, meta, "chronon_dynamic_table", "true");
}

/// Fits an offer to the table's columns, which may grow.
static chn_status fit(struct wh_writer *w, const struct offer *offer, struct chn_err *err)
{
  struct wh_meta *meta = &w->meta;
  const bool fixed = !w->auto_expand || w->has_schema;
  for (size_t i = 0; i < offer->names.n; i++) {
    const int32_t at = find_name(&meta->columns, offer->names.at[i]);
    if (at >= 0 && strcmp(meta->types.at[at], offer->types.at[i]) != 0) {
      return chn_fail(err, CHN_E_CONFLICT,
                      "table %s: column \"%s\" is %s, what is written has %s: existing columns "
                      "cannot be modified (write to a new table or cast)",
                      w->name.full, meta->columns.at[at], meta->types.at[at], offer->types.at[i]);
    }
    if (at < 0 && fixed) {
      return chn_fail(err, CHN_E_CONFLICT, "table %s has no column \"%s\" %s that is written",
                      w->name.full, offer->names.at[i], offer->types.at[i]);
    }
    if (at < 0) {
      expand(w, offer->names.at[i], offer->types.at[i]);
    }
  }
  for (size_t i = 0; i < meta->columns.n; i++) {
    if (!w->auto_expand && find_name(&offer->names, meta->columns.at[i]) < 0) {
      return chn_fail(err, CHN_E_CONFLICT,
                      "table %s has a column \"%s\" %s that what is written lacks", w->name.full,
                      meta->columns.at[i], meta->types.at[i]);
    }
  }
  return CHN_OK;
}

// ---- rows -------------------------------------------------------------------------------------

static const char *copy_sql(struct wh_writer *w, const struct offer *offer, const char *select)
{
  struct arena *a = &w->arena;
  struct chn_buf sql = { 0 };
  for (size_t i = 0; i < w->meta.columns.n; i++) {
    const int32_t at = find_name(&offer->names, w->meta.columns.at[i]);
    const char *name = wh_quote_name(a, w->meta.columns.at[i]);
    chn_buf_adds(&sql, i > 0 ? ", " : "COPY (SELECT ");
    if (at < 0) {
      chn_buf_addf(&sql, "NULL::%s AS %s", w->meta.types.at[i], name);
    } else if (strcmp(offer->names.at[at], w->meta.columns.at[i]) == 0) {
      chn_buf_adds(&sql, offer->sql.at[at]);
    } else {
      chn_buf_addf(&sql, "%s AS %s", wh_quote_name(a, offer->names.at[at]), name);
    }
  }
  const char *new = arena_printf(a, "%s/new", w->staging);
  const char *to = w->partition_columns.n > 0
                       ? new
                       : arena_printf(a, "%s/data/%s-%d.parquet", new, w->id, (int)w->n_selects);
  chn_buf_addf(&sql, " FROM (%s)) TO %s (FORMAT parquet, COMPRESSION snappy", select,
               wh_quote_string(a, to));
  for (size_t i = 0; i < w->partition_columns.n; i++) {
    chn_buf_addf(&sql, "%s%s", i > 0 ? ", " : ", PARTITION_BY (",
                 wh_quote_name(a, w->partition_columns.at[i]));
  }
  if (w->partition_columns.n > 0) {
    chn_buf_addf(&sql, "), OVERWRITE_OR_IGNORE true, FILENAME_PATTERN '%s-%d-{i}'", w->id,
                 (int)w->n_selects);
  }
  chn_buf_addc(&sql, ')');
  const char *text = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

/// A null partition value gives a folder that says so; readers would not find its rows by ds.
static chn_status check_values(struct wh_writer *w, const char *folder, size_t depth,
                               struct chn_err *err)
{
  if (depth == w->partition_columns.n) {
    return CHN_OK;
  }
  chn_status s = CHN_OK;
  struct arena a = { 0 };
  const struct fs_list names = fs_names(&a, folder, true);
  for (size_t i = 0; i < names.n && s == CHN_OK; i++) {
    const char *equals = strchr(names.at[i], '=');
    const char *value = equals != NULL ? equals + 1 : "";
    if (value[0] == '\0' || strcmp(value, "__HIVE_DEFAULT_PARTITION__") == 0) {
      s = chn_fail(err, CHN_E_ARGUMENT,
                   "table %s: rows without a value in the partition column \"%s\"", w->name.full,
                   w->partition_columns.at[depth]);
    } else {
      s = check_values(w, arena_printf(&a, "%s/%s", folder, names.at[i]), depth + 1, err);
    }
  }
  arena_deinit(&a);
  return s;
}

chn_status wh_write_select(struct wh_writer *w, const char *sql, struct chn_err *err)
{
  struct row_schema schema;
  struct offer offer = { 0 };
  duckdb_connection con = wh_free_connection(w->wh);
  chn_status s = wh_normalise(con, &w->arena, &sql, &schema, err);
  if (s == CHN_OK) {
    s = offer_of(w, &schema, &offer, err);
  }
  if (s == CHN_OK && w->meta.columns.n == 0) {
    found_schema(w, &offer);
  } else if (s == CHN_OK) {
    s = fit(w, &offer, err);
  }
  w->has_schema = true;
  const char *new = arena_printf(&w->arena, "%s/new", w->staging);
  if (s == CHN_OK && w->partition_columns.n == 0) {
    s = fs_make(arena_printf(&w->arena, "%s/data", new), err);
  }
  duckdb_result result;
  if (s == CHN_OK) {
    s = wh_run(con, copy_sql(w, &offer, sql), &result, err);
    w->n_selects++;
    if (s != CHN_OK) {
      return chn_wrap(err, "table %s", w->name.full);
    }
  }
  if (s == CHN_OK) {
    w->rows += (uint64_t)duckdb_value_int64(&result, 0, 0);
    duckdb_destroy_result(&result);
    s = check_values(w, new, 0, err);
  }
  return s;
}

// ---- the end ----------------------------------------------------------------------------------

/// Another writer may have made the table since this one began, or given it columns.
static chn_status follow_others(struct wh_writer *w, struct chn_err *err)
{
  struct wh_meta now;
  chn_status s = wh_meta_read(&w->arena, w->folder, &now, err);
  if (s != CHN_OK || !now.found) {
    return s;
  }
  const struct fs_list names = w->meta.columns;
  const struct fs_list types = w->meta.types;
  w->meta.columns = now.columns;
  w->meta.types = now.types;
  wh_follow_empty(&w->arena, &w->meta, &now);
  for (size_t i = 0; i < names.n; i++) {
    const int32_t at = find_name(&now.columns, names.at[i]);
    if (at >= 0 && strcmp(now.types.at[at], types.at[i]) != 0) {
      return chn_fail(err, CHN_E_CONFLICT,
                      "table %s: column \"%s\" is %s there, and %s in what is written",
                      w->name.full, names.at[i], now.types.at[at], types.at[i]);
    }
    if (at < 0) {
      expand(w, names.at[i], types.at[i]);
    }
  }
  return CHN_OK;
}

static chn_status publish(struct wh_writer *w, struct wh_written *out, struct chn_err *err)
{
  chn_status s = wh_meta_write(w->staging, &w->meta, err);
  if (s == CHN_OK) {
    s = wh_decide(w->staging, err);
  }
  if (s != CHN_OK) {
    fs_remove(w->staging);
    return s;
  }
  s = wh_publish(w->staging, w->folder, &out->partitions, err);
  return s == CHN_OK ? s
                     : chn_wrap(err,
                                "table %s: the rows are safe in %s and will be moved by the next "
                                "run",
                                w->name.full, w->staging);
}

chn_status wh_write_commit(struct wh_writer *w, struct wh_written *out, struct chn_err *err)
{
  chn_status s = CHN_OK;
  int commit = -1;
  *out = (struct wh_written){ .rows = w->rows };
  if (w->meta.columns.n == 0) {
    // No SELECT ever told the columns: a table without any could not be read.
    wh_write_abort(w);
    return CHN_OK;
  }
  if (w->rows == 0) {
    fs_remove(arena_printf(&w->arena, "%s/new/data", w->staging));
  }
  if (w->shared) {
    s = wh_commit_lock(w->wh, &w->name, &commit, err);
    if (s == CHN_OK) {
      s = follow_others(w, err);
    }
  }
  if (s == CHN_OK) {
    if (w->first_ds != NULL) {
      wh_mark_empty(&w->arena, &w->meta, arena_printf(&w->arena, "%s/new", w->staging), w->first_ds,
                    w->last_ds);
    }
    s = publish(w, out, err);
  } else {
    fs_remove(w->staging);
  }
  if (commit >= 0) {
    wh_commit_unlock(w->wh, &w->name, commit);
  }
  if (w->partition_columns.n == 0) {
    out->partitions = 0;
  }
  wh_view_forget(w->wh, w->name.full);
  free_writer(w);
  return s;
}
