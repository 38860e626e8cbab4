---@meta chronon
-- Types for editors (LuaLS); written by `luajit tools/dsl_reference.lua --meta`, a spec compares.
-- luacheck: ignore 212 631

---@class chronon.Query
---@class chronon.EventSource
---@class chronon.EntitySource
---@class chronon.JoinSource
---@class chronon.Source
---@class chronon.Window
---@class chronon.Operation
---@class chronon.Aggregation
---@class chronon.MetaData
---@class chronon.Derivation
---@class chronon.GroupBy
---@class chronon.TDataType
---@class chronon.ExternalSource
---@class chronon.ExternalPart
---@class chronon.JoinPart
---@class chronon.LabelPart
---@class chronon.BootstrapPart
---@class chronon.Join
---@class chronon.InferenceSpec
---@class chronon.Model
---@class chronon.ModelTransform
---@class chronon.ModelTransforms
---@class chronon.StagingQuery
---@class chronon.TimeUnit
---@class chronon.Accuracy
---@class chronon.Map

---@class chronon
---@field null any Python's None
local c = {}

--- Columns in the authored order: names, and one-entry tables of alias and expression.
---@param ... string|table<string, string>
---@return chronon.Map
function c.select(...) end

--- An ordered map of any JSON value, out of one-entry tables.
---@param ... table<string, any>
---@return chronon.Map
function c.map(...) end

--- Named aggregations; one without input_column takes its name.
---@param named table<string, chronon.Aggregation>|table<string, chronon.Aggregation>[]
---@return chronon.Aggregation[]
function c.Aggregations(named) end

---@class chronon.TimeUnitNames
---@field HOURS chronon.TimeUnit
---@field DAYS chronon.TimeUnit

---@type chronon.TimeUnitNames
c.TimeUnit = {}

---@class chronon.AccuracyNames
---@field TEMPORAL chronon.Accuracy
---@field SNAPSHOT chronon.Accuracy

---@type chronon.AccuracyNames
c.Accuracy = {}

---@class chronon.OperationNames
---@field MIN chronon.Operation
---@field MAX chronon.Operation
---@field FIRST chronon.Operation
---@field LAST chronon.Operation
---@field COUNT chronon.Operation
---@field SUM chronon.Operation
---@field AVERAGE chronon.Operation
---@field VARIANCE chronon.Operation
---@field SKEW chronon.Operation
---@field KURTOSIS chronon.Operation
---@field UNIQUE_COUNT chronon.Operation
---@field APPROX_UNIQUE_COUNT chronon.Operation
---@field HISTOGRAM chronon.Operation

---@type chronon.OperationNames
c.Operation = {}

c.DataType = {}
---@type chronon.TDataType
c.DataType.BOOLEAN = {}
---@type chronon.TDataType
c.DataType.SHORT = {}
---@type chronon.TDataType
c.DataType.INT = {}
---@type chronon.TDataType
c.DataType.LONG = {}
---@type chronon.TDataType
c.DataType.FLOAT = {}
---@type chronon.TDataType
c.DataType.DOUBLE = {}
---@type chronon.TDataType
c.DataType.STRING = {}
---@type chronon.TDataType
c.DataType.BINARY = {}

---@class chronon.QueryParams
---@field selects? chronon.Map|table<string, string>|(string|table<string, string>)[] alias to Spark SQL expression; without it the needed columns are taken by name
---@field wheres? (string)[] Spark SQL conditions, all of which must hold
---@field start_partition? string first valid day of the table, inclusive
---@field end_partition? string last valid day of the table, inclusive
---@field time_column? string expression that gives milliseconds since the epoch
---@field setups? (string)[] statements to run first, such as the registration of functions
---@field mutation_time_column? string of an entity source with mutations: when the change happened (default `mutation_ts`)
---@field reversal_column? string of an entity source with mutations: true on the old value of a row (default `is_before`)
---@field partition_column? string name of the partition column of the table (default `ds`)

