// hash() and xxhash64() exactly as Spark: seed 42 folded through the arguments from left to right,
// NULL leaves it as it is. Spark's Murmur3 hashes the bytes behind the last whole word one by one,
// each as a sign-extended word, unlike the reference.
#include "warehouse/sql_exec_int.h"
#include <math.h>
#include <string.h>
#include <xxhash.h>

struct hasher {
  uint64_t (*word)(uint32_t v, uint64_t seed);
  uint64_t (*dword)(uint64_t v, uint64_t seed);
  uint64_t (*bytes)(const char *s, size_t len, uint64_t seed);
};

static uint32_t rotate32(uint32_t x, int by)
{
  return x << by | x >> (32 - by);
}

static uint64_t rotate64(uint64_t x, int by)
{
  return x << by | x >> (64 - by);
}

static uint32_t mix(uint32_t h, uint32_t k)
{
  k = rotate32(k * 0xcc9e2d51U, 15) * 0x1b873593U;
  return rotate32(h ^ k, 13) * 5 + 0xe6546b64U;
}

static uint32_t finish(uint32_t h, uint32_t len)
{
  h ^= len;
  h = (h ^ h >> 16) * 0x85ebca6bU;
  h = (h ^ h >> 13) * 0xc2b2ae35U;
  return h ^ h >> 16;
}

static uint64_t murmur_word(uint32_t v, uint64_t seed)
{
  return finish(mix((uint32_t)seed, v), 4);
}

static uint64_t murmur_dword(uint64_t v, uint64_t seed)
{
  return finish(mix(mix((uint32_t)seed, (uint32_t)v), (uint32_t)(v >> 32)), 8);
}

static uint64_t murmur_bytes(const char *s, size_t len, uint64_t seed)
{
  uint32_t h = (uint32_t)seed;
  size_t i = 0;
  for (; i + 4 <= len; i += 4) {
    uint32_t k = 0;
    memcpy(&k, s + i, 4);
    h = mix(h, k);
  }
  for (; i < len; i++) {
    h = mix(h, (uint32_t)(int32_t)(int8_t)s[i]);
  }
  return finish(h, (uint32_t)len);
}

static const uint64_t prime1 = 0x9E3779B185EBCA87U;
static const uint64_t prime2 = 0xC2B2AE3D27D4EB4FU;
static const uint64_t prime3 = 0x165667B19E3779F9U;
static const uint64_t prime4 = 0x85EBCA77C2B2AE63U;
static const uint64_t prime5 = 0x27D4EB2F165667C5U;

static uint64_t xx_finish(uint64_t h)
{
  h = (h ^ h >> 33) * prime2;
  h = (h ^ h >> 29) * prime3;
  return h ^ h >> 32;
}

static uint64_t xx_word(uint32_t v, uint64_t seed)
{
  const uint64_t h = (seed + prime5 + 4) ^ v * prime1;
  return xx_finish(rotate64(h, 23) * prime2 + prime3);
}

static uint64_t xx_dword(uint64_t v, uint64_t seed)
{
  const uint64_t h = (seed + prime5 + 8) ^ rotate64(v * prime2, 31) * prime1;
  return xx_finish(rotate64(h, 27) * prime1 + prime4);
}

static uint64_t xx_bytes(const char *s, size_t len, uint64_t seed)
{
  return XXH64(s, len, seed);
}

static const struct hasher murmur = { murmur_word, murmur_dword, murmur_bytes };
static const struct hasher xx = { xx_word, xx_dword, xx_bytes };

static uint64_t hash_float(const struct hasher *h, const struct sp_value *v, uint64_t seed)
{
  const double d = v->d == 0 ? 0 : isnan(v->d) ? (double)NAN : v->d; // one zero, one NaN
  if (v->kind == SP_FLOAT) {
    const float f = (float)d;
    uint32_t bits = 0;
    memcpy(&bits, &f, 4);
    return h->word(isnan(f) ? 0x7fc00000U : bits, seed);
  }
  uint64_t bits = 0;
  memcpy(&bits, &d, 8);
  return h->dword(isnan(d) ? 0x7ff8000000000000U : bits, seed);
}

static uint64_t hash_value(const struct hasher *h, const struct sp_reader *r, idx_t i,
                           uint64_t seed);

static uint64_t hash_list(const struct hasher *h, const struct sp_reader *r, idx_t i, uint64_t seed)
{
  struct sp_reader kid;
  const duckdb_list_entry e = ((const duckdb_list_entry *)r->data)[i];
  sp_open(&kid, duckdb_list_vector_get_child(r->vector));
  for (idx_t k = 0; k < e.length; k++) {
    seed = hash_value(h, &kid, e.offset + k, seed);
  }
  return seed;
}

