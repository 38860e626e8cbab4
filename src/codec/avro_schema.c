// Schemas out of row types, and schemas as text.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/dict.h"
#include "codec/avro_int.h"
#include "codec/json.h"

static const char NAMESPACE[] = "ai.chronon.data";
static const char REPEATED[] = "_REPEATED_NAME_";

// ---- what follows from children ---------------------------------------------------------------

static size_t plain_min_bytes(const struct avro_schema *s)
{
  size_t bytes = 0;
  switch (s->kind) {
  case AVRO_FLOAT: return 4;
  case AVRO_DOUBLE: return 8;
  case AVRO_FIXED: return (size_t)s->size;
  case AVRO_RECORD:
    for (int32_t i = 0; i < s->n_fields; i++) {
      bytes += s->fields[i].schema->min_bytes;
    }
    return bytes;
  default: return 1;
  }
}

chn_status avro_seal(struct avro_schema *s, struct chn_err *err)
{
  s->n_types = 1;
  s->depth = 1;
  for (int32_t i = 0; i < s->n_fields; i++) {
    const struct avro_schema *child = s->fields[i].schema;
    s->n_types += child->n_types; // each is at most AVRO_MAX_TYPES, so this cannot overflow soon
    s->depth = s->depth > child->depth ? s->depth : child->depth + 1;
    if (s->n_types > AVRO_MAX_TYPES || s->depth > AVRO_MAX_DEPTH) {
      return chn_fail(err, CHN_E_ARGUMENT, "more than %d types, or nested deeper than %d",
                      (int)AVRO_MAX_TYPES, (int)AVRO_MAX_DEPTH);
    }
    if (s->kind == AVRO_ARRAY && child->min_bytes == 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "an array of items that take no bytes");
    }
  }
  s->min_bytes = s->in == AVRO_PLAIN   ? plain_min_bytes(s)
                 : s->in == AVRO_ALONE ? 1 + plain_min_bytes(s)
                                       : 1;
  return CHN_OK;
}

// ---- out of row types -------------------------------------------------------------------------

struct maker {
  struct arena *a;
  enum avro_names names;
  struct chn_dict *used;
  const char *column; ///< the column on the way, for messages
  struct chn_err *err;
};

/// The name, cut to what Avro allows, and made one that the schema does not have yet.
static const char *new_name(struct maker *m, const char *name)
{
  char *clean = arena_strdup(m->a, name);
  for (char *c = clean; *c != '\0'; c++) {
    if (!isalnum((unsigned char)*c) || (unsigned char)*c >= 0x80) {
      *c = '_';
    }
  }
  const char *free_name = clean;
  for (int i = 0; chn_dict_find(m->used, free_name, strlen(free_name)) >= 0; i++) {
    free_name = arena_printf(m->a, "%s%s%d", clean, REPEATED, i);
  }
  chn_dict_intern(m->used, free_name, strlen(free_name));
  return free_name;
}

static const char *capitalised(struct arena *a, const char *path)
{
  char *text = arena_strdup(a, path);
  text[0] = (char)toupper((unsigned char)text[0]);
  return text;
}

static chn_status of_type(struct maker *m, const char *path, const struct row_type *t,
                          enum avro_union in, int depth, const struct avro_schema **out);

static chn_status refuse(struct maker *m, const char *what)
{
  return chn_fail(m->err, CHN_E_ARGUMENT, "column \"%s\": Avro, and so an upload, cannot hold %s",
                  m->column, what);
}

static chn_status one_child(struct maker *m, struct avro_schema *s, const char *path,
                            const struct row_type *t, int depth)
{
  struct avro_field *f = arena_calloc(m->a, 1, sizeof *f);
  f->name = "";
  s->fields = f;
  s->n_fields = 1;
  return of_type(m, path, t, AVRO_PLAIN, depth + 1, &f->schema);
}

/// A record: its name is taken before its fields' names, theirs before those of their types.
static chn_status of_fields(struct maker *m, struct avro_schema *s, const char *name,
                            const struct row_field *fields, int32_t n, int depth)
{
  s->name = new_name(m, name);
  s->space = NAMESPACE;
  struct avro_field *own = arena_calloc(m->a, (size_t)n + 1, sizeof *own);
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    own[i].name = new_name(m, fields[i].name);
    m->column = depth == 0 ? fields[i].name : m->column;
    status = of_type(m, fields[i].name, fields[i].type, AVRO_NULL_FIRST, depth + 1, &own[i].schema);
  }
  s->fields = own;
  s->n_fields = n;
  return status;
}

