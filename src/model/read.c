#include "model/read.h"

#include <stdio.h>
#include <string.h>

struct reader {
  struct arena *a;
  enum model_author author;
  const char *what;
  struct chn_err *err;
};

/// A step from the whole value towards the place being read; lives on the stack.
struct path {
  const struct path *up;
  const char *name; ///< of a field or map key; NULL for an index
  int32_t index;    ///< from 1
};

static void print_path(struct chn_buf *out, const struct path *p)
{
  if (p == NULL) {
    return;
  }
  print_path(out, p->up);
  if (p->name == NULL) {
    chn_buf_addf(out, "[%d]", p->index);
  } else {
    chn_buf_addf(out, "%s%s", out->len > 0 ? "." : "", p->name);
  }
}

static chn_status fail(const struct reader *r, const struct path *p, const struct codec_json *v,
                       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static chn_status fail(const struct reader *r, const struct path *p, const struct codec_json *v,
                       const char *fmt, ...)
{
  char why[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(why, sizeof why, fmt, ap);
  va_end(ap);
  struct chn_buf path = { .max = 512 };
  print_path(&path, p);
  char place[48] = "";
  if (v->line > 0) {
    snprintf(place, sizeof place, ":%d:%d", v->line, v->column);
  }
  const chn_status s = chn_fail(r->err, CHN_E_CORRUPT, "%s%s: %s%s%s", r->what, place,
                                chn_buf_str(&path), path.len > 0 ? ": " : "", why);
  chn_buf_deinit(&path);
  return s;
}

static chn_status mistyped(const struct reader *r, const struct path *p, const struct codec_json *v,
                           const char *wanted)
{
  return fail(r, p, v, "must be %s, not %s", wanted, codec_json_kind_name(v->kind));
}

/// {} in Lua is an empty list and an empty map.
static bool is_list(const struct reader *r, const struct codec_json *v)
{
  return v->kind == CODEC_JSON_ARRAY ||
         (r->author == MODEL_BY_PERSON && v->kind == CODEC_JSON_OBJECT && v->n == 0);
}

static bool is_map(const struct reader *r, const struct codec_json *v)
{
  return v->kind == CODEC_JSON_OBJECT ||
         (r->author == MODEL_BY_PERSON && v->kind == CODEC_JSON_ARRAY && v->n == 0);
}

static chn_status read_text(const struct reader *r, const struct path *p,
                            const struct codec_json *v, const char **out)
{
  if (v->kind != CODEC_JSON_STRING) {
    return mistyped(r, p, v, "a string");
  }
  if (strlen(v->text) != v->text_len) {
    return fail(r, p, v, "a string must not hold a NUL character");
  }
  *out = v->text;
  return CHN_OK;
}

static chn_status read_bool(const struct reader *r, const struct path *p,
                            const struct codec_json *v, bool *out)
{
  if (v->kind == CODEC_JSON_INT && (v->as.integer == 0 || v->as.integer == 1)) {
    *out = v->as.integer == 1;
    return CHN_OK;
  }
  if (v->kind == CODEC_JSON_BOOL && r->author == MODEL_BY_PERSON) {
    *out = v->as.boolean;
    return CHN_OK;
  }
  if (v->kind == CODEC_JSON_BOOL) {
    return fail(r, p, v, "must be %d, not %s: compiled JSON writes booleans as 0 and 1",
                v->as.boolean ? 1 : 0, v->as.boolean ? "true" : "false");
  }
  const char *wanted = r->author == MODEL_BY_PERSON ? "true or false" : "0 or 1";
  return v->kind == CODEC_JSON_INT ? fail(r, p, v, "must be %s, not %s", wanted, v->text)
                                   : mistyped(r, p, v, wanted);
}

static chn_status read_int(const struct reader *r, const struct path *p, const struct codec_json *v,
                           int32_t *out)
{
  if (v->kind != CODEC_JSON_INT) {
    return mistyped(r, p, v, "an integer");
  }
  if (v->as.integer < INT32_MIN || v->as.integer > INT32_MAX) {
    return fail(r, p, v, "%lld does not fit 32 bits", (long long)v->as.integer);
  }
  *out = (int32_t)v->as.integer;
  return CHN_OK;
}

static void list_values(const struct model_enum *e, struct chn_buf *out)
{
  for (int32_t i = 0; i < e->n_values; i++) {
    chn_buf_addf(out, "%s%s", i > 0 ? ", " : "", e->values[i]);
  }
}

static chn_status read_enum(const struct reader *r, const struct path *p,
                            const struct codec_json *v, const struct model_enum *e, int32_t *out)
{
  if (v->kind == CODEC_JSON_STRING && r->author == MODEL_BY_PERSON) {
    *out = model_enum_find(e, v->text);
    if (*out >= 0) {
      return CHN_OK;
    }
  } else if (v->kind != CODEC_JSON_INT) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "a number (%s)", e->name);
    return mistyped(r, p, v, wanted);
  } else if (v->as.integer >= 0 && v->as.integer < e->n_values) {
    *out = (int32_t)v->as.integer;
    return CHN_OK;
  }
  struct chn_buf values = { .max = 900 };
  list_values(e, &values);
  const chn_status s = fail(r, p, v, "%.64s is no %s (0 to %d: %s)", v->text, e->name,
                            e->n_values - 1, chn_buf_str(&values));
  chn_buf_deinit(&values);
  return s;
}

