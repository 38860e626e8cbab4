// Functions of strings, dates and JSON whose rendering depends on the number or the text of their
// arguments.
#include "warehouse/sql_int.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static chn_status write_trim(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *chars = "' '";
  if (sql_write_as(w, n->kids[0], SQL_C_STRING, &x) != CHN_OK ||
      (n->n_kids == 2 && sql_write_as(w, n->kids[1], SQL_C_STRING, &chars) != CHN_OK)) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "%s(%s, %s)", n->op[0] == 'b' ? "trim" : n->op, x, chars);
  return CHN_OK;
}

static chn_status write_concat(struct sql_writer *w, struct sql_node *n, const char **out)
{
  if (n->n_kids == 0) {
    *out = "''::VARCHAR";
    return CHN_OK;
  }
  struct sql_node chain = *n;
  chain.kind = SQL_CHAIN;
  chain.op = "||";
  return sql_write_expr(w, &chain, out);
}

static chn_status as_text(struct sql_writer *w, struct sql_node *n, int32_t i, const char *fallback,
                          const char **out)
{
  *out = fallback;
  return i < n->n_kids ? sql_write_as(w, n->kids[i], SQL_C_STRING, out) : CHN_OK;
}

static chn_status as_int(struct sql_writer *w, struct sql_node *n, int32_t i, const char *fallback,
                         const char **out)
{
  *out = fallback;
  return i < n->n_kids ? sql_write_as(w, n->kids[i], SQL_C_INT, out) : CHN_OK;
}

// substring, lpad, rpad, locate, charindex: a text, then optional parts
static chn_status write_substring(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *position = NULL;
  const char *length = NULL;
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_int(w, n, 1, NULL, &position) != CHN_OK ||
      as_int(w, n, 2, "2147483647", &length) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_substring(%s, %s, %s)", x, position, length);
  return CHN_OK;
}

static chn_status write_pad(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *length = NULL;
  const char *pad = NULL;
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_int(w, n, 1, NULL, &length) != CHN_OK ||
      as_text(w, n, 2, "' '", &pad) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_%s(%s, %s, %s)", n->op, x, length, pad);
  return CHN_OK;
}

static chn_status write_locate(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *needle = NULL;
  const char *x = NULL;
  const char *position = NULL;
  if (as_text(w, n, 0, NULL, &needle) != CHN_OK || as_text(w, n, 1, NULL, &x) != CHN_OK ||
      as_int(w, n, 2, "1", &position) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_locate(%s, %s, %s)", needle, x, position);
  return CHN_OK;
}

static chn_status write_replace(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *from = NULL;
  const char *to = NULL;
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &from) != CHN_OK ||
      as_text(w, n, 2, "''", &to) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "replace(%s, %s, %s)", x, from, to);
  return CHN_OK;
}

static chn_status write_reverse(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const enum sql_class c = sql_class_of(n->kids[0]);
  if (c == SQL_C_ARRAY) {
    const chn_status st = sql_write_expr(w, n->kids[0], out);
    *out = arena_printf(w->a, "list_reverse(%s)", *out);
    return st;
  }
  const chn_status st = c == SQL_C_UNKNOWN ? sql_write_expr(w, n->kids[0], out)
                                           : sql_write_as(w, n->kids[0], SQL_C_STRING, out);
  *out = arena_printf(w->a, "reverse(%s)", *out);
  return st;
}

static chn_status write_overlay(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *with = NULL;
  const char *position = NULL;
  const char *length = NULL;
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &with) != CHN_OK ||
      as_int(w, n, 2, NULL, &position) != CHN_OK || as_int(w, n, 3, "-1", &length) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_overlay(%s, %s, %s, %s)", x, with, position, length);
  return CHN_OK;
}

// elt(n, a, b, ...): the n-th of the others
static chn_status write_elt(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *index = NULL;
  const char *list = "";
  if (as_int(w, n, 0, NULL, &index) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  for (int32_t i = 1; i < n->n_kids; i++) {
    const char *x = NULL;
    if (as_text(w, n, i, NULL, &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    list = arena_printf(w->a, "%s%s%s", list, i > 1 ? ", " : "", x);
  }
  *out = arena_printf(w->a, "[%s][greatest(%s, 0)]", list, index);
  return CHN_OK;
}

// ---- regular expressions ----------------------------------------------------------------------

static chn_status write_split(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *pattern = NULL;
  if (n->n_kids == 3 && (n->kids[2]->kind != SQL_NUMBER ||
                         (n->kids[2]->text[0] != '-' && strcmp(n->kids[2]->text, "0") != 0))) {
    return sql_error_at(w->err, w->text, n->kids[2]->pos, "split: the limit must be -1 or 0");
  }
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &pattern) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "string_split_regex(%s, %s)", x, pattern);
  return CHN_OK;
}

static chn_status write_extract(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *pattern = NULL;
  const char *group = "1";
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &pattern) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (n->n_kids == 3) {
    if (n->kids[2]->kind != SQL_NUMBER || strlen(n->kids[2]->text) > 2) {
      return sql_error_at(w->err, w->text, n->kids[2]->pos, "%s: the group must be a small literal",
                          n->op);
    }
    group = n->kids[2]->text;
  }
  *out = arena_printf(w->a, "%s(%s, %s, %s)", n->op, x, pattern, group);
  return CHN_OK;
}

