// What is to be fetched, as the command line says it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/near.h"
#include "base/time.h"
#include "cli/conf.h"
#include "cli/fetch.h"
#include "model/names.h"

enum { BODY_ROWS = 1000, MAX_FILE = 1 << 30 };

// ---- keys -------------------------------------------------------------------------------------

static void add_body(struct cli_context *ctx, struct cli_fetch_what *w, const char *text)
{
  const char **bodies = arena_calloc(&ctx->arena, (size_t)w->n_bodies + 1, sizeof *bodies);
  if (w->n_bodies > 0) {
    memcpy(bodies, w->bodies, (size_t)w->n_bodies * sizeof *bodies);
  }
  bodies[w->n_bodies++] = text;
  w->bodies = bodies;
}

static chn_status no_keys(const char *what, const struct codec_json *v, struct chn_err *err)
{
  return chn_fail(err, CHN_E_ARGUMENT,
                  "%s:%d:%d: %s, and an object of keys is needed: {\"user_id\": 5}", what,
                  (int)v->line, (int)v->column, codec_json_kind_name(v->kind));
}

static chn_status take_json(struct cli_context *ctx, struct cli_fetch_what *w, const char *what,
                            const char *text, struct chn_err *err)
{
  const struct codec_json *doc = NULL;
  if (codec_json_parse(&ctx->arena, text, strlen(text), what, &doc, err) != CHN_OK) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s", arena_strdup(&ctx->arena, err->msg));
  }
  w->one = doc->kind == CODEC_JSON_OBJECT;
  if (w->one) {
    add_body(ctx, w, arena_printf(&ctx->arena, "[%s]", text));
    return CHN_OK;
  }
  if (doc->kind != CODEC_JSON_ARRAY) {
    return no_keys(what, doc, err);
  }
  struct chn_buf body = { 0 };
  for (int32_t i = 0; i < doc->n; i++) {
    const struct codec_json *row = &doc->members[i].value;
    if (row->kind != CODEC_JSON_OBJECT) {
      chn_buf_deinit(&body);
      return no_keys(what, row, err);
    }
    chn_buf_addc(&body, i % BODY_ROWS == 0 ? '[' : ',');
    codec_json_write(row, CODEC_JSON_COMPACT, &body);
    if (i % BODY_ROWS == BODY_ROWS - 1 || i == doc->n - 1) {
      chn_buf_addc(&body, ']');
      add_body(ctx, w, arena_strdup(&ctx->arena, chn_buf_str(&body)));
      chn_buf_clear(&body);
    }
  }
  chn_buf_deinit(&body);
  return CHN_OK;
}

/// An object a line, as Chronon's file has it.
static chn_status take_lines(struct cli_context *ctx, struct cli_fetch_what *w, const char *file,
                             const char *text, struct chn_err *err)
{
  struct chn_buf body = { 0 };
  int32_t line = 0, rows = 0;
  chn_status s = CHN_OK;
  for (const char *at = text; *at != '\0' && s == CHN_OK;) {
    const size_t len = strcspn(at, "\n");
    line++;
    if (strspn(at, " \t\r") < len) {
      struct arena a = { 0 };
      const struct codec_json *row = NULL;
      const char *what = arena_printf(&ctx->arena, "%s, line %d", file, (int)line);
      if (codec_json_parse(&a, at, len, what, &row, err) != CHN_OK) {
        s = err->code = CHN_E_ARGUMENT;
      } else if (row->kind != CODEC_JSON_OBJECT) {
        s = no_keys(what, row, err);
      }
      arena_deinit(&a);
      chn_buf_addc(&body, rows % BODY_ROWS == 0 ? '[' : ',');
      chn_buf_add(&body, at, len);
      if (++rows % BODY_ROWS == 0) {
        chn_buf_addc(&body, ']');
        add_body(ctx, w, arena_strdup(&ctx->arena, chn_buf_str(&body)));
        chn_buf_clear(&body);
      }
    }
    at += len + (at[len] != '\0');
  }
  if (body.len > 0 && s == CHN_OK) {
    chn_buf_addc(&body, ']');
    add_body(ctx, w, arena_strdup(&ctx->arena, chn_buf_str(&body)));
  }
  chn_buf_deinit(&body);
  return s;
}

