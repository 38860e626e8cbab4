/// plan.h: what a list of Aggregations means over an input schema.
///
/// One Aggregation becomes one part per (bucket, window), bucket outermost (spec of Chronon's
/// column naming: `<input>_<op>[<k>][_<window>][_by_<bucket>]`). A plan is compiled once per
/// definition and schema and is immutable; every engine (backfill, upload, stream, fetch) runs it.
#pragma once
#include "row/type.h"

/// api.thrift's Operation numbers.
enum agg_op {
  AGG_MIN = 0,
  AGG_MAX = 1,
  AGG_FIRST = 2,
  AGG_LAST = 3,
  AGG_UNIQUE_COUNT = 4,
  AGG_APPROX_UNIQUE_COUNT = 5,
  AGG_COUNT = 6,
  AGG_SUM = 7,
  AGG_AVERAGE = 8,
  AGG_VARIANCE = 9,
  AGG_SKEW = 10,
  AGG_KURTOSIS = 11,
  AGG_APPROX_PERCENTILE = 12,
  AGG_LAST_K = 13,
  AGG_FIRST_K = 14,
  AGG_TOP_K = 15,
  AGG_BOTTOM_K = 16,
  AGG_HISTOGRAM = 17,
  AGG_APPROX_HISTOGRAM_K = 18,
  AGG_BOUNDED_UNIQUE_COUNT = 19,
  AGG_OP_COUNT = 20,
};

struct agg_window {
  int32_t length; ///< <= 0 or INT32_MAX: unbounded
  bool hours;     ///< else days
};

/// One Aggregation as authored. Plain data, owned by the caller.
struct agg_def {
  const char *input_column;
  enum agg_op op;
  const char *const *arg_names; ///< argMap, e.g. "k", "percentiles"
  const char *const *arg_values;
  int32_t n_args;
  const struct agg_window *windows; ///< none: one unbounded window
  int32_t n_windows;
  const char *const *buckets; ///< none: not bucketed
  int32_t n_buckets;
  bool element_wise;
};

/// How the values of the input column reach the operation.
enum agg_shape {
  AGG_SHAPE_DIRECT,   ///< the value itself (also a whole list or map, for timed operations)
  AGG_SHAPE_EXPLODE,  ///< every non-null element of a list feeds the same IR
  AGG_SHAPE_ELEMENTS, ///< element-wise: one IR per index; the output is a LIST
  AGG_SHAPE_MAP,      ///< one IR per key of a MAP; the output is a MAP
};

struct agg_part {
  enum agg_op op;
  int32_t input;     ///< column of the plan's inputs
  int32_t bucket;    ///< column of the plan's inputs, or -1; bucketed output is a MAP
  int64_t window_ms; ///< 0: unbounded
  int64_t hop_ms;    ///< tail hop of the window: 5 minutes, 1 hour or 1 day; 1 day if unbounded
  struct agg_window window;
  enum agg_shape shape;
  int32_t k; ///< of the K operations, lgK, KLL's k, ...
  const double *percentiles;
  int32_t n_percentiles;
  const struct row_type *value;  ///< what reaches the operation: input type, element or map value
  const struct row_type *output; ///< of the finished column
  const struct row_type *ir;     ///< of the stored IR (Avro shapes, buckets and maps included)
  const char *name;              ///< output column
  const char *base_name;         ///< without the window: `<input>_<op>[_by_<bucket>]`
  int32_t base;                  ///< index of the un-windowed part it shares tiles and hops with
};

struct agg_plan {
  struct row_schema inputs;     ///< the columns that parts use, each once: what engines must feed
  const struct agg_part *parts; ///< windowed parts, in output order
  int32_t n_parts;
  const struct agg_part *bases; ///< one per (aggregation, bucket), window dropped
  int32_t n_bases;
  bool needs_time; ///< a window, or FIRST, LAST, FIRST_K, LAST_K
  bool has_window; ///< any bounded window
};

/// Compiles `defs` over the columns of `schema`. Fails with CHN_E_ARGUMENT, naming the
/// aggregation, when a column is missing, a type is incompatible with the operation
/// ("... is incompatible with SUM"), `k` is missing, a bucket is not a STRING, two outputs have one
/// name, ... The types of `schema` must live as long as the plan; everything else is copied.
chn_status agg_plan_new(struct arena *a, const struct row_schema *schema,
                        const struct agg_def *defs, int32_t n_defs, struct agg_plan **out,
                        struct chn_err *err);

/// The enum's name in upper case: "LAST_K"; NULL when out of range.
const char *agg_op_name(enum agg_op op);

/// Tail hop of a window: >= 12 d: 1 d; >= 12 h: 1 h; else 5 min (spec/04 §1).
int64_t agg_hop_ms(int64_t window_ms);
