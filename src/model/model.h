/// model.h: the structs of Chronon's api.thrift.
///
/// One C struct per Thrift struct, members in Thrift order under the snake_case form of the Thrift
/// name. All memory is in one arena, and nothing in a struct is changed after it was read.
///
/// Unset and empty differ, as in Thrift. Bit i of `set` says that the field with Thrift id i is
/// set. What is unset is zero: a string, a nested struct and a list or map are NULL exactly when
/// they are unset (an empty list that is set has a non-NULL pointer and count 0), so `set` need
/// only be asked about numbers, booleans and enums: model_has(gb->set, MODEL_GROUP_BY_ACCURACY).
///
/// Lists are arrays `xs` with a count `n_xs`; map<string, string> is a list of pairs in the
/// authored order. Strings are UTF-8 without NUL bytes.
#pragma once
#include "base/arena.h"
#include "base/err.h"

/// Operation; agg_op has the same numbers.
enum model_operation {
  MODEL_OP_MIN = 0,
  MODEL_OP_MAX = 1,
  MODEL_OP_FIRST = 2,
  MODEL_OP_LAST = 3,
  MODEL_OP_UNIQUE_COUNT = 4,
  MODEL_OP_APPROX_UNIQUE_COUNT = 5,
  MODEL_OP_COUNT = 6,
  MODEL_OP_SUM = 7,
  MODEL_OP_AVERAGE = 8,
  MODEL_OP_VARIANCE = 9,
  MODEL_OP_SKEW = 10,
  MODEL_OP_KURTOSIS = 11,
  MODEL_OP_APPROX_PERCENTILE = 12,
  MODEL_OP_LAST_K = 13,
  MODEL_OP_FIRST_K = 14,
  MODEL_OP_TOP_K = 15,
  MODEL_OP_BOTTOM_K = 16,
  MODEL_OP_HISTOGRAM = 17,
  MODEL_OP_APPROX_HISTOGRAM_K = 18,
  MODEL_OP_BOUNDED_UNIQUE_COUNT = 19,
};

enum model_time_unit { MODEL_HOURS = 0, MODEL_DAYS = 1 };

enum model_accuracy { MODEL_TEMPORAL = 0, MODEL_SNAPSHOT = 1 };

/// Thrift ids of the fields whose value alone does not tell that they are set.
enum {
  MODEL_STAGING_QUERY_CREATE_VIEW = 5,
  MODEL_EVENT_SOURCE_IS_CUMULATIVE = 4,
  MODEL_WINDOW_LENGTH = 1,
  MODEL_WINDOW_TIME_UNIT = 2,
  MODEL_AGGREGATION_OPERATION = 2,
  MODEL_AGGREGATION_ELEMENT_WISE = 6,
  MODEL_META_DATA_ONLINE = 2,
  MODEL_META_DATA_PRODUCTION = 3,
  MODEL_META_DATA_CONSISTENCY_CHECK = 10,
  MODEL_META_DATA_SAMPLE_PERCENT = 11,
  MODEL_META_DATA_CONSISTENCY_SAMPLE_PERCENT = 13,
  MODEL_META_DATA_HISTORICAL_BACKFILL = 14,
  MODEL_GROUP_BY_ACCURACY = 5,
  MODEL_GROUP_BY_IS_INCREMENTAL = 8,
  MODEL_LABEL_PART_LEFT_START_OFFSET = 2,
  MODEL_LABEL_PART_LEFT_END_OFFSET = 3,
  MODEL_DATA_TYPE_KIND = 1,
};

/// One entry of a map<string, string>.
struct model_pair {
  const char *key;
  const char *value;
};

/// One entry of a map<string, list<string>>.
struct model_list_pair {
  const char *key;
  const char **values;
  int32_t n_values;
};

/// One entry of a map<string, map<string, string>>.
struct model_map_pair {
  const char *key;
  struct model_pair *pairs;
  int32_t n_pairs;
};

