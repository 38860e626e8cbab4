// CSV: a record a message (RFC 4180), its values named by the topic and typed by the columns.
#include <math.h>
#include <string.h>
#include <strings.h>

#include "codec/base64.h"
#include "codec/utf8.h"
#include "stream/decode_int.h"
#include "stream/json_scan.h"

/// What a value is for, where it is not for a column.
enum { UNUSED = -1, MUTATION_TS = -2, IS_BEFORE = -3 };

struct cell {
  const char *text; ///< NULL while it lies in `unquoted`, at `at`
  size_t at;
  size_t len;
  bool quoted;
  bool null;
  union {
    bool boolean;
    int64_t integer;
    double real;
  } as;
};

struct csv_decoder {
  const struct row_schema *columns;
  bool entities;
  char delimiter;
  int32_t n;
  const char **names;
  int32_t *column; ///< of each value
  const struct row_type **types;
  struct cell *cells;
  int32_t *cell_of; ///< of each column, or -1
  struct chn_buf unquoted;
  struct chn_buf bytes; ///< scratch
};

// ---- values -----------------------------------------------------------------------------------

/// A number as JSON would have it: +007 is 7.
static bool read_number(const struct cell *c, struct json_value *out)
{
  const char *p = c->text;
  size_t len = c->len;
  if (len > 1 && *p == '+' && p[1] != '-') {
    p++;
    len--;
  }
  if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') {
    return false; // which the scanner would pass over
  }
  while (len > 1 && *p == '0' && p[1] >= '0' && p[1] <= '9') {
    p++;
    len--;
  }
  struct json_scan s;
  json_scan_init(&s, p, len);
  return json_scan_value(&s, out) && s.at == s.end &&
         (out->kind == JSON_INT || out->kind == JSON_REAL);
}

static bool read_integer(struct cell *c, enum row_kind kind)
{
  struct json_value v;
  return read_number(c, &v) && json_scan_integer(&v, &c->as.integer) &&
         decode_fits(kind, c->as.integer);
}

static bool read_real(struct cell *c, enum row_kind kind)
{
  struct json_value v;
  if (!read_number(c, &v)) {
    return false;
  }
  c->as.real = json_scan_real(&v);
  return kind == ROW_FLOAT ? isfinite((float)c->as.real) : isfinite(c->as.real);
}

static bool is_word(const struct cell *c, const char *word)
{
  return c->len == strlen(word) && strncasecmp(c->text, word, c->len) == 0;
}

/// Reads what the type can hold; an empty value is null, a quoted one only where it is no text.
static bool read_cell(struct csv_decoder *d, struct cell *c, const struct row_type *t)
{
  const bool text = t->kind == ROW_STRING || t->kind == ROW_BINARY;
  c->null = c->len == 0 && !(c->quoted && text);
  if (c->null) {
    return true;
  }
  switch (t->kind) {
  case ROW_BOOLEAN: c->as.boolean = is_word(c, "true"); return c->as.boolean || is_word(c, "false");
  case ROW_FLOAT:
  case ROW_DOUBLE: return read_real(c, t->kind);
  case ROW_STRING: return codec_utf8_valid(c->text, c->len);
  case ROW_BINARY: chn_buf_clear(&d->bytes); return codec_base64_decode(c->text, c->len, &d->bytes);
  default: return read_integer(c, t->kind);
  }
}

static void write_cell(struct csv_decoder *d, const struct cell *c, enum row_kind kind,
                       struct row_builder *out)
{
  if (c->null) {
    row_builder_null(out);
    return;
  }
  switch (kind) {
  case ROW_BOOLEAN: row_builder_value(out, &c->as.boolean); break;
  case ROW_FLOAT: row_builder_value(out, &(float){ (float)c->as.real }); break;
  case ROW_DOUBLE: row_builder_value(out, &c->as.real); break;
  case ROW_STRING: row_builder_string(out, c->text, c->len); break;
  case ROW_BINARY:
    chn_buf_clear(&d->bytes);
    codec_base64_decode(c->text, c->len, &d->bytes);
    row_builder_string(out, chn_buf_str(&d->bytes), d->bytes.len);
    break;
  default: decode_add_integer(out, kind, c->as.integer); break;
  }
}

// ---- records ----------------------------------------------------------------------------------

