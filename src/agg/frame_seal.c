// Sealing: every column goes from arrival order into the order (key, ts, arrival).
//
// Keys are cut into at most MOST_BUCKETS buckets of about equally many rows; a hot key is a bucket
// of its own. One pass scatters the columns into the buckets, one after the other, in as few write
// streams as the TLB bears; since every piece of the input knows where its rows of each bucket go,
// pieces are independent and arrival order is kept. Only one column exists twice at a time. A
// second pass sorts each bucket inside the cache. So every cell is moved twice, and both times
// nearly sequentially.
#include <stdlib.h>
#include <string.h>

#include "agg/frame_int.h"

enum {
  MOST_BUCKETS = 512,
  BUCKET_ROWS = 16384, ///< smaller buckets would only cost
};

/// The work of one sealing.
struct seal {
  struct agg_frame *f;
  struct frame_bucket *buckets;
  size_t n_buckets;
  uint16_t *bucket_of; ///< by key
  size_t n_chunks;
  size_t n_pieces;            ///< runs of chunks
  uint32_t *place;            ///< [piece][bucket]: rows first, then where the first of them goes
  uint16_t *bucket;           ///< by row
  struct frame_cells *moving; ///< the one that is scattered
  struct frame_cells **cells; ///< all columns to move; keys come first
  size_t n_cells;
  struct frame_sorter **sorters; ///< by worker
  size_t *order;                 ///< buckets, largest first
};

static void cut_buckets(struct seal *s, int32_t n_keys)
{
  const struct agg_frame *f = s->f;
  const size_t even = f->n / (MOST_BUCKETS / 2 - 1) + 1;
  const size_t want = even > BUCKET_ROWS ? even : BUCKET_ROWS;
  s->buckets = chn_malloc(MOST_BUCKETS * sizeof *s->buckets);
  s->bucket_of = chn_malloc((size_t)n_keys * sizeof *s->bucket_of);
  int32_t key = 0;
  while (key < n_keys) {
    struct frame_bucket *b = &s->buckets[s->n_buckets];
    *b = (struct frame_bucket){ .key_from = key, .row_from = f->start[key] };
    do {
      s->bucket_of[key++] = (uint16_t)s->n_buckets;
      b->n = f->start[key] - b->row_from;
    } while (key < n_keys && b->n + (f->start[key + 1] - f->start[key]) <= want);
    b->key_to = key;
    s->n_buckets++;
  }
}

static size_t piece_from(const struct seal *s, size_t piece)
{
  return s->n_chunks * piece / s->n_pieces;
}

static size_t chunk_rows(const struct seal *s, size_t chunk)
{
  const size_t left = s->f->n - (chunk << FRAME_CHUNK_BITS);
  return left < FRAME_CHUNK ? left : FRAME_CHUNK;
}

static chn_status count_piece(void *ctx, int32_t worker, size_t piece, struct chn_err *err)
{
  (void)worker;
  (void)err;
  const struct seal *s = ctx;
  uint32_t *count = s->place + piece * s->n_buckets;
  for (size_t c = piece_from(s, piece); c < piece_from(s, piece + 1); c++) {
    const int32_t *keys = (const int32_t *)(const void *)s->f->key.chunks[c];
    uint16_t *bucket = s->bucket + (c << FRAME_CHUNK_BITS);
    const size_t n = chunk_rows(s, c);
    for (size_t i = 0; i < n; i++) {
      bucket[i] = s->bucket_of[keys[i]];
      count[bucket[i]]++;
    }
  }
  return CHN_OK;
}

/// Rows by (piece, bucket) become the position where the piece's first row of the bucket goes.
static void place_pieces(struct seal *s)
{
  for (size_t b = 0; b < s->n_buckets; b++) {
    uint32_t at = (uint32_t)s->buckets[b].row_from;
    for (size_t p = 0; p < s->n_pieces; p++) {
      uint32_t *place = &s->place[p * s->n_buckets + b];
      const uint32_t count = *place;
      *place = at;
      at += count;
    }
  }
}

static void scatter(uint8_t *dst, const uint8_t *src, const uint16_t *bucket, size_t n,
                    uint32_t *place, uint32_t width)
{
  switch (width) {
  case 1:
    for (size_t i = 0; i < n; i++) {
      dst[place[bucket[i]]++] = src[i];
    }
    break;
  case 2:
    for (size_t i = 0; i < n; i++) {
      memcpy(dst + (size_t)place[bucket[i]]++ * 2, src + i * 2, 2);
    }
    break;
  case 4:
    for (size_t i = 0; i < n; i++) {
      memcpy(dst + (size_t)place[bucket[i]]++ * 4, src + i * 4, 4);
    }
    break;
  default:
    for (size_t i = 0; i < n; i++) {
      memcpy(dst + (size_t)place[bucket[i]]++ * 8, src + i * 8, 8);
    }
  }
}

