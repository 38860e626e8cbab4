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
    } else if (value && name == 2 && memcmp(text, "ca", 2) == 0) {
      free(url->ca);
      url->ca = decoded(value + 1, n - name - 1);
      status = CHN_OK;
    } else {
      status = chn_fail(err, CHN_E_ARGUMENT,
                        "option \"%.*s\" is none of timeout=MS, map=MIB, ca=FILE", (int)n, text);
    }
    if (status) {
      return status;
    }
    text += n + (text[n] == '&');
  }
  return CHN_OK;
}

// [user][:password], or a password alone
static void parse_login(struct kv_url *url, const char *s, size_t n)
{
  const char *colon = memchr(s, ':', n);
  if (colon && colon > s) {
    url->user = decoded(s, (size_t)(colon - s));
  }
  const char *password = colon ? colon + 1 : s;
  url->password = decoded(password, n - (size_t)(password - s));
}

// host[:port], [::1][:port]
static chn_status parse_host(struct kv_url *url, const char *s, size_t n, struct chn_err *err)
{
  const char *close = n > 0 && *s == '[' ? memchr(s, ']', n) : NULL;
  const char *rest = close ? close + 1 : s;
  const char *colon = memchr(rest, ':', n - (size_t)(rest - s));
  const size_t host = colon ? (size_t)(colon - s) : n;
  url->host = close ? copied(s + 1, (size_t)(close - s) - 1) : copied(s, host);
  if (*url->host == '\0') {
    return chn_fail(err, CHN_E_ARGUMENT, "want %s://host", url->scheme);
  }
  return colon ? parse_number("port", colon + 1, n - host - 1, 1, 65535, &url->port, err) : CHN_OK;
}

// //[login@]host[:port][/db]
static chn_status parse_server(struct kv_url *url, const char *s, size_t n, struct chn_err *err)
{
  if (n < 2 || memcmp(s, "//", 2) != 0) {
    return chn_fail(err, CHN_E_ARGUMENT, "want %s://host", url->scheme);
  }
  s += 2;
  n -= 2;
  const char *at = memrchr(s, '@', n);
  if (at) {
    parse_login(url, s, (size_t)(at - s));
    n -= (size_t)(at - s) + 1;
    s = at + 1;
  }
  const char *slash = memchr(s, '/', n);
  const size_t db = slash ? n - (size_t)(slash - s) - 1 : 0;
  const chn_status status = parse_host(url, s, slash ? (size_t)(slash - s) : n, err);
  return status || db == 0 ? status
                           : parse_number("database", slash + 1, db, 0, 1 << 20, &url->db, err);
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

static chn_status parse_scheme(struct kv_url *url, const char *text, struct chn_err *err)
{
  const size_t n = strcspn(text, ":");
  char *word = copied(text, n);
  for (int i = 0; i < SCHEME_COUNT && text[n] == ':'; i++) {
    if (strcmp(SCHEMES[i], word) == 0) {
      url->scheme = word;
      return CHN_OK;
    }
  }
  const char *near = chn_near(word, SCHEMES, SCHEME_COUNT);
  free(word);
  return chn_fail(err, CHN_E_ARGUMENT,
                  "want lmdb:PATH, redis://HOST, rediss://HOST or memory:NAME%s%s%s",
                  near ? " (did you mean " : "", near ? near : "", near ? ":?)" : "");
}

static chn_status parse(struct kv_url *url, const char *text, struct chn_err *err)
{
  chn_status status = parse_scheme(url, text, err);
  if (status) {
    return status;
  }
  const char *rest = text + strlen(url->scheme) + 1;
  const char *question = strrchr(rest, '?');
  const size_t n = question ? (size_t)(question - rest) : strlen(rest);
  status = question ? parse_options(url, question + 1, err) : CHN_OK;
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
  free(url->ca);
  *url = (struct kv_url){ 0 };
}