static chn_status of_nested(struct maker *m, struct avro_schema *s, const char *path,
                            const struct row_type *t, int depth)
{
  const char *word = capitalised(m->a, path);
  switch (t->kind) {
  case ROW_LIST:
    s->kind = AVRO_ARRAY;
    return one_child(m, s, arena_printf(m->a, "%sElement", word), t->fields[0].type, depth);
  case ROW_MAP:
    s->kind = AVRO_MAP;
    return t->fields[0].type->kind == ROW_STRING
               ? one_child(m, s, arena_printf(m->a, "%sValue", word), t->fields[1].type, depth)
               : refuse(m, "maps whose keys are not strings");
  default: {
    const bool own = m->names == AVRO_NAMES_OF_TYPES && t->name != NULL && t->name[0] != '\0';
    s->kind = AVRO_RECORD;
    return of_fields(m, s, own ? t->name : arena_printf(m->a, "%sStruct", word), t->fields,
                     t->n_fields, depth);
  }
  }
}

static chn_status of_type(struct maker *m, const char *path, const struct row_type *t,
                          enum avro_union in, int depth, const struct avro_schema **out)
{
  static const enum avro_kind scalars[] = {
    [ROW_BOOLEAN] = AVRO_BOOLEAN, [ROW_BYTE] = AVRO_INT,      [ROW_SHORT] = AVRO_INT,
    [ROW_INT] = AVRO_INT,         [ROW_LONG] = AVRO_LONG,     [ROW_FLOAT] = AVRO_FLOAT,
    [ROW_DOUBLE] = AVRO_DOUBLE,   [ROW_STRING] = AVRO_STRING, [ROW_BINARY] = AVRO_BYTES,
  };
  struct avro_schema *s = arena_calloc(m->a, 1, sizeof *s);
  s->in = in;
  s->type = t;
  *out = s;
  chn_status status = CHN_OK;
  if (depth > AVRO_MAX_DEPTH) {
    return refuse(m, "types nested that deep");
  }
  switch (t->kind) {
  case ROW_DATE: return refuse(m, "DATE (use date_format, or unix_timestamp for a LONG)");
  case ROW_TIMESTAMP: return refuse(m, "TIMESTAMP (use unix_timestamp for a LONG)");
  case ROW_OTHER: return refuse(m, t->name != NULL ? t->name : "this type");
  case ROW_LIST:
  case ROW_MAP:
  case ROW_STRUCT: status = of_nested(m, s, path, t, depth); break;
  default: s->kind = scalars[t->kind]; break;
  }
  return status == CHN_OK ? avro_seal(s, m->err) : status;
}

chn_status avro_schema_of(struct arena *a, const char *name, const struct row_schema *columns,
                          enum avro_names names, const struct avro_schema **out,
                          struct chn_err *err)
{
  struct maker m = { .a = a, .names = names, .used = chn_dict_new(0), .err = err };
  struct avro_schema *s = arena_calloc(a, 1, sizeof *s);
  s->kind = AVRO_RECORD;
  s->type = row_struct_of(a, name, columns->fields, columns->n_fields);
  chn_status status = of_fields(&m, s, name, columns->fields, columns->n_fields, 0);
  chn_dict_free(m.used);
  if (status == CHN_OK) {
    status = avro_seal(s, err);
  }
  if (status == CHN_OK) {
    *out = s;
  }
  return status;
}

// ---- text -------------------------------------------------------------------------------------

const char *avro_branch_name(const struct avro_schema *s, char *scratch, size_t size)
{
  static const char *const names[] = { "boolean", "int",   "long", "float", "double", "bytes",
                                       "string",  "fixed", "enum", "array", "map",    "record" };
  if (s->name == NULL) {
    return names[s->kind];
  }
  snprintf(scratch, size, "%s%s%s", s->space, s->space[0] != '\0' ? "." : "", s->name);
  return scratch;
}

static void text_member(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  codec_json_string(w, text, strlen(text));
}

static void print_type(struct codec_json_writer *w, const struct avro_schema *s, const char *space);