static chn_status scatter_piece(void *ctx, int32_t worker, size_t piece, struct chn_err *err)
{
  (void)worker;
  (void)err;
  const struct seal *s = ctx;
  struct frame_cells *cells = s->moving;
  uint32_t *place = chn_malloc(s->n_buckets * sizeof *place);
  memcpy(place, s->place + piece * s->n_buckets, s->n_buckets * sizeof *place);
  for (size_t c = piece_from(s, piece); c < piece_from(s, piece + 1); c++) {
    scatter(cells->sorted, cells->chunks[c], s->bucket + (c << FRAME_CHUNK_BITS), chunk_rows(s, c),
            place, cells->width);
    frame_cells_drop_chunk(cells, c);
  }
  free(place);
  return CHN_OK;
}

static chn_status sort_bucket(void *ctx, int32_t worker, size_t item, struct chn_err *err)
{
  (void)err;
  const struct seal *s = ctx;
  const struct agg_frame *f = s->f;
  const struct frame_bucket *b = &s->buckets[s->order[item]];
  struct frame_sorter *sorter = s->sorters[worker];
  const int32_t *keys = (const int32_t *)(const void *)f->key.sorted + b->row_from;
  const int64_t *ts = f->timed ? (const int64_t *)(const void *)f->ts.sorted + b->row_from : NULL;
  if (b->n == 0) {
    return CHN_OK;
  }
  const uint32_t *perm = frame_sorter_order(sorter, b, f->start, keys, ts);
  for (size_t j = 1; perm != NULL && j < s->n_cells; j++) {
    struct frame_cells *c = s->cells[j];
    frame_sorter_apply(sorter, perm, b->n, c->sorted + b->row_from * c->width, c->width);
  }
  return CHN_OK;
}

static void collect_cells(struct seal *s)
{
  struct agg_frame *f = s->f;
  const size_t n_cols = (size_t)f->plan->inputs.n_fields;
  s->cells = chn_malloc((2 + 2 * n_cols) * sizeof(struct frame_cells *));
  s->cells[s->n_cells++] = &f->key;
  if (f->timed) {
    s->cells[s->n_cells++] = &f->ts;
  }
  for (size_t j = 0; j < n_cols; j++) {
    struct frame_col *c = &f->cols[j];
    if (c->data.width > 0) {
      s->cells[s->n_cells++] = &c->data;
    }
    if (c->form == FRAME_FIXED && c->has_null) {
      s->cells[s->n_cells++] = &c->valid;
    }
  }
}

static int largest_first(const void *x, const void *y, void *buckets)
{
  const struct frame_bucket *all = buckets;
  const size_t a = all[*(const size_t *)x].n;
  const size_t b = all[*(const size_t *)y].n;
  return (a < b) - (a > b);
}

static chn_status move_rows(struct seal *s, int32_t threads, struct chn_err *err)
{
  s->n_chunks = (s->f->n + FRAME_CHUNK - 1) >> FRAME_CHUNK_BITS;
  s->n_pieces = (size_t)threads * 4 < s->n_chunks ? (size_t)threads * 4 : s->n_chunks;
  s->place = chn_calloc(s->n_pieces * s->n_buckets, sizeof *s->place);
  s->bucket = frame_big_alloc(s->f->n * sizeof *s->bucket);
  chn_status status = frame_parallel(count_piece, s, s->n_pieces, threads, err);
  place_pieces(s);
  for (size_t j = 0; status == CHN_OK && j < s->n_cells; j++) {
    s->moving = s->cells[j];
    s->moving->sorted = frame_big_alloc(s->f->n * s->moving->width);
    status = frame_parallel(scatter_piece, s, s->n_pieces, threads, err);
  }
  free(s->bucket);
  s->order = chn_malloc(s->n_buckets * sizeof *s->order);
  for (size_t b = 0; b < s->n_buckets; b++) {
    s->order[b] = b;
  }
  qsort_r(s->order, s->n_buckets, sizeof *s->order, largest_first, s->buckets);
  s->sorters = chn_calloc((size_t)threads, sizeof(struct frame_sorter *));
  for (int32_t t = 0; t < threads; t++) {
    s->sorters[t] = frame_sorter_new();
  }
  if (status == CHN_OK) {
    status = frame_parallel(sort_bucket, s, s->n_buckets, threads, err);
  }
  for (int32_t t = 0; t < threads; t++) {
    frame_sorter_free(s->sorters[t]);
  }
  return status;
}

// ---- strings and nested columns --------------------------------------------------------------

