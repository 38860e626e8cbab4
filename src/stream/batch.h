/// batch.h: evaluated rows grouped by what they are written to.
///
/// A *target* is one version in the store: (key, tile start + partition) for tiles, (key, ts) for
/// rows. Rows of a target keep the order in which they came. Where a tile may refuse a row, a batch
/// keeps its message, so that it can be shown.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/dict.h"
#include "model/serving.h"
#include "stream/evaluate.h"

/// What a GroupBy's stream looks like in the store; outlives its batches.
struct stream_form {
  const struct model_serving *serving;
  struct row_schema fields; ///< a tile's inputs; none for rows
  int64_t tile_ms;          ///< 0: rows
  bool picky;               ///< a tile may refuse a row: lists of other lengths, nulls in lists
};

/// How far a partition has been read.
struct stream_mark {
  int32_t partition;
  int64_t next;   ///< offset of the first message not read
  int64_t newest; ///< greatest event time so far; INT64_MIN: none
};

/// The message that a row came from, its bytes at payloads[at, at + len).
struct batch_origin {
  struct stream_message message;
  size_t at;
};

/// A version to be written: a key, and rows of the batch in the order in which they came.
struct batch_target {
  const void *key;
  size_t key_len;
  int64_t version;
  const uint32_t *rows;
  size_t n;
};

struct stream_batch {
  struct stream_batch *link; ///< whoever has it
  const struct stream_form *form;
  size_t n; ///< rows
  int64_t n_messages;
  size_t bytes;                 ///< of the messages
  struct row_builder **fields;  ///< of tiles: n rows, in order of arrival
  struct chn_buf values;        ///< of rows: their records, one behind the other
  size_t *value_at;             ///< where each ends
  int64_t *ts;                  ///< event times
  uint32_t *target;             ///< of each row; of those that are new not yet
  struct batch_origin *origins; ///< of picky tiles
  struct chn_buf payloads;
  size_t room;
  struct chn_dict *targets; ///< key bytes, then the version in 8 bytes
  struct chn_buf keys;      ///< those of the new rows, back to back
  size_t *key_at;           ///< where each begins; one more
  size_t n_new;
  uint32_t *order;             ///< rows by target, after batch_seal
  struct batch_target *sorted; ///< targets, after batch_seal
  struct stream_mark *marks;
  int32_t n_marks;
  int32_t room_marks;
  double opened_ms; ///< when the first message came, by the clock that never goes back
  size_t memory;    ///< in the writer's queue
  bool told;        ///< what its tiles refused was rejected
};

struct stream_batch *batch_new(const struct stream_form *form);
void batch_free(struct stream_batch *b);

/// Empties it and keeps the memory.
void batch_clear(struct stream_batch *b);

/// The mark of a partition, made at `next` = -1 when it is new.
struct stream_mark *batch_mark(struct stream_batch *b, int32_t partition);

/// Adds row `i` of evaluated rows, of message `m`. CHN_E_ARGUMENT when the key, or a row that is
/// stored as it is, has no Avro form; the batch is then as before.
chn_status batch_add(struct stream_batch *b, const struct evaluated *rows, size_t i,
                     const struct stream_message *m, struct chn_err *err);

/// The message of a row; without bytes and offset (-1) where the form is not picky.
struct stream_message batch_message(const struct stream_batch *b, uint32_t row, int64_t version);

/// Puts rows in the order of their targets, and targets in that of their keys' lengths, keys and
/// versions, which is how an LMDB store has them. Nothing may be added afterwards.
void batch_seal(struct stream_batch *b);

/// The t-th target.
const struct batch_target *batch_target(const struct stream_batch *b, int32_t t);
int32_t batch_targets(const struct stream_batch *b);

/// The end of the tile that holds ts, also before 1970.
int64_t batch_tile_end(int64_t ts, int64_t tile_ms);

/// Whether a tile that ends at `end` is over for a partition whose greatest event time is `newest`
/// (INT64_MIN: none yet): its later events are late, and its tile is complete (decision 0016).
bool batch_tile_over(int64_t end, int64_t newest, int64_t disorder_ms);

/// Bytes of memory it holds, also where it is empty.
size_t batch_memory(const struct stream_batch *b);
