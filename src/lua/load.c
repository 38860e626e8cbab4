#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "lua/luart_int.h"
#include "model/read.h"

struct luart *luart_new(const char *repo, const struct luart_limits *limits)
{
  struct luart *rt = chn_calloc(1, sizeof *rt);
  rt->repo = chn_strdup(repo);
  rt->limits = limits != NULL ? *limits : (struct luart_limits){ 0 };
  return rt;
}

void luart_free(struct luart *rt)
{
  if (rt != NULL) {
    free(rt->repo);
    free(rt);
  }
}

/// What a protected call is to do; its memory is the caller's.
struct task {
  struct session session;
  const char *path;
  const char *text; ///< of luart_eval
  size_t len;
  struct luart_file *file;
  struct codec_json value;
  chn_status status; ///< of what fails without raising
  struct chn_err *err;
};

/// Runs f protected, in a state of its own, and turns what it raises into an error.
static chn_status run(struct luart *rt, struct arena *a, struct task *t, lua_CFunction f)
{
  chn_status status = session_open(&t->session, rt, a, t->err);
  if (status != CHN_OK) {
    return status;
  }
  lua_State *L = t->session.L;
  const int raised = lua_cpcall(L, f, t);
  if (raised == 0) {
    return t->status;
  }
  if (t->session.exhausted != NULL) { // what an error handler or a pcall made of it does not matter
    return chn_fail(t->err, CHN_E_ARGUMENT, "%s: %s", t->path, t->session.exhausted);
  }
  if (raised == LUA_ERRMEM) {
    return chn_fail(t->err, CHN_E_ARGUMENT, "%s: the definitions need more memory than the limit",
                    t->path);
  }
  const chn_status code = t->session.not_found ? CHN_E_NOT_FOUND : CHN_E_ARGUMENT;
  return lua_type(L, -1) == LUA_TSTRING
             ? chn_fail(t->err, code, "%s", lua_tostring(L, -1))
             : chn_fail(t->err, code, "%s: raised an error that is no text but a %s", t->path,
                        luaL_typename(L, -1));
}

// ---- definitions ------------------------------------------------------------------------------

/// A copy of the string field of the table at the top, or NULL.
static const char *string_field(lua_State *L, const char *key)
{
  lua_getfield(L, -1, key);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  if (text != NULL) {
    text = arena_strdup(session_of(L)->arena, text);
  }
  lua_pop(L, 1);
  return text;
}

static enum model_kind kind_of_name(const char *name)
{
  for (int k = MODEL_GROUP_BY; k <= MODEL_MODEL; k++) {
    if (name != NULL && strcmp(model_kind_name((enum model_kind)k), name) == 0) {
      return (enum model_kind)k;
    }
  }
  return MODEL_NONE;
}

/// The entry { name, var, kind, where, object } at the top of the stack.
static chn_status take_definition(lua_State *L, struct task *t, struct luart_definition *d)
{
  struct arena *a = t->session.arena;
  const enum model_kind kind = kind_of_name(string_field(L, "kind"));
  const struct model_struct *type = model_kind_struct(kind);
  d->name = string_field(L, "name");
  d->variable = string_field(L, "var");
  d->where = string_field(L, "where");
  if (type == NULL || d->name == NULL) {
    return chn_fail(t->err, CHN_E_INTERNAL, "%s: a definition without kind or name", t->path);
  }
  lua_getfield(L, -1, "object");
  struct codec_json v = convert_value(L, lua_gettop(L));
  lua_pop(L, 1);
  const char *what = arena_printf(a, "%s: %s %s", d->where != NULL ? d->where : t->path,
                                  model_kind_name(kind), d->name);
  void *any = arena_calloc(a, 1, type->size);
  const chn_status s = model_read_struct(a, &v, type, MODEL_BY_PERSON, what, any, t->err);
  if (s != CHN_OK) {
    t->err->code = CHN_E_ARGUMENT;
    return CHN_E_ARGUMENT;
  }
  d->conf = model_conf_of(kind, any);
  return CHN_OK;
}

