/// chain.h: the rows of a join's left side with the join's features, as they come (spec/07 §4).
///
/// What a GroupBy over a join reads: the left side's stream, its query, then the features of each
/// row at its own instant, fetched from the store. The columns are those of the left side, then the
/// join's, derived and not; a left column wins over a feature of its name. A left side may itself
/// be over a join.
#pragma once
#include "stream/decode.h"
#include "stream/stream.h"

struct stream_chain;

struct chain_options {
  struct wh *wh;
  const struct model_source *from;    ///< a joinSource
  const struct row_schema *columns;   ///< of decoded rows
  const struct stream_enrich *enrich; ///< CHN_E_ARGUMENT without
  int64_t shift_ms;                   ///< features are those of ts + shift
  int64_t delay_ms; ///< a batch waits until 95 % of its events are so old, for the join's own
                    ///< streams to have them
  struct obs_series *seconds;                ///< of a fetch; may be NULL
  bool (*wanted)(void *self);                ///< false: waiting for the store ends; NULL: never
  void (*log)(void *self, const char *line); ///< may be NULL
  void *self;
};

/// Fails with CHN_E_ARGUMENT when the left side's query cannot run over the columns or lacks a key
/// of the join, and as `enrich` fails.
chn_status stream_chain_open(const struct chain_options *o, struct stream_chain **out,
                             struct chn_err *err);
void stream_chain_close(struct stream_chain *c);

const struct row_schema *stream_chain_columns(const struct stream_chain *c);

/// Rows that the left side's wheres let through, with features; they live until the next call. A
/// row whose features cannot be had is rejected. A store that does not answer is asked again, ever
/// more slowly; *given_up when that was no longer wanted, and then there are no rows.
chn_status stream_chain_run(struct stream_chain *c, const struct decoded *rows,
                            const struct stream_message *messages, struct stream_rejects *rejects,
                            struct decoded *out, bool *given_up, struct chn_err *err);
