// Where modules come from: the library embedded in the program, and the files of the repo.
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/near.h"
#include "lua/luart_int.h"

enum {
  MOST_LOADING = 64,    ///< modules in a chain
  MOST_NAMES = 256,     ///< files of a folder looked at for a near name
  MOST_BYTES = 4 << 20, ///< of one file
};

static const char loaded_key[] = "chronon.loaded";
static const char definitions_key[] = "chronon.definitions";
static const char parents_key[] = "chronon.parents";

static const struct luart_module *embedded(const char *name)
{
  for (const struct luart_module *m = luart_modules; m->name != NULL; m++) {
    if (strcmp(m->name, name) == 0) {
      return m;
    }
  }
  return NULL;
}

static bool is_library(const char *name)
{
  return strcmp(name, "chronon") == 0 || strncmp(name, "chronon.", 8) == 0;
}

/// Letters, digits, _ and - between single dots: no way out of the repo.
static bool is_module_name(const char *name)
{
  bool empty = true;
  for (const char *c = name; *c != '\0'; c++) {
    const bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                      (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
    if (!word && (*c != '.' || empty)) {
      return false;
    }
    empty = !word;
  }
  return !empty;
}

static const char *path_of_module(struct arena *a, const char *name)
{
  char *path = arena_printf(a, "%s.lua", name);
  for (char *c = path; c < path + strlen(name); c++) {
    *c = *c == '.' ? '/' : *c;
  }
  return path;
}

const char *require_module_of(lua_State *L, struct arena *a, const char *path)
{
  const size_t n = strlen(path);
  const bool is_lua = n > 4 && strcmp(path + n - 4, ".lua") == 0;
  char *name = arena_strndup(a, path, is_lua ? n - 4 : 0);
  const bool dotted = strchr(name, '.') != NULL;
  for (char *c = name; *c != '\0'; c++) {
    *c = *c == '/' ? '.' : *c;
  }
  if (dotted || !is_module_name(name)) {
    luaL_error(L,
               "%s: no definition file: its path must be letters, digits, _ and - with / "
               "between and .lua at the end",
               path);
  }
  return name;
}

// ---- the repo's files -------------------------------------------------------------------------

/// What is said when there is no such module: the nearest file of the same folder.
static void missing_module(lua_State *L, const char *name, const char *path)
{
  struct session *s = session_of(L);
  const char *slash = strrchr(path, '/');
  const char *folder = slash != NULL ? arena_strndup(s->arena, path, (size_t)(slash - path)) : ".";
  const char *names[MOST_NAMES];
  size_t n = 0;
  DIR *dir = opendir(arena_printf(s->arena, "%s/%s", s->rt->repo, folder));
  for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL && n < MOST_NAMES;
       e = readdir(dir)) {
    const char *dot = strstr(e->d_name, ".lua");
    if (dot != NULL && dot[4] == '\0' && dot != e->d_name) {
      names[n++] = arena_strndup(s->arena, e->d_name, (size_t)(dot - e->d_name));
    }
  }
  if (dir != NULL) {
    closedir(dir);
  }
  const char *last = strrchr(name, '.');
  const char *near = chn_near(last != NULL ? last + 1 : name, names, n);
  const char *hint = "";
  if (near != NULL) {
    hint = arena_printf(s->arena, " (did you mean \"%.*s%s\"?)",
                        last != NULL ? (int)(last + 1 - name) : 0, name, near);
  }
  luaL_error(L, "there is no module \"%s\": the repo has no file %s%s", name, path, hint);
}

/// Pushes the text of a repo's file; false when it does not exist.
static bool push_file(lua_State *L, const char *path)
{
  struct session *s = session_of(L);
  const char *full = arena_printf(s->arena, "%s/%s", s->rt->repo, path);
  struct stat st;
  if (stat(full, &st) == 0 && !S_ISREG(st.st_mode)) { // opening a pipe would wait for its writer
    luaL_error(L, "%s: is no regular file", path);
  }
  FILE *file = fopen(full, "rb");
  if (file == NULL) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return false;
    }
    luaL_error(L, "%s: cannot be opened: %s", path, strerror(errno));
  }
  struct chn_buf text = { .max = MOST_BYTES };
  char chunk[16384];
  for (size_t n = 1; n > 0;) {
    n = fread(chunk, 1, sizeof chunk, file);
    chn_buf_add(&text, chunk, n);
  }
  const bool failed = ferror(file) != 0;
  fclose(file);
  char *copy = arena_strndup(s->arena, chn_buf_str(&text), text.len);
  const size_t len = text.len;
  const bool truncated = text.truncated;
  chn_buf_deinit(&text); // before anything can raise
  if (failed || truncated) {
    luaL_error(L, "%s: %s", path, failed ? "cannot be read" : "is larger than 4 MiB");
  }
  lua_pushlstring(L, copy, len);
  return true;
}

static void note_file(struct session *s, const char *path)
{
  const char **more = arena_calloc(s->arena, (size_t)s->n_files + 1, sizeof *more);
  if (s->n_files > 0) {
    memcpy(more, s->files, (size_t)s->n_files * sizeof *more);
  }
  more[s->n_files++] = path;
  s->files = more;
}

