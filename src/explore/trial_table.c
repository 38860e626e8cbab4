// Rows that a test gives become Parquet in the scratch warehouse.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "explore/trial_int.h"
#include "warehouse/fs.h"
#include "warehouse/sql.h"

// ---- rows to a table --------------------------------------------------------------------------

struct trial_column *trial_columns(struct arena *a, const struct codec_json *rows, int32_t n_rows,
                                   int32_t extra, int32_t *n)
{
  size_t most = (size_t)extra;
  for (int32_t i = 0; i < n_rows; i++) {
    most += (size_t)rows[i].n;
  }
  struct trial_column *columns = arena_calloc(a, most + 1, sizeof *columns);
  *n = 0;
  for (int32_t i = 0; i < n_rows; i++) {
    for (int32_t k = 0; k < rows[i].n; k++) {
      bool known = false;
      for (int32_t c = 0; c < *n && !known; c++) {
        known = strcmp(columns[c].name, rows[i].members[k].key) == 0;
      }
      if (!known) {
        columns[(*n)++].name = rows[i].members[k].key;
      }
    }
  }
  return columns;
}

/// A number beyond 2^53 can only be given as a text.
static bool is_number(const char *text, int64_t *out)
{
  char *end = NULL;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return end != text && *end == '\0' && errno == 0;
}

static chn_status add_cell(struct codec_json_writer *w, const struct trial_column *c,
                           const struct codec_json *v, struct chn_err *err)
{
  int64_t ms = 0;
  if (!c->instant || v->kind != CODEC_JSON_STRING) {
    codec_json_value(w, v);
    return CHN_OK;
  }
  if (!is_number(v->text, &ms) && chn_ms_of_text(v->text, &ms, err) != CHN_OK) {
    return chn_wrap(err, "%s", c->name);
  }
  codec_json_int(w, ms);
  return CHN_OK;
}

chn_status trial_lines(const char *path, const struct trial_column *columns, int32_t n,
                       const struct codec_json *rows, int32_t n_rows, struct chn_err *err)
{
  struct chn_buf out = { 0 };
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < n_rows && s == CHN_OK; i++) {
    struct codec_json_writer w;
    codec_json_writer_init(&w, &out, CODEC_JSON_COMPACT);
    codec_json_begin(&w, '{');
    for (int32_t c = 0; c < n && s == CHN_OK; c++) {
      const struct codec_json *v = codec_json_get(&rows[i], columns[c].name);
      if (v != NULL && v->kind != CODEC_JSON_NULL) {
        codec_json_key(&w, columns[c].name);
        s = add_cell(&w, &columns[c], v, err);
      }
    }
    codec_json_end(&w, '}');
    chn_buf_addc(&out, '\n');
    if (s != CHN_OK) {
      s = chn_wrap(err, "row %d", (int)i + 1);
    }
  }
  if (s == CHN_OK) {
    s = fs_write(path, chn_buf_str(&out), out.len, err);
  }
  chn_buf_deinit(&out);
  return s;
}

static const char *select_rows(struct trial *t, struct arena *a, const struct trial_column *columns,
                               int32_t n)
{
  struct chn_buf sql = { 0 };
  chn_buf_addf(&sql, "SELECT * FROM read_json(%s, format = 'newline_delimited', columns = {",
               wh_quote_string(a, t->rows));
  for (int32_t c = 0; c < n; c++) {
    chn_buf_addf(&sql, "%s%s: %s", c > 0 ? ", " : "", wh_quote_string(a, columns[c].name),
                 wh_quote_string(a, columns[c].type));
  }
  chn_buf_adds(&sql, "})");
  const char *text = arena_strdup(a, chn_buf_str(&sql));
  chn_buf_deinit(&sql);
  return text;
}

