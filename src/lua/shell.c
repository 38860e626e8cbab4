// The shell's state, and how an interrupt reaches what runs in it.
#include "lua/shell.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lua/luart_int.h"

struct luart_shell {
  lua_State *L;
  volatile sig_atomic_t protected; ///< depth of protect()
};

static const char shell_key[] = "chronon.shell";

// ---- modules ----------------------------------------------------------------------------------

static int search_embedded(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  for (const struct luart_module *m = luart_modules; m->name != NULL; m++) {
    if (strcmp(m->name, name) == 0) {
      lua_pushfstring(L, "@%s", m->path);
      if (luaL_loadbuffer(L, m->text, m->len, lua_tostring(L, -1)) != 0) {
        return lua_error(L);
      }
      return 1;
    }
  }
  lua_pushfstring(L, "\n\tno module '%s' in the program", name);
  return 1;
}

static int open_schema(lua_State *L)
{
  schema_push(L);
  return 1;
}

static int open_headers(lua_State *L)
{
  lua_newtable(L);
  for (const struct luart_module *m = luart_headers; m->name != NULL; m++) {
    lua_pushlstring(L, m->text, m->len);
    lua_setfield(L, -2, m->name);
  }
  return 1;
}

static int open_libraries(lua_State *L)
{
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaders");
  for (int i = (int)lua_objlen(L, -1); i >= 2; i--) { // right behind package.preload
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search_embedded);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 1);
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open_schema);
  lua_setfield(L, -2, "chronon.schema");
  lua_pushcfunction(L, open_headers);
  lua_setfield(L, -2, "repl.headers");
  return 0;
}

// ---- protect ----------------------------------------------------------------------------------

static struct luart_shell *shell_of(lua_State *L)
{
  lua_getfield(L, LUA_REGISTRYINDEX, shell_key);
  struct luart_shell *sh = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return sh;
}

/// Raised again by every instruction until protect() is left: no pcall outlives an interrupt.
static void on_interrupt(lua_State *L, lua_Debug *unused)
{
  (void)unused;
  luaL_error(L, "interrupted");
}

/// The message stays what it is; the traceback is kept for protect() to return.
static int keep_traceback(lua_State *L)
{
  if (lua_gethook(L) == NULL) {
    luaL_traceback(L, L, NULL, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "chronon.traceback");
  }
  return 1;
}

static int protect(lua_State *L)
{
  struct luart_shell *sh = shell_of(L);
  const int n = lua_gettop(L);
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, "chronon.traceback");
  lua_pushcfunction(L, keep_traceback);
  lua_insert(L, 1);
  sh->protected ++;
  const int raised = lua_pcall(L, n - 1, LUA_MULTRET, 1);
  sh->protected --;
  const bool interrupted = lua_gethook(L) != NULL;
  lua_sethook(L, NULL, 0, 0);
  if (interrupted) { // also where the last instruction was its last
    lua_settop(L, 0);
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "interrupted");
    return 2;
  }
  lua_pushboolean(L, raised == 0);
  lua_replace(L, 1);
  if (raised != 0) {
    lua_getfield(L, LUA_REGISTRYINDEX, "chronon.traceback");
  }
  return lua_gettop(L);
}

void luart_shell_interrupt(struct luart_shell *sh)
{
  if (sh != NULL && sh->protected > 0) {
    lua_sethook(sh->L, on_interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
  }
}

// ---- the state --------------------------------------------------------------------------------

chn_status luart_shell_open(struct luart_shell **out, struct chn_err *err)
{
  lua_State *L = luaL_newstate();
  if (L == NULL || lua_cpcall(L, open_libraries, NULL) != 0) {
    if (L != NULL) {
      lua_close(L);
    }
    return chn_fail(err, CHN_E_MEMORY, "no memory for a Lua state");
  }
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  struct luart_shell *sh = chn_calloc(1, sizeof *sh);
  sh->L = L;
  lua_pushlightuserdata(L, sh);
  lua_setfield(L, LUA_REGISTRYINDEX, shell_key);
  *out = sh;
  return CHN_OK;
}

void luart_shell_close(struct luart_shell *sh)
{
  if (sh != NULL) {
    lua_close(sh->L);
    free(sh);
  }
}

struct start {
  const char *module;
  void *host;
  int code;
};

static int start(lua_State *L)
{
  struct start *s = lua_touserdata(L, 1);
  lua_getglobal(L, "require");
  lua_pushstring(L, s->module);
  lua_call(L, 1, 1);
  lua_pushlightuserdata(L, s->host);
  lua_pushcfunction(L, protect);
  lua_call(L, 2, 1);
  s->code = (int)lua_tointeger(L, -1);
  return 0;
}

chn_status luart_shell_run(struct luart_shell *sh, const char *module, void *host, int *code,
                           struct chn_err *err)
{
  struct start s = { .module = module, .host = host };
  if (lua_cpcall(sh->L, start, &s) != 0) {
    const char *message = lua_tostring(sh->L, -1);
    return chn_fail(err, CHN_E_INTERNAL, "the shell fails: %s",
                    message != NULL ? message : "without a message");
  }
  *code = s.code;
  return CHN_OK;
}
