// typeof and to_json: what looks at the type of its argument, whatever it is.
#include "warehouse/sql_exec_int.h"
#include <math.h>
#include <string.h>

static const char *scalar_name(duckdb_type type)
{
  switch (type) {
  case DUCKDB_TYPE_SQLNULL: return "void";
  case DUCKDB_TYPE_BOOLEAN: return "boolean";
  case DUCKDB_TYPE_TINYINT: return "tinyint";
  case DUCKDB_TYPE_SMALLINT: return "smallint";
  case DUCKDB_TYPE_INTEGER: return "int";
  case DUCKDB_TYPE_BIGINT: return "bigint";
  case DUCKDB_TYPE_FLOAT: return "float";
  case DUCKDB_TYPE_DOUBLE: return "double";
  case DUCKDB_TYPE_VARCHAR: return "string";
  case DUCKDB_TYPE_BLOB: return "binary";
  case DUCKDB_TYPE_DATE: return "date";
  case DUCKDB_TYPE_TIMESTAMP_TZ: return "timestamp";
  case DUCKDB_TYPE_TIMESTAMP: return "timestamp_ntz";
  case DUCKDB_TYPE_INTERVAL: return "interval";
  default: return "unknown";
  }
}

static void print_type(struct chn_buf *b, duckdb_logical_type t);

static void print_child(struct chn_buf *b, duckdb_logical_type child)
{
  print_type(b, child);
  duckdb_destroy_logical_type(&child);
}

static void print_struct_type(struct chn_buf *b, duckdb_logical_type t)
{
  const idx_t n = duckdb_struct_type_child_count(t);
  chn_buf_adds(b, "struct<");
  for (idx_t i = 0; i < n; i++) {
    char *name = duckdb_struct_type_child_name(t, i);
    chn_buf_addf(b, "%s%s:", i ? "," : "", name);
    duckdb_free(name);
    print_child(b, duckdb_struct_type_child_type(t, i));
  }
  chn_buf_addc(b, '>');
}

static void print_type(struct chn_buf *b, duckdb_logical_type t)
{
  const duckdb_type id = duckdb_get_type_id(t);
  if (id == DUCKDB_TYPE_LIST) {
    chn_buf_adds(b, "array<");
    print_child(b, duckdb_list_type_child_type(t));
    chn_buf_addc(b, '>');
  } else if (id == DUCKDB_TYPE_MAP) {
    chn_buf_adds(b, "map<");
    print_child(b, duckdb_map_type_key_type(t));
    chn_buf_addc(b, ',');
    print_child(b, duckdb_map_type_value_type(t));
    chn_buf_addc(b, '>');
  } else if (id == DUCKDB_TYPE_STRUCT) {
    print_struct_type(b, t);
  } else if (id == DUCKDB_TYPE_DECIMAL) {
    chn_buf_addf(b, "decimal(%d,%d)", duckdb_decimal_width(t), duckdb_decimal_scale(t));
  } else {
    chn_buf_adds(b, scalar_name(id));
  }
}

static void run_typeof(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct chn_buf b = { 0 };
  duckdb_logical_type t = duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(in, 0));
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  print_type(&b, t);
  duckdb_destroy_logical_type(&t);
  for (idx_t i = 0; i < n; i++) {
    sp_set_text(out, i, chn_buf_str(&b), b.len);
  }
  chn_buf_deinit(&b);
}

// ---- to_json ----------------------------------------------------------------------------------

static void json(struct chn_buf *b, const struct sp_reader *r, idx_t i);

static void json_text(struct chn_buf *b, const char *s, size_t len)
{
  static const char from[] = "\"\\\n\r\t\b\f";
  static const char to[] = "\"\\nrtbf";
  chn_buf_addc(b, '"');
  for (size_t i = 0; i < len; i++) {
    const char *hit = s[i] ? strchr(from, s[i]) : NULL;
    if (hit) {
      chn_buf_addf(b, "\\%c", to[hit - from]);
    } else if ((unsigned char)s[i] < 0x20) {
      chn_buf_addf(b, "\\u%04X", s[i]);
    } else {
      chn_buf_addc(b, s[i]);
    }
  }
  chn_buf_addc(b, '"');
}

static void json_list(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  struct sp_reader kid;
  const duckdb_list_entry e = ((const duckdb_list_entry *)r->data)[i];
  sp_open(&kid, duckdb_list_vector_get_child(r->vector));
  chn_buf_addc(b, '[');
  for (idx_t k = 0; k < e.length; k++) {
    chn_buf_adds(b, k ? "," : "");
    json(b, &kid, e.offset + k);
  }
  chn_buf_addc(b, ']');
}

static void json_map(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  struct sp_reader key;
  struct sp_reader value;
  struct chn_buf name = { 0 };
  const duckdb_list_entry e = ((const duckdb_list_entry *)r->data)[i];
  const duckdb_vector entries = duckdb_list_vector_get_child(r->vector);
  sp_open(&key, duckdb_struct_vector_get_child(entries, 0));
  sp_open(&value, duckdb_struct_vector_get_child(entries, 1));
  chn_buf_addc(b, '{');
  for (idx_t k = 0; k < e.length; k++) {
    chn_buf_clear(&name);
    sp_print(&name, &key, e.offset + k);
    chn_buf_adds(b, k ? "," : "");
    json_text(b, chn_buf_str(&name), name.len);
    chn_buf_addc(b, ':');
    json(b, &value, e.offset + k);
  }
  chn_buf_addc(b, '}');
  chn_buf_deinit(&name);
}

