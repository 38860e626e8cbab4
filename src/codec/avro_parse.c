// Schemas out of text. A named type may be used again after its definition, not inside it: rows
// have no recursive types. The JSON reader bounds the text's nesting, avro_seal the schema's size.
#include <string.h>

#include "base/dict.h"
#include "codec/avro_int.h"
#include "codec/json.h"

struct named {
  const char *name;                 ///< with its namespace
  const struct avro_schema *schema; ///< NULL while it is being read
};

struct reader {
  struct arena *a;
  const char *what;
  struct named *named;
  int32_t n_named;
  int32_t room;
  struct chn_err *err;
};

static chn_status read_type(struct reader *r, const struct codec_json *v, const char *space,
                            struct avro_schema *out);

static chn_status corrupt(struct reader *r, const struct codec_json *v, const char *why)
{
  return chn_fail(r->err, CHN_E_CORRUPT, "%s:%d:%d: %s", r->what, (int)v->line, (int)v->column,
                  why);
}

static chn_status refuse(struct reader *r, const struct codec_json *v, const char *why)
{
  return chn_fail(r->err, CHN_E_ARGUMENT, "%s:%d:%d: %s", r->what, (int)v->line, (int)v->column,
                  why);
}

static const char *text_of(const struct codec_json *v, const char *key)
{
  const struct codec_json *member = codec_json_get(v, key);
  return member != NULL && member->kind == CODEC_JSON_STRING ? member->text : NULL;
}

// ---- names ------------------------------------------------------------------------------------

static const char *full_name(struct arena *a, const char *name, const char *space)
{
  const bool whole = strchr(name, '.') != NULL || space[0] == '\0';
  return whole ? arena_strdup(a, name) : arena_printf(a, "%s.%s", space, name);
}

static struct named *find_named(struct reader *r, const char *full)
{
  for (int32_t i = 0; i < r->n_named; i++) {
    if (strcmp(r->named[i].name, full) == 0) {
      return &r->named[i];
    }
  }
  return NULL;
}

/// Takes the name of a record, enum or fixed; *slot is its place among the named types.
static chn_status define(struct reader *r, const struct codec_json *v, const char *space,
                         struct avro_schema *out, int32_t *slot)
{
  const char *name = text_of(v, "name");
  const char *own = text_of(v, "namespace");
  if (name == NULL || name[0] == '\0') {
    return corrupt(r, v, "a record, enum or fixed without a \"name\"");
  }
  const char *full = full_name(r->a, name, own != NULL ? own : space);
  const char *dot = strrchr(full, '.');
  out->name = dot != NULL ? dot + 1 : full;
  out->space = dot != NULL ? arena_strndup(r->a, full, (size_t)(dot - full)) : "";
  if (find_named(r, full) != NULL) {
    return corrupt(r, v, "a name that is defined twice");
  }
  if (r->n_named == r->room) {
    const int32_t room = r->room > 0 ? 2 * r->room : 16;
    struct named *grown = arena_calloc(r->a, (size_t)room, sizeof *grown);
    if (r->n_named > 0) {
      memcpy(grown, r->named, (size_t)r->n_named * sizeof *grown);
    }
    r->named = grown;
    r->room = room;
  }
  r->named[r->n_named] = (struct named){ .name = full };
  *slot = r->n_named++;
  return CHN_OK;
}

// ---- types ------------------------------------------------------------------------------------

struct primitive {
  const char *name;
  enum avro_kind kind;
  enum row_kind row;
};

static const struct primitive primitives[] = {
  { "boolean", AVRO_BOOLEAN, ROW_BOOLEAN }, { "int", AVRO_INT, ROW_INT },
  { "long", AVRO_LONG, ROW_LONG },          { "float", AVRO_FLOAT, ROW_FLOAT },
  { "double", AVRO_DOUBLE, ROW_DOUBLE },    { "bytes", AVRO_BYTES, ROW_BINARY },
  { "string", AVRO_STRING, ROW_STRING },
};

