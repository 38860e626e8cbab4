// Spark's lexical rules: back-quoted names, strings in either quote with backslash escapes,
// r'raw' strings, numbers with type suffixes, and names that may begin with a digit: where a number
// and a name both match, the longer wins.
#include "warehouse/sql_int.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct lexer {
  struct arena *a;
  const char *text;
  size_t at;
  struct sql_token *tokens;
  int32_t n;
  struct chn_err *err;
};

static const char *const operators[] = { "<=>", ">>>", "<=", ">=", "<>", "!=", "==",
                                         "||",  "->",  "=>", "::", "<<", ">>", NULL };

chn_status sql_error_at(struct chn_err *err, const char *text, uint32_t pos, const char *fmt, ...)
{
  char msg[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(msg, sizeof msg, fmt, ap);
  va_end(ap);
  unsigned line = 1;
  uint32_t start = 0;
  for (uint32_t i = 0; i < pos && text[i]; i++) {
    if (text[i] == '\n') {
      line++;
      start = i + 1;
    }
  }
  unsigned column = 1;
  for (uint32_t i = start; i < pos && text[i]; i++) {
    column += ((unsigned char)text[i] & 0xC0) != 0x80;
  }
  if (strchr(text, '\n')) {
    return chn_fail(err, CHN_E_ARGUMENT, "line %u, column %u: %s", line, column, msg);
  }
  return chn_fail(err, CHN_E_ARGUMENT, "column %u: %s", column, msg);
}

void *sql_push(struct arena *a, void *array, int32_t *n, size_t size)
{
  const size_t count = (size_t)*n;
  if ((count & (count - 1)) == 0) {
    const size_t cap = count ? count * 2 : 1;
    void *bigger = arena_calloc(a, cap, size);
    if (count) {
      memcpy(bigger, array, count * size);
    }
    array = bigger;
  }
  ++*n;
  return array;
}

static void emit(struct lexer *l, enum sql_tok kind, size_t pos, const char *text)
{
  l->tokens = sql_push(l->a, l->tokens, &l->n, sizeof *l->tokens);
  l->tokens[l->n - 1] = (struct sql_token){ .kind = kind, .pos = (uint32_t)pos, .text = text };
}

static bool is_name_char(char c)
{
  return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

// Skips blanks and comments (bracketed ones nest; hints are comments to us).
static chn_status skip_blank(struct lexer *l)
{
  for (;;) {
    const char *s = l->text + l->at;
    if (*s && isspace((unsigned char)*s)) {
      l->at++;
    } else if (s[0] == '-' && s[1] == '-') {
      l->at += strcspn(s, "\n");
    } else if (s[0] == '/' && s[1] == '*') {
      const size_t start = l->at;
      int nested = 0;
      do {
        s = l->text + l->at;
        if (!*s) {
          return sql_error_at(l->err, l->text, (uint32_t)start, "comment without end");
        }
        const bool open = s[0] == '/' && s[1] == '*';
        const bool shut = s[0] == '*' && s[1] == '/';
        nested += open - shut;
        l->at += open || shut ? 2 : 1;
      } while (nested > 0);
    } else {
      return CHN_OK;
    }
  }
}

static void add_utf8(struct chn_buf *b, uint32_t c)
{
  if (c < 0x80) {
    chn_buf_addc(b, (char)c);
  } else if (c < 0x800) {
    chn_buf_addc(b, (char)(0xC0 | (c >> 6)));
    chn_buf_addc(b, (char)(0x80 | (c & 0x3F)));
  } else {
    chn_buf_addc(b, (char)(0xE0 | (c >> 12)));
    chn_buf_addc(b, (char)(0x80 | ((c >> 6) & 0x3F)));
    chn_buf_addc(b, (char)(0x80 | (c & 0x3F)));
  }
}

static bool hex_digits(const char *s, int n, uint32_t *out)
{
  *out = 0;
  for (int i = 0; i < n; i++) {
    if (!isxdigit((unsigned char)s[i])) {
      return false;
    }
    const int c = tolower((unsigned char)s[i]);
    *out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return true;
}

// One escape after its backslash; returns the bytes taken behind the backslash.
static size_t add_escape(struct chn_buf *b, const char *s)
{
  static const char from[] = "0bnrtZ";
  static const char to[] = { 0, '\b', '\n', '\r', '\t', 26 };
  uint32_t code = 0;
  if (s[0] == 'u' && hex_digits(s + 1, 4, &code)) {
    add_utf8(b, code);
    return 5;
  }
  if ((s[0] == '0' || s[0] == '1') && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7') {
    add_utf8(b, (uint32_t)((s[0] - '0') * 64 + (s[1] - '0') * 8 + (s[2] - '0')));
    return 3;
  }
  const char *known = memchr(from, s[0], sizeof from - 1);
  if (known) {
    chn_buf_addc(b, to[known - from]);
    return 1;
  }
  if (s[0] == '%' || s[0] == '_') { // kept escaped for LIKE
    chn_buf_addc(b, '\\');
  }
  chn_buf_addc(b, s[0]);
  return 1;
}

static chn_status lex_string(struct lexer *l, bool raw)
{
  const size_t start = l->at;
  l->at += raw;
  const char quote = l->text[l->at++];
  struct chn_buf b = { 0 };
  while (l->text[l->at] && l->text[l->at] != quote) {
    if (!raw && l->text[l->at] == '\\' && l->text[l->at + 1]) {
      l->at += 1 + add_escape(&b, l->text + l->at + 1);
    } else {
      chn_buf_addc(&b, l->text[l->at++]);
    }
  }
  const bool has_nul = b.len != strlen(chn_buf_str(&b));
  const char *text = arena_strdup(l->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  if (!l->text[l->at]) {
    return sql_error_at(l->err, l->text, (uint32_t)start, "string without closing %c", quote);
  }
  if (has_nul) {
    return sql_error_at(l->err, l->text, (uint32_t)start, "a string cannot hold \\0");
  }
  l->at++;
  emit(l, SQL_T_STRING, start, text);
  return CHN_OK;
}

static chn_status lex_quoted(struct lexer *l)
{
  const size_t start = l->at++;
  struct chn_buf b = { 0 };
  while (l->text[l->at] && (l->text[l->at] != '`' || l->text[l->at + 1] == '`')) {
    chn_buf_addc(&b, l->text[l->at]);
    l->at += l->text[l->at] == '`' ? 2 : 1;
  }
  const char *text = arena_strdup(l->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  if (!l->text[l->at]) {
    return sql_error_at(l->err, l->text, (uint32_t)start, "name without closing `");
  }
  if (!*text) {
    return sql_error_at(l->err, l->text, (uint32_t)start, "empty name");
  }
  l->at++;
  emit(l, SQL_T_QUOTED, start, text);
  return CHN_OK;
}

// Bytes of the number at s, with its suffix; 0 when there is none.
static size_t number_length(const char *s)
{
  size_t n = strspn(s, "0123456789");
  size_t digits = n;
  if (s[n] == '.' && !(digits && s[n + 1] == '.')) {
    const size_t more = strspn(s + n + 1, "0123456789");
    digits += more;
    n += 1 + more;
  }
  if (!digits) {
    return 0;
  }
  if (s[n] == 'e' || s[n] == 'E') {
    const size_t sign = s[n + 1] == '+' || s[n + 1] == '-';
    const size_t more = strspn(s + n + 1 + sign, "0123456789");
    n += more ? 1 + sign + more : 0;
  }
  if ((s[n] == 'B' || s[n] == 'b') && (s[n + 1] == 'D' || s[n + 1] == 'd')) {
    return n + 2;
  }
  return n + (s[n] && strchr("LlSsYyDdFf", s[n]) != NULL);
}

static bool follows_value(const struct lexer *l)
{
  if (l->n == 0) {
    return false;
  }
  const struct sql_token *t = &l->tokens[l->n - 1];
  return t->kind == SQL_T_NAME || t->kind == SQL_T_QUOTED ||
         (t->kind == SQL_T_OP && (*t->text == ')' || *t->text == ']'));
}

static bool lex_word(struct lexer *l)
{
  const char *s = l->text + l->at;
  size_t name = 0;
  while (s[name] && is_name_char(s[name])) {
    name++;
  }
  size_t number = 0;
  if (isdigit((unsigned char)*s) || (*s == '.' && !follows_value(l))) {
    number = number_length(s);
  }
  const size_t len = number >= name ? number : name;
  if (len == 0) {
    return false;
  }
  emit(l, number >= name ? SQL_T_NUMBER : SQL_T_NAME, l->at, arena_strndup(l->a, s, len));
  l->at += len;
  return true;
}

static chn_status lex_operator(struct lexer *l)
{
  const char *s = l->text + l->at;
  for (int i = 0; operators[i]; i++) {
    if (strncmp(s, operators[i], strlen(operators[i])) == 0) {
      emit(l, SQL_T_OP, l->at, operators[i]);
      l->at += strlen(operators[i]);
      return CHN_OK;
    }
  }
  if (!strchr("+-*/%&|^~!()[],.;:=<>", *s)) {
    if ((unsigned char)*s < 0x20 || *s == 0x7F) {
      return sql_error_at(l->err, l->text, (uint32_t)l->at, "unexpected byte 0x%02x", *s);
    }
    return sql_error_at(l->err, l->text, (uint32_t)l->at, "unexpected character \"%c\"", *s);
  }
  emit(l, SQL_T_OP, l->at, arena_strndup(l->a, s, 1));
  l->at++;
  return CHN_OK;
}

static chn_status lex_one(struct lexer *l)
{
  const char *s = l->text + l->at;
  if (*s == '\'' || *s == '"') {
    return lex_string(l, false);
  }
  if ((*s == 'r' || *s == 'R') && (s[1] == '\'' || s[1] == '"')) {
    return lex_string(l, true);
  }
  if (*s == '`') {
    return lex_quoted(l);
  }
  return lex_word(l) ? CHN_OK : lex_operator(l);
}

chn_status sql_lex(struct arena *a, const char *text, struct sql_token **out, struct chn_err *err)
{
  if (strlen(text) > SQL_MAX_TEXT) {
    return chn_fail(err, CHN_E_ARGUMENT, "SQL text of %zu bytes is too long (limit %d)",
                    strlen(text), SQL_MAX_TEXT);
  }
  struct lexer l = { .a = a, .text = text, .err = err };
  for (;;) {
    chn_status st = skip_blank(&l);
    if (st == CHN_OK && text[l.at]) {
      st = lex_one(&l);
    } else if (st == CHN_OK) {
      emit(&l, SQL_T_END, l.at, "end of text");
      *out = l.tokens;
      return CHN_OK;
    }
    if (st != CHN_OK) {
      return st;
    }
  }
}
