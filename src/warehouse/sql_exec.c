// Registration, and reading of vectors of any type.
#include "warehouse/sql.h"
#include "warehouse/sql_exec_int.h"
#include "warehouse/sql_install.h"
#include <string.h>

static duckdb_scalar_function make(const struct sp_overload *row)
{
  duckdb_scalar_function f = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(f, row->name);
  const int max = (int)(sizeof row->args / sizeof *row->args);
  for (int i = 0; i < max && row->args[i] != DUCKDB_TYPE_INVALID; i++) {
    duckdb_logical_type t = duckdb_create_logical_type(row->args[i]);
    if (row->repeats) {
      duckdb_scalar_function_set_varargs(f, t);
    } else {
      duckdb_scalar_function_add_parameter(f, t);
    }
    duckdb_destroy_logical_type(&t);
  }
  duckdb_logical_type result = duckdb_create_logical_type(row->result);
  duckdb_scalar_function_set_return_type(f, result);
  duckdb_destroy_logical_type(&result);
  duckdb_scalar_function_set_function(f, row->run);
  duckdb_scalar_function_set_special_handling(f); // kernels write their own NULLs
  duckdb_scalar_function_set_extra_info(f, (void *)row->extra, NULL);
  return f;
}

chn_status sp_register(duckdb_connection con, const struct sp_overload *rows, size_t n,
                       struct chn_err *err)
{
  for (size_t i = 0; i < n;) {
    duckdb_scalar_function_set set = duckdb_create_scalar_function_set(rows[i].name);
    const char *name = rows[i].name;
    duckdb_state st = DuckDBSuccess;
    for (; i < n && strcmp(rows[i].name, name) == 0; i++) {
      duckdb_scalar_function f = make(&rows[i]);
      st = st == DuckDBSuccess ? duckdb_add_scalar_function_to_set(set, f) : st;
      duckdb_destroy_scalar_function(&f);
    }
    st = st == DuckDBSuccess ? duckdb_register_scalar_function_set(con, set) : st;
    duckdb_destroy_scalar_function_set(&set);
    if (st != DuckDBSuccess) {
      return chn_fail(err, CHN_E_INTERNAL, "DuckDB refuses the function %s", name);
    }
  }
  return CHN_OK;
}

chn_status sql_install(struct _duckdb_connection *con, struct chn_err *err)
{
  chn_status (*const installs[])(duckdb_connection, struct chn_err *) = {
    sp_install_cast, sp_install_arith,   sp_install_math, sp_install_string, sp_install_date,
    sp_install_span, sp_install_pattern, sp_install_hash, sp_install_type,
  };
  chn_status st = CHN_OK;
  for (size_t i = 0; i < sizeof installs / sizeof *installs && st == CHN_OK; i++) {
    st = installs[i](con, err);
  }
  if (st != CHN_OK) {
    return st;
  }
  duckdb_result r;
  const char *const statements[] = { "SET GLOBAL TimeZone = 'UTC'", sql_prelude() };
  for (int i = 0; i < 2; i++) {
    if (duckdb_query(con, statements[i], &r) != DuckDBSuccess) {
      st = chn_fail(err, CHN_E_INTERNAL, "SQL prelude: %s", duckdb_result_error(&r));
    }
    duckdb_destroy_result(&r);
  }
  return st;
}

// ---- vectors ----------------------------------------------------------------------------------

void sp_open(struct sp_reader *r, duckdb_vector vector)
{
  duckdb_logical_type t = duckdb_vector_get_column_type(vector);
  *r = (struct sp_reader){ .vector = vector, .type = duckdb_get_type_id(t) };
  if (r->type == DUCKDB_TYPE_DECIMAL) {
    r->internal = duckdb_decimal_internal_type(t);
    r->scale = duckdb_decimal_scale(t);
  }
  duckdb_destroy_logical_type(&t);
  r->data = duckdb_vector_get_data(vector);
  r->valid = duckdb_vector_get_validity(vector);
}

void sp_open_all(struct sp_reader *r, duckdb_data_chunk in, idx_t n)
{
  for (idx_t c = 0; c < n; c++) {
    sp_open(&r[c], duckdb_data_chunk_get_vector(in, c));
  }
}

bool sp_is_null(const struct sp_reader *r, idx_t i)
{
  return r->type == DUCKDB_TYPE_SQLNULL || (r->valid && !(r->valid[i / 64] >> (i % 64) & 1));
}

static struct sp_value get_string(const struct sp_reader *r, idx_t i, enum sp_kind kind)
{
  duckdb_string_t *s = (duckdb_string_t *)r->data + i;
  return (struct sp_value){ .kind = kind,
                            .s = duckdb_string_t_data(s),
                            .len = duckdb_string_t_length(*s) };
}

static __int128 get_huge(const void *data, idx_t i)
{
  const duckdb_hugeint *h = (const duckdb_hugeint *)data + i;
  return (__int128)(((unsigned __int128)(uint64_t)h->upper << 64) | h->lower);
}

static struct sp_value get_decimal(const struct sp_reader *r, idx_t i)
{
  struct sp_value v = { .kind = SP_DECIMAL, .scale = r->scale };
  switch (r->internal) {
  case DUCKDB_TYPE_SMALLINT: v.h = ((const int16_t *)r->data)[i]; break;
  case DUCKDB_TYPE_INTEGER: v.h = ((const int32_t *)r->data)[i]; break;
  case DUCKDB_TYPE_BIGINT: v.h = ((const int64_t *)r->data)[i]; break;
  default: v.h = get_huge(r->data, i); break;
  }
  return v;
}

