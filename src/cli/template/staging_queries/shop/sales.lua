--- Sales by day and item, as a table.
local c = require "chronon"

return {
  v1 = c.StagingQuery {
    start_partition = "2024-01-01",
    query = [[
      SELECT item, count(*) AS purchases, sum(amount) AS revenue, ds
      FROM raw.purchases
      WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'
      GROUP BY item, ds
    ]],
  },
}
