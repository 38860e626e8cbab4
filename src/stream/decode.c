#include "stream/decode.h"

#include <stdlib.h>
#include <string.h>

#include "codec/base64.h"
#include "stream/decode_int.h"

static const struct decoder_ops *const decoders[] = { &decode_json_ops, &decode_avro_ops,
                                                      &decode_csv_ops };
enum { DECODERS = sizeof decoders / sizeof *decoders };

struct stream_decoder {
  const struct decoder_ops *ops;
  void *self;
  struct arena arena;
  struct row_schema columns; ///< of the rows
  struct row_schema wanted;  ///< of the topic
  struct decode_rows rows;
  struct row_col *cols;
  bool base64;          ///< messages are in it
  struct chn_buf bytes; ///< what the one at hand stands for
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
static void set_columns(struct stream_decoder *d, const struct decode_options *o)
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
    return;
  }
  r->after = builders_of(a, &d->wanted);
  r->before = builders_of(a, &d->wanted);
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
  d->base64 = o->lines && ops->binary;
  set_columns(d, o);
  const chn_status s = ops->open(o, &d->rows, &d->arena, &d->self, err);
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
  chn_buf_deinit(&d->bytes);
  arena_deinit(&d->arena);
  free(d);
}

const struct row_schema *stream_decoder_columns(const struct stream_decoder *d)
{
  return &d->columns;
}

// ---- messages ----------------------------------------------------------------------------------

static chn_status decode_one(struct stream_decoder *d, const struct stream_message *m,
                             struct chn_err *err)
{
  if (!d->base64) {
    return d->ops->message(d->self, m, &d->rows, err);
  }
  chn_buf_clear(&d->bytes);
  if (!codec_base64_decode(m->data, m->len, &d->bytes)) {
    return chn_fail(err, CHN_E_CORRUPT, "no base64, as which a line of a file holds %s",
                    d->ops->name);
  }
  struct stream_message meant = *m;
  meant.data = chn_buf_str(&d->bytes);
  meant.len = d->bytes.len;
  return d->ops->message(d->self, &meant, &d->rows, err);
}

chn_status stream_decode(struct stream_decoder *d, const struct stream_message *messages, size_t n,
                         struct stream_rejects *rejects, struct decoded *out, struct chn_err *err)
{
  struct decode_rows *r = &d->rows;
  for (int32_t i = 0; i < d->columns.n_fields; i++) {
    row_builder_clear(r->outs[i]);
  }
  r->n = 0;
  for (size_t i = 0; i < n; i++) {
    const struct stream_message *m = &messages[i];
    struct chn_err why;
    r->message = (uint32_t)i;
    if (m->data == NULL) {
      continue; // a tombstone of a compacted topic says nothing that its delete did not
    }
    if (decode_one(d, m, &why) != CHN_OK) {
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
