local c = require "chronon"

local Op = c.Operation

local source = c.EventSource {
  table = "data.events",
  topic = "data.events",
  query = c.Query { selects = c.select("user_id", "amount", "merchant"), time_column = "ts" },
}

local function over(windows, operation, column)
  return c.Aggregation { input_column = column or "amount", operation = operation, windows = windows }
end

local function sums()
  local all = { "1h", "1d", "7d", "30d" }
  return { over(all, Op.SUM), over(all, Op.COUNT), over(all, Op.AVERAGE) }
end

local function with_sketches()
  local list = sums()
  table.insert(list, over({ "7d" }, Op.LAST_K(10)))
  table.insert(list, over({ "7d" }, Op.TOP_K(5)))
  table.insert(list, over({ "30d" }, Op.APPROX_UNIQUE_COUNT, "merchant"))
  return list
end

return {
  w1 = c.GroupBy { sources = source, keys = { "user_id" }, aggregations = with_sketches(), online = true },
  w2 = c.GroupBy { sources = source, keys = { "user_id" }, aggregations = sums(), online = true },
}