/// A primitive type or a name; `of` is the object that may have a logicalType, or NULL.
static chn_status read_word(struct reader *r, const struct codec_json *v, const char *word,
                            const struct codec_json *of, const char *space, struct avro_schema *out)
{
  for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++) {
    if (strcmp(word, primitives[i].name) == 0) {
      const char *logical = of != NULL ? text_of(of, "logicalType") : NULL;
      enum row_kind kind = primitives[i].row;
      if (kind == ROW_INT && logical != NULL) {
        kind = strcmp(logical, "short") == 0  ? ROW_SHORT
               : strcmp(logical, "byte") == 0 ? ROW_BYTE
                                              : ROW_INT;
      }
      out->kind = primitives[i].kind;
      out->type = row_scalar(kind);
      return CHN_OK;
    }
  }
  if (strcmp(word, "null") == 0) {
    return refuse(r, v, "null stands only in a union with one other type");
  }
  const struct named *found = find_named(r, full_name(r->a, word, space));
  found = found != NULL ? found : find_named(r, word);
  if (found == NULL) {
    return corrupt(r, v, "a type that is not defined before");
  }
  if (found->schema == NULL) {
    return refuse(r, v, "a record that contains itself; rows have no recursive types");
  }
  const enum avro_union in = out->in;
  *out = *found->schema;
  out->in = in;
  return CHN_OK;
}

static chn_status read_record(struct reader *r, const struct codec_json *v, struct avro_schema *out)
{
  const struct codec_json *fields = codec_json_get(v, "fields");
  if (fields == NULL || fields->kind != CODEC_JSON_ARRAY) {
    return corrupt(r, v, "a record without an array of \"fields\"");
  }
  const size_t n = (size_t)fields->n;
  struct avro_field *own = arena_calloc(r->a, n + 1, sizeof *own);
  struct row_field *columns = arena_calloc(r->a, n + 1, sizeof *columns);
  for (size_t i = 0; i < n; i++) {
    const struct codec_json *f = &fields->members[i].value;
    const struct codec_json *type = codec_json_get(f, "type");
    struct avro_schema *s = arena_calloc(r->a, 1, sizeof *s);
    own[i] = (struct avro_field){ text_of(f, "name"), s };
    if (own[i].name == NULL || type == NULL) {
      return corrupt(r, f, "a field without \"name\" and \"type\"");
    }
    const chn_status status = read_type(r, type, out->space, s);
    if (status != CHN_OK) {
      return status;
    }
    columns[i] = (struct row_field){ own[i].name, s->type };
  }
  out->kind = AVRO_RECORD;
  out->fields = own;
  out->n_fields = fields->n;
  out->type = row_struct_of(r->a, out->name, columns, fields->n);
  return CHN_OK;
}

static chn_status read_enum(struct reader *r, const struct codec_json *v, struct avro_schema *out)
{
  const struct codec_json *symbols = codec_json_get(v, "symbols");
  if (symbols == NULL || symbols->kind != CODEC_JSON_ARRAY || symbols->n == 0) {
    return corrupt(r, v, "an enum without an array of \"symbols\"");
  }
  out->kind = AVRO_ENUM;
  out->type = row_scalar(ROW_STRING);
  out->symbols = arena_calloc(r->a, (size_t)symbols->n, sizeof *out->symbols);
  out->n_symbols = symbols->n;
  for (int32_t i = 0; i < symbols->n; i++) {
    const struct codec_json *symbol = &symbols->members[i].value;
    if (symbol->kind != CODEC_JSON_STRING) {
      return corrupt(r, symbol, "a symbol that is not a string");
    }
    out->symbols[i] = symbol->text;
  }
  return CHN_OK;
}

static chn_status read_fixed(struct reader *r, const struct codec_json *v, struct avro_schema *out)
{
  const struct codec_json *size = codec_json_get(v, "size");
  if (size == NULL || size->kind != CODEC_JSON_INT || size->as.integer < 0 ||
      size->as.integer > INT32_MAX) {
    return corrupt(r, v, "a fixed without a \"size\"");
  }
  out->kind = AVRO_FIXED;
  out->type = row_scalar(ROW_BINARY);
  out->size = (int32_t)size->as.integer;
  return CHN_OK;
}

static chn_status read_named(struct reader *r, const struct codec_json *v, const char *word,
                             const char *space, struct avro_schema *out)
{
  int32_t slot = 0;
  chn_status status = define(r, v, space, out, &slot);
  if (status != CHN_OK) {
    return status;
  }
  status = strcmp(word, "record") == 0 ? read_record(r, v, out)
           : strcmp(word, "enum") == 0 ? read_enum(r, v, out)
                                       : read_fixed(r, v, out);
  r->named[slot].schema = out;
  return status;
}

