// Questions and answers of external sources as JSON: what HTTP endpoints and Lua functions speak.
#include <stdint.h>
#include <string.h>

#include "codec/json.h"
#include "fetcher/json_int.h"

void fetch_external_ask(const struct fetch_external_call *call, struct chn_buf *out)
{
  chn_buf_addc(out, '[');
  for (size_t r = 0; r < call->n; r++) {
    chn_buf_adds(out, r > 0 ? ",{" : "{");
    for (int32_t k = 0; k < call->keys->n_fields; k++) {
      struct codec_json_writer w;
      codec_json_writer_init(&w, out, CODEC_JSON_COMPACT);
      chn_buf_adds(out, k > 0 ? "," : "");
      codec_json_string(&w, call->keys->fields[k].name, strlen(call->keys->fields[k].name));
      chn_buf_addc(out, ':');
      fetch_json_value(&call->key_cols[k], r, FETCH_JSON_DETAILED, out);
    }
    chn_buf_addc(out, '}');
  }
  chn_buf_addc(out, ']');
}

// ---- answers ----------------------------------------------------------------------------------

static bool fits_whole(enum row_kind kind, const struct codec_json *v)
{
  const int64_t max = kind == ROW_BYTE    ? INT8_MAX
                      : kind == ROW_SHORT ? INT16_MAX
                      : kind == ROW_INT   ? INT32_MAX
                                          : INT64_MAX;
  return v->kind == CODEC_JSON_INT && v->as.integer <= max && v->as.integer >= -max - 1;
}

static bool fits_members(const struct row_type *t, const struct codec_json *v)
{
  for (int32_t i = 0; i < v->n; i++) {
    const struct codec_json_member *m = &v->members[i];
    const struct row_type *type = t->fields[t->kind == ROW_LIST ? 0 : 1].type;
    if (m->value.kind == CODEC_JSON_NULL || !fj_fits(type, &m->value)) {
      return false;
    }
  }
  return true;
}

static bool fits_struct(const struct row_type *t, const struct codec_json *v)
{
  for (int32_t i = 0; i < t->n_fields; i++) {
    const struct codec_json *field = codec_json_get(v, t->fields[i].name);
    if (field != NULL && !fj_fits(t->fields[i].type, field)) {
      return false;
    }
  }
  return v->kind == CODEC_JSON_OBJECT;
}

bool fj_fits(const struct row_type *t, const struct codec_json *v)
{
  if (v->kind == CODEC_JSON_NULL) {
    return true;
  }
  switch (t->kind) {
  case ROW_BOOLEAN: return v->kind == CODEC_JSON_BOOL;
  case ROW_FLOAT:
  case ROW_DOUBLE: return v->kind == CODEC_JSON_INT || v->kind == CODEC_JSON_REAL;
  case ROW_STRING:
  case ROW_BINARY: return v->kind == CODEC_JSON_STRING;
  case ROW_LIST: return v->kind == CODEC_JSON_ARRAY && fits_members(t, v);
  case ROW_MAP:
    return v->kind == CODEC_JSON_OBJECT && t->fields[0].type->kind == ROW_STRING &&
           fits_members(t, v);
  case ROW_STRUCT: return fits_struct(t, v);
  case ROW_DATE:
  case ROW_TIMESTAMP:
  case ROW_OTHER: return false;
  default: return fits_whole(t->kind, v);
  }
}

static void put_nested(struct row_builder *to, const struct row_type *t, const struct codec_json *v)
{
  struct row_builder *child = t->kind != ROW_STRUCT ? row_builder_child(to, 0) : NULL;
  if (t->kind == ROW_STRUCT) {
    for (int32_t i = 0; i < t->n_fields; i++) {
      fj_put(row_builder_child(to, i), t->fields[i].type, codec_json_get(v, t->fields[i].name));
    }
    row_builder_close_struct(to);
    return;
  }
  for (int32_t i = 0; i < v->n; i++) {
    const struct codec_json_member *m = &v->members[i];
    if (t->kind == ROW_LIST) {
      fj_put(child, t->fields[0].type, &m->value);
      continue;
    }
    row_builder_string(row_builder_child(child, 0), m->key, strlen(m->key));
    fj_put(row_builder_child(child, 1), t->fields[1].type, &m->value);
    row_builder_close_struct(child);
  }
  row_builder_close_list(to);
}

