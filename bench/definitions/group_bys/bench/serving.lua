-- What a model asks for at once: 40 features of a user in three GroupBys, over 7 and 30 days.
local c = require "chronon"

local Op = c.Operation

local function over(operation, column)
  return c.Aggregation { input_column = column, operation = operation, windows = { "7d", "30d" } }
end

local spend = {
  over(Op.SUM, "amount"), over(Op.COUNT, "amount"), over(Op.AVERAGE, "amount"), over(Op.MIN, "amount"),
  over(Op.MAX, "amount"), over(Op.LAST, "amount"), over(Op.LAST, "merchant"),
}

--- One operation of the pages tells the variants apart: how dear is one that keeps rows, or a sketch?
local function visits(pages)
  return {
    over(Op.SUM, "seconds"), over(Op.COUNT, "seconds"), over(Op.AVERAGE, "seconds"), over(Op.MAX, "seconds"),
    over(Op.SUM, "clicks"), over(Op.LAST, "page"), over(pages, "page"),
  }
end

local ratings = {
  over(Op.SUM, "stars"), over(Op.COUNT, "stars"), over(Op.AVERAGE, "stars"), over(Op.MIN, "stars"),
  over(Op.MAX, "stars"), over(Op.LAST, "stars"),
}

local function group_by(columns, aggregations, tiled)
  local query = c.Query { selects = c.select("user_id", unpack(columns)), time_column = "ts" }
  return c.GroupBy {
    sources = c.EventSource { table = "data.actions", topic = "data.actions", query = query },
    keys = { "user_id" },
    aggregations = aggregations,
    online = true,
    accuracy = c.Accuracy.TEMPORAL,
    enable_tiling = tiled,
  }
end

local SPEND, VISITS, RATINGS = { "amount", "merchant" }, { "seconds", "clicks", "page" }, { "stars" }

return {
  spend = group_by(SPEND, spend),
  visits = group_by(VISITS, visits(Op.FIRST)),
  visits_lists = group_by(VISITS, visits(Op.LAST_K(5))),
  visits_sketch = group_by(VISITS, visits(Op.APPROX_UNIQUE_COUNT)),
  ratings = group_by(RATINGS, ratings),
  spend_tiled = group_by(SPEND, spend, true),
  visits_tiled = group_by(VISITS, visits(Op.FIRST), true),
  ratings_tiled = group_by(RATINGS, ratings, true),
}