static void print_named(struct codec_json_writer *w, const struct avro_schema *s, const char *space)
{
  text_member(w, "name", s->name);
  if (strcmp(s->space, space) != 0) {
    text_member(w, "namespace", s->space);
  }
  if (s->kind == AVRO_FIXED) {
    codec_json_key(w, "size");
    codec_json_int(w, s->size);
    return;
  }
  text_member(w, "doc", "");
  codec_json_key(w, s->kind == AVRO_ENUM ? "symbols" : "fields");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < s->n_symbols; i++) {
    codec_json_string(w, s->symbols[i], strlen(s->symbols[i]));
  }
  for (int32_t i = 0; i < s->n_fields; i++) {
    codec_json_begin(w, '{');
    text_member(w, "name", s->fields[i].name);
    codec_json_key(w, "type");
    print_type(w, s->fields[i].schema, s->space);
    text_member(w, "doc", "");
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

/// The type without its union; `space` is the namespace around it.
static void print_plain(struct codec_json_writer *w, const struct avro_schema *s, const char *space)
{
  char scratch[8];
  const bool small = s->kind == AVRO_INT && s->type->kind != ROW_INT;
  const bool nested = s->kind >= AVRO_FIXED;
  const char *word = nested && s->kind != AVRO_ARRAY && s->kind != AVRO_MAP
                         ? (s->kind == AVRO_RECORD ? "record"
                            : s->kind == AVRO_ENUM ? "enum"
                                                   : "fixed")
                         : avro_branch_name(s, scratch, sizeof scratch);
  if (!small && !nested) {
    codec_json_string(w, word, strlen(word));
    return;
  }
  codec_json_begin(w, '{');
  text_member(w, "type", word);
  if (small) {
    text_member(w, "logicalType", s->type->kind == ROW_SHORT ? "short" : "byte");
  } else if (s->kind == AVRO_ARRAY || s->kind == AVRO_MAP) {
    codec_json_key(w, s->kind == AVRO_ARRAY ? "items" : "values");
    print_type(w, s->fields[0].schema, space);
  } else {
    print_named(w, s, space);
  }
  codec_json_end(w, '}');
}

static void print_type(struct codec_json_writer *w, const struct avro_schema *s, const char *space)
{
  if (s->in == AVRO_PLAIN) {
    print_plain(w, s, space);
    return;
  }
  codec_json_begin(w, '[');
  if (s->in == AVRO_NULL_FIRST) {
    codec_json_string(w, "null", 4);
  }
  print_plain(w, s, space);
  if (s->in == AVRO_NULL_LAST) {
    codec_json_string(w, "null", 4);
  }
  codec_json_end(w, ']');
}

void avro_schema_print(const struct avro_schema *s, bool pretty, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, pretty ? CODEC_JSON_JACKSON : CODEC_JSON_COMPACT);
  print_type(&w, s, "");
}

static const char *without_suffix(struct arena *a, const char *name)
{
  const char *suffix = strstr(name, REPEATED);
  return suffix != NULL ? arena_strndup(a, name, (size_t)(suffix - name)) : name;
}

/// The type as it was before its fields got names of their own; itself if it has no such field.
static const struct row_type *without_suffixes(struct arena *a, const struct row_type *t)
{
  if (t->n_fields == 0) {
    return t;
  }
  struct row_field *fields = arena_calloc(a, (size_t)t->n_fields, sizeof *fields);
  bool changed = false;
  for (int32_t i = 0; i < t->n_fields; i++) {
    fields[i].name = without_suffix(a, t->fields[i].name);
    fields[i].type = without_suffixes(a, t->fields[i].type);
    changed = changed || fields[i].name != t->fields[i].name || fields[i].type != t->fields[i].type;
  }
  if (!changed) {
    return t;
  }
  return t->kind == ROW_LIST  ? row_list_of(a, fields[0].type)
         : t->kind == ROW_MAP ? row_map_of(a, fields[0].type, fields[1].type)
                              : row_struct_of(a, t->name, fields, t->n_fields);
}

struct row_schema avro_columns(struct arena *a, const struct avro_schema *record, bool clean)
{
  struct row_field *fields = arena_calloc(a, (size_t)record->n_fields + 1, sizeof *fields);
  for (int32_t i = 0; i < record->n_fields; i++) {
    const char *name = record->fields[i].name;
    const struct row_type *type = record->fields[i].schema->type;
    fields[i].name = clean ? without_suffix(a, name) : name;
    fields[i].type = clean ? without_suffixes(a, type) : type;
  }
  return (struct row_schema){ fields, record->n_fields };
}
