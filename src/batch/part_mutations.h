/// part_mutations.h: a join part of entities with mutations: the value of a key at an instant is
/// yesterday's snapshot with today's mutations so far (spec/04 §6).
#pragma once
#include "agg/frame.h"
#include "batch/left.h"

struct mutations_request {
  const struct left *left;
  const struct model_group_by *gb;
  const struct agg_plan *plan;
  const struct row_schema *schema;   ///< of the snapshots' SQL
  const char *snapshots;             ///< SQL over the days before those of the instants
  struct days days;                  ///< those days; mutations are read for the days after them
  const char *const *left_columns;   ///< left column of each key
  const struct agg_queries *queries; ///< (id of keys and the snapshot's ds, instant)
  int32_t n_keys;                    ///< above every id
  const int32_t *position;           ///< the query of each left row, or -1
};

/// Whether the values of a part are made of mutations: TEMPORAL entities for a left of events.
bool mutations_apply(const struct left *left, const struct model_group_by *gb, bool entities);

/// Answers the queries: appends a row to each of `outs` (one per part of the plan) for a query
/// whose key has rows, and writes its number to answer[query]; the others keep what they have.
/// One key is held at a time. Fails with CHN_E_ARGUMENT when a source has no mutation table or
/// the two tables disagree on a type.
chn_status mutations_compute(struct batch_job *job, const struct mutations_request *r,
                             struct row_builder *const *outs, int32_t *answer, struct chn_err *err);
