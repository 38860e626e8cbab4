// The SELECT behind the view of a table.
#include "warehouse/wh_int.h"

#include <string.h>

static bool is_key(const struct wh_layout *layout, const char *name)
{
  for (size_t i = 0; i < layout->keys.n; i++) {
    if (strcmp(layout->keys.at[i], name) == 0) {
      return true;
    }
  }
  return false;
}

// ---- the reading function ---------------------------------------------------------------------

/// A file's name as DuckDB's glob that matches only it.
static const char *literal_path(struct arena *a, const char *path)
{
  struct chn_buf out = { 0 };
  for (const char *p = path; *p != '\0'; p++) {
    if (*p == '*' || *p == '?' || *p == '[') {
      chn_buf_addf(&out, "[%c]", *p);
    } else {
      chn_buf_addc(&out, *p);
    }
  }
  const char *copy = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return copy;
}

/// Types by a look at every row: a later file or line must not contradict them.
enum { SNIFF_ALL_BYTES = 256 << 20, SNIFF_ROWS = 1000000 };

static const char *reader(struct arena *a, const struct wh_layout *layout, const char *types)
{
  static const char *const functions[] = { "read_parquet", "read_csv", "read_json" };
  struct chn_buf out = { 0 };
  chn_buf_addf(&out, "%s([", functions[layout->format]);
  for (size_t i = 0; i < layout->files.n; i++) {
    const char *file = literal_path(a, layout->files.at[i]);
    chn_buf_addf(&out, "%s%s", i > 0 ? ", " : "", wh_quote_string(a, file));
  }
  chn_buf_adds(&out, "]");
  if (layout->files.n > 1) {
    chn_buf_adds(&out, ", union_by_name=true");
  }
  chn_buf_adds(&out, layout->keys.n > 0 ? ", hive_partitioning=true, hive_types_autocast=0"
                                        : ", hive_partitioning=false");
  if (layout->format == WH_CSV) {
    chn_buf_adds(&out, ", header=true");
  }
  if (types != NULL) {
    chn_buf_addf(&out, ", %s=%s", layout->format == WH_CSV ? "types" : "columns", types);
  } else if (layout->format != WH_PARQUET) {
    const int rows = layout->bytes <= SNIFF_ALL_BYTES ? -1 : SNIFF_ROWS;
    chn_buf_addf(&out, ", sample_size=%d", rows);
  }
  chn_buf_addc(&out, ')');
  const char *text = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return text;
}

static chn_status describe(struct wh *wh, struct arena *a, const char *from, struct row_schema *out,
                           struct chn_err *err)
{
  return wh_columns(wh->side, a, arena_printf(a, "SELECT * FROM %s", from), out, err);
}

/// {'a': 'BIGINT', ...} of the columns that lie in the files.
static const char *sniffed_types(struct arena *a, const struct wh_layout *layout,
                                 const struct row_schema *raw)
{
  struct chn_buf out = { 0 };
  for (int32_t i = 0; i < raw->n_fields; i++) {
    if (is_key(layout, raw->fields[i].name)) {
      continue;
    }
    struct chn_buf type = { 0 };
    wh_type_sql(&type, raw->fields[i].type);
    chn_buf_addf(&out, "%s%s: %s", out.len > 0 ? ", " : "{",
                 wh_quote_string(a, raw->fields[i].name), wh_quote_string(a, chn_buf_str(&type)));
    chn_buf_deinit(&type);
  }
  const char *text = out.len > 0 ? arena_printf(a, "%s}", chn_buf_str(&out)) : NULL;
  chn_buf_deinit(&out);
  return text;
}

/// DuckDB takes every k=v in a path for a column, also those above the table's folder.
static chn_status check_outer_keys(struct wh *wh, struct arena *a, const char *table,
                                   const struct wh_layout *layout, struct chn_err *err)
{
  if (layout->keys.n == 0) {
    return CHN_OK;
  }
  struct wh_layout plain = *layout;
  plain.keys.n = 0;
  struct row_schema raw = { 0 };
  const char *folder = arena_strdup(a, layout->folder);
  for (const char *part = folder; part != NULL;) {
    const char *slash = strchr(part, '/');
    const size_t len = slash != NULL ? (size_t)(slash - part) : strlen(part);
    const char *equals = memchr(part, '=', len);
    if (equals != NULL) {
      const char *key = arena_strndup(a, part, (size_t)(equals - part));
      const chn_status s =
          raw.fields == NULL ? describe(wh, a, reader(a, &plain, NULL), &raw, err) : CHN_OK;
      if (s != CHN_OK) {
        return s;
      }
      if (is_key(layout, key) || row_schema_find(&raw, key) >= 0) {
        return chn_fail(err, CHN_E_ARGUMENT,
                        "table %s: the folder \"%.*s\" above it would be read as its column \"%s\" "
                        "(rename the folder)",
                        table, (int)len, part, key);
      }
    }
    part = slash != NULL ? slash + 1 : NULL;
  }
  return CHN_OK;
}

