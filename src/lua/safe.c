// Lua's own functions where they would show what differs from run to run (addresses, the order of a
// hash) or escape the limits.
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "lua/luart_int.h"

// ---- text -------------------------------------------------------------------------------------

void safe_tostring(lua_State *L, int idx)
{
  session_charge(L, 1);
  if (luaL_callmeta(L, idx, "__tostring") != 0) {
    if (lua_type(L, -1) != LUA_TSTRING) {
      luaL_error(L, "__tostring must return a string");
    }
    return;
  }
  switch (lua_type(L, idx)) {
  case LUA_TSTRING: lua_pushvalue(L, idx); break;
  case LUA_TNUMBER:
    lua_pushvalue(L, idx);
    lua_tostring(L, -1); // in place
    break;
  case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, idx) != 0 ? "true" : "false"); break;
  default: lua_pushstring(L, luaL_typename(L, idx)); break;
  }
}

static int f_tostring(lua_State *L)
{
  luaL_checkany(L, 1);
  safe_tostring(L, 1);
  return 1;
}

static int f_print(lua_State *L)
{
  const int n = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    safe_tostring(L, i);
    size_t len = 0;
    const char *text = lua_tolstring(L, -1, &len);
    struct chn_buf *out = &session_of(L)->printed;
    if (i > 1) {
      chn_buf_addc(out, '\t');
    }
    chn_buf_add(out, text, len);
    lua_pop(L, 1);
  }
  chn_buf_addc(&session_of(L)->printed, '\n');
  return 0;
}

static void refuse_addresses(lua_State *L, const char *format)
{
  for (const char *c = strchr(format, '%'); c != NULL; c = strchr(c, '%')) {
    c++;
    c += strspn(c, "-+ #0123456789.");
    if (*c == 'p') {
      luaL_error(L, "string.format has no %%p in definitions: addresses differ from run to run");
    }
    c += *c != '\0' ? 1 : 0;
  }
}

/// upvalue 1: Lua's string.format
static int f_format(lua_State *L)
{
  refuse_addresses(L, luaL_checkstring(L, 1));
  const int n = lua_gettop(L);
  for (int i = 2; i <= n; i++) {
    if (lua_type(L, i) >= LUA_TTABLE || lua_type(L, i) == LUA_TLIGHTUSERDATA) {
      safe_tostring(L, i);
      lua_replace(L, i);
    }
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, n, 1);
  return 1;
}

// ---- order ------------------------------------------------------------------------------------

/// Keys in one order: numbers, then strings by bytes, then false and true.
struct key {
  int type;
  double number; ///< or the boolean
  const char *text;
  size_t len;
};

static struct key key_at(lua_State *L, int idx)
{
  struct key k = { .type = lua_type(L, idx) };
  if (k.type == LUA_TNUMBER) {
    k.number = lua_tonumber(L, idx);
  } else if (k.type == LUA_TSTRING) {
    k.text = lua_tolstring(L, idx, &k.len);
  } else if (k.type == LUA_TBOOLEAN) {
    k.number = lua_toboolean(L, idx);
  } else {
    luaL_error(L,
               "keys of type %s have no order: definitions may iterate only over tables with "
               "numbers, strings and booleans as keys",
               luaL_typename(L, idx));
  }
  return k;
}

static int rank(int type)
{
  return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : 2;
}

static int compare_keys(const void *a, const void *b)
{
  const struct key *x = a, *y = b;
  if (x->type != y->type) {
    return rank(x->type) - rank(y->type);
  }
  if (x->type != LUA_TSTRING) {
    return (x->number > y->number) - (x->number < y->number);
  }
  const int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
  return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static void push_key(lua_State *L, const struct key *k)
{
  if (k->type == LUA_TNUMBER) {
    lua_pushnumber(L, k->number);
  } else if (k->type == LUA_TSTRING) {
    lua_pushlstring(L, k->text, k->len);
  } else {
    lua_pushboolean(L, k->number != 0);
  }
}

/// upvalues: the table, its keys in order, how many were given
static int pairs_step(lua_State *L)
{
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
  do {
    i++;
    lua_rawgeti(L, lua_upvalueindex(2), (int)i);
    if (lua_isnil(L, -1)) {
      return 1;
    }
    lua_pushvalue(L, -1);
    lua_rawget(L, lua_upvalueindex(1));
    if (lua_isnil(L, -1)) { // removed meanwhile
      lua_pop(L, 2);
      continue;
    }
    break;
  } while (true);
  lua_pushinteger(L, i);
  lua_replace(L, lua_upvalueindex(3));
  return 2;
}

static int f_pairs(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
    n++;
  }
  session_charge(L, (int64_t)n);
  struct key *keys = lua_newuserdata(L, (n + 1) * sizeof *keys); // Lua's, so that an error frees it
  size_t k = 0;
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
    keys[k++] = key_at(L, -2);
  }
  qsort(keys, n, sizeof *keys, compare_keys);
  lua_pushvalue(L, 1);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    push_key(L, &keys[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, pairs_step, 3);
  lua_pushvalue(L, 1);
  return 2;
}

