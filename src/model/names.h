/// names.h: the names and facts that Chronon derives from a definition (spec of tables and
/// columns).
///
/// Every string is new in the arena given, unless said otherwise.
#pragma once
#include "model/model.h"

/// Every byte outside [a-zA-Z0-9_] becomes `_`.
const char *model_sanitize(struct arena *a, const char *name);

/// `<outputNamespace>.<sanitised name>`, then `suffix` ("" or "_upload", "_bootstrap", ...). The
/// namespace is not sanitised; without one the table has no prefix.
const char *model_table(struct arena *a, const struct model_meta_data *m, const char *suffix);

/// `team/file.var`: the name with its first `.` as `/`, which is what logs, statistics and fetches
/// call a definition.
const char *model_file_path(struct arena *a, const struct model_meta_data *m);

/// The table a join's backfill ends in: model_table, and `_pre_mt` if it has model transforms.
const char *model_join_output_table(struct arena *a, const struct model_join *j);

/// `[<prefix>_]<sanitised GroupBy name>`: what --selected-join-parts names.
const char *model_part_full_prefix(struct arena *a, const struct model_join_part *p);

/// `<ns>.<join>[_<prefix>]_<sanitised GroupBy name>`: the table of a join part.
const char *model_part_table(struct arena *a, const struct model_join *j,
                             const struct model_join_part *p);

/// `<full prefix>_<column>`: a GroupBy's value column as the join shows it.
const char *model_part_column(struct arena *a, const struct model_join_part *p, const char *column);

/// `<input>_<op>[_<window>][_by_<bucket>]`. No window (NULL), length <= 0 or 2^31-1: no window
/// part.
const char *model_aggregation_column(struct arena *a, const struct model_aggregation *g,
                                     const struct model_window *w, const char *bucket);

/// All output columns of an aggregation, buckets outermost; *n counts them.
const char **model_aggregation_columns(struct arena *a, const struct model_aggregation *g,
                                       int32_t *n);

/// A GroupBy's value columns before derivations: those of its aggregations, or without
/// aggregations the selected columns that are neither keys nor reserved (ts, ds, is_before,
/// mutation_ts).
const char **model_group_by_columns(struct arena *a, const struct model_group_by *g, int32_t *n);

/// `ext_[<prefix>_]<sanitised source name>`.
const char *model_external_prefix(struct arena *a, const struct model_external_part *p);

/// `<external prefix>_<field>`.
const char *model_external_column(struct arena *a, const struct model_external_part *p,
                                  const char *field);

/// Whether the part is the built-in source `contextual`, which echoes its keys.
bool model_external_is_contextual(const struct model_external_part *p);

/// The left column that feeds a key: the inverse of keyMapping, or the key's own name. The result
/// is a string of the definition or `key` itself.
const char *model_left_key(const struct model_pair *key_mapping, int32_t n, const char *key);

/// `accuracy`, or when unset TEMPORAL if any source has a topic, else SNAPSHOT.
enum model_accuracy model_infer_accuracy(const struct model_group_by *g);

/// The topic of a source (events.topic, entities.mutationTopic, of a joinSource its left's), or
/// NULL.
const char *model_source_topic(const struct model_source *s);

/// Whether a source is a snapshot of entities; a join as a source is what its left side is.
bool model_source_is_entities(const struct model_source *s);

/// The source's own Query (of a joinSource the one applied to the join's output), or NULL.
const struct model_query *model_source_query(const struct model_source *s);

/// The source's table as authored (events.table, entities.snapshotTable; of a joinSource the join's
/// output table), or NULL.
const char *model_source_table(struct arena *a, const struct model_source *s);

/// The part of an authored table name before the first `/`.
const char *model_table_without_subpartitions(struct arena *a, const char *table);

/// The value of a key in a map, or NULL.
const char *model_pair_find(const struct model_pair *pairs, int32_t n, const char *key);
