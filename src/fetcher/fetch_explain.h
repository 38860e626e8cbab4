/// fetch_explain.h: one served value taken apart: which batch value, hops, rows or tiles make it.
#pragma once
#include "fetcher/fetcher.h"

enum fetch_piece_kind {
  FETCH_PIECE_BATCH, ///< the collapsed IR, or the whole value where there is nothing to merge
  FETCH_PIECE_HOP,   ///< a tail hop of the upload
  FETCH_PIECE_ROW,   ///< a streamed row or mutation
  FETCH_PIECE_TILE,
};

struct fetch_piece {
  enum fetch_piece_kind kind;
  int64_t from;    ///< start of the hop or tile, time of the row; of the batch its end
  int64_t until;   ///< end of the hop or tile (exclusive); of a mutation its own time; else `from`
  bool used;       ///< it is part of the value
  const char *why; ///< not used: "before the window", "at or after the query time", ...; else ""
  const char *value; ///< what it alone holds, finished, as JSON
};

/// What a derivation reads.
struct fetch_input {
  const char *name;
  const char *value; ///< JSON; NULL: not there, or of a part's own derivation
};

struct fetch_explained {
  const char *feature; ///< as the plan names it
  const char *column;  ///< of the GroupBy, before prefix and derivations; NULL: derived or external
  const char *group_by;             ///< or NULL
  const char *expression;           ///< of a derivation, or NULL
  const struct fetch_input *inputs; ///< of the expression
  size_t n_inputs;
  const char *value;   ///< JSON; NULL when the answer has no such entry
  const char *error;   ///< or NULL
  int64_t at;          ///< the instant asked for
  int64_t batch_end;   ///< of the value used; INT64_MIN: the store has none for the key
  int64_t window_from; ///< first instant counted; INT64_MIN: unbounded
  int64_t window_ms;   ///< 0: unbounded
  int64_t hop_ms;      ///< of the window's tail
  bool late;           ///< more than two days after the upload: collapsed rows never leave
  const struct fetch_piece *pieces; ///< by kind, then time
  size_t n_pieces;
};

/// Takes row `row` of a request apart, all features or the one named; CHN_E_NOT_FOUND with the
/// nearest when there is none of that name. Everything is in the arena.
chn_status fetch_explain(struct fetch_session *s, const struct fetch_request *request, size_t row,
                         const char *feature, struct arena *a, struct fetch_explained **out,
                         size_t *n, struct chn_err *err);