/// The key after the one given, in the order of pairs.
static int f_next(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  const bool first = lua_isnil(L, 2);
  const struct key after = first ? (struct key){ 0 } : key_at(L, 2);
  struct key best = { .type = LUA_TNIL };
  int64_t n = 0;
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1), n++) {
    const struct key k = key_at(L, -2);
    if ((first || compare_keys(&k, &after) > 0) &&
        (best.type == LUA_TNIL || compare_keys(&k, &best) < 0)) {
      best = k;
    }
  }
  session_charge(L, n);
  if (best.type == LUA_TNIL) {
    return 0;
  }
  push_key(L, &best);
  lua_pushvalue(L, -1);
  lua_rawget(L, 1);
  return 2;
}

// ---- control ----------------------------------------------------------------------------------

/// Lua's xpcall runs the handler inside the failing hook, where no limit reaches it; this one runs
/// it after the stack is unwound.
static int f_xpcall(lua_State *L)
{
  luaL_checkany(L, 2);
  session_charge(L, 50);
  const int n = lua_gettop(L);
  lua_pushvalue(L, 1);
  lua_insert(L, 3); // f, handler, f, arguments
  const int status = lua_pcall(L, n - 2, LUA_MULTRET, 0);
  if (status == 0) {
    lua_pushboolean(L, 1);
    lua_replace(L, 2);
    return lua_gettop(L) - 1;
  }
  session_charge(L, 0); // raises for good where a limit was the cause
  lua_pushvalue(L, 2);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

static int unavailable(lua_State *L)
{
  return luaL_error(L,
                    "%s is not available in definitions: they see no files, no time, no chance "
                    "and load no code, so that the same definitions always mean the same",
                    lua_tostring(L, lua_upvalueindex(1)));
}

static void refuse(lua_State *L, const char *library, const char *name)
{
  lua_getglobal(L, library);
  lua_pushfstring(L, "%s.%s", library, name);
  lua_pushcclosure(L, unavailable, 1);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/// Reached for globals that do not exist: (environment, name).
static int undefined_global(lua_State *L)
{
  static const char *const taken[] = {
    "io",       "os",       "debug",      "ffi",     "jit",     "package", "load",
    "dofile",   "loadfile", "loadstring", "getfenv", "setfenv", "module",  "collectgarbage",
    "newproxy", "gcinfo"
  };
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
    if (strcmp(name, taken[i]) == 0) {
      return luaL_error(L,
                        "`%s` is not available in definitions: they see no files, no time, no "
                        "chance and load no code, so that the same definitions always mean the "
                        "same",
                        name);
    }
  }
  return luaL_error(L, "`%s` is not defined", name);
}

/// What definitions see of the state's globals.
static const char *const functions[] = { "assert",   "error",    "getmetatable", "ipairs",
                                         "next",     "pairs",    "pcall",        "print",
                                         "rawequal", "rawget",   "rawset",       "select",
                                         "tonumber", "tostring", "type",         "setmetatable",
                                         "unpack",   "xpcall",   "_VERSION" };
static const char *const libraries[] = { "string", "table", "math", "coroutine", "bit" };

void env_push(lua_State *L, const char *module)
{
  lua_newtable(L);
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    lua_getglobal(L, functions[i]);
    lua_setfield(L, -2, functions[i]);
  }
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    lua_newtable(L);
    lua_getglobal(L, libraries[i]); // env, copy, library
    for (lua_pushnil(L); lua_next(L, -2) != 0;) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_settable(L, -5);
    }
    lua_pop(L, 1);
    lua_setfield(L, -2, libraries[i]);
  }
  require_function(L, module);
  lua_setfield(L, -2, "require");
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "_G");
  lua_newtable(L);
  lua_pushcfunction(L, undefined_global);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
}

static void set_global(lua_State *L, const char *name, lua_CFunction f)
{
  lua_pushcfunction(L, f);
  lua_setglobal(L, name);
}

void safe_install(lua_State *L)
{
  static const char *const gone[] = { "collectgarbage", "dofile",    "gcinfo", "getfenv",
                                      "load",           "loadfile",  "module", "newproxy",
                                      "setfenv",        "loadstring" };
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
    lua_pushnil(L);
    lua_setglobal(L, gone[i]);
  }
  refuse(L, "string", "dump");
  refuse(L, "math", "random");
  refuse(L, "math", "randomseed");
  set_global(L, "tostring", f_tostring);
  set_global(L, "print", f_print);
  set_global(L, "pairs", f_pairs);
  set_global(L, "next", f_next);
  set_global(L, "xpcall", f_xpcall);
  lua_getglobal(L, "string");
  lua_getfield(L, -1, "format");
  lua_pushcclosure(L, f_format, 1);
  lua_setfield(L, -2, "format");
  lua_pop(L, 1);
  // The methods of strings are shared by all files: their table stays out of reach.
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);
}