// Java's $1 in a replacement is RE2's \1.
static const char *replacement(struct sql_writer *w, const char *java)
{
  struct chn_buf b = { 0 };
  for (; *java; java++) {
    if (*java == '$' && isdigit((unsigned char)java[1])) {
      chn_buf_addc(&b, '\\');
    } else if (*java == '\\' && java[1]) {
      java++;
      chn_buf_adds(&b, *java == '\\' ? "\\\\" : "");
      if (*java != '\\') {
        chn_buf_addc(&b, *java);
      }
    } else {
      chn_buf_addc(&b, *java);
    }
  }
  const char *out = sql_quote(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return out;
}

static chn_status write_regexp_replace(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *pattern = NULL;
  const char *with = NULL;
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &pattern) != CHN_OK ||
      as_text(w, n, 2, NULL, &with) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (n->kids[2]->kind == SQL_STRING) {
    with = replacement(w, n->kids[2]->text);
  } else {
    with = arena_printf(w->a, "regexp_replace(%s, '\\$(\\d)', '\\\\\\1', 'g')", with);
  }
  *out = arena_printf(w->a, "regexp_replace(%s, %s, %s, 'g')", x, pattern, with);
  return CHN_OK;
}

// ---- bytes ------------------------------------------------------------------------------------

static chn_status need_utf8(struct sql_writer *w, const struct sql_node *n)
{
  const struct sql_node *charset = n->kids[1];
  const bool ok = charset->kind == SQL_STRING && (strcasecmp(charset->text, "utf-8") == 0 ||
                                                  strcasecmp(charset->text, "us-ascii") == 0);
  return ok ? CHN_OK
            : sql_error_at(w->err, w->text, charset->pos, "%s: only the literal 'UTF-8'", n->op);
}

static chn_status write_encode(struct sql_writer *w, struct sql_node *n, const char **out)
{
  if (need_utf8(w, n) != CHN_OK || as_text(w, n, 0, NULL, out) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "encode(%s)", *out);
  return CHN_OK;
}

static chn_status write_decode(struct sql_writer *w, struct sql_node *n, const char **out)
{
  if (need_utf8(w, n) != CHN_OK || sql_write_as(w, n->kids[0], SQL_C_BINARY, out) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "decode(%s)", *out);
  return CHN_OK;
}

static chn_status write_sha2(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const struct sql_node *bits = n->kids[1];
  if (bits->kind != SQL_NUMBER ||
      (strcmp(bits->text, "256") != 0 && strcmp(bits->text, "0") != 0)) {
    return sql_error_at(w->err, w->text, bits->pos, "sha2: only the literals 256 and 0 (the same)");
  }
  const chn_status st = sql_class_of(n->kids[0]) == SQL_C_BINARY
                            ? sql_write_expr(w, n->kids[0], out)
                            : as_text(w, n, 0, NULL, out);
  *out = arena_printf(w->a, "sha256(%s)", *out);
  return st;
}

// ---- dates ------------------------------------------------------------------------------------

static chn_status write_to_date(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *pattern = NULL;
  if (n->n_kids == 1) {
    return sql_write_as(w, n->kids[0], SQL_C_DATE, out);
  }
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &pattern) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_date(sp_parse_time(%s, %s))", x, pattern);
  return CHN_OK;
}

static chn_status write_to_timestamp(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *pattern = NULL;
  if (n->n_kids == 1) {
    return sql_write_as(w, n->kids[0], SQL_C_TIMESTAMP, out);
  }
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &pattern) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_parse_time(%s, %s)", x, pattern);
  return CHN_OK;
}