void require_run(lua_State *L, const char *module, const char *path)
{
  size_t len = 0;
  const char *text = lua_tolstring(L, -1, &len);
  const char *chunk = arena_printf(session_of(L)->arena, "@%s", path);
  if (luaL_loadbufferx(L, text, len, chunk, "t") != 0) {
    lua_error(L); // file:line is in it
  }
  lua_remove(L, -2);
  env_push(L, module);
  lua_setfenv(L, -2);
  lua_call(L, 0, 1);
}

static void run_embedded(lua_State *L, const struct luart_module *m)
{
  const char *chunk = arena_printf(session_of(L)->arena, "@%s", m->path);
  if (luaL_loadbufferx(L, m->text, m->len, chunk, "t") != 0) {
    lua_error(L);
  }
  lua_pushstring(L, m->name);
  lua_call(L, 1, 1);
}

/// Runs a file of the repo and has chronon.module name what it defines: pushes what the file
/// returned, and above it the list of the definitions.
static void run_file(lua_State *L, const char *name, const char *path)
{
  note_file(session_of(L), path);
  require_run(L, name, path);
  require_push(L, "chronon.module", NULL);
  lua_getfield(L, -1, "define");
  lua_remove(L, -2);
  lua_pushstring(L, name);
  lua_pushstring(L, path);
  lua_pushvalue(L, -4);
  lua_call(L, 3, 1);
}

// ---- require ----------------------------------------------------------------------------------

/// Pushes the module whose file requires the module at idx; nil at the end of the chain.
static void push_parent(lua_State *L, int idx)
{
  lua_pushvalue(L, idx);
  lua_getfield(L, LUA_REGISTRYINDEX, parents_key);
  lua_insert(L, -2);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/// Raises when `name` is being loaded already by what leads to `caller` (NULL: the host). The chain
/// is followed from the caller, not kept as a stack: an author's pcall may leave a load halfway.
static void refuse_cycle(lua_State *L, const char *name, const char *caller)
{
  struct session *s = session_of(L);
  const int top = lua_gettop(L);
  const char *chain = name;
  int32_t depth = 0;
  lua_pushstring(L, caller); // nil for NULL
  while (!lua_isnil(L, -1)) {
    const char *step = lua_tostring(L, -1);
    chain = arena_printf(s->arena, "%s -> %s", step, chain);
    if (strcmp(step, name) == 0) {
      luaL_error(L, "modules require each other in a circle: %s", chain);
    }
    if (++depth == MOST_LOADING) {
      luaL_error(L, "more than %d modules require one another in a row", (int)MOST_LOADING);
    }
    push_parent(L, lua_gettop(L));
    lua_remove(L, -2);
  }
  lua_settop(L, top);
  lua_getfield(L, LUA_REGISTRYINDEX, parents_key);
  lua_pushstring(L, caller);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static void load_module(lua_State *L, const char *name)
{
  const struct luart_module *m = embedded(name);
  if (strcmp(name, "chronon.schema") == 0) {
    schema_push(L);
  } else if (m != NULL && is_library(name)) { // the shell is no library of definitions
    run_embedded(L, m);
  } else if (is_library(name)) {
    luaL_error(L, "there is no module \"%s\"", name);
  } else if (!is_module_name(name)) {
    luaL_error(L,
               "\"%s\" is no name of a module: write \"group_bys.team.file\" for "
               "group_bys/team/file.lua",
               name);
  } else {
    const char *path = path_of_module(session_of(L)->arena, name);
    if (!push_file(L, path)) {
      missing_module(L, name, path);
    }
    run_file(L, name, path);
    lua_getfield(L, LUA_REGISTRYINDEX, definitions_key);
    lua_insert(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
  }
}

void require_push(lua_State *L, const char *name, const char *caller)
{
  luaL_checkstack(L, 16, "modules are nested too deeply");
  lua_getfield(L, LUA_REGISTRYINDEX, loaded_key);
  lua_getfield(L, -1, name);
  if (!lua_isnil(L, -1)) {
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1);
  refuse_cycle(L, name, caller);
  load_module(L, name);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, name);
  lua_remove(L, -2);
}

/// upvalue 1: the module that calls
static int f_require(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  require_push(L, name, lua_tostring(L, lua_upvalueindex(1)));
  return 1;
}

void require_function(lua_State *L, const char *caller)
{
  lua_pushstring(L, caller);
  lua_pushcclosure(L, f_require, 1);
}

static void missing_file(lua_State *L, const char *path)
{
  session_of(L)->not_found = true;
  luaL_error(L, "%s: there is no such file", path);
}

void require_definitions(lua_State *L, const char *module, const char *path)
{
  if (!push_file(L, path)) {
    missing_file(L, path);
  }
  lua_pop(L, 1);
  require_push(L, module, NULL);
  lua_pop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, definitions_key);
  lua_getfield(L, -1, module);
  lua_remove(L, -2);
}

void require_test(lua_State *L, const char *module, const char *path)
{
  require_push(L, "chronon.trial", NULL);
  lua_getfield(L, -1, "begin");
  lua_pushstring(L, path);
  lua_call(L, 1, 0);
  if (!push_file(L, path)) {
    missing_file(L, path);
  }
  require_run(L, module, path);
  lua_pop(L, 1);
  lua_getfield(L, -1, "finish");
  lua_remove(L, -2);
  lua_call(L, 0, 1);
}

void require_install(lua_State *L)
{
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, loaded_key);
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, definitions_key);
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, parents_key);
  require_function(L, NULL);
  lua_setglobal(L, "require");
}
