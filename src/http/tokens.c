// Bearer tokens. The file is an array of objects:
//     [{"token": "s3cret", "team": "shop"},
//      {"sha256": "9f86d0...", "team": "ops", "scopes": ["read:*", "metrics", "admin"]}]
// Without scopes a token reads its own team's features. In memory there are hashes only, and a
// search compares all of them, so that its time tells nothing about those that exist.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"
#include "base/sha256.h"
#include "codec/json.h"
#include "http/http_int.h"

enum { MAX_FILE = 1 << 20 };

struct http_token {
  uint8_t hash[CHN_SHA256_SIZE];
  const char *team;
  const char **scopes;
  int32_t n_scopes;
};

struct http_tokens {
  atomic_int refs;
  struct arena arena;
  struct http_token *list;
  int32_t n;
};

void http_tokens_retain(const struct http_tokens *t)
{
  atomic_fetch_add(&((struct http_tokens *)t)->refs, 1);
}

void http_tokens_release(const struct http_tokens *t)
{
  struct http_tokens *mine = (struct http_tokens *)t;
  if (mine != NULL && atomic_fetch_sub(&mine->refs, 1) == 1) {
    arena_deinit(&mine->arena);
    free(mine);
  }
}

// ---- reading ----------------------------------------------------------------------------------

static bool read_hex(const struct codec_json *v, uint8_t out[CHN_SHA256_SIZE])
{
  static const char digits[] = "0123456789abcdef";
  if (v->text_len != (size_t)2 * CHN_SHA256_SIZE) {
    return false;
  }
  for (size_t i = 0; i < v->text_len; i++) {
    const char c = v->text[i];
    const char *at = memchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c, 16);
    if (at == NULL) {
      return false;
    }
    out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - digits));
  }
  return true;
}

static bool is_text(const struct codec_json *v)
{
  return v != NULL && v->kind == CODEC_JSON_STRING && v->text_len > 0;
}

static chn_status at(struct chn_err *err, const char *path, const struct codec_json *v,
                     const char *what)
{
  return chn_fail(err, CHN_E_ARGUMENT, "%s:%d:%d: %s", path, (int)v->line, (int)v->column, what);
}

static chn_status read_scopes(struct http_tokens *t, const char *path, const struct codec_json *v,
                              struct http_token *out, struct chn_err *err)
{
  if (v == NULL) {
    out->scopes = arena_calloc(&t->arena, 1, sizeof *out->scopes);
    out->scopes[out->n_scopes++] = arena_printf(&t->arena, "read:%s", out->team);
    return CHN_OK;
  }
  if (v->kind != CODEC_JSON_ARRAY) {
    return at(err, path, v,
              "\"scopes\" is a list: [\"read:TEAM\", \"read:*\", \"metrics\", \"admin\"]");
  }
  out->scopes = arena_calloc(&t->arena, (size_t)v->n + 1, sizeof *out->scopes);
  for (int32_t i = 0; i < v->n; i++) {
    const struct codec_json *scope = &v->members[i].value;
    const bool read = is_text(scope) && strncmp(scope->text, "read:", 5) == 0 && scope->text[5];
    if (!read && (!is_text(scope) ||
                  (strcmp(scope->text, "metrics") != 0 && strcmp(scope->text, "admin") != 0))) {
      return at(err, path, scope, "no scope: read:TEAM, read:*, metrics and admin are known");
    }
    out->scopes[out->n_scopes++] = arena_strdup(&t->arena, scope->text);
  }
  return CHN_OK;
}

