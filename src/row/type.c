#include "row/type.h"

#include <string.h>

const struct row_type *row_scalar(enum row_kind kind)
{
  static const struct row_type scalars[] = {
    { .kind = ROW_BOOLEAN }, { .kind = ROW_BYTE },      { .kind = ROW_SHORT },
    { .kind = ROW_INT },     { .kind = ROW_LONG },      { .kind = ROW_FLOAT },
    { .kind = ROW_DOUBLE },  { .kind = ROW_STRING },    { .kind = ROW_BINARY },
    { .kind = ROW_DATE },    { .kind = ROW_TIMESTAMP },
  };
  return &scalars[kind];
}

static const struct row_type *compound(struct arena *a, enum row_kind kind, const char *name,
                                       const struct row_field *fields, int32_t n)
{
  struct row_field *copy = arena_alloc(a, (size_t)n * sizeof *copy);
  for (int32_t i = 0; i < n; i++) {
    copy[i] = (struct row_field){ arena_strdup(a, fields[i].name), fields[i].type };
  }
  struct row_type *t = arena_alloc(a, sizeof *t);
  *t = (struct row_type){ kind, name ? arena_strdup(a, name) : NULL, copy, n };
  return t;
}

const struct row_type *row_list_of(struct arena *a, const struct row_type *elem)
{
  return compound(a, ROW_LIST, NULL, &(struct row_field){ "elem", elem }, 1);
}

const struct row_type *row_map_of(struct arena *a, const struct row_type *key,
                                  const struct row_type *value)
{
  return compound(a, ROW_MAP, NULL,
                  (const struct row_field[]){ { "key", key }, { "value", value } }, 2);
}

const struct row_type *row_struct_of(struct arena *a, const char *name,
                                     const struct row_field *fields, int32_t n)
{
  return compound(a, ROW_STRUCT, name, fields, n);
}

bool row_type_equal(const struct row_type *x, const struct row_type *y)
{
  if (x == y) {
    return true;
  }
  if (x->kind != y->kind || x->n_fields != y->n_fields) {
    return false;
  }
  if (x->kind == ROW_OTHER) {
    return x->name != NULL && y->name != NULL && strcmp(x->name, y->name) == 0;
  }
  for (int32_t i = 0; i < x->n_fields; i++) {
    if (x->kind == ROW_STRUCT && strcmp(x->fields[i].name, y->fields[i].name) != 0) {
      return false;
    }
    if (!row_type_equal(x->fields[i].type, y->fields[i].type)) {
      return false;
    }
  }
  return true;
}

bool row_kind_is_numeric(enum row_kind kind)
{
  return kind >= ROW_BYTE && kind <= ROW_DOUBLE;
}

size_t row_kind_width(enum row_kind kind)
{
  switch (kind) {
  case ROW_BOOLEAN:
  case ROW_BYTE: return 1;
  case ROW_SHORT: return 2;
  case ROW_INT:
  case ROW_FLOAT:
  case ROW_DATE: return 4;
  case ROW_LONG:
  case ROW_DOUBLE:
  case ROW_TIMESTAMP: return 8;
  case ROW_STRING:
  case ROW_BINARY:
  case ROW_LIST:
  case ROW_MAP: return 16;
  case ROW_STRUCT:
  case ROW_OTHER: return 0;
  }
  return 0;
}

void row_type_print(struct chn_buf *out, const struct row_type *t)
{
  static const char *const names[] = { "boolean", "tinyint", "smallint", "int",
                                       "bigint",  "float",   "double",   "string",
                                       "binary",  "date",    "timestamp" };
  switch (t->kind) {
  case ROW_LIST:
    chn_buf_adds(out, "array<");
    row_type_print(out, t->fields[0].type);
    break;
  case ROW_MAP:
    chn_buf_adds(out, "map<");
    row_type_print(out, t->fields[0].type);
    chn_buf_addc(out, ',');
    row_type_print(out, t->fields[1].type);
    break;
  case ROW_STRUCT:
    chn_buf_adds(out, "struct<");
    for (int32_t i = 0; i < t->n_fields; i++) {
      chn_buf_addf(out, "%s%s:", i > 0 ? "," : "", t->fields[i].name);
      row_type_print(out, t->fields[i].type);
    }
    break;
  case ROW_OTHER: chn_buf_adds(out, t->name ? t->name : "unknown"); return;
  default: chn_buf_adds(out, names[t->kind]); return;
  }
  chn_buf_addc(out, '>');
}

int32_t row_schema_find(const struct row_schema *s, const char *name)
{
  for (int32_t i = 0; i < s->n_fields; i++) {
    if (strcmp(s->fields[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}

static const struct row_type *copy_type(struct arena *a, const struct row_type *t)
{
  const struct row_schema of = { t->fields, t->n_fields };
  struct row_type *copy = arena_calloc(a, 1, sizeof *copy);
  *copy = (struct row_type){ .kind = t->kind,
                             .name = t->name != NULL ? arena_strdup(a, t->name) : NULL,
                             .fields = row_schema_copy(a, &of).fields,
                             .n_fields = t->n_fields };
  return copy;
}

struct row_schema row_schema_copy(struct arena *a, const struct row_schema *s)
{
  struct row_field *fields = arena_calloc(a, (size_t)s->n_fields + 1, sizeof *fields);
  for (int32_t i = 0; i < s->n_fields; i++) {
    fields[i].name = arena_strdup(a, s->fields[i].name);
    fields[i].type = copy_type(a, s->fields[i].type);
  }
  return (struct row_schema){ fields, s->n_fields };
}
