// Calls: arguments in their usual and in their wordy forms (EXTRACT(x FROM y), TRIM(BOTH x FROM y),
// SUBSTRING(x FROM 1 FOR 2), POSITION(x IN y)), FILTER, IGNORE NULLS and OVER.
#include "warehouse/sql_int.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *lower(struct arena *a, const char *s)
{
  char *copy = arena_strdup(a, s);
  for (char *c = copy; *c; c++) {
    *c = (char)tolower((unsigned char)*c);
  }
  return copy;
}

static chn_status add_arg(struct sql_parser *p, struct sql_node *n)
{
  struct sql_node *kid = NULL;
  if (sql_parse_expr(p, &kid) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  n->kids = sql_push(p->a, n->kids, &n->n_kids, sizeof(struct sql_node *));
  n->kids[n->n_kids - 1] = kid;
  return CHN_OK;
}

static void add_text(struct sql_parser *p, struct sql_node *n, const char *text, uint32_t pos)
{
  struct sql_node *kid = sql_node(p, SQL_STRING, pos);
  kid->text = text;
  n->kids = sql_push(p->a, n->kids, &n->n_kids, sizeof(struct sql_node *));
  n->kids[n->n_kids - 1] = kid;
}

// EXTRACT(unit FROM x) is date_part('unit', x).
static chn_status parse_extract(struct sql_parser *p, struct sql_node *n)
{
  const uint32_t pos = sql_peek(p, 0)->pos;
  const char *unit = NULL;
  n->op = "date_part";
  if (sql_parse_name(p, &unit) != CHN_OK || sql_need_word(p, "from") != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  add_text(p, n, unit, pos);
  return add_arg(p, n);
}

// TRIM([BOTH|LEADING|TRAILING] [chars] FROM x): our trim takes (x, chars).
static chn_status parse_trim(struct sql_parser *p, struct sql_node *n)
{
  const bool leading = sql_take_word(p, "leading");
  const bool trailing = !leading && sql_take_word(p, "trailing");
  const bool worded = leading || trailing || sql_take_word(p, "both");
  n->op = leading ? "ltrim" : trailing ? "rtrim" : n->op;
  if (worded && sql_take_word(p, "from")) {
    return add_arg(p, n);
  }
  if (add_arg(p, n) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (sql_take_word(p, "from") || sql_take_op(p, ",")) { // trim(chars, x) too
    if (add_arg(p, n) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    struct sql_node *chars = n->kids[0];
    n->kids[0] = n->kids[1];
    n->kids[1] = chars;
  }
  return CHN_OK;
}

static chn_status parse_substring(struct sql_parser *p, struct sql_node *n)
{
  if (add_arg(p, n) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (sql_take_word(p, "from")) {
    if (add_arg(p, n) != CHN_OK || (sql_take_word(p, "for") && add_arg(p, n) != CHN_OK)) {
      return CHN_E_ARGUMENT;
    }
    return CHN_OK;
  }
  while (sql_take_op(p, ",")) {
    if (add_arg(p, n) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  return CHN_OK;
}

// OVERLAY(x PLACING y FROM 3 FOR 2)
static chn_status parse_overlay(struct sql_parser *p, struct sql_node *n)
{
  static const char *const words[] = { "placing", "from", "for" };
  chn_status st = add_arg(p, n);
  for (int i = 0; i < 3 && st == CHN_OK; i++) {
    if (sql_take_word(p, words[i]) || sql_take_op(p, ",")) {
      st = add_arg(p, n);
    }
  }
  return st;
}

static chn_status parse_position(struct sql_parser *p, struct sql_node *n)
{
  // the IN of position('a' IN s) would be read as a predicate: the needle is a primary
  struct sql_node *needle = NULL;
  if (sql_parse_primary(p, &needle) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  n->kids = sql_push(p->a, n->kids, &n->n_kids, sizeof(struct sql_node *));
  n->kids[0] = needle;
  const bool in = sql_take_word(p, "in");
  if (!in && sql_need_op(p, ",") != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  do {
    if (add_arg(p, n) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  } while (sql_take_op(p, ","));
  return CHN_OK;
}

// timestampdiff(HOUR, a, b), timestampadd, datediff(DAY, a, b), dateadd(DAY, 1, x): a bare unit.
static chn_status parse_unit_first(struct sql_parser *p, struct sql_node *n)
{
  static const char *const units[] = { "year",      "quarter",     "month",       "week",
                                       "day",       "hour",        "minute",      "second",
                                       "dayofyear", "millisecond", "microsecond", NULL };
  for (int i = 0; units[i]; i++) {
    if (sql_at_word(p, 0, units[i]) && sql_at_op(p, 1, ",")) {
      add_text(p, n, units[i], sql_peek(p, 0)->pos);
      p->i += 2;
      break;
    }
  }
  return sql_parse_exprs(p, &n->kids, &n->n_kids);
}

static const struct {
  const char *name;
  chn_status (*parse)(struct sql_parser *p, struct sql_node *n);
} wordy[] = {
  { "extract", parse_extract },          { "trim", parse_trim },
  { "substring", parse_substring },      { "substr", parse_substring },
  { "position", parse_position },        { "overlay", parse_overlay },
  { "timestampdiff", parse_unit_first }, { "timestampadd", parse_unit_first },
  { "datediff", parse_unit_first },      { "date_diff", parse_unit_first },
  { "dateadd", parse_unit_first },       { "date_add", parse_unit_first },
};

static chn_status parse_arguments(struct sql_parser *p, struct sql_node *n)
{
  if (sql_take_op(p, ")")) {
    return CHN_OK;
  }
  n->distinct = sql_take_word(p, "distinct");
  if (!n->distinct) {
    sql_take_word(p, "all");
  }
  chn_status (*parse)(struct sql_parser *, struct sql_node *) = NULL;
  for (size_t i = 0; i < sizeof wordy / sizeof *wordy; i++) {
    if (strcmp(n->op, wordy[i].name) == 0) {
      parse = wordy[i].parse;
    }
  }
  chn_status st = parse ? parse(p, n) : sql_parse_exprs(p, &n->kids, &n->n_kids);
  if (st == CHN_OK && (sql_at_word(p, 0, "ignore") || sql_at_word(p, 0, "respect"))) {
    n->ignore_nulls = sql_at_word(p, 0, "ignore");
    p->i++;
    st = sql_need_word(p, "nulls");
  }
  return st == CHN_OK ? sql_need_op(p, ")") : st;
}

chn_status sql_parse_call(struct sql_parser *p, struct sql_node **out)
{
  const struct sql_token *t = sql_peek(p, 0);
  struct sql_node *n = sql_node(p, SQL_CALL, t->pos);
  *out = n;
  n->text = t->text;
  n->op = lower(p->a, t->text);
  p->i++;
  if (!sql_take_op(p, "(")) {
    return CHN_OK; // current_date
  }
  if (parse_arguments(p, n) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (sql_at_word(p, 0, "filter") && sql_at_op(p, 1, "(")) {
    p->i += 2;
    if (sql_need_word(p, "where") != CHN_OK || sql_parse_expr(p, &n->filter) != CHN_OK ||
        sql_need_op(p, ")") != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  if (sql_at_word(p, 0, "ignore") || sql_at_word(p, 0, "respect")) {
    n->ignore_nulls = sql_at_word(p, 0, "ignore");
    p->i++;
    if (sql_need_word(p, "nulls") != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  return sql_take_word(p, "over") ? sql_parse_window(p, &n->over) : CHN_OK;
}

// ---- windows ----------------------------------------------------------------------------------

chn_status sql_parse_sorts(struct sql_parser *p, struct sql_sort **out, int32_t *n)
{
  do {
    struct sql_sort s = { 0 };
    if (sql_parse_expr(p, &s.expr) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    s.desc = sql_take_word(p, "desc");
    if (!s.desc) {
      sql_take_word(p, "asc");
    }
    s.nulls_last = s.desc;
    if (sql_take_word(p, "nulls")) {
      s.nulls_last = sql_take_word(p, "last");
      if (!s.nulls_last && sql_need_word(p, "first") != CHN_OK) {
        return CHN_E_ARGUMENT;
      }
    }
    *out = sql_push(p->a, *out, n, sizeof **out);
    (*out)[*n - 1] = s;
  } while (sql_take_op(p, ","));
  return CHN_OK;
}

static chn_status parse_bound(struct sql_parser *p, struct sql_window *win, int i)
{
  if (sql_take_word(p, "current")) {
    win->bound_words[i] = "CURRENT ROW";
    return sql_need_word(p, "row");
  }
  const bool unbounded = sql_take_word(p, "unbounded");
  if (!unbounded && sql_parse_expr(p, &win->bounds[i]) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (sql_take_word(p, "preceding")) {
    win->bound_words[i] = unbounded ? "UNBOUNDED PRECEDING" : "PRECEDING";
    return CHN_OK;
  }
  win->bound_words[i] = unbounded ? "UNBOUNDED FOLLOWING" : "FOLLOWING";
  return sql_need_word(p, "following");
}

static chn_status parse_frame(struct sql_parser *p, struct sql_window *win)
{
  win->frame = sql_take_word(p, "rows") ? "ROWS" : sql_take_word(p, "range") ? "RANGE" : NULL;
  if (!win->frame) {
    return CHN_OK;
  }
  if (!sql_take_word(p, "between")) {
    win->bound_words[1] = "CURRENT ROW";
    return parse_bound(p, win, 0);
  }
  if (parse_bound(p, win, 0) != CHN_OK || sql_need_word(p, "and") != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  return parse_bound(p, win, 1);
}

chn_status sql_parse_window(struct sql_parser *p, struct sql_window **out)
{
  struct sql_window *win = arena_calloc(p->a, 1, sizeof *win);
  *out = win;
  if (!sql_take_op(p, "(")) {
    return sql_parse_name(p, &win->name);
  }
  if (sql_take_word(p, "partition") || sql_take_word(p, "distribute")) {
    if (sql_need_word(p, "by") != CHN_OK ||
        sql_parse_exprs(p, &win->partition, &win->n_partition) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  if (sql_take_word(p, "order") || sql_take_word(p, "sort")) {
    if (sql_need_word(p, "by") != CHN_OK ||
        sql_parse_sorts(p, &win->order, &win->n_order) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
  }
  return parse_frame(p, win) == CHN_OK ? sql_need_op(p, ")") : CHN_E_ARGUMENT;
}