static chn_status take_file(struct cli_context *ctx, struct cli_fetch_what *w, const char *file,
                            struct chn_err *err)
{
  const bool is_stdin = strcmp(file, "-") == 0;
  FILE *f = is_stdin ? stdin : fopen(file, "rb");
  if (f == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "--key-json-file %s: %s", file, strerror(errno));
  }
  struct chn_buf text = { .max = MAX_FILE };
  char chunk[65536];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) {
    chn_buf_add(&text, chunk, n);
  }
  const bool failed = ferror(f) || text.truncated;
  if (!is_stdin) {
    fclose(f);
  }
  const char *copy = arena_strdup(&ctx->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  if (failed) {
    return chn_fail(err, CHN_E_IO, "--key-json-file %s cannot be read, or is larger than 1 GB",
                    file);
  }
  return copy[strspn(copy, " \t\r\n")] == '[' ? take_json(ctx, w, file, copy, err)
                                              : take_lines(ctx, w, file, copy, err);
}

/// Whether an earlier word names the key of word i, which has `len` bytes.
static bool named_before(const struct cli_context *ctx, int32_t first, int32_t i, size_t len)
{
  for (int32_t k = first; k < i; k++) {
    if (strncmp(ctx->args.positional[k], ctx->args.positional[i], len + 1) == 0) {
      return true;
    }
  }
  return false;
}

/// `user_id=5` words: every value is text (fetch_json_read_words).
static chn_status take_words(struct cli_context *ctx, struct cli_fetch_what *w, int32_t first,
                             struct chn_err *err)
{
  struct chn_buf body = { 0 };
  struct codec_json_writer json;
  codec_json_writer_init(&json, &body, CODEC_JSON_COMPACT);
  codec_json_begin(&json, '[');
  codec_json_begin(&json, '{');
  chn_status s = CHN_OK;
  for (int32_t i = first; i < ctx->args.n_positional && s == CHN_OK; i++) {
    const char *word = ctx->args.positional[i];
    const char *eq = strchr(word, '=');
    if (eq == NULL || eq == word) {
      s = chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is no key: user_id=5 is one", word);
      break;
    }
    if (named_before(ctx, first, i, (size_t)(eq - word))) {
      s = chn_fail(err, CHN_E_ARGUMENT,
                   "the key %.*s is given twice; --key-json takes a list of rows", (int)(eq - word),
                   word);
      break;
    }
    codec_json_key(&json, arena_strndup(&ctx->arena, word, (size_t)(eq - word)));
    codec_json_string(&json, eq + 1, strlen(eq + 1));
  }
  codec_json_end(&json, '}');
  codec_json_end(&json, ']');
  w->one = true;
  w->words = true;
  add_body(ctx, w, arena_strdup(&ctx->arena, chn_buf_str(&body)));
  chn_buf_deinit(&body);
  return s;
}

static chn_status read_keys(struct cli_context *ctx, struct cli_fetch_what *w, int32_t first,
                            struct chn_err *err)
{
  const char *text = cli_get(&ctx->args, "key-json");
  const char *file = cli_get(&ctx->args, "key-json-file");
  const int given = (text != NULL) + (file != NULL) + (ctx->args.n_positional > first);
  if (given == 0 && w->type == CLI_FETCH_STATS) {
    w->one = true;
    add_body(ctx, w, "[{}]");
    return CHN_OK;
  }
  if (given != 1) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    given == 0 ? "keys are needed: --key-json '{\"user_id\": 5}', a list of such, "
                                 "or --key-json-file FILE with one a line"
                               : "keys are given twice: --key-json, --key-json-file or key=value "
                                 "words, one of them");
  }
  chn_status s = text != NULL   ? take_json(ctx, w, "--key-json", text, err)
                 : file != NULL ? take_file(ctx, w, file, err)
                                : take_words(ctx, w, first, err);
  if (s == CHN_OK && w->n_bodies == 0) {
    s = chn_fail(err, CHN_E_ARGUMENT, "there is no key in %s", file != NULL ? file : "--key-json");
  }
  return s;
}