static void take_advice(lua_State *L, struct luart_file *file)
{
  require_push(L, "chronon.params", NULL);
  lua_getfield(L, -1, "advice");
  if (!lua_istable(L, -1)) {
    return;
  }
  file->n_advice = (int32_t)lua_objlen(L, -1);
  file->advice = arena_calloc(session_of(L)->arena, (size_t)file->n_advice, sizeof *file->advice);
  for (int32_t i = 0; i < file->n_advice; i++) {
    lua_rawgeti(L, -1, i + 1);
    file->advice[i].where = string_field(L, "where");
    const char *message = string_field(L, "message");
    file->advice[i].message = message != NULL ? message : "";
    lua_pop(L, 1);
  }
}

static int load_protected(lua_State *L)
{
  struct task *t = lua_touserdata(L, 1);
  struct luart_file *file = t->file;
  const char *module = require_module_of(L, t->session.arena, t->path);
  require_definitions(L, module, t->path);
  file->n_definitions = lua_istable(L, -1) ? (int32_t)lua_objlen(L, -1) : 0;
  file->definitions =
      arena_calloc(t->session.arena, (size_t)file->n_definitions, sizeof *file->definitions);
  for (int32_t i = 0; i < file->n_definitions && t->status == CHN_OK; i++) {
    lua_rawgeti(L, -1, i + 1);
    t->status = take_definition(L, t, &file->definitions[i]);
    lua_pop(L, 1);
  }
  take_advice(L, file);
  return 0;
}

chn_status luart_load(struct luart *rt, struct arena *a, const char *path, struct luart_file *out,
                      struct chn_err *err)
{
  struct chn_err local;
  struct luart_file file = { 0 };
  struct task t = { .path = path, .file = &file, .err = err != NULL ? err : &local };
  const chn_status status = run(rt, a, &t, load_protected);
  if (status == CHN_OK) {
    file.files = t.session.files;
    file.n_files = t.session.n_files;
    file.printed = arena_strndup(a, chn_buf_str(&t.session.printed), t.session.printed.len);
    *out = file;
  }
  session_close(&t.session);
  return status;
}

static int eval_protected(lua_State *L)
{
  struct task *t = lua_touserdata(L, 1);
  lua_pushlstring(L, t->text, t->len);
  require_run(L, t->path, t->path);
  t->value = convert_value(L, lua_gettop(L));
  return 0;
}

chn_status luart_eval(struct luart *rt, struct arena *a, const char *name, const char *text,
                      size_t len, const char **json, struct chn_err *err)
{
  struct chn_err local;
  struct task t = { .path = name, .text = text, .len = len, .err = err != NULL ? err : &local };
  const chn_status status = run(rt, a, &t, eval_protected);
  if (status == CHN_OK) {
    struct chn_buf out = { 0 };
    codec_json_write(&t.value, CODEC_JSON_COMPACT, &out);
    *json = arena_strndup(a, chn_buf_str(&out), out.len);
    chn_buf_deinit(&out);
  }
  session_close(&t.session);
  return status;
}

static int test_protected(lua_State *L)
{
  struct task *t = lua_touserdata(L, 1);
  require_test(L, require_module_of(L, t->session.arena, t->path), t->path);
  t->value = convert_value(L, lua_gettop(L));
  return 0;
}

chn_status luart_test(struct luart *rt, struct arena *a, const char *file,
                      const struct codec_json **plan, const char **printed, struct chn_err *err)
{
  struct chn_err local;
  struct task t = { .path = file, .err = err != NULL ? err : &local };
  const chn_status status = run(rt, a, &t, test_protected);
  if (status == CHN_OK) {
    struct codec_json *value = arena_calloc(a, 1, sizeof *value);
    *value = t.value;
    *plan = value;
    *printed = arena_strndup(a, chn_buf_str(&t.session.printed), t.session.printed.len);
  }
  session_close(&t.session);
  return status;
}