static chn_status read_one(struct http_tokens *t, const char *path, const struct codec_json *v,
                           struct http_token *out, struct chn_err *err)
{
  static const char *const known[] = { "token", "sha256", "team", "scopes" };
  if (v->kind != CODEC_JSON_OBJECT) {
    return at(err, path, v, "an object with \"token\" or \"sha256\", and \"team\", is needed");
  }
  for (int32_t i = 0; i < v->n; i++) {
    const char *key = v->members[i].key;
    bool is_known = false;
    for (size_t k = 0; k < 4; k++) {
      is_known = is_known || strcmp(key, known[k]) == 0;
    }
    if (!is_known) {
      const char *near = chn_near(key, known, 4);
      return chn_fail(err, CHN_E_ARGUMENT, "%s:%d:%d: \"%s\" is unknown%s%s%s", path,
                      (int)v->members[i].value.line, (int)v->members[i].value.column, key,
                      near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    }
  }
  const struct codec_json *token = codec_json_get(v, "token");
  const struct codec_json *hash = codec_json_get(v, "sha256");
  const struct codec_json *team = codec_json_get(v, "team");
  if (!is_text(team)) {
    return at(err, path, v, "the token has no \"team\"");
  }
  if ((token != NULL) == (hash != NULL) || !is_text(token != NULL ? token : hash)) {
    return at(err, path, v, "either \"token\" or \"sha256\" is needed, as a text");
  }
  if (hash != NULL && !read_hex(hash, out->hash)) {
    return at(err, path, hash, "\"sha256\" is 64 hexadecimal digits: printf %s TOKEN | sha256sum");
  }
  if (token != NULL) {
    chn_sha256(token->text, token->text_len, out->hash);
  }
  out->team = arena_strdup(&t->arena, team->text);
  return read_scopes(t, path, codec_json_get(v, "scopes"), out, err);
}

static chn_status read_file(const char *path, struct chn_buf *out, struct chn_err *err)
{
  FILE *f = fopen(path, "rbe");
  if (f == NULL) {
    return chn_fail(err, errno == ENOENT ? CHN_E_NOT_FOUND : CHN_E_IO, "%s: %s", path,
                    strerror(errno));
  }
  char part[4096];
  size_t n = 0;
  out->max = MAX_FILE;
  while ((n = fread(part, 1, sizeof part, f)) > 0) {
    chn_buf_add(out, part, n);
  }
  const bool failed = ferror(f) != 0;
  fclose(f);
  if (failed || out->truncated) {
    return chn_fail(err, CHN_E_IO, "%s: %s", path,
                    failed ? "cannot be read" : "more than 1 MiB, which is no file of tokens");
  }
  return CHN_OK;
}

static bool stands_before(const struct http_tokens *t, const struct http_token *token)
{
  for (int32_t i = 0; i < t->n; i++) {
    if (memcmp(t->list[i].hash, token->hash, sizeof token->hash) == 0) {
      return true;
    }
  }
  return false;
}

static chn_status read_all(struct http_tokens *t, const char *path, const struct codec_json *doc,
                           struct chn_err *err)
{
  if (doc->kind != CODEC_JSON_ARRAY || doc->n == 0) {
    return at(err, path, doc, "a list of tokens is needed: [{\"sha256\": .., \"team\": ..}]");
  }
  t->list = arena_calloc(&t->arena, (size_t)doc->n, sizeof *t->list);
  chn_status s = CHN_OK;
  for (; t->n < doc->n && s == CHN_OK; t->n++) {
    const struct codec_json *v = &doc->members[t->n].value;
    s = read_one(t, path, v, &t->list[t->n], err);
    if (s == CHN_OK && stands_before(t, &t->list[t->n])) {
      s = at(err, path, v, "the token stands twice, and only one entry can say what it may");
    }
  }
  return s;
}

chn_status http_tokens_read(const char *path, struct http_tokens **out, struct chn_err *err)
{
  struct http_tokens *t = chn_calloc(1, sizeof *t);
  struct chn_buf text = { 0 };
  struct arena scratch = { 0 };
  const struct codec_json *doc = NULL;
  atomic_init(&t->refs, 1);
  chn_status s = read_file(path, &text, err);
  if (s == CHN_OK) {
    s = codec_json_parse(&scratch, chn_buf_str(&text), text.len, path, &doc, err);
  }
  if (s == CHN_OK) {
    s = read_all(t, path, doc, err);
  }
  arena_deinit(&scratch);
  if (text.data != NULL) {
    explicit_bzero(text.data, text.len);
  }
  chn_buf_deinit(&text);
  if (s != CHN_OK) {
    http_tokens_release(t);
    return s;
  }
  *out = t;
  return CHN_OK;
}

// ---- asking -----------------------------------------------------------------------------------

const struct http_token *http_tokens_find(const struct http_tokens *t, const char *header)
{
  if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0) {
    return NULL;
  }
  const char *token = header + 7 + strspn(header + 7, " ");
  size_t len = strlen(token);
  while (len > 0 && token[len - 1] == ' ') {
    len--;
  }
  uint8_t hash[CHN_SHA256_SIZE];
  const struct http_token *found = NULL;
  chn_sha256(token, len, hash);
  for (int32_t i = 0; i < t->n; i++) {
    found = chn_same_bytes(hash, t->list[i].hash, sizeof hash) ? &t->list[i] : found;
  }
  return found;
}

bool http_token_may(const struct http_token *t, const char *scope)
{
  bool may = false;
  for (int32_t i = 0; i < t->n_scopes; i++) {
    may = may || strcmp(t->scopes[i], scope) == 0;
  }
  return may;
}

bool http_token_may_read(const struct http_token *t, const char *name)
{
  const size_t team = strcspn(name, "/.");
  bool may = false;
  for (int32_t i = 0; i < t->n_scopes; i++) {
    const char *scope = t->scopes[i];
    may = may || strcmp(scope, "read:*") == 0 ||
          (strncmp(scope, "read:", 5) == 0 && strlen(scope + 5) == team &&
           strncmp(scope + 5, name, team) == 0);
  }
  return may;
}
