#include <string.h>

#include "codec/json.h"
#include "model/fields.h"
#include "model/json.h"
#include "model/read.h"

static void write_text(struct codec_json_writer *w, const char *text)
{
  codec_json_string(w, text, strlen(text));
}

static void write_texts(struct codec_json_writer *w, const char *const *texts, int32_t n)
{
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < n; i++) {
    write_text(w, texts[i]);
  }
  codec_json_end(w, ']');
}

static void write_pairs(struct codec_json_writer *w, const struct model_pair *pairs, int32_t n)
{
  codec_json_begin(w, '{');
  for (int32_t i = 0; i < n; i++) {
    codec_json_key(w, pairs[i].key);
    write_text(w, pairs[i].value);
  }
  codec_json_end(w, '}');
}

static void write_list_pairs(struct codec_json_writer *w, const struct model_list_pair *pairs,
                             int32_t n)
{
  codec_json_begin(w, '{');
  for (int32_t i = 0; i < n; i++) {
    codec_json_key(w, pairs[i].key);
    write_texts(w, pairs[i].values, pairs[i].n_values);
  }
  codec_json_end(w, '}');
}

static void write_map_pairs(struct codec_json_writer *w, const struct model_map_pair *pairs,
                            int32_t n)
{
  codec_json_begin(w, '{');
  for (int32_t i = 0; i < n; i++) {
    codec_json_key(w, pairs[i].key);
    write_pairs(w, pairs[i].pairs, pairs[i].n_pairs);
  }
  codec_json_end(w, '}');
}

/// An authored 5 stays 5 in what the compiler writes; Thrift, whose field is a double, writes 5.0.
static void write_number(struct codec_json_writer *w, const struct model_number *x)
{
  if (x->is_int && w->style != CODEC_JSON_COMPACT) {
    codec_json_int(w, (int64_t)x->value);
  } else {
    codec_json_real(w, x->value);
  }
}

static void write_struct(struct codec_json_writer *w, const struct model_struct *s,
                         const void *value);

static void write_structs(struct codec_json_writer *w, const struct model_struct *type,
                          const char *items, int32_t n)
{
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < n; i++) {
    write_struct(w, type, items + (size_t)i * type->size);
  }
  codec_json_end(w, ']');
}

static void write_field(struct codec_json_writer *w, const struct model_field *f, const void *s)
{
  const void *at = (const char *)s + f->offset;
  switch (f->kind) {
  case MODEL_F_BOOL: codec_json_int(w, *(const bool *)at ? 1 : 0); return;
  case MODEL_F_INT:
  case MODEL_F_ENUM: codec_json_int(w, *(const int32_t *)at); return;
  case MODEL_F_NUMBER: write_number(w, at); return;
  default: break;
  }
  const void *pointer = model_field_pointer(f, s);
  const int32_t n = *(const int32_t *)(const void *)((const char *)s + f->n_offset);
  switch (f->kind) {
  case MODEL_F_STRING: write_text(w, pointer); break;
  case MODEL_F_STRUCT: write_struct(w, &model_structs[f->type], pointer); break;
  case MODEL_F_STRINGS: write_texts(w, pointer, n); break;
  case MODEL_F_STRUCTS: write_structs(w, &model_structs[f->type], pointer, n); break;
  case MODEL_F_MAP: write_pairs(w, pointer, n); break;
  case MODEL_F_MAP_STRINGS: write_list_pairs(w, pointer, n); break;
  case MODEL_F_MAP_MAP: write_map_pairs(w, pointer, n); break;
  default: break;
  }
}

static void write_struct(struct codec_json_writer *w, const struct model_struct *s,
                         const void *value)
{
  codec_json_begin(w, '{');
  for (int32_t i = 0; i < s->n_fields; i++) {
    if (model_field_is_set(&s->fields[i], value)) {
      codec_json_key(w, s->fields[i].name);
      write_field(w, &s->fields[i], value);
    }
  }
  codec_json_end(w, '}');
}

void model_write_json(const struct model_conf *conf, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  write_struct(&w, model_kind_struct(conf->kind), conf->as.any);
}

chn_status model_write_compact(const char *name, const void *value, struct chn_buf *out,
                               struct chn_err *err)
{
  const struct model_struct *s = model_struct_find(name);
  if (s == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "there is no struct %s", name);
  }
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_COMPACT);
  write_struct(&w, s, value);
  return CHN_OK;
}
