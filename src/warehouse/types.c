#include "warehouse/wh_int.h"

#include <stdlib.h>
#include <string.h>

/// How a type is named.
enum form {
  AS_IS,
  IN_ROWS, ///< the type that stands in for it in rows and files
  TO_READ, ///< the same, and text for what rows cannot carry
  TO_PARSE ///< the same, and a double for decimals that fit into one
};

static void print_logical(struct chn_buf *out, duckdb_logical_type type, enum form form);

// ---- DuckDB's types to ours -------------------------------------------------------------------

/// The kind whose vectors rows can read as they lie, or ROW_OTHER.
static enum row_kind kind_of(duckdb_type id)
{
  switch (id) {
  case DUCKDB_TYPE_BOOLEAN: return ROW_BOOLEAN;
  case DUCKDB_TYPE_TINYINT: return ROW_BYTE;
  case DUCKDB_TYPE_SMALLINT: return ROW_SHORT;
  case DUCKDB_TYPE_INTEGER: return ROW_INT;
  case DUCKDB_TYPE_BIGINT: return ROW_LONG;
  case DUCKDB_TYPE_FLOAT: return ROW_FLOAT;
  case DUCKDB_TYPE_DOUBLE: return ROW_DOUBLE;
  case DUCKDB_TYPE_VARCHAR: return ROW_STRING;
  case DUCKDB_TYPE_BLOB: return ROW_BINARY;
  case DUCKDB_TYPE_DATE: return ROW_DATE;
  case DUCKDB_TYPE_TIMESTAMP: return ROW_TIMESTAMP;
  case DUCKDB_TYPE_LIST: return ROW_LIST;
  case DUCKDB_TYPE_MAP: return ROW_MAP;
  case DUCKDB_TYPE_STRUCT: return ROW_STRUCT;
  default: return ROW_OTHER;
  }
}

static const struct row_type *type_and_destroy(struct arena *a, duckdb_logical_type type)
{
  const struct row_type *t = wh_type_of(a, type);
  duckdb_destroy_logical_type(&type);
  return t;
}

static const struct row_type *struct_type_of(struct arena *a, duckdb_logical_type type)
{
  const idx_t n = duckdb_struct_type_child_count(type);
  struct row_field *fields = arena_calloc(a, n + 1, sizeof *fields);
  for (idx_t i = 0; i < n; i++) {
    char *name = duckdb_struct_type_child_name(type, i);
    fields[i].name = arena_strdup(a, name);
    fields[i].type = type_and_destroy(a, duckdb_struct_type_child_type(type, i));
    duckdb_free(name);
  }
  return row_struct_of(a, NULL, fields, (int32_t)n);
}

const struct row_type *wh_type_of(struct arena *a, duckdb_logical_type type)
{
  const enum row_kind kind = kind_of(duckdb_get_type_id(type));
  switch (kind) {
  case ROW_LIST: return row_list_of(a, type_and_destroy(a, duckdb_list_type_child_type(type)));
  case ROW_MAP:
    return row_map_of(a, type_and_destroy(a, duckdb_map_type_key_type(type)),
                      type_and_destroy(a, duckdb_map_type_value_type(type)));
  case ROW_STRUCT: return struct_type_of(a, type);
  case ROW_OTHER: {
    struct chn_buf name = { 0 };
    print_logical(&name, type, AS_IS);
    struct row_type *other = arena_calloc(a, 1, sizeof *other);
    other->kind = ROW_OTHER;
    other->name = arena_strdup(a, chn_buf_str(&name));
    chn_buf_deinit(&name);
    return other;
  }
  default: return row_scalar(kind);
  }
}

// ---- names of DuckDB's types ------------------------------------------------------------------