chn_status trial_write(struct trial *t, struct arena *a, const char *table,
                       struct trial_column *columns, int32_t n, const struct codec_json *rows,
                       int32_t n_rows, const char *partition, struct chn_err *err)
{
  const char *dot = strchr(table, '.');
  const char *folder = arena_printf(a, "%s/%.*s/%s", t->root, (int)(dot - table), table, dot + 1);
  chn_status s = n > 0 ? CHN_OK
                       : chn_fail(err, CHN_E_ARGUMENT,
                                  "it has no columns: give rows, or columns = { name = \"type\" }");
  for (int32_t c = 0; c < n && s == CHN_OK; c++) {
    if (columns[c].type == NULL) {
      s = trial_type(a, columns[c].name, rows, n_rows, &columns[c].type, err);
    }
  }
  if (s == CHN_OK) {
    s = trial_lines(t->rows, columns, n, rows, n_rows, err);
  }
  if (s == CHN_OK) {
    s = fs_make(folder, err);
  }
  if (s == CHN_OK) {
    const bool parts = partition != NULL && n_rows > 0 && n > 1;
    const char *file = arena_printf(a, "rows_%d", ++t->written); // never one that was read before
    const char *to = parts ? folder : arena_printf(a, "%s/%s.parquet", folder, file);
    const char *by = parts ? arena_printf(a, ", FILENAME_PATTERN '%s_{i}', PARTITION_BY (%s)", file,
                                          wh_quote_name(a, partition))
                           : "";
    s = wh_exec(t->wh,
                arena_printf(a, "COPY (%s) TO %s (FORMAT parquet%s)", select_rows(t, a, columns, n),
                             wh_quote_string(a, to), by),
                err);
  }
  return s;
}

const char *trial_column_type(struct trial *t, struct arena *a, const char *table,
                              const char *column)
{
  struct wh_rows *rows = NULL;
  struct row_col col;
  struct chn_err ignored;
  const char *type = NULL;
  const char *dot = strchr(table, '.');
  const char *sql = arena_printf(
      a, "SELECT typeof(%s) FROM (SELECT NULL) LEFT JOIN %s.%s ON true LIMIT 1",
      wh_quote_name(a, column), wh_quote_name(a, arena_strndup(a, table, (size_t)(dot - table))),
      wh_quote_name(a, dot + 1));
  if (wh_use(t->wh, table, &ignored) == CHN_OK &&
      wh_rows_load(t->wh, sql, &rows, &ignored) == CHN_OK) {
    if (wh_rows_count(rows) > 0) {
      wh_rows_chunk(rows, 0, &col);
      const struct row_str *text = col.data;
      type = arena_strndup(a, row_str_bytes(text), text->len);
    }
    wh_rows_free(rows);
  }
  return type;
}

// ---- what the author says about a table -------------------------------------------------------

/// A type as authors write it, in Spark's words.
static chn_status read_type(struct trial *t, struct arena *a, const char *spark, const char **out,
                            struct chn_err *err)
{
  char *expr = NULL;
  struct wh_rows *rows = NULL;
  struct row_col col;
  chn_status s = sql_render_expr(a, arena_printf(a, "CAST(NULL AS %s)", spark), &expr, err);
  if (s == CHN_OK) {
    s = wh_rows_load(t->wh, arena_printf(a, "SELECT typeof(%s)", expr), &rows, err);
  }
  if (s != CHN_OK) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "\"%s\" is no type: long, double, string, boolean, date, timestamp, "
                    "array<double>, map<string,long>, struct<a:long>, ...",
                    spark);
  }
  wh_rows_chunk(rows, 0, &col);
  const struct row_str *text = col.data;
  *out = arena_strndup(a, row_str_bytes(text), text->len);
  wh_rows_free(rows);
  return CHN_OK;
}

struct making {
  struct trial_run *r;
  const struct codec_json *table;
  const char *name;
  struct trial_uses uses;
  struct codec_json *rows; ///< copies, because some get a day
  int32_t n_rows;
  struct trial_column *columns;
  int32_t n_columns;
};