static chn_status read_number(const struct reader *r, const struct path *p,
                              const struct codec_json *v, struct model_number *out)
{
  static const int64_t exact = (int64_t)1 << 53;
  if (v->kind == CODEC_JSON_REAL) {
    *out = (struct model_number){ .value = v->as.real };
    return CHN_OK;
  }
  if (v->kind != CODEC_JSON_INT) {
    return mistyped(r, p, v, "a number");
  }
  if (v->as.integer > exact || v->as.integer < -exact) {
    return fail(r, p, v, "%s is too large to be exact", v->text);
  }
  *out = (struct model_number){ .value = (double)v->as.integer,
                                .is_int = r->author == MODEL_BY_COMPILER };
  return CHN_OK;
}

static chn_status read_texts(const struct reader *r, const struct path *p,
                             const struct codec_json *v, const char ***out, int32_t *n)
{
  if (!is_list(r, v)) {
    return mistyped(r, p, v, "a list of strings");
  }
  *out = arena_calloc(r->a, (size_t)v->n, sizeof **out);
  *n = v->n;
  for (int32_t i = 0; i < v->n; i++) {
    const struct path step = { .up = p, .index = i + 1 };
    const chn_status s = read_text(r, &step, &v->members[i].value, &(*out)[i]);
    if (s != CHN_OK) {
      return s;
    }
  }
  return CHN_OK;
}

static chn_status read_pairs(const struct reader *r, const struct path *p,
                             const struct codec_json *v, struct model_pair **out, int32_t *n)
{
  if (!is_map(r, v)) {
    return mistyped(r, p, v, "a map of strings");
  }
  *out = arena_calloc(r->a, (size_t)v->n, sizeof **out);
  *n = v->n;
  for (int32_t i = 0; i < v->n; i++) {
    const struct path step = { .up = p, .name = v->members[i].key };
    (*out)[i].key = v->members[i].key;
    const chn_status s = read_text(r, &step, &v->members[i].value, &(*out)[i].value);
    if (s != CHN_OK) {
      return s;
    }
  }
  return CHN_OK;
}

static chn_status read_list_pairs(const struct reader *r, const struct path *p,
                                  const struct codec_json *v, struct model_list_pair **out,
                                  int32_t *n)
{
  if (!is_map(r, v)) {
    return mistyped(r, p, v, "a map of lists of strings");
  }
  *out = arena_calloc(r->a, (size_t)v->n, sizeof **out);
  *n = v->n;
  for (int32_t i = 0; i < v->n; i++) {
    struct model_list_pair *pair = &(*out)[i];
    const struct path step = { .up = p, .name = v->members[i].key };
    pair->key = v->members[i].key;
    const chn_status s = read_texts(r, &step, &v->members[i].value, &pair->values, &pair->n_values);
    if (s != CHN_OK) {
      return s;
    }
  }
  return CHN_OK;
}

static chn_status read_map_pairs(const struct reader *r, const struct path *p,
                                 const struct codec_json *v, struct model_map_pair **out,
                                 int32_t *n)
{
  if (!is_map(r, v)) {
    return mistyped(r, p, v, "a map of maps of strings");
  }
  *out = arena_calloc(r->a, (size_t)v->n, sizeof **out);
  *n = v->n;
  for (int32_t i = 0; i < v->n; i++) {
    struct model_map_pair *pair = &(*out)[i];
    const struct path step = { .up = p, .name = v->members[i].key };
    pair->key = v->members[i].key;
    const chn_status s = read_pairs(r, &step, &v->members[i].value, &pair->pairs, &pair->n_pairs);
    if (s != CHN_OK) {
      return s;
    }
  }
  return CHN_OK;
}

static chn_status read_struct(const struct reader *r, const struct path *p,
                              const struct codec_json *v, const struct model_struct *s, void *out);

