--- chronon: what a definition file requires. Chronon's constructors under Chronon's names, each
--- taking one table of Python's parameter names; docs/reference/dsl.md lists them.
local aggregation = require 'chronon.aggregation'
local external = require 'chronon.external'
local group_by = require 'chronon.group_by'
local join = require 'chronon.join'
local map = require 'chronon.map'
local metadata = require 'chronon.metadata'
local model = require 'chronon.model'
local params = require 'chronon.params'
local query = require 'chronon.query'
local staging_query = require 'chronon.staging_query'

return params.strict('chronon', {
  null = map.null,
  map = query.map,
  select = query.select,
  Query = query.Query,
  EventSource = query.EventSource,
  EntitySource = query.EntitySource,
  JoinSource = query.JoinSource,
  Source = query.Source,
  Operation = aggregation.Operation,
  TimeUnit = aggregation.TimeUnit,
  Accuracy = aggregation.Accuracy,
  Window = aggregation.Window,
  Aggregation = aggregation.Aggregation,
  Aggregations = aggregation.Aggregations,
  DefaultAggregation = aggregation.DefaultAggregation,
  MetaData = metadata.MetaData,
  Derivation = metadata.Derivation,
  GroupBy = group_by.GroupBy,
  DataType = external.DataType,
  ExternalSource = external.ExternalSource,
  ContextualSource = external.ContextualSource,
  ExternalPart = external.ExternalPart,
  JoinPart = join.JoinPart,
  LabelPart = join.LabelPart,
  BootstrapPart = join.BootstrapPart,
  Join = join.Join,
  InferenceSpec = model.InferenceSpec,
  Model = model.Model,
  ModelTransform = model.ModelTransform,
  ModelTransforms = model.ModelTransforms,
  StagingQuery = staging_query.StagingQuery,
  StagingQueryEventSource = staging_query.StagingQueryEventSource,
  StagingQueryEntitySource = staging_query.StagingQueryEntitySource,
  get_staging_query_dependencies = staging_query.get_staging_query_dependencies,
})
