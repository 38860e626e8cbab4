// Written by hand rather than over jansson: that library forgets where a value stood, how a number
// was written, and copies every string twice.
#include "codec/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/utf8.h"

struct parser {
  struct arena *a;
  const char *what;
  const char *at;
  const char *end;
  const char *line_start;
  int32_t line;
  int32_t depth;
  struct codec_json_member *stack; ///< members of the containers still open; malloc'ed
  size_t n_stack;
  size_t cap_stack;
  struct chn_err *err;
};

static chn_status parse_value(struct parser *p, struct codec_json *v);

static chn_status fail_at(struct parser *p, int32_t line, int32_t column, const char *why)
{
  return chn_fail(p->err, CHN_E_CORRUPT, "%s:%d:%d: %s", p->what, line, column, why);
}

static int32_t column_of(const struct parser *p, const char *at)
{
  return (int32_t)(at - p->line_start) + 1;
}

static chn_status fail_here(struct parser *p, const char *why)
{
  return fail_at(p, p->line, column_of(p, p->at), why);
}

static void skip_blanks(struct parser *p)
{
  for (; p->at < p->end; p->at++) {
    if (*p->at == '\n') {
      p->line++;
      p->line_start = p->at + 1;
    } else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r') {
      return;
    }
  }
}

// ---- strings ----------------------------------------------------------------------------------