--- What is read from a table: columns, filters, the range of partitions, the time.
--- `c.Query { selects = c.select("user", { cents = "amount * 100" }), wheres = { "amount > 0" }, time_column = "ts" }`
---@param params chronon.QueryParams
---@return chronon.Query
function c.Query(params) end

---@class chronon.EventSourceParams
---@field table string the table, `namespace.name`, with `/column=value` for a sub-partition
---@field topic? string the stream of the same events
---@field query chronon.Query what is read from it
---@field is_cumulative? boolean every partition holds all the events so far
---@field isCumulative? boolean every partition holds all the events so far

--- Things that happened: a table of events partitioned by day, and the topic they arrive on.
--- `c.EventSource { table = "data.purchases", topic = "events.purchases", query = c.Query { time_column = "ts" } }`
---@param params chronon.EventSourceParams
---@return chronon.EventSource
function c.EventSource(params) end

---@class chronon.EntitySourceParams
---@field snapshot_table? string the table of daily snapshots
---@field snapshotTable? string the table of daily snapshots
---@field mutation_table? string the table of changes
---@field mutationTable? string the table of changes
---@field mutation_topic? string the stream of changes
---@field mutationTopic? string the stream of changes
---@field query chronon.Query what is read from it

--- Things that are: a table whose daily partitions are snapshots, and the changes between them.
--- `c.EntitySource { snapshotTable = "data.users", query = c.Query { selects = c.select("user", "country") } }`
---@param params chronon.EntitySourceParams
---@return chronon.EntitySource
function c.EntitySource(params) end

---@class chronon.JoinSourceParams
---@field join chronon.Join the parent join; its left side needs a topic
---@field query chronon.Query what is read from its output

--- The output of another Join as a stream of events.
--- `c.JoinSource { join = require("joins.team.parent").v1, query = c.Query { selects = c.select("user"), time_column = "ts" } }`
---@param params chronon.JoinSourceParams
---@return chronon.JoinSource
function c.JoinSource(params) end

---@class chronon.SourceParams
---@field events? chronon.EventSource an event source
---@field entities? chronon.EntitySource an entity source
---@field join_source? chronon.JoinSource a join as a source
---@field joinSource? chronon.JoinSource a join as a source

--- One of the sources; the bare source means the same.
--- `c.Source { events = c.EventSource { table = "data.purchases", query = c.Query { time_column = "ts" } } }`
---@param params chronon.SourceParams
---@return chronon.Source
function c.Source(params) end

