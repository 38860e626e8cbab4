// Pictures of tables: DuckDB gives the numbers, plot/ draws them.
#include <math.h>
#include <string.h>

#include "base/near.h"
#include "explore/explore_int.h"

enum {
  AUTO = -1,
  BINS = 20,
  MOST_BARS = 200,
  MOST_POINTS = 1000000,
  BAR_PIXELS = 22,
  MARGIN_PIXELS = 40,
};

/// A picture in the making.
struct picture {
  const struct explore_plot *what;
  const char *table;
  const char *from; ///< the table's name in SQL
  struct row_schema schema;
  const struct row_field *x; ///< NULL: none
  const struct row_field *y;
  int32_t kind;
  bool times; ///< x is an instant
  struct plot plot;
};

// ---- which columns ----------------------------------------------------------------------------

static const char *list_columns(struct arena *a, const struct row_schema *schema)
{
  const char *text = "";
  for (int32_t i = 0; i < schema->n_fields; i++) {
    text = arena_printf(a, "%s%s%s", text, i > 0 ? ", " : "", schema->fields[i].name);
  }
  return text;
}

static chn_status find(struct explore *e, const struct picture *p, const char *name,
                       const struct row_field **out, struct chn_err *err)
{
  if (name == NULL) {
    return CHN_OK;
  }
  const char **names = arena_calloc(&e->call, (size_t)p->schema.n_fields + 1, sizeof *names);
  for (int32_t i = 0; i < p->schema.n_fields; i++) {
    names[i] = p->schema.fields[i].name;
    if (strcmp(names[i], name) == 0) {
      *out = &p->schema.fields[i];
      return CHN_OK;
    }
  }
  const char *near = chn_near(name, names, (size_t)p->schema.n_fields);
  return near != NULL ? chn_fail(err, CHN_E_NOT_FOUND, "%s has no column %s (did you mean %s?)",
                                 p->table, name, near)
                      : chn_fail(err, CHN_E_NOT_FOUND, "%s has no column %s; it has %s", p->table,
                                 name, list_columns(&e->call, &p->schema));
}

static bool is_row_by_row(int32_t kind)
{
  return kind == PLOT_SERIES || kind == PLOT_SPARK;
}

static chn_status find_columns(struct explore *e, struct picture *p, struct chn_err *err)
{
  const struct explore_plot *w = p->what;
  if (find(e, p, w->x, &p->x, err) != CHN_OK || find(e, p, w->y, &p->y, err) != CHN_OK) {
    return err->code;
  }
  if (p->x == NULL && p->y == NULL) {
    if (p->schema.n_fields > 2) {
      return chn_fail(err, CHN_E_ARGUMENT,
                      "which columns of %s are drawn? x = \"...\" counts its values, y = \"...\" "
                      "draws numbers, both together y by x; there are %s",
                      p->table, list_columns(&e->call, &p->schema));
    }
    p->x = &p->schema.fields[0];
    p->y = p->schema.n_fields == 2 ? &p->schema.fields[1] : NULL;
  }
  if (p->y == NULL && is_row_by_row(p->kind)) {
    p->y = p->x;
    p->x = NULL;
  }
  return CHN_OK;
}

// ---- which picture ----------------------------------------------------------------------------

static chn_status wrong_type(const struct row_field *f, const char *axis, const char *needed,
                             struct chn_err *err)
{
  struct chn_buf type = { 0 };
  row_type_print(&type, f->type);
  chn_fail(err, CHN_E_ARGUMENT, "%s = \"%s\" is %s, and %s", axis, f->name, chn_buf_str(&type),
           needed);
  chn_buf_deinit(&type);
  return err->code;
}

/// Instants are DATE and TIMESTAMP, and by Chronon's names `ts` in milliseconds and days in `ds`.
static bool is_time(const struct picture *p)
{
  const enum describe_kind kind = describe_kind_of(p->x->type);
  return kind == DESCRIBE_TIME ||
         (kind == DESCRIBE_NUMBER && (p->what->times || strcmp(p->x->name, "ts") == 0)) ||
         (p->x->type->kind == ROW_STRING && p->y != NULL && strcmp(p->x->name, "ds") == 0);
}

