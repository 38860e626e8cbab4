// Lua's patterns with a count of steps.
//
// A pattern such as ("a*"):rep(20) tries more ways than a life has seconds, inside one call that no
// instruction limit sees. So string.find, match, gmatch and gsub are written here again: every step
// of the search costs an instruction. What they match is what Lua 5.1's manual (5.4.1) says.
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "lua/luart_int.h"

enum {
  MOST_CAPTURES = 32,
  MOST_DEPTH = 200,  ///< of the recursion; a pattern needs about one level an item
  STEP_SLICE = 4096, ///< steps between two looks at the limits
};

enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct capture {
  const char *start;
  ptrdiff_t len; ///< or one of the above
};

struct matcher {
  lua_State *L;
  const char *text;
  const char *text_end;
  const char *pattern_end;
  struct capture captures[MOST_CAPTURES];
  int n_captures;
  int depth;
  int steps;
};

static const char *match(struct matcher *m, const char *s, const char *p);

static void step(struct matcher *m)
{
  if (++m->steps == STEP_SLICE) {
    m->steps = 0;
    session_charge(m->L, STEP_SLICE);
  }
}

// ---- one character ----------------------------------------------------------------------------

/// The end of the item at p: a character, %x or a [set].
static const char *item_end(const struct matcher *m, const char *p)
{
  if (*p == '%') {
    if (p + 1 >= m->pattern_end) {
      luaL_error(m->L, "malformed pattern (ends with '%%')");
    }
    return p + 2;
  }
  if (*p != '[') {
    return p + 1;
  }
  p += p + 1 < m->pattern_end && p[1] == '^' ? 2 : 1;
  const char *first = p;
  while (p < m->pattern_end && (*p != ']' || p == first)) {
    p += *p == '%' ? 2 : 1;
  }
  if (p >= m->pattern_end) {
    luaL_error(m->L, "malformed pattern (missing ']')");
  }
  return p + 1;
}

/// Whether c is of the class %x; for anything but a letter, whether c is that character.
static bool in_class(int c, int x)
{
  bool in = false;
  switch (tolower(x)) {
  case 'a': in = isalpha(c) != 0; break;
  case 'c': in = iscntrl(c) != 0; break;
  case 'd': in = isdigit(c) != 0; break;
  case 'l': in = islower(c) != 0; break;
  case 'p': in = ispunct(c) != 0; break;
  case 's': in = isspace(c) != 0; break;
  case 'u': in = isupper(c) != 0; break;
  case 'w': in = isalnum(c) != 0; break;
  case 'x': in = isxdigit(c) != 0; break;
  case 'z': in = c == 0; break;
  default: return c == x;
  }
  return isupper(x) != 0 ? !in : in;
}

/// Whether c is in the set that starts at p (the bracket) and ends before `end`.
static bool in_set(int c, const char *p, const char *end)
{
  bool found = false;
  const bool negated = p[1] == '^';
  const char *close = end - 1;
  for (p += negated ? 2 : 1; p < close && !found; p++) {
    if (*p == '%') {
      p++;
      found = in_class(c, (unsigned char)*p);
    } else if (p + 2 < close && p[1] == '-') {
      found = (unsigned char)p[0] <= c && c <= (unsigned char)p[2];
      p += 2;
    } else {
      found = (unsigned char)*p == c;
    }
  }
  return found != negated;
}

static bool matches_one(struct matcher *m, const char *s, const char *p, const char *end)
{
  step(m);
  if (s >= m->text_end) {
    return false;
  }
  const int c = (unsigned char)*s;
  switch (*p) {
  case '.': return true;
  case '%': return in_class(c, (unsigned char)p[1]);
  case '[': return in_set(c, p, end);
  default: return (unsigned char)*p == c;
  }
}

// ---- items ------------------------------------------------------------------------------------

/// %bxy: from x to the y that closes it.
static const char *match_balance(struct matcher *m, const char *s, const char *p)
{
  if (p + 1 >= m->pattern_end) {
    luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  }
  if (s >= m->text_end || *s != *p) {
    return NULL;
  }
  int open = 1;
  for (s++; s < m->text_end; s++) {
    step(m);
    if (*s == p[1]) {
      if (--open == 0) {
        return s + 1;
      }
    } else if (*s == *p) {
      open++;
    }
  }
  return NULL;
}