--- Distinct values by a CPC sketch of 2^k slots.
--- `c.Operation.APPROX_UNIQUE_COUNT_LGK(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.APPROX_UNIQUE_COUNT_LGK(k) end

--- Distinct values, counted exactly up to k.
--- `c.Operation.BOUNDED_UNIQUE_COUNT_K(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.BOUNDED_UNIQUE_COUNT_K(k) end

--- Counts of the k most frequent values; 0 keeps all.
--- `c.Operation.HISTOGRAM_K(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.HISTOGRAM_K(k) end

--- Counts of the k most frequent values, in bounded memory.
--- `c.Operation.APPROX_HISTOGRAM_K(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.APPROX_HISTOGRAM_K(k) end

--- The k earliest values.
--- `c.Operation.FIRST_K(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.FIRST_K(k) end

--- The k latest values, newest first.
--- `c.Operation.LAST_K(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.LAST_K(k) end

--- The k largest values.
--- `c.Operation.TOP_K(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.TOP_K(k) end

--- The k smallest values.
--- `c.Operation.BOTTOM_K(10)`
---@param k integer the bound
---@return chronon.Operation
function c.Operation.BOTTOM_K(k) end

---@class chronon.OperationAPPROX_PERCENTILEParams
---@field percentiles (number)[] a list of shares from 0 to 1
---@field k? integer the size of the sketch

--- Approximate percentiles by a KLL sketch.
--- `c.Operation.APPROX_PERCENTILE { percentiles = { 0.5, 0.99 }, k = 200 }`
---@overload fun(params: chronon.OperationAPPROX_PERCENTILEParams): chronon.Operation
---@param percentiles (number)[] a list of shares from 0 to 1
---@param k? integer the size of the sketch
---@return chronon.Operation
function c.Operation.APPROX_PERCENTILE(percentiles, k) end

---@class chronon.WindowParams
---@field length integer a number of units
---@field time_unit? chronon.TimeUnit c.TimeUnit.HOURS or c.TimeUnit.DAYS
---@field timeUnit? chronon.TimeUnit c.TimeUnit.HOURS or c.TimeUnit.DAYS

--- How far back an aggregation looks. The texts "1h" and "7d" mean the same.
--- `c.Window { length = 7, time_unit = c.TimeUnit.DAYS }`
---@param params chronon.WindowParams
---@return chronon.Window
function c.Window(params) end

---@class chronon.AggregationParams
---@field input_column? string a selected column; inside c.Aggregations the name given there
---@field operation? chronon.Operation default LAST
---@field windows? (chronon.Window|string)[] one output column each; without it all of the past
---@field buckets? (string)[] columns to group by further; the output becomes a map
---@field tags? chronon.Map|table<string, any>|(table<string, any>)[] kept in customJson for each output column
---@field element_wise? boolean fold lists position by position

--- One input column folded by one operation, over each of some windows.
--- `c.Aggregation { input_column = "amount", operation = c.Operation.SUM, windows = { "1h", "7d" } }`
---@param params chronon.AggregationParams
---@return chronon.Aggregation
function c.Aggregation(params) end

---@class chronon.DefaultAggregationParams
---@field keys (string)[] the key columns
---@field sources chronon.Source|chronon.EventSource|chronon.EntitySource|chronon.JoinSource|(chronon.Source|chronon.EventSource|chronon.EntitySource|chronon.JoinSource)[] the sources, with selects
---@field operation? chronon.Operation default LAST
---@field tags? chronon.Map|table<string, any>|(table<string, any>)[] kept in customJson for each output column

--- One aggregation for every selected column that is neither key nor time.
--- `c.DefaultAggregation { keys = { "user" }, sources = { source } }`
---@param params chronon.DefaultAggregationParams
---@return chronon.Aggregation[]
function c.DefaultAggregation(params) end

---@class chronon.MetaDataParams
---@field name? string the compiler writes the name over it
---@field online? boolean served online
---@field production? boolean alerts are wanted
---@field custom_json? string JSON text for tools
---@field customJson? string JSON text for tools
---@field dependencies? (string)[] table partitions to wait for
---@field table_properties? chronon.Map|table<string, string>|(table<string, string>)[] properties of the output table
---@field tableProperties? chronon.Map|table<string, string>|(table<string, string>)[] properties of the output table
---@field output_namespace? string where the output table is put (default: the team's namespace)
---@field outputNamespace? string where the output table is put (default: the team's namespace)
---@field team? string the compiler writes the team over it
---@field mode_to_env_map? chronon.Map|table<string, chronon.Map|table<string, string>|(table<string, string>)[]>|(table<string, chronon.Map|table<string, string>|(table<string, string>)[]>)[] mode to environment variables
---@field modeToEnvMap? chronon.Map|table<string, chronon.Map|table<string, string>|(table<string, string>)[]>|(table<string, chronon.Map|table<string, string>|(table<string, string>)[]>)[] mode to environment variables
---@field consistency_check? boolean of old definitions
---@field consistencyCheck? boolean of old definitions
---@field sample_percent? number share of requests to log
---@field samplePercent? number share of requests to log
---@field offline_schedule? string cron expression or @daily, @weekly, ..., @never
---@field offlineSchedule? string cron expression or @daily, @weekly, ..., @never
---@field consistency_sample_percent? number share of logged requests to check
---@field consistencySamplePercent? number share of logged requests to check
---@field historical_backfill? boolean fill all holes, or only the latest day
---@field historicalBackfill? boolean fill all holes, or only the latest day
---@field deprecation_date? string yyyy-MM-dd
---@field deprecationDate? string yyyy-MM-dd
---@field description? string for people

--- What is known about a definition beside its values; StagingQuery takes one.
--- `c.MetaData { outputNamespace = "data", dependencies = { "raw.flights/ds={{ ds }}" } }`
---@param params chronon.MetaDataParams
---@return chronon.MetaData
function c.MetaData(params) end

---@class chronon.DerivationParams
---@field name string the new column
---@field expression string Spark SQL over the output columns
---@field description? string for people

--- A column computed from the output columns; name and expression "*" keep all of them.
--- `c.Derivation { name = "ratio", expression = "amount_sum_1d / amount_sum_7d" }`
---@param params chronon.DerivationParams
---@return chronon.Derivation
function c.Derivation(params) end

---@class chronon.GroupByParams
---@field sources chronon.Source|chronon.EventSource|chronon.EntitySource|chronon.JoinSource|(chronon.Source|chronon.EventSource|chronon.EntitySource|chronon.JoinSource)[] one source or a list; all select the same columns
---@field keys (string)[] the key columns
---@field aggregations? (chronon.Aggregation)[] none only over entities without mutations: the selected columns are the features
---@field online? boolean served online; unset it follows from its joins
---@field production? boolean alerts are wanted; unset it follows from its joins
---@field backfill_start_date? string first day of the GroupBy's own table
---@field dependencies? (string)[] partition specs to wait for, instead of those of the sources
---@field env? chronon.Map|table<string, chronon.Map|table<string, string>|(table<string, string>)[]>|(table<string, chronon.Map|table<string, string>|(table<string, string>)[]>)[] mode to environment variables
---@field table_properties? chronon.Map|table<string, string>|(table<string, string>)[] properties of the output table (default: the team's)
---@field output_namespace? string where the output table is put (default: the team's namespace)
---@field accuracy? chronon.Accuracy values as of the event or as of the day; unset it follows from the sources
---@field lag? integer days to wait longer for the sources
---@field offline_schedule? string cron expression or @daily, @weekly, ..., @never
---@field name? string only for a GroupBy defined inside a join's file
---@field tags? chronon.Map|table<string, any>|(table<string, any>)[] kept in customJson
---@field derivations? (chronon.Derivation)[] columns computed from the outputs
---@field historical_backfill? boolean fill all holes, or only the latest day
---@field deprecation_date? string yyyy-MM-dd
---@field description? string for people
---@field is_incremental? boolean keep daily partial aggregates (events, SNAPSHOT)
---@field upload_schedule? '@daily'|'@weekly'|'@monthly'|'@quarterly' how often the online store gets new batch values
---@field additional_args? any customJson: further arguments of jobs
---@field enable_tiling? boolean customJson: the online store keeps tiles
---@field enable_write_notifications? boolean customJson: tell a topic about writes
---@field notification_topic_override? string customJson: that topic
---@field team_override? string customJson: the team in metrics
---@field kwargs? chronon.Map|table<string, any>|(table<string, any>)[] further keys of customJson, in order

--- Features: aggregations of the rows of some sources, for every key.
--- `c.GroupBy { sources = source, keys = { "user" }, aggregations = { c.Aggregation { input_column = "amount", operation = c.Operation.SUM, windows = { "7d" } } }, online = true }`
---@param params chronon.GroupByParams
---@return chronon.GroupBy
function c.GroupBy(params) end

---@class chronon.DataTypeMAPParams
---@field key_type chronon.TDataType c.DataType.STRING
---@field value_type chronon.TDataType any type

--- A map; its keys are strings.
--- `c.DataType.MAP(c.DataType.STRING, c.DataType.DOUBLE)`
---@overload fun(params: chronon.DataTypeMAPParams): chronon.TDataType
---@param key_type chronon.TDataType c.DataType.STRING
---@param value_type chronon.TDataType any type
---@return chronon.TDataType
function c.DataType.MAP(key_type, value_type) end

---@class chronon.DataTypeLISTParams
---@field elem_type chronon.TDataType the type of the items

--- A list.
--- `c.DataType.LIST(c.DataType.DOUBLE)`
---@overload fun(params: chronon.DataTypeLISTParams): chronon.TDataType
---@param elem_type chronon.TDataType the type of the items
---@return chronon.TDataType
function c.DataType.LIST(elem_type) end

---@class chronon.DataTypeSTRUCTParams
---@field name string the struct's name
---@field fields ({ [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType>)[] its fields, in order

--- A struct of named fields.
--- `c.DataType.STRUCT("Place", { "lat", c.DataType.DOUBLE }, { "lon", c.DataType.DOUBLE })`
---@overload fun(params: chronon.DataTypeSTRUCTParams): chronon.TDataType
---@param name string the struct's name
---@param ... { [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType> its fields, in order
---@return chronon.TDataType
function c.DataType.STRUCT(name, ...) end

---@class chronon.ExternalSourceParams
---@field name string the registered name of the source
---@field team string the owner
---@field key_fields ({ [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType>)[] what it is asked with
---@field value_fields ({ [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType>)[] what it answers
---@field custom_json? string JSON text for tools
---@field factory_name? string the registered factory that makes its handler
---@field factory_params? chronon.Map|table<string, string>|(table<string, string>)[] parameters of the factory
---@field offline_group_by? chronon.GroupBy a GroupBy with the same values for backfills

--- A service that is asked for values while fetching.
--- `c.ExternalSource { name = "risk", team = "payments", key_fields = { { "user", c.DataType.STRING } }, value_fields = { { "score", c.DataType.DOUBLE } } }`
---@param params chronon.ExternalSourceParams
---@return chronon.ExternalSource
function c.ExternalSource(params) end

---@class chronon.ContextualSourceParams
---@field fields ({ [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType>)[] the values
---@field team? string the owner

--- Values that come with the request and are passed through to derivations and logs.
--- `c.ContextualSource { fields = { { "amount", c.DataType.DOUBLE } } }`
---@param params chronon.ContextualSourceParams
---@return chronon.ExternalSource
function c.ContextualSource(params) end

---@class chronon.ExternalPartParams
---@field source chronon.ExternalSource the source
---@field key_mapping? chronon.Map|table<string, string>|(table<string, string>)[] left column to key of the source
---@field prefix? string of its output columns

--- An external source inside a join.
--- `c.ExternalPart { source = risk, key_mapping = { buyer = "user" }, prefix = "buyer" }`
---@param params chronon.ExternalPartParams
---@return chronon.ExternalPart
function c.ExternalPart(params) end

---@class chronon.JoinPartParams
---@field group_by chronon.GroupBy the GroupBy
---@field key_mapping? chronon.Map|table<string, string>|(table<string, string>)[] left column to key of the GroupBy
---@field prefix? string of its output columns
---@field tags? chronon.Map|table<string, any>|(table<string, any>)[] kept in customJson

--- A GroupBy inside a join, and how the left side meets its keys.
--- `c.JoinPart { group_by = require("group_bys.team.purchases").v1, key_mapping = { buyer = "user" }, prefix = "buyer" }`
---@param params chronon.JoinPartParams
---@return chronon.JoinPart
function c.JoinPart(params) end

---@class chronon.LabelPartParams
---@field labels (chronon.JoinPart)[] the label GroupBys
---@field left_start_offset integer days before the label's day of the oldest row
---@field left_end_offset integer days before the label's day of the newest row
---@field label_offline_schedule? string of the label join

--- Labels that are known only days after the row they belong to.
--- `c.LabelPart { labels = { c.JoinPart { group_by = labels } }, left_start_offset = 30, left_end_offset = 10 }`
---@param params chronon.LabelPartParams
---@return chronon.LabelPart
function c.LabelPart(params) end

---@class chronon.BootstrapPartParams
---@field table string the table
---@field key_columns? (string)[] columns that find the row (default: the join's row_ids)
---@field query? chronon.Query output column to expression over the table

--- A table of values that are taken as they are instead of computed.
--- `c.BootstrapPart { table = "data.logged", key_columns = { "request_id" }, query = c.Query { selects = c.select("request_id", { amount_sum_7d = "old_sum" }) } }`
---@param params chronon.BootstrapPartParams
---@return chronon.BootstrapPart
function c.BootstrapPart(params) end

---@class chronon.JoinParams
---@field left chronon.Source|chronon.EventSource|chronon.EntitySource|chronon.JoinSource the rows
---@field right_parts (chronon.JoinPart)[] the GroupBys
---@field check_consistency? boolean compare what was served with what a backfill gives
---@field additional_args? any customJson: further arguments of jobs
---@field additional_env? any customJson: deprecated, use env
---@field dependencies? (string)[] partition specs to wait for, instead of that of the left side
---@field online? boolean served online
---@field production? boolean alerts are wanted
---@field output_namespace? string where the output table is put (default: the team's namespace)
---@field table_properties? chronon.Map|table<string, string>|(table<string, string>)[] properties of the output table (default: the team's)
---@field env? chronon.Map|table<string, chronon.Map|table<string, string>|(table<string, string>)[]>|(table<string, chronon.Map|table<string, string>|(table<string, string>)[]>)[] mode to environment variables
---@field lag? integer days to wait longer for the left side
---@field skew_keys? chronon.Map|table<string, (string)[]>|(table<string, (string)[]>)[] key column to SQL literals of values to leave out
---@field sample_percent? number share of requests to log, 0 to 100
---@field consistency_sample_percent? number share of logged requests to compare
---@field online_external_parts? (chronon.ExternalPart)[] external sources
---@field offline_schedule? string cron expression or @daily, @weekly, ..., @never
---@field historical_backfill? boolean fill all holes, or only the latest day
---@field row_ids? (string)[] left columns that identify a row
---@field bootstrap_parts? (chronon.BootstrapPart)[] tables of values to take as they are
---@field bootstrap_from_log? boolean take the logged values (online, with sample_percent)
---@field label_part? chronon.LabelPart the labels
---@field derivations? (chronon.Derivation)[] columns computed from the output
---@field deprecation_date? string yyyy-MM-dd
---@field tags? chronon.Map|table<string, any>|(table<string, any>)[] kept in customJson
---@field description? string for people
---@field model_transforms? chronon.ModelTransforms models over the output
---@field enable_tiling? boolean customJson: the online store keeps tiles
---@field enable_write_notifications? boolean customJson: tell a topic about writes
---@field notification_topic_override? string customJson: that topic
---@field team_override? string customJson: the team in metrics
---@field kwargs? chronon.Map|table<string, any>|(table<string, any>)[] further keys of customJson, in order

--- A training table or a feature vector: rows of the left side, each with the GroupBys' values at its time.
--- `c.Join { left = source, right_parts = { c.JoinPart { group_by = require("group_bys.team.purchases").v1 } }, row_ids = { "request_id" } }`
---@param params chronon.JoinParams
---@return chronon.Join
function c.Join(params) end

---@class chronon.InferenceSpecParams
---@field model_backend string the registered name of the backend
---@field model_backend_params chronon.Map|table<string, string>|(table<string, string>)[] its parameters

--- Where a model runs.
--- `c.InferenceSpec { model_backend = "http", model_backend_params = { url = "http://models/score" } }`
---@param params chronon.InferenceSpecParams
---@return chronon.InferenceSpec
function c.InferenceSpec(params) end

---@class chronon.ModelParams
---@field name string the model's name
---@field inference_spec chronon.InferenceSpec where it runs
---@field input_schema ({ [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType>)[] the inputs, in order
---@field output_schema ({ [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType>)[] the outputs, in order

--- A model and the shape of its inputs and outputs.
--- `c.Model { name = "score", inference_spec = spec, input_schema = { { "x", c.DataType.DOUBLE } }, output_schema = { { "y", c.DataType.DOUBLE } } }`
---@param params chronon.ModelParams
---@return chronon.Model
function c.Model(params) end

---@class chronon.ModelTransformParams
---@field model chronon.Model the model
---@field input_mappings? chronon.Map|table<string, string>|(table<string, string>)[] input of the model to expression over the join's output
---@field output_mappings? chronon.Map|table<string, string>|(table<string, string>)[] output of the model to column
---@field prefix? string of its output columns

--- A model applied to the output of a join.
--- `c.ModelTransform { model = model, input_mappings = { x = "amount_sum_7d" }, prefix = "m" }`
---@param params chronon.ModelTransformParams
---@return chronon.ModelTransform
function c.ModelTransform(params) end

---@class chronon.ModelTransformsParams
---@field transforms (chronon.ModelTransform)[] the models
---@field passthrough_fields? (string)[] columns of the join that are kept

--- All models of a join.
--- `c.ModelTransforms { transforms = { transform }, passthrough_fields = { "request_id" } }`
---@param params chronon.ModelTransformsParams
---@return chronon.ModelTransforms
function c.ModelTransforms(params) end

---@class chronon.StagingQueryParams
---@field meta_data? chronon.MetaData namespace, dependencies, properties
---@field metaData? chronon.MetaData namespace, dependencies, properties
---@field query string Spark SQL with {{ start_date }}, {{ end_date }}, {{ latest_date }}, {{ max_date(table=ns.name) }}; its output has a column ds
---@field start_partition? string the first day
---@field startPartition? string the first day
---@field setups? (string)[] statements to run first
---@field create_view? boolean make a view instead of a table
---@field createView? boolean make a view instead of a table

--- A table made by SQL, day by day.
--- `c.StagingQuery { query = "SELECT * FROM raw.clicks WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'", startPartition = "2024-01-01" }`
---@param params chronon.StagingQueryParams
---@return chronon.StagingQuery
function c.StagingQuery(params) end

---@class chronon.StagingQueryEventSourceParams
---@field sq? chronon.StagingQuery the staging query
---@field staging_query? chronon.StagingQuery the staging query
---@field query chronon.Query what is read from its table
---@field is_cumulative? boolean every partition holds all the events so far

--- The output of a staging query as events.
--- `c.StagingQueryEventSource { staging_query = departures, query = c.Query { time_column = "ts" } }`
---@param params chronon.StagingQueryEventSourceParams
---@return chronon.Source
function c.StagingQueryEventSource(params) end

---@class chronon.StagingQueryEntitySourceParams
---@field sq? chronon.StagingQuery the staging query
---@field staging_query? chronon.StagingQuery the staging query
---@field query chronon.Query what is read from its table

--- The output of a staging query as daily snapshots.
--- `c.StagingQueryEntitySource { staging_query = planes, query = c.Query { selects = c.select("tailnum") } }`
---@param params chronon.StagingQueryEntitySourceParams
---@return chronon.Source
function c.StagingQueryEntitySource(params) end

---@class chronon.get_staging_query_dependenciesParams
---@field sq? chronon.StagingQuery the staging query
---@field staging_query? chronon.StagingQuery the staging query
---@field lag? integer taken and not used, as upstream

--- The signal that a staging query has run, for `dependencies`.
--- `c.get_staging_query_dependencies { staging_query = departures }`
---@overload fun(params: chronon.get_staging_query_dependenciesParams): string[]
---@param staging_query chronon.StagingQuery the staging query
---@param lag? integer taken and not used, as upstream
---@return string[]
function c.get_staging_query_dependencies(staging_query, lag) end

return c
