#include "stream/batch.h"

#include <stdlib.h>
#include <string.h>

#include "codec/avro.h"

enum { FIRST_TARGETS = 1024, NEW_ROWS = 1024 };

struct stream_batch *batch_new(const struct stream_form *form)
{
  struct stream_batch *b = chn_calloc(1, sizeof *b);
  b->form = form;
  b->fields = chn_calloc((size_t)form->fields.n_fields + 1, sizeof *b->fields);
  for (int32_t i = 0; i < form->fields.n_fields; i++) {
    b->fields[i] = row_builder_new(form->fields.fields[i].type);
  }
  b->targets = chn_dict_new(FIRST_TARGETS);
  b->key_at = chn_calloc(NEW_ROWS + 1, sizeof *b->key_at);
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
  chn_buf_deinit(&b->values);
  chn_buf_deinit(&b->payloads);
  free(b->value_at);
  free(b->origins);
  free(b->ts);
  free(b->target);
  free(b->order);
  free(b->sorted);
  free(b->key_at);
  free(b->marks);
  chn_dict_free(b->targets);
  chn_buf_deinit(&b->keys);
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
  chn_buf_clear(&b->keys);
  b->n_new = 0;
  b->n = 0;
  b->n_messages = 0;
  b->bytes = 0;
  b->n_marks = 0;
  b->told = false;
  chn_buf_clear(&b->values);
  chn_buf_clear(&b->payloads);
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
    if (b->form->tile_ms == 0) {
      b->value_at = chn_realloc(b->value_at, b->room * sizeof *b->value_at);
    }
    if (b->form->picky) {
      b->origins = chn_realloc(b->origins, b->room * sizeof *b->origins);
    }
  }
}

/// The start of the tile that holds ts, also before 1970.
static int64_t tile_start(int64_t ts, int64_t tile)
{
  const int64_t rest = ts % tile;
  return ts - (rest < 0 ? rest + tile : rest);
}

int64_t batch_tile_end(int64_t ts, int64_t tile_ms)
{
  return tile_start(ts, tile_ms) + tile_ms;
}

bool batch_tile_over(int64_t end, int64_t newest, int64_t disorder_ms)
{
  return newest != INT64_MIN && end <= newest - disorder_ms;
}

/// Finds the targets of the new rows, many at once.
static void find_targets(struct stream_batch *b)
{
  chn_dict_intern_all(b->targets, b->keys.data, b->key_at, b->n_new, b->target + b->n - b->n_new);
  chn_buf_clear(&b->keys);
  b->n_new = 0;
}

static void keep_message(struct stream_batch *b, const struct stream_message *m)
{
  b->origins[b->n] = (struct batch_origin){ *m, b->payloads.len };
  if (m->len > 0) {
    chn_buf_add(&b->payloads, m->data, m->len);
  }
}

struct stream_message batch_message(const struct stream_batch *b, uint32_t row, int64_t version)
{
  if (b->origins == NULL) {
    const int64_t partition = version - tile_start(version, b->form->tile_ms);
    return (
        struct stream_message){ .partition = (int32_t)partition, .offset = -1, .ts = INT64_MIN };
  }
  const struct batch_origin *o = &b->origins[row];
  struct stream_message m = o->message;
  m.data = m.data != NULL ? chn_buf_str(&b->payloads) + o->at : NULL;
  m.key = NULL; // it is not kept
  m.key_len = 0;
  return m;
}

/// Adds what the row itself is in its batch: the inputs of a tile, or its record.
static chn_status add_value(struct stream_batch *b, const struct evaluated *rows, uint32_t row,
                            const struct stream_message *m, struct chn_err *err)
{
  chn_status s = CHN_OK;
  if (b->form->tile_ms == 0) {
    s = avro_encode(b->form->serving->stream, rows->inputs, row, &b->values, err);
    b->value_at[b->n] = b->values.len;
    return s;
  }
  for (int32_t f = 0; f < b->form->fields.n_fields; f++) {
    row_builder_append(b->fields[f], &rows->inputs[f], row, 1);
  }
  if (b->form->picky) {
    keep_message(b, m);
  }
  return s;
}

chn_status batch_add(struct stream_batch *b, const struct evaluated *rows, size_t i,
                     const struct stream_message *m, struct chn_err *err)
{
  const uint32_t row = rows->row[i];
  const int64_t ts = rows->ts[row];
  const int64_t tile = b->form->tile_ms;
  const size_t begin = b->keys.len;
  chn_status s = avro_encode(b->form->serving->key, rows->keys, row, &b->keys, err);
  if (s == CHN_OK) {
    make_room(b);
    s = add_value(b, rows, row, m, err);
  }
  if (s != CHN_OK) {
    b->keys.len = begin;
    return s;
  }
  const int64_t version = tile > 0 ? tile_start(ts, tile) + m->partition : ts;
  chn_buf_add(&b->keys, &version, sizeof version);
  b->ts[b->n] = ts;
  b->n++;
  b->key_at[++b->n_new] = b->keys.len;
  if (b->n_new == NEW_ROWS) {
    find_targets(b);
  }
  return CHN_OK;
}

