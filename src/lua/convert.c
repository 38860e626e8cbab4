// What the constructors make (lua/chronon/README.md) becomes a document, which the field table then
// checks: the types of a definition are known in one place only.
//
//   getmetatable(x).__chronon   x
//   "Map"                       { keys = { k1, k2 }, values = { [k1] = v1, ... } }: an object in
//   order "null"                      null any other name              an object with the table's
//   string keys nothing                     a sequence: an array; a table with string keys: an
//   object by name
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/luart_int.h"

enum {
  MOST_DEPTH = 100,
  NODE_CHARGE = 1000, ///< instructions a value costs: a table that is shared is written many times
};

static struct codec_json convert(lua_State *L, int idx, int depth);

static struct codec_json number(lua_State *L, double value)
{
  struct codec_json v = { .kind = CODEC_JSON_REAL };
  char text[40];
  if (!isfinite(value)) {
    luaL_error(L, "%s cannot be part of a definition", isnan(value) ? "NaN" : "an infinite number");
  }
  if (value == floor(value) && fabs(value) <= 9007199254740992.0) {
    v.kind = CODEC_JSON_INT;
    v.as.integer = (int64_t)value;
    snprintf(text, sizeof text, "%lld", (long long)v.as.integer);
  } else {
    v.as.real = value;
    codec_json_real_text(value, text);
  }
  v.text = arena_strdup(session_of(L)->arena, text);
  v.text_len = strlen(v.text);
  return v;
}

static const char *copy_text(lua_State *L, int idx, size_t *len)
{
  const char *text = lua_tolstring(L, idx, len);
  return arena_strndup(session_of(L)->arena, text, *len);
}

static void allocate_members(lua_State *L, struct codec_json *v, size_t n)
{
  v->n = (int32_t)n;
  v->members = arena_calloc(session_of(L)->arena, n, sizeof *v->members);
}

/// An ordered map.
static struct codec_json convert_map(lua_State *L, int idx, int depth)
{
  struct codec_json v = { .kind = CODEC_JSON_OBJECT };
  lua_getfield(L, idx, "keys");
  lua_getfield(L, idx, "values");
  if (!lua_istable(L, -1) || !lua_istable(L, -2)) {
    luaL_error(L, "an ordered map without keys or values");
  }
  const int values = lua_gettop(L);
  allocate_members(L, &v, lua_objlen(L, values - 1));
  for (int32_t i = 0; i < v.n; i++) {
    size_t len = 0;
    lua_rawgeti(L, values - 1, i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) {
      luaL_error(L, "the keys of an ordered map must be strings");
    }
    v.members[i].key = copy_text(L, -1, &len);
    lua_rawget(L, values);
    v.members[i].value = convert(L, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return v;
}

static struct codec_json convert_list(lua_State *L, int idx, int depth)
{
  struct codec_json v = { .kind = CODEC_JSON_ARRAY };
  allocate_members(L, &v, lua_objlen(L, idx));
  for (int32_t i = 0; i < v.n; i++) {
    lua_rawgeti(L, idx, i + 1);
    v.members[i].value = convert(L, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
  }
  return v;
}

static int by_key(const void *a, const void *b)
{
  const struct codec_json_member *x = a, *y = b;
  return strcmp(x->key, y->key);
}

static size_t count_entries(lua_State *L, int idx)
{
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1)) {
    n++;
  }
  return n;
}

static struct codec_json convert_fields(lua_State *L, int idx, int depth)
{
  struct codec_json v = { .kind = CODEC_JSON_OBJECT };
  allocate_members(L, &v, count_entries(L, idx));
  int32_t i = 0;
  for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1), i++) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      luaL_error(L, "a table with names must not have keys of type %s too", luaL_typename(L, -2));
    }
    size_t len = 0;
    v.members[i].key = copy_text(L, -2, &len);
    v.members[i].value = convert(L, lua_gettop(L), depth + 1);
  }
  qsort(v.members, (size_t)v.n, sizeof *v.members, by_key);
  return v;
}

static struct codec_json convert_table(lua_State *L, int idx, int depth)
{
  if (depth > MOST_DEPTH) {
    luaL_error(L, "a definition is nested deeper than %d levels (does a table hold itself?)",
               (int)MOST_DEPTH);
  }
  luaL_checkstack(L, 8, "a definition is nested too deeply");
  const int top = lua_gettop(L);
  const char *kind = luaL_getmetafield(L, idx, "__chronon") != 0 ? lua_tostring(L, -1) : NULL;
  struct codec_json v = { .kind = CODEC_JSON_NULL };
  if (kind != NULL && strcmp(kind, "Map") == 0) {
    v = convert_map(L, idx, depth);
  } else if (kind != NULL && strcmp(kind, "null") != 0) {
    v = convert_fields(L, idx, depth);
  } else if (kind == NULL) {
    lua_pushnil(L);
    const bool empty = lua_next(L, idx) == 0;
    v = empty || lua_objlen(L, idx) > 0 ? convert_list(L, idx, depth)
                                        : (lua_settop(L, top), convert_fields(L, idx, depth));
  }
  lua_settop(L, top);
  return v;
}

static struct codec_json convert(lua_State *L, int idx, int depth)
{
  struct codec_json v = { .kind = CODEC_JSON_NULL };
  session_charge(L, NODE_CHARGE);
  switch (lua_type(L, idx)) {
  case LUA_TNIL: break;
  case LUA_TBOOLEAN:
    v.kind = CODEC_JSON_BOOL;
    v.as.boolean = lua_toboolean(L, idx) != 0;
    break;
  case LUA_TNUMBER: v = number(L, lua_tonumber(L, idx)); break;
  case LUA_TSTRING:
    v.kind = CODEC_JSON_STRING;
    v.text = copy_text(L, idx, &v.text_len);
    break;
  case LUA_TTABLE: v = convert_table(L, idx, depth); break;
  default: luaL_error(L, "a %s cannot be part of a definition", luaL_typename(L, idx));
  }
  return v;
}

struct codec_json convert_value(lua_State *L, int idx)
{
  return convert(L, idx, 0);
}