/// As many as there are, then fewer until the rest matches.
static const char *match_most(struct matcher *m, const char *s, const char *p, const char *end)
{
  ptrdiff_t n = 0;
  while (matches_one(m, s + n, p, end)) {
    n++;
  }
  for (; n >= 0; n--) {
    const char *found = match(m, s + n, end + 1);
    if (found != NULL) {
      return found;
    }
  }
  return NULL;
}

/// As few as will do.
static const char *match_least(struct matcher *m, const char *s, const char *p, const char *end)
{
  while (true) {
    const char *found = match(m, s, end + 1);
    if (found != NULL || !matches_one(m, s, p, end)) {
      return found;
    }
    s++;
  }
}

static const char *open_capture(struct matcher *m, const char *s, const char *p, ptrdiff_t what)
{
  if (m->n_captures == MOST_CAPTURES) {
    luaL_error(m->L, "too many captures");
  }
  m->captures[m->n_captures++] = (struct capture){ s, what };
  const char *found = match(m, s, p);
  if (found == NULL) {
    m->n_captures--;
  }
  return found;
}

static const char *close_capture(struct matcher *m, const char *s, const char *p)
{
  int i = m->n_captures - 1;
  while (i >= 0 && m->captures[i].len != CAPTURE_OPEN) {
    i--;
  }
  if (i < 0) {
    luaL_error(m->L, "invalid pattern capture");
  }
  m->captures[i].len = s - m->captures[i].start;
  const char *found = match(m, s, p);
  if (found == NULL) {
    m->captures[i].len = CAPTURE_OPEN;
  }
  return found;
}

/// %1: the text of a capture again; gives where it ends.
static const char *match_back(struct matcher *m, const char *s, int digit)
{
  const int i = digit - '1';
  if (i < 0 || i >= m->n_captures || m->captures[i].len == CAPTURE_OPEN) {
    luaL_error(m->L, "invalid capture index");
  }
  if (m->captures[i].len == CAPTURE_POSITION) {
    return NULL; // as in Lua, a position matches nothing
  }
  const size_t len = (size_t)m->captures[i].len;
  session_charge(m->L, (int64_t)len / 64);
  return (size_t)(m->text_end - s) >= len && memcmp(m->captures[i].start, s, len) == 0 ? s + len
                                                                                       : NULL;
}

/// %f[set]: between a character outside and one inside; gives the pattern behind it.
static const char *match_frontier(struct matcher *m, const char *s, const char *p)
{
  if (p >= m->pattern_end || *p != '[') {
    luaL_error(m->L, "missing '[' after '%%f' in pattern");
  }
  const char *end = item_end(m, p);
  const int before = s == m->text ? 0 : (unsigned char)s[-1];
  const int after = s < m->text_end ? (unsigned char)*s : 0;
  return !in_set(before, p, end) && in_set(after, p, end) ? end : NULL;
}

/// A single character class and the repetition after it. Either decides (*found), or says how far
/// the plain loop of match() goes on.
static bool match_item(struct matcher *m, const char **s, const char **p, const char **found)
{
  const char *end = item_end(m, *p);
  const char repeat = end < m->pattern_end ? *end : '\0';
  if (repeat == '*') {
    *found = match_most(m, *s, *p, end);
    return true;
  }
  if (repeat == '+') {
    *found = matches_one(m, *s, *p, end) ? match_most(m, *s + 1, *p, end) : NULL;
    return true;
  }
  if (repeat == '-') {
    *found = match_least(m, *s, *p, end);
    return true;
  }
  const bool one = matches_one(m, *s, *p, end);
  if (repeat == '?') {
    *found = one ? match(m, *s + 1, end + 1) : NULL;
    *p = end + 1;
    return *found != NULL;
  }
  *found = NULL;
  *s += 1;
  *p = end;
  return !one;
}

/// The items that start with % and are more than a class; true when it decided as match_item does.
static bool match_escape(struct matcher *m, const char **s, const char **p, const char **found)
{
  const char *at = *p + 2; // behind %x
  switch ((*p)[1]) {
  case 'b':
    *s = match_balance(m, *s, at);
    *p = at + 2;
    break;
  case 'f':
    *p = match_frontier(m, *s, at);
    *s = *p != NULL ? *s : NULL;
    break;
  default: *s = match_back(m, *s, (*p)[1]); *p = at;
  }
  *found = NULL;
  return *s == NULL;
}

static bool is_escape(const struct matcher *m, const char *p)
{
  return *p == '%' && p + 1 < m->pattern_end &&
         (p[1] == 'b' || p[1] == 'f' || isdigit((unsigned char)p[1]));
}

