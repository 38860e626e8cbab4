// Explanations for people and for programs.
#include <string.h>

#include "base/time.h"
#include "cli/explain.h"
#include "cli/report.h"
#include "cli/value.h"

enum {
  MS_MINUTE = 60000,
  MS_HOUR = 60 * MS_MINUTE,
  MS_DAY = 24 * MS_HOUR,
  TIME_TEXT = CLI_INSTANT_SIZE
};

static const char *const kinds[] = { "batch", "hop", "row", "tile" };

// ---- words ------------------------------------------------------------------------------------

static const char *span_text(int64_t ms, char out[TIME_TEXT])
{
  const int64_t unit = ms % MS_DAY == 0 ? MS_DAY : ms % MS_HOUR == 0 ? MS_HOUR : MS_MINUTE;
  snprintf(out, TIME_TEXT, "%lld%s", (long long)(ms / unit),
           unit == MS_DAY    ? "d"
           : unit == MS_HOUR ? "h"
                             : "min");
  return out;
}

/// How many pieces of a kind are part of the value.
static size_t count(const struct fetch_explained *x, enum fetch_piece_kind kind, bool used)
{
  size_t n = 0;
  for (size_t i = 0; i < x->n_pieces; i++) {
    n += x->pieces[i].kind == kind && x->pieces[i].used == used;
  }
  return n;
}

static void add_count(struct chn_buf *out, size_t n, const char *what)
{
  if (n > 0) {
    chn_buf_addf(out, "%s%zu %s%s", out->len > 0 ? ", " : "", n, what,
                 n == 1 || strcmp(what, "batch") == 0 ? "" : "s");
  }
}

/// `batch, 3 hops, 1 row`
static void add_made_of(struct chn_buf *out, const struct fetch_explained *x)
{
  if (count(x, FETCH_PIECE_BATCH, true) > 0) {
    chn_buf_addf(out, "batch");
  }
  for (int kind = FETCH_PIECE_HOP; kind <= FETCH_PIECE_TILE; kind++) {
    add_count(out, count(x, (enum fetch_piece_kind)kind, true), kinds[kind]);
  }
  if (x->expression != NULL && x->n_pieces == 0) {
    chn_buf_addf(out, "%s", x->expression);
  } else if (x->group_by != NULL && x->error == NULL && x->n_pieces == 0 &&
             x->batch_end == INT64_MIN) {
    chn_buf_adds(out, "nothing: unknown key");
  }
}

/// `12 hops before the window, 1 row at or after the query time`: reasons in the order they come.
static void add_left_out(struct chn_buf *out, const struct fetch_explained *x)
{
  for (size_t i = 0; i < x->n_pieces; i++) {
    const struct fetch_piece *p = &x->pieces[i];
    size_t n = 0;
    bool said = false;
    for (size_t k = 0; k < x->n_pieces && !p->used; k++) {
      const struct fetch_piece *q = &x->pieces[k];
      const bool same = !q->used && q->kind == p->kind && strcmp(q->why, p->why) == 0;
      said = said || (same && k < i);
      n += same;
    }
    if (n > 0 && !said) {
      chn_buf_addf(out, "%s%zu %s%s %s", out->len > 0 ? ", " : "", n, kinds[p->kind],
                   n == 1 ? "" : "s", p->why);
    }
  }
}

/// `2024-03-09 12:00:00.000 (1d in hops of 1h)`
static void add_window(struct chn_buf *out, const struct fetch_explained *x)
{
  char from[TIME_TEXT], span[TIME_TEXT], hop[TIME_TEXT];
  if (x->window_ms == 0) {
    chn_buf_addf(out, "all time");
  } else {
    chn_buf_addf(out, "from %s (%s, in hops of %s)", cli_instant_text(x->window_from, from),
                 span_text(x->window_ms, span), span_text(x->hop_ms, hop));
  }
}

// ---- tables -----------------------------------------------------------------------------------

enum { VALUE_COLUMNS = 24 };

static void take(struct cli_grid *g, struct chn_buf *text)
{
  cli_grid_add(g, chn_buf_str(text));
  chn_buf_clear(text);
}

static void print_grid(const struct cli_context *ctx, struct cli_grid *g, struct chn_buf *out)
{
  cli_grid_print(g, &ctx->style, out);
  cli_grid_deinit(g);
}

/// A cell in a line of many: what is long is seen whole with --feature.
static void take_short(struct cli_grid *g, struct chn_buf *text, bool cut)
{
  size_t len = text->len;
  if (cut && len > VALUE_COLUMNS) {
    for (len = VALUE_COLUMNS - 1; len > 0 && ((unsigned char)text->data[len] & 0xc0) == 0x80;) {
      len--;
    }
    text->len = len;
    chn_buf_adds(text, "…");
  }
  take(g, text);
}

