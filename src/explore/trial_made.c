// Rows made by chance: few keys, few values, instants around the end of an upload.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "explore/trial_int.h"
#include "model/names.h"
#include "warehouse/sql.h"

enum {
  ROWS = 400,
  KEYS = 4,
  POOL = 24,         ///< values of a column
  MOST_DAYS = 40,    ///< that rows lie in before the upload's end
  STREAM_HOURS = 36, ///< and behind it
};

int64_t trial_random(struct trial_chance *c, int64_t low, int64_t high)
{
  uint64_t z = c->state += 0x9e3779b97f4a7c15U; // SplitMix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  z ^= z >> 31;
  return low + (int64_t)(z % (uint64_t)(high - low + 1));
}

/// What a column may hold.
struct pool {
  struct codec_json values[POOL];
  int32_t n;
};

struct maker {
  struct trial *t;
  struct arena *a;
  const struct model_group_by *gb;
  const struct model_query *q;
  struct trial_chance *chance;
  struct trial_made *out;
  struct pool *pools;    ///< per column
  const char *time_name; ///< column that the instant goes into, or NULL
  int32_t time_form;     ///< TIME_MS, ...
};

static struct codec_json number(struct arena *a, const char *text)
{
  struct codec_json v = { .kind = CODEC_JSON_REAL, .text = arena_strdup(a, text) };
  v.text_len = strlen(text);
  v.as.real = strtod(text, NULL);
  if (strpbrk(text, ".eE") == NULL) {
    v.kind = CODEC_JSON_INT;
    v.as.integer = strtoll(text, NULL, 10);
  }
  return v;
}

static struct codec_json string(struct arena *a, const char *text, size_t n)
{
  return (struct codec_json){ .kind = CODEC_JSON_STRING,
                              .text = arena_strndup(a, text, n),
                              .text_len = n };
}

// ---- what columns may hold --------------------------------------------------------------------

static void add_value(struct pool *p, struct codec_json v)
{
  if (p->n < POOL) {
    p->values[p->n++] = v;
  }
}

static bool is_whole(const char *type)
{
  return strcmp(type, "BIGINT") == 0 || strcmp(type, "INTEGER") == 0 ||
         strcmp(type, "SMALLINT") == 0 || strcmp(type, "TINYINT") == 0;
}

static bool is_real(const char *type)
{
  return strcmp(type, "DOUBLE") == 0 || strcmp(type, "FLOAT") == 0;
}

/// The literals of an expression, so that conditions on a column are sometimes true.
static void add_literals(struct maker *m, struct pool *p, const char *type, const char *expression)
{
  for (const char *c = expression; *c != '\0'; c++) {
    if (*c == '\'') {
      const char *end = strchr(c + 1, '\'');
      if (end == NULL) {
        return;
      }
      if (strcmp(type, "VARCHAR") == 0) {
        add_value(p, string(m->a, c + 1, (size_t)(end - c - 1)));
      }
      c = end;
    } else if (isdigit((unsigned char)*c) && (is_whole(type) || is_real(type)) &&
               (c == expression || (!isalnum((unsigned char)c[-1]) && c[-1] != '_'))) {
      const size_t n = strspn(c, "0123456789");
      if (n < 5) { // beside it, too, where a comparison turns
        const char *text = arena_strndup(m->a, c, n);
        add_value(p, number(m->a, text));
        add_value(p, number(m->a, arena_printf(m->a, "%ld", strtol(text, NULL, 10) + 1)));
      }
      c += n - 1;
    }
  }
}

static void add_uses(struct maker *m, struct pool *p, const struct trial_column *column,
                     const char *expression)
{
  char **names = NULL;
  size_t n = 0;
  struct chn_err ignored;
  if (sql_expr_columns(m->a, expression, &names, &n, &ignored) != CHN_OK) {
    return;
  }
  for (size_t i = 0; i < n; i++) {
    if (strcmp(names[i], column->name) == 0) {
      add_literals(m, p, column->type, expression);
      return;
    }
  }
}

