/// fields.h: the one table of api.thrift's structs, fields and enums.
///
/// JSON reading and writing, Lua definitions, `require "chronon.schema"`, checks and
/// docs/reference/model.md all walk this table; a field exists where it stands here, once.
#pragma once
#include "model/model.h"

enum model_field_kind {
  MODEL_F_STRING,      ///< const char *
  MODEL_F_BOOL,        ///< bool; in JSON 0 or 1
  MODEL_F_INT,         ///< int32_t
  MODEL_F_ENUM,        ///< int32_t, a number of `type` among the enums
  MODEL_F_NUMBER,      ///< struct model_number
  MODEL_F_STRUCT,      ///< pointer to the struct `type`
  MODEL_F_STRINGS,     ///< list of const char *
  MODEL_F_STRUCTS,     ///< list of the struct `type`
  MODEL_F_MAP,         ///< list of struct model_pair
  MODEL_F_MAP_STRINGS, ///< list of struct model_list_pair
  MODEL_F_MAP_MAP,     ///< list of struct model_map_pair
};

/// The structs, in the order of model_structs.
enum model_struct_id {
  MODEL_S_QUERY,
  MODEL_S_STAGING_QUERY,
  MODEL_S_EVENT_SOURCE,
  MODEL_S_ENTITY_SOURCE,
  MODEL_S_EXTERNAL_SOURCE_FACTORY_CONFIG,
  MODEL_S_EXTERNAL_SOURCE,
  MODEL_S_JOIN_SOURCE,
  MODEL_S_SOURCE,
  MODEL_S_WINDOW,
  MODEL_S_AGGREGATION,
  MODEL_S_META_DATA,
  MODEL_S_GROUP_BY,
  MODEL_S_JOIN_PART,
  MODEL_S_EXTERNAL_PART,
  MODEL_S_DERIVATION,
  MODEL_S_JOIN,
  MODEL_S_BOOTSTRAP_PART,
  MODEL_S_LABEL_PART,
  MODEL_S_GROUP_BY_SERVING_INFO,
  MODEL_S_DATA_FIELD,
  MODEL_S_DATA_TYPE,
  MODEL_S_INFERENCE_SPEC,
  MODEL_S_MODEL,
  MODEL_S_MODEL_TRANSFORM,
  MODEL_S_MODEL_TRANSFORMS,
  MODEL_S_COUNT,
};

/// The enums, in the order of model_enums.
enum model_enum_id {
  MODEL_E_OPERATION,
  MODEL_E_TIME_UNIT,
  MODEL_E_ACCURACY,
  MODEL_E_DATA_KIND,
  MODEL_E_COUNT,
};

struct model_field {
  const char *name; ///< Thrift's, in camelCase
  int32_t id;       ///< Thrift's
  enum model_field_kind kind;
  int32_t type;    ///< enum model_struct_id or model_enum_id, by kind; else -1
  bool required;   ///< a definition without it means nothing
  size_t offset;   ///< of the member
  size_t n_offset; ///< of its count, for lists and maps
  const char *doc; ///< one line, without a full stop
};

struct model_struct {
  const char *name; ///< Thrift's
  size_t size;
  bool is_union;                    ///< exactly one field is set
  const struct model_field *fields; ///< by id
  int32_t n_fields;
  const char *doc;
};

struct model_enum {
  const char *name;
  const char *const *values; ///< the name of each number from 0
  int32_t n_values;
  const char *doc;
};

extern const struct model_struct model_structs[];
extern const struct model_enum model_enums[];

/// The struct of a Thrift name, or NULL.
const struct model_struct *model_struct_find(const char *name);

/// The field of a Thrift name, or NULL.
const struct model_field *model_field_find(const struct model_struct *s, const char *name);

/// The field that `name` most likely meant, or NULL.
const struct model_field *model_field_near(const struct model_struct *s, const char *name);

/// The number of an enum's name (in any letter case), or -1.
int32_t model_enum_find(const struct model_enum *e, const char *name);

/// "string", "list<Window>", "map<string, string>", ...: Thrift's name of a field's type, written
/// into out (of at least 64 bytes).
char *model_field_type_name(const struct model_field *f, char *out);

/// Where a field's member lies in the struct at `s`, and its count.
void *model_field_at(const struct model_field *f, void *s);
int32_t *model_field_count(const struct model_field *f, void *s);

/// The value of a member that is a pointer: a string, struct, list or map.
const void *model_field_pointer(const struct model_field *f, const void *s);

/// Sets the bit of a field; every struct starts with it.
void model_field_mark(const struct model_field *f, void *s);

/// Whether it is set.
bool model_field_is_set(const struct model_field *f, const void *s);