static struct trial_column *find_column(struct making *m, const char *name)
{
  for (int32_t i = 0; i < m->n_columns; i++) {
    if (strcmp(m->columns[i].name, name) == 0) {
      return &m->columns[i];
    }
  }
  return NULL;
}

static chn_status take_types(struct making *m, struct chn_err *err)
{
  const struct codec_json *given = codec_json_get(m->table, "columns");
  for (int32_t i = 0; given != NULL && i < given->n; i++) {
    const char *name = given->members[i].key;
    struct trial_column *c = find_column(m, name);
    if (c == NULL) {
      c = &m->columns[m->n_columns++];
      c->name = name;
    }
    if (read_type(m->r->t, m->r->a, given->members[i].value.text, &c->type, err) != CHN_OK) {
      return chn_wrap(err, "column %s", name);
    }
  }
  for (int32_t i = 0; i < m->n_columns; i++) {
    struct trial_column *c = &m->columns[i];
    for (int32_t k = 0; k < m->uses.n_instants; k++) {
      c->instant = c->instant || strcmp(c->name, m->uses.instants[k]) == 0;
    }
    if (c->instant && c->type == NULL) {
      c->type = "BIGINT";
    }
    c->instant = c->type != NULL && strcmp(c->type, "BIGINT") == 0;
  }
  return CHN_OK;
}

/// The day of an instant, or NULL.
static const char *day_of(struct arena *a, const struct codec_json *v)
{
  struct chn_err ignored;
  char ds[CHN_DS_SIZE];
  int64_t ms = 0;
  if (v != NULL && v->kind == CODEC_JSON_INT) {
    ms = v->as.integer;
  } else if (v == NULL || v->kind != CODEC_JSON_STRING ||
             chn_ms_of_text(v->text, &ms, &ignored) != CHN_OK) {
    return NULL;
  }
  return arena_strdup(a, chn_ds_of_day(chn_day_of_ms(ms), ds));
}

static void add_day(struct making *m, struct codec_json *row, const char *partition, const char *ds)
{
  struct codec_json_member *members = arena_calloc(m->r->a, (size_t)row->n + 1, sizeof *members);
  int32_t n = 0;
  for (int32_t i = 0; i < row->n; i++) { // a null of the column goes
    if (strcmp(row->members[i].key, partition) != 0) {
      members[n++] = row->members[i];
    }
  }
  members[n++] = (struct codec_json_member){
    partition, { .kind = CODEC_JSON_STRING, .text = ds, .text_len = strlen(ds) }
  };
  row->members = members;
  row->n = n;
}

/// Gives every row its partition: its own, the table's `ds`, else the day of its instant.
static chn_status fill_days(struct making *m, const char *partition, struct chn_err *err)
{
  const char *all = trial_text(m->table, "ds");
  const char *from = m->uses.day_of != NULL ? m->uses.day_of : m->uses.snapshot ? NULL : "ts";
  for (int32_t i = 0; i < m->n_rows; i++) {
    const struct codec_json *own = codec_json_get(&m->rows[i], partition);
    const char *ds = all;
    int32_t day;
    if (own != NULL && own->kind != CODEC_JSON_NULL) {
      ds = own->kind == CODEC_JSON_STRING ? own->text : "";
    } else if (ds == NULL) {
      ds = from != NULL ? day_of(m->r->a, codec_json_get(&m->rows[i], from)) : NULL;
    }
    if (ds == NULL) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "row %d has no `%s`, the day of its partition, and %s: give it one, or the "
                      "table, { ds = \"2024-01-03\" }",
                      (int)i + 1, partition,
                      m->uses.snapshot ? "rows of a snapshot have no other"
                                       : "no instant tells it");
    }
    if (chn_day_of_ds(ds, &day, err) != CHN_OK) {
      return chn_wrap(err, "row %d: %s", (int)i + 1, partition);
    }
    if (own == NULL || own->kind != CODEC_JSON_STRING) {
      add_day(m, &m->rows[i], partition, ds);
    }
  }
  return CHN_OK;
}