/// The quoted value that begins at p; returns what is behind its last quote, or NULL.
static const char *unquote(struct csv_decoder *d, const char *p, const char *end, struct cell *c)
{
  const char *from = ++p;
  *c = (struct cell){ .text = from, .quoted = true };
  const char *quote = memchr(p, '"', (size_t)(end - p));
  if (quote != NULL && (quote + 1 == end || quote[1] != '"')) {
    c->len = (size_t)(quote - from);
    return quote + 1;
  }
  *c = (struct cell){ .at = d->unquoted.len, .quoted = true };
  for (; quote != NULL; quote = memchr(p, '"', (size_t)(end - p))) {
    const bool twice = quote + 1 < end && quote[1] == '"';
    chn_buf_add(&d->unquoted, p, (size_t)(quote - p) + twice);
    p = quote + 1 + twice;
    if (!twice) {
      c->len = d->unquoted.len - c->at;
      return p;
    }
  }
  return NULL;
}

static const char *plain(const struct csv_decoder *d, const char *p, const char *end,
                         struct cell *c)
{
  const char *stop = memchr(p, d->delimiter, (size_t)(end - p));
  stop = stop != NULL ? stop : end;
  *c = (struct cell){ .text = p, .len = (size_t)(stop - p) };
  return memchr(p, '"', c->len) == NULL && memchr(p, '\n', c->len) == NULL ? stop : NULL;
}

static chn_status count_is_wrong(const struct csv_decoder *d, const char *p, const char *end,
                                 int32_t n, struct chn_err *err)
{
  for (; p < end; p++) {
    n += *p == d->delimiter;
  }
  return chn_fail(err, CHN_E_CORRUPT, "%d values; the topic's fields are %d", n, d->n);
}

static chn_status split(struct csv_decoder *d, const char *p, const char *end, struct chn_err *err)
{
  end -= end > p && end[-1] == '\n';
  end -= end > p && end[-1] == '\r';
  chn_buf_clear(&d->unquoted);
  for (int32_t i = 0; i < d->n; i++) {
    p = p < end && *p == '"' ? unquote(d, p, end, &d->cells[i]) : plain(d, p, end, &d->cells[i]);
    if (p == NULL || (p < end && *p != d->delimiter)) {
      return chn_fail(err, CHN_E_CORRUPT, "no CSV: the quotes or lines of value %d (\"%s\")", i + 1,
                      d->names[i]);
    }
    const bool last = i + 1 == d->n;
    if (last != (p == end)) {
      return count_is_wrong(d, p, end, i + 1, err);
    }
    p += !last;
  }
  for (int32_t i = 0; i < d->n; i++) {
    if (d->cells[i].text == NULL) {
      d->cells[i].text = chn_buf_str(&d->unquoted) + d->cells[i].at;
    }
  }
  return CHN_OK;
}

static chn_status read_cells(struct csv_decoder *d, struct chn_err *err)
{
  for (int32_t i = 0; i < d->n; i++) {
    struct cell *c = &d->cells[i];
    if (d->column[i] != UNUSED && !read_cell(d, c, d->types[i])) {
      return decode_refuse(err, d->names[i], d->types[i], c->text, c->len);
    }
  }
  return CHN_OK;
}

/// A row of mutations says itself when it was made and whether it is the old image.
static void end_mutation(const struct csv_decoder *d, const struct stream_message *m,
                         struct decode_rows *rows)
{
  int64_t ts = m->ts;
  bool before = false;
  for (int32_t i = 0; i < d->n; i++) {
    const struct cell *c = &d->cells[i];
    if (d->column[i] == MUTATION_TS && !c->null) {
      ts = c->as.integer;
    } else if (d->column[i] == IS_BEFORE && !c->null) {
      before = c->as.boolean;
    }
  }
  decode_row_of_mutation(rows, ts, before);
}