static chn_status check_y(const struct picture *p, struct chn_err *err)
{
  if (p->kind == PLOT_HISTOGRAM) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "a histogram counts the values of x, so y = \"%s\" is left over; kind = "
                    "\"bars\" or \"series\" draws it",
                    p->y->name);
  }
  if (p->kind == PLOT_BARS && p->x == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "bars need x = \"...\", the column of their labels");
  }
  return describe_kind_of(p->y->type) == DESCRIBE_NUMBER
             ? CHN_OK
             : wrong_type(p->y, "y", "only numbers have a height", err);
}

static chn_status choose(struct picture *p, struct chn_err *err)
{
  const enum describe_kind x = p->x != NULL ? describe_kind_of(p->x->type) : DESCRIBE_NUMBER;
  p->times = p->x != NULL && is_time(p);
  if (p->y == NULL) {
    if (x == DESCRIBE_OTHER) {
      return wrong_type(p->x, "x", "only numbers, times and texts are counted", err);
    }
    return p->kind == PLOT_HISTOGRAM && x == DESCRIBE_TEXT
               ? wrong_type(p->x, "x", "texts have no histogram: kind = \"bars\"", err)
               : CHN_OK;
  }
  if (p->kind == AUTO) {
    p->kind = x == DESCRIBE_NUMBER || p->times ? PLOT_SERIES : PLOT_BARS;
  }
  if (check_y(p, err) != CHN_OK) {
    return err->code;
  }
  return is_row_by_row(p->kind) && x != DESCRIBE_NUMBER && !p->times
             ? wrong_type(p->x, "x", "a line goes over numbers or times: kind = \"bars\"", err)
             : CHN_OK;
}

// ---- numbers ----------------------------------------------------------------------------------

static chn_status count_values(struct explore *e, struct wh *wh, struct picture *p,
                               struct chn_err *err)
{
  const char *const columns[] = { p->x->name };
  const int32_t most = p->what->bins > 0 ? p->what->bins : BINS;
  const struct describe_options o = {
    .columns = columns, .n_columns = 1, .bins = most, .top = most
  };
  struct describe found;
  const chn_status s = describe_rows(wh, &e->call, p->from, &o, &found, err);
  if (s != CHN_OK) {
    return s;
  }
  const struct describe_column *c = &found.columns[0];
  describe_plot(c, &e->call, &p->plot);
  p->plot.times = p->times;
  if (p->kind == PLOT_BARS) {
    p->plot.kind = PLOT_BARS;
  } else if (p->times && c->kind == DESCRIBE_NUMBER) {
    p->plot.kind = PLOT_HISTOGRAM; // its labels are numbers
  }
  p->plot.title = arena_printf(&e->call, "%s of %s%s", p->x->name, p->table,
                               c->kind == DESCRIBE_TEXT ? ", most frequent values" : "");
  return CHN_OK;
}

/// The SELECT of two columns, x as a number or a label, and y.
static const char *query_of(struct arena *a, const struct picture *p)
{
  const char *y = arena_printf(a, "CAST(%s AS DOUBLE)", wh_quote_name(a, p->y->name));
  if (p->x == NULL) {
    return arena_printf(a, "SELECT 0.0::DOUBLE, %s FROM %s LIMIT %d", y, p->from, MOST_POINTS + 1);
  }
  const char *x = wh_quote_name(a, p->x->name);
  if (p->kind == PLOT_BARS) {
    return arena_printf(a, "SELECT CAST(%s AS VARCHAR), %s FROM %s LIMIT %d", x, y, p->from,
                        MOST_BARS + 1);
  }
  if (describe_kind_of(p->x->type) != DESCRIBE_NUMBER) {
    x = arena_printf(a, "epoch_ms(TRY_CAST(%s AS TIMESTAMP))", x);
  }
  return arena_printf(a,
                      "SELECT x, avg(y) FROM (SELECT CAST(%s AS DOUBLE) AS x, %s AS y FROM %s) "
                      "WHERE isfinite(x) GROUP BY x ORDER BY x LIMIT %d",
                      x, y, p->from, MOST_POINTS + 1);
}