/// A line a feature.
static void print_features(const struct cli_context *ctx, const struct cli_explained *e,
                           struct chn_buf *out)
{
  static const struct cli_column columns[] = {
    { "feature", false }, { "value", false }, { "made_of", false }, { "left_out", false }
  };
  const bool table = ctx->style.format == CLI_TABLE;
  struct cli_grid g;
  struct chn_buf text = { 0 };
  cli_grid_init(&g, columns, table ? 3 : 4);
  for (size_t i = 0; i < e->n; i++) {
    const struct fetch_explained *x = &e->features[i];
    cli_grid_add(&g, x->feature);
    chn_buf_adds(&text, x->error != NULL ? x->error : x->value != NULL ? x->value : "");
    take_short(&g, &text, table);
    add_made_of(&text, x);
    take_short(&g, &text, table);
    if (!table) {
      add_left_out(&text, x);
      take(&g, &text);
    }
  }
  print_grid(ctx, &g, out);
  chn_buf_deinit(&text);
}

/// A line of its own, which is never cut.
static void fact(struct chn_buf *out, const char *what, struct chn_buf *text)
{
  if (text->len > 0) {
    chn_buf_addf(out, "%-10s", what);
    chn_buf_add(out, chn_buf_str(text), text->len);
    chn_buf_addc(out, '\n');
    chn_buf_clear(text);
  }
}

static void add_batch_facts(struct chn_buf *out, const struct fetch_explained *x,
                            struct chn_buf *text)
{
  char t[TIME_TEXT];
  if (x->group_by == NULL || x->error != NULL) {
    return;
  }
  if (x->batch_end == INT64_MIN) {
    chn_buf_addf(text, "none: the last upload does not have the key");
  } else {
    chn_buf_addf(text, "until %s%s", cli_instant_text(x->batch_end, t),
                 x->late ? ", more than two days before the instant: long windows hold rows that "
                           "they should have dropped"
                         : "");
  }
  fact(out, "upload", text);
  if (x->column != NULL && x->hop_ms != 0) {
    add_window(text, x);
    fact(out, "window", text);
  }
}

/// What is known of a feature but its pieces.
static void print_facts(const struct fetch_explained *x, struct chn_buf *out)
{
  struct chn_buf text = { 0 };
  char t[TIME_TEXT];
  chn_buf_addf(&text, "%s", x->feature);
  fact(out, "feature", &text);
  chn_buf_addf(&text, "%s", x->value != NULL ? x->value : "there is none");
  fact(out, "value", &text);
  chn_buf_addf(&text, "%s", x->error != NULL ? x->error : "");
  fact(out, "error", &text);
  chn_buf_addf(&text, "%s", cli_instant_text(x->at, t));
  fact(out, "instant", &text);
  chn_buf_addf(&text, "%s", x->expression != NULL ? x->expression : "");
  fact(out, "derived", &text);
  for (size_t i = 0; i < x->n_inputs; i++) {
    chn_buf_addf(&text, "%s%s%s", x->inputs[i].name, x->inputs[i].value != NULL ? " = " : "",
                 x->inputs[i].value != NULL ? x->inputs[i].value : "");
    fact(out, "input", &text);
  }
  chn_buf_addf(&text, "%s", x->group_by != NULL ? x->group_by : "");
  fact(out, "group_by", &text);
  chn_buf_addf(&text, "%s", x->column != NULL ? x->column : "");
  fact(out, "column", &text);
  add_batch_facts(out, x, &text);
  add_left_out(&text, x);
  fact(out, "left out", &text);
  chn_buf_deinit(&text);
}

static void add_piece(struct cli_grid *g, const struct fetch_piece *p, bool all)
{
  char from[TIME_TEXT], until[TIME_TEXT];
  const bool batch = p->kind == FETCH_PIECE_BATCH;
  cli_grid_add(g, kinds[p->kind]);
  cli_grid_add(g, batch ? "" : cli_instant_text(p->from, from));
  cli_grid_add(g, batch || p->until != p->from ? cli_instant_text(p->until, until) : "");
  cli_grid_add(g, p->value);
  if (all) {
    cli_grid_add(g, p->used ? "yes" : "no");
  }
  cli_grid_add(g, p->why);
}