/// Of what is one word. Unsigned integers widen as Spark's do.
static const char *word_of(duckdb_type id, enum form form)
{
  const bool normal = form != AS_IS;
  switch (id) {
  case DUCKDB_TYPE_TIMESTAMP_S: return normal ? "TIMESTAMP" : "TIMESTAMP_S";
  case DUCKDB_TYPE_TIMESTAMP_MS: return normal ? "TIMESTAMP" : "TIMESTAMP_MS";
  case DUCKDB_TYPE_TIMESTAMP_NS: return normal ? "TIMESTAMP" : "TIMESTAMP_NS";
  case DUCKDB_TYPE_TIMESTAMP_TZ: return normal ? "TIMESTAMP" : "TIMESTAMP WITH TIME ZONE";
  case DUCKDB_TYPE_ENUM: return normal ? "VARCHAR" : "ENUM";
  case DUCKDB_TYPE_UUID: return normal ? "VARCHAR" : "UUID";
  case DUCKDB_TYPE_SQLNULL: return normal ? "INTEGER" : "NULL";
  case DUCKDB_TYPE_UTINYINT: return normal ? "SMALLINT" : "UTINYINT";
  case DUCKDB_TYPE_USMALLINT: return normal ? "INTEGER" : "USMALLINT";
  case DUCKDB_TYPE_UINTEGER: return normal ? "BIGINT" : "UINTEGER";
  case DUCKDB_TYPE_UBIGINT: return "UBIGINT";
  case DUCKDB_TYPE_HUGEINT: return "HUGEINT";
  case DUCKDB_TYPE_UHUGEINT: return "UHUGEINT";
  case DUCKDB_TYPE_TIME: return "TIME";
  case DUCKDB_TYPE_TIME_TZ: return "TIME WITH TIME ZONE";
  case DUCKDB_TYPE_TIME_NS: return "TIME_NS";
  case DUCKDB_TYPE_INTERVAL: return "INTERVAL";
  case DUCKDB_TYPE_BIT: return "BIT";
  case DUCKDB_TYPE_BIGNUM: return "BIGNUM";
  case DUCKDB_TYPE_UNION: return "UNION";
  case DUCKDB_TYPE_GEOMETRY: return "GEOMETRY";
  case DUCKDB_TYPE_VARIANT: return "VARIANT";
  default: return "UNKNOWN";
  }
}

static void print_and_destroy(struct chn_buf *out, duckdb_logical_type type, enum form form)
{
  print_logical(out, type, form);
  duckdb_destroy_logical_type(&type);
}

static void print_struct(struct chn_buf *out, duckdb_logical_type type, enum form form)
{
  struct arena a = { 0 };
  chn_buf_adds(out, "STRUCT(");
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); i++) {
    char *name = duckdb_struct_type_child_name(type, i);
    chn_buf_addf(out, "%s%s ", i > 0 ? ", " : "", wh_quote_name(&a, name));
    duckdb_free(name);
    print_and_destroy(out, duckdb_struct_type_child_type(type, i), form);
  }
  chn_buf_addc(out, ')');
  arena_deinit(&a);
}

static void print_decimal(struct chn_buf *out, duckdb_logical_type type, enum form form)
{
  const int width = duckdb_decimal_width(type);
  if (form == TO_PARSE && width <= 15) {
    chn_buf_adds(out, "DOUBLE"); // whose digits it does not exceed
  } else if (form == TO_PARSE || form == TO_READ) {
    chn_buf_adds(out, "VARCHAR");
  } else {
    chn_buf_addf(out, "DECIMAL(%d,%d)", width, duckdb_decimal_scale(type));
  }
}

static void print_logical(struct chn_buf *out, duckdb_logical_type type, enum form form)
{
  const duckdb_type id = duckdb_get_type_id(type);
  switch (id) {
  case DUCKDB_TYPE_LIST:
    print_and_destroy(out, duckdb_list_type_child_type(type), form);
    chn_buf_adds(out, "[]");
    break;
  case DUCKDB_TYPE_ARRAY:
    print_and_destroy(out, duckdb_array_type_child_type(type), form);
    if (form != AS_IS) {
      chn_buf_adds(out, "[]");
    } else {
      chn_buf_addf(out, "[%llu]", (unsigned long long)duckdb_array_type_array_size(type));
    }
    break;
  case DUCKDB_TYPE_MAP:
    chn_buf_adds(out, "MAP(");
    print_and_destroy(out, duckdb_map_type_key_type(type), form);
    chn_buf_adds(out, ", ");
    print_and_destroy(out, duckdb_map_type_value_type(type), form);
    chn_buf_addc(out, ')');
    break;
  case DUCKDB_TYPE_STRUCT: print_struct(out, type, form); break;
  case DUCKDB_TYPE_DECIMAL: print_decimal(out, type, form); break;
  default:
    if (kind_of(id) != ROW_OTHER) {
      wh_type_sql(out, row_scalar(kind_of(id)));
    } else {
      const char *word = word_of(id, form);
      const bool text =
          (form == TO_READ || form == TO_PARSE) && strcmp(word, word_of(id, AS_IS)) == 0;
      chn_buf_adds(out, text ? "VARCHAR" : word);
    }
  }
}

// ---- our types to DuckDB's --------------------------------------------------------------------