// Timestamps of any unit as microseconds; infinite ones as they are.
static struct sp_value get_time(const struct sp_reader *r, idx_t i)
{
  int64_t t = ((const int64_t *)r->data)[i];
  if (r->type == DUCKDB_TYPE_TIMESTAMP_S) {
    t *= 1000000;
  } else if (r->type == DUCKDB_TYPE_TIMESTAMP_MS) {
    t *= 1000;
  } else if (r->type == DUCKDB_TYPE_TIMESTAMP_NS) {
    t = sp_floor_div(t, 1000);
  }
  return (struct sp_value){ .kind = SP_TIME, .i = t };
}

static bool get_integer(const struct sp_reader *r, idx_t i, int64_t *out)
{
  switch (r->type) {
  case DUCKDB_TYPE_BOOLEAN: *out = ((const bool *)r->data)[i]; return true;
  case DUCKDB_TYPE_TINYINT: *out = ((const int8_t *)r->data)[i]; return true;
  case DUCKDB_TYPE_SMALLINT: *out = ((const int16_t *)r->data)[i]; return true;
  case DUCKDB_TYPE_DATE:
  case DUCKDB_TYPE_INTEGER: *out = ((const int32_t *)r->data)[i]; return true;
  case DUCKDB_TYPE_BIGINT: *out = ((const int64_t *)r->data)[i]; return true;
  case DUCKDB_TYPE_UTINYINT: *out = ((const uint8_t *)r->data)[i]; return true;
  case DUCKDB_TYPE_USMALLINT: *out = ((const uint16_t *)r->data)[i]; return true;
  case DUCKDB_TYPE_UINTEGER: *out = ((const uint32_t *)r->data)[i]; return true;
  default: return false;
  }
}

struct sp_value sp_get(const struct sp_reader *r, idx_t i)
{
  struct sp_value v = { .kind = SP_NULL };
  if (sp_is_null(r, i)) {
    return v;
  }
  if (get_integer(r, i, &v.i)) {
    v.kind = r->type == DUCKDB_TYPE_BOOLEAN ? SP_BOOL
             : r->type == DUCKDB_TYPE_DATE  ? SP_DATE
                                            : SP_INT;
    return v;
  }
  switch (r->type) {
  case DUCKDB_TYPE_UBIGINT:
    return (struct sp_value){ .kind = SP_HUGE, .h = ((const uint64_t *)r->data)[i] };
  case DUCKDB_TYPE_HUGEINT: return (struct sp_value){ .kind = SP_HUGE, .h = get_huge(r->data, i) };
  case DUCKDB_TYPE_FLOAT:
    return (struct sp_value){ .kind = SP_FLOAT, .d = (double)((const float *)r->data)[i] };
  case DUCKDB_TYPE_DOUBLE:
    return (struct sp_value){ .kind = SP_DOUBLE, .d = ((const double *)r->data)[i] };
  case DUCKDB_TYPE_DECIMAL: return get_decimal(r, i);
  case DUCKDB_TYPE_VARCHAR: return get_string(r, i, SP_STRING);
  case DUCKDB_TYPE_BLOB: return get_string(r, i, SP_BLOB);
  case DUCKDB_TYPE_TIMESTAMP:
  case DUCKDB_TYPE_TIMESTAMP_TZ:
  case DUCKDB_TYPE_TIMESTAMP_S:
  case DUCKDB_TYPE_TIMESTAMP_MS:
  case DUCKDB_TYPE_TIMESTAMP_NS: return get_time(r, i);
  case DUCKDB_TYPE_LIST:
  case DUCKDB_TYPE_MAP:
  case DUCKDB_TYPE_STRUCT: v.kind = SP_NESTED; return v;
  default: v.kind = SP_OTHER; return v;
  }
}

void sp_set_null(duckdb_vector out, idx_t i)
{
  duckdb_vector_ensure_validity_writable(out);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(out), i);
}

void sp_copy_nulls(duckdb_data_chunk in, duckdb_vector out)
{
  const idx_t n = duckdb_data_chunk_get_size(in);
  const idx_t columns = duckdb_data_chunk_get_column_count(in);
  for (idx_t c = 0; c < columns; c++) {
    const uint64_t *valid = duckdb_vector_get_validity(duckdb_data_chunk_get_vector(in, c));
    if (valid) {
      duckdb_vector_ensure_validity_writable(out);
      uint64_t *mine = duckdb_vector_get_validity(out);
      for (idx_t k = 0; k < (n + 63) / 64; k++) {
        mine[k] &= valid[k];
      }
    }
  }
}

void sp_set_text(duckdb_vector out, idx_t i, const char *s, size_t len)
{
  duckdb_vector_assign_string_element_len(out, i, s, len);
}

bool sp_set_buf(duckdb_function_info info, duckdb_vector out, idx_t i, const struct chn_buf *b)
{
  if (b->truncated) {
    duckdb_scalar_function_set_error(info, "SQL: a function made a text of more than 1 GiB");
    return false;
  }
  sp_set_text(out, i, chn_buf_str(b), b->len);
  return true;
}

void sp_print_rows(duckdb_function_info info, const struct sp_reader *r, idx_t n, duckdb_vector out,
                   void (*print)(struct chn_buf *b, const struct sp_reader *r, idx_t i))
{
  struct chn_buf b = { .max = SP_MAX_TEXT };
  for (idx_t i = 0; i < n; i++) {
    if (sp_is_null(r, i)) {
      sp_set_null(out, i);
      continue;
    }
    chn_buf_clear(&b);
    print(&b, r, i);
    if (!sp_set_buf(info, out, i, &b)) {
      break;
    }
  }
  chn_buf_deinit(&b);
}