/// Takes the rows of query_of.
static void take(struct arena *a, const struct wh_rows *rows, struct picture *p)
{
  const size_t n = wh_rows_count(rows);
  double *at = arena_calloc(a, n + 1, sizeof *at), *values = arena_calloc(a, n + 1, sizeof *values);
  const char **labels = arena_calloc(a, n + 1, sizeof *labels);
  size_t done = 0;
  for (size_t chunk = 0; chunk < wh_rows_chunks(rows); chunk++) {
    struct row_col cols[2];
    const size_t count = wh_rows_chunk(rows, chunk, cols);
    for (size_t i = 0; i < count; i++, done++) {
      values[done] = row_is_null(&cols[1], i) ? NAN : ((const double *)cols[1].data)[i];
      if (p->kind != PLOT_BARS) {
        at[done] = ((const double *)cols[0].data)[i];
      } else if (!row_is_null(&cols[0], i)) {
        const struct row_str *text = &((const struct row_str *)cols[0].data)[i];
        labels[done] = arena_strndup(a, row_str_bytes(text), text->len);
      }
    }
  }
  p->plot = (struct plot){ .kind = (enum plot_kind)p->kind,
                           .values = values,
                           .labels = labels,
                           .at = p->x != NULL && p->kind == PLOT_SERIES ? at : NULL,
                           .n = (int32_t)n,
                           .times = p->times };
}

static chn_status read_values(struct explore *e, struct wh *wh, struct picture *p,
                              struct chn_err *err)
{
  struct arena *a = &e->call;
  struct wh_rows *rows = NULL;
  const size_t most = p->kind == PLOT_BARS ? MOST_BARS : MOST_POINTS;
  if (wh_rows_load(wh, query_of(a, p), &rows, err) != CHN_OK) {
    return err->code;
  }
  const bool fits = wh_rows_count(rows) <= most;
  if (fits) {
    take(a, rows, p);
  }
  wh_rows_free(rows);
  p->plot.title = p->x != NULL ? arena_printf(a, "%s by %s of %s", p->y->name, p->x->name, p->table)
                               : arena_printf(a, "%s of %s", p->y->name, p->table);
  return fits
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT,
                        "%s has more than %zu %s; draw fewer, as of r:head(%zu), or aggregate them "
                        "by SQL",
                        p->table, most, p->kind == PLOT_BARS ? "bars" : "points",
                        p->kind == PLOT_BARS ? most / 10 : most);
}

// ---- the picture ------------------------------------------------------------------------------

static void draw(const struct picture *p, struct chn_buf *out)
{
  const struct explore_plot *w = p->what;
  struct plot plot = p->plot;
  plot.title = w->title != NULL ? w->title : plot.title;
  plot.windows = w->windows;
  plot.n_windows = w->n_windows;
  const bool rows = plot.kind == PLOT_BARS && w->height == 0;
  if (w->svg) {
    plot_svg(&plot, w->width, rows ? plot.n * BAR_PIXELS + MARGIN_PIXELS : w->height, out);
  } else {
    plot_text(&plot, w->width, w->height, out);
  }
}

static chn_status picture(struct explore *e, const char *table, const struct explore_plot *what,
                          struct chn_buf *out, struct chn_err *err)
{
  struct wh *wh;
  struct picture p = { .what = what, .table = table, .kind = what->kind };
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = explore_from(e, wh, table, &p.from, err);
  }
  if (s == CHN_OK) {
    s = wh_describe(wh, arena_printf(&e->call, "SELECT * FROM %s", p.from), &e->call, &p.schema,
                    err);
  }
  if (s == CHN_OK) {
    s = find_columns(e, &p, err);
  }
  if (s == CHN_OK) {
    s = choose(&p, err);
  }
  if (s == CHN_OK) {
    s = p.y == NULL ? count_values(e, wh, &p, err) : read_values(e, wh, &p, err);
  }
  if (s == CHN_OK) {
    draw(&p, out);
  }
  return s;
}

chn_status explore_picture(struct explore *e, const char *table, const struct explore_plot *what,
                           struct chn_buf *out, struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, picture(e, table, what, out, err), err);
}