void wh_type_sql(struct chn_buf *out, const struct row_type *type)
{
  static const char *const words[] = { "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER",
                                       "BIGINT",  "FLOAT",   "DOUBLE",   "VARCHAR",
                                       "BLOB",    "DATE",    "TIMESTAMP" };
  switch (type->kind) {
  case ROW_LIST:
    wh_type_sql(out, type->fields[0].type);
    chn_buf_adds(out, "[]");
    break;
  case ROW_MAP:
    chn_buf_adds(out, "MAP(");
    wh_type_sql(out, type->fields[0].type);
    chn_buf_adds(out, ", ");
    wh_type_sql(out, type->fields[1].type);
    chn_buf_addc(out, ')');
    break;
  case ROW_STRUCT: {
    struct arena a = { 0 };
    chn_buf_adds(out, "STRUCT(");
    for (int32_t i = 0; i < type->n_fields; i++) {
      chn_buf_addf(out, "%s%s ", i > 0 ? ", " : "", wh_quote_name(&a, type->fields[i].name));
      wh_type_sql(out, type->fields[i].type);
    }
    chn_buf_addc(out, ')');
    arena_deinit(&a);
    break;
  }
  case ROW_OTHER: chn_buf_adds(out, type->name); break;
  default: chn_buf_adds(out, words[type->kind]);
  }
}

static duckdb_logical_type logical_struct(const struct row_type *type)
{
  const size_t n = (size_t)type->n_fields;
  duckdb_logical_type *types = chn_calloc(n + 1, sizeof *types);
  const char **names = chn_calloc(n + 1, sizeof *names);
  for (size_t i = 0; i < n; i++) {
    types[i] = wh_logical_type(type->fields[i].type);
    names[i] = type->fields[i].name;
  }
  duckdb_logical_type out = duckdb_create_struct_type(types, names, n);
  for (size_t i = 0; i < n; i++) {
    duckdb_destroy_logical_type(&types[i]);
  }
  free(types);
  free((void *)names);
  return out;
}

duckdb_logical_type wh_logical_type(const struct row_type *type)
{
  static const duckdb_type ids[] = {
    DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_TINYINT, DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_INTEGER,
    DUCKDB_TYPE_BIGINT,  DUCKDB_TYPE_FLOAT,   DUCKDB_TYPE_DOUBLE,   DUCKDB_TYPE_VARCHAR,
    DUCKDB_TYPE_BLOB,    DUCKDB_TYPE_DATE,    DUCKDB_TYPE_TIMESTAMP
  };
  if (type->kind == ROW_STRUCT) {
    return logical_struct(type);
  }
  if (type->kind != ROW_LIST && type->kind != ROW_MAP) {
    return duckdb_create_logical_type(ids[type->kind]);
  }
  duckdb_logical_type first = wh_logical_type(type->fields[0].type);
  duckdb_logical_type out;
  if (type->kind == ROW_LIST) {
    out = duckdb_create_list_type(first);
  } else {
    duckdb_logical_type value = wh_logical_type(type->fields[1].type);
    out = duckdb_create_map_type(first, value);
    duckdb_destroy_logical_type(&value);
  }
  duckdb_destroy_logical_type(&first);
  return out;
}

// ---- results ----------------------------------------------------------------------------------

/// Wraps *sql so that its columns have the types that `form` names, where they have others;
/// *prepared is the statement of what *sql became.
static chn_status cast_to(duckdb_connection con, struct arena *a, enum form form, const char **sql,
                          struct row_schema *out, duckdb_prepared_statement *prepared,
                          struct chn_err *err)
{
  duckdb_prepared_statement statement;
  chn_status s = wh_prepare(con, *sql, &statement, err);
  if (s != CHN_OK) {
    return s;
  }
  const idx_t n = duckdb_prepared_statement_column_count(statement);
  struct row_field *fields = arena_calloc(a, n + 1, sizeof *fields);
  struct chn_buf select = { 0 };
  struct chn_buf names = { 0 };
  bool casts = false;
  chn_buf_adds(&select, "SELECT ");
  for (idx_t i = 0; i < n; i++) {
    const char *name = duckdb_prepared_statement_column_name(statement, i);
    duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, i);
    struct chn_buf is = { 0 };
    struct chn_buf wanted = { 0 };
    print_logical(&is, type, AS_IS);
    print_logical(&wanted, type, form);
    const bool same = strcmp(chn_buf_str(&is), chn_buf_str(&wanted)) == 0;
    chn_buf_addf(&select, same ? "%sc%llu" : "%sCAST(c%llu AS ", i > 0 ? ", " : "",
                 (unsigned long long)i);
    if (!same) {
      chn_buf_addf(&select, "%s)", chn_buf_str(&wanted));
      casts = true;
    }
    fields[i].name = arena_strdup(a, name);
    fields[i].type = same ? wh_type_of(a, type) : NULL;
    chn_buf_addf(&select, " AS %s", wh_quote_name(a, name));
    chn_buf_addf(&names, "%sc%llu", i > 0 ? ", " : "", (unsigned long long)i);
    duckdb_destroy_logical_type(&type);
    duckdb_free((void *)name);
    chn_buf_deinit(&is);
    chn_buf_deinit(&wanted);
  }
  if (casts) {
    duckdb_destroy_prepare(&statement);
    chn_buf_addf(&select, " FROM (%s) AS t(%s)", *sql, chn_buf_str(&names));
    *sql = arena_strdup(a, chn_buf_str(&select));
    s = cast_to(con, a, form, sql, out, prepared, err);
  } else {
    *out = (struct row_schema){ fields, (int32_t)n };
    *prepared = statement;
  }
  chn_buf_deinit(&select);
  chn_buf_deinit(&names);
  return s;
}