/// A Thrift double. Authors write integers too, and the text keeps them: 5 is not 5.0.
struct model_number {
  double value;
  bool is_int; ///< written without a fraction; |value| is then at most 2^53
};

struct model_query {
  uint64_t set;
  struct model_pair *selects; ///< alias -> SQL
  int32_t n_selects;
  const char **wheres; ///< AND-ed
  int32_t n_wheres;
  const char *start_partition;
  const char *end_partition; ///< inclusive
  const char *time_column;   ///< SQL that gives epoch milliseconds
  const char **setups;
  int32_t n_setups;
  const char *mutation_time_column;
  const char *reversal_column;
  const char *partition_column;
};

struct model_meta_data {
  uint64_t set;
  const char *name;
  bool online;
  bool production;
  const char *custom_json;   ///< JSON text
  const char **dependencies; ///< each JSON text; of a StagingQuery plain partition specs
  int32_t n_dependencies;
  struct model_pair *table_properties;
  int32_t n_table_properties;
  const char *output_namespace;
  const char *team;
  struct model_map_pair *mode_to_env_map;
  int32_t n_mode_to_env_map;
  bool consistency_check;
  struct model_number sample_percent;
  const char *offline_schedule;
  struct model_number consistency_sample_percent;
  bool historical_backfill;
  const char *deprecation_date;
  const char *description;
};

struct model_staging_query {
  uint64_t set;
  struct model_meta_data *meta_data;
  const char *query;
  const char *start_partition;
  const char **setups;
  int32_t n_setups;
  bool create_view;
};

struct model_event_source {
  uint64_t set;
  const char *table; ///< may carry /key=value sub-partitions
  const char *topic;
  struct model_query *query;
  bool is_cumulative;
};

struct model_entity_source {
  uint64_t set;
  const char *snapshot_table;
  const char *mutation_table;
  const char *mutation_topic;
  struct model_query *query;
};

struct model_join_source {
  uint64_t set;
  struct model_join *join;
  struct model_query *query;
};

/// A union: exactly one member is set.
struct model_source {
  uint64_t set;
  struct model_event_source *events;
  struct model_entity_source *entities;
  struct model_join_source *join_source;
};

struct model_window {
  uint64_t set;
  int32_t length;
  enum model_time_unit time_unit;
};

struct model_aggregation {
  uint64_t set;
  const char *input_column;
  enum model_operation operation;
  struct model_pair *arg_map;
  int32_t n_arg_map;
  struct model_window *windows;
  int32_t n_windows;
  const char **buckets;
  int32_t n_buckets;
  bool element_wise;
};

struct model_derivation {
  uint64_t set;
  const char *name;
  const char *expression;
  struct model_meta_data *meta_data;
};

struct model_group_by {
  uint64_t set;
  struct model_meta_data *meta_data;
  struct model_source *sources;
  int32_t n_sources;
  const char **key_columns;
  int32_t n_key_columns;
  struct model_aggregation *aggregations; ///< NULL: the source is aggregated already
  int32_t n_aggregations;
  enum model_accuracy accuracy; ///< as authored; model_infer_accuracy (names.h) when unset
  const char *backfill_start_date;
  struct model_derivation *derivations;
  int32_t n_derivations;
  bool is_incremental;
};

struct model_join_part {
  uint64_t set;
  struct model_group_by *group_by;
  struct model_pair *key_mapping; ///< left column -> key of the GroupBy
  int32_t n_key_mapping;
  const char *prefix;
};

/// TDataType.
struct model_data_type {
  uint64_t set;
  int32_t kind;                    ///< DataKind; enum row_kind has the same numbers
  struct model_data_field *params; ///< MAP: key, value; LIST: elem; STRUCT: its fields
  int32_t n_params;
  const char *name; ///< of a STRUCT
};

struct model_data_field {
  uint64_t set;
  const char *name;
  struct model_data_type *data_type;
};