// ---- order ------------------------------------------------------------------------------------

struct ranked {
  uint64_t head; ///< of the key behind what all keys begin with, as a number
  const char *bytes;
  size_t len; ///< of the key
  int64_t version;
  uint32_t target;
  bool whole; ///< head says all there is to say
};

static int by_key(const void *x, const void *y)
{
  const struct ranked *a = x;
  const struct ranked *b = y;
  if (a->len != b->len) {
    return a->len < b->len ? -1 : 1;
  }
  if (a->head != b->head) {
    return a->head < b->head ? -1 : 1;
  }
  const int order = a->whole ? 0 : memcmp(a->bytes, b->bytes, a->len);
  return order != 0 ? order : (a->version > b->version) - (a->version < b->version);
}

/// How many bytes all keys begin with.
static size_t common(const struct ranked *all, size_t n)
{
  size_t same = n > 0 ? all[0].len : 0;
  for (size_t i = 1; i < n; i++) {
    same = all[i].len < same ? all[i].len : same;
    while (same > 0 && memcmp(all[0].bytes, all[i].bytes, same) != 0) {
      same--;
    }
  }
  return same;
}

static struct ranked *rank_targets(const struct stream_batch *b, size_t n)
{
  struct ranked *all = chn_malloc((n + 1) * sizeof *all);
  for (size_t t = 0; t < n; t++) {
    struct ranked *r = &all[t];
    *r = (struct ranked){ .target = (uint32_t)t };
    r->bytes = chn_dict_bytes(b->targets, (int32_t)t, &r->len);
    r->len -= sizeof r->version;
    memcpy(&r->version, r->bytes + r->len, sizeof r->version);
  }
  const size_t same = common(all, n);
  for (size_t t = 0; t < n; t++) {
    struct ranked *r = &all[t];
    const size_t rest = r->len - same;
    r->whole = rest <= sizeof r->head;
    memcpy(&r->head, r->bytes + same, r->whole ? rest : sizeof r->head);
    r->head = __builtin_bswap64(r->head);
  }
  qsort(all, n, sizeof *all, by_key);
  return all;
}

/// Rows by target, by counting. `rank` says where a target is in the order.
static void order_rows(struct stream_batch *b, const uint32_t *rank, size_t n_targets)
{
  uint32_t *next = chn_calloc(n_targets + 1, sizeof *next);
  for (size_t i = 0; i < b->n; i++) {
    b->target[i] = rank[b->target[i]];
    next[b->target[i]]++;
  }
  uint32_t at = 0;
  for (size_t t = 0; t < n_targets; t++) {
    b->sorted[t].rows = b->order + at;
    b->sorted[t].n = next[t];
    at += next[t];
    next[t] = at - next[t];
  }
  for (size_t i = 0; i < b->n; i++) {
    b->order[next[b->target[i]]++] = (uint32_t)i;
  }
  free(next);
}

void batch_seal(struct stream_batch *b)
{
  find_targets(b);
  const size_t n_targets = (size_t)batch_targets(b);
  b->order = chn_realloc(b->order, (b->n + 1) * sizeof *b->order);
  b->sorted = chn_realloc(b->sorted, (n_targets + 1) * sizeof *b->sorted);
  struct ranked *all = rank_targets(b, n_targets);
  uint32_t *rank = chn_malloc((n_targets + 1) * sizeof *rank);
  for (size_t t = 0; t < n_targets; t++) {
    const struct ranked *r = &all[t];
    rank[r->target] = (uint32_t)t;
    b->sorted[t] =
        (struct batch_target){ .key = r->bytes, .key_len = r->len, .version = r->version };
  }
  order_rows(b, rank, n_targets);
  free(rank);
  free(all);
}

int32_t batch_targets(const struct stream_batch *b)
{
  return chn_dict_size(b->targets);
}

const struct batch_target *batch_target(const struct stream_batch *b, int32_t t)
{
  return &b->sorted[t];
}

size_t batch_memory(const struct stream_batch *b)
{
  const size_t row = sizeof *b->ts + sizeof *b->target + sizeof *b->order +
                     (b->value_at != NULL ? sizeof *b->value_at : 0) +
                     (b->origins != NULL ? sizeof *b->origins : 0);
  size_t bytes = chn_dict_memory(b->targets) + b->room * row + b->values.cap + b->keys.cap +
                 b->payloads.cap + (size_t)batch_targets(b) * sizeof *b->sorted;
  for (int32_t i = 0; i < b->form->fields.n_fields; i++) {
    bytes += row_builder_memory(b->fields[i]);
  }
  return bytes;
}
