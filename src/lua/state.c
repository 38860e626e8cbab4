// A state and its limits.
//
// A limit is an error that the program in the state could catch with pcall and go on. So once one
// is reached, every further instruction raises it again, and only leaving all the way helps.
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdlib.h>
#include <time.h>

#include "lua/luart_int.h"

enum {
  MOST_C_STACK = 1 << 20, ///< bytes; the system gives 8 MiB
  SLICE = 1000,           ///< instructions between two looks at the limits
  DEFAULT_INSTRUCTIONS = 500000000,
  DEFAULT_CPU_MS = 20000,
};

static const size_t default_memory = (size_t)256 << 20;

static void *allocate(void *ud, void *p, size_t old, size_t size)
{
  struct session *s = ud;
  const size_t before = p != NULL ? old : 0;
  if (size == 0) {
    free(p);
    s->used -= before;
    return NULL;
  }
  const size_t limit = s->rt->limits.memory != 0 ? s->rt->limits.memory : default_memory;
  if (size > before && s->used - before + size > limit) {
    return NULL; // Lua collects its garbage and asks again, or raises "not enough memory"
  }
  void *q = realloc(p, size);
  if (q != NULL) {
    s->used += size - before;
  }
  return q;
}

struct session *session_of(lua_State *L)
{
  void *ud = NULL;
  lua_getallocf(L, &ud);
  return ud;
}

static double cpu_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void look(lua_State *L, lua_Debug *unused);

static void exhaust(lua_State *L, struct session *s, const char *why)
{
  s->exhausted = why;
  lua_sethook(L, look, LUA_MASKCOUNT, 1);
}

/// Lua bounds its own stack, but not C's, which grows where C functions call back into Lua: a
/// comparator that sorts, a replacement that replaces, a coroutine that wraps another.
static void check_c_stack(lua_State *L, const struct session *s)
{
  const char *here = __builtin_frame_address(0);
  const ptrdiff_t depth = here < s->c_stack ? s->c_stack - here : here - s->c_stack;
  if (depth > MOST_C_STACK) {
    luaL_error(L, "stack overflow (functions call each other too deeply)");
  }
}

static void spend(lua_State *L, int64_t instructions)
{
  struct session *s = session_of(L);
  check_c_stack(L, s);
  const struct luart_limits *limits = &s->rt->limits;
  s->budget -= instructions;
  if (s->exhausted == NULL && s->budget < 0) {
    exhaust(L, s,
            "the definitions run too long (an endless loop?): the limit of instructions is "
            "reached");
  }
  const double limit = limits->cpu_ms != 0 ? limits->cpu_ms : DEFAULT_CPU_MS;
  if (s->exhausted == NULL && cpu_ms() - s->cpu_start > limit) {
    exhaust(L, s, "the definitions run too long: the limit of processor time is reached");
  }
  if (s->exhausted != NULL) {
    luaL_error(L, "%s", s->exhausted);
  }
}

static void look(lua_State *L, lua_Debug *unused)
{
  (void)unused;
  spend(L, SLICE);
}

void session_charge(lua_State *L, int64_t instructions)
{
  spend(L, instructions);
}

static void open_library(lua_State *L, lua_CFunction open, const char *name)
{
  lua_pushcfunction(L, open);
  lua_pushstring(L, name);
  lua_call(L, 1, 0);
}

/// Runs protected: what is missing here (io, os, debug, package, ffi, jit) was never in the state.
static int open_libraries(lua_State *L)
{
  open_library(L, luaopen_base, "");
  open_library(L, luaopen_string, "string");
  open_library(L, luaopen_table, "table");
  open_library(L, luaopen_math, "math");
  open_library(L, luaopen_bit, "bit");
  safe_install(L);
  pattern_install(L);
  require_install(L);
  return 0;
}

chn_status session_open(struct session *s, const struct luart *rt, struct arena *a,
                        struct chn_err *err)
{
  const int64_t given = rt->limits.instructions;
  *s = (struct session){ .rt = rt,
                         .arena = a,
                         .budget = given != 0 ? given : DEFAULT_INSTRUCTIONS,
                         .cpu_start = cpu_ms(),
                         .c_stack = __builtin_frame_address(0),
                         .printed = { .max = (size_t)1 << 20 } };
  s->L = lua_newstate(allocate, s);
  if (s->L == NULL) {
    return chn_fail(err, CHN_E_MEMORY, "no memory for a Lua state");
  }
  luaJIT_setmode(s->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  if (lua_cpcall(s->L, open_libraries, NULL) != 0) {
    session_close(s);
    return chn_fail(err, CHN_E_MEMORY, "the memory limit leaves no room for Lua's libraries");
  }
  lua_sethook(s->L, look, LUA_MASKCOUNT, SLICE);
  return CHN_OK;
}

void session_close(struct session *s)
{
  if (s->L != NULL) {
    lua_close(s->L);
  }
  s->L = NULL;
  chn_buf_deinit(&s->printed);
}
