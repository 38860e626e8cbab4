/// win_int.h: how an operation answers many windows at once. Private to agg/.
///
/// A task is a stretch of queries in order of (key, instant) and the stretch of rows that they may
/// see. Every operation of a task is one call over all its queries: since keys lie one after the
/// other, the bounds lo[i] and hi[i] of the queries only grow, across keys too, and nothing is paid
/// per key. Where a part does not take one value a row (nulls, lists, maps, buckets), the values
/// that count are first brought into a stream of their own (win_elems), and lo and hi become
/// positions in it.
#pragma once
#include "agg/frame_int.h"

/// A growable array of cells, or a window into memory of fixed size (`borrowed`).
struct win_buf {
  uint8_t *data;
  size_t n;
  size_t room;
  uint32_t width;
  bool borrowed;
};

/// n uninitialised cells more; the address of the first.
void *win_buf_add(struct win_buf *b, size_t n);
void win_buf_free(struct win_buf *b);

/// Finished values of one part, one a query (or a group of a query): cells with flags; of a LIST or
/// MAP value the cell is a row_span into `child` (and `key`).
struct win_vals {
  struct win_buf cell;
  struct win_buf valid; ///< a byte a value: 0 is NULL
  struct win_buf child;
  struct win_buf key; ///< row_str
};

void win_vals_free(struct win_vals *v);

/// What a value of a part is made of.
enum win_nest { WIN_LEAF, WIN_LIST, WIN_MAP };

struct win_form {
  bool split;                  ///< by bucket, map key or element index
  enum win_nest nest;          ///< of one value
  const struct row_type *leaf; ///< type of the innermost cells
  uint32_t width;              ///< bytes of such a cell; strings are row_str
  bool is_ref;                 ///< cells are rows of a nested input column
};

void win_form_of(const struct agg_part *part, struct win_form *out);
void win_vals_init(struct win_vals *v, const struct win_form *form);

/// Orders of values that operations work on.
enum win_class {
  WIN_F64, ///< double
  WIN_I64, ///< int64_t; booleans are 0 and 1
  WIN_ORD, ///< int64_t in the order of the values: NaN is largest, -0.0 < 0.0; strings by UTF-16
  WIN_ORD_LOW, ///< the same with NaN smallest
  WIN_CODE,    ///< int32_t codes of the dictionary, of strings only
  WIN_CLASSES,
};

enum { WIN_NO_ID = -1 }; ///< as uint32: a value that does not count

/// Values as ids below n_ids: equal ids, equal values.
struct win_ids {
  const uint32_t *id;
  size_t n_ids;
  const uint32_t *first; ///< of dense ids: a position that has it
  int32_t kind;          ///< -1 exact, else lgK of coupons
  struct win_ids *next;
};

/// The values of an input that reach an operation within a task, in the order of rows.
struct win_elems {
  int32_t input;
  int32_t bucket;
  enum agg_shape shape;
  size_t n;
  const uint32_t *row;  ///< row of the task by element; NULL: element i is row i
  const uint32_t *off;  ///< elements before each row, rows + 1; NULL: the same; unset when split
  const uint32_t *elem; ///< place in the leaf by element; NULL: first_row + i
  bool split;
  size_t n_groups;         ///< split: elements are ordered by group, then row
  const int32_t *group;    ///< code of the bucket or key, or index of the element
  const size_t *group_at;  ///< n_groups + 1 element positions
  void *vals[WIN_CLASSES]; ///< made when first asked for
  double *seg;             ///< memo of win_sum.c
  double **sums;           ///< memo of win_sum.c, by window
  uint64_t *prefix;        ///< memo of win_sum.c
  struct win_ids *ids;     ///< memo of win_ids.c
  struct win_elems *next;
};

/// What one worker has in hand.
struct win_task {
  const struct agg_frame *frame;
  const struct agg_queries *queries;
  enum agg_tail tail;
  const struct win_slots *slots;
  struct arena arena;   ///< lives as long as the task
  struct arena scratch; ///< lives as long as one call
  size_t first_row;     ///< of the frame
  size_t rows;
  size_t first_query;
  size_t n;      ///< queries
  uint32_t *hi;  ///< by query: rows of the task before its head
  uint32_t **lo; ///< by window, by query: rows before its tail
  struct win_elems *elems;
  struct arena texts; ///< strings that answers point to
  uint32_t *counters; ///< all zero between uses
  size_t n_counters;
};

