#include "model/fields.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"

enum { MOST_FIELDS = 32 }; // of any struct in the table

const struct model_struct *model_struct_find(const char *name)
{
  for (int32_t i = 0; i < MODEL_S_COUNT; i++) {
    if (strcmp(model_structs[i].name, name) == 0) {
      return &model_structs[i];
    }
  }
  return NULL;
}

const struct model_field *model_field_find(const struct model_struct *s, const char *name)
{
  for (int32_t i = 0; i < s->n_fields; i++) {
    if (strcmp(s->fields[i].name, name) == 0) {
      return &s->fields[i];
    }
  }
  return NULL;
}

const struct model_field *model_field_near(const struct model_struct *s, const char *name)
{
  const char *names[MOST_FIELDS];
  for (int32_t i = 0; i < s->n_fields; i++) {
    names[i] = s->fields[i].name;
  }
  const char *near = chn_near(name, names, (size_t)s->n_fields);
  return near != NULL ? model_field_find(s, near) : NULL;
}

int32_t model_enum_find(const struct model_enum *e, const char *name)
{
  for (int32_t i = 0; i < e->n_values; i++) {
    if (strcasecmp(e->values[i], name) == 0) {
      return i;
    }
  }
  return -1;
}

char *model_field_type_name(const struct model_field *f, char *out)
{
  static const char *const formats[] = {
    [MODEL_F_STRING] = "string",
    [MODEL_F_BOOL] = "bool",
    [MODEL_F_INT] = "i32",
    [MODEL_F_ENUM] = "%s",
    [MODEL_F_NUMBER] = "double",
    [MODEL_F_STRUCT] = "%s",
    [MODEL_F_STRINGS] = "list<string>",
    [MODEL_F_STRUCTS] = "list<%s>",
    [MODEL_F_MAP] = "map<string, string>",
    [MODEL_F_MAP_STRINGS] = "map<string, list<string>>",
    [MODEL_F_MAP_MAP] = "map<string, map<string, string>>",
  };
  const char *format = formats[f->kind];
  const char *hole = strstr(format, "%s");
  if (hole == NULL) {
    return strcpy(out, format);
  }
  const char *type =
      f->kind == MODEL_F_ENUM ? model_enums[f->type].name : model_structs[f->type].name;
  snprintf(out, 64, "%.*s%s%s", (int)(hole - format), format, type, hole + 2);
  return out;
}

void *model_field_at(const struct model_field *f, void *s)
{
  return (char *)s + f->offset;
}

int32_t *model_field_count(const struct model_field *f, void *s)
{
  return (int32_t *)(void *)((char *)s + f->n_offset);
}

// Copied, not dereferenced: the member's own pointer type is not known here.
const void *model_field_pointer(const struct model_field *f, const void *s)
{
  const void *pointer = NULL;
  memcpy(&pointer, (const char *)s + f->offset, sizeof pointer);
  return pointer;
}

void model_field_mark(const struct model_field *f, void *s)
{
  *(uint64_t *)s |= (uint64_t)1 << f->id;
}

bool model_field_is_set(const struct model_field *f, const void *s)
{
  return model_has(*(const uint64_t *)s, f->id);
}

bool model_has(uint64_t set, int32_t id)
{
  return ((set >> id) & 1) != 0;
}