/// Whether the table has days at all: where nobody reads it as a source, only if the rows say so.
static const char *partition_of(struct making *m)
{
  if (m->uses.partition != NULL) {
    return m->uses.partition;
  }
  const bool told = find_column(m, "ds") != NULL || trial_text(m->table, "ds") != NULL;
  bool instants = m->n_rows > 0;
  for (int32_t i = 0; i < m->n_rows; i++) {
    instants = instants && day_of(m->r->a, codec_json_get(&m->rows[i], "ts")) != NULL;
  }
  return told || instants ? "ds" : NULL;
}

static chn_status make_table(struct making *m, struct chn_err *err)
{
  struct arena *a = m->r->a;
  const struct codec_json *rows = codec_json_get(m->table, "rows");
  const struct codec_json *given = codec_json_get(m->table, "columns");
  const int32_t extra = given != NULL ? given->n : 0;
  m->n_rows = rows->n;
  m->rows = arena_calloc(a, (size_t)rows->n + 1, sizeof *m->rows);
  for (int32_t i = 0; i < rows->n; i++) {
    m->rows[i] = rows->members[i].value;
  }
  trial_uses(m->r, m->name, &m->uses);
  m->columns = trial_columns(a, m->rows, m->n_rows, extra + 1, &m->n_columns);
  const char *partition = partition_of(m);
  if (partition != NULL && fill_days(m, partition, err) != CHN_OK) {
    return err->code;
  }
  m->columns = trial_columns(a, m->rows, m->n_rows, extra + 1, &m->n_columns);
  if (take_types(m, err) != CHN_OK) {
    return err->code;
  }
  struct trial_column *day = partition != NULL ? find_column(m, partition) : NULL;
  if (partition != NULL && day == NULL) {
    day = &m->columns[m->n_columns++];
    day->name = partition;
  }
  if (day != NULL) {
    *day = (struct trial_column){ day->name, "VARCHAR", false };
  }
  return trial_write(m->r->t, a, m->name, m->columns, m->n_columns, m->rows, m->n_rows, partition,
                     err);
}

bool trial_tables(struct trial_run *r)
{
  const struct codec_json *tables = codec_json_get(r->test, "tables");
  const char **names = arena_calloc(r->a, (size_t)tables->n + 1, sizeof *names);
  bool made = true;
  for (int32_t i = 0; i < tables->n; i++) {
    struct making m = { .r = r, .table = &tables->members[i].value };
    struct chn_err err;
    names[i] = m.name = trial_text(m.table, "name");
    r->fixtures = names;
    r->n_fixtures = i + 1;
    if (strpbrk(m.name, "/'\"\\ ") != NULL || m.name[0] == '.' || m.name[0] == '_') {
      trial_fail_text(r, trial_text(m.table, "where"), "\"%s\" is no name of a table", m.name);
      made = false;
    } else if (make_table(&m, &err) != CHN_OK) {
      trial_fail_text(r, trial_text(m.table, "where"), "%s: %s", m.name, err.msg);
      made = false;
    }
  }
  return made;
}

void trial_clean(struct trial_run *r, bool all)
{
  struct arena a = { 0 };
  const struct fs_list spaces = fs_names(&a, r->t->root, false);
  struct chn_err ignored;
  for (size_t i = 0; i < spaces.n; i++) {
    const struct fs_list tables =
        fs_names(&a, arena_printf(&a, "%s/%s", r->t->root, spaces.at[i]), false);
    for (size_t k = 0; k < tables.n; k++) {
      const char *name = arena_printf(&a, "%s.%s", spaces.at[i], tables.at[k]);
      bool keep = false;
      for (int32_t f = 0; f < r->n_fixtures && !all; f++) {
        keep = keep || strcmp(name, r->fixtures[f]) == 0;
      }
      if (!keep) {
        wh_table_drop(r->t->wh, name, &ignored);
      }
    }
  }
  arena_deinit(&a);
}
