#include "compile/teams.h"

#include <string.h>

#include "base/near.h"
#include "codec/json.h"
#include "compile/compile_int.h"
#include "model/names.h"

static const char *const KNOWN_KEYS[] = { "namespace", "table_properties", "common_env",
                                          "production", "dev" };

static chn_status corrupt(const struct teams *t, const struct codec_json *at, const char *key,
                          const char *want, struct chn_err *err)
{
  return chn_fail(err, CHN_E_CORRUPT, "%s:%d: %s: expected %s, got %s", t->path, at->line, key,
                  want, codec_json_kind_name(at->kind));
}

/// Text values only: a number would reach an environment or a table as something else than written.
static chn_status read_pairs(struct arena *a, const struct teams *t, const char *key,
                             const struct codec_json *object, struct model_pair **pairs, int32_t *n,
                             struct chn_err *err)
{
  if (object->kind != CODEC_JSON_OBJECT) {
    return corrupt(t, object, key, "an object of texts", err);
  }
  *pairs = arena_calloc(a, (size_t)object->n + 1, sizeof **pairs);
  for (*n = 0; *n < object->n; (*n)++) {
    const struct codec_json_member *m = &object->members[*n];
    if (m->value.kind != CODEC_JSON_STRING) {
      return corrupt(t, &m->value, m->key, "text in quotes", err);
    }
    (*pairs)[*n] = (struct model_pair){ .key = m->key, .value = m->value.text };
  }
  return CHN_OK;
}

static chn_status read_env(struct arena *a, const struct teams *t, struct teams_team *team,
                           const char *env, const struct codec_json *modes, struct chn_err *err)
{
  struct teams_env *envs = arena_calloc(a, (size_t)(team->n_envs + modes->n) + 1, sizeof *envs);
  if (team->n_envs > 0) {
    memcpy(envs, team->envs, (size_t)team->n_envs * sizeof *envs);
  }
  team->envs = envs;
  for (int32_t i = 0; i < modes->n; i++) {
    const struct codec_json_member *m = &modes->members[i];
    struct teams_env *e = &team->envs[team->n_envs++];
    e->env = env;
    e->mode = m->key;
    const chn_status status = read_pairs(a, t, m->key, &m->value, &e->vars, &e->n_vars, err);
    if (status) {
      return status;
    }
  }
  return CHN_OK;
}

static void warn(struct arena *a, struct teams *t, const char *message)
{
  const char **more = arena_calloc(a, (size_t)t->n_warnings + 1, sizeof *more);
  if (t->n_warnings > 0) {
    memcpy(more, t->warnings, (size_t)t->n_warnings * sizeof *more);
  }
  more[t->n_warnings++] = message;
  t->warnings = more;
}

static void warn_if_misspelt(struct arena *a, struct teams *t, const char *team, const char *key)
{
  const char *nearest = chn_near(key, KNOWN_KEYS, sizeof KNOWN_KEYS / sizeof *KNOWN_KEYS);
  if (nearest && strcmp(nearest, key) != 0) {
    warn(a, t,
         arena_printf(a, "%s: %s.%s is not used (did you mean \"%s\"?)", t->path, team, key,
                      nearest));
  }
}

static chn_status read_namespace(const struct teams *t, struct teams_team *team,
                                 const struct codec_json *value, struct chn_err *err)
{
  if (value->kind != CODEC_JSON_STRING) {
    return corrupt(t, value, "namespace", "text in quotes", err);
  }
  if (value->text_len == 0 || strpbrk(value->text, "\"\\/{} \n\t")) {
    return chn_fail(err, CHN_E_CORRUPT, "%s:%d: \"%s\" cannot be a namespace", t->path, value->line,
                    value->text);
  }
  team->name_space = value->text;
  return CHN_OK;
}

static chn_status read_key(struct arena *a, struct teams *t, struct teams_team *team,
                           const struct codec_json_member *m, struct chn_err *err)
{
  if (strcmp(m->key, "namespace") == 0) {
    return read_namespace(t, team, &m->value, err);
  }
  if (strcmp(m->key, "table_properties") == 0) {
    return read_pairs(a, t, m->key, &m->value, &team->table_properties, &team->n_table_properties,
                      err);
  }
  if (strcmp(m->key, "common_env") == 0) {
    return read_pairs(a, t, m->key, &m->value, &team->common_env, &team->n_common_env, err);
  }
  const bool is_env = strcmp(m->key, "production") == 0 || strcmp(m->key, "dev") == 0;
  if (is_env && m->value.kind != CODEC_JSON_OBJECT) {
    return corrupt(t, &m->value, m->key, "an object of modes", err);
  }
  warn_if_misspelt(a, t, team->name, m->key);
  return m->value.kind == CODEC_JSON_OBJECT ? read_env(a, t, team, m->key, &m->value, err) : CHN_OK;
}

static chn_status read_team(struct arena *a, struct teams *t, const struct codec_json_member *m,
                            struct chn_err *err)
{
  if (m->value.kind != CODEC_JSON_OBJECT) {
    return corrupt(t, &m->value, m->key, "an object", err);
  }
  struct teams_team *team = &t->teams[t->n_teams++];
  team->name = m->key;
  chn_status status = CHN_OK;
  for (int32_t i = 0; !status && i < m->value.n; i++) {
    status = read_key(a, t, team, &m->value.members[i], err);
  }
  return status;
}