static bool is_string(const struct row_type *t)
{
  return t->kind == ROW_STRING || t->kind == ROW_BINARY;
}

static int32_t *encode(const struct row_col *strings, struct frame_dict **dict)
{
  *dict = frame_dict_new();
  int32_t *codes = chn_malloc(strings->count * sizeof *codes);
  frame_dict_encode(*dict, strings, NULL, 0, strings->count, codes);
  return codes;
}

static chn_status seal_nested(struct frame_col *c, const char *name, struct chn_err *err)
{
  c->nested = row_builder_col(c->rows);
  if (c->type->kind == ROW_STRUCT) {
    return CHN_OK;
  }
  const struct row_col *elements = &c->nested->child[0];
  c->leaf = c->type->kind == ROW_MAP ? &elements->child[1] : elements;
  if (elements->count > INT32_MAX) {
    return chn_fail(err, CHN_E_MEMORY,
                    "column \"%s\" has more than %d elements: split the input by key", name,
                    INT32_MAX);
  }
  if (c->type->kind == ROW_MAP && is_string(c->type->fields[0].type)) {
    c->key_code = encode(&elements->child[0], &c->key_dict);
  }
  if (is_string(c->leaf->type)) {
    c->leaf_code = encode(c->leaf, &c->dict);
  }
  return CHN_OK;
}

/// MIN, MAX, TOP_K and BOTTOM_K of strings compare as Java does.
static bool needs_utf16(const struct agg_plan *plan, int32_t input)
{
  for (int32_t i = 0; i < plan->n_parts; i++) {
    const enum agg_op op = plan->parts[i].op;
    if (plan->parts[i].input == input &&
        (op == AGG_MIN || op == AGG_MAX || op == AGG_TOP_K || op == AGG_BOTTOM_K)) {
      return true;
    }
  }
  return false;
}

static void seal_dict(struct agg_frame *f, int32_t input)
{
  struct frame_dict *d = f->cols[input].dict;
  frame_dict_seal(d, needs_utf16(f->plan, input));
  for (int32_t i = 0; i < f->plan->n_parts; i++) {
    const struct agg_part *p = &f->plan->parts[i];
    if (p->input == input && p->op == AGG_APPROX_UNIQUE_COUNT) {
      frame_dict_add_coupons(d, p->k);
    }
  }
}

static chn_status seal_cols(struct agg_frame *f, struct chn_err *err)
{
  for (int32_t j = 0; j < f->plan->inputs.n_fields; j++) {
    struct frame_col *c = &f->cols[j];
    if (c->form == FRAME_NESTED) {
      const chn_status status = seal_nested(c, f->plan->inputs.fields[j].name, err);
      if (status != CHN_OK) {
        return status;
      }
    }
    if (c->dict != NULL) {
      seal_dict(f, j);
    }
    if (c->key_dict != NULL) {
      frame_dict_seal(c->key_dict, false);
    }
  }
  return CHN_OK;
}

// ---- the whole -------------------------------------------------------------------------------

static void place_keys(struct agg_frame *f, int32_t n_keys)
{
  f->n_keys = n_keys;
  f->start = chn_malloc(((size_t)n_keys + 1) * sizeof *f->start);
  uint32_t at = 0;
  for (int32_t k = 0; k < n_keys; k++) {
    f->start[k] = at;
    at += k <= f->max_key ? f->count[k] : 0;
  }
  f->start[n_keys] = at;
  free(f->count);
  f->count = NULL;
  f->count_room = 0;
}

chn_status agg_frame_seal(struct agg_frame *f, int32_t n_keys, int threads, struct chn_err *err)
{
  if (f->sealed) {
    return chn_fail(err, CHN_E_INTERNAL, "a frame is sealed twice");
  }
  if (n_keys <= f->max_key) {
    return chn_fail(err, CHN_E_INTERNAL, "a frame has key %d, but is said to have %d keys",
                    f->max_key, n_keys);
  }
  f->sealed = true;
  free(f->kept);
  f->kept = NULL;
  f->kept_room = 0;
  place_keys(f, n_keys);
  chn_status status = CHN_OK;
  if (f->n > 0) {
    struct seal s = { .f = f };
    cut_buckets(&s, n_keys);
    collect_cells(&s);
    status = move_rows(&s, threads > 0 ? threads : 1, err);
    for (size_t j = 0; j < s.n_cells; j++) {
      s.cells[j]->n_chunks = 0;
    }
    frame_cells_free(&f->key);
    free(s.buckets);
    free(s.bucket_of);
    free(s.place);
    free(s.order);
    free(s.sorters);
    free(s.cells);
  }
  return status == CHN_OK ? seal_cols(f, err) : status;
}