static void print_pieces(const struct cli_context *ctx, const struct fetch_explained *x, bool all,
                         struct chn_buf *out)
{
  static const struct cli_column few[] = {
    { "piece", false }, { "from", false }, { "until", false }, { "alone", false }, { "note", false }
  };
  static const struct cli_column every[] = { { "piece", false }, { "from", false },
                                             { "until", false }, { "alone", false },
                                             { "used", false },  { "note", false } };
  struct cli_grid g;
  cli_grid_init(&g, all ? every : few, all ? 6 : 5);
  for (size_t i = 0; i < x->n_pieces; i++) {
    if (all || x->pieces[i].used) {
      add_piece(&g, &x->pieces[i], all);
    }
  }
  if (g.n_cells > 0) {
    if (out->len > 0) {
      chn_buf_addc(out, '\n');
    }
    print_grid(ctx, &g, out);
  } else {
    cli_grid_deinit(&g);
  }
}

// ---- JSON -------------------------------------------------------------------------------------

static void json_time(struct codec_json_writer *w, const char *key, int64_t ms)
{
  codec_json_key(w, key);
  if (ms == INT64_MIN) {
    codec_json_null(w);
  } else {
    codec_json_int(w, ms);
  }
}

/// A value that is a JSON text already.
static void json_value(struct codec_json_writer *w, const char *key, const char *text)
{
  struct arena a = { 0 };
  struct chn_err ignored;
  const struct codec_json *doc = NULL;
  codec_json_key(w, key);
  if (text == NULL || codec_json_parse(&a, text, strlen(text), key, &doc, &ignored) != CHN_OK) {
    codec_json_null(w);
  } else {
    codec_json_value(w, doc);
  }
  arena_deinit(&a);
}

static void json_pieces(struct codec_json_writer *w, const struct fetch_explained *x)
{
  codec_json_key(w, "pieces");
  codec_json_begin(w, '[');
  for (size_t i = 0; i < x->n_pieces; i++) {
    const struct fetch_piece *p = &x->pieces[i];
    codec_json_begin(w, '{');
    cli_json_text(w, "kind", kinds[p->kind]);
    json_time(w, "from", p->kind == FETCH_PIECE_BATCH ? INT64_MIN : p->from);
    json_time(w, "until", p->until);
    codec_json_key(w, "used");
    codec_json_bool(w, p->used);
    cli_json_text(w, "why", p->why[0] != '\0' ? p->why : NULL);
    json_value(w, "value", p->value);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

static void json_inputs(struct codec_json_writer *w, const struct fetch_explained *x)
{
  codec_json_key(w, "inputs");
  codec_json_begin(w, '{');
  for (size_t i = 0; i < x->n_inputs; i++) {
    json_value(w, x->inputs[i].name, x->inputs[i].value);
  }
  codec_json_end(w, '}');
}

static void json_feature(struct codec_json_writer *w, const struct fetch_explained *x)
{
  codec_json_begin(w, '{');
  cli_json_text(w, "feature", x->feature);
  json_value(w, "value", x->value);
  codec_json_key(w, "present");
  codec_json_bool(w, x->value != NULL);
  cli_json_text(w, "error", x->error);
  cli_json_text(w, "group_by", x->group_by);
  cli_json_text(w, "column", x->column);
  cli_json_text(w, "expression", x->expression);
  json_inputs(w, x);
  json_time(w, "at", x->at);
  json_time(w, "batch_end", x->batch_end);
  json_time(w, "window_from", x->window_from);
  json_time(w, "window_ms", x->window_ms == 0 ? INT64_MIN : x->window_ms);
  json_time(w, "hop_ms", x->window_ms == 0 ? INT64_MIN : x->hop_ms);
  codec_json_key(w, "late");
  codec_json_bool(w, x->late);
  json_pieces(w, x);
  codec_json_end(w, '}');
}

static void print_json(const struct cli_explained *e, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  cli_json_text(&w, "name", e->name);
  codec_json_key(&w, "features");
  codec_json_begin(&w, '[');
  for (size_t i = 0; i < e->n; i++) {
    json_feature(&w, &e->features[i]);
  }
  codec_json_end(&w, ']');
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

chn_status cli_explained_print(const struct cli_context *ctx, const struct cli_explained *e,
                               struct chn_err *err)
{
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    print_json(e, &out);
  } else if (!e->whole) {
    print_features(ctx, e, &out);
  } else {
    // CSV is for programs: one table.
    if (ctx->style.format != CLI_CSV) {
      print_facts(e->features, &out);
    }
    print_pieces(ctx, e->features, e->all, &out);
  }
  const bool printed = cli_print(&out);
  chn_buf_deinit(&out);
  return printed ? CHN_OK : chn_fail(err, CHN_E_IO, "stdout cannot be written");
}