/// The different windows of a plan.
struct win_slots {
  int32_t n;
  const struct agg_part **windows; ///< one part that has it
  int32_t *of_part;
};

/// Fills first_row, rows, hi and lo for the task's queries.
void win_ranges(struct win_task *t);

/// One operation over n ranges of a stream.
struct win_call {
  struct win_task *task;
  const struct agg_part *part;
  struct win_elems *elems;
  size_t from; ///< the stream is elements [from, from + n_elems) of elems
  size_t n_elems;
  const uint32_t *lo; ///< positions in the stream; both only grow, and lo[i] <= hi[i]
  const uint32_t *hi;
  size_t n;
  int32_t slot;         ///< the window, when range i is that of query i of the task; else -1
  struct win_vals *out; ///< takes n values
};

typedef void win_eval(struct win_call *c);

/// NULL for an operation that does not exist.
win_eval *win_eval_of(enum agg_op op);

/// Counters [0, n) of the task, all zero; the caller leaves them so.
uint32_t *win_counters(struct win_task *t, size_t n);

/// The first i from `from` on where lo[i] is not below any earlier head of the stretch, or n:
/// ranges before and after it share no row.
size_t win_stretch(const struct win_call *c, size_t from);

// ---- win_elems.c, win_values.c ---------------------------------------------------------------

/// The elements of a part within the task; made once for all parts that share them.
struct win_elems *win_elems_of(struct win_task *t, const struct agg_part *part);

/// Where the cells of an input (or of its elements) lie.
struct win_leaf {
  enum row_kind kind;
  const uint8_t *data;
  const int32_t *code; ///< strings
  const struct frame_dict *dict;
};

struct win_leaf win_leaf_of(const struct agg_frame *f, int32_t input, enum agg_shape shape);

/// The stream's values in a class.
const double *win_f64(const struct win_call *c);
const int64_t *win_i64(const struct win_call *c, enum win_class class);
const int32_t *win_codes(const struct win_call *c);

/// Writes values of WIN_ORD or WIN_ORD_LOW back in their own type.
void win_put_ords(const struct win_call *c, const int64_t *ord, size_t n, void *cells);

/// Copies the whole input values at stream positions: FIRST, LAST and their K.
void win_put_payloads(const struct win_call *c, const uint32_t *pos, size_t n, void *cells);

/// The cells of the call's n answers, and their flags, already set to hi > lo.
void *win_out(struct win_call *c, uint8_t **valid);

// ---- win_ids.c -------------------------------------------------------------------------------

/// The ids of the stream's values, or of their coupons when the part is APPROX_UNIQUE_COUNT.
const struct win_ids *win_ids_of(const struct win_call *c);

/// Values whose equality is that of UNIQUE_COUNT.
const int64_t *win_keys(const struct win_call *c);

/// Dense ids of n values in order of appearance; returns out->id.
uint32_t *win_densify(struct arena *a, const int64_t *v, size_t n, struct win_ids *out);

// ---- operations ------------------------------------------------------------------------------

win_eval win_count;
win_eval win_sum;
win_eval win_average;
win_eval win_extreme;  ///< MIN, MAX
win_eval win_endpoint; ///< FIRST, LAST
win_eval win_endpoint_k;
win_eval win_moments;   ///< VARIANCE, SKEW, KURTOSIS
win_eval win_distinct;  ///< UNIQUE_COUNT, BOUNDED_UNIQUE_COUNT, APPROX_UNIQUE_COUNT
win_eval win_histogram; ///< HISTOGRAM, APPROX_HISTOGRAM_K
win_eval win_quantile;  ///< APPROX_PERCENTILE
win_eval win_top_k;     ///< TOP_K, BOTTOM_K

// ---- frame_split.c, frame_answers.c ----------------------------------------------------------

/// The answers of one part within one task.
struct win_part_out {
  struct win_vals vals;
  struct win_buf key; ///< split by bucket or map key: row_str by value
};

/// A part that is split: `span` and `valid` take one cell a query of the task; spans point into
/// out->vals. Fails on element-wise lists of different lengths.
chn_status win_eval_split(struct win_task *t, const struct agg_part *part, int32_t slot,
                          struct win_part_out *out, struct row_span *span, uint8_t *valid,
                          struct chn_err *err);
