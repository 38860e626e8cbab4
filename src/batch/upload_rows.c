#include "batch/upload_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum {
  PENDING_MIN = 1 << 20, ///< bytes kept before they go to the sink: a share of the memory limit
  PENDING_MAX = 32 << 20,
  JSON_FIRST = 10000, ///< rows whose value_json is always written
  JSON_ONE_IN = 100,  ///< of the others, by the hash of the key
};

enum { KEY_BYTES, VALUE_BYTES, KEY_JSON, VALUE_JSON, COLUMNS };

struct upload_rows_writer {
  const struct upload_sink *sink;
  const struct avro_schema *key;
  const struct avro_schema *value;
  const struct avro_schema *shown; ///< the value with the names that Spark's rows have in JSON
  struct row_builder *out[COLUMNS];
  struct chn_buf scratch;
  size_t pending;     ///< bytes in `out`
  size_t pending_max; ///< before they go to the sink
  uint64_t rows;
};

chn_status upload_rows_new(struct batch_job *job, const struct upload_sink *sink,
                           const struct row_schema *keys, const char *value_name,
                           const struct row_schema *values, struct upload_rows_writer **out,
                           struct chn_err *err)
{
  struct arena *a = job->arena;
  struct upload_rows_writer *w = chn_calloc(1, sizeof *w);
  w->sink = sink;
  const uint64_t share = job->frame_budget / 8; // the sink, Parquet's writer, needs some times that
  w->pending_max = share < PENDING_MIN   ? PENDING_MIN
                   : share > PENDING_MAX ? PENDING_MAX
                                         : (size_t)share;
  chn_status status = avro_schema_of(a, "Key", keys, AVRO_NAMES_OF_TYPES, &w->key, err);
  if (status == CHN_OK) {
    status = avro_schema_of(a, value_name, values, AVRO_NAMES_OF_TYPES, &w->value, err);
  }
  if (status == CHN_OK) {
    status = avro_schema_of(a, value_name, values, AVRO_NAMES_OF_PATHS, &w->shown, err);
  }
  for (int i = 0; i < COLUMNS; i++) {
    w->out[i] = row_builder_new(row_scalar(i < KEY_JSON ? ROW_BINARY : ROW_STRING));
  }
  if (status != CHN_OK) {
    upload_rows_free(w);
    return status;
  }
  *out = w;
  return CHN_OK;
}

void upload_rows_free(struct upload_rows_writer *w)
{
  if (w == NULL) {
    return;
  }
  for (int i = 0; i < COLUMNS; i++) {
    row_builder_free(w->out[i]);
  }
  chn_buf_deinit(&w->scratch);
  free(w);
}

uint64_t upload_rows_count(const struct upload_rows_writer *w)
{
  return w->rows;
}

/// Moves the scratch into a column.
static void put(struct upload_rows_writer *w, int column)
{
  row_builder_string(w->out[column], chn_buf_str(&w->scratch), w->scratch.len);
  w->pending += w->scratch.len + sizeof(struct row_str);
  chn_buf_clear(&w->scratch);
}

static chn_status finish_row(struct upload_rows_writer *w, struct chn_err *err)
{
  w->rows++;
  return w->pending > w->pending_max ? upload_rows_flush(w, err) : CHN_OK;
}

chn_status upload_rows_add(struct upload_rows_writer *w, const struct row_col *keys, size_t key_row,
                           const struct row_col *values, size_t value_row, struct chn_err *err)
{
  struct chn_buf *b = &w->scratch;
  chn_buf_clear(b);
  chn_status status = avro_encode(w->key, keys, key_row, b, err);
  if (status != CHN_OK) {
    return chn_wrap(err, "key");
  }
  const uint64_t hash = chn_hash(chn_buf_str(b), b->len, 0);
  put(w, KEY_BYTES);
  status = avro_encode(w->value, values, value_row, b, err);
  if (status != CHN_OK) {
    chn_buf_clear(b);
    avro_json(w->key, keys, key_row, b);
    return chn_wrap(err, "key %s", chn_buf_str(b));
  }
  put(w, VALUE_BYTES);
  if (w->sink->bytes_only) {
    return finish_row(w, err);
  }
  avro_json(w->key, keys, key_row, b);
  put(w, KEY_JSON);
  if (w->rows < JSON_FIRST || hash % JSON_ONE_IN == 0) {
    avro_json(w->shown, values, value_row, b);
    put(w, VALUE_JSON);
  } else {
    row_builder_null(w->out[VALUE_JSON]);
  }
  return finish_row(w, err);
}

chn_status upload_rows_text(struct upload_rows_writer *w, const char *key, const char *value,
                            struct chn_err *err)
{
  for (int i = 0; i < (w->sink->bytes_only ? KEY_JSON : COLUMNS); i++) {
    chn_buf_adds(&w->scratch, i == KEY_BYTES || i == KEY_JSON ? key : value);
    put(w, i);
  }
  return finish_row(w, err);
}

chn_status upload_rows_flush(struct upload_rows_writer *w, struct chn_err *err)
{
  struct upload_rows rows = { .n = row_builder_count(w->out[KEY_BYTES]) };
  if (rows.n == 0) {
    return CHN_OK;
  }
  rows.key_bytes = *row_builder_col(w->out[KEY_BYTES]);
  rows.value_bytes = *row_builder_col(w->out[VALUE_BYTES]);
  rows.key_json = *row_builder_col(w->out[KEY_JSON]);
  rows.value_json = *row_builder_col(w->out[VALUE_JSON]);
  const chn_status status = w->sink->rows(w->sink->user, &rows, err);
  for (int i = 0; i < COLUMNS; i++) {
    row_builder_clear(w->out[i]);
  }
  w->pending = 0;
  return status;
}