/// Where the match of the pattern from p on ends when it starts at s, or NULL.
static const char *match(struct matcher *m, const char *s, const char *p)
{
  if (++m->depth > MOST_DEPTH) {
    luaL_error(m->L, "pattern too complex");
  }
  const char *found = s;
  for (bool done = p == m->pattern_end; !done;) {
    step(m);
    if (*p == '(') {
      const bool position = p + 1 < m->pattern_end && p[1] == ')';
      found =
          open_capture(m, s, p + (position ? 2 : 1), position ? CAPTURE_POSITION : CAPTURE_OPEN);
      break;
    }
    if (*p == ')') {
      found = close_capture(m, s, p + 1);
      break;
    }
    if (*p == '$' && p + 1 == m->pattern_end) {
      found = s == m->text_end ? s : NULL;
      break;
    }
    done = is_escape(m, p) ? match_escape(m, &s, &p, &found) : match_item(m, &s, &p, &found);
    if (!done && p == m->pattern_end) {
      found = s;
      done = true;
    }
  }
  m->depth--;
  return found;
}

// ---- the functions ----------------------------------------------------------------------------

static struct matcher matcher_of(lua_State *L, int text, int pattern, const char **p)
{
  size_t n = 0, n_pattern = 0;
  struct matcher m = { .L = L };
  m.text = luaL_checklstring(L, text, &n);
  m.text_end = m.text + n;
  *p = luaL_checklstring(L, pattern, &n_pattern);
  m.pattern_end = *p + n_pattern;
  return m;
}

static const char *match_at(struct matcher *m, const char *s, const char *p)
{
  m->n_captures = 0;
  m->depth = 0;
  return match(m, s, p);
}

static void push_capture(const struct matcher *m, int i, const char *s, const char *end)
{
  if (i >= m->n_captures) {
    if (i != 0) {
      luaL_error(m->L, "invalid capture index");
    }
    lua_pushlstring(m->L, s, (size_t)(end - s)); // the whole match
    return;
  }
  const struct capture *c = &m->captures[i];
  if (c->len == CAPTURE_OPEN) {
    luaL_error(m->L, "unfinished capture");
  }
  if (c->len == CAPTURE_POSITION) {
    lua_pushinteger(m->L, c->start - m->text + 1);
  } else {
    lua_pushlstring(m->L, c->start, (size_t)c->len);
  }
}

/// All captures, or the whole match (unless s is NULL) where there are none; gives their number.
static int push_captures(const struct matcher *m, const char *s, const char *end)
{
  const int n = m->n_captures == 0 && s != NULL ? 1 : m->n_captures;
  luaL_checkstack(m->L, n, "too many captures");
  for (int i = 0; i < n; i++) {
    push_capture(m, i, s, end);
  }
  return n;
}

/// The offset that `init` (argument idx) means in a text of n bytes.
static size_t start_of(lua_State *L, int idx, size_t n)
{
  ptrdiff_t init = luaL_optinteger(L, idx, 1);
  if (init < 0) {
    init += (ptrdiff_t)n + 1;
  }
  if (init < 1) {
    init = 1;
  }
  return (size_t)init > n + 1 ? n : (size_t)init - 1;
}

static bool is_plain(const char *p, const char *end)
{
  for (; p < end; p++) {
    if (*p == '\0' || strchr("^$*+?.([%-", *p) == NULL) {
      continue;
    }
    return false;
  }
  return true;
}

static int find_plain(lua_State *L, const struct matcher *m, const char *s, const char *p)
{
  session_charge(L, (m->text_end - s) / 16);
  const size_t n = (size_t)(m->pattern_end - p);
  const char *found = n == 0 ? s : memmem(s, (size_t)(m->text_end - s), p, n);
  if (found == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, found - m->text + 1);
  lua_pushinteger(L, found - m->text + (ptrdiff_t)n);
  return 2;
}

static int find_or_match(lua_State *L, bool find)
{
  const char *p = NULL;
  struct matcher m = matcher_of(L, 1, 2, &p);
  const char *s = m.text + start_of(L, 3, (size_t)(m.text_end - m.text));
  if (find && (lua_toboolean(L, 4) != 0 || is_plain(p, m.pattern_end))) {
    return find_plain(L, &m, s, p);
  }
  const bool anchored = p < m.pattern_end && *p == '^';
  p += anchored ? 1 : 0;
  for (bool more = true; more; more = !anchored && s++ < m.text_end) {
    const char *end = match_at(&m, s, p);
    if (end == NULL) {
      continue;
    }
    if (!find) {
      return push_captures(&m, s, end);
    }
    lua_pushinteger(L, s - m.text + 1);
    lua_pushinteger(L, end - m.text);
    return push_captures(&m, NULL, NULL) + 2;
  }
  lua_pushnil(L);
  return 1;
}