static uint64_t hash_struct(const struct hasher *h, const struct sp_reader *r, idx_t i,
                            uint64_t seed)
{
  duckdb_logical_type t = duckdb_vector_get_column_type(r->vector);
  const idx_t n = duckdb_struct_type_child_count(t);
  duckdb_destroy_logical_type(&t);
  for (idx_t k = 0; k < n; k++) {
    struct sp_reader kid;
    sp_open(&kid, duckdb_struct_vector_get_child(r->vector, k));
    seed = hash_value(h, &kid, i, seed);
  }
  return seed;
}

static uint64_t hash_value(const struct hasher *h, const struct sp_reader *r, idx_t i,
                           uint64_t seed)
{
  const struct sp_value v = sp_get(r, i);
  switch (v.kind) {
  case SP_BOOL:
  case SP_DATE: return h->word((uint32_t)v.i, seed);
  case SP_INT:
    return r->type == DUCKDB_TYPE_BIGINT ? h->dword((uint64_t)v.i, seed)
                                         : h->word((uint32_t)v.i, seed);
  case SP_TIME: return h->dword((uint64_t)v.i, seed);
  case SP_DECIMAL:
  case SP_HUGE: return h->dword((uint64_t)v.h, seed);
  case SP_FLOAT:
  case SP_DOUBLE: return hash_float(h, &v, seed);
  case SP_STRING:
  case SP_BLOB: return h->bytes(v.s, v.len, seed);
  case SP_NESTED:
    return r->type == DUCKDB_TYPE_STRUCT ? hash_struct(h, r, i, seed) : hash_list(h, r, i, seed);
  default: return seed;
  }
}

static uint64_t hash_row(const struct hasher *h, const struct sp_reader *r, idx_t columns, idx_t i)
{
  uint64_t seed = 42;
  for (idx_t c = 0; c < columns; c++) {
    seed = hash_value(h, &r[c], i, seed);
  }
  return seed;
}

enum { MAX_COLUMNS = 256 };

static idx_t open_all(duckdb_function_info info, duckdb_data_chunk in, struct sp_reader *r)
{
  const idx_t columns = duckdb_data_chunk_get_column_count(in);
  if (columns > MAX_COLUMNS) {
    duckdb_scalar_function_set_error(info, "hash: more than 256 arguments");
    return 0;
  }
  sp_open_all(r, in, columns);
  return columns;
}

static void run_hash(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[MAX_COLUMNS];
  int32_t *z = duckdb_vector_get_data(out);
  const idx_t columns = open_all(info, in, r);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (int32_t)hash_row(&murmur, r, columns, i);
  }
}

static void run_xxhash64(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r[MAX_COLUMNS];
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t columns = open_all(info, in, r);
  const idx_t n = duckdb_data_chunk_get_size(in);
  for (idx_t i = 0; i < n; i++) {
    z[i] = (int64_t)hash_row(&xx, r, columns, i);
  }
}

static void run_crc32(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out)
{
  struct sp_reader r;
  sp_open(&r, duckdb_data_chunk_get_vector(in, 0));
  int64_t *z = duckdb_vector_get_data(out);
  const idx_t n = duckdb_data_chunk_get_size(in);
  (void)info;
  sp_copy_nulls(in, out);
  for (idx_t i = 0; i < n; i++) {
    const struct sp_value v = sp_get(&r, i);
    uint32_t crc = 0xFFFFFFFFU;
    for (uint32_t k = 0; v.kind != SP_NULL && k < v.len; k++) {
      crc ^= (uint8_t)v.s[k];
      for (int bit = 0; bit < 8; bit++) {
        crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
      }
    }
    z[i] = (int64_t)(crc ^ 0xFFFFFFFFU);
  }
}

#define ANY DUCKDB_TYPE_ANY

static const struct sp_overload overloads[] = {
  { "sp_hash", run_hash, DUCKDB_TYPE_INTEGER, { ANY }, true, NULL },
  { "sp_xxhash64", run_xxhash64, DUCKDB_TYPE_BIGINT, { ANY }, true, NULL },
  { "sp_crc32", run_crc32, DUCKDB_TYPE_BIGINT, { DUCKDB_TYPE_BLOB }, false, NULL },
};

chn_status sp_install_hash(duckdb_connection con, struct chn_err *err)
{
  return sp_register(con, overloads, sizeof overloads / sizeof *overloads, err);
}
