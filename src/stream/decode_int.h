/// decode_int.h: what a kind of decoder fills in, and what it is given to fill.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "stream/decode.h"

/// Rows being made. `columns` are those of the topic; behind them, for entities, mutation_ts and
/// is_before.
struct decode_rows {
  const struct row_schema *columns;
  struct row_builder **outs;
  uint32_t *from;
  size_t n;
  size_t room;
  uint32_t message; ///< number of the one at hand
  // Mutations: one row each.
  struct row_builder **after;
  struct row_builder **before;
};

struct decoder_ops {
  const char *name;
  /// CHN_E_ARGUMENT for parameters of the topic that mean nothing.
  chn_status (*open)(const struct decode_options *o, struct decode_rows *rows, struct arena *a,
                     void **self, struct chn_err *err);
  /// Adds the rows of one message, or fails and adds none.
  chn_status (*message)(void *self, const struct stream_message *m, struct decode_rows *rows,
                        struct chn_err *err);
  void (*close)(void *self);
  bool binary; ///< messages may hold any byte, so that lines of a file have them in base64
};

extern const struct decoder_ops decode_json_ops;
extern const struct decoder_ops decode_avro_ops;
extern const struct decoder_ops decode_csv_ops;

/// Says that the caller has appended one row to rows->outs.
void decode_event(struct decode_rows *rows);

/// Adds a mutation whose images lie in rows->after and rows->before, where there are some: the row
/// after, then the row before; nothing where both are equal. Empties both. INT64_MIN: no time.
void decode_mutation(struct decode_rows *rows, bool after, bool before, int64_t mutation_ts);

/// The same for a message that is a row of its own, in rows->after, with its own columns.
void decode_row_of_mutation(struct decode_rows *rows, int64_t mutation_ts, bool is_before);

/// Empties rows->after and rows->before.
void decode_forget(struct decode_rows *rows);

/// Whether x is in the range of BYTE, SHORT, INT or LONG; appends it to a builder of that kind.
bool decode_fits(enum row_kind kind, int64_t x);
void decode_add_integer(struct row_builder *out, enum row_kind kind, int64_t x);

/// Fails: "<column>" is <type> and cannot hold <text>.
chn_status decode_refuse(struct chn_err *err, const char *column, const struct row_type *type,
                         const char *text, size_t len);
