#include "batch/assembly.h"

#include <string.h>

#include "batch/derive.h"
#include "model/names.h"

bool assembly_is_left_key(const struct part_list *parts, const char *column)
{
  for (int32_t i = 0; i < parts->n; i++) {
    const struct model_join_part *p = parts->defs[i];
    for (int32_t k = 0; k < p->group_by->n_key_columns; k++) {
      const char *left =
          model_left_key(p->key_mapping, p->n_key_mapping, p->group_by->key_columns[k]);
      if (strcmp(left, column) == 0) {
        return true;
      }
    }
  }
  return false;
}

static bool is_left_column(const struct assembly *s, const char *name)
{
  return row_schema_find(s->columns, name) >= 0;
}

// ---- values -----------------------------------------------------------------------------------

static chn_status add_value(struct assembly *s, const char *name, const char *sql, int32_t part,
                            struct chn_err *err)
{
  for (int32_t v = 0; v < s->n_values; v++) {
    if (strcmp(s->names[v], name) == 0) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "two parts give the column \"%s\"; set a prefix on one of them", name);
    }
  }
  s->names[s->n_values] = name;
  s->values[s->n_values++] = (struct assembly_value){ sql, part };
  return CHN_OK;
}

static chn_status add_part(struct assembly *s, int32_t i, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct part *p = &s->parts[i];
  for (int32_t c = 0; c < p->n; c++) {
    const char *name = arena_printf(a, "%s_%s", p->prefix, p->names[c]);
    const char *sql = p->cols != NULL  ? arena_printf(a, "l.%s", wh_quote_name(a, name))
                      : p->sql != NULL ? arena_printf(a, "p%d.%s", i, wh_quote_name(a, p->names[c]))
                                       : "NULL";
    chn_status status = add_value(s, name, sql, i, err);
    if (status != CHN_OK) {
      return status;
    }
    if (p->cols != NULL) {
      s->extras[s->n_extras++] = (struct wh_extra){ name, p->cols[c], p->index };
    }
  }
  return CHN_OK;
}

/// DuckDB's name of a TDataType.
static void add_type(struct chn_buf *out, const struct model_data_type *t, struct arena *a)
{
  static const char *const names[] = { "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER",
                                       "BIGINT",  "FLOAT",   "DOUBLE",   "VARCHAR",
                                       "BLOB",    "DATE",    "TIMESTAMP" };
  switch (t->kind) {
  case ROW_LIST:
    add_type(out, t->params[0].data_type, a);
    chn_buf_adds(out, "[]");
    break;
  case ROW_MAP:
    chn_buf_adds(out, "MAP(");
    add_type(out, t->params[0].data_type, a);
    chn_buf_adds(out, ", ");
    add_type(out, t->params[1].data_type, a);
    chn_buf_addc(out, ')');
    break;
  case ROW_STRUCT:
    chn_buf_adds(out, "STRUCT(");
    for (int32_t i = 0; i < t->n_params; i++) {
      chn_buf_addf(out, "%s%s ", i > 0 ? ", " : "", wh_quote_name(a, t->params[i].name));
      add_type(out, t->params[i].data_type, a);
    }
    chn_buf_addc(out, ')');
    break;
  default: chn_buf_adds(out, t->kind >= 0 && t->kind <= 10 ? names[t->kind] : "VARCHAR");
  }
}

/// An external source has no values offline: typed NULLs, which a bootstrap may fill. The
/// contextual one echoes the left columns that it names.
static chn_status add_external(struct assembly *s, const struct model_external_part *p,
                               struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_data_type *schema =
      p->source->offline_group_by == NULL ? p->source->value_schema : NULL;
  for (int32_t i = 0; schema != NULL && i < schema->n_params; i++) {
    const struct model_data_field *f = &schema->params[i];
    struct chn_buf type = { 0 };
    add_type(&type, f->data_type, a);
    const char *from = model_external_is_contextual(p) && is_left_column(s, f->name)
                           ? arena_printf(a, "l.%s", wh_quote_name(a, f->name))
                           : "NULL";
    const char *sql = arena_printf(a, "CAST(%s AS %s)", from, chn_buf_str(&type));
    chn_buf_deinit(&type);
    chn_status status = add_value(s, model_external_column(a, p, f->name), sql, -1, err);
    if (status != CHN_OK) {
      return status;
    }
  }
  return CHN_OK;
}