chn_status wh_normalise(duckdb_connection con, struct arena *a, const char **sql,
                        struct row_schema *out, struct chn_err *err)
{
  duckdb_prepared_statement statement = NULL;
  const chn_status s = cast_to(con, a, IN_ROWS, sql, out, &statement, err);
  duckdb_destroy_prepare(&statement);
  return s;
}

chn_status wh_prepare_rows(duckdb_connection con, struct arena *a, const char *sql,
                           struct row_schema *out, duckdb_prepared_statement *prepared,
                           struct chn_err *err)
{
  return cast_to(con, a, IN_ROWS, &sql, out, prepared, err);
}

chn_status wh_readable(struct wh *wh, struct arena *a, bool numbers, const char **sql,
                       struct chn_err *err)
{
  struct row_schema schema;
  duckdb_prepared_statement statement = NULL;
  const enum form form = numbers ? TO_PARSE : TO_READ;
  const chn_status s = cast_to(wh_free_connection(wh), a, form, sql, &schema, &statement, err);
  duckdb_destroy_prepare(&statement);
  return s;
}

chn_status wh_columns(duckdb_connection con, struct arena *a, const char *sql,
                      struct row_schema *out, struct chn_err *err)
{
  duckdb_prepared_statement statement;
  const chn_status s = wh_prepare(con, sql, &statement, err);
  if (s != CHN_OK) {
    return s;
  }
  const idx_t n = duckdb_prepared_statement_column_count(statement);
  struct row_field *fields = arena_calloc(a, n + 1, sizeof *fields);
  for (idx_t i = 0; i < n; i++) {
    const char *name = duckdb_prepared_statement_column_name(statement, i);
    fields[i].name = arena_strdup(a, name);
    fields[i].type =
        type_and_destroy(a, duckdb_prepared_statement_column_logical_type(statement, i));
    duckdb_free((void *)name);
  }
  *out = (struct row_schema){ fields, (int32_t)n };
  duckdb_destroy_prepare(&statement);
  return CHN_OK;
}

// ---- vectors ----------------------------------------------------------------------------------

void wh_col_shape(struct arena *a, const struct row_type *type, struct row_col *out)
{
  *out = (struct row_col){ .type = type };
  if (type->kind == ROW_MAP) {
    struct row_type *entry = arena_calloc(a, 1, sizeof *entry);
    *entry = (struct row_type){ ROW_STRUCT, NULL, type->fields, 2 };
    out->n_child = 1;
    out->child = arena_calloc(a, 1, sizeof *out->child);
    wh_col_shape(a, entry, out->child);
  } else if (type->n_fields > 0) {
    out->n_child = type->n_fields;
    out->child = arena_calloc(a, (size_t)type->n_fields, sizeof *out->child);
    for (int32_t i = 0; i < type->n_fields; i++) {
      wh_col_shape(a, type->fields[i].type, &out->child[i]);
    }
  }
}

void wh_col_fill(struct row_col *col, duckdb_vector vector, size_t count)
{
  col->count = count;
  col->valid = duckdb_vector_get_validity(vector);
  switch (col->type->kind) {
  case ROW_OTHER: col->data = NULL; break;
  case ROW_STRUCT:
    col->data = NULL;
    for (int32_t i = 0; i < col->n_child; i++) {
      wh_col_fill(&col->child[i], duckdb_struct_vector_get_child(vector, (idx_t)i), count);
    }
    break;
  case ROW_LIST:
  case ROW_MAP:
    col->data = duckdb_vector_get_data(vector);
    wh_col_fill(col->child, duckdb_list_vector_get_child(vector),
                duckdb_list_vector_get_size(vector));
    break;
  default: col->data = duckdb_vector_get_data(vector);
  }
}