static bool is_key(struct maker *m, const char *column)
{
  for (int32_t i = 0; i < m->gb->n_key_columns; i++) {
    const char *key = m->gb->key_columns[i];
    const char *expr = m->q != NULL ? model_pair_find(m->q->selects, m->q->n_selects, key) : NULL;
    char **names = NULL;
    size_t n = 0;
    struct chn_err ignored;
    if (expr == NULL) {
      expr = arena_printf(m->a, "`%s`", key);
    }
    if (sql_expr_columns(m->a, expr, &names, &n, &ignored) == CHN_OK) {
      for (size_t k = 0; k < n; k++) {
        if (strcmp(names[k], column) == 0) {
          return true;
        }
      }
    }
  }
  return false;
}

static void fill_plain(struct maker *m, struct pool *p, const char *type)
{
  static const char *const words[] = { "a", "b", "c", "d", "7", "2.5" };
  for (int32_t i = 0; i < 6; i++) {
    if (strcmp(type, "VARCHAR") == 0) {
      add_value(p, string(m->a, words[i], strlen(words[i])));
    } else if (is_whole(type)) {
      add_value(p, number(m->a, arena_printf(m->a, "%d", (int)trial_random(m->chance, -9, 20))));
    } else if (is_real(type)) { // of eighths, whose sums are exact
      const double eighths = (double)trial_random(m->chance, -80, 160) / 8;
      add_value(p, number(m->a, arena_printf(m->a, "%.3f", eighths)));
    } else if (strcmp(type, "BOOLEAN") == 0) {
      add_value(p, (struct codec_json){ .kind = CODEC_JSON_BOOL, .as.boolean = i % 2 == 0 });
    }
  }
}

static void fill_keys(struct maker *m, struct pool *p, const char *type)
{
  for (int32_t i = 1; i <= KEYS; i++) {
    const char *text = arena_printf(m->a, "%s%d", strcmp(type, "VARCHAR") == 0 ? "k" : "", (int)i);
    add_value(p,
              strcmp(type, "VARCHAR") == 0 ? string(m->a, text, strlen(text)) : number(m->a, text));
  }
}

/// Lists of plain values; what else there is stays null.
static void fill_lists(struct maker *m, struct pool *p, const char *type)
{
  const size_t n = strlen(type);
  struct pool plain = { .n = 0 };
  if (n < 3 || strcmp(type + n - 2, "[]") != 0) {
    return;
  }
  fill_plain(m, &plain, arena_strndup(m->a, type, n - 2));
  for (int32_t i = 0; plain.n > 0 && i < 6; i++) {
    struct codec_json list = { .kind = CODEC_JSON_ARRAY, .n = 2 }; // one length: element-wise
    list.members = arena_calloc(m->a, 2, sizeof *list.members);
    for (int32_t k = 0; k < list.n; k++) {
      list.members[k].value = plain.values[trial_random(m->chance, 0, plain.n - 1)];
    }
    add_value(p, list);
  }
}

static void fill_pools(struct maker *m)
{
  m->pools = arena_calloc(m->a, (size_t)m->out->n_columns + 1, sizeof *m->pools);
  for (int32_t c = 0; c < m->out->n_columns; c++) {
    const struct trial_column *column = &m->out->columns[c];
    struct pool *p = &m->pools[c];
    if (column->type == NULL) {
      continue;
    }
    if (is_key(m, column->name)) {
      fill_keys(m, p, column->type);
      continue;
    }
    fill_plain(m, p, column->type);
    fill_lists(m, p, column->type);
    for (int32_t i = 0; m->q != NULL && i < m->q->n_selects; i++) {
      add_uses(m, p, column, m->q->selects[i].value);
    }
    for (int32_t i = 0; m->q != NULL && i < m->q->n_wheres; i++) {
      add_uses(m, p, column, m->q->wheres[i]);
      add_uses(m, p, column, m->q->wheres[i]); // oftener than the rest
    }
  }
}

// ---- instants ---------------------------------------------------------------------------------

/// How a column may tell an instant: in milliseconds, in seconds, or as a text, by what stands
/// before and behind the time. Whole seconds, because some tell no less.
enum { TIME_MS, TIME_SECONDS, TIME_SQL, TIME_ISO, TIME_ISO_Z, TIME_FORMS };

