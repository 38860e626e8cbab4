// The order is run.py's, but for one thing: what the command line says comes first here, where
// run.py appends the additional arguments to it and lets the driver complain of the second one.
#include <stdlib.h>
#include <string.h>

#include "cli/run_modes.h"
#include "compile/teams.h"

static const char ADDITIONAL[] = "CHRONON_CONFIG_ADDITIONAL_ARGS";

struct layers {
  struct cli_context *ctx;
  const struct model_meta_data *meta; ///< NULL: no definition
  const char *mode;
  struct model_pair *teams; ///< of all layers of teams.json
  int32_t n_teams;
};

static const char *find(const struct model_pair *pairs, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(pairs[i].key, name) == 0) {
      return pairs[i].value;
    }
  }
  return NULL;
}

/// What modeToEnvMap or teams.json gives to a variable; *where says which.
static const char *layered(const struct layers *l, const char *name, const char **where)
{
  for (int32_t i = 0; l->meta != NULL && i < l->meta->n_mode_to_env_map; i++) {
    const struct model_map_pair *m = &l->meta->mode_to_env_map[i];
    const char *value = strcmp(m->key, l->mode) == 0 ? find(m->pairs, m->n_pairs, name) : NULL;
    if (value != NULL) {
      *where = "the definition's env";
      return value;
    }
  }
  *where = "teams.json";
  return find(l->teams, l->n_teams, name);
}

static void take_variables(const struct layers *l)
{
  for (int32_t i = 0; i < l->ctx->args.n_values; i++) {
    struct cli_value *v = &l->ctx->args.values[i];
    const char *where = NULL;
    const char *text = v->option->env != NULL ? layered(l, v->option->env, &where) : NULL;
    if (text != NULL && v->source < CLI_FROM_ENV) {
      v->texts = arena_calloc(&l->ctx->arena, 1, sizeof *v->texts);
      v->texts[0] = text;
      v->n = 1;
      v->source = CLI_FROM_FILE;
    }
  }
}

/// customJson's additional_args: a list of texts of one or more words, or one text.
static const char *of_custom_json(const struct layers *l)
{
  struct arena *a = &l->ctx->arena;
  const struct codec_json *custom = NULL;
  const char *text = l->meta != NULL ? l->meta->custom_json : NULL;
  if (text == NULL ||
      codec_json_parse(a, text, strlen(text), "customJson", &custom, NULL) != CHN_OK) {
    return NULL;
  }
  const struct codec_json *args = codec_json_get(custom, "additional_args");
  if (args == NULL || args->kind == CODEC_JSON_STRING) {
    return args != NULL ? args->text : NULL;
  }
  struct chn_buf words = { 0 };
  for (int32_t i = 0; args->kind == CODEC_JSON_ARRAY && i < args->n; i++) {
    const struct codec_json *word = &args->members[i].value;
    chn_buf_addf(&words, "%s%s", i > 0 ? " " : "",
                 word->kind == CODEC_JSON_STRING ? word->text : "");
  }
  const char *copy = arena_strdup(a, chn_buf_str(&words));
  chn_buf_deinit(&words);
  return copy;
}

static const char *additional(const struct layers *l, const char **where)
{
  const char *text = getenv(ADDITIONAL);
  *where = ADDITIONAL;
  if (text != NULL) {
    return text;
  }
  text = layered(l, ADDITIONAL, where);
  if (text == NULL && (strncmp(l->mode, "backfill", 8) == 0 || strcmp(l->mode, "upload") == 0)) {
    *where = "the definition's additional_args";
    text = of_custom_json(l);
  }
  return text;
}

static chn_status take_words(const struct layers *l, struct chn_err *err)
{
  struct arena *a = &l->ctx->arena;
  const char *where = NULL;
  const char *text = additional(l, &where);
  if (text == NULL) {
    return CHN_OK;
  }
  char **words = arena_calloc(a, strlen(text) + 1, sizeof *words);
  int n = 0;
  for (const char *at = text; *at != '\0';) {
    const size_t len = strcspn(at, " \t\n");
    if (len > 0) {
      words[n++] = arena_strndup(a, at, len);
    }
    at += len + (at[len] != '\0');
  }
  if (n > 0) {
    cli_note(l->ctx, "note: %s of %s", text, where);
  }
  const chn_status status = cli_args_add(&l->ctx->args, a, n, words, err);
  return status == CHN_OK
             ? CHN_OK
             : chn_wrap(err, "%s (%s= in the environment overrides it)", where, ADDITIONAL);
}

/// Chronon's spark_submit.sh hands these to Spark; tables are by ds here.
static chn_status check_partitions(const struct layers *l, struct chn_err *err)
{
  static const char *const only[][2] = { { "PARTITION_COLUMN", "ds" },
                                         { "PARTITION_FORMAT", "yyyy-MM-dd" } };
  for (size_t i = 0; i < sizeof only / sizeof *only; i++) {
    const char *where = "the environment";
    const char *value = getenv(only[i][0]);
    if (value == NULL) {
      value = layered(l, only[i][0], &where);
    }
    if (value != NULL && strcmp(value, only[i][1]) != 0) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "%s is \"%s\" in %s: tables are written by %s here; a source's own column is "
                      "its query's partition_column",
                      only[i][0], value, where, only[i][1]);
    }
  }
  return CHN_OK;
}

chn_status run_env_take(struct cli_context *ctx, const struct run_mode *mode,
                        const struct model_conf *conf, struct chn_err *err)
{
  struct teams teams = { 0 };
  struct layers l = { .ctx = ctx, .meta = conf != NULL ? conf->meta_data : NULL };
  l.mode = mode->name;
  if (ctx->repo.teams != NULL && teams_read(&ctx->arena, ctx->repo.root, &teams, err) != CHN_OK) {
    return err->code;
  }
  l.teams = teams_mode_env(&ctx->arena, &teams, l.meta != NULL ? l.meta->team : NULL,
                           cli_get(&ctx->args, "env"), l.mode, &l.n_teams);
  if (check_partitions(&l, err) != CHN_OK) {
    return err->code;
  }
  take_variables(&l);
  return take_words(&l, err);
}
