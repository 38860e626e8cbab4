#include "stream/decode.h"

#include <stdlib.h>
#include <string.h>

#include "stream/decode_int.h"

static const struct decoder_ops *const decoders[] = { &decode_json_ops };
enum { DECODERS = sizeof decoders / sizeof *decoders };

struct stream_decoder {
  const struct decoder_ops *ops;
  void *self;
  struct arena arena;
  struct row_schema columns; ///< of the rows
  struct row_schema wanted;  ///< of the topic
  struct decode_rows rows;
  struct row_col *cols;
};

static const struct decoder_ops *find(const char *name)
{
  for (int32_t i = 0; i < DECODERS; i++) {
    if (strcmp(decoders[i]->name, name) == 0) {
      return decoders[i];
    }
  }
  return NULL;
}

static struct row_builder **builders_of(struct arena *a, const struct row_schema *s)
{
  struct row_builder **b = arena_calloc(a, (size_t)s->n_fields + 1, sizeof(struct row_builder *));
  for (int32_t i = 0; i < s->n_fields; i++) {
    b[i] = row_builder_new(s->fields[i].type);
  }
  return b;
}

/// A row's own mutation_ts and is_before are read as columns of the topic and then said once.
static chn_status set_columns(struct stream_decoder *d, const struct decode_options *o,
                              struct chn_err *err)
{
  struct arena *a = &d->arena;
  struct row_field *fields = arena_calloc(a, (size_t)o->columns->n_fields + 2, sizeof *fields);
  d->columns = (struct row_schema){ fields, 0 };
  for (int32_t i = 0; i < o->columns->n_fields; i++) {
    const char *name = o->columns->fields[i].name;
    if (!o->entities || (strcmp(name, "mutation_ts") != 0 && strcmp(name, "is_before") != 0)) {
      fields[d->columns.n_fields++] = o->columns->fields[i];
    }
  }
  d->wanted = (struct row_schema){ fields, d->columns.n_fields };
  if (o->entities) {
    fields[d->columns.n_fields++] = (struct row_field){ "mutation_ts", row_scalar(ROW_LONG) };
    fields[d->columns.n_fields++] = (struct row_field){ "is_before", row_scalar(ROW_BOOLEAN) };
  }
  struct decode_rows *r = &d->rows;
  r->columns = &d->wanted;
  r->outs = builders_of(a, &d->columns);
  if (!o->entities) {
    return CHN_OK;
  }
  r->after = builders_of(a, &d->wanted);
  r->before = builders_of(a, &d->wanted);
  return avro_schema_of(a, "Image", &d->wanted, AVRO_NAMES_OF_TYPES, &r->schema, err);
}

chn_status stream_decoder_open(const struct decode_options *o, struct stream_decoder **out,
                               struct chn_err *err)
{
  const char *serde = stream_topic_param(o->topic, "serde");
  serde = serde != NULL ? serde : "json";
  const struct decoder_ops *ops = find(serde);
  if (ops == NULL) {
    struct chn_buf names = { 0 };
    for (int32_t i = 0; i < DECODERS; i++) {
      chn_buf_addf(&names, "%s%s", i > 0 ? ", " : "", decoders[i]->name);
    }
    const chn_status s =
        chn_fail(err, CHN_E_ARGUMENT, "topic %s: serde=%s is unknown; there are %s", o->topic->name,
                 serde, chn_buf_str(&names));
    chn_buf_deinit(&names);
    return s;
  }
  struct stream_decoder *d = chn_calloc(1, sizeof *d);
  d->ops = ops;
  chn_status s = set_columns(d, o, err);
  if (s == CHN_OK) {
    s = ops->open(o, &d->rows, &d->arena, &d->self, err);
  }
  if (s != CHN_OK) {
    stream_decoder_close(d);
    return chn_wrap(err, "topic %s", o->topic->name);
  }
  d->cols = arena_calloc(&d->arena, (size_t)d->columns.n_fields + 1, sizeof *d->cols);
  *out = d;
  return CHN_OK;
}

static void free_builders(struct row_builder **b, int32_t n)
{
  for (int32_t i = 0; b != NULL && i < n; i++) {
    row_builder_free(b[i]);
  }
}