static int hex4(const char *s, const char *end)
{
  if (end - s < 4) {
    return -1;
  }
  int value = 0;
  for (int i = 0; i < 4; i++) {
    const char c = s[i];
    int digit = -1;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = (c | 0x20) - 'a' + 10;
    }
    if (digit < 0) {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

static char *put_utf8(char *out, int code)
{
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xc0 | (code >> 6));
    *out++ = (char)(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    *out++ = (char)(0xe0 | (code >> 12));
    *out++ = (char)(0x80 | ((code >> 6) & 0x3f));
    *out++ = (char)(0x80 | (code & 0x3f));
  } else {
    *out++ = (char)(0xf0 | (code >> 18));
    *out++ = (char)(0x80 | ((code >> 12) & 0x3f));
    *out++ = (char)(0x80 | ((code >> 6) & 0x3f));
    *out++ = (char)(0x80 | (code & 0x3f));
  }
  return out;
}

/// p->at stands after `\u`; moves behind the digits (of both halves of a pair).
static chn_status parse_unicode(struct parser *p, char **out)
{
  int code = hex4(p->at, p->end);
  if (code < 0) {
    return fail_here(p, "\\u must be followed by four hexadecimal digits");
  }
  p->at += 4;
  if (code >= 0xdc00 && code <= 0xdfff) {
    return fail_here(p, "a low surrogate without the high one before it");
  }
  if (code >= 0xd800 && code <= 0xdbff) {
    const bool paired = p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u';
    const int low = paired ? hex4(p->at + 2, p->end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
      return fail_here(p, "a high surrogate without the low one after it");
    }
    p->at += 6;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  *out = put_utf8(*out, code);
  return CHN_OK;
}

static chn_status parse_escape(struct parser *p, char **out)
{
  static const char names[] = "\"\\/bfnrt";
  static const char values[] = "\"\\/\b\f\n\r\t";
  p->at++; // the backslash
  if (p->at == p->end) {
    return fail_here(p, "the string does not end");
  }
  const char c = *p->at;
  if (c == 'u') {
    p->at++;
    return parse_unicode(p, out);
  }
  const char *found = c != '\0' ? strchr(names, c) : NULL;
  if (found == NULL) {
    return fail_here(p, "an unknown escape after \\");
  }
  p->at++;
  *(*out)++ = values[found - names];
  return CHN_OK;
}

/// The closing quote of the string whose content starts at p->at, or NULL.
static const char *string_end(const struct parser *p)
{
  for (const char *s = p->at; s < p->end; s++) {
    if (*s == '"') {
      return s;
    }
    if (*s == '\\') {
      s++;
    }
  }
  return NULL;
}

/// Copies bytes that stand for themselves: ASCII but for controls, quotes and backslashes.
static char *take_plain(struct parser *p, char *out)
{
  const char *from = p->at;
  while (p->at < p->end && (signed char)*p->at >= 0x20 && *p->at != '"' && *p->at != '\\') {
    p->at++; // what is not ASCII is negative
  }
  memcpy(out, from, (size_t)(p->at - from));
  return out + (p->at - from);
}

static chn_status parse_string(struct parser *p, const char **text, size_t *len)
{
  p->at++; // the quote
  const char *close = string_end(p);
  if (close == NULL) {
    return fail_here(p, "the string does not end");
  }
  char *bytes = arena_alloc(p->a, (size_t)(close - p->at) + 1); // an escape is never shorter
  char *out = bytes;
  while (out = take_plain(p, out), p->at < p->end && *p->at != '"') {
    if (*p->at == '\\') {
      const chn_status s = parse_escape(p, &out);
      if (s != CHN_OK) {
        return s;
      }
      continue;
    }
    if ((unsigned char)*p->at < 0x20) {
      return fail_here(p, "a control character inside a string must be escaped");
    }
    const size_t n = codec_utf8_length((const unsigned char *)p->at, (const unsigned char *)p->end);
    if (n == 0) {
      return fail_here(p, "bytes that are not UTF-8");
    }
    memcpy(out, p->at, n);
    out += n;
    p->at += n;
  }
  p->at++;
  *out = '\0';
  *text = bytes;
  *len = (size_t)(out - bytes);
  return CHN_OK;
}

// ---- numbers ----------------------------------------------------------------------------------

static bool digits(struct parser *p)
{
  const char *start = p->at;
  while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
    p->at++;
  }
  return p->at > start;
}

static bool scan_number(struct parser *p, bool *real)
{
  if (*p->at == '-') {
    p->at++;
  }
  const char *start = p->at;
  if (!digits(p) || (*start == '0' && p->at - start > 1)) {
    return false;
  }
  if (p->at < p->end && *p->at == '.') {
    *real = true;
    p->at++;
    if (!digits(p)) {
      return false;
    }
  }
  if (p->at < p->end && (*p->at | 0x20) == 'e') {
    *real = true;
    p->at++;
    if (p->at < p->end && (*p->at == '+' || *p->at == '-')) {
      p->at++;
    }
    return digits(p);
  }
  return true;
}

static chn_status parse_number(struct parser *p, struct codec_json *v)
{
  const char *start = p->at;
  bool real = false;
  if (!scan_number(p, &real)) {
    p->at = start;
    return fail_here(p, "not a number");
  }
  v->text_len = (size_t)(p->at - start);
  v->text = arena_strndup(p->a, start, v->text_len);
  if (!real) {
    errno = 0;
    v->kind = CODEC_JSON_INT;
    v->as.integer = strtoll(v->text, NULL, 10);
    if (errno == 0) {
      return CHN_OK;
    }
  }
  v->kind = CODEC_JSON_REAL;
  v->as.real = strtod(v->text, NULL);
  return isinf(v->as.real) ? fail_at(p, v->line, v->column, "a number beyond the range of double")
                           : CHN_OK;
}

// ---- containers -------------------------------------------------------------------------------

static int by_key(const void *x, const void *y)
{
  const struct codec_json_member *const *mx = x, *const *my = y;
  const int order = strcmp((*mx)->key, (*my)->key);
  return order != 0 ? order : (*mx < *my ? -1 : 1);
}

static chn_status refuse_duplicates(struct parser *p, const struct codec_json *v)
{
  if (v->n < 2) {
    return CHN_OK;
  }
  const struct codec_json_member **sorted = chn_malloc((size_t)v->n * sizeof *sorted);
  for (int32_t i = 0; i < v->n; i++) {
    sorted[i] = &v->members[i];
  }
  qsort(sorted, (size_t)v->n, sizeof *sorted, by_key);
  chn_status status = CHN_OK;
  for (int32_t i = 1; i < v->n && status == CHN_OK; i++) {
    if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
      status =
          chn_fail(p->err, CHN_E_CORRUPT, "%s:%d:%d: the key \"%s\" stands twice in the object",
                   p->what, sorted[i]->value.line, sorted[i]->value.column, sorted[i]->key);
    }
  }
  free(sorted);
  return status;
}

static void push(struct parser *p, const struct codec_json_member *m)
{
  if (p->n_stack == p->cap_stack) {
    p->cap_stack = p->cap_stack ? p->cap_stack * 2 : 64;
    p->stack = chn_realloc(p->stack, p->cap_stack * sizeof *p->stack);
  }
  p->stack[p->n_stack++] = *m;
}

static chn_status parse_key(struct parser *p, const char **key)
{
  size_t len = 0;
  if (p->at == p->end || *p->at != '"') {
    return fail_here(p, "a key in double quotes is missing");
  }
  chn_status s = parse_string(p, key, &len);
  if (s != CHN_OK) {
    return s;
  }
  if (strlen(*key) != len) {
    return fail_here(p, "a key must not hold a NUL character");
  }
  skip_blanks(p);
  if (p->at == p->end || *p->at != ':') {
    return fail_here(p, "a colon is missing after the key");
  }
  p->at++;
  return CHN_OK;
}