// ---- the name ---------------------------------------------------------------------------------

static chn_status read_type(struct cli_context *ctx, struct cli_fetch_what *w, struct chn_err *err)
{
  static const char *const names[] = { "join", "group-by", "join-stats" };
  const char *text = cli_get(&ctx->args, "type");
  w->type = CLI_FETCH_JOIN;
  w->typed = text != NULL;
  for (int i = 0; text != NULL && i < 3; i++) {
    if (strcmp(text, names[i]) == 0) {
      w->type = (enum cli_fetch_type)i;
      return CHN_OK;
    }
  }
  if (text == NULL) {
    return CHN_OK;
  }
  const char *near = chn_near(text, names, 3);
  return chn_fail(err, CHN_E_ARGUMENT,
                  "--type \"%s\": join, group-by or join-stats is needed%s%s%s", text,
                  near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/// A compiled definition: what it is, its name, and of a join its text.
static chn_status read_conf(struct cli_context *ctx, struct cli_fetch_what *w, const char *option,
                            const char *name, struct chn_err *err)
{
  struct model_conf conf = { 0 };
  const chn_status s = cli_conf_read(ctx, option, name, &conf, err);
  if (s != CHN_OK) {
    return s;
  }
  if (conf.kind == MODEL_GROUP_BY && cli_get(&ctx->args, "type") == NULL) {
    w->type = CLI_FETCH_GROUP_BY;
  }
  const enum model_kind want = w->type == CLI_FETCH_GROUP_BY ? MODEL_GROUP_BY : MODEL_JOIN;
  if (conf.kind != want) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s %s is a %s, and a %s is needed", option, name,
                    model_kind_name(conf.kind), model_kind_name(want));
  }
  if (conf.meta_data == NULL || conf.name == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s %s has no metaData.name", option, name);
  }
  w->name = model_file_path(&ctx->arena, conf.meta_data);
  w->conf = w->type == CLI_FETCH_JOIN ? conf.text : NULL;
  return CHN_OK;
}

chn_status cli_fetch_read(struct cli_context *ctx, struct cli_fetch_what *out, struct chn_err *err)
{
  const char *path = cli_get(&ctx->args, "conf-path");
  const char *conf = path != NULL ? path : cli_get(&ctx->args, "conf");
  const char *name = cli_get(&ctx->args, "name");
  const char *at = cli_get(&ctx->args, "at-millis");
  int32_t first = 0;
  *out = (struct cli_fetch_what){ .at = INT64_MIN, .interval = 1 };
  if (conf == NULL && name == NULL && ctx->args.n_positional > 0 &&
      strchr(ctx->args.positional[0], '=') == NULL) {
    name = ctx->args.positional[first++];
  }
  if ((conf == NULL) == (name == NULL)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    conf == NULL ? "what is to be fetched? --name team/file.v1, or --conf "
                                   "production/joins/team/file.v1"
                                 : "--name and --conf both say what is to be fetched: one of them");
  }
  chn_status s = read_type(ctx, out, err);
  if (s == CHN_OK && at != NULL && chn_ms_of_text(at, &out->at, err) != CHN_OK) {
    return chn_wrap(err, "--at-millis");
  }
  if (s == CHN_OK) {
    s = cli_get_int(&ctx->args, "interval", 0, 86400, &out->interval, err);
  }
  if (s == CHN_OK) {
    s = read_keys(ctx, out, first, err);
  }
  if (s == CHN_OK && conf != NULL) {
    return read_conf(ctx, out, path != NULL ? "conf-path" : "conf", conf, err);
  }
  out->name = name;
  return s;
}