static struct codec_json instant(struct maker *m, int32_t form, int64_t ms)
{
  char ds[CHN_DS_SIZE];
  if (form == TIME_MS || form == TIME_SECONDS) {
    return number(
        m->a, arena_printf(m->a, "%lld", (long long)(form == TIME_MS ? ms : ms / CHN_SECOND_MS)));
  }
  const int32_t day = chn_day_of_ms(ms);
  const int second = (int)((ms - chn_ms_of_day(day)) / CHN_SECOND_MS);
  const char *text = arena_printf(m->a, "%s%c%02d:%02d:%02d%s", chn_ds_of_day(day, ds),
                                  form == TIME_SQL ? ' ' : 'T', second / 3600, second / 60 % 60,
                                  second % 60, form == TIME_ISO_Z ? "Z" : "");
  return string(m->a, text, strlen(text));
}

/// Whether the time column's expression makes the instant of a column's value in a form.
static bool tells(struct maker *m, const struct trial_column *column, int32_t form)
{
  const int64_t ms = 1709296245000;
  struct codec_json v = instant(m, form, ms);
  char *expr = NULL;
  struct wh_rows *rows = NULL;
  struct row_col col;
  struct chn_err ignored;
  const char *literal =
      arena_printf(m->a, "CAST(%s AS %s)", wh_quote_string(m->a, v.text), column->type);
  if (sql_render_expr(m->a, arena_printf(m->a, "CAST(%s AS BIGINT)", m->q->time_column), &expr,
                      &ignored) != CHN_OK ||
      wh_rows_load(m->t->wh,
                   arena_printf(m->a, "SELECT %s FROM (SELECT %s AS %s)", expr, literal,
                                wh_quote_name(m->a, column->name)),
                   &rows, &ignored) != CHN_OK) {
    return false;
  }
  wh_rows_chunk(rows, 0, &col);
  const bool same = !row_is_null(&col, 0) && *(const int64_t *)col.data == ms;
  wh_rows_free(rows);
  return same;
}

static bool find_time(struct maker *m)
{
  char **names = NULL;
  size_t n = 0;
  struct chn_err ignored;
  if (sql_expr_columns(m->a, m->q->time_column, &names, &n, &ignored) != CHN_OK) {
    return false;
  }
  for (int32_t c = 0; n == 1 && c < m->out->n_columns; c++) {
    const struct trial_column *column = &m->out->columns[c];
    for (int32_t form = 0; strcmp(column->name, names[0]) == 0 && form < TIME_FORMS; form++) {
      if (tells(m, column, form)) {
        m->time_name = column->name;
        m->time_form = form;
        return true;
      }
    }
  }
  return false;
}

static int compare_instants(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/// Days that rows lie in before the upload's end: the longest window and some more.
static int32_t span_of(const struct model_group_by *gb)
{
  int32_t days = 7;
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    for (int32_t k = 0; k < gb->aggregations[i].n_windows; k++) {
      const struct model_window *w = &gb->aggregations[i].windows[k];
      const int32_t n = w->time_unit == MODEL_DAYS ? w->length : w->length / 24 + 1;
      days = n > days ? n : days;
    }
  }
  return days < MOST_DAYS ? days + 3 : MOST_DAYS;
}

/// Most lie near the end of the batch, where it meets the stream. No two are of one instant, and
/// none lies where a window of the upload begins (docs/decisions on parity: spec/04 section 5).
static void make_instants(struct maker *m, int32_t span)
{
  struct trial_made *out = m->out;
  const int64_t end = chn_ms_of_day(out->upload_day + 1);
  out->at = arena_calloc(m->a, ROWS, sizeof *out->at);
  for (int32_t i = 0; i < ROWS; i++) {
    const int64_t hours = trial_random(m->chance, 0, 1) == 0 ? -24 * (int64_t)span : -48;
    out->at[i] = end + trial_random(m->chance, hours * 3600, STREAM_HOURS * 3600) * CHN_SECOND_MS;
  }
  qsort(out->at, ROWS, sizeof *out->at, compare_instants);
  for (int32_t i = 0; i < ROWS; i++) {
    const int64_t least = i > 0 ? out->at[i - 1] + CHN_SECOND_MS : INT64_MIN;
    out->at[i] = out->at[i] > least ? out->at[i] : least;
    out->at[i] += out->at[i] % (5 * CHN_MINUTE_MS) == 0 ? CHN_SECOND_MS : 0;
  }
  out->n_rows = ROWS;
}