chn_status assembly_init(struct assembly *s, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_join *j = s->join;
  size_t total = 1;
  for (int32_t i = 0; i < s->n_parts; i++) {
    total += (size_t)s->parts[i].n;
  }
  for (int32_t i = 0; i < j->n_online_external_parts; i++) {
    const struct model_data_type *t = j->online_external_parts[i].source->value_schema;
    total += t != NULL ? (size_t)t->n_params : 0;
  }
  s->values = arena_alloc(a, total * sizeof *s->values);
  s->names = arena_alloc(a, total * sizeof *s->names);
  s->extras = arena_alloc(a, total * sizeof *s->extras);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < s->n_parts && status == CHN_OK; i++) {
    status = add_part(s, i, err);
  }
  for (int32_t i = 0; i < j->n_online_external_parts && status == CHN_OK; i++) {
    status = add_external(s, &j->online_external_parts[i], err);
  }
  if (s->left == NULL) {
    return status;
  }
  s->from = "wh_frame('join')";
  s->snapshot_ds = (struct row_col){ .type = row_scalar(ROW_STRING),
                                     .data = s->left->snapshot_ds,
                                     .count = s->left->n };
  s->extras[s->n_extras++] = (struct wh_extra){ "__snapshot_ds", &s->snapshot_ds, NULL };
  return status;
}

// ---- the inner SELECT: base columns under their final names -----------------------------------

/// A computed value under what bootstrap tables say of it.
static void add_base_value(const struct assembly *s, const struct bootstrap *b, int32_t v,
                           struct chn_buf *sql)
{
  struct arena *a = s->job->arena;
  const char *name = s->names[v];
  const struct assembly_value *value = &s->values[v];
  if (!bootstrap_has(b, name)) {
    chn_buf_addf(sql, ", %s AS %s", value->sql, wh_quote_name(a, name));
    return;
  }
  int32_t first = v;
  int32_t n = 1;
  while (value->part >= 0 && first > 0 && s->values[first - 1].part == value->part) {
    first--;
    n++;
  }
  while (value->part >= 0 && first + n < s->n_values && s->values[first + n].part == value->part) {
    n++;
  }
  struct chn_buf covered = { 0 };
  chn_buf_adds(sql, ", ");
  if (bootstrap_covers(b, s->names + first, n, &covered)) {
    chn_buf_addf(sql, "CASE WHEN %s THEN COALESCE(", chn_buf_str(&covered));
    bootstrap_values(b, a, name, sql);
    chn_buf_adds(sql, "NULL) ELSE COALESCE(");
    bootstrap_values(b, a, name, sql);
    chn_buf_addf(sql, "%s) END", value->sql);
  } else {
    chn_buf_adds(sql, "COALESCE(");
    bootstrap_values(b, a, name, sql);
    chn_buf_addf(sql, "%s)", value->sql);
  }
  chn_buf_addf(sql, " AS %s", wh_quote_name(a, name));
  chn_buf_deinit(&covered);
}

/// LEFT JOIN for every part that has none of its columns in the frame.
static void add_joined_parts(const struct assembly *s, struct chn_buf *sql)
{
  struct arena *a = s->job->arena;
  for (int32_t i = 0; i < s->n_parts; i++) {
    const struct part *p = &s->parts[i];
    if (p->sql == NULL) {
      continue;
    }
    chn_buf_addf(sql, " LEFT JOIN (%s) AS p%d ON ", p->sql, i);
    if (p->at_ts) {
      chn_buf_addf(sql, "l.ts = p%d.ts AND l.ds = p%d.ds", i, i);
    } else {
      chn_buf_addf(sql, "l.\"__snapshot_ds\" = p%d.ds", i);
    }
    for (int32_t k = 0; k < p->def->group_by->n_key_columns; k++) {
      const char *left = model_left_key(p->def->key_mapping, p->def->n_key_mapping,
                                        p->def->group_by->key_columns[k]);
      chn_buf_addf(sql, " AND l.%s = p%d.__key_%d", wh_quote_name(a, left), i, k);
    }
  }
}

/// A derivation that a bootstrap gives too is kept beside its base columns under this name.
static const char *bootstrapped_name(struct arena *a, const char *column)
{
  return wh_quote_name(a, arena_printf(a, "__boot_%s", column));
}