// ---- columns ----------------------------------------------------------------------------------

/// The column as the table has it: ds is text, and `ts` of text files is milliseconds.
static const char *column_sql(struct arena *a, const struct wh_layout *layout,
                              const struct row_field *field)
{
  const char *name = wh_quote_name(a, field->name);
  const enum row_kind kind = field->type->kind;
  if (strcmp(field->name, "ds") == 0 && kind == ROW_DATE) {
    return arena_printf(a, "strftime(%s, '%%Y-%%m-%%d') AS %s", name, name);
  }
  if (strcmp(field->name, "ts") == 0 && layout->format != WH_PARQUET) {
    if (kind == ROW_TIMESTAMP) {
      return arena_printf(a, "epoch_ms(%s) AS %s", name, name);
    }
    if (kind == ROW_STRING) {
      return arena_printf(a, "epoch_ms(strptime(%s, '%%Y-%%m-%%d %%H:%%M:%%S')) AS %s", name, name);
    }
  }
  return name;
}

/// Whether a folder above the table's is `name`=value.
static bool is_outer_key(const struct wh_layout *layout, const char *name)
{
  const size_t len = strlen(name);
  for (const char *part = layout->keys.n > 0 ? layout->folder : NULL; part != NULL;) {
    if (strncmp(part, name, len) == 0 && part[len] == '=') {
      return true;
    }
    part = strchr(part, '/');
    part = part != NULL ? part + 1 : NULL;
  }
  return false;
}

struct select {
  struct chn_buf sql;
  struct arena *a;
};

static void add(struct select *s, const char *column)
{
  chn_buf_addf(&s->sql, "%s%s", s->sql.len > 0 ? ", " : "SELECT ", column);
}

static void add_null(struct select *s, const struct wh_meta *meta, size_t i)
{
  add(s, arena_printf(s->a, "NULL::%s AS %s", meta->types.at[i],
                      wh_quote_name(s->a, meta->columns.at[i])));
}

static void add_fields(struct select *s, const struct wh_layout *layout,
                       const struct row_schema *raw, const struct wh_meta *meta)
{
  const size_t n_last = meta->found ? meta->partition_columns.n : 0;
  const size_t n_first = meta->columns.n - n_last;
  for (size_t i = 0; i < n_first; i++) {
    const int32_t at = row_schema_find(raw, meta->columns.at[i]);
    if (at >= 0) {
      add(s, column_sql(s->a, layout, &raw->fields[at]));
    } else {
      add_null(s, meta, i);
    }
  }
  // What the table does not know: all of a source's columns.
  for (int32_t i = 0; i < raw->n_fields; i++) {
    const char *name = raw->fields[i].name;
    if (!is_key(layout, name) && !is_outer_key(layout, name) && wh_meta_column(meta, name) < 0) {
      add(s, column_sql(s->a, layout, &raw->fields[i]));
    }
  }
  for (size_t i = 0; i < layout->keys.n; i++) {
    add(s, wh_quote_name(s->a, layout->keys.at[i]));
  }
}

chn_status wh_view_sql(struct wh *wh, struct arena *a, const char *table,
                       const struct wh_layout *layout, const struct wh_meta *meta, const char **out,
                       struct chn_err *err)
{
  struct select select = { .a = a };
  if (layout->files.n == 0) {
    for (size_t i = 0; i < meta->columns.n; i++) {
      add_null(&select, meta, i);
    }
    *out = arena_printf(a, "%s WHERE false", chn_buf_str(&select.sql));
    chn_buf_deinit(&select.sql);
    return CHN_OK;
  }
  const char *from = reader(a, layout, NULL);
  struct row_schema raw;
  chn_status s = check_outer_keys(wh, a, table, layout, err);
  if (s == CHN_OK) {
    s = describe(wh, a, from, &raw, err);
  }
  if (s != CHN_OK) {
    return s == CHN_E_ARGUMENT && err != NULL && strstr(err->msg, table) != NULL
               ? s
               : chn_wrap(err, "table %s", table);
  }
  if (layout->format != WH_PARQUET) {
    from = reader(a, layout, sniffed_types(a, layout, &raw));
  }
  add_fields(&select, layout, &raw, meta);
  *out = arena_printf(a, "%s FROM %s", chn_buf_str(&select.sql), from);
  chn_buf_deinit(&select.sql);
  return CHN_OK;
}