static chn_status message(void *self, const struct stream_message *m, struct decode_rows *rows,
                          struct chn_err *err)
{
  struct csv_decoder *d = self;
  chn_status s = split(d, m->data, (const char *)m->data + m->len, err);
  if (s == CHN_OK) {
    s = read_cells(d, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  struct row_builder **outs = d->entities ? rows->after : rows->outs;
  for (int32_t i = 0; i < d->columns->n_fields; i++) {
    if (d->cell_of[i] < 0) {
      row_builder_null(outs[i]);
    } else {
      write_cell(d, &d->cells[d->cell_of[i]], d->columns->fields[i].type->kind, outs[i]);
    }
  }
  if (d->entities) {
    end_mutation(d, m, rows);
  } else {
    decode_event(rows);
  }
  return CHN_OK;
}

// ---- the decoder ------------------------------------------------------------------------------

static chn_status set_delimiter(struct csv_decoder *d, const char *text, struct chn_err *err)
{
  text = text == NULL ? "," : strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0 ? "\t" : text;
  if (strlen(text) != 1 || strchr("\"\r\n", *text) != NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "delimiter=%s is not one byte, or tab", text);
  }
  d->delimiter = *text;
  return CHN_OK;
}

static chn_status set_names(struct csv_decoder *d, struct arena *a, const char *fields,
                            struct chn_err *err)
{
  if (fields == NULL || *fields == '\0') {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "serde=csv needs the names of the values, fields=a,b,c, in their order");
  }
  d->n = 1;
  for (const char *c = fields; *c != '\0'; c++) {
    d->n += *c == ',';
  }
  d->names = arena_calloc(a, (size_t)d->n, sizeof *d->names);
  for (int32_t i = 0; i < d->n; i++) {
    const size_t len = strcspn(fields, ",");
    d->names[i] = arena_strndup(a, fields, len);
    fields += len + 1;
    for (int32_t j = 0; j < i; j++) {
      if (strcmp(d->names[i], d->names[j]) == 0) {
        return chn_fail(err, CHN_E_ARGUMENT, "fields= names \"%s\" twice", d->names[i]);
      }
    }
  }
  return CHN_OK;
}

static chn_status check_type(const struct row_field *column, struct chn_err *err)
{
  const enum row_kind kind = column->type->kind;
  if (kind <= ROW_BINARY) {
    return CHN_OK;
  }
  struct chn_buf type = { 0 };
  row_type_print(&type, column->type);
  const chn_status s =
      chn_fail(err, CHN_E_ARGUMENT, "column \"%s\" is %s, which a value of CSV cannot be",
               column->name, chn_buf_str(&type));
  chn_buf_deinit(&type);
  return s;
}

static chn_status set_columns(struct csv_decoder *d, struct arena *a, struct chn_err *err)
{
  const size_t n = (size_t)d->n;
  int32_t found = 0;
  d->column = arena_calloc(a, n, sizeof *d->column);
  d->types = arena_calloc(a, n, sizeof *d->types);
  d->cells = arena_calloc(a, n, sizeof *d->cells);
  d->cell_of = arena_calloc(a, (size_t)d->columns->n_fields + 1, sizeof *d->cell_of);
  for (int32_t i = 0; i < d->columns->n_fields; i++) {
    d->cell_of[i] = -1;
  }
  for (int32_t i = 0; i < d->n; i++) {
    const int32_t at = row_schema_find(d->columns, d->names[i]);
    d->column[i] = UNUSED;
    if (at >= 0) {
      const chn_status s = check_type(&d->columns->fields[at], err);
      if (s != CHN_OK) {
        return s;
      }
      d->column[i] = at;
      d->types[i] = d->columns->fields[at].type;
      d->cell_of[at] = i;
      found++;
    } else if (d->entities && strcmp(d->names[i], "mutation_ts") == 0) {
      d->column[i] = MUTATION_TS;
      d->types[i] = row_scalar(ROW_LONG);
    } else if (d->entities && strcmp(d->names[i], "is_before") == 0) {
      d->column[i] = IS_BEFORE;
      d->types[i] = row_scalar(ROW_BOOLEAN);
    }
  }
  return found > 0 || d->columns->n_fields == 0
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT,
                        "fields= names no column of the source, such as \"%s\"",
                        d->columns->fields[0].name);
}

static chn_status open_csv(const struct decode_options *o, struct decode_rows *rows,
                           struct arena *a, void **self, struct chn_err *err)
{
  struct csv_decoder *d = arena_calloc(a, 1, sizeof *d);
  d->columns = rows->columns;
  d->entities = o->entities;
  *self = d;
  chn_status s = set_delimiter(d, stream_topic_param(o->topic, "delimiter"), err);
  if (s == CHN_OK) {
    s = set_names(d, a, stream_topic_param(o->topic, "fields"), err);
  }
  return s == CHN_OK ? set_columns(d, a, err) : s;
}

static void close_csv(void *self)
{
  struct csv_decoder *d = self;
  chn_buf_deinit(&d->unquoted);
  chn_buf_deinit(&d->bytes);
}

const struct decoder_ops decode_csv_ops = { "csv", open_csv, message, close_csv, false };