/// One member and what follows it; *more says whether a comma did.
static chn_status parse_member(struct parser *p, char close, bool *more)
{
  struct codec_json_member m = { 0 };
  skip_blanks(p);
  chn_status s = close == '}' ? parse_key(p, &m.key) : CHN_OK;
  if (s == CHN_OK) {
    s = parse_value(p, &m.value);
  }
  if (s != CHN_OK) {
    return s;
  }
  push(p, &m);
  skip_blanks(p);
  *more = p->at < p->end && *p->at == ',';
  if (!*more && (p->at == p->end || *p->at != close)) {
    return fail_here(p, close == '}' ? "a comma or } is missing" : "a comma or ] is missing");
  }
  p->at++;
  return CHN_OK;
}

static chn_status parse_container(struct parser *p, struct codec_json *v)
{
  const char close = *p->at == '{' ? '}' : ']';
  v->kind = close == '}' ? CODEC_JSON_OBJECT : CODEC_JSON_ARRAY;
  if (p->depth == CODEC_JSON_MAX_DEPTH) {
    return fail_here(p, "nested too deeply (more than 200 levels)");
  }
  p->depth++;
  p->at++;
  const size_t base = p->n_stack;
  skip_blanks(p);
  bool more = p->at == p->end || *p->at != close;
  if (!more) {
    p->at++;
  }
  while (more) {
    const chn_status s = parse_member(p, close, &more);
    if (s != CHN_OK) {
      return s;
    }
  }
  p->depth--;
  v->n = (int32_t)(p->n_stack - base);
  v->members = arena_alloc(p->a, (size_t)v->n * sizeof *v->members);
  if (v->n > 0) {
    memcpy(v->members, p->stack + base, (size_t)v->n * sizeof *v->members);
  }
  p->n_stack = base;
  return v->kind == CODEC_JSON_OBJECT ? refuse_duplicates(p, v) : CHN_OK;
}

static bool parse_word(struct parser *p, const char *word)
{
  const size_t n = strlen(word);
  if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0) {
    return false;
  }
  p->at += n;
  return true;
}

static chn_status parse_value(struct parser *p, struct codec_json *v)
{
  skip_blanks(p);
  v->line = p->line;
  v->column = column_of(p, p->at);
  if (p->at == p->end) {
    return fail_here(p, "the text ends where a value is missing");
  }
  const char c = *p->at;
  if (c == '{' || c == '[') {
    return parse_container(p, v);
  }
  if (c == '"') {
    v->kind = CODEC_JSON_STRING;
    return parse_string(p, &v->text, &v->text_len);
  }
  if (c == '-' || (c >= '0' && c <= '9')) {
    return parse_number(p, v);
  }
  v->kind = CODEC_JSON_BOOL;
  v->as.boolean = c == 't';
  if (parse_word(p, "true") || parse_word(p, "false")) {
    return CHN_OK;
  }
  v->kind = CODEC_JSON_NULL;
  return parse_word(p, "null") ? CHN_OK : fail_here(p, "not a JSON value");
}

chn_status codec_json_parse(struct arena *a, const char *text, size_t len, const char *what,
                            const struct codec_json **out, struct chn_err *err)
{
  if (len > CODEC_JSON_MAX_BYTES) {
    return chn_fail(err, CHN_E_CORRUPT, "%s: %zu bytes of JSON, at most %d are read", what, len,
                    (int)CODEC_JSON_MAX_BYTES);
  }
  struct parser p = {
    .a = a, .what = what, .at = text, .end = text + len, .line_start = text, .line = 1, .err = err
  };
  struct codec_json *v = arena_calloc(a, 1, sizeof *v);
  chn_status s = parse_value(&p, v);
  if (s == CHN_OK) {
    skip_blanks(&p);
    s = p.at == p.end ? CHN_OK : fail_here(&p, "something follows the end of the document");
  }
  free(p.stack);
  if (s == CHN_OK) {
    *out = v;
  }
  return s;
}

const struct codec_json *codec_json_get(const struct codec_json *v, const char *key)
{
  if (v == NULL || v->kind != CODEC_JSON_OBJECT) {
    return NULL;
  }
  for (int32_t i = 0; i < v->n; i++) {
    if (strcmp(v->members[i].key, key) == 0) {
      return &v->members[i].value;
    }
  }
  return NULL;
}

const char *codec_json_kind_name(enum codec_json_kind kind)
{
  static const char *const names[] = {
    "null",     "true or false", "an integer", "a number with a fraction",
    "a string", "an array",      "an object",
  };
  return names[kind];
}
