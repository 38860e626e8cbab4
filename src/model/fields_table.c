// Where a field's place in a C struct, its Thrift id and its meaning are written down. The order of
// the fields is Thrift's, and JSON is written in it.
#include "model/fields.h"

#include <stddef.h>

enum { OPTIONAL = 0, REQUIRED = 1 };

#define ONE(S, ID, NAME, KIND, TYPE, NEED, MEMBER, DOC)                                            \
  {                                                                                                \
    NAME, ID, MODEL_F_##KIND, TYPE, NEED, offsetof(struct model_##S, MEMBER), 0, DOC               \
  }
#define MANY(S, ID, NAME, KIND, TYPE, NEED, MEMBER, DOC)                                           \
  {                                                                                                \
    NAME, ID, MODEL_F_##KIND, TYPE, NEED, offsetof(struct model_##S, MEMBER),                      \
        offsetof(struct model_##S, n_##MEMBER), DOC                                                \
  }
#define STRUCT(NAME, ID, S, UNION, DOC)                                                            \
  [MODEL_S_##ID] = {                                                                               \
    NAME, sizeof(struct model_##S), UNION, S##_fields, sizeof S##_fields / sizeof *S##_fields, DOC \
  }
#define ENUM(NAME, VALUES, DOC)                                                                    \
  {                                                                                                \
    NAME, VALUES, sizeof VALUES / sizeof *VALUES, DOC                                              \
  }

// One field a line.
// clang-format off
static const struct model_field query_fields[] = {
  MANY(query, 1, "selects", MAP, -1, OPTIONAL, selects, "Output column to Spark SQL expression, in order; unset reads every column"),
  MANY(query, 2, "wheres", STRINGS, -1, OPTIONAL, wheres, "Spark SQL conditions, all of which must hold"),
  ONE(query, 3, "startPartition", STRING, -1, OPTIONAL, start_partition, "First ds to read"),
  ONE(query, 4, "endPartition", STRING, -1, OPTIONAL, end_partition, "Last ds to read, inclusive"),
  ONE(query, 5, "timeColumn", STRING, -1, OPTIONAL, time_column, "SQL that gives the time of a row in epoch milliseconds"),
  MANY(query, 6, "setups", STRINGS, -1, OPTIONAL, setups, "SQL statements to run first, such as CREATE TEMPORARY FUNCTION; the constructor sets []"),
  ONE(query, 7, "mutationTimeColumn", STRING, -1, OPTIONAL, mutation_time_column, "SQL that gives the time of a mutation; entities only"),
  ONE(query, 8, "reversalColumn", STRING, -1, OPTIONAL, reversal_column, "SQL that is true for the row as it was before a mutation; entities only"),
  ONE(query, 9, "partitionColumn", STRING, -1, OPTIONAL, partition_column, "Name of the table's partition column when it is not ds"),
};

static const struct model_field staging_query_fields[] = {
  ONE(staging_query, 1, "metaData", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Name, team, output and schedule"),
  ONE(staging_query, 2, "query", STRING, -1, REQUIRED, query, "Spark SQL with the macros start_date, end_date, latest_date and max_date"),
  ONE(staging_query, 3, "startPartition", STRING, -1, OPTIONAL, start_partition, "First ds to make; unset runs the query once and overwrites"),
  MANY(staging_query, 4, "setups", STRINGS, -1, OPTIONAL, setups, "SQL statements to run first"),
  ONE(staging_query, 5, "createView", BOOL, -1, OPTIONAL, create_view, "Make a view instead of a table"),
};

static const struct model_field event_source_fields[] = {
  ONE(event_source, 1, "table", STRING, -1, REQUIRED, table, "Table partitioned by ds, ns.name, perhaps with /key=value sub-partitions"),
  ONE(event_source, 2, "topic", STRING, -1, OPTIONAL, topic, "Stream of the same events"),
  ONE(event_source, 3, "query", STRUCT, MODEL_S_QUERY, OPTIONAL, query, "What to read of it"),
  ONE(event_source, 4, "isCumulative", BOOL, -1, OPTIONAL, is_cumulative, "Every partition holds the events of all days before it too"),
};

static const struct model_field entity_source_fields[] = {
  ONE(entity_source, 1, "snapshotTable", STRING, -1, REQUIRED, snapshot_table, "Table with one full snapshot in each ds"),
  ONE(entity_source, 2, "mutationTable", STRING, -1, OPTIONAL, mutation_table, "Table of the changes within each day"),
  ONE(entity_source, 3, "mutationTopic", STRING, -1, OPTIONAL, mutation_topic, "Stream of the changes"),
  ONE(entity_source, 4, "query", STRUCT, MODEL_S_QUERY, OPTIONAL, query, "What to read of it"),
};

static const struct model_field external_source_factory_config_fields[] = {
  ONE(external_source_factory_config, 1, "factoryName", STRING, -1, OPTIONAL, factory_name, "Registered name of the factory"),
  MANY(external_source_factory_config, 2, "factoryParams", MAP, -1, OPTIONAL, factory_params, "Its parameters"),
};

static const struct model_field external_source_fields[] = {
  ONE(external_source, 1, "metadata", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Name and team (Thrift spells it with a small d)"),
  ONE(external_source, 2, "keySchema", STRUCT, MODEL_S_DATA_TYPE, OPTIONAL, key_schema, "STRUCT of the keys"),
  ONE(external_source, 3, "valueSchema", STRUCT, MODEL_S_DATA_TYPE, OPTIONAL, value_schema, "STRUCT of the values"),
  ONE(external_source, 4, "factoryConfig", STRUCT, MODEL_S_EXTERNAL_SOURCE_FACTORY_CONFIG, OPTIONAL, factory_config, "How to make its handler"),
  ONE(external_source, 5, "offlineGroupBy", STRUCT, MODEL_S_GROUP_BY, OPTIONAL, offline_group_by, "GroupBy that gives the same values in a backfill"),
};

static const struct model_field join_source_fields[] = {
  ONE(join_source, 1, "join", STRUCT, MODEL_S_JOIN, REQUIRED, join, "The join"),
  ONE(join_source, 2, "query", STRUCT, MODEL_S_QUERY, REQUIRED, query, "What to read of its output"),
};

static const struct model_field source_fields[] = {
  ONE(source, 1, "events", STRUCT, MODEL_S_EVENT_SOURCE, OPTIONAL, events, "An EventSource"),
  ONE(source, 2, "entities", STRUCT, MODEL_S_ENTITY_SOURCE, OPTIONAL, entities, "An EntitySource"),
  ONE(source, 3, "joinSource", STRUCT, MODEL_S_JOIN_SOURCE, OPTIONAL, join_source, "A JoinSource"),
};

static const struct model_field window_fields[] = {
  ONE(window, 1, "length", INT, -1, REQUIRED, length, "Number of units; 2147483647 or 0 and less mean without bound"),
  ONE(window, 2, "timeUnit", ENUM, MODEL_E_TIME_UNIT, REQUIRED, time_unit, "Unit"),
};

static const struct model_field aggregation_fields[] = {
  ONE(aggregation, 1, "inputColumn", STRING, -1, REQUIRED, input_column, "Selected column"),
  ONE(aggregation, 2, "operation", ENUM, MODEL_E_OPERATION, REQUIRED, operation, "What to compute"),
  MANY(aggregation, 3, "argMap", MAP, -1, OPTIONAL, arg_map, "Arguments of the operation: k, percentiles"),
  MANY(aggregation, 4, "windows", STRUCTS, MODEL_S_WINDOW, OPTIONAL, windows, "Windows; unset means all the past"),
  MANY(aggregation, 5, "buckets", STRINGS, -1, OPTIONAL, buckets, "STRING columns; each makes a map from its values to results"),
  ONE(aggregation, 6, "elementWise", BOOL, -1, OPTIONAL, element_wise, "Aggregate a list index by index"),
};

static const struct model_field meta_data_fields[] = {
  ONE(meta_data, 1, "name", STRING, -1, OPTIONAL, name, "Full name: team, path and variable, joined by dots"),
  ONE(meta_data, 2, "online", BOOL, -1, OPTIONAL, online, "Served by the fetcher"),
  ONE(meta_data, 3, "production", BOOL, -1, OPTIONAL, production, "Watched as production"),
  ONE(meta_data, 4, "customJson", STRING, -1, OPTIONAL, custom_json, "JSON text of further settings"),
  MANY(meta_data, 5, "dependencies", STRINGS, -1, OPTIONAL, dependencies, "Partitions a scheduler waits for, each as JSON text"),
  MANY(meta_data, 6, "tableProperties", MAP, -1, OPTIONAL, table_properties, "Properties of the output table"),
  ONE(meta_data, 7, "outputNamespace", STRING, -1, OPTIONAL, output_namespace, "Namespace of the output table"),
  ONE(meta_data, 8, "team", STRING, -1, OPTIONAL, team, "First part of the name"),
  MANY(meta_data, 9, "modeToEnvMap", MAP_MAP, -1, OPTIONAL, mode_to_env_map, "Environment variables by mode"),
  ONE(meta_data, 10, "consistencyCheck", BOOL, -1, OPTIONAL, consistency_check, "Legacy; customJson carries check_consistency"),
  ONE(meta_data, 11, "samplePercent", NUMBER, -1, OPTIONAL, sample_percent, "Share of the fetches to log, 0 to 100"),
  ONE(meta_data, 12, "offlineSchedule", STRING, -1, OPTIONAL, offline_schedule, "When to run: a cron expression or @daily, @never"),
  ONE(meta_data, 13, "consistencySamplePercent", NUMBER, -1, OPTIONAL, consistency_sample_percent, "Share of the logged rows to check, 0 to 100"),
  ONE(meta_data, 14, "historicalBackfill", BOOL, -1, OPTIONAL, historical_backfill, "False: only the last day is computed"),
  ONE(meta_data, 15, "deprecationDate", STRING, -1, OPTIONAL, deprecation_date, "Day from which nobody should use it"),
  ONE(meta_data, 16, "description", STRING, -1, OPTIONAL, description, "What it is, for people"),
};

static const struct model_field group_by_fields[] = {
  ONE(group_by, 1, "metaData", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Name, team, output and schedule"),
  MANY(group_by, 2, "sources", STRUCTS, MODEL_S_SOURCE, REQUIRED, sources, "Sources that select the same columns"),
  MANY(group_by, 3, "keyColumns", STRINGS, -1, REQUIRED, key_columns, "Selected columns that form the key"),
  MANY(group_by, 4, "aggregations", STRUCTS, MODEL_S_AGGREGATION, OPTIONAL, aggregations, "Aggregations; unset means one row a key already"),
  ONE(group_by, 5, "accuracy", ENUM, MODEL_E_ACCURACY, OPTIONAL, accuracy, "TEMPORAL to the millisecond, SNAPSHOT to the last midnight; unset: TEMPORAL if a source has a topic"),
  ONE(group_by, 6, "backfillStartDate", STRING, -1, OPTIONAL, backfill_start_date, "First ds of its own backfill"),
  MANY(group_by, 7, "derivations", STRUCTS, MODEL_S_DERIVATION, OPTIONAL, derivations, "Expressions over the output columns"),
  ONE(group_by, 8, "isIncremental", BOOL, -1, OPTIONAL, is_incremental, "Keep daily partial aggregates and build windows of them"),
};

static const struct model_field join_part_fields[] = {
  ONE(join_part, 1, "groupBy", STRUCT, MODEL_S_GROUP_BY, REQUIRED, group_by, "The GroupBy, whole"),
  MANY(join_part, 2, "keyMapping", MAP, -1, OPTIONAL, key_mapping, "Left column to key of the GroupBy, where the names differ"),
  ONE(join_part, 4, "prefix", STRING, -1, OPTIONAL, prefix, "Put before its column names"),
};

static const struct model_field external_part_fields[] = {
  ONE(external_part, 1, "source", STRUCT, MODEL_S_EXTERNAL_SOURCE, REQUIRED, source, "The source"),
  MANY(external_part, 2, "keyMapping", MAP, -1, OPTIONAL, key_mapping, "Left column to key of the source, where the names differ"),
  ONE(external_part, 3, "prefix", STRING, -1, OPTIONAL, prefix, "Put before its column names"),
};

static const struct model_field derivation_fields[] = {
  ONE(derivation, 1, "name", STRING, -1, REQUIRED, name, "Output column; * with expression * keeps all others"),
  ONE(derivation, 2, "expression", STRING, -1, REQUIRED, expression, "Spark SQL over the columns, or * for all"),
  ONE(derivation, 3, "metaData", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Its description"),
};

static const struct model_field join_fields[] = {
  ONE(join, 1, "metaData", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Name, team, output and schedule"),
  ONE(join, 2, "left", STRUCT, MODEL_S_SOURCE, REQUIRED, left, "Source of the rows"),
  MANY(join, 3, "joinParts", STRUCTS, MODEL_S_JOIN_PART, OPTIONAL, join_parts, "GroupBys"),
  MANY(join, 4, "skewKeys", MAP_STRINGS, -1, OPTIONAL, skew_keys, "Left column to values whose rows are left out"),
  MANY(join, 5, "onlineExternalParts", STRUCTS, MODEL_S_EXTERNAL_PART, OPTIONAL, online_external_parts, "External sources"),
  ONE(join, 6, "labelPart", STRUCT, MODEL_S_LABEL_PART, OPTIONAL, label_part, "Labels, joined when they are known"),
  MANY(join, 7, "bootstrapParts", STRUCTS, MODEL_S_BOOTSTRAP_PART, OPTIONAL, bootstrap_parts, "Tables that hold values already"),
  MANY(join, 8, "rowIds", STRINGS, -1, OPTIONAL, row_ids, "Left columns that tell rows apart"),
  MANY(join, 9, "derivations", STRUCTS, MODEL_S_DERIVATION, OPTIONAL, derivations, "Expressions over the output columns"),
  ONE(join, 10, "modelTransforms", STRUCT, MODEL_S_MODEL_TRANSFORMS, OPTIONAL, model_transforms, "Models applied to the output"),
};

static const struct model_field bootstrap_part_fields[] = {
  ONE(bootstrap_part, 1, "metaData", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Its dependencies"),
  ONE(bootstrap_part, 2, "table", STRING, -1, REQUIRED, table, "The table; {{ logged_table }} is the join's log"),
  ONE(bootstrap_part, 3, "query", STRUCT, MODEL_S_QUERY, OPTIONAL, query, "What to read of it"),
  MANY(bootstrap_part, 4, "keyColumns", STRINGS, -1, OPTIONAL, key_columns, "Columns to join it by; unset: the join's rowIds"),
};

static const struct model_field label_part_fields[] = {
  MANY(label_part, 1, "labels", STRUCTS, MODEL_S_JOIN_PART, REQUIRED, labels, "GroupBys of labels"),
  ONE(label_part, 2, "leftStartOffset", INT, -1, OPTIONAL, left_start_offset, "Days before the label's day of the first left day"),
  ONE(label_part, 3, "leftEndOffset", INT, -1, OPTIONAL, left_end_offset, "Days before the label's day of the last left day"),
  ONE(label_part, 4, "metaData", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Its dependencies and schedule"),
};

static const struct model_field group_by_serving_info_fields[] = {
  ONE(group_by_serving_info, 1, "groupBy", STRUCT, MODEL_S_GROUP_BY, OPTIONAL, group_by, "The GroupBy uploaded"),
  ONE(group_by_serving_info, 2, "inputAvroSchema", STRING, -1, OPTIONAL, input_avro_schema, "Avro schema of the stream's rows"),
  ONE(group_by_serving_info, 3, "selectedAvroSchema", STRING, -1, OPTIONAL, selected_avro_schema, "Avro schema after the selects"),
  ONE(group_by_serving_info, 4, "keyAvroSchema", STRING, -1, OPTIONAL, key_avro_schema, "Avro schema of the keys"),
  ONE(group_by_serving_info, 5, "batchEndDate", STRING, -1, OPTIONAL, batch_end_date, "ds after the last day in the upload"),
  ONE(group_by_serving_info, 6, "dateFormat", STRING, -1, OPTIONAL, date_format, "Never set"),
};

static const struct model_field data_field_fields[] = {
  ONE(data_field, 1, "name", STRING, -1, OPTIONAL, name, "Name; a MAP has key and value, a LIST elem"),
  ONE(data_field, 2, "dataType", STRUCT, MODEL_S_DATA_TYPE, OPTIONAL, data_type, "Type"),
};

static const struct model_field data_type_fields[] = {
  ONE(data_type, 1, "kind", ENUM, MODEL_E_DATA_KIND, REQUIRED, kind, "Kind"),
  MANY(data_type, 2, "params", STRUCTS, MODEL_S_DATA_FIELD, OPTIONAL, params, "Of a MAP, LIST or STRUCT"),
  ONE(data_type, 3, "name", STRING, -1, OPTIONAL, name, "Of a STRUCT"),
};

static const struct model_field inference_spec_fields[] = {
  ONE(inference_spec, 1, "modelBackend", STRING, -1, OPTIONAL, model_backend, "Name of the backend"),
  MANY(inference_spec, 2, "modelBackendParams", MAP, -1, OPTIONAL, model_backend_params, "Its parameters"),
};

static const struct model_field model_fields[] = {
  ONE(model, 1, "metaData", STRUCT, MODEL_S_META_DATA, OPTIONAL, meta_data, "Name and team"),
  ONE(model, 2, "inferenceSpec", STRUCT, MODEL_S_INFERENCE_SPEC, OPTIONAL, inference_spec, "Where it runs"),
  ONE(model, 3, "inputSchema", STRUCT, MODEL_S_DATA_TYPE, OPTIONAL, input_schema, "STRUCT of its inputs"),
  ONE(model, 4, "outputSchema", STRUCT, MODEL_S_DATA_TYPE, OPTIONAL, output_schema, "STRUCT of its outputs"),
};

static const struct model_field transform_fields[] = {
  ONE(transform, 1, "model", STRUCT, MODEL_S_MODEL, OPTIONAL, model, "The model"),
  MANY(transform, 2, "inputMappings", MAP, -1, OPTIONAL, input_mappings, "Input of the model to expression over the join's columns"),
  MANY(transform, 3, "outputMappings", MAP, -1, OPTIONAL, output_mappings, "Output column to output of the model"),
  ONE(transform, 4, "prefix", STRING, -1, OPTIONAL, prefix, "Put before its output columns"),
};

static const struct model_field transforms_fields[] = {
  MANY(transforms, 1, "transforms", STRUCTS, MODEL_S_MODEL_TRANSFORM, OPTIONAL, transforms, "The models"),
  MANY(transforms, 2, "passthroughFields", STRINGS, -1, OPTIONAL, passthrough_fields, "Columns to keep beside the models' outputs"),
};

const struct model_struct model_structs[] = {
  STRUCT("Query", QUERY, query, false, "What is read out of a source: a projection, filters and a range of partitions"),
  STRUCT("StagingQuery", STAGING_QUERY, staging_query, false, "A table made by one SQL query, day by day"),
  STRUCT("EventSource", EVENT_SOURCE, event_source, false, "Things that happen: immutable rows with a time"),
  STRUCT("EntitySource", ENTITY_SOURCE, entity_source, false, "Things that are: a daily snapshot of a table whose rows change"),
  STRUCT("ExternalSourceFactoryConfig", EXTERNAL_SOURCE_FACTORY_CONFIG, external_source_factory_config, false, "How a fetcher makes the handler of an external source"),
  STRUCT("ExternalSource", EXTERNAL_SOURCE, external_source, false, "Values that a service gives at fetch time"),
  STRUCT("JoinSource", JOIN_SOURCE, join_source, false, "The output of a join as the source of a GroupBy"),
  STRUCT("Source", SOURCE, source, true, "One of the three kinds of source"),
  STRUCT("Window", WINDOW, window, false, "How far back an aggregation looks"),
  STRUCT("Aggregation", AGGREGATION, aggregation, false, "One operation over one column, for each window and bucket"),
  STRUCT("MetaData", META_DATA, meta_data, false, "What does not change the meaning of a definition"),
  STRUCT("GroupBy", GROUP_BY, group_by, false, "Features by key: sources aggregated over windows"),
  STRUCT("JoinPart", JOIN_PART, join_part, false, "A GroupBy within a join"),
  STRUCT("ExternalPart", EXTERNAL_PART, external_part, false, "An external source within a join"),
  STRUCT("Derivation", DERIVATION, derivation, false, "A column computed of output columns"),
  STRUCT("Join", JOIN, join, false, "A left side and the features of each of its rows at that row's time"),
  STRUCT("BootstrapPart", BOOTSTRAP_PART, bootstrap_part, false, "A table that holds values of a join already"),
  STRUCT("LabelPart", LABEL_PART, label_part, false, "Labels of a join"),
  STRUCT("GroupByServingInfo", GROUP_BY_SERVING_INFO, group_by_serving_info, false, "What an upload tells the fetcher and the stream"),
  STRUCT("DataField", DATA_FIELD, data_field, false, "A field of a data type"),
  STRUCT("TDataType", DATA_TYPE, data_type, false, "A data type"),
  STRUCT("InferenceSpec", INFERENCE_SPEC, inference_spec, false, "Where a model runs"),
  STRUCT("Model", MODEL, model, false, "A model with typed inputs and outputs"),
  STRUCT("ModelTransform", MODEL_TRANSFORM, transform, false, "A model applied to a join's output"),
  STRUCT("ModelTransforms", MODEL_TRANSFORMS, transforms, false, "Models applied to a join's output"),
};

static const char *const operations[] = {
  "MIN", "MAX", "FIRST", "LAST", "UNIQUE_COUNT", "APPROX_UNIQUE_COUNT", "COUNT", "SUM", "AVERAGE",
  "VARIANCE", "SKEW", "KURTOSIS", "APPROX_PERCENTILE", "LAST_K", "FIRST_K", "TOP_K", "BOTTOM_K",
  "HISTOGRAM", "APPROX_HISTOGRAM_K", "BOUNDED_UNIQUE_COUNT",
};
static const char *const time_units[] = { "HOURS", "DAYS" };
static const char *const accuracies[] = { "TEMPORAL", "SNAPSHOT" };
static const char *const data_kinds[] = {
  "BOOLEAN", "BYTE", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "STRING", "BINARY", "DATE",
  "TIMESTAMP", "MAP", "LIST", "STRUCT",
};

const struct model_enum model_enums[] = {
  [MODEL_E_OPERATION] = ENUM("Operation", operations, "What an aggregation computes"),
  [MODEL_E_TIME_UNIT] = ENUM("TimeUnit", time_units, "Unit of a window"),
  [MODEL_E_ACCURACY] = ENUM("Accuracy", accuracies, "How fresh a feature is"),
  [MODEL_E_DATA_KIND] = ENUM("DataKind", data_kinds, "Kind of a data type"),
};
// clang-format on