void fj_put(struct row_builder *to, const struct row_type *t, const struct codec_json *v)
{
  if (v == NULL || v->kind == CODEC_JSON_NULL) {
    row_builder_null(to);
    return;
  }
  const double real = v->kind == CODEC_JSON_INT ? (double)v->as.integer : v->as.real;
  switch (t->kind) {
  case ROW_BOOLEAN: row_builder_value(to, &v->as.boolean); break;
  case ROW_BYTE: row_builder_value(to, &(int8_t){ (int8_t)v->as.integer }); break;
  case ROW_SHORT: row_builder_value(to, &(int16_t){ (int16_t)v->as.integer }); break;
  case ROW_INT: row_builder_value(to, &(int32_t){ (int32_t)v->as.integer }); break;
  case ROW_LONG: row_builder_value(to, &v->as.integer); break;
  case ROW_FLOAT: row_builder_value(to, &(float){ (float)real }); break;
  case ROW_DOUBLE: row_builder_value(to, &real); break;
  case ROW_STRING:
  case ROW_BINARY: row_builder_string(to, v->text, v->text_len); break;
  default: put_nested(to, t, v); break;
  }
}

/// Why an answer is none, or NULL.
static const char *refuse(const struct fetch_external_call *call, const struct codec_json *v)
{
  const struct codec_json *error = codec_json_get(v, "error");
  if (v->kind != CODEC_JSON_OBJECT) {
    return arena_printf(call->arena, "external source %s answers %s, not an object", call->source,
                        codec_json_kind_name(v->kind));
  }
  if (error != NULL && v->n == 1 && error->kind == CODEC_JSON_STRING) {
    return arena_strdup(call->arena, error->text);
  }
  for (int32_t i = 0; i < call->values->n_fields; i++) {
    const struct row_field *f = &call->values->fields[i];
    const struct codec_json *field = codec_json_get(v, f->name);
    if (field != NULL && !fj_fits(f->type, field)) {
      struct chn_buf type = { 0 };
      row_type_print(&type, f->type);
      const char *why =
          arena_printf(call->arena, "external source %s: %s is %s, and should be %s", call->source,
                       f->name, codec_json_kind_name(field->kind), chn_buf_str(&type));
      chn_buf_deinit(&type);
      return why;
    }
  }
  return NULL;
}

/// Makes empty arrays objects where those are wanted.
static void mean_objects(const struct row_type *t, struct codec_json *v)
{
  const bool is_object = t->kind == ROW_MAP || t->kind == ROW_STRUCT;
  if (v->kind == CODEC_JSON_ARRAY && v->n == 0 && is_object) {
    v->kind = CODEC_JSON_OBJECT;
  }
  const bool has_members = v->kind == CODEC_JSON_OBJECT || v->kind == CODEC_JSON_ARRAY;
  for (int32_t i = 0; i < v->n && has_members && t->n_fields > 0; i++) {
    struct codec_json_member *m = &v->members[i];
    for (int32_t f = 0; f < t->n_fields && t->kind == ROW_STRUCT && m->key != NULL; f++) {
      if (strcmp(t->fields[f].name, m->key) == 0) {
        mean_objects(t->fields[f].type, &m->value);
      }
    }
    if (t->kind != ROW_STRUCT) {
      mean_objects(t->fields[t->n_fields - 1].type, &m->value); // of a map its values
    }
  }
}

chn_status fetch_external_answer(const struct fetch_external_call *call, const char *text,
                                 size_t len, bool lua, struct chn_err *err)
{
  const struct row_type row_type = { .kind = ROW_STRUCT,
                                     .fields = call->values->fields,
                                     .n_fields = call->values->n_fields };
  const struct codec_json *v = NULL;
  const chn_status s = codec_json_parse(call->arena, text, len, "the answer", &v, err);
  if (s != CHN_OK) {
    return s;
  }
  if (v->kind != CODEC_JSON_ARRAY || (size_t)v->n != call->n) {
    return chn_fail(err, CHN_E_CORRUPT, "the answer is no array of %zu objects", call->n);
  }
  for (size_t r = 0; r < call->n; r++) {
    struct codec_json *row = &v->members[r].value;
    if (lua) {
      mean_objects(&row_type, row);
    }
    call->errors[r] = refuse(call, row);
    for (int32_t i = 0; i < call->values->n_fields; i++) {
      const struct row_field *f = &call->values->fields[i];
      fj_put(call->outs[i], f->type, call->errors[r] == NULL ? codec_json_get(row, f->name) : NULL);
    }
  }
  return CHN_OK;
}