static int f_find(lua_State *L)
{
  return find_or_match(L, true);
}

static int f_match(lua_State *L)
{
  return find_or_match(L, false);
}

/// upvalues: text, pattern, offset to go on at
static int gmatch_step(lua_State *L)
{
  const char *p = NULL;
  struct matcher m = matcher_of(L, lua_upvalueindex(1), lua_upvalueindex(2), &p);
  for (const char *s = m.text + lua_tointeger(L, lua_upvalueindex(3)); s <= m.text_end; s++) {
    const char *end = match_at(&m, s, p);
    if (end != NULL) {
      lua_pushinteger(L, end - m.text + (end == s ? 1 : 0));
      lua_replace(L, lua_upvalueindex(3));
      return push_captures(&m, s, end);
    }
  }
  return 0;
}

static int f_gmatch(lua_State *L)
{
  luaL_checkstring(L, 1);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, gmatch_step, 3);
  return 1;
}

/// The replacement text (argument 3), %0 to %9 filled in.
static void add_filled(struct matcher *m, luaL_Buffer *b, const char *s, const char *end)
{
  size_t n = 0;
  const char *text = lua_tolstring(m->L, 3, &n);
  for (size_t i = 0; i < n; i++) {
    if (text[i] != '%' || i + 1 == n) {
      luaL_addchar(b, text[i]);
      continue;
    }
    i++;
    if (!isdigit((unsigned char)text[i])) {
      luaL_addchar(b, text[i]);
    } else if (text[i] == '0') {
      luaL_addlstring(b, s, (size_t)(end - s));
    } else {
      push_capture(m, text[i] - '1', s, end);
      luaL_addvalue(b);
    }
  }
}

static void add_replacement(struct matcher *m, luaL_Buffer *b, const char *s, const char *end)
{
  lua_State *L = m->L;
  const int type = lua_type(L, 3);
  if (type == LUA_TSTRING || type == LUA_TNUMBER) {
    add_filled(m, b, s, end);
    return;
  }
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(m, s, end), 1);
  } else {
    push_capture(m, 0, s, end);
    lua_gettable(L, 3);
  }
  if (lua_toboolean(L, -1) == 0) {
    lua_pop(L, 1);
    luaL_addlstring(b, s, (size_t)(end - s)); // nil and false keep what was there
    return;
  }
  if (lua_isstring(L, -1) == 0) {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  }
  luaL_addvalue(b);
}

static int f_gsub(lua_State *L)
{
  session_charge(L, 1);
  const char *p = NULL;
  struct matcher m = matcher_of(L, 1, 2, &p);
  const int type = lua_type(L, 3);
  luaL_argcheck(
      L, type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TFUNCTION || type == LUA_TTABLE,
      3, "string/function/table expected");
  const ptrdiff_t most = luaL_optinteger(L, 4, m.text_end - m.text + 1);
  const bool anchored = p < m.pattern_end && *p == '^';
  p += anchored ? 1 : 0;
  ptrdiff_t n = 0;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  const char *s = m.text;
  while (n < most) {
    const char *end = match_at(&m, s, p);
    if (end != NULL) {
      n++;
      add_replacement(&m, &b, s, end);
    }
    if (end != NULL && end > s) {
      s = end;
    } else if (s < m.text_end) {
      luaL_addchar(&b, *s);
      s++;
    } else {
      break;
    }
    if (anchored) {
      break;
    }
  }
  luaL_addlstring(&b, s, (size_t)(m.text_end - s));
  luaL_pushresult(&b);
  lua_pushinteger(L, n);
  return 2;
}

void pattern_install(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "find", f_find }, { "match", f_match }, { "gmatch", f_gmatch },
    { "gsub", f_gsub }, { NULL, NULL },
  };
  lua_getglobal(L, "string");
  for (const luaL_Reg *f = functions; f->name != NULL; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  lua_pushnil(L);
  lua_setfield(L, -2, "gfind"); // an old name of gmatch
  lua_pop(L, 1);
}
