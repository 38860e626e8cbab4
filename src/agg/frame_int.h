/// frame_int.h: what the files of the frame share. Private to agg/.
///
/// The way of a row: frame.c copies it into chunks of cells, column by column (frame_cells.c,
/// frame_dict.c); frame_seal.c brings every column into the order (key, ts, arrival); from then on
/// the rows of a key are [start[key], start[key + 1]) of each `sorted` array. frame_eval.c cuts
/// the queries into tasks and lets the operations of win_int.h answer them.
#pragma once
#include "agg/frame.h"
#include "base/dict.h"

enum {
  FRAME_CHUNK_BITS = 16,
  FRAME_CHUNK = 1 << FRAME_CHUNK_BITS, ///< rows of a chunk
};

enum { FRAME_NO_CODE = -1 }; ///< the code of a null string

/// One flat column of cells. In arrival order and in chunks while rows come in; after sealing one
/// array. `width` is 0 for a column that keeps nothing.
struct frame_cells {
  uint32_t width;
  uint8_t **chunks;
  size_t n_chunks; ///< allocated ones
  size_t room;     ///< of `chunks`
  uint8_t *sorted;
};

struct frame_cached_code {
  uint64_t head; ///< the 16 bytes of a row_str
  uint64_t tail;
  uint64_t era; ///< of a long string: the append in which its pointer was valid
  int32_t code;
};

/// The CPC coupons of a dictionary's strings for one lgK.
struct frame_coupons {
  int32_t lg_k;
  int64_t *by_code;
  struct frame_coupons *next;
};

/// The strings of a column as codes. Shared with answers, which point into its bytes.
struct frame_dict {
  struct chn_dict *dict;
  int32_t refs;                    ///< changed by __atomic builtins only
  struct frame_cached_code *cache; ///< last codes by hash of the row_str; gone after sealing
  uint64_t era;
  struct row_str *strings; ///< after sealing: by code
  int32_t *rank;           ///< after sealing: place of a code in the order of bytes
  int32_t *by_rank;        ///< the inverse of rank
  int32_t *utf16_rank;     ///< the same in the order of UTF-16 units; NULL when nobody asks
  int32_t *by_utf16_rank;
  struct frame_coupons *coupons;
};

enum frame_form {
  FRAME_FIXED,  ///< data: the values
  FRAME_CODED,  ///< data: int32 codes of `dict`
  FRAME_NESTED, ///< data: uint32 rows of `rows`, FRAME_NO_ROW for null
};

enum { FRAME_NO_ROW = -1 };

/// An input column.
struct frame_col {
  const struct row_type *type;
  enum frame_form form;
  struct frame_cells data;
  struct frame_cells valid; ///< one byte a row, only once has_null and only of FRAME_FIXED
  bool has_null;
  struct frame_dict *dict; ///< FRAME_CODED: of the values; FRAME_NESTED: of string elements
  struct row_builder *rows;
  const struct row_col *nested; ///< after sealing: the column of `rows`
  const struct row_col *leaf;   ///< LIST: its elements; MAP: its values
  int32_t *leaf_code;           ///< codes of string elements, by position in leaf
  struct frame_dict *key_dict;  ///< MAP<STRING, ...>: of the keys
  int32_t *key_code;
};

struct agg_frame {
  const struct agg_plan *plan;
  size_t n;
  bool timed; ///< rows have instants
  bool sealed;
  struct frame_cells key; ///< gone after sealing
  struct frame_cells ts;
  struct frame_col *cols; ///< plan->inputs.n_fields
  uint32_t *count;        ///< rows by key while appending
  int32_t count_room;
  int32_t max_key;
  uint32_t *start; ///< after sealing: n_keys + 1 row positions
  int32_t n_keys;
  int64_t *kept; ///< scratch of append
  size_t kept_room;
  size_t task_cost; ///< 0: chosen by the engine; specs set it to cut tasks small
};

/// For specs and tuning: rows plus queries that one piece of work aims at; 0 is the default.
void agg_frame_set_task_cost(struct agg_frame *f, size_t cost);

// ---- frame_cells.c ---------------------------------------------------------------------------

/// Appends n cells at row position `at` (below a chunk's end); `src` is the first cell, or
/// the column's cell 0 when rows are picked by `idx`.
void frame_cells_put(struct frame_cells *c, size_t at, const void *src, const int64_t *idx,
                     size_t n);

/// The chunk of row `at`, allocated.
uint8_t *frame_cells_chunk(struct frame_cells *c, size_t at);

/// Sets cells [0, n) of a one-byte column to 1.
void frame_cells_fill(struct frame_cells *c, size_t n);
void frame_cells_drop_chunk(struct frame_cells *c, size_t chunk);
void frame_cells_free(struct frame_cells *c);
size_t frame_cells_memory(const struct frame_cells *c, size_t n);

/// Large zeroed or raw memory for arrays of a whole frame; freed by free().
void *frame_big_alloc(size_t size);

// ---- frame_dict.c ----------------------------------------------------------------------------

struct frame_dict *frame_dict_new(void);
struct frame_dict *frame_dict_ref(struct frame_dict *d);
void frame_dict_unref(struct frame_dict *d);

/// Pointers of long strings seen before may now point to other bytes.
void frame_dict_next_era(struct frame_dict *d);

/// out[i] = code of the i-th string of rows [from, from + n), or of rows idx[from + i].
/// Returns true when one was null.
bool frame_dict_encode(struct frame_dict *d, const struct row_col *src, const int64_t *idx,
                       size_t from, size_t n, int32_t *out);

/// Makes `strings` and the ranks. `utf16` asks for utf16_rank too.
void frame_dict_seal(struct frame_dict *d, bool utf16);

/// Computes the coupons for an lgK once; then they can be had by code.
void frame_dict_add_coupons(struct frame_dict *d, int32_t lg_k);
const int64_t *frame_dict_coupons(const struct frame_dict *d, int32_t lg_k);
size_t frame_dict_memory(const struct frame_dict *d);

// ---- frame_seal.c, frame_sort.c --------------------------------------------------------------

struct frame_sorter; ///< scratch of one worker

/// The rows of one bucket: a contiguous range of keys.
struct frame_bucket {
  int32_t key_from;
  int32_t key_to;
  size_t row_from;
  size_t n;
};

struct frame_sorter *frame_sorter_new(void);
void frame_sorter_free(struct frame_sorter *s);

/// The order of a bucket's rows by (key, ts, arrival): perm[i] is the row, from the bucket's
/// first, that belongs at place i; NULL when they lie right already. `start` is the frame's,
/// `ts` may be NULL. Valid until the next call.
const uint32_t *frame_sorter_order(struct frame_sorter *s, const struct frame_bucket *b,
                                   const uint32_t *start, const int32_t *keys, const int64_t *ts);

/// Brings n cells into that order.
void frame_sorter_apply(struct frame_sorter *s, const uint32_t *perm, size_t n, uint8_t *cells,
                        uint32_t width);

// ---- frame_par.c -----------------------------------------------------------------------------

/// One item of work; `worker` is below the number of threads.
typedef chn_status frame_job(void *ctx, int32_t worker, size_t item, struct chn_err *err);

/// Runs items 0..n-1, taken in that order by up to `threads` threads, the caller among them. The
/// first failure stops the taking and is returned. With one thread none is created.
chn_status frame_parallel(frame_job *job, void *ctx, size_t n, int32_t threads,
                          struct chn_err *err);
