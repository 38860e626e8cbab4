// The text of a store's address, taken apart.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/near.h"
#include "kv/kv_int.h"

enum { TIMEOUT_MS = 2000, REDIS_PORT = 6379 };

static const char *const SCHEMES[] = { "lmdb", "redis", "rediss", "memory" };
enum { SCHEME_COUNT = sizeof SCHEMES / sizeof *SCHEMES };

static int hex(char c)
{
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const int lower = tolower((unsigned char)c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// %XX to bytes; a password may hold any character that way.
static char *decoded(const char *s, size_t n)
{
  struct chn_buf b = { 0 };
  for (size_t i = 0; i < n; i++) {
    if (s[i] == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
      chn_buf_addc(&b, (char)(hex(s[i + 1]) * 16 + hex(s[i + 2])));
      i += 2;
    } else {
      chn_buf_addc(&b, s[i]);
    }
  }
  char *text = chn_strdup(chn_buf_str(&b));
  chn_buf_deinit(&b);
  return text;
}

static char *copied(const char *s, size_t n)
{
  char *text = chn_malloc(n + 1);
  memcpy(text, s, n);
  text[n] = '\0';
  return text;
}

static chn_status parse_number(const char *what, const char *text, size_t n, long min, long max,
                               int *out, struct chn_err *err)
{
  char *copy = copied(text, n);
  char *end = NULL;
  const long value = strtol(copy, &end, 10);
  const bool good =
      n > 0 && *end == '\0' && isdigit((unsigned char)*copy) && value >= min && value <= max;
  free(copy);
  if (!good) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s \"%.*s\" is not a number from %ld to %ld", what,
                    (int)n, text, min, max);
  }
  *out = (int)value;
  return CHN_OK;
}

// name=value&name=value
static chn_status parse_options(struct kv_url *url, const char *text, struct chn_err *err)
{
  while (*text != '\0') {
    const size_t n = strcspn(text, "&");
    const char *value = memchr(text, '=', n);
    const size_t name = value ? (size_t)(value - text) : n;
    chn_status status;
    if (value && name == 7 && memcmp(text, "timeout", 7) == 0) {
      status = parse_number("timeout", value + 1, n - name - 1, 1, 3600000, &url->timeout_ms, err);
    } else if (value && name == 3 && memcmp(text, "map", 3) == 0) {
      status = parse_number("map", value + 1, n - name - 1, 1, 1 << 30, &url->map_mib, err);
    } else {
      status = chn_fail(err, CHN_E_ARGUMENT, "option \"%.*s\" is neither timeout=MS nor map=MIB",
                        (int)n, text);
    }
    if (status) {
      return status;
    }
    text += n + (text[n] == '&');
  }
  return CHN_OK;
}

// [[user]:password@]host[:port][/db]
static chn_status parse_server(struct kv_url *url, const char *s, size_t n, struct chn_err *err)
{
  if (n < 2 || memcmp(s, "//", 2) != 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "want %s://host", url->scheme);
  }
  s += 2;
  n -= 2;
  const char *at = memrchr(s, '@', n);
  if (at) {
    const size_t login = (size_t)(at - s);
    const char *colon = memchr(s, ':', login);
    const size_t user = colon ? (size_t)(colon - s) : 0;
    const char *password = colon ? colon + 1 : s;
    url->user = user ? decoded(s, user) : NULL;
    url->password = decoded(password, (size_t)(at - password));
    n -= login + 1;
    s = at + 1;
  }
  chn_status status = CHN_OK;
  const char *slash = memchr(s, '/', n);
  if (slash) {
    const size_t db = n - (size_t)(slash - s) - 1;
    status = db ? parse_number("database", slash + 1, db, 0, 1 << 20, &url->db, err) : CHN_OK;
    n = (size_t)(slash - s);
  }
  const char *close = n > 0 && *s == '[' ? memchr(s, ']', n) : NULL; // [::1]:6379
  const char *rest = close ? close + 1 : s;
  const char *colon = memchr(rest, ':', n - (size_t)(rest - s));
  if (colon && !status) {
    status =
        parse_number("port", colon + 1, n - (size_t)(colon - s) - 1, 1, 65535, &url->port, err);
  }
  n = colon ? (size_t)(colon - s) : n;
  url->host = close ? copied(s + 1, (size_t)(close - s) - 1) : copied(s, n);
  if (!status && *url->host == '\0') {
    status = chn_fail(err, CHN_E_ARGUMENT, "want %s://host", url->scheme);
  }
  return status;
}

// What messages may show: as given, but for the password.
static char *shown(const struct kv_url *url, const char *text)
{
  const char *at = strrchr(text, '@');
  const char *login = strstr(text, "://");
  if (!url->password || !at || !login) {
    return chn_strdup(text);
  }
  struct chn_buf b = { 0 };
  chn_buf_adds(&b, url->scheme);
  chn_buf_adds(&b, "://");
  chn_buf_adds(&b, url->user ? url->user : "");
  chn_buf_adds(&b, ":***");
  chn_buf_adds(&b, at);
  char *out = chn_strdup(chn_buf_str(&b));
  chn_buf_deinit(&b);
  return out;
}

static chn_status parse(struct kv_url *url, const char *text, struct chn_err *err)
{
  const char *colon = strchr(text, ':');
  const size_t scheme = colon ? (size_t)(colon - text) : 0;
  for (int i = 0; i < SCHEME_COUNT && colon; i++) {
    if (strlen(SCHEMES[i]) == scheme && memcmp(SCHEMES[i], text, scheme) == 0) {
      url->scheme = chn_strdup(SCHEMES[i]);
    }
  }
  if (!url->scheme) {
    char *word = copied(text, colon ? scheme : strlen(text));
    const char *near = chn_near(word, SCHEMES, SCHEME_COUNT);
    free(word);
    return chn_fail(err, CHN_E_ARGUMENT,
                    "want lmdb:PATH, redis://HOST, rediss://HOST or memory:NAME%s%s%s",
                    near ? " (did you mean " : "", near ? near : "", near ? ":?)" : "");
  }
  const char *rest = colon + 1;
  const char *question = strrchr(rest, '?');
  const size_t n = question ? (size_t)(question - rest) : strlen(rest);
  const chn_status status = question ? parse_options(url, question + 1, err) : CHN_OK;
  if (status) {
    return status;
  }
  if (*url->scheme == 'r') {
    return parse_server(url, rest, n, err);
  }
  url->path = copied(rest, n);
  if (*url->scheme == 'l' && n == 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "want lmdb:PATH, the path of a folder");
  }
  return CHN_OK;
}

chn_status kv_url_parse(struct kv_url *url, const char *text, struct chn_err *err)
{
  *url = (struct kv_url){ .port = REDIS_PORT, .timeout_ms = TIMEOUT_MS };
  const chn_status status = parse(url, text, err);
  url->text = shown(url, text);
  return status;
}

void kv_url_deinit(struct kv_url *url)
{
  free(url->text);
  free(url->scheme);
  free(url->path);
  free(url->user);
  free(url->password);
  free(url->host);
  *url = (struct kv_url){ 0 };
}
