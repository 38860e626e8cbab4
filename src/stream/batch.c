#include "stream/batch.h"

#include <stdlib.h>
#include <string.h>

#include "codec/avro.h"

enum { FIRST_TARGETS = 1024 };

struct stream_batch *batch_new(const struct stream_form *form)
{
  struct stream_batch *b = chn_calloc(1, sizeof *b);
  b->form = form;
  b->fields = chn_calloc((size_t)form->fields.n_fields + 1, sizeof *b->fields);
  for (int32_t i = 0; i < form->fields.n_fields; i++) {
    b->fields[i] = row_builder_new(form->fields.fields[i].type);
  }
  b->targets = chn_dict_new(FIRST_TARGETS);
  return b;
}

void batch_free(struct stream_batch *b)
{
  if (b == NULL) {
    return;
  }
  for (int32_t i = 0; i < b->form->fields.n_fields; i++) {
    row_builder_free(b->fields[i]);
  }
  free(b->fields);
  free(b->ts);
  free(b->target);
  free(b->order);
  free(b->first);
  free(b->marks);
  chn_dict_free(b->targets);
  chn_buf_deinit(&b->key);
  free(b);
}

void batch_clear(struct stream_batch *b)
{
  for (int32_t i = 0; i < b->form->fields.n_fields; i++) {
    row_builder_clear(b->fields[i]);
  }
  // The next batch will have about as many targets.
  const int32_t expected = chn_dict_size(b->targets);
  chn_dict_free(b->targets);
  b->targets = chn_dict_new(expected > FIRST_TARGETS ? (size_t)expected : FIRST_TARGETS);
  b->n = 0;
  b->n_messages = 0;
  b->n_marks = 0;
}

struct stream_mark *batch_mark(struct stream_batch *b, int32_t partition)
{
  for (int32_t i = 0; i < b->n_marks; i++) {
    if (b->marks[i].partition == partition) {
      return &b->marks[i];
    }
  }
  if (b->n_marks == b->room_marks) {
    b->room_marks = 2 * b->room_marks + 4;
    b->marks = chn_realloc(b->marks, (size_t)b->room_marks * sizeof *b->marks);
  }
  b->marks[b->n_marks] = (struct stream_mark){ partition, -1, INT64_MIN };
  return &b->marks[b->n_marks++];
}

static void make_room(struct stream_batch *b)
{
  if (b->n == b->room) {
    b->room = b->room > 0 ? 2 * b->room : 1024;
    b->ts = chn_realloc(b->ts, b->room * sizeof *b->ts);
    b->target = chn_realloc(b->target, b->room * sizeof *b->target);
  }
}

/// The start of the tile that holds ts, also before 1970.
static int64_t tile_start(int64_t ts, int64_t tile)
{
  const int64_t rest = ts % tile;
  return ts - (rest < 0 ? rest + tile : rest);
}

static int64_t version_of(const struct stream_form *form, const struct evaluated *rows, size_t i,
                          int32_t partition)
{
  if (form->tile_ms > 0) {
    return tile_start(rows->ts[rows->row[i]], form->tile_ms) + partition;
  }
  return rows->ts[rows->row[i]];
}

chn_status batch_add(struct stream_batch *b, const struct evaluated *rows, size_t i,
                     int32_t partition, struct chn_err *err)
{
  const uint32_t row = rows->row[i];
  chn_buf_clear(&b->key);
  const chn_status s = avro_encode(b->form->serving->key, rows->keys, row, &b->key, err);
  if (s != CHN_OK) {
    return s;
  }
  const int64_t version = version_of(b->form, rows, i, partition);
  chn_buf_add(&b->key, &version, sizeof version);
  make_room(b);
  b->ts[b->n] = rows->ts[row];
  b->target[b->n] = (uint32_t)chn_dict_intern(b->targets, b->key.data, b->key.len);
  for (int32_t f = 0; f < b->form->fields.n_fields; f++) {
    row_builder_append(b->fields[f], &rows->inputs[f], row, 1);
  }
  b->n++;
  return CHN_OK;
}

void batch_seal(struct stream_batch *b)
{
  const size_t n_targets = (size_t)batch_targets(b);
  b->order = chn_realloc(b->order, (b->n + 1) * sizeof *b->order);
  b->first = chn_realloc(b->first, (n_targets + 2) * sizeof *b->first);
  memset(b->first, 0, (n_targets + 2) * sizeof *b->first);
  // Counted one place further on, so that after the second pass first[t] is where t begins.
  uint32_t *next = b->first + 1;
  for (size_t i = 0; i < b->n; i++) {
    next[b->target[i] + 1]++;
  }
  for (size_t t = 0; t < n_targets; t++) {
    next[t + 1] += next[t];
  }
  for (size_t i = 0; i < b->n; i++) {
    b->order[next[b->target[i]]++] = (uint32_t)i;
  }
}

int32_t batch_targets(const struct stream_batch *b)
{
  return chn_dict_size(b->targets);
}

struct batch_target batch_target(const struct stream_batch *b, int32_t t)
{
  size_t len = 0;
  const char *bytes = chn_dict_bytes(b->targets, t, &len);
  struct batch_target out = { .key = bytes, .key_len = len - sizeof out.version };
  memcpy(&out.version, bytes + out.key_len, sizeof out.version);
  out.rows = b->order + b->first[t];
  out.n = b->first[t + 1] - b->first[t];
  return out;
}

size_t batch_memory(const struct stream_batch *b)
{
  size_t bytes = chn_dict_memory(b->targets) + b->n * 4 * sizeof(int64_t);
  for (int32_t i = 0; i < b->form->fields.n_fields; i++) {
    bytes += row_builder_memory(b->fields[i]);
  }
  return bytes;
}