void stream_decoder_close(struct stream_decoder *d)
{
  if (d == NULL) {
    return;
  }
  if (d->self != NULL) {
    d->ops->close(d->self);
  }
  struct decode_rows *r = &d->rows;
  free_builders(r->outs, d->columns.n_fields);
  free_builders(r->after, d->wanted.n_fields);
  free_builders(r->before, d->wanted.n_fields);
  free(r->from);
  chn_buf_deinit(&r->images[0]);
  chn_buf_deinit(&r->images[1]);
  arena_deinit(&d->arena);
  free(d);
}

const struct row_schema *stream_decoder_columns(const struct stream_decoder *d)
{
  return &d->columns;
}

// ---- rows -------------------------------------------------------------------------------------

void decode_event(struct decode_rows *r)
{
  if (r->n == r->room) {
    r->room = r->room > 0 ? 2 * r->room : 1024;
    r->from = chn_realloc(r->from, r->room * sizeof *r->from);
  }
  r->from[r->n++] = r->message;
}

static void clear(struct row_builder **b, int32_t n)
{
  for (int32_t i = 0; i < n; i++) {
    row_builder_clear(b[i]);
  }
}

void decode_forget(struct decode_rows *r)
{
  clear(r->after, r->columns->n_fields);
  clear(r->before, r->columns->n_fields);
}

static void add_image(struct decode_rows *r, struct row_builder **image, int64_t mutation_ts,
                      bool is_before)
{
  const int32_t n = r->columns->n_fields;
  for (int32_t i = 0; i < n; i++) {
    row_builder_append(r->outs[i], row_builder_col(image[i]), 0, 1);
  }
  if (mutation_ts == INT64_MIN) {
    row_builder_null(r->outs[n]);
  } else {
    row_builder_value(r->outs[n], &mutation_ts);
  }
  row_builder_value(r->outs[n + 1], &is_before);
  decode_event(r);
}

static chn_status image_bytes(struct decode_rows *r, struct row_builder **image,
                              struct chn_buf *out, struct chn_err *err)
{
  const int32_t n = r->columns->n_fields;
  struct row_col *cols = chn_calloc((size_t)n + 1, sizeof *cols);
  for (int32_t i = 0; i < n; i++) {
    cols[i] = *row_builder_col(image[i]);
  }
  chn_buf_clear(out);
  const chn_status s = avro_encode(r->schema, cols, 0, out, err);
  free(cols);
  return s;
}

chn_status decode_mutation(struct decode_rows *r, bool after, bool before, int64_t mutation_ts,
                           struct chn_err *err)
{
  chn_status s = CHN_OK;
  bool same = false;
  if (after && before) {
    s = image_bytes(r, r->after, &r->images[0], err);
    if (s == CHN_OK) {
      s = image_bytes(r, r->before, &r->images[1], err);
    }
    same = s == CHN_OK && r->images[0].len == r->images[1].len &&
           memcmp(r->images[0].data, r->images[1].data, r->images[0].len) == 0;
  }
  if (s == CHN_OK && after && !same) {
    add_image(r, r->after, mutation_ts, false);
  }
  if (s == CHN_OK && before && !same) {
    add_image(r, r->before, mutation_ts, true);
  }
  decode_forget(r);
  return s;
}

void decode_row_of_mutation(struct decode_rows *r, int64_t mutation_ts, bool is_before)
{
  add_image(r, r->after, mutation_ts, is_before);
  decode_forget(r);
}

chn_status stream_decode(struct stream_decoder *d, const struct stream_message *messages, size_t n,
                         struct stream_rejects *rejects, struct decoded *out, struct chn_err *err)
{
  struct decode_rows *r = &d->rows;
  clear(r->outs, d->columns.n_fields);
  r->n = 0;
  for (size_t i = 0; i < n; i++) {
    const struct stream_message *m = &messages[i];
    struct chn_err why;
    r->message = (uint32_t)i;
    if (m->data == NULL) {
      continue; // a tombstone of a compacted topic says nothing that its delete did not
    }
    if (d->ops->message(d->self, m, r, &why) != CHN_OK) {
      const chn_status s = stream_reject(rejects, m, STREAM_BAD_MESSAGE, why.msg, err);
      if (s != CHN_OK) {
        return s;
      }
    }
  }
  for (int32_t i = 0; i < d->columns.n_fields; i++) {
    d->cols[i] = *row_builder_col(r->outs[i]);
  }
  *out = (struct decoded){ d->cols, r->from, r->n };
  return CHN_OK;
}