static void add_base(const struct assembly *s, const struct bootstrap *b, struct chn_buf *sql)
{
  struct arena *a = s->job->arena;
  const struct row_schema *left = s->columns;
  for (int32_t i = 0; i < left->n_fields; i++) {
    chn_buf_addf(sql, "%sl.%s", i > 0 ? ", " : "SELECT ", wh_quote_name(a, left->fields[i].name));
  }
  for (int32_t v = 0; v < s->n_values; v++) {
    add_base_value(s, b, v, sql);
  }
  for (int32_t i = 0; i < s->join->n_derivations; i++) {
    const char *name = s->join->derivations[i].name;
    if (bootstrap_has(b, name)) {
      chn_buf_adds(sql, ", COALESCE(");
      bootstrap_values(b, a, name, sql);
      chn_buf_addf(sql, "NULL) AS %s", bootstrapped_name(a, name));
    }
  }
  chn_buf_adds(sql, " FROM ");
  chn_buf_addf(sql, "%s AS l", s->from);
  add_joined_parts(s, sql);
  bootstrap_joins(b, a, sql);
}

// ---- the outer SELECT: derivations ------------------------------------------------------------

/// A left column, or where a derivation has its name COALESCE(left, derivation).
static void add_left(const struct assembly *s, struct chn_buf *sql, const char *column,
                     const struct derived *derived, int32_t n)
{
  const char *name = wh_quote_name(s->job->arena, column);
  for (int32_t i = 0; i < n && s->join->n_derivations > 0; i++) {
    if (strcmp(derived[i].name, column) == 0) {
      chn_buf_addf(sql, "COALESCE(l.%s, %s) AS %s, ", name, derived[i].sql, name);
      return;
    }
  }
  chn_buf_addf(sql, "l.%s, ", name);
}

/// Keys, then ts, then the other left columns, each in the declared order.
static void add_left_columns(const struct assembly *s, struct chn_buf *sql,
                             const struct derived *derived, int32_t n)
{
  const struct row_schema *schema = s->columns;
  struct part_list parts;
  part_list_of(s->job->arena, s->join, &parts);
  for (int round = 0; round < 3; round++) {
    for (int32_t i = 0; i < schema->n_fields; i++) {
      const char *name = schema->fields[i].name;
      const bool key = assembly_is_left_key(&parts, name);
      const int own_round = key ? 0 : strcmp(name, "ts") == 0 ? 1 : 2;
      if (own_round == round && strcmp(name, "ds") != 0) {
        add_left(s, sql, name, derived, n);
      }
    }
  }
}

/// The columns that a bootstrap table may have.
static const char **join_fields(const struct assembly *s, int32_t *n)
{
  const struct model_join *j = s->join;
  const char **fields = arena_alloc(
      s->job->arena, ((size_t)s->n_values + (size_t)j->n_derivations + 1) * sizeof *fields);
  *n = 0;
  for (int32_t i = 0; i < s->n_values; i++) {
    fields[(*n)++] = s->names[i];
  }
  for (int32_t i = 0; i < j->n_derivations; i++) {
    fields[(*n)++] = j->derivations[i].name;
  }
  return fields;
}

chn_status assembly_bootstrap(const struct assembly *s, struct bootstrap *out, struct chn_err *err)
{
  int32_t n = 0;
  const char **fields = join_fields(s, &n);
  chn_status status = bootstrap_load(s->job, s->join, s->columns, s->step, fields, n, out, err);
  out->stored = s->stored;
  return status;
}

chn_status assembly_select(struct assembly *s, struct chn_buf *sql, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const struct model_join *j = s->join;
  struct derived *derived = NULL;
  int32_t n = 0;
  struct bootstrap boot;
  chn_status status =
      derive_columns(a, j->derivations, j->n_derivations, s->names, s->n_values, &derived, &n, err);
  if (status == CHN_OK) {
    status = assembly_bootstrap(s, &boot, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  chn_buf_adds(sql, "SELECT ");
  add_left_columns(s, sql, derived, n);
  for (int32_t i = 0; i < n; i++) {
    const char *name = wh_quote_name(a, derived[i].name);
    const bool base = strcmp(derived[i].sql, name) == 0;
    if (is_left_column(s, derived[i].name)) {
      continue;
    }
    if (!base && bootstrap_has(&boot, derived[i].name)) {
      chn_buf_addf(sql, "COALESCE(%s, %s) AS %s, ", bootstrapped_name(a, derived[i].name),
                   derived[i].sql, name);
    } else {
      chn_buf_addf(sql, "%s AS %s, ", derived[i].sql, name);
    }
  }
  chn_buf_adds(sql, "l.ds FROM (");
  add_base(s, &boot, sql);
  chn_buf_adds(sql, ") AS l");
  return CHN_OK;
}