/// An array or a map.
static chn_status read_items(struct reader *r, const struct codec_json *v, const char *word,
                             const char *space, struct avro_schema *out)
{
  const bool array = strcmp(word, "array") == 0;
  const struct codec_json *items = codec_json_get(v, array ? "items" : "values");
  if (items == NULL) {
    return corrupt(r, v, array ? "an array without \"items\"" : "a map without \"values\"");
  }
  struct avro_schema *s = arena_calloc(r->a, 1, sizeof *s);
  struct avro_field *f = arena_calloc(r->a, 1, sizeof *f);
  *f = (struct avro_field){ "", s };
  const chn_status status = read_type(r, items, space, s);
  if (status != CHN_OK) {
    return status;
  }
  out->kind = array ? AVRO_ARRAY : AVRO_MAP;
  out->fields = f;
  out->n_fields = 1;
  out->type =
      array ? row_list_of(r->a, s->type) : row_map_of(r->a, row_scalar(ROW_STRING), s->type);
  return CHN_OK;
}

static chn_status read_union(struct reader *r, const struct codec_json *v, const char *space,
                             struct avro_schema *out)
{
  int32_t null_at = -1;
  for (int32_t i = 0; i < v->n; i++) {
    const struct codec_json *branch = &v->members[i].value;
    if (branch->kind == CODEC_JSON_STRING && strcmp(branch->text, "null") == 0) {
      null_at = i;
    }
  }
  if (out->in != AVRO_PLAIN || v->n == 0 || v->n > 2 || (v->n == 2 && null_at < 0)) {
    return refuse(r, v, "a union other than [\"null\", T]: a column has one type");
  }
  out->in = v->n == 1 ? AVRO_ALONE : null_at == 0 ? AVRO_NULL_FIRST : AVRO_NULL_LAST;
  return read_type(r, &v->members[v->n == 2 && null_at == 0 ? 1 : 0].value, space, out);
}

static chn_status read_object(struct reader *r, const struct codec_json *v, const char *space,
                              struct avro_schema *out)
{
  const struct codec_json *type = codec_json_get(v, "type");
  if (type == NULL) {
    return corrupt(r, v, "a schema without a \"type\"");
  }
  if (type->kind != CODEC_JSON_STRING) {
    return read_type(r, type, space, out);
  }
  const char *word = type->text;
  if (strcmp(word, "record") == 0 || strcmp(word, "enum") == 0 || strcmp(word, "fixed") == 0) {
    return read_named(r, v, word, space, out);
  }
  if (strcmp(word, "array") == 0 || strcmp(word, "map") == 0) {
    return read_items(r, v, word, space, out);
  }
  return read_word(r, v, word, v, space, out);
}

// Recursion is bounded by the JSON reader's CODEC_JSON_MAX_DEPTH.
static chn_status read_type(struct reader *r, const struct codec_json *v, const char *space,
                            struct avro_schema *out)
{
  chn_status status = CHN_OK;
  switch (v->kind) {
  case CODEC_JSON_STRING: status = read_word(r, v, v->text, NULL, space, out); break;
  case CODEC_JSON_ARRAY: status = read_union(r, v, space, out); break;
  case CODEC_JSON_OBJECT: status = read_object(r, v, space, out); break;
  default: return corrupt(r, v, "a schema must be a string, an array or an object");
  }
  if (status == CHN_OK) {
    status = avro_seal(out, r->err);
    return status == CHN_OK ? CHN_OK : chn_wrap(r->err, "%s:%d", r->what, (int)v->line);
  }
  return status;
}

chn_status avro_schema_parse(struct arena *a, const char *text, size_t len, const char *what,
                             const struct avro_schema **out, struct chn_err *err)
{
  struct reader r = { .a = a, .what = what, .err = err };
  const struct codec_json *json = NULL;
  chn_status status = codec_json_parse(a, text, len, what, &json, err);
  if (status != CHN_OK) {
    return status;
  }
  struct avro_schema *s = arena_calloc(a, 1, sizeof *s);
  status = read_type(&r, json, "", s);
  if (status == CHN_OK && (s->kind != AVRO_RECORD || s->in != AVRO_PLAIN)) {
    status = refuse(&r, json, "a row's schema must be a record");
  }
  if (status == CHN_OK) {
    *out = s;
  }
  return status;
}