static chn_status write_unix_timestamp(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *pattern = NULL;
  if (n->n_kids == 0) {
    *out = "sp_unix_seconds(now())";
    return CHN_OK;
  }
  if (sql_write_expr(w, n->kids[0], &x) != CHN_OK ||
      as_text(w, n, 1, "'yyyy-MM-dd HH:mm:ss'", &pattern) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_unix_timestamp(%s, %s)", x, pattern);
  return CHN_OK;
}

static chn_status write_from_unixtime(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *pattern = NULL;
  if (sql_write_as(w, n->kids[0], SQL_C_LONG, &x) != CHN_OK ||
      as_text(w, n, 1, "'yyyy-MM-dd HH:mm:ss'", &pattern) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_date_format(sp_timestamp_seconds(%s), %s)", x, pattern);
  return CHN_OK;
}

// date_add(date, n), or with three arguments date_add(unit, n, t)
static chn_status write_date_add(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *by = NULL;
  if (n->n_kids == 3) {
    const char *unit = NULL;
    if (as_text(w, n, 0, NULL, &unit) != CHN_OK || as_int(w, n, 1, NULL, &by) != CHN_OK ||
        sql_write_as(w, n->kids[2], SQL_C_TIMESTAMP, &x) != CHN_OK) {
      return CHN_E_ARGUMENT;
    }
    *out = arena_printf(w->a, "sp_timestampadd(%s, %s, %s)", unit, by, x);
    return CHN_OK;
  }
  if (sql_write_as(w, n->kids[0], SQL_C_DATE, &x) != CHN_OK ||
      as_int(w, n, 1, NULL, &by) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_add(%s, %s)", x, by);
  return CHN_OK;
}

static chn_status write_datediff(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *y = NULL;
  const bool units = n->n_kids == 3;
  const enum sql_class c = units ? SQL_C_TIMESTAMP : SQL_C_DATE;
  if (sql_write_as(w, n->kids[units], c, &x) != CHN_OK ||
      sql_write_as(w, n->kids[units + 1], c, &y) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (units) {
    const char *unit = NULL;
    const chn_status st = as_text(w, n, 0, NULL, &unit);
    *out = arena_printf(w->a, "sp_timestampdiff(%s, %s, %s)", unit, x, y);
    return st;
  }
  *out = arena_printf(w->a, "CAST(%s - %s AS INTEGER)", x, y);
  return CHN_OK;
}

static chn_status write_months_between(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *y = NULL;
  const char *round = "true";
  if (sql_write_as(w, n->kids[0], SQL_C_TIMESTAMP, &x) != CHN_OK ||
      sql_write_as(w, n->kids[1], SQL_C_TIMESTAMP, &y) != CHN_OK ||
      (n->n_kids == 3 && sql_write_as(w, n->kids[2], SQL_C_BOOL, &round) != CHN_OK)) {
    return CHN_E_ARGUMENT;
  }
  *out = arena_printf(w->a, "sp_months_between(%s, %s, %s)", x, y, round);
  return CHN_OK;
}

// date_part('unit', x) and EXTRACT(unit FROM x)
static chn_status write_date_part(struct sql_writer *w, struct sql_node *n, const char **out)
{
  static const struct {
    const char *names;
    const char *part;
  } parts[] = {
    { " year y years yr yrs ", "sp_year(%s)" },
    { " yearofweek ", "sp_yearofweek(%s)" },
    { " quarter qtr ", "sp_quarter(%s)" },
    { " month mon mons months ", "sp_month(%s)" },
    { " week w weeks ", "sp_weekofyear(%s)" },
    { " day d days ", "sp_day(%s)" },
    { " dayofweek dow ", "sp_dayofweek(%s)" },
    { " dayofweek_iso dow_iso ", "(sp_weekday(%s) + 1::INTEGER)" },
    { " doy ", "sp_dayofyear(%s)" },
    { " hour h hours hr hrs ", "sp_hour(%s)" },
    { " minute m min mins minutes ", "sp_minute(%s)" },
    { " second s sec seconds secs ", "CAST(sp_seconds(%s) AS DECIMAL(8,6))" },
  };
  const struct sql_node *unit = n->kids[0];
  const char *x = NULL;
  if (unit->kind != SQL_STRING || strlen(unit->text) > 20) {
    return sql_error_at(w->err, w->text, unit->pos, "date_part: the unit must be a literal");
  }
  if (sql_write_as(w, n->kids[1], SQL_C_TIMESTAMP, &x) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  char word[32];
  int len = snprintf(word, sizeof word, " %s ", unit->text);
  for (int i = 0; i < len; i++) {
    word[i] = (char)tolower((unsigned char)word[i]);
  }
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (strstr(parts[i].names, word)) {
      const char *at = strchr(parts[i].part, '%');
      *out = arena_printf(w->a, "%.*s%s%s", (int)(at - parts[i].part), parts[i].part, x, at + 2);
      return CHN_OK;
    }
  }
  return sql_error_at(w->err, w->text, unit->pos, "no part of a date is called \"%s\"", unit->text);
}

// ---- JSON paths, time zones --------------------------------------------------------------------

// $['a b'] is $."a b" to DuckDB.
static const char *json_path(struct sql_writer *w, const char *spark)
{
  struct chn_buf b = { 0 };
  while (*spark) {
    const char *end = strncmp(spark, "['", 2) == 0 ? strstr(spark, "']") : NULL;
    if (end) {
      chn_buf_addf(&b, ".\"%.*s\"", (int)(end - spark - 2), spark + 2);
      spark = end + 2;
    } else {
      chn_buf_addc(&b, *spark++);
    }
  }
  const char *out = sql_quote(w->a, chn_buf_str(&b));
  chn_buf_deinit(&b);
  return out;
}

static chn_status write_json_path(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *x = NULL;
  const char *path = NULL;
  if (as_text(w, n, 0, NULL, &x) != CHN_OK || as_text(w, n, 1, NULL, &path) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (n->kids[1]->kind == SQL_STRING) {
    if (strchr(n->kids[1]->text, '*')) {
      return sql_error_at(w->err, w->text, n->kids[1]->pos,
                          "get_json_object: no wildcards in paths");
    }
    path = json_path(w, n->kids[1]->text);
  }
  *out = arena_printf(w->a, "sp_get_json_object(%s, %s)", x, path);
  return CHN_OK;
}

// +02:00, -0530, GMT+2: minutes east; DuckDB knows only names of zones.
static bool zone_offset(const char *zone, int *minutes)
{
  int hours = 0;
  int rest = 0;
  char sign = 0;
  if (strncasecmp(zone, "GMT", 3) == 0 || strncasecmp(zone, "UTC", 3) == 0) {
    zone += 3;
  }
  const int n = sscanf(zone, "%c%2d:%2d", &sign, &hours, &rest);
  *minutes = (hours * 60 + rest) * (sign == '-' ? -1 : 1);
  return n >= 2 && (sign == '+' || sign == '-');
}

static chn_status write_zone(struct sql_writer *w, struct sql_node *n, const char **out)
{
  const char *t = NULL;
  const char *zone = NULL;
  const bool from = n->op[0] == 'f';
  int minutes = 0;
  if (sql_write_as(w, n->kids[0], SQL_C_TIMESTAMP, &t) != CHN_OK ||
      as_text(w, n, 1, NULL, &zone) != CHN_OK) {
    return CHN_E_ARGUMENT;
  }
  if (n->kids[1]->kind == SQL_STRING && zone_offset(n->kids[1]->text, &minutes)) {
    *out = arena_printf(w->a, "sp_add(%s, INTERVAL '%d minutes')", t, from ? minutes : -minutes);
  } else {
    *out = from ? arena_printf(w->a, "timezone('UTC', timezone(%s, %s))", zone, t)
                : arena_printf(w->a, "sp_to_utc(%s, %s)", t, zone);
  }
  return CHN_OK;
}

static const struct {
  const char *name;
  sql_special write;
} specials[] = {
  { "get_json_object", write_json_path },
  { "from_utc_timestamp", write_zone },
  { "to_utc_timestamp", write_zone },
  { "trim", write_trim },
  { "btrim", write_trim },
  { "ltrim", write_trim },
  { "rtrim", write_trim },
  { "concat", write_concat },
  { "substring", write_substring },
  { "substr", write_substring },
  { "lpad", write_pad },
  { "rpad", write_pad },
  { "locate", write_locate },
  { "position", write_locate },
  { "replace", write_replace },
  { "reverse", write_reverse },
  { "overlay", write_overlay },
  { "elt", write_elt },
  { "split", write_split },
  { "regexp_extract", write_extract },
  { "regexp_extract_all", write_extract },
  { "regexp_replace", write_regexp_replace },
  { "encode", write_encode },
  { "decode", write_decode },
  { "sha2", write_sha2 },
  { "to_date", write_to_date },
  { "to_timestamp", write_to_timestamp },
  { "try_to_timestamp", write_to_timestamp },
  { "unix_timestamp", write_unix_timestamp },
  { "to_unix_timestamp", write_unix_timestamp },
  { "from_unixtime", write_from_unixtime },
  { "date_add", write_date_add },
  { "dateadd", write_date_add },
  { "datediff", write_datediff },
  { "date_diff", write_datediff },
  { "months_between", write_months_between },
  { "date_part", write_date_part },
  { "datepart", write_date_part },
};

sql_special sql_special_text_find(const char *name)
{
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    if (strcmp(name, specials[i].name) == 0) {
      return specials[i].write;
    }
  }
  return NULL;
}