// Fields that are NULL are left out.
static void json_struct(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  duckdb_logical_type t = duckdb_vector_get_column_type(r->vector);
  const idx_t n = duckdb_struct_type_child_count(t);
  bool first = true;
  chn_buf_addc(b, '{');
  for (idx_t k = 0; k < n; k++) {
    struct sp_reader kid;
    sp_open(&kid, duckdb_struct_vector_get_child(r->vector, k));
    if (sp_is_null(&kid, i)) {
      continue;
    }
    char *name = duckdb_struct_type_child_name(t, k);
    chn_buf_adds(b, first ? "" : ",");
    json_text(b, name, strlen(name));
    chn_buf_addc(b, ':');
    json(b, &kid, i);
    duckdb_free(name);
    first = false;
  }
  chn_buf_addc(b, '}');
  duckdb_destroy_logical_type(&t);
}

static void json_time(struct chn_buf *b, int64_t micros)
{
  char text[SP_MAX_NUMBER];
  const int64_t days = sp_floor_div(micros, 86400000000);
  const int64_t rest = sp_floor_mod(micros, 86400000000);
  chn_buf_addc(b, '"');
  chn_buf_add(b, text, sp_date_text(days, text));
  chn_buf_addf(b, "T%02d:%02d:%02d.%03dZ\"", (int)(rest / 3600000000), (int)(rest / 60000000 % 60),
               (int)(rest / 1000000 % 60), (int)(rest / 1000 % 1000));
}

static void json(struct chn_buf *b, const struct sp_reader *r, idx_t i)
{
  const struct sp_value v = sp_get(r, i);
  const bool finite = (v.kind != SP_DOUBLE && v.kind != SP_FLOAT) || isfinite(v.d);
  if (v.kind == SP_NESTED) {
    if (r->type == DUCKDB_TYPE_LIST) {
      json_list(b, r, i);
    } else if (r->type == DUCKDB_TYPE_MAP) {
      json_map(b, r, i);
    } else {
      json_struct(b, r, i);
    }
  } else if (v.kind == SP_STRING) {
    json_text(b, v.s, v.len);
  } else if (v.kind == SP_TIME) {
    json_time(b, v.i);
  } else if (v.kind == SP_DATE || !finite) {
    chn_buf_addc(b, '"');
    sp_print(b, r, i);
    chn_buf_addc(b, '"');
  } else {
    sp_print(b, r, i);
  }
}

static void run_to_json(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  sp_print_rows(info, &r, duckdb_data_chunk_get_size(in), out, json);
}

// sp_size(x): elements of a list, entries of a map; -1 for NULL
static void run_size(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  const bool list = r.type == DUCKDB_TYPE_LIST || r.type == DUCKDB_TYPE_MAP;
  if (!list && r.type != DUCKDB_TYPE_SQLNULL) {
    duckdb_scalar_function_set_error(info, "size takes an array or a map");
    return;
  }
  for (idx_t i = 0; i < n; i++) {
    z[i] = sp_is_null(&r, i) ? -1 : (int32_t)((const duckdb_list_entry *)r.data)[i].length;
  }
}

// sp_index(k, is_list): what x[k] of Spark is in DuckDB's x[...]. Arrays count from 0 there and
// from 1 here, and a negative position is NULL (0 here); keys of maps stay as they are.
static void run_index_int(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int32_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const bool *list = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = !list[i] ? x[i] : x[i] < 0 || x[i] == INT32_MAX ? 0 : x[i] + 1;
  }
}

static void run_index_long(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  const int64_t *x = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 0));
  const bool *list = duckdb_vector_get_data(duckdb_data_chunk_get_vector(in, 1));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    z[i] = !list[i] ? x[i] : x[i] < 0 || x[i] == INT64_MAX ? 0 : x[i] + 1;
  }
}

static void run_keep(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  (void)info;
  duckdb_vector_reference_vector(out, duckdb_data_chunk_get_vector(in, 0));
}

#define KEY(type)                                                                                  \
  {                                                                                                \
    "sp_index", run_keep, type, { type, DUCKDB_TYPE_BOOLEAN }, false, NULL                         \
  }

static const struct sp_overload overloads[] = {
  { "sp_size", run_size, DUCKDB_TYPE_INTEGER, { DUCKDB_TYPE_ANY }, false, NULL },
  { "sp_index",
    run_index_int,
    DUCKDB_TYPE_INTEGER,
    { DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_BOOLEAN },
    false,
    NULL },
  { "sp_index",
    run_index_long,
    DUCKDB_TYPE_BIGINT,
    { DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_BOOLEAN },
    false,
    NULL },
  KEY(DUCKDB_TYPE_VARCHAR),
  KEY(DUCKDB_TYPE_DOUBLE),
  KEY(DUCKDB_TYPE_BOOLEAN),
  KEY(DUCKDB_TYPE_DATE),
  KEY(DUCKDB_TYPE_TIMESTAMP_TZ),
  { "sp_typeof", run_typeof, DUCKDB_TYPE_VARCHAR, { DUCKDB_TYPE_ANY }, false, NULL },
  { "sp_to_json", run_to_json, DUCKDB_TYPE_VARCHAR, { DUCKDB_TYPE_ANY }, false, NULL },
};

chn_status sp_install_type(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
