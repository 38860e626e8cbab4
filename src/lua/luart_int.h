/// luart_int.h: the parts of a load, private to the room.
#pragma once
#include <lua.h>

#include "codec/json.h"
#include "lua/luart.h"

/// A module of lua/, embedded at build time; the last one has no name.
struct luart_module {
  const char *name; ///< "chronon.map"
  const char *path; ///< "chronon/map.lua"
  const char *text;
  size_t len;
};
extern const struct luart_module luart_modules[];

/// The C headers that the shell calls through (cmake/Embed.cmake lists them), by their path in
/// src/; the last one has no name.
extern const struct luart_module luart_headers[];

struct luart {
  char *repo;
  struct luart_limits limits;
};

/// One load. It is the `ud` of the state's allocator, which is how C functions find it.
struct session {
  const struct luart *rt;
  struct arena *arena;
  lua_State *L;
  size_t used;           ///< bytes of Lua's heap
  int64_t budget;        ///< instructions left
  double cpu_start;      ///< ms
  const char *c_stack;   ///< where the stack of C stood at the start
  const char *exhausted; ///< why every further instruction fails, or NULL
  const char **files;    ///< of the repo, read so far; in `arena`
  int32_t n_files;
  struct chn_buf printed;
  bool not_found; ///< the file to load does not exist
};

struct session *session_of(lua_State *L);

/// Opens a state with limits and the globals of definitions. Fails with CHN_E_MEMORY only.
chn_status session_open(struct session *s, const struct luart *rt, struct arena *a,
                        struct chn_err *err);
void session_close(struct session *s);

/// Takes instructions; raises when none are left, or when the stack of C is deep. For C functions
/// that loop or call back into Lua.
void session_charge(lua_State *L, int64_t instructions);

/// lua_CFunctions of state.c's kind: install globals. Each leaves the stack as it was.
void safe_install(lua_State *L);    ///< tostring, pairs, next, print, xpcall, string.format
void pattern_install(lua_State *L); ///< string.find, match, gmatch, gsub
void require_install(lua_State *L); ///< require

/// Pushes the environment of one definition file: copies of the libraries, no undefined globals.
/// `module` is the file's name as a module.
void env_push(lua_State *L, const char *module);

/// Pushes the text of tostring(value at idx), which shows no address.
void safe_tostring(lua_State *L, int idx);

/// Pushes the value of a module, loading it first. `name` as in require, `caller` the module that
/// asks, NULL for none. Raises.
void require_push(lua_State *L, const char *name, const char *caller);

/// Pushes `require` as the module `caller` sees it.
void require_function(lua_State *L, const char *caller);

/// Pushes the table of `require "chronon.schema"`.
void schema_push(lua_State *L);

/// Runs the text at the top of the stack (pops it) as the file `path` of the repo, which is the
/// module `module`, and pushes what it returned. Raises.
void require_run(lua_State *L, const char *module, const char *path);

/// Loads a file of the repo: pushes the list of its definitions (chronon.module's `define`).
void require_definitions(lua_State *L, const char *module, const char *path);

/// Runs a test file of the repo between chronon.trial's begin and finish, and pushes the plan.
void require_test(lua_State *L, const char *module, const char *path);

/// "group_bys/team/file.lua" -> "group_bys.team.file"; raises when it is no module.
const char *require_module_of(lua_State *L, struct arena *a, const char *path);

/// The value at idx as a document in the session's arena. Raises on what JSON cannot say.
struct codec_json convert_value(lua_State *L, int idx);
