#include "stream/topic.h"

#include <string.h>

static chn_status add_param(struct arena *a, const char *token, size_t len,
                            struct stream_topic *out, const char *text, struct chn_err *err)
{
  const char *eq = memchr(token, '=', len);
  if (eq == NULL || eq == token) {
    return chn_fail(err, CHN_E_ARGUMENT, "topic \"%s\": \"%.*s\" is not name=value", text, (int)len,
                    token);
  }
  const size_t name_len = (size_t)(eq - token);
  char *value = arena_strndup(a, eq + 1, len - name_len - 1);
  // A path in a parameter writes its slashes as %2F.
  char *to = value;
  for (const char *from = value; *from != '\0'; to++) {
    const bool slash = strncmp(from, "%2F", 3) == 0 || strncmp(from, "%2f", 3) == 0;
    *to = slash ? '/' : *from;
    from += slash ? 3 : 1;
  }
  *to = '\0';
  out->params[out->n_params++] = (struct stream_param){ arena_strndup(a, token, name_len), value };
  return CHN_OK;
}

chn_status stream_topic_parse(struct arena *a, const char *text, struct stream_topic *out,
                              struct chn_err *err)
{
  *out = (struct stream_topic){ .type = "kafka" };
  const char *at = strstr(text, "://");
  const char *rest = at != NULL ? at + 3 : text;
  if (at != NULL) {
    out->type = arena_strndup(a, text, (size_t)(at - text));
  }
  size_t len = strcspn(rest, "/");
  if (len == 0 || (at != NULL && at == text)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "topic \"%s\" has no name; it is written [type://]topic[/name=value]...", text);
  }
  out->name = arena_strndup(a, rest, len);
  size_t tokens = 1;
  for (const char *c = rest; *c != '\0'; c++) {
    tokens += *c == '/';
  }
  out->params = arena_calloc(a, tokens, sizeof *out->params);
  rest += len;
  chn_status s = CHN_OK;
  while (*rest == '/' && s == CHN_OK) {
    rest++;
    len = strcspn(rest, "/");
    if (len > 0) {
      s = add_param(a, rest, len, out, text, err);
    }
    rest += len;
  }
  return s;
}

const char *stream_topic_param(const struct stream_topic *t, const char *name)
{
  for (int32_t i = 0; i < t->n_params; i++) {
    if (strcmp(t->params[i].name, name) == 0) {
      return t->params[i].value;
    }
  }
  return NULL;
}

const char *stream_topic_bootstrap(struct arena *a, const struct stream_topic *t)
{
  const char *bootstrap = stream_topic_param(t, "bootstrap");
  const char *host = stream_topic_param(t, "host");
  if (bootstrap != NULL || host == NULL) {
    return bootstrap;
  }
  const char *port = stream_topic_param(t, "port");
  return arena_printf(a, "%s:%s", host, port != NULL ? port : "9092");
}
