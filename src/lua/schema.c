// The field table of room model, for Lua.
#include <lauxlib.h>

#include "lua/luart_int.h"
#include "model/fields.h"

static void set_string(lua_State *L, const char *key, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void push_field(lua_State *L, const struct model_field *f)
{
  char type[64];
  lua_newtable(L);
  set_string(L, "name", f->name);
  set_string(L, "type", model_field_type_name(f, type));
  set_string(L, "doc", f->doc);
  lua_pushinteger(L, f->id);
  lua_setfield(L, -2, "id");
  lua_pushboolean(L, f->required);
  lua_setfield(L, -2, "required");
}

static void push_struct(lua_State *L, const struct model_struct *s)
{
  lua_newtable(L);
  set_string(L, "name", s->name);
  set_string(L, "doc", s->doc);
  lua_pushboolean(L, s->is_union);
  lua_setfield(L, -2, "union");
  lua_newtable(L);
  for (int32_t i = 0; i < s->n_fields; i++) {
    push_field(L, &s->fields[i]);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, s->fields[i].name);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "fields");
}

static void push_enum(lua_State *L, const struct model_enum *e)
{
  lua_newtable(L);
  for (int32_t i = 0; i < e->n_values; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, e->values[i]);
  }
}

void schema_push(lua_State *L)
{
  lua_newtable(L);
  lua_newtable(L);
  for (int32_t i = 0; i < MODEL_S_COUNT; i++) {
    push_struct(L, &model_structs[i]);
    lua_setfield(L, -2, model_structs[i].name);
  }
  lua_setfield(L, -2, "structs");
  lua_newtable(L);
  for (int32_t i = 0; i < MODEL_E_COUNT; i++) {
    push_enum(L, &model_enums[i]);
    lua_setfield(L, -2, model_enums[i].name);
  }
  lua_setfield(L, -2, "enums");
}
