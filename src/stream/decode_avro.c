// Avro: records of a writer's schema, which comes from a file or, by the id in front of a message,
// from a folder. What a schema is to the columns is found once, when it is first met.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "stream/decode_avro_int.h"

enum { FRAME = 5, MOST_SCHEMA_BYTES = 16 << 20 };

/// One writer's schema.
struct writer {
  uint32_t id;
  struct arena arena;
  const struct avro_schema *schema;
  struct row_builder **into; ///< of each field: a column's builder, one of `own`, or NULL: skipped
  struct row_builder **own;  ///< of each field, where it is not read into a column directly
  bool direct;               ///< events whose columns are of the very types
  struct avro_image row;     ///< the record itself as a row
  bool envelope;             ///< of `before` and `after`
  int32_t before, after, source, source_ts, ts_ms, mutation_ts, is_before; ///< fields, or -1
  struct avro_image before_image, after_image;
};

struct avro_decoder {
  const struct row_schema *columns;
  struct decode_rows *rows;
  bool entities;
  bool framed;
  const char *path; ///< of the schema, or of the folder
  struct writer **writers;
  int32_t n;
  int32_t last; ///< the one that was used last
};

// ---- schemas ----------------------------------------------------------------------------------

static int32_t field_of(const struct avro_schema *record, const char *name)
{
  for (int32_t i = 0; i < record->n_fields; i++) {
    if (strcmp(record->fields[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}

static int32_t field_of_kind(const struct avro_schema *record, const char *name, bool integer)
{
  const int32_t at = field_of(record, name);
  if (at < 0) {
    return -1;
  }
  const enum row_kind kind = record->fields[at].schema->type->kind;
  return (integer ? kind == ROW_LONG || kind == ROW_INT : kind == ROW_STRUCT) ? at : -1;
}

/// Has field `at` read into a builder of its own type.
static void keep(struct writer *w, int32_t at)
{
  if (at >= 0 && w->own[at] == NULL) {
    w->own[at] = row_builder_new(w->schema->fields[at].schema->type);
    w->into[at] = w->own[at];
  }
}

static chn_status set_row(struct avro_decoder *d, struct writer *w, struct chn_err *err)
{
  const struct row_schema fields = avro_columns(&w->arena, w->schema, false);
  const chn_status s = avro_image_of(&w->arena, d->columns, &fields, &w->row, err);
  if (s != CHN_OK) {
    return s;
  }
  w->direct = !d->entities;
  for (int32_t i = 0; i < d->columns->n_fields && w->direct; i++) {
    const int32_t at = w->row.field[i];
    w->direct = at < 0 || row_type_equal(d->columns->fields[i].type, fields.fields[at].type);
  }
  for (int32_t i = 0; i < d->columns->n_fields; i++) {
    const int32_t at = w->row.field[i];
    if (w->direct && at >= 0) {
      w->into[at] = d->rows->outs[i];
    } else {
      keep(w, at);
    }
  }
  return CHN_OK;
}

static chn_status set_image(struct avro_decoder *d, struct writer *w, int32_t at,
                            struct avro_image *out, struct chn_err *err)
{
  if (at < 0) {
    return CHN_OK;
  }
  keep(w, at);
  const struct row_type *t = w->schema->fields[at].schema->type;
  const struct row_schema fields = { t->fields, t->n_fields };
  const chn_status s = avro_image_of(&w->arena, d->columns, &fields, out, err);
  return s == CHN_OK ? s : chn_wrap(err, "%s", w->schema->fields[at].name);
}

/// What is read of a schema: an envelope where it has old or new rows, else rows.
static chn_status set_fields(struct avro_decoder *d, struct writer *w, struct chn_err *err)
{
  const struct avro_schema *s = w->schema;
  w->into = arena_calloc(&w->arena, (size_t)s->n_fields + 1, sizeof *w->into);
  w->own = arena_calloc(&w->arena, (size_t)s->n_fields + 1, sizeof *w->own);
  if (!d->entities) {
    return set_row(d, w, err);
  }
  w->before = field_of_kind(s, "before", false);
  w->after = field_of_kind(s, "after", false);
  w->envelope = w->before >= 0 || w->after >= 0;
  w->mutation_ts = field_of_kind(s, "mutation_ts", true);
  keep(w, w->mutation_ts);
  if (!w->envelope) {
    w->is_before = field_of(s, "is_before");
    if (w->is_before >= 0 && s->fields[w->is_before].schema->kind != AVRO_BOOLEAN) {
      w->is_before = -1;
    }
    keep(w, w->is_before);
    return set_row(d, w, err);
  }
  w->ts_ms = field_of_kind(s, "ts_ms", true);
  w->source = field_of_kind(s, "source", false);
  w->source_ts = -1;
  for (int32_t i = 0; w->source >= 0 && i < s->fields[w->source].schema->n_fields; i++) {
    const struct avro_field *f = &s->fields[w->source].schema->fields[i];
    w->source_ts = strcmp(f->name, "ts_ms") == 0 && f->schema->kind == AVRO_LONG ? i : w->source_ts;
  }
  keep(w, w->ts_ms);
  keep(w, w->source);
  const chn_status status = set_image(d, w, w->after, &w->after_image, err);
  return status == CHN_OK ? set_image(d, w, w->before, &w->before_image, err) : status;
}

static void free_writer(struct writer *w)
{
  for (int32_t i = 0; w->own != NULL && i < w->schema->n_fields; i++) {
    row_builder_free(w->own[i]);
  }
  arena_deinit(&w->arena);
  free(w);
}

static chn_status read_text(const char *path, struct chn_buf *out, struct chn_err *err)
{
  FILE *f = fopen(path, "rb");
  struct stat st;
  if (f == NULL || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
    const chn_status s = chn_fail(err, f == NULL && errno == ENOENT ? CHN_E_NOT_FOUND : CHN_E_IO,
                                  "%s: %s", path, f == NULL ? strerror(errno) : "no file");
    if (f != NULL) {
      fclose(f);
    }
    return s;
  }
  char part[4096];
  size_t n = 0;
  while ((n = fread(part, 1, sizeof part, f)) > 0 && out->len < MOST_SCHEMA_BYTES) {
    chn_buf_add(out, part, n);
  }
  const bool failed = ferror(f) != 0;
  fclose(f);
  return failed || n > 0 ? chn_fail(err, CHN_E_IO, "%s: cannot be read", path) : CHN_OK;
}

static chn_status add_writer(struct avro_decoder *d, uint32_t id, const char *path,
                             struct writer **out, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status s = read_text(path, &text, err);
  if (s != CHN_OK) {
    chn_buf_deinit(&text);
    return s;
  }
  struct writer *w = chn_calloc(1, sizeof *w);
  w->id = id;
  w->before = w->after = w->source = w->source_ts = w->ts_ms = w->mutation_ts = w->is_before = -1;
  s = avro_schema_parse(&w->arena, chn_buf_str(&text), text.len, path, &w->schema, err);
  chn_buf_deinit(&text);
  if (s == CHN_OK) {
    s = set_fields(d, w, err);
    if (s != CHN_OK) {
      chn_wrap(err, "%s", path);
    }
  }
  if (s != CHN_OK) {
    free_writer(w);
    return s;
  }
  d->writers = chn_realloc(d->writers, (size_t)(d->n + 1) * sizeof *d->writers);
  d->last = d->n;
  d->writers[d->n++] = w;
  *out = w;
  return CHN_OK;
}

/// The schema of a registry's id. One that is not there may come: it is looked for every time.
static chn_status writer_of(struct avro_decoder *d, uint32_t id, struct writer **out,
                            struct chn_err *err)
{
  for (int32_t i = 0; i < d->n; i++) {
    const int32_t at = (d->last + i) % d->n;
    if (d->writers[at]->id == id) {
      d->last = at;
      *out = d->writers[at];
      return CHN_OK;
    }
  }
  struct chn_buf path = { 0 };
  chn_buf_addf(&path, "%s/%" PRIu32 ".avsc", d->path, id);
  const chn_status s = add_writer(d, id, chn_buf_str(&path), out, err);
  chn_buf_deinit(&path);
  return s == CHN_OK ? s : chn_wrap(err, "schema %" PRIu32, id);
}

// ---- messages ---------------------------------------------------------------------------------

static bool long_of(const struct writer *w, int32_t at, int64_t *out)
{
  return at >= 0 && avro_integer(row_builder_col(w->own[at]), 0, out);
}

static int64_t time_of(const struct writer *w, const struct stream_message *m)
{
  int64_t ts = 0;
  if (long_of(w, w->mutation_ts, &ts)) {
    return ts;
  }
  if (w->source_ts >= 0) {
    const struct row_col *source = row_builder_col(w->own[w->source]);
    if (!row_is_null(source, 0) && avro_integer(&source->child[w->source_ts], 0, &ts) && ts > 0) {
      return ts;
    }
  }
  return long_of(w, w->ts_ms, &ts) ? ts : m->ts;
}

static const struct row_col *column_of(const void *self, int32_t field)
{
  const struct writer *w = self;
  return row_builder_col(w->own[field]);
}

static const struct row_col *child_of(const void *self, int32_t field)
{
  return &((const struct row_col *)self)->child[field];
}

static chn_status take_row(struct avro_decoder *d, const struct writer *w,
                           const struct stream_message *m, struct chn_err *err)
{
  struct decode_rows *rows = d->rows;
  const struct avro_from from = { column_of, w };
  const chn_status s =
      avro_image_take(&w->row, d->columns, &from, d->entities ? rows->after : rows->outs, err);
  if (s != CHN_OK) {
    return s;
  }
  if (!d->entities) {
    decode_event(rows);
    return CHN_OK;
  }
  bool before = false;
  if (w->is_before >= 0) {
    const struct row_col *c = row_builder_col(w->own[w->is_before]);
    before = !row_is_null(c, 0) && ((const bool *)c->data)[0];
  }
  decode_row_of_mutation(rows, time_of(w, m), before);
  return CHN_OK;
}

/// Takes the image of field `at`, if the message has one.
static chn_status take_image(struct avro_decoder *d, const struct writer *w, int32_t at,
                             const struct avro_image *image, struct row_builder **outs, bool *there,
                             struct chn_err *err)
{
  const struct row_col *c = at >= 0 ? row_builder_col(w->own[at]) : NULL;
  *there = c != NULL && !row_is_null(c, 0);
  const struct avro_from from = { child_of, c };
  return *there ? avro_image_take(image, d->columns, &from, outs, err) : CHN_OK;
}

static chn_status take_envelope(struct avro_decoder *d, const struct writer *w,
                                const struct stream_message *m, struct chn_err *err)
{
  bool after = false;
  bool before = false;
  chn_status s = take_image(d, w, w->after, &w->after_image, d->rows->after, &after, err);
  if (s == CHN_OK) {
    s = take_image(d, w, w->before, &w->before_image, d->rows->before, &before, err);
  }
  if (s == CHN_OK) {
    decode_mutation(d->rows, after, before, time_of(w, m));
  } else {
    decode_forget(d->rows);
  }
  return s;
}

static chn_status take_direct(struct avro_decoder *d, const struct writer *w, const void *bytes,
                              size_t len, struct chn_err *err)
{
  chn_status s = avro_check(w->schema, bytes, len, err);
  if (s == CHN_OK) {
    s = avro_decode(w->schema, bytes, len, w->into, err);
  }
  for (int32_t i = 0; i < d->columns->n_fields && s == CHN_OK; i++) {
    if (w->row.field[i] < 0) {
      row_builder_null(d->rows->outs[i]);
    }
  }
  if (s == CHN_OK) {
    decode_event(d->rows);
  }
  return s;
}

static chn_status message(void *self, const struct stream_message *m, struct decode_rows *rows,
                          struct chn_err *err)
{
  (void)rows;
  struct avro_decoder *d = self;
  const unsigned char *p = m->data;
  size_t len = m->len;
  struct writer *w = d->n > 0 ? d->writers[0] : NULL;
  if (d->framed) {
    if (len < FRAME || p[0] != 0) {
      return chn_fail(err, CHN_E_CORRUPT,
                      "no frame of a schema registry: byte 0, then an id in 4 bytes");
    }
    const uint32_t id = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
    const chn_status s = writer_of(d, id, &w, err);
    if (s != CHN_OK) {
      return s;
    }
    p += FRAME;
    len -= FRAME;
  }
  if (w->direct) {
    return take_direct(d, w, p, len, err);
  }
  for (int32_t i = 0; i < w->schema->n_fields; i++) {
    if (w->own[i] != NULL) {
      row_builder_clear(w->own[i]);
    }
  }
  const chn_status s = avro_decode(w->schema, p, len, w->into, err);
  if (s != CHN_OK) {
    return s;
  }
  return w->envelope ? take_envelope(d, w, m, err) : take_row(d, w, m, err);
}

// ---- the decoder ------------------------------------------------------------------------------

static chn_status open_avro(const struct decode_options *o, struct decode_rows *rows,
                            struct arena *a, void **self, struct chn_err *err)
{
  const char *schema = stream_topic_param(o->topic, "schema");
  const char *schemas = stream_topic_param(o->topic, "schemas");
  const char *path = schema != NULL ? schema : schemas;
  if ((schema != NULL) == (schemas != NULL)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "serde=avro needs schema=FILE, the writer's schema, or schemas=FOLDER of "
                    "<id>.avsc for messages framed by a schema registry (a / in a path is %%2F)");
  }
  struct avro_decoder *d = arena_calloc(a, 1, sizeof *d);
  d->columns = rows->columns;
  d->rows = rows;
  d->entities = o->entities;
  d->framed = schemas != NULL;
  d->path = path[0] != '/' && o->folder != NULL ? arena_printf(a, "%s/%s", o->folder, path)
                                                : arena_strdup(a, path);
  *self = d;
  struct stat st;
  if (d->framed) {
    return stat(d->path, &st) == 0 && S_ISDIR(st.st_mode)
               ? CHN_OK
               : chn_fail(err, CHN_E_NOT_FOUND, "schemas=%s: there is no folder %s", path, d->path);
  }
  struct writer *w = NULL;
  return add_writer(d, 0, d->path, &w, err);
}

static void close_avro(void *self)
{
  struct avro_decoder *d = self;
  for (int32_t i = 0; i < d->n; i++) {
    free_writer(d->writers[i]);
  }
  free(d->writers);
}

const struct decoder_ops decode_avro_ops = { "avro", open_avro, message, close_avro, true };