static chn_status read_structs(const struct reader *r, const struct path *p,
                               const struct codec_json *v, const struct model_struct *type,
                               void *member, int32_t *n)
{
  if (!is_list(r, v)) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "a list of %s", type->name);
    return mistyped(r, p, v, wanted);
  }
  char *items = arena_calloc(r->a, (size_t)v->n, type->size);
  memcpy(member, &items, sizeof items);
  *n = v->n;
  for (int32_t i = 0; i < v->n; i++) {
    const struct path step = { .up = p, .index = i + 1 };
    const chn_status s =
        read_struct(r, &step, &v->members[i].value, type, items + (size_t)i * type->size);
    if (s != CHN_OK) {
      return s;
    }
  }
  return CHN_OK;
}

static chn_status read_field(const struct reader *r, const struct path *p,
                             const struct codec_json *v, const struct model_field *f, void *s)
{
  void *at = model_field_at(f, s);
  int32_t *n = model_field_count(f, s);
  switch (f->kind) {
  case MODEL_F_STRING: return read_text(r, p, v, at);
  case MODEL_F_BOOL: return read_bool(r, p, v, at);
  case MODEL_F_INT: return read_int(r, p, v, at);
  case MODEL_F_ENUM: return read_enum(r, p, v, &model_enums[f->type], at);
  case MODEL_F_NUMBER: return read_number(r, p, v, at);
  case MODEL_F_STRINGS: return read_texts(r, p, v, at, n);
  case MODEL_F_MAP: return read_pairs(r, p, v, at, n);
  case MODEL_F_MAP_STRINGS: return read_list_pairs(r, p, v, at, n);
  case MODEL_F_MAP_MAP: return read_map_pairs(r, p, v, at, n);
  case MODEL_F_STRUCTS: return read_structs(r, p, v, &model_structs[f->type], at, n);
  case MODEL_F_STRUCT: {
    const struct model_struct *type = &model_structs[f->type];
    void *inner = arena_calloc(r->a, 1, type->size);
    memcpy(at, &inner, sizeof inner);
    return read_struct(r, p, v, type, inner);
  }
  }
  return chn_fail(r->err, CHN_E_INTERNAL, "field %s has kind %d", f->name, (int)f->kind);
}

static chn_status unknown_field(const struct reader *r, const struct path *p,
                                const struct codec_json *v, const struct model_struct *s,
                                const char *name)
{
  const struct model_field *near = model_field_near(s, name);
  if (near != NULL) {
    return fail(r, p, v, "%s has no field \"%.64s\" (did you mean \"%s\"?)", s->name, name,
                near->name);
  }
  return fail(r, p, v, "%s has no field \"%.64s\"", s->name, name);
}

/// What must hold once all fields are read.
static chn_status check_whole(const struct reader *r, const struct path *p,
                              const struct codec_json *v, const struct model_struct *s,
                              const void *out)
{
  int32_t n_set = 0;
  for (int32_t i = 0; i < s->n_fields; i++) {
    const bool set = model_field_is_set(&s->fields[i], out);
    n_set += set ? 1 : 0;
    if (s->fields[i].required && !set) {
      return fail(r, p, v, "%s needs the field \"%s\"", s->name, s->fields[i].name);
    }
  }
  if (s->is_union && n_set != 1) {
    return fail(r, p, v, "%s must have exactly one of its fields, it has %d", s->name, n_set);
  }
  return CHN_OK;
}

static chn_status read_struct(const struct reader *r, const struct path *p,
                              const struct codec_json *v, const struct model_struct *s, void *out)
{
  if (!is_map(r, v)) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "an object (%s)", s->name);
    return mistyped(r, p, v, wanted);
  }
  for (int32_t i = 0; i < v->n; i++) {
    const struct codec_json *value = &v->members[i].value;
    const struct model_field *f = model_field_find(s, v->members[i].key);
    if (f == NULL) {
      return unknown_field(r, p, value, s, v->members[i].key);
    }
    if (value->kind == CODEC_JSON_NULL && r->author == MODEL_BY_PERSON) {
      continue;
    }
    const struct path step = { .up = p, .name = f->name };
    const chn_status status = read_field(r, &step, value, f, out);
    if (status != CHN_OK) {
      return status;
    }
    model_field_mark(f, out);
  }
  return check_whole(r, p, v, s, out);
}

chn_status model_read_struct(struct arena *a, const struct codec_json *v,
                             const struct model_struct *s, enum model_author author,
                             const char *what, void *out, struct chn_err *err)
{
  const struct reader r = { .a = a, .author = author, .what = what, .err = err };
  return read_struct(&r, NULL, v, s, out);
}
