--- The register of planes, once a day: an entity table has every row in every partition.
--
-- The source is one list without dates. A feature of a day is read from the evening before, so
-- the first copy is that of the last evening of 2012.
local c = require "chronon"

return {
  v1 = c.StagingQuery {
    start_partition = "2012-12-31",
    query = [[
      SELECT
        tailnum,
        year AS built,
        type,
        manufacturer,
        model,
        engines,
        seats,
        engine,
        CAST(day AS STRING) AS ds
      FROM raw.planes
      CROSS JOIN (
        SELECT explode(sequence(to_date('{{ start_date }}'), to_date('{{ end_date }}'))) AS day
      ) days
    ]],
  },
}
