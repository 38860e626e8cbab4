/// decode.h: from a message's bytes to rows of a topic's columns.
///
/// A decoder is a table of callbacks (stream_decoder_ops): JSON, Avro and CSV are here; another is
/// one more entry of the table in decode.c. Around it the semantics of mutations are the same for
/// all (spec/07 §2): a message of events gives one row; one of entities gives the row after and the
/// row before, in that order, each with `mutation_ts` and `is_before`, and none where both are
/// equal.
#pragma once
#include "row/col.h"
#include "stream/reject.h"
#include "stream/topic.h"

struct stream_decoder;

struct decode_options {
  const struct stream_topic *topic; ///< parameters serde, schema, schemas, fields, envelope, ...
  const char *folder;               ///< relative paths of parameters are from here
  const struct row_schema *columns; ///< what is wanted: the serving info's input columns
  bool entities;                    ///< two columns are added: mutation_ts LONG, is_before BOOLEAN
  bool lines; ///< messages are lines of a file, so those of a binary form (avro) are in base64
};

/// `serde` is json (default), avro or csv; unknown ones are CHN_E_ARGUMENT with the list.
///   json  an object a message; fields by name, absent ones null. Entities: Debezium's envelope
///         ({"before","after","op","ts_ms"}, bare or in "payload"), or a plain row with its own
///         mutation_ts and is_before.
///   avro  `schema`: a file of the writer's schema; or `schemas`: a folder of `<id>.avsc` for
///         registry-framed messages (byte 0, id in 4 bytes big-endian). Columns by name; integers
///         and floats become their column's numbers, integers narrower ones where they fit.
///         Entities: records before and after, or plain rows, as for json.
///   csv   `fields`: names of the values, in order; `delimiter` (,); RFC 4180 quotes; empty: null.
///         Entities: plain rows.
/// An envelope's time is its own mutation_ts, else source.ts_ms, else ts_ms, else the broker's.
chn_status stream_decoder_open(const struct decode_options *o, struct stream_decoder **out,
                               struct chn_err *err);
void stream_decoder_close(struct stream_decoder *d);

/// What rows have: the columns, then for entities mutation_ts and is_before.
const struct row_schema *stream_decoder_columns(const struct stream_decoder *d);

/// Rows of a batch: column i in cols[i], the message of row r at from[r].
struct decoded {
  const struct row_col *cols;
  const uint32_t *from;
  size_t n;
};

/// Decodes n messages; what cannot be read goes to `rejects` and gives no row. The rows live until
/// the next call. Fails only as stream_reject does.
chn_status stream_decode(struct stream_decoder *d, const struct stream_message *messages, size_t n,
                         struct stream_rejects *rejects, struct decoded *out, struct chn_err *err);
