/// stream_int.h: what a fetch without columns keeps. Private to agg/stream*.c.
#pragma once
#include "agg/batch_int.h"
#include "agg/stream.h"

/// A value of any kind, where it lies.
struct stream_value {
  int64_t whole;
  double real; ///< of any number
  const unsigned char *bytes;
  size_t len;
};

/// The state of an operation.
struct stream_fold {
  bool has;
  int64_t count;
  int64_t ts;            ///< FIRST, LAST
  double m2;             ///< VARIANCE
  struct stream_value v; ///< SUM, MIN, MAX, FIRST, LAST; real: AVERAGE's sum, VARIANCE's mean
};

/// What the parts that read a field want to know of its rows.
enum stream_needs { STREAM_EXTREMES = 1, STREAM_VARIANCE = 2, STREAM_ENDS = 4 };

/// All that can be asked of the rows of a field since an instant.
struct stream_tally {
  int64_t count;
  int64_t whole;
  double real;
  int64_t least;
  int64_t greatest;
  double min;
  double max;
  bool nan;
  double mean;
  double m2;
  int64_t first_ts;
  int64_t last_ts;
  const unsigned char *first; ///< where the value lies, up to the end of its bytes; read at the end
  const unsigned char *first_end;
  const unsigned char *last;
  const unsigned char *last_end;
};

struct stream_field {
  enum avro_kind kind;
  unsigned needs;
  struct stream_tally *tallies; ///< one a group
  const struct avro_schema *schema;
  const char *name;
  bool plain;                      ///< a scalar, which a tally can take
  const struct avro_schema *alone; ///< a record of this value only
  struct row_builder *into;        ///< what the rest wants of it; NULL: nothing
};

/// How a stored IR is merged.
enum stream_code {
  STREAM_OTHER,
  STREAM_ADDS_REAL,
  STREAM_ADDS_WHOLE,
  STREAM_BEST_REAL,
  STREAM_AVERAGE,
  STREAM_ENDS_IR,
  STREAM_REST, ///< not simple: decoded for stream_rest.c
};

/// A stored IR.
struct stream_ir {
  enum stream_code code;
  const struct agg_part *part;
  const struct avro_schema *schema;
  bool is_float;
  const struct avro_schema *alone; ///< REST: a record of this value only
  struct row_builder *into;        ///< REST: for stored IRs
};

/// Parts of one window, and where it stands in this answer.
struct stream_window {
  const struct agg_part *part; ///< one of them
  int32_t *parts;
  int32_t n_parts;
  int32_t size;  ///< of its hops; -1: unbounded
  int32_t group; ///< windows that hold the same of the stream share one
  int64_t from;  ///< hops and tiles from here on are in it
  int64_t until; ///< hops from here on are collapsed
};

struct agg_stream {
  const struct agg_plan *plan;
  enum agg_batch_rule rule;
  const char *name; ///< of the streamed record
  int64_t end;
  int64_t q;
  struct stream_window *windows;
  int32_t n_windows;
  int32_t *window_of;  ///< of a part
  int64_t *group_from; ///< ascending
  int32_t n_groups;
  struct stream_ir *parts;
  struct stream_ir *hops;      ///< bases, in a hop
  struct stream_ir *tiles;     ///< bases, in a tile; NULL: rows
  struct stream_field *fields; ///< of a row
  int32_t n_fields;
  int32_t *field_of;            ///< of a part
  struct stream_fold *of_parts; ///< of the batch value
  struct stream_fold *of_tiles; ///< base x window: of its group
  struct stream_tally *of_rows; ///< field x window: of its group
  struct stream_fold *hop;      ///< bases of the hop at hand
  struct stream_rest *rest;     ///< NULL: all is simple
  bool keeps;                   ///< IRs of the batch value go to the rest: none were given
};

/// Whether an operation is answered by folds and tallies.
bool stream_is_simple(const struct agg_part *p);

/// A value that was read before.
struct stream_value stream_value_at(const struct avro_schema *s, const unsigned char *at,
                                    const unsigned char *end);

/// Whether x beats y as a MIN or MAX.
bool stream_is_better(const struct stream_ir *ir, const struct stream_value *x,
                      const struct stream_value *y);

/// What agg_stream_add adds.
chn_status stream_add_tiles(struct agg_stream *s, const struct agg_streamed *values, size_t count,
                            struct chn_err *err);
chn_status stream_add_rows(struct agg_stream *s, const struct agg_streamed *values, size_t count,
                           struct chn_err *err);

/// *into += *from.
void stream_merge(const struct stream_ir *ir, struct stream_fold *into,
                  const struct stream_fold *from);

// ---- stream_rest.c: what is not simple --------------------------------------------------------

/// Makes s->rest and points STREAM_REST parts, hops, tiles and fields to it.
void stream_rest_attach(struct agg_stream *s, const struct avro_schema *batch,
                        const struct avro_schema *streamed);
void stream_rest_free(struct stream_rest *t);
void stream_rest_begin(struct agg_stream *s);

/// Takes IRs of the batch value that were loaded before, if there are any.
void stream_rest_give(struct agg_stream *s, const struct agg_batch_ir *kept);

/// A level of the batch value ended. Nothing happens without a rest.
void stream_rest_close_parts(struct agg_stream *s, bool has);
void stream_rest_close_hop(struct agg_stream *s, int64_t start);
void stream_rest_close_list(struct agg_stream *s);
chn_status stream_rest_load(struct agg_stream *s, bool has_hops, struct chn_err *err);

/// A row's fields, or a tile's IRs, were appended; all that were are added at once.
void stream_rest_clear(struct agg_stream *s);
void stream_rest_row(struct agg_stream *s, int64_t ts);
chn_status stream_rest_add(struct agg_stream *s, struct chn_err *err);
chn_status stream_rest_end(struct agg_stream *s, struct chn_err *err);
void stream_rest_emit(struct agg_stream *s, struct row_builder *const *outs);