chn_status teams_read(struct arena *a, const char *repo, struct teams *teams, struct chn_err *err)
{
  *teams = (struct teams){ .path = arena_printf(a, "%s/teams.json", repo) };
  size_t len = 0;
  const char *text = output_read(a, teams->path, &len, err);
  if (!text) {
    return err->code == CHN_E_NOT_FOUND
               ? chn_fail(err, CHN_E_NOT_FOUND,
                          "%s does not exist: a repo of definitions has one "
                          "at its top",
                          teams->path)
               : err->code;
  }
  const struct codec_json *root = NULL;
  chn_status status = codec_json_parse(a, text, len, teams->path, &root, err);
  if (!status && root->kind != CODEC_JSON_OBJECT) {
    status = corrupt(teams, root, "the file", "an object of teams", err);
  }
  if (status) {
    return status;
  }
  teams->teams = arena_calloc(a, (size_t)root->n + 1, sizeof *teams->teams);
  for (int32_t i = 0; !status && i < root->n; i++) {
    const struct codec_json_member *m = &root->members[i];
    const bool tables = strcmp(m->key, "tables") == 0;
    status = tables ? read_pairs(a, teams, m->key, &m->value, &teams->tables, &teams->n_tables, err)
                    : read_team(a, teams, m, err);
  }
  return status;
}

const struct teams_team *teams_find(const struct teams *teams, const char *name)
{
  for (int32_t i = 0; name && i < teams->n_teams; i++) {
    if (strcmp(teams->teams[i].name, name) == 0) {
      return &teams->teams[i];
    }
  }
  return NULL;
}

/// The team must be there even when only default has what is asked, as upstream wants it.
static chn_status find_team(const struct teams *teams, const char *name,
                            const struct teams_team **team, struct chn_err *err)
{
  *team = teams_find(teams, name);
  if (*team) {
    return CHN_OK;
  }
  struct arena scratch = { 0 };
  const char **known = arena_calloc(&scratch, (size_t)teams->n_teams + 1, sizeof *known);
  for (int32_t i = 0; i < teams->n_teams; i++) {
    known[i] = teams->teams[i].name;
  }
  const char *nearest = chn_near(name, known, (size_t)teams->n_teams);
  chn_fail(err, CHN_E_NOT_FOUND, "team %s does not exist in %s%s%s%s", name, teams->path,
           nearest ? " (did you mean \""
                   : ": add it there, or move the file to another team's folder",
           nearest ? nearest : "", nearest ? "\"?)" : "");
  arena_deinit(&scratch);
  return CHN_E_NOT_FOUND;
}

chn_status teams_namespace(const struct teams *teams, const char *team, const char **name_space,
                           struct chn_err *err)
{
  const struct teams_team *own;
  const chn_status status = find_team(teams, team, &own, err);
  if (status) {
    return status;
  }
  const struct teams_team *shared = teams_find(teams, "default");
  *name_space = own->name_space ? own->name_space : shared ? shared->name_space : NULL;
  if (!*name_space) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s: neither %s nor default has a `namespace`",
                    teams->path, team);
  }
  return CHN_OK;
}

chn_status teams_table_properties(const struct teams *teams, const char *team,
                                  struct model_pair **pairs, int32_t *n, struct chn_err *err)
{
  const struct teams_team *own;
  const chn_status status = find_team(teams, team, &own, err);
  if (status) {
    return status;
  }
  const struct teams_team *from = own->table_properties ? own : teams_find(teams, "default");
  *pairs = from ? from->table_properties : NULL;
  *n = from ? from->n_table_properties : 0;
  return CHN_OK;
}

struct layers {
  struct model_pair *pairs;
  int32_t n;
};

static void add_layer(struct arena *a, struct layers *out, const struct model_pair *vars, int32_t n)
{
  struct model_pair *all = arena_calloc(a, (size_t)(out->n + n) + 1, sizeof *all);
  if (out->n > 0) {
    memcpy(all, out->pairs, (size_t)out->n * sizeof *all);
  }
  out->pairs = all;
  for (int32_t i = 0; i < n; i++) {
    if (!model_pair_find(all, out->n, vars[i].key)) {
      all[out->n++] = vars[i];
    }
  }
}

static void add_env(struct arena *a, struct layers *out, const struct teams_team *team,
                    const char *env, const char *mode)
{
  for (int32_t i = 0; team && i < team->n_envs; i++) {
    const struct teams_env *e = &team->envs[i];
    if (strcmp(e->env, env) == 0 && strcmp(e->mode, mode) == 0) {
      add_layer(a, out, e->vars, e->n_vars);
    }
  }
}

struct model_pair *teams_mode_env(struct arena *a, const struct teams *teams, const char *team,
                                  const char *env, const char *mode, int32_t *n)
{
  if (strstr(mode, "streaming")) {
    mode = "streaming";
  }
  const struct teams_team *own = teams_find(teams, team);
  const struct teams_team *shared = teams_find(teams, "default");
  struct layers out = { 0 };
  add_env(a, &out, own, env, mode);
  add_env(a, &out, own, "production", mode);
  add_env(a, &out, shared, "production", mode);
  if (shared) {
    add_layer(a, &out, shared->common_env, shared->n_common_env);
  }
  *n = out.n;
  return out.pairs;
}
