// What an analysis tells: lists that grow by doubling, so that nothing is ever left out.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "batch/analyze.h"
#include "batch/output.h"
#include "model/names.h"

/// Room for one more than n items: whenever n is a power of two, twice as much.
static void *room_for(struct arena *a, void *items, int32_t n, size_t size)
{
  if (n > 0 && (n & (n - 1)) != 0) {
    return items;
  }
  void *more = arena_alloc(a, (n > 0 ? 2 * (size_t)n : 1) * size);
  if (n > 0) {
    memcpy(more, items, (size_t)n * size);
  }
  return more;
}

void features_add(struct arena *a, struct features *list, struct feature f)
{
  list->at = room_for(a, list->at, list->n, sizeof *list->at);
  list->at[list->n++] = f;
}

void analysis_problem(struct analysis *w, const char *what, const struct chn_err *err)
{
  struct batch_analysis *out = w->out;
  w->code = out->n_problems == 0 ? err->code : w->code;
  out->problems = room_for(&out->arena, out->problems, out->n_problems, sizeof *out->problems);
  out->problems[out->n_problems++] = arena_printf(&out->arena, "%s: %s", what, err->msg);
}

void analysis_warn(struct analysis *w, const char *what, const char *fmt, ...)
{
  struct batch_analysis *out = w->out;
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  out->warnings = room_for(&out->arena, out->warnings, out->n_warnings, sizeof *out->warnings);
  out->warnings[out->n_warnings++] = arena_printf(&out->arena, "%s: %s", what, text);
}

// ---- columns ----------------------------------------------------------------------------------

/// Chronon's name of a type. A struct is called after the path to it: `<Column>Struct`.
static void print_chronon_type(struct chn_buf *out, const struct row_type *t, const char *path,
                               struct arena *a)
{
  static const char *const names[] = { "bool",   "byte",   "short",  "int",  "long",     "float",
                                       "double", "string", "binary", "date", "timestamp" };
  switch (t->kind) {
  case ROW_LIST:
    chn_buf_adds(out, "list_");
    print_chronon_type(out, t->fields[0].type, arena_printf(a, "%sElement", path), a);
    break;
  case ROW_MAP:
    chn_buf_adds(out, "map_");
    print_chronon_type(out, t->fields[0].type, arena_printf(a, "%sKey", path), a);
    chn_buf_addc(out, '_');
    print_chronon_type(out, t->fields[1].type, arena_printf(a, "%sValue", path), a);
    break;
  case ROW_STRUCT:
    if (t->name != NULL) {
      chn_buf_addf(out, "struct_%s", t->name);
    } else {
      chn_buf_addf(out, "struct_%c%sStruct", toupper((unsigned char)path[0]), path + 1);
    }
    break;
  case ROW_OTHER: chn_buf_adds(out, "unknown_type"); break;
  default: chn_buf_adds(out, names[t->kind]);
  }
}

static const char *kept(struct arena *a, const char *text)
{
  return text != NULL ? arena_strdup(a, text) : NULL;
}

void analysis_column(struct analysis *w, const char *role, const char *part,
                     const struct feature *f)
{
  struct batch_analysis *out = w->out;
  struct arena *a = &out->arena;
  struct chn_buf spark = { 0 };
  struct chn_buf chronon = { 0 };
  if (f->type != NULL) {
    row_type_print(&spark, f->type);
    print_chronon_type(&chronon, f->type, f->name[0] != '\0' ? f->name : "_", w->job->arena);
  }
  out->columns = room_for(a, out->columns, out->n_columns, sizeof *out->columns);
  out->columns[out->n_columns++] = (struct batch_column){
    .role = role,
    .part = kept(a, part),
    .name = arena_strdup(a, f->name),
    .type = f->type != NULL ? arena_strdup(a, chn_buf_str(&spark)) : "unknown",
    .chronon_type = f->type != NULL ? arena_strdup(a, chn_buf_str(&chronon)) : "unknown_type",
    .operation = kept(a, f->operation),
    .window = kept(a, f->window),
    .input = kept(a, f->input),
    .group_by = kept(a, f->group_by),
  };
  chn_buf_deinit(&spark);
  chn_buf_deinit(&chronon);
}

void analysis_schema(struct analysis *w, const char *role, const char *part,
                     const struct row_schema *schema)
{
  for (int32_t i = 0; i < schema->n_fields; i++) {
    const struct feature f = { .name = schema->fields[i].name, .type = schema->fields[i].type };
    analysis_column(w, role, part, &f);
  }
}

// ---- the schema table -------------------------------------------------------------------------

/// A list of structs (name, data_type) of the definition's own columns in a role.
static void add_fields(struct analysis *w, const char *role, struct chn_buf *sql)
{
  struct arena *a = w->job->arena;
  const char *comma = "";
  chn_buf_adds(sql, "CAST([");
  for (int32_t i = 0; i < w->out->n_columns; i++) {
    const struct batch_column *c = &w->out->columns[i];
    if (strcmp(c->role, role) == 0 && c->part == NULL) {
      chn_buf_addf(sql, "%s{'name': %s, 'data_type': %s}", comma, wh_quote_string(a, c->name),
                   wh_quote_string(a, c->type));
      comma = ", ";
    }
  }
  chn_buf_addf(sql, "] AS STRUCT(\"name\" VARCHAR, data_type VARCHAR)[]) AS %s_schema",
               strcmp(role, "key") == 0 ? "key" : "value");
}

chn_status analysis_export(struct analysis *w, const struct model_meta_data *m, struct chn_err *err)
{
  const struct output output = { .table = model_table(w->job->arena, m, "_schema"),
                                 .type = "schema",
                                 .meta_data = m,
                                 .auto_expand = true };
  struct chn_buf sql = { 0 };
  char ds[CHN_DS_SIZE];
  chn_buf_adds(&sql, "SELECT ");
  add_fields(w, "key", &sql);
  chn_buf_adds(&sql, ", ");
  add_fields(w, "output", &sql);
  chn_buf_addf(&sql, ", '%s' AS ds", chn_ds_of_day(w->range.last, ds));
  struct wh_writer *writer = NULL;
  struct wh_written written = { 0 };
  chn_status status = output_begin(w->job, &output, &writer, err);
  if (status == CHN_OK) {
    status = wh_write_select(writer, chn_buf_str(&sql), err);
    if (status == CHN_OK) {
      status = wh_write_commit(writer, &written, err);
    } else {
      wh_write_abort(writer);
    }
  }
  chn_buf_deinit(&sql);
  w->out->schema_table = status == CHN_OK ? arena_strdup(&w->out->arena, output.table) : NULL;
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "schema table %s", output.table);
}