struct model_external_source_factory_config {
  uint64_t set;
  const char *factory_name;
  struct model_pair *factory_params;
  int32_t n_factory_params;
};

struct model_external_source {
  uint64_t set;
  struct model_meta_data *meta_data; ///< `metadata` in Thrift, with a small d
  struct model_data_type *key_schema;
  struct model_data_type *value_schema;
  struct model_external_source_factory_config *factory_config;
  struct model_group_by *offline_group_by;
};

struct model_external_part {
  uint64_t set;
  struct model_external_source *source;
  struct model_pair *key_mapping; ///< left column -> key of the source
  int32_t n_key_mapping;
  const char *prefix;
};

struct model_bootstrap_part {
  uint64_t set;
  struct model_meta_data *meta_data;
  const char *table;
  struct model_query *query;
  const char **key_columns; ///< NULL: the join's rowIds
  int32_t n_key_columns;
};

struct model_label_part {
  uint64_t set;
  struct model_join_part *labels;
  int32_t n_labels;
  int32_t left_start_offset; ///< days
  int32_t left_end_offset;   ///< days
  struct model_meta_data *meta_data;
};

struct model_inference_spec {
  uint64_t set;
  const char *model_backend;
  struct model_pair *model_backend_params;
  int32_t n_model_backend_params;
};

struct model_model {
  uint64_t set;
  struct model_meta_data *meta_data;
  struct model_inference_spec *inference_spec;
  struct model_data_type *input_schema;
  struct model_data_type *output_schema;
};

struct model_transform {
  uint64_t set;
  struct model_model *model;
  struct model_pair *input_mappings;
  int32_t n_input_mappings;
  struct model_pair *output_mappings;
  int32_t n_output_mappings;
  const char *prefix;
};

struct model_transforms {
  uint64_t set;
  struct model_transform *transforms;
  int32_t n_transforms;
  const char **passthrough_fields;
  int32_t n_passthrough_fields;
};

struct model_join {
  uint64_t set;
  struct model_meta_data *meta_data;
  struct model_source *left;
  struct model_join_part *join_parts;
  int32_t n_join_parts;
  struct model_list_pair *skew_keys;
  int32_t n_skew_keys;
  struct model_external_part *online_external_parts;
  int32_t n_online_external_parts;
  struct model_label_part *label_part;
  struct model_bootstrap_part *bootstrap_parts;
  int32_t n_bootstrap_parts;
  const char **row_ids;
  int32_t n_row_ids;
  struct model_derivation *derivations;
  int32_t n_derivations;
  struct model_transforms *model_transforms;
};

struct model_group_by_serving_info {
  uint64_t set;
  struct model_group_by *group_by;
  const char *input_avro_schema;
  const char *selected_avro_schema;
  const char *key_avro_schema;
  const char *batch_end_date;
  const char *date_format; ///< never set by Chronon
};

/// What a definition file can define.
enum model_kind {
  MODEL_NONE = 0,
  MODEL_GROUP_BY,
  MODEL_JOIN,
  MODEL_STAGING_QUERY,
  MODEL_MODEL,
};

/// One definition. The member that `kind` names is set.
struct model_conf {
  enum model_kind kind;
  union {
    struct model_group_by *group_by;
    struct model_join *join;
    struct model_staging_query *staging_query;
    struct model_model *model;
    void *any;
  } as;
  const struct model_meta_data *meta_data; ///< of the member; NULL when it has none
  const char *name;                        ///< metaData.name, or NULL
  const char *text;                        ///< the bytes it was read from, NUL-terminated, or NULL
  size_t text_len;
};

/// Whether the field with this Thrift id is set.
bool model_has(uint64_t set, int32_t id);

/// "GroupBy", "Join", "StagingQuery", "Model"; for messages.
const char *model_kind_name(enum model_kind kind);

/// "group_bys", "joins", "staging_queries", "models": the folder of a kind; NULL for MODEL_NONE.
const char *model_kind_folder(enum model_kind kind);