// ---- rows -------------------------------------------------------------------------------------

static struct codec_json make_row(struct maker *m, int64_t ms)
{
  struct trial_made *out = m->out;
  struct codec_json row = { .kind = CODEC_JSON_OBJECT };
  char ds[CHN_DS_SIZE];
  row.members = arena_calloc(m->a, (size_t)out->n_columns + 1, sizeof *row.members);
  for (int32_t c = 0; c < out->n_columns; c++) {
    const char *name = out->columns[c].name;
    const struct pool *p = &m->pools[c];
    struct codec_json_member *cell = &row.members[row.n];
    cell->key = name;
    if (strcmp(name, out->partition) == 0) {
      chn_ds_of_day(chn_day_of_ms(ms), ds);
      cell->value = string(m->a, ds, strlen(ds));
    } else if (m->time_name != NULL && strcmp(name, m->time_name) == 0) {
      cell->value = instant(m, m->time_form, ms);
    } else if (p->n == 0 || (!is_key(m, name) && trial_random(m->chance, 0, 7) == 0)) {
      continue;
    } else {
      cell->value = p->values[trial_random(m->chance, 0, p->n - 1)];
    }
    row.n++;
  }
  return row;
}

static bool is_column(const struct trial_made *made, const char *name)
{
  for (int32_t c = 0; c < made->n_columns; c++) {
    if (strcmp(made->columns[c].name, name) == 0) {
      return true;
    }
  }
  return false;
}

/// The last day of the upload: after the source's first day, before its last.
static chn_status choose_day(struct maker *m, int32_t span, struct chn_err *err)
{
  int32_t day = 19783; // 2024-03-01
  int32_t last;
  const char *start = m->q != NULL ? m->q->start_partition : NULL;
  const char *end = m->q != NULL ? m->q->end_partition : NULL;
  chn_status s = start != NULL ? chn_day_of_ds(start, &day, err) : CHN_OK;
  m->out->upload_day = day + span;
  if (s == CHN_OK && end != NULL) {
    s = chn_day_of_ds(end, &last, err);
    m->out->upload_day = s == CHN_OK && last - 2 < day + span ? last - 2 : day + span;
  }
  return s;
}

chn_status trial_make(struct trial *t, struct arena *a, const struct model_group_by *gb,
                      struct trial_chance *chance, struct trial_made *out, const char **why,
                      struct chn_err *err)
{
  struct maker m = { .t = t, .a = a, .gb = gb, .chance = chance, .out = out };
  const int32_t span = span_of(gb);
  *out = (struct trial_made){ .partition = "ds" };
  m.q = model_source_query(&gb->sources[0]);
  out->table = model_table_without_subpartitions(a, model_source_table(a, &gb->sources[0]));
  if (m.q != NULL && m.q->partition_column != NULL) {
    out->partition = m.q->partition_column;
  }
  struct trial_column *columns = trial_source_columns(t, a, gb, out->table, &out->n_columns);
  out->columns = arena_calloc(a, (size_t)out->n_columns + 2, sizeof *out->columns);
  memcpy(out->columns, columns, (size_t)out->n_columns * sizeof *columns);
  if (!is_column(out, out->partition)) {
    out->columns[out->n_columns++].name = out->partition;
  }
  for (int32_t c = 0; c < out->n_columns; c++) {
    struct trial_column *column = &out->columns[c];
    column->type = strcmp(column->name, out->partition) == 0 ? "VARCHAR" : column->type;
  }
  if (m.q != NULL && m.q->time_column != NULL && !find_time(&m)) {
    *why = arena_printf(a, "its time_column \"%s\" is no expression that rows can be made for",
                        m.q->time_column);
    return CHN_OK;
  }
  if (choose_day(&m, span, err) != CHN_OK) {
    return err->code;
  }
  fill_pools(&m);
  make_instants(&m, span);
  out->rows = arena_calloc(a, ROWS, sizeof *out->rows);
  for (int32_t i = 0; i < ROWS; i++) {
    out->rows[i] = make_row(&m, out->at[i]);
  }
  return CHN_OK;
}
